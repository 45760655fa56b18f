"""Lengths, angles and intensities measured on a slice. Pure; no widget.

Millimetres come from the grid's affine, so that oblique and anisotropic scans measure true. Where a file states no
spacing, lengths are in pixels and said to be so.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from app.viewer.plane_geometry import PlaneGeometry
from segcore.geometry import Grid
from segcore.scans.volume import Volume

#: (row, column) of a slice in screen voxels; whole numbers are voxel centres.
Point = tuple[float, float]
NOT_CALIBRATED = "not calibrated"


class Kind(Enum):
    """What is measured; the value is how many points it takes."""

    RULER = "ruler"
    ANGLE = "angle"
    ELLIPSE = "ellipse"

    @property
    def points(self) -> int:
        """How many points make one."""
        return 3 if self is Kind.ANGLE else 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One measurement on one slice.

    Parameters
    ----------
    axis, index
        The slice: the axis that is fixed, and where.
    points
        Ruler: both ends. Angle: side, corner, side. Ellipse: two opposite corners of the rectangle around it.
    """

    kind: Kind
    axis: int
    index: int
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Intensities:
    """What lies in an ellipse: number of voxel centres inside, and their values; NaN where there is none.

    ``sd`` is that of these voxels themselves (divided by n).
    """

    voxels: int
    mean: float
    sd: float
    low: float
    high: float


def length_of(measured: Measurement, grid: Grid) -> float:
    """Return the length of a ruler, mm (pixels where the grid is not calibrated)."""
    return float(np.linalg.norm(_vector(measured, grid, 0, 1)))


def angle_of(measured: Measurement, grid: Grid) -> float:
    """Return the angle at the corner, degrees 0..180; NaN where a side has no length."""
    one, other = _vector(measured, grid, 1, 0), _vector(measured, grid, 1, 2)
    lengths = float(np.linalg.norm(one) * np.linalg.norm(other))
    if lengths == 0:
        return math.nan
    return math.degrees(math.acos(min(max(float(one @ other) / lengths, -1.0), 1.0)))


def area_of(measured: Measurement, grid: Grid) -> float:
    """Return the area of an ellipse, mm² (square pixels where the grid is not calibrated)."""
    plane = PlaneGeometry.of(grid, measured.axis)
    (r0, c0), (r1, c1) = measured.points
    return math.pi / 4 * abs(r1 - r0) * plane.row_mm * abs(c1 - c0) * plane.column_mm


def flags_of(measured: Measurement, grid: Grid) -> tuple[tuple[slice, slice], NDArray[np.bool_]]:
    """Return the part of the slice around an ellipse, and which of its voxel centres lie inside."""
    plane = PlaneGeometry.of(grid, measured.axis)
    (r0, r1), (c0, c1) = (sorted(side) for side in zip(*measured.points, strict=True))
    rows = slice(max(0, math.ceil(r0)), max(0, min(plane.rows, math.floor(r1) + 1)))
    columns = slice(max(0, math.ceil(c0)), max(0, min(plane.columns, math.floor(c1) + 1)))
    down = (np.arange(rows.start, rows.stop) - (r0 + r1) / 2) / max((r1 - r0) / 2, 1e-9)
    across = (np.arange(columns.start, columns.stop) - (c0 + c1) / 2) / max((c1 - c0) / 2, 1e-9)
    # A centre that lies on the edge exactly is inside, whatever rounding does.
    return (rows, columns), np.asarray(down[:, None] ** 2 + across[None] ** 2 <= 1.0 + 1e-9)


def intensities_of(measured: Measurement, volume: Volume, channel: int) -> Intensities:
    """Return the values of one channel in an ellipse."""
    plane = PlaneGeometry.of(volume.grid, measured.axis)
    part, inside = flags_of(measured, volume.grid)
    values = np.asarray(plane.cut(volume.voxels[channel], measured.index)[part])[inside].astype(np.float64)
    if not values.size:
        return Intensities(voxels=0, mean=math.nan, sd=math.nan, low=math.nan, high=math.nan)
    return Intensities(
        voxels=int(values.size),
        mean=float(values.mean()),
        sd=float(values.std()),
        low=float(values.min()),
        high=float(values.max()),
    )


def words_of(measured: Measurement, volume: Volume, channel: int) -> tuple[str, ...]:
    """Return what is written beside a measurement, line by line."""
    grid = volume.grid
    unit, doubt = ("mm", ()) if grid.calibrated else ("px", (NOT_CALIBRATED,))
    if measured.kind is Kind.RULER:
        return (f"{length_of(measured, grid):.1f} {unit}", *doubt)
    if measured.kind is Kind.ANGLE:
        return (f"{angle_of(measured, grid):.1f}°", *doubt)
    lines = []
    for number, name in enumerate(volume.channels):
        if number == channel or volume.is_photograph:
            found = intensities_of(measured, volume, number)
            label = f"{name} " if volume.is_photograph else ""
            lines.append(f"{label}mean {found.mean:.1f}, SD {found.sd:.1f}")
            if not volume.is_photograph:
                lines.append(f"{found.low:g} to {found.high:g}")
    voxels = intensities_of(measured, volume, channel).voxels
    return (*lines, f"{area_of(measured, grid):.1f} {unit}², {voxels} voxels", *doubt)


def _vector(measured: Measurement, grid: Grid, start: int, end: int) -> NDArray[np.float64]:
    """Return the way between two points in the world."""
    plane = PlaneGeometry.of(grid, measured.axis)
    one, other = (plane.to_voxel(measured.index, *measured.points[number]) for number in (start, end))
    return grid.to_world(other) - grid.to_world(one)
