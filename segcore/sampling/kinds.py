"""Why a patch was drawn where it was. Needs no torch."""

from __future__ import annotations

from enum import StrEnum


class PatchKind(StrEnum):
    """Origin of a patch."""

    UNIFORM = "anywhere"
    LESION = "on a lesion"
    HARD_NEGATIVE = "hard negative"
