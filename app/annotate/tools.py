"""What the mouse does to a mask: brush, outline, fill. Pure logic over arrays; no widget."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from app.annotate.ink import Ink
from app.viewer.plane_geometry import PlaneGeometry
from segcore.annotation.adaptive import followed
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
    ADAPTIVE = "adaptive"
    FILL = "fill"
    TRACE = "trace"
    POLYGON = "polygon"
    LASSO = "lasso"
    BOX = "box"
    LIVEWIRE = "livewire"
    CUT = "cut"
    SEEDS = "seeds"
    FINDING = "finding"


#: What is painted, by the name that the panel stores.
PAINT_VALUES = {"lesion": FOREGROUND, "background": BACKGROUND, "unlabelled": UNLABELLED, "proposal": FOREGROUND}
PAINT_NAMES = {
    "lesion": "Lesion",
    "background": "Background",
    "unlabelled": "Unlabelled",
    "proposal": "What is shown in blue",
}


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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FollowEdges:
    """The brush paints only what hangs together with its centre through similar values.

    Parameters
    ----------
    voxels
        (planes, rows, columns) of the shown channel.
    tolerance
        How much values may differ from the centre's.
    """

    voxels: NDArray[np.generic]
    tolerance: float


class BrushStroke:
    """One stroke of the brush: stamps along the way of the mouse, without gaps.

    Parameters
    ----------
    value
        A label, or what else is painted.
    """

    def __init__(
        self,
        labels: NDArray[np.uint8],
        brush: BrushShape,
        grid: Grid,
        axis: int,
        value: int | Ink,
        limits: ValueLimits | None = None,
        follow: FollowEdges | None = None,
    ) -> None:
        self._ink = value if isinstance(value, Ink) else Ink(value=value)
        self._limits, self._follow = limits, follow
        self._stroke = Stroke(labels, self._ink.name if follow is None else "Adaptive brush")
        self._radii = brush.radii(grid, axis)
        self._last: Place | None = None

    def to(self, place: Place, pressure: float = 1.0) -> Box | None:
        """Paint from the last place to this one; returns the box that was touched.

        Parameters
        ----------
        pressure
            Of a pen, 0..1: the share of the radius that is painted; a mouse presses fully.
        """
        touched: Box | None = None
        stamp = self._stamp(pressure)
        for step in self._between(place):
            p, r, c = (round(v) for v in step)
            half, shape = [n // 2 for n in stamp.shape], stamp.shape
            start = (p - half[0], r - half[1], c - half[2])
            target = Box(start, (start[0] + shape[0], start[1] + shape[1], start[2] + shape[2]))
            box = self._ink.paint(self._stroke, target, self._allowed(target, stamp, (p, r, c)))
            if not box.is_empty:
                touched = box if touched is None else touched.union(box)
        self._last = place
        return touched

    def _stamp(self, pressure: float) -> NDArray[np.bool_]:
        # In eighths, so that the stamps of a stroke are made once each.
        share = min(max(round(8 * pressure), 1), 8) / 8
        a, b, c = self._radii
        return ball((a * share, b * share, c * share))

    def _allowed(self, target: Box, stamp: NDArray[np.bool_], centre: tuple[int, int, int]) -> NDArray[np.bool_]:
        where = stamp
        if self._limits is not None:
            where = where & self._limits.allow(target)
        if self._follow is not None:
            where = followed(self._follow.voxels, target, where, centre, self._follow.tolerance)
        return where

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
    labels: NDArray[np.uint8],
    plane: PlaneGeometry,
    index: int,
    points: list[tuple[float, float]],
    value: int | Ink,
    *,
    name: str = "Lasso",
    through_planes: bool = False,
) -> MaskEdit | None:
    """Fill an outline drawn on a slice and return the edit, applied.

    Parameters
    ----------
    points
        (row, column) in screen voxels.
    through_planes
        Fill it on every slice along the axis, not only on this one.
    """
    if len(points) < 3:
        return None
    flags = polygon(np.array(points), (plane.rows, plane.columns))
    if plane.is_turned:
        flags = flags[::-1]
    flat = np.expand_dims(flags, plane.axis)
    inner = Box.around(flat)
    if inner is None:
        return None
    start, stop = list(inner.start), list(inner.stop)
    start[plane.axis], stop[plane.axis] = (0, plane.slices) if through_planes else (index, index + 1)
    box = Box((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]))
    where = np.broadcast_to(flat[inner.slices], box.shape)
    return region_edit(labels, box, where, value if isinstance(value, Ink) else Ink(value=value), name)


def region_edit(labels: NDArray[np.uint8], box: Box, where: NDArray[np.bool_], ink: Ink, name: str) -> MaskEdit | None:
    """Paint flags of a box and return the edit, applied."""
    stroke = Stroke(labels, name)
    ink.paint(stroke, box, where)
    return stroke.finish()


def filled(
    voxels: NDArray[np.generic], place: Place, tolerance: float, axis: int | None
) -> tuple[Box, NDArray[np.bool_]] | None:
    """Return what is alike around a place and hangs together with it; None outside the scan."""
    seed = (round(place[0]), round(place[1]), round(place[2]))
    if not all(0 <= v < n for v, n in zip(seed, voxels.shape, strict=True)):
        return None
    return flood_fill(voxels, seed, tolerance, axis=axis, three_d=axis is None)
