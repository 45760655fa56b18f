"""The two arrays everything is about: the scan and its mask."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segcore.errors import SettingProblem
from segcore.geometry import Grid, reorder

#: Mask values. Unlabelled voxels carry no loss and no metric.
BACKGROUND, FOREGROUND, UNLABELLED = 0, 1, 255

Labels = NDArray[np.uint8]


#: What is told while a file is read: the scan so far, in the values and the axis order of the file, with 0 where nothing
#: has been read yet (in the order of memory); and how much of it is there, 0..1. May raise to stop.
Watch = Callable[["Volume", float], None]


def fullest_plane(labels: Labels) -> int | None:
    """Return the plane with most foreground, or None where there is none; plane by plane, so that nothing is copied."""
    counts = [int(np.count_nonzero(plane == FOREGROUND)) for plane in labels]
    most = max(counts, default=0)
    return counts.index(most) if most else None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Volume:
    """One or more registered channels on one voxel grid.

    Parameters
    ----------
    voxels
        (channels, planes, rows, columns) in the type of the file: int16 stays int16, uint8 stays uint8. May be
        memory-mapped and read-only.
    grid
        Where the voxels lie.
    channels
        One name per channel, e.g. ``("FLAIR", "T1")`` or ``("red", "green", "blue")``.
    notes
        What its reader had to decide that a person should know; each a clause for the integrity report.
    comment
        The free text of its file, where the format has one; tells our own masks from others' (see
        `segcore.scans.formats.table.read_mask`).
    """

    voxels: NDArray[Any]
    grid: Grid
    channels: tuple[str, ...]
    notes: tuple[str, ...] = ()
    comment: str = ""

    def __post_init__(self) -> None:
        if self.voxels.ndim != 4 or self.voxels.shape[1:] != self.grid.shape:
            raise SettingProblem(f"voxels of shape {self.voxels.shape} do not fit the grid {self.grid.shape}")
        if len(self.channels) != self.voxels.shape[0]:
            raise SettingProblem(f"{len(self.channels)} channel names for {self.voxels.shape[0]} channels")

    @property
    def is_photograph(self) -> bool:
        """Whether the channels are the red, green and blue of a colour photograph."""
        return self.channels == ("red", "green", "blue")

    def canonical(self) -> Volume:
        """Return the same voxels in canonical axis order (a view; see `Grid.canonical`)."""
        grid = self.grid.canonical()
        if grid is self.grid:
            return self
        return replace(self, voxels=reorder(self.voxels, self.grid, grid), grid=grid)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Mask:
    """What is foreground in a scan.

    Parameters
    ----------
    labels
        (planes, rows, columns) uint8: 0 background, 1 foreground, 255 unlabelled.
    grid
        Where the voxels lie.
    """

    labels: Labels
    grid: Grid

    def __post_init__(self) -> None:
        if self.labels.dtype != np.uint8 or self.labels.shape != self.grid.shape:
            raise SettingProblem(
                f"a mask of {self.labels.dtype} {self.labels.shape} does not fit the grid {self.grid.shape}"
            )

    @classmethod
    def empty(cls, grid: Grid, value: int = BACKGROUND) -> Mask:
        """Return a mask on `grid` filled with `value`."""
        if value == BACKGROUND:  # takes no memory until something is written
            return cls(labels=np.zeros(grid.shape, dtype=np.uint8), grid=grid)
        return cls(labels=np.full(grid.shape, value, dtype=np.uint8), grid=grid)

    @property
    def foreground_voxels(self) -> int:
        """Number of foreground voxels."""
        return int(np.count_nonzero(self.labels == FOREGROUND))

    @property
    def labelled_voxels(self) -> int:
        """Number of voxels that are not unlabelled."""
        return int(self.labels.size - np.count_nonzero(self.labels == UNLABELLED))

    def canonical(self) -> Mask:
        """Return the same mask in canonical axis order (a view)."""
        grid = self.grid.canonical()
        if grid is self.grid:
            return self
        return Mask(labels=reorder(self.labels, self.grid, grid), grid=grid)

    def on(self, grid: Grid) -> Mask:
        """Return the same mask in the axis order of `grid`, contiguous; see `segcore.geometry.reorder` for errors."""
        return Mask(labels=np.ascontiguousarray(reorder(self.labels, self.grid, grid)), grid=grid)
