"""Flood fill: everything connected to a voxel whose intensity is near that voxel's."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from segcore.geometry import Box


def flood_fill(
    voxels: NDArray[Any],
    seed: tuple[int, int, int],
    tolerance: float,
    *,
    axis: int | None = None,
    within: Box | None = None,
) -> tuple[Box, NDArray[np.bool_]]:
    """Return the connected voxels whose value differs from the seed's by at most `tolerance`.

    Parameters
    ----------
    voxels
        (planes, rows, columns) of one channel.
    seed
        (plane, row, column) inside `voxels`.
    tolerance
        In the scan's own units, >= 0.
    axis
        Fill only in the plane through the seed perpendicular to this axis (4-connected); None fills in 3-D
        (6-connected).
    within
        Only inside this box; the whole scan otherwise.

    Returns
    -------
    box, flags
        The bounding box of what was filled, and flags of ``box.shape``.
    """
    from scipy import ndimage  # noqa: PLC0415 - half a second that the start of the window must not pay

    shape = (voxels.shape[0], voxels.shape[1], voxels.shape[2])
    limits = (within or Box((0, 0, 0), shape)).clipped(shape)
    if axis is not None:
        start, stop = list(limits.start), list(limits.stop)
        start[axis], stop[axis] = seed[axis], seed[axis] + 1
        limits = Box((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]))
    part = np.asarray(voxels[limits.slices])
    local = tuple(s - a for s, a in zip(seed, limits.start, strict=True))
    centre = float(part[local])
    near = np.abs(part.astype(np.float32) - np.float32(centre)) <= tolerance
    components, _ = ndimage.label(near)
    flags = components == components[local]
    inner = Box.around(flags)
    if inner is None:
        return Box(seed, seed), np.zeros((0, 0, 0), dtype=bool)
    a = tuple(i + o for i, o in zip(inner.start, limits.start, strict=True))
    b = tuple(i + o for i, o in zip(inner.stop, limits.start, strict=True))
    return Box((a[0], a[1], a[2]), (b[0], b[1], b[2])), flags[inner.slices].copy()
