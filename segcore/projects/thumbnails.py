"""Small pictures of cases: the plane with most foreground, windowed, with the mask tinted."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from segcore.scans.volume import FOREGROUND, Mask, Volume

#: Longest edge, pixels.
EDGE = 128
_TINT = np.array([255, 120, 40], dtype=np.float32)


def make_thumbnail(volume: Volume, mask: Mask) -> NDArray[np.uint8]:
    """Return a picture (rows, columns, 3) uint8, at most `EDGE` pixels long."""
    per_plane = (mask.labels == FOREGROUND).sum(axis=(1, 2))
    plane = int(per_plane.argmax()) if per_plane.any() else volume.grid.shape[0] // 2
    rows, columns = volume.grid.shape[1:]
    _, row_mm, column_mm = volume.grid.spacing
    scale = EDGE / max(rows * row_mm, columns * column_mm)
    height = max(1, min(EDGE, round(rows * row_mm * scale)))
    width = max(1, min(EDGE, round(columns * column_mm * scale)))
    at_row = ((np.arange(height) + 0.5) * rows / height).astype(int)
    at_column = ((np.arange(width) + 0.5) * columns / width).astype(int)
    grid = np.ix_(at_row, at_column)
    if volume.is_photograph:
        picture = np.stack([np.asarray(volume.voxels[c, plane])[grid] for c in range(3)], axis=-1).astype(np.float32)
    else:
        picture = np.repeat(_windowed(np.asarray(volume.voxels[0, plane])[grid])[..., None], 3, axis=-1)
    marked = _any_in_cell(mask.labels[plane] == FOREGROUND, height, width)
    picture[marked] = 0.5 * picture[marked] + 0.5 * _TINT
    return picture.astype(np.uint8)


def _windowed(values: NDArray[Any]) -> NDArray[np.float32]:
    finite = values[np.isfinite(values)].astype(np.float32)
    if finite.size == 0:
        return np.zeros(values.shape, dtype=np.float32)
    low, high = np.percentile(finite, (1, 99.5))
    span = float(high - low) or 1.0
    scaled = np.nan_to_num((values.astype(np.float32) - low) / span, nan=0.0, posinf=1.0, neginf=0.0)
    result: NDArray[np.float32] = np.clip(scaled, 0.0, 1.0) * np.float32(255)
    return result


def _any_in_cell(flags: NDArray[np.bool_], height: int, width: int) -> NDArray[np.bool_]:
    """Return (height, width) flags: a cell is marked if any of its voxels is, so tiny lesions stay visible."""
    rows, columns = np.nonzero(flags)
    cells = np.zeros((height, width), dtype=bool)
    cells[rows * height // flags.shape[0], columns * width // flags.shape[1]] = True
    return cells
