"""What a preparation is, and where its result lies in a scan: two records that need no torch."""

from __future__ import annotations

from dataclasses import dataclass

from segcore.geometry import Box


@dataclass(frozen=True, slots=True, kw_only=True)
class Preparation:
    """How scans are prepared.

    Parameters
    ----------
    channels
        Names, in order.
    spacing
        Target (plane, row, column), mm; None leaves scans as they are.
        Scans without a spacing of their own (photographs) are left as they are in any case.
    shrink
        Rows and columns are averaged over blocks of this many voxels (for photographs larger than their lesions need).
    """

    channels: tuple[str, ...]
    spacing: tuple[float, float, float] | None
    shrink: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where a prepared image lies in its scan.

    Parameters
    ----------
    scan_shape
        (planes, rows, columns) of the scan.
    box
        What was cut out of it.
    shape
        What that was resampled to.
    shrink
        Edge of the blocks that rows and columns were averaged over.
    """

    scan_shape: tuple[int, int, int]
    box: Box
    shape: tuple[int, int, int]
    shrink: int = 1
