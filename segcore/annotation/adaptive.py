"""The adaptive brush: of a stamp, only what is connected to its centre through similar grey values."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from segcore.geometry import Box

Flags = NDArray[np.bool_]


def followed(voxels: NDArray[Any], box: Box, stamp: Flags, centre: tuple[int, int, int], tolerance: float) -> Flags:
    """Return the voxels of a stamp that are alike and hang together with its centre.

    Parameters
    ----------
    voxels
        (planes, rows, columns) of one channel; may be memory-mapped.
    box
        Where the stamp lies; may stick out of the scan.
    stamp
        Flags of ``box.shape``.
    centre
        (plane, row, column) of the stamp's centre; nothing is painted where it lies outside.
    tolerance
        How much values may differ from the centre's, in the scan's units. The centre's value is the median of the
        voxels next to it in the stamp, so that one odd voxel does not decide.

    Returns
    -------
    flags
        Of ``box.shape``.
    """
    from scipy import ndimage  # noqa: PLC0415 - half a second that the start of the window must not pay

    result = np.zeros(box.shape, dtype=bool)
    inside = box.clipped((voxels.shape[0], voxels.shape[1], voxels.shape[2]))
    at = tuple(c - a for c, a in zip(centre, inside.start, strict=True))
    if inside.is_empty or not all(0 <= v < n for v, n in zip(at, inside.shape, strict=True)):
        return result
    cut = tuple(slice(a - s, b - s) for a, b, s in zip(inside.start, inside.stop, box.start, strict=True))
    values = np.asarray(voxels[inside.slices], dtype=np.float64)
    allowed = stamp[cut]
    near = allowed & (np.abs(values - _middle(values, allowed, at)) <= tolerance)
    near[at] = True
    components, _ = ndimage.label(near)
    result[cut] = components == components[at]
    return result


def _middle(values: NDArray[np.float64], allowed: Flags, at: tuple[int, ...]) -> float:
    around = tuple(slice(max(0, v - 1), v + 2) for v in at)
    there = values[around][allowed[around]]
    there = there[np.isfinite(there)]
    return float(np.median(there)) if there.size else float(values[at])
