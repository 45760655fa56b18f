"""Borders of areas as straight lines along the edges of pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: (n, 4): first row, first column, last row, last column, in positions of the picture.
Lines = NDArray[np.int32]


def outline(flags: NDArray[np.bool_]) -> Lines:
    """Return the border between the marked pixels of (rows, columns) flags and the others, neighbours joined.

    The edge of the picture counts as unmarked.
    """
    rows = np.flatnonzero(flags.any(axis=1))
    if rows.size == 0:
        return np.zeros((0, 4), dtype=np.int32)
    columns = np.flatnonzero(flags.any(axis=0))
    top, left = int(rows[0]), int(columns[0])
    inner = np.pad(flags[top : int(rows[-1]) + 1, left : int(columns[-1]) + 1], 1)
    level = _runs(inner[1:, 1:-1] != inner[:-1, 1:-1])
    upright = _runs((inner[1:-1, 1:] != inner[1:-1, :-1]).T)
    lines = np.empty((len(level) + len(upright), 4), dtype=np.int32)
    lines[: len(level)] = level[:, [0, 1, 0, 2]]
    lines[len(level) :] = upright[:, [1, 0, 2, 0]]
    lines += np.array([top, left, top, left], dtype=np.int32)
    return lines


def _runs(flags: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return (row, first column, column after the last) of every unbroken run in the rows."""
    steps = np.diff(np.pad(flags, ((0, 0), (1, 1))).view(np.int8), axis=1)
    starts, stops = np.argwhere(steps == 1), np.argwhere(steps == -1)
    return np.column_stack([starts, stops[:, 1]])
