"""The brush: a round stamp in the plane or in space, and the way between two positions of the pointer."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from app.viewer.plane_geometry import Plane, Voxel
from segcore.annotation.shapes import ball
from segcore.geometry import Box, Grid

SMALLEST, LARGEST = 0.5, 200.0
#: One step of a key or a notch of the wheel.
_STEP = 1.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Brush:
    """Size and form of a brush.

    Parameters
    ----------
    radius
        In mm, or in voxels of the plane painted in.
    in_mm
        Which of the two; scans without known spacing are always painted in voxels.
    is_ball
        A ball in space instead of a disc in the plane.
    """

    radius: float = 2.0
    in_mm: bool = True
    is_ball: bool = False

    def stepped(self, steps: int) -> Brush:
        """Return the brush some steps larger (or smaller); at least a tenth of a unit per step."""
        radius = self.radius
        for _ in range(abs(steps)):
            radius = max(radius * _STEP, radius + 0.1) if steps > 0 else min(radius / _STEP, radius - 0.1)
        return replace(self, radius=min(LARGEST, max(SMALLEST, round(radius, 1))))

    def semi_axes(self, grid: Grid, plane: Plane) -> tuple[float, float, float]:
        """Return the stamp's semi-axes in voxels along (plane, row, column); 0 across the plane for a disc."""
        spacing = grid.spacing
        if self.in_mm and grid.calibrated:
            axes = [self.radius / size for size in spacing]
        else:
            # Voxels of the plane: round on the screen needs the smaller side of its pixels as the measure.
            unit = min(spacing[axis] for axis in range(3) if axis != plane)
            axes = [self.radius * unit / size for size in spacing]
        if not self.is_ball or grid.is_2d:
            axes[plane] = 0.0
        return (axes[0], axes[1], axes[2])

    def stamp(self, grid: Grid, plane: Plane) -> NDArray[np.bool_]:
        """Return the voxels of one dab, (planes, rows, columns) with odd extents; at least the voxel in the middle."""
        axes = self.semi_axes(grid, plane)
        return ball((axes[0], axes[1], axes[2]))


def box_around(voxel: Voxel, stamp: NDArray[np.bool_]) -> Box:
    """Return the box of a stamp with its middle on a voxel; may stick out of the scan."""
    start = tuple(v - n // 2 for v, n in zip(voxel, stamp.shape, strict=True))
    stop = tuple(a + n for a, n in zip(start, stamp.shape, strict=True))
    return Box((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]))


def dabs_between(a: Voxel, b: Voxel, semi_axes: tuple[float, float, float]) -> list[Voxel]:
    """Return where to dab on the straight way from `a` (left out) to `b`, close enough to leave neither gap nor notch.

    A quarter of the smallest radius, at least one voxel: the border of a straight stroke is then at most 1/128 of the
    radius off (sagitta s**2 / 8r of a step s = r / 4).
    """
    way = max(abs(q - p) for p, q in zip(a, b, strict=True))
    if way == 0:
        return []
    step = max(1.0, 0.25 * min((r for r in semi_axes if r >= 1.0), default=1.0))
    count = max(1, int(np.ceil(way / step)))
    dabs = []
    for number in range(1, count + 1):
        share = number / count
        p, r, c = (round(x + (y - x) * share) for x, y in zip(a, b, strict=True))
        dabs.append((p, r, c))
    return dabs
