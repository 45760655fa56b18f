"""Small pictures of cases: the plane with most foreground, windowed, with the mask tinted."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from segcore.errors import CannotSave
from segcore.scans.volume import FOREGROUND, Mask, Volume, fullest_plane
from segcore.storage import write_atomically

#: Longest edge, pixels.
EDGE = 128
_TINT = np.array([255, 120, 40], dtype=np.float32)


def kept_thumbnail(file: Path, stamp: str, load: Callable[[], tuple[Volume, Mask]], *, keep: bool) -> NDArray[np.uint8]:
    """Return the picture in `file` if it carries `stamp`, else a new one, which is kept there where that is possible.

    Parameters
    ----------
    stamp
        Changes whenever the mask does.
    load
        Called only when a new picture is needed.
    keep
        False for a project that may not be written to.
    """
    with suppress(OSError, ValueError, SyntaxError), Image.open(file) as picture:
        if picture.info.get("stamp") == stamp:
            return np.asarray(picture.convert("RGB"))
    pixels = make_thumbnail(*load())
    if keep:
        with suppress(CannotSave):
            write_atomically(file, partial(_save, pixels=pixels, stamp=stamp))
    return pixels


def _save(file: Path, *, pixels: NDArray[np.uint8], stamp: str) -> None:
    notes = PngInfo()
    notes.add_text("stamp", stamp)
    Image.fromarray(pixels).save(file, pnginfo=notes)


def make_thumbnail(volume: Volume, mask: Mask) -> NDArray[np.uint8]:
    """Return a picture (rows, columns, 3) uint8, at most `EDGE` pixels long."""
    fullest = fullest_plane(mask.labels)
    plane = fullest if fullest is not None else volume.grid.shape[0] // 2
    rows, columns = volume.grid.shape[1:]
    _, row_mm, column_mm = volume.grid.spacing
    scale = EDGE / max(rows * row_mm, columns * column_mm)
    height = max(1, min(EDGE, round(rows * row_mm * scale)))
    width = max(1, min(EDGE, round(columns * column_mm * scale)))
    at_row = ((np.arange(height) + 0.5) * rows / height).astype(int)
    at_column = ((np.arange(width) + 0.5) * columns / width).astype(int)
    grid = np.ix_(at_row, at_column)
    shown = range(3) if volume.is_photograph else (0, 0, 0)
    values = np.stack([np.asarray(volume.voxels[channel, plane])[grid] for channel in shown], axis=-1)
    as_it_is = volume.is_photograph and values.dtype == np.uint8
    picture = values.astype(np.float32) if as_it_is else _windowed(values)
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
    cells = np.zeros((height, width), dtype=bool)
    rows = np.flatnonzero(flags.any(axis=1))
    if rows.size:  # only where there is something: an image of 400 million pixels has few
        some, columns = np.nonzero(flags[rows])
        cells[rows[some] * height // flags.shape[0], columns * width // flags.shape[1]] = True
    return cells
