"""Voxel grids in the world: shape, affine, boxes, and exact reorientation.

Axes are (plane, row, column) everywhere. World coordinates are LPS millimetres (x to the patient's Left, y to the
Posterior, z to the Superior side), as in DICOM and ITK. Only the NIfTI reader and writer know RAS.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segcore.errors import BadGeometry

FloatArray = NDArray[np.float64]

#: World axis that each axis of a canonical grid runs along: Superior, Posterior, Left.
CANONICAL_AXES = (2, 1, 0)
_LETTERS = (("R", "L"), ("A", "P"), ("I", "S"))
#: Spacings within this ratio of the target are left as they are.
_SAME_SPACING = 1.05


@dataclass(frozen=True, slots=True)
class Box:
    """A block of voxels, ``start`` inclusive and ``stop`` exclusive, in (plane, row, column) order."""

    start: tuple[int, int, int]
    stop: tuple[int, int, int]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Extent along each axis; never negative."""
        p, r, c = (max(0, b - a) for a, b in zip(self.start, self.stop, strict=True))
        return (p, r, c)

    @property
    def slices(self) -> tuple[slice, slice, slice]:
        """Slices that cut the box out of an array whose last three axes are (plane, row, column)."""
        p, r, c = (slice(a, b) for a, b in zip(self.start, self.stop, strict=True))
        return (p, r, c)

    @property
    def is_empty(self) -> bool:
        """Whether the box holds no voxel."""
        return 0 in self.shape

    def clipped(self, shape: tuple[int, int, int]) -> Box:
        """Return the part of the box that lies inside an array of `shape`."""
        a = tuple(min(max(0, v), n) for v, n in zip(self.start, shape, strict=True))
        b = tuple(min(max(0, v), n) for v, n in zip(self.stop, shape, strict=True))
        return Box((a[0], a[1], a[2]), (b[0], b[1], b[2]))

    def union(self, other: Box) -> Box:
        """Return the smallest box that holds both."""
        a = tuple(map(min, self.start, other.start))
        b = tuple(map(max, self.stop, other.stop))
        return Box((a[0], a[1], a[2]), (b[0], b[1], b[2]))

    def padded(self, margin: tuple[int, int, int]) -> Box:
        """Return the box grown by `margin` voxels on both sides of each axis, not clipped."""
        a = tuple(v - m for v, m in zip(self.start, margin, strict=True))
        b = tuple(v + m for v, m in zip(self.stop, margin, strict=True))
        return Box((a[0], a[1], a[2]), (b[0], b[1], b[2]))

    @classmethod
    def around(cls, flags: NDArray[Any]) -> Box | None:
        """Return the bounding box of the non-zero voxels of a 3-D array, or None where there are none."""
        bounds: list[tuple[int, int]] = []
        for axis in range(3):
            other = tuple(a for a in range(3) if a != axis)
            hit = np.flatnonzero(flags.any(axis=other))
            if hit.size == 0:
                return None
            bounds.append((int(hit[0]), int(hit[-1]) + 1))
            flags = flags[(slice(None),) * axis + (slice(*bounds[-1]),)]  # the next axes need to look no further
        (p0, p1), (r0, r1), (c0, c1) = bounds
        return cls((p0, r0, c0), (p1, r1, c1))


@dataclass(frozen=True, eq=False)
class Grid:
    """Where the voxels of a scan or mask lie in the world.

    Parameters
    ----------
    shape
        (planes, rows, columns).
    affine
        (4, 4) float64; maps (plane, row, column, 1) of voxel centres to LPS millimetres.
    calibrated
        False where the file states no spacing (most PNG and JPEG): one unit is then one voxel, and millimetres are
        not shown to a person.

    Raises
    ------
    BadGeometry
        If the affine is singular or not finite.
    """

    shape: tuple[int, int, int]
    affine: FloatArray
    calibrated: bool = True

    def __post_init__(self) -> None:
        affine = np.asarray(self.affine, dtype=np.float64)
        if affine.shape != (4, 4) or not np.isfinite(affine).all():
            raise BadGeometry("scan", "the geometry holds numbers that are not finite", remedy="re-export the scan")
        if abs(np.linalg.det(affine[:3, :3])) < 1e-12:
            raise BadGeometry("scan", "the geometry is singular (an axis has no extent)", remedy="re-export the scan")
        object.__setattr__(self, "affine", affine)

    @classmethod
    def from_spacing(
        cls,
        shape: tuple[int, int, int],
        spacing: tuple[float, float, float] = (1.0, 1.0, 1.0),
        *,
        calibrated: bool = True,
    ) -> Grid:
        """Return an upright grid at the origin with `spacing` (plane, row, column) in mm."""
        affine = np.zeros((4, 4))
        for axis, world in enumerate(CANONICAL_AXES):
            affine[world, axis] = spacing[axis]
        affine[3, 3] = 1.0
        return cls(shape, affine, calibrated)

    @cached_property
    def spacing(self) -> tuple[float, float, float]:
        """Distance between voxel centres along (plane, row, column), mm."""
        p, r, c = np.linalg.norm(self.affine[:3, :3], axis=0)
        return (float(p), float(r), float(c))

    @property
    def voxel_volume_ml(self) -> float:
        """Volume of one voxel, millilitres."""
        return abs(float(np.linalg.det(self.affine[:3, :3]))) / 1000.0

    @property
    def voxels(self) -> int:
        """Number of voxels."""
        return self.shape[0] * self.shape[1] * self.shape[2]

    @property
    def is_2d(self) -> bool:
        """Whether the scan is one plane."""
        return self.shape[0] == 1

    @cached_property
    def axis_letters(self) -> tuple[tuple[str, str], ...]:
        """For each axis, the patient side at index 0 and at the last index, e.g. ``(("I", "S"), ...)``.

        Uncalibrated grids answer ``("", "")``: nothing is known about the patient.
        """
        if not self.calibrated:
            return (("", ""),) * 3
        letters = []
        for axis, world in enumerate(self._nearest_world_axes()):
            low, high = _LETTERS[world]
            letters.append((low, high) if self.affine[world, axis] > 0 else (high, low))
        return tuple(letters)

    def _nearest_world_axes(self) -> tuple[int, int, int]:
        """Return the world axis (0 x, 1 y, 2 z) nearest to each voxel axis, each used once."""
        cosines = np.abs(self.affine[:3, :3] / np.linalg.norm(self.affine[:3, :3], axis=0))
        best: tuple[int, int, int] = (2, 1, 0)
        score = -1.0
        for order in ((2, 1, 0), (2, 0, 1), (1, 2, 0), (1, 0, 2), (0, 1, 2), (0, 2, 1)):
            total = sum(float(cosines[world, axis]) for axis, world in enumerate(order))
            if total > score + 1e-9:
                best, score = order, total
        return best

    def canonical(self) -> Grid:
        """Return this grid with its axes permuted and flipped to run nearest to Superior, Posterior, Left.

        No resampling: the voxels stay where they are in the world. Uncalibrated grids are returned as they are.
        """
        if not self.calibrated:
            return self
        worlds = self._nearest_world_axes()
        order = tuple(worlds.index(world) for world in CANONICAL_AXES)
        shape = (self.shape[order[0]], self.shape[order[1]], self.shape[order[2]])
        affine = self.affine[:, [*order, 3]].copy()
        for axis, world in enumerate(CANONICAL_AXES):
            if affine[world, axis] < 0:
                affine[:3, 3] += affine[:3, axis] * (shape[axis] - 1)
                affine[:3, axis] *= -1.0
        return Grid(shape, affine, self.calibrated)

    def matches(self, other: Grid, *, tolerance_mm: float = 1e-2) -> bool:
        """Whether both grids have the same shape and put their corner voxels within `tolerance_mm`."""
        if self.shape != other.shape:
            return False
        if not (self.calibrated and other.calibrated):
            return True
        corners = np.array([[p, r, c, 1.0] for p in (0, 1) for r in (0, 1) for c in (0, 1)])
        corners[:, :3] *= np.array(self.shape) - 1.0
        gap = np.abs(corners @ (self.affine - other.affine).T)
        return bool(gap.max() <= tolerance_mm)

    def to_world(self, voxel: tuple[float, float, float]) -> FloatArray:
        """Return the LPS position (3,) in mm of a voxel centre (plane, row, column)."""
        return np.asarray(self.affine @ np.array([*voxel, 1.0]))[:3]


def reorder(array: NDArray[Any], source: Grid, target: Grid) -> NDArray[Any]:
    """Return a view of `array` with its voxel axes permuted and flipped from one grid's order to another's.

    Parameters
    ----------
    array
        (..., planes, rows, columns) in the order of `source`; leading axes are kept.
    source, target
        Two grids that describe the same voxels in different axis orders, such as ``g`` and ``g.canonical()``.

    Raises
    ------
    BadGeometry
        If the grids are not permutations and flips of each other.
    """
    linear = np.linalg.inv(source.affine[:3, :3]) @ target.affine[:3, :3]
    order = np.abs(linear).argmax(axis=0)
    signs = linear[order, np.arange(3)]
    exact = np.zeros((3, 3))
    exact[order, np.arange(3)] = np.sign(signs)
    if len(set(order.tolist())) != 3 or not np.allclose(linear, exact, atol=1e-3):
        raise BadGeometry(
            "scan", "the two voxel grids are not reorderings of each other", remedy="resample one of them"
        )
    lead = array.ndim - 3
    moved = np.transpose(array, [*range(lead), *(lead + int(a) for a in order)])
    flips = tuple(slice(None, None, -1 if sign < 0 else 1) for sign in signs)
    view: NDArray[Any] = moved[..., flips[0], flips[1], flips[2]]
    if view.shape[lead:] != target.shape:
        raise BadGeometry("scan", "the two voxel grids have different shapes", remedy="resample one of them")
    return view


def resampled_shape(
    box: Box, grid: Grid, *, spacing: tuple[float, float, float] | None, shrink: int
) -> tuple[int, int, int]:
    """Return the shape that a box of a scan is brought to for training.

    Parameters
    ----------
    box
        Inside `grid`.
    spacing
        Target (plane, row, column), mm; None, and scans without a spacing of their own, are left as they are.
    shrink
        Edge of the blocks that rows and columns are averaged over; above 1, `spacing` does not count.
    """
    p, r, c = box.shape
    if shrink > 1:
        return (p, math.ceil(r / shrink), math.ceil(c / shrink))
    if spacing is None or not grid.calibrated:
        return box.shape
    target = []
    for extent, here, there in zip(box.shape, grid.spacing, spacing, strict=True):
        ratio = here / there
        same = extent == 1 or 1 / _SAME_SPACING <= ratio <= _SAME_SPACING
        target.append(extent if same else max(1, round(extent * ratio)))
    return (target[0], target[1], target[2])
