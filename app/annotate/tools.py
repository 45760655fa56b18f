"""What the mouse does to a mask: brush, polygon, fill. Pure logic over arrays; no widget."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from app.viewer.plane_geometry import PlaneGeometry
from segcore.annotation.edits import MaskEdit, Stroke
from segcore.annotation.fill import flood_fill
from segcore.annotation.shapes import ball, polygon
from segcore.geometry import Box, Grid
from segcore.scans.volume import BACKGROUND, FOREGROUND, UNLABELLED

Place = tuple[float, float, float]


class Tool(StrEnum):
    """The tools, by name."""

    NAVIGATE = "navigate"
    BRUSH = "brush"
    LASSO = "lasso"
    FILL = "fill"


#: What is painted, by the name that the panel stores.
PAINT_VALUES = {"lesion": FOREGROUND, "background": BACKGROUND, "unlabelled": UNLABELLED}
PAINT_NAMES = {"lesion": "Lesion", "background": "Background (eraser)", "unlabelled": "Unlabelled"}


@dataclass(frozen=True, slots=True, kw_only=True)
class BrushShape:
    """A brush.

    Parameters
    ----------
    radius
        In `unit`.
    in_millimetres
        Whether the radius is millimetres (a true disc on anisotropic scans) or voxels.
    three_d
        A ball through planes instead of a disc in one.
    """

    radius: float
    in_millimetres: bool
    three_d: bool

    def radii(self, grid: Grid, axis: int) -> tuple[float, float, float]:
        """Return the radius in voxels along each axis; 0 along the fixed axis of a disc."""
        radii = [self.radius / s if self.in_millimetres else self.radius for s in grid.spacing]
        if not self.three_d:
            radii[axis] = 0.0
        return (radii[0], radii[1], radii[2])

    def radius_mm(self, grid: Grid, axis: int) -> float:
        """Return the radius in millimetres as a circle on the screen shows it."""
        in_plane = [grid.spacing[a] for a in range(3) if a != axis]
        return self.radius if self.in_millimetres else self.radius * min(in_plane)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ValueLimits:
    """The brush paints only where the scan lies between two values.

    Parameters
    ----------
    voxels
        (planes, rows, columns) of the shown channel.
    low, high
        Both are still painted.
    """

    voxels: NDArray[np.generic]
    low: float
    high: float

    def allow(self, box: Box) -> NDArray[np.bool_]:
        """Return flags of ``box.shape``; the box may stick out of the scan."""
        p, r, c = self.voxels.shape
        inside = box.clipped((p, r, c))
        flags = np.zeros(box.shape, dtype=bool)
        if not inside.is_empty:
            where = tuple(slice(a - s, b - s) for a, b, s in zip(inside.start, inside.stop, box.start, strict=True))
            values = self.voxels[inside.slices].astype(np.float64)
            flags[where] = (values >= self.low) & (values <= self.high)
        return flags


class BrushStroke:
    """One stroke of the brush: stamps along the way of the mouse, without gaps."""

    def __init__(
        self,
        labels: NDArray[np.uint8],
        brush: BrushShape,
        grid: Grid,
        axis: int,
        value: int,
        limits: ValueLimits | None = None,
    ) -> None:
        self._limits = limits
        self._stroke = Stroke(labels, "Eraser" if value == BACKGROUND else "Brush")
        self._radii = brush.radii(grid, axis)
        self._stamp = ball(self._radii)
        self._value = value
        self._last: Place | None = None

    def to(self, place: Place) -> Box | None:
        """Paint from the last place to this one; returns the box that was touched."""
        touched: Box | None = None
        for step in self._between(place):
            centre = [round(v) for v in step]
            half = [n // 2 for n in self._stamp.shape]
            start = (centre[0] - half[0], centre[1] - half[1], centre[2] - half[2])
            shape = self._stamp.shape
            stop = (start[0] + shape[0], start[1] + shape[1], start[2] + shape[2])
            target = Box(start, stop)
            where = self._stamp & self._limits.allow(target) if self._limits is not None else self._stamp
            box = self._stroke.paint(target, where, self._value)
            if not box.is_empty:
                touched = box if touched is None else touched.union(box)
        self._last = place
        return touched

    def _between(self, place: Place) -> list[Place]:
        if self._last is None:
            return [place]
        spacing = max(1.0, 0.4 * min((r for r in self._radii if r > 0), default=1.0))
        distance = max(abs(a - b) for a, b in zip(place, self._last, strict=True))
        count = max(1, int(np.ceil(distance / spacing)))
        last = self._last
        return [
            tuple(a + (b - a) * (i + 1) / count for a, b in zip(last, place, strict=True))  # type: ignore[misc]
            for i in range(count)
        ]

    def finish(self) -> MaskEdit | None:
        """Return the whole stroke as one edit."""
        return self._stroke.finish()


def lasso_edit(
    labels: NDArray[np.uint8], plane: PlaneGeometry, index: int, points: list[tuple[float, float]], value: int
) -> MaskEdit | None:
    """Fill an outline drawn on a slice (points as (row, column) in screen voxels) and return the edit, applied."""
    if len(points) < 3:
        return None
    flags = polygon(np.array(points), (plane.rows, plane.columns))
    if plane.is_turned:
        flags = flags[::-1]
    box, where = _slab(plane, index, flags)
    stroke = Stroke(labels, "Lasso")
    stroke.paint(box, where, value)
    return stroke.finish()


def _slab(plane: PlaneGeometry, index: int, flags: NDArray[np.bool_]) -> tuple[Box, NDArray[np.bool_]]:
    """Return a box one voxel thick that holds flags of a whole slice (voxel order)."""
    start, stop = [0, 0, 0], list(plane.shape)
    start[plane.axis], stop[plane.axis] = index, index + 1
    shape = [b - a for a, b in zip(start, stop, strict=True)]
    return Box((start[0], start[1], start[2]), (stop[0], stop[1], stop[2])), flags.reshape(shape)


def fill_edit(
    labels: NDArray[np.uint8],
    voxels: NDArray[np.generic],
    place: Place,
    tolerance: float,
    value: int,
    axis: int | None,
) -> MaskEdit | None:
    """Flood what is alike around a place and return the edit, applied; None outside the scan or where nothing changes."""
    seed = (round(place[0]), round(place[1]), round(place[2]))
    if not all(0 <= v < n for v, n in zip(seed, labels.shape, strict=True)):
        return None
    box, where = flood_fill(voxels, seed, tolerance, axis=axis, three_d=axis is None)
    stroke = Stroke(labels, "Fill")
    stroke.paint(box, where, value)
    return stroke.finish()
