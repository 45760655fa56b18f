"""The files of a patch preview, as they are read: torch-free, so that the window can show them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segcore.errors import UnreadableFile
from segcore.records import from_line
from segcore.scans.volume import Labels


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchExample:
    """One patch and where it is from.

    Parameters
    ----------
    name
        Of its files: ``<name>.images.npy`` and ``<name>.labels.npy``.
    case
        Id of the case.
    foreground
        Whether it holds a lesion.
    """

    name: str
    case: str
    foreground: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchExamples:
    """What lies in the folder of a preview, and the patch of the plan."""

    examples: tuple[PatchExample, ...]
    patch: tuple[int, int, int]
    flat: bool


def read_examples(folder: Path) -> PatchExamples:
    """Return the list of a preview; `UnreadableFile` where there is none."""
    try:
        found: PatchExamples = from_line(PatchExamples, (folder / "examples.json").read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableFile(folder, "the preview is not there any more", remedy="make it again") from error
    return found


def read_patch(folder: Path, example: PatchExample) -> tuple[NDArray[np.float32], Labels]:
    """Return images (1 + variants, channels, rows, columns) and labels (1 + variants, rows, columns); the first as it is."""
    try:
        images: NDArray[np.float32] = np.load(folder / f"{example.name}.images.npy", allow_pickle=False)
        labels: Labels = np.load(folder / f"{example.name}.labels.npy", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise UnreadableFile(folder, "the preview is damaged", remedy="make it again") from error
    return images, labels
