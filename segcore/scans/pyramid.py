"""Coarser copies of large planes: each level half as many rows and columns as the one before, planes as they are.

A plane of 20,000 x 20,000 pixels is looked at on a screen of two million: what is drawn comes from the finest level
whose pixels are no smaller than the screen's, so that it costs as much as the screen is large, and no lesion is left out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segcore.geometry import Box
from segcore.scans.volume import Labels

#: Planes of more pixels than this have coarser copies; smaller ones are drawn fast enough from every pixel.
LARGE_PLANE = 2048 * 2048
#: Levels are halved until both edges are at most this long.
_EDGE = 1024
#: Rows that are halved at a time: even, and few enough to stay in the cache.
_ROWS = 256

Halve = Callable[[NDArray[Any], NDArray[Any]], NDArray[Any]]


def is_large(shape: tuple[int, ...]) -> bool:
    """Whether the planes of (..., rows, columns) are so large that coarser copies pay."""
    return shape[-2] * shape[-1] > LARGE_PLANE


def levels_of(shape: tuple[int, ...]) -> int:
    """Return how many coarser copies a plane of (..., rows, columns) has."""
    count, longest = 0, max(shape[-2:])
    while is_large(shape) and longest > _EDGE:
        longest, count = -(-longest // 2), count + 1
    return count


def halved_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of the next level: an odd last row or column stays a pixel of its own."""
    return (*shape[:-2], -(-shape[-2] // 2), -(-shape[-1] // 2))


def mean(a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
    """Return the mean of values, whole numbers rounded down, without leaving their type."""
    if a.dtype.kind == "f":
        return np.asarray(a * a.dtype.type(0.5) + b * b.dtype.type(0.5))
    if a.dtype.kind == "b":
        return np.asarray(a | b)
    return np.asarray((a >> 1) + (b >> 1) + (a & b & a.dtype.type(1)))


def highest(a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
    """Return the higher values: what reaches a threshold anywhere reaches it in the coarser copy."""
    return np.asarray(np.maximum(a, b))


def labels_together(a: Labels, b: Labels) -> Labels:
    """Return labels of which foreground wins over unlabelled, and both over background: a lesion of one pixel stays."""
    one = np.uint8(1)
    return np.asarray(np.minimum(a - one, b - one) + one)  # 1, 255, 0 become 0, 254, 255


def halve(source: NDArray[Any], into: NDArray[Any], together: Halve, check: Callable[[], None] = lambda: None) -> None:
    """Write the next level of (..., rows, columns) to `into`, a few rows at a time; `check` may raise between them."""
    rows = source.shape[-2]
    for start in range(0, rows, _ROWS):
        check()
        block = source[..., start : start + _ROWS, :]
        into[..., start // 2 : (start + block.shape[-2] + 1) // 2, :] = _halved(block, together)


def _halved(block: NDArray[Any], together: Halve) -> NDArray[Any]:
    for axis in (-2, -1):
        length = block.shape[axis]
        first = block[..., ::2, :] if axis == -2 else block[..., ::2]
        second = block[..., 1::2, :] if axis == -2 else block[..., 1::2]
        if length % 2 == 0:
            block = together(first, second)
            continue
        paired = (..., slice(0, length // 2), slice(None)) if axis == -2 else (..., slice(0, length // 2))
        block = np.array(first)
        block[paired] = together(block[paired], second)
    return block


def build_levels(
    source: NDArray[Any], together: Halve, check: Callable[[], None] = lambda: None
) -> tuple[NDArray[Any], ...]:
    """Return all coarser copies of (..., rows, columns), in memory (a third of the source)."""
    levels: list[NDArray[Any]] = []
    for _ in range(levels_of(source.shape)):
        finer = levels[-1] if levels else source
        levels.append(np.empty(halved_shape(finer.shape), dtype=source.dtype))
        halve(finer, levels[-1], together, check)
    return tuple(levels)


def mend_levels(source: Labels, levels: tuple[Labels, ...], box: Box) -> None:
    """Bring the coarser copies of a mask up to date where its voxels changed, inside `box`."""
    planes = slice(box.start[0], box.stop[0])
    finer, low, high = source, list(box.start[1:]), list(box.stop[1:])
    for coarser in levels:
        low = [n // 2 for n in low]
        high = [-(-n // 2) for n in high]
        rows, columns = (slice(2 * a, 2 * b) for a, b in zip(low, high, strict=True))
        part = finer[planes, rows, columns]
        halve(part, coarser[planes, low[0] : high[0], low[1] : high[1]], labels_together)
        finer = coarser
