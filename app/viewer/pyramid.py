"""Smaller copies of a large picture, each half the size of the one before, made when they are first needed.

Pixels of scans are averaged, codes of masks are united and probabilities take the greatest: a lesion of one pixel is still
there when a photograph of twelve megapixels fills a screen of one.
"""

from __future__ import annotations

from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.viewer.plane_geometry import Rect

Pixels = NDArray[Any]


class Pooling(Enum):
    """How four pixels become one."""

    MEAN = "mean"
    UNION = "union"
    GREATEST = "greatest"


class Pyramid:
    """A picture and its smaller copies.

    Parameters
    ----------
    pixels
        (rows, columns); level 0, used as it is, not copied.
    pooling
        How four pixels become one.
    """

    def __init__(self, pixels: Pixels, pooling: Pooling) -> None:
        self._levels = [pixels]
        self._pooling = pooling

    def level(self, number: int) -> Pixels:
        """Return the copy whose pixels stand for ``2 ** number`` squared; the last row and column may stand for less."""
        while len(self._levels) <= number:
            self._levels.append(halved(self._levels[-1], self._pooling))
        return self._levels[number]

    def refresh(self, rect: Rect) -> None:
        """Bring the smaller copies up to date after the pixels of `rect` changed in level 0."""
        rows, columns = rect
        for number in range(1, len(self._levels)):
            large, small = self._levels[number - 1], self._levels[number]
            rows = slice(rows.start // 2, min(small.shape[0], -(-rows.stop // 2)))
            columns = slice(columns.start // 2, min(small.shape[1], -(-columns.stop // 2)))
            source = large[2 * rows.start : 2 * rows.stop, 2 * columns.start : 2 * columns.stop]
            small[rows, columns] = halved(source, self._pooling)


def halved(pixels: Pixels, pooling: Pooling) -> Pixels:
    """Return a picture of half the size (rounded up; an odd last row or column is taken twice)."""
    rows, columns = pixels.shape
    if rows % 2 or columns % 2:
        pixels = np.pad(pixels, ((0, rows % 2), (0, columns % 2)), mode="edge")
    corners = (pixels[0::2, 0::2], pixels[0::2, 1::2], pixels[1::2, 0::2], pixels[1::2, 1::2])
    if pooling is Pooling.MEAN:
        return _mean(corners)
    unite = np.bitwise_or if pooling is Pooling.UNION else np.maximum
    result: Pixels = unite(corners[0], corners[1])
    unite(result, corners[2], out=result)
    unite(result, corners[3], out=result)
    return result


def _mean(corners: tuple[Pixels, ...]) -> Pixels:
    kind = corners[0].dtype
    if kind.kind == "f":
        mean: NDArray[np.float32] = (corners[0] + corners[1] + corners[2] + corners[3]) * np.float32(0.25)
        return mean.astype(kind, copy=False)
    total: NDArray[np.int32] = corners[0].astype(np.int32)
    for corner in corners[1:]:
        np.add(total, corner, out=total)
    return np.right_shift(total, 2, out=total).astype(kind)


def level_for(scale: float) -> int:
    """Return the level whose pixels come nearest to screen pixels, where level 0 has `scale` screen pixels per pixel."""
    return max(0, round(float(np.log2(1.0 / scale)))) if scale > 0 else 0
