"""Where a voxel lies on the screen: one plane of a scan, seen as radiologists see it. Pure; no widget.

Scans are in canonical order (planes to Superior, rows to Posterior, columns to Left). Axial slices are seen from the
feet, with the patient's right on the left; coronal and sagittal slices have the head on top.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from segcore.geometry import Grid

#: Names of the three planes by the axis that is fixed.
PLANE_NAMES = ("Axial", "Coronal", "Sagittal")
#: Voxel axes that run down and across the screen, by fixed axis.
_SCREEN_AXES = ((1, 2), (0, 2), (0, 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaneGeometry:
    """One plane orientation of a grid.

    Parameters
    ----------
    axis
        The voxel axis that is fixed: 0 axial, 1 coronal, 2 sagittal.
    shape
        Of the grid.
    spacing
        Of the grid, mm.
    letters
        Of the grid's axes: (side at index 0, side at the end).
    """

    axis: int
    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]
    letters: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, grid: Grid, axis: int) -> PlaneGeometry:
        """Return the geometry of a grid's planes along an axis."""
        return cls(axis=axis, shape=grid.shape, spacing=grid.spacing, letters=grid.axis_letters)

    @property
    def down(self) -> int:
        """Voxel axis that runs down the screen."""
        return _SCREEN_AXES[self.axis][0]

    @property
    def across(self) -> int:
        """Voxel axis that runs across the screen."""
        return _SCREEN_AXES[self.axis][1]

    @property
    def is_turned(self) -> bool:
        """Whether the voxel axis that runs down is shown from its end, so that the head is on top."""
        return self.axis != 0

    @property
    def rows(self) -> int:
        """Voxels down the screen."""
        return self.shape[self.down]

    @property
    def columns(self) -> int:
        """Voxels across the screen."""
        return self.shape[self.across]

    @property
    def slices(self) -> int:
        """Number of planes."""
        return self.shape[self.axis]

    @property
    def row_mm(self) -> float:
        """Millimetres (or voxels, uncalibrated) per voxel down."""
        return self.spacing[self.down]

    @property
    def column_mm(self) -> float:
        """Millimetres per voxel across."""
        return self.spacing[self.across]

    def cut(self, array: NDArray[Any], index: int) -> NDArray[Any]:
        """Return slice `index` of (..., planes, rows, columns) as the screen shows it: a view (..., down, across)."""
        plane: NDArray[Any] = array[self._selector(array.ndim, index)]
        turned: NDArray[Any] = plane[..., ::-1, :]
        return turned if self.is_turned else plane

    def _selector(self, dimensions: int, index: int) -> tuple[Any, ...]:
        chosen: list[Any] = [slice(None)] * dimensions
        chosen[dimensions - 3 + self.axis] = index
        return tuple(chosen)

    def to_voxel(self, index: int, row: float, column: float) -> tuple[float, float, float]:
        """Return (plane, row, column) of a place on the slice, given in screen voxels (centres at whole numbers)."""
        voxel = [0.0, 0.0, 0.0]
        voxel[self.axis] = float(index)
        voxel[self.down] = self.rows - 1 - row if self.is_turned else row
        voxel[self.across] = column
        return (voxel[0], voxel[1], voxel[2])

    def to_screen(self, voxel: tuple[float, float, float]) -> tuple[float, float]:
        """Return (row, column) in screen voxels of a voxel; the inverse of `to_voxel`."""
        row = voxel[self.down]
        return (self.rows - 1 - row if self.is_turned else row, voxel[self.across])

    @property
    def edge_letters(self) -> tuple[str, str, str, str]:
        """Letters at the left, right, top and bottom edge."""
        left, right = self.letters[self.across]
        top, bottom = self.letters[self.down]
        return (left, right, bottom, top) if self.is_turned else (left, right, top, bottom)
