"""Brush stamps and polygons as flags on voxels."""

from __future__ import annotations

import itertools
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
    """Return the pixels inside a polygon by the even-odd rule, edges included; its corners are moved to whole pixels.

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
    # Pillow cuts fractions off, which would move every outline half a pixel up and left.
    whole = np.floor(np.asarray(vertices) + 0.5)
    ImageDraw.Draw(canvas).polygon([(float(c), float(r)) for r, c in whole], fill=1, outline=1)
    return np.asarray(canvas, dtype=bool)


def line(points: NDArray[np.float64], shape: tuple[int, int]) -> Flags:
    """Return the pixels that a line passes through, without a gap that a corner could slip through (4-connected).

    Parameters
    ----------
    points
        (n, 2) rows and columns of pixel centres; may lie outside `shape`.
    shape
        (rows, columns) of the result.
    """
    flags = np.zeros(shape, dtype=bool)
    here: tuple[int, int] | None = None
    for row, column in _walked(np.asarray(points, dtype=np.float64)):
        steps = [(row, column)]
        if here is not None and here[0] != row and here[1] != column:
            steps.insert(0, (here[0], column))
        for r, c in steps:
            if 0 <= r < shape[0] and 0 <= c < shape[1]:
                flags[r, c] = True
        here = (row, column)
    return flags


def _walked(points: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Return the pixels along a line, no two of them further apart than a corner."""
    steps = [np.round(points[:1])]
    for a, b in itertools.pairwise(points):
        count = max(1, int(np.ceil(2 * np.abs(b - a).max())))
        steps.append(np.round(a + (b - a) * np.arange(1, count + 1)[:, None] / count))
    return [(int(row), int(column)) for row, column in np.concatenate(steps)]
