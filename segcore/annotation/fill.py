"""Flood fill: everything connected to a voxel whose intensity is near that voxel's."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segcore.geometry import Box

Voxel = tuple[int, int, int]

#: The search starts this far around the seed and doubles where the fill reaches a side: most fills are small.
_REACH = 24


def flood_fill(
    voxels: NDArray[Any],
    seed: Voxel,
    tolerance: float,
    *,
    within: Box | None = None,
    three_d: bool = True,
    axis: int | None = None,
) -> tuple[Box, NDArray[np.bool_]]:
    """Return the connected voxels whose value differs from the seed's by at most `tolerance`.

    Parameters
    ----------
    voxels
        (planes, rows, columns) of one channel, any real type; may be memory-mapped.
    seed
        (plane, row, column).
    tolerance
        In the scan's own units, >= 0.
    within
        Only inside this box; the whole scan otherwise.
    three_d
        Fill in 3-D (6-connected), unless `axis` is given.
    axis
        Fill only in the plane through the seed perpendicular to this axis (4-connected): 0 axial, 1 coronal,
        2 sagittal. Where it is None and `three_d` is off, 0.

    Returns
    -------
    box, flags
        The bounding box of what was filled, and flags of ``box.shape``; both empty where the seed lies outside, or on
        a voxel that is not a number.
    """
    limits = _limits(voxels, seed, within, axis if axis is not None or three_d else 0)
    if not _holds(limits, seed):
        return Box(seed, seed), np.zeros((0, 0, 0), dtype=bool)
    low, high = _interval(voxels, seed, tolerance)
    if math.isnan(low):
        return Box(seed, seed), np.zeros((0, 0, 0), dtype=bool)
    return _flooded(voxels, seed, limits, (low, high))


def lesion_at(
    steps: NDArray[Any], voxel: Voxel, least: int, *, axis: int | None = None
) -> tuple[Box, NDArray[np.bool_]]:
    """Return the component of what reaches `least` that a voxel belongs to, as lesions are counted (corners join).

    Parameters
    ----------
    steps
        (planes, rows, columns); may be memory-mapped.
    axis
        Only in the slice through the voxel perpendicular to this axis; None in 3-D.

    Returns
    -------
    box, flags
        Its bounding box and flags of ``box.shape``; both empty where the voxel lies outside or does not reach `least`.
    """
    limits = _limits(steps, voxel, None, axis)
    if not _holds(limits, voxel) or steps[voxel] < least:
        return Box(voxel, voxel), np.zeros((0, 0, 0), dtype=bool)
    return _flooded(steps, voxel, limits, (least, math.inf), np.ones((3, 3, 3)))


def _flooded(
    voxels: NDArray[Any],
    seed: Voxel,
    limits: Box,
    interval: tuple[float, float],
    structure: NDArray[Any] | None = None,
) -> tuple[Box, NDArray[np.bool_]]:
    box = Box(seed, _voxel(i + 1 for i in seed))
    grow = ([_REACH] * 3, [_REACH] * 3)
    while True:
        box = _grown(box, grow, limits)
        flags = _connected(voxels[box.slices], seed, box, interval, structure)
        inner = Box.around(flags)
        if inner is None:  # cannot be: the seed itself is inside
            return Box(seed, seed), np.zeros((0, 0, 0), dtype=bool)
        size = box.shape
        grow = (
            [size[i] if inner.start[i] == 0 and box.start[i] > limits.start[i] else 0 for i in range(3)],
            [size[i] if inner.stop[i] == size[i] and box.stop[i] < limits.stop[i] else 0 for i in range(3)],
        )
        if not any(grow[0]) and not any(grow[1]):
            found = Box(
                _voxel(a + b for a, b in zip(inner.start, box.start, strict=True)),
                _voxel(a + b for a, b in zip(inner.stop, box.start, strict=True)),
            )
            return found, flags[inner.slices].copy()


def _limits(voxels: NDArray[Any], seed: Voxel, within: Box | None, axis: int | None) -> Box:
    shape = (voxels.shape[0], voxels.shape[1], voxels.shape[2])
    limits = (within or Box((0, 0, 0), shape)).clipped(shape)
    if axis is None:
        return limits
    plane = Box(
        _voxel(seed[i] if i == axis else limits.start[i] for i in range(3)),
        _voxel(seed[i] + 1 if i == axis else limits.stop[i] for i in range(3)),
    )
    return plane if _holds(limits, seed) else Box(seed, seed)


def _interval(voxels: NDArray[Any], seed: Voxel, tolerance: float) -> tuple[float, float]:
    """Return the lowest and highest value that is near; whole numbers in range for a type of whole numbers."""
    centre = float(voxels[seed])
    low, high = centre - tolerance, centre + tolerance
    if voxels.dtype.kind not in "iu" or math.isnan(centre):
        return low, high
    # Compared in the scan's own type: no copy in floating point of a scan of gigabytes.
    info = np.iinfo(voxels.dtype)
    return max(math.ceil(low), int(info.min)), min(math.floor(high), int(info.max))


def _connected(
    part: NDArray[Any], seed: Voxel, box: Box, interval: tuple[float, float], structure: NDArray[Any] | None
) -> NDArray[np.bool_]:
    from scipy import ndimage  # noqa: PLC0415 - half a second that the start of the window must not pay

    near = (part >= interval[0]) & (part <= interval[1])
    components, _ = ndimage.label(near, structure=structure)
    at = _voxel(s - a for s, a in zip(seed, box.start, strict=True))
    flags: NDArray[np.bool_] = components == components[at]
    return flags


def _grown(box: Box, by: tuple[list[int], list[int]], limits: Box) -> Box:
    return Box(
        _voxel(max(a - n, b) for a, n, b in zip(box.start, by[0], limits.start, strict=True)),
        _voxel(min(a + n, b) for a, n, b in zip(box.stop, by[1], limits.stop, strict=True)),
    )


def _holds(box: Box, voxel: Voxel) -> bool:
    return all(a <= i < b for a, i, b in zip(box.start, voxel, box.stop, strict=True))


def _voxel(numbers: Any) -> Voxel:
    p, r, c = numbers
    return (int(p), int(r), int(c))
