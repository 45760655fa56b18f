"""Brush stamps and polygons as flags on voxels."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Flags = NDArray[np.bool_]


@lru_cache(maxsize=32)
def ball(radius: tuple[float, float, float]) -> Flags:
    """Return the voxels whose centre lies within an ellipsoid around the middle voxel.

    Parameters
    ----------
    radius
        Semi-axes in voxels along (plane, row, column); from millimetres by dividing by the spacing. A semi-axis of 0
        keeps one voxel along that axis: ``ball((0, r, r))`` is a disc in a plane.

    Returns
    -------
    flags
        Odd extents, read-only (shared by all who ask for the same radius).
    """
    total: NDArray[np.float64] = np.zeros((1, 1, 1))
    for axis, r in enumerate(radius):
        reach = int(np.floor(max(r, 0.0) + 1e-9))
        offsets = np.arange(-reach, reach + 1, dtype=np.float64)
        shape = [1, 1, 1]
        shape[axis] = offsets.size
        total = total + ((offsets / max(r, 0.5)) ** 2).reshape(shape)
    flags: Flags = total <= 1.0 + 1e-9
    flags.flags.writeable = False
    return flags


def disc(radius: tuple[float, float]) -> Flags:
    """Return a 2-D disc (rows, columns); see `ball`."""
    flags: Flags = ball((0.0, *radius))[0]
    return flags


def polygon(vertices: NDArray[np.float64], shape: tuple[int, int]) -> Flags:
    """Return the pixels inside a polygon by the even-odd rule, edges included.

    Parameters
    ----------
    vertices
        (n, 2) rows and columns of pixel centres; may lie outside `shape`.
    shape
        (rows, columns) of the result.
    """
    if len(vertices) < 2:
        flags = np.zeros(shape, dtype=bool)
        for row, column in np.round(vertices).astype(int):
            if 0 <= row < shape[0] and 0 <= column < shape[1]:
                flags[row, column] = True
        return flags
    canvas = Image.new("1", (shape[1], shape[0]))
    ImageDraw.Draw(canvas).polygon([(float(c), float(r)) for r, c in vertices], fill=1, outline=1)
    return np.asarray(canvas, dtype=bool)
