"""How U-Nets are described, without torch: enough to plan a training and to build the same network again."""

from __future__ import annotations

from dataclasses import dataclass

from segcore.catalog.networks import LEVELS as LEVELS
from segcore.catalog.networks import MULTIPLE as MULTIPLE

#: The design of networks that were described before designs were told apart, and of those that are trained now.
FIRST_DESIGN, PRESENT_DESIGN = 1, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkDescription:
    """What is needed to build the same network again.

    Parameters
    ----------
    dimensions
        2 or 3.
    channels
        Input channels, context planes included.
    size
        A name in `segcore.catalog.networks.NETWORKS`.
    design
        `FIRST_DESIGN` or `PRESENT_DESIGN`.
    """

    dimensions: int
    channels: int
    size: str
    design: int = FIRST_DESIGN


def level_widths(first: int) -> list[int]:
    """Return the width of each level."""
    return [first * 2**level for level in range(LEVELS)]
