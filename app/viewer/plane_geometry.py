"""The three planes of a scan: which voxel lies under which pixel, and which side of the patient is where.

A *pixel* is (row, column) of the picture of one plane, row 0 on top. Canonical scans run to Superior, Posterior and Left,
so the axial picture is drawn as it lies (the patient's left on the right of the screen, the radiological convention), and
the coronal and sagittal pictures are turned upside down to put the head on top. Positions are continuous: voxel 3 covers
3.0 to 4.0.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from numpy.typing import NDArray

from segcore.geometry import Box, Grid

Voxel = tuple[int, int, int]
#: Rows and columns of a part of a picture.
Rect = tuple[slice, slice]


class Plane(IntEnum):
    """A family of parallel slices, named by the voxel axis that they are stacked along."""

    AXIAL = 0
    CORONAL = 1
    SAGITTAL = 2

    @property
    def text(self) -> str:
        """What the screen says."""
        return self.name.capitalize()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """Letters of the patient's sides at the edges of a picture; empty where nothing is known."""

    left: str
    right: str
    top: str
    bottom: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PlaneGeometry:
    """How the slices of one plane lie in the scan.

    Parameters
    ----------
    plane
        Which plane.
    grid
        Canonical grid of the scan.
    """

    plane: Plane
    grid: Grid

    @property
    def row_axis(self) -> int:
        """Voxel axis that runs along the rows' numbers (down the screen, or up if `is_flipped`)."""
        return 1 if self.plane is Plane.AXIAL else 0

    @property
    def column_axis(self) -> int:
        """Voxel axis that runs to the right."""
        return 1 if self.plane is Plane.SAGITTAL else 2

    @property
    def is_flipped(self) -> bool:
        """Whether row 0 of the picture is the last voxel of its axis."""
        return self.plane is not Plane.AXIAL

    @property
    def slices(self) -> int:
        """Number of slices."""
        return self.grid.shape[self.plane]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the picture."""
        return self.grid.shape[self.row_axis], self.grid.shape[self.column_axis]

    @property
    def pixel_mm(self) -> tuple[float, float]:
        """Height and width of a pixel, mm (or voxels where the scan is not calibrated)."""
        spacing = self.grid.spacing
        return spacing[self.row_axis], spacing[self.column_axis]

    @property
    def sides(self) -> Sides:
        """Letters at the edges of the picture."""
        letters = self.grid.axis_letters
        top, bottom = letters[self.row_axis]
        if self.is_flipped:
            top, bottom = bottom, top
        left, right = letters[self.column_axis]
        return Sides(left=left, right=right, top=top, bottom=bottom)

    def picture(self, array: NDArray[Any], index: int) -> NDArray[Any]:
        """Return slice `index` of a (planes, rows, columns) array as the picture lies: a view, not a copy."""
        along = (index, slice(None)) if self.plane is Plane.CORONAL else (slice(None), index)
        view: NDArray[Any] = array[index] if self.plane is Plane.AXIAL else array[(slice(None, None, -1), *along)]
        return view

    def voxel_at(self, row: float, column: float, index: int) -> Voxel:
        """Return the voxel that covers a position of the picture; may lie outside the scan."""
        place = self.position_at(row, column, index)
        return (int(place[0] // 1), int(place[1] // 1), int(place[2] // 1))

    def position_at(self, row: float, column: float, index: int) -> tuple[float, float, float]:
        """Return the continuous voxel position (plane, row, column) of a position of the picture."""
        place = [0.0, 0.0, 0.0]
        place[self.plane] = float(index)
        place[self.row_axis] = self.shape[0] - row if self.is_flipped else row
        place[self.column_axis] = column
        return (place[0], place[1], place[2])

    def pixel_of(self, voxel: tuple[float, float, float]) -> tuple[float, float]:
        """Return the position (row, column) of the picture where a continuous voxel position lies."""
        row = voxel[self.row_axis]
        return (self.shape[0] - row if self.is_flipped else row, voxel[self.column_axis])

    def rect_of(self, box: Box, index: int) -> Rect | None:
        """Return the part of the picture of slice `index` that a box covers, or None where it does not meet it."""
        box = box.clipped(self.grid.shape)
        if box.is_empty or not box.start[self.plane] <= index < box.stop[self.plane]:
            return None
        low, high = box.start[self.row_axis], box.stop[self.row_axis]
        if self.is_flipped:
            low, high = self.shape[0] - high, self.shape[0] - low
        return slice(low, high), slice(box.start[self.column_axis], box.stop[self.column_axis])

    def box_of(self, start: tuple[int, int], flags: NDArray[Any], index: int) -> tuple[Box, NDArray[Any]]:
        """Return box and 3-D flags of 2-D flags whose first pixel is `start` (may stick out of the picture)."""
        rows, columns = flags.shape
        first = self.shape[0] - start[0] - rows if self.is_flipped else start[0]
        corner = [0, 0, 0]
        extent = [1, 1, 1]
        corner[self.plane] = index
        corner[self.row_axis], extent[self.row_axis] = first, rows
        corner[self.column_axis], extent[self.column_axis] = start[1], columns
        upright = flags[::-1] if self.is_flipped else flags
        stop = tuple(a + n for a, n in zip(corner, extent, strict=True))
        return Box((corner[0], corner[1], corner[2]), (stop[0], stop[1], stop[2])), upright.reshape(extent)


_WORLD_LETTERS = (("R", "L"), ("A", "P"), ("I", "S"))


def place_in_words(grid: Grid, voxel: tuple[float, float, float]) -> str:
    """Return a voxel's place in the patient, ``"L 12.0  P 3.5  S 40.0 mm"``; empty where nothing is known."""
    if not grid.calibrated:
        return ""
    words = [
        f"{letters[bool(x > 0)]} {abs(x):.1f}" for x, letters in zip(grid.to_world(voxel), _WORLD_LETTERS, strict=True)
    ]
    return "  ".join(words) + " mm"


def slice_in_words(grid: Grid, plane: Plane, voxel: tuple[float, float, float]) -> str:
    """Return where a slice lies along its axis, ``"S 40.0 mm"``; empty where nothing is known."""
    if not grid.calibrated:
        return ""
    axis = (2, 1, 0)[plane]
    x = float(grid.to_world(voxel)[axis])
    return f"{_WORLD_LETTERS[axis][x > 0]} {abs(x):.1f} mm"
