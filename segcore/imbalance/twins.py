"""Scans that are the same picture under two names: copied, saved again, brightened, turned into another type."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from segcore.scans.body import finite
from segcore.scans.volume import Volume

#: (planes, rows, columns) that a scan is averaged down to.
_CELLS = (8, 24, 24)
#: Correlation of two fingerprints from which scans are the same picture. Neighbouring slices of one patient stay below
#: it: docs/evidence/suspects.md.
SAME_PICTURE = 0.9985
#: Planes, rows and columns that are read of a scan, at most, along each axis.
_MOST_READ = 256


def fingerprint(volume: Volume) -> NDArray[np.int8]:
    """Return (8, 24, 24) int8 that differ from scan to scan and not with the scale of the intensity.

    The first channel, averaged over blocks, its plane-wise structure kept, scaled to mean 0 and deviation 40.
    """
    channel = volume.voxels[0]
    steps = [max(1, n // _MOST_READ) for n in channel.shape]
    small = finite(channel[:: steps[0], :: steps[1], :: steps[2]])
    for axis, cells in enumerate(_CELLS):
        small = _averaged(small, axis, min(cells, small.shape[axis]))
    spread = float(small.std())
    scaled = (small - small.mean()) / spread * 40 if spread > 0 else np.zeros_like(small)
    result = np.zeros(_CELLS, np.int8)
    p, r, c = small.shape
    result[:p, :r, :c] = np.clip(np.rint(scaled), -127, 127)
    return result


def _averaged(values: NDArray[np.float32], axis: int, cells: int) -> NDArray[np.float32]:
    edges = np.linspace(0, values.shape[axis], cells + 1).astype(int)
    sums = np.add.reduceat(values, edges[:-1], axis=axis, dtype=np.float64)
    shape = [1, 1, 1]
    shape[axis] = cells
    return (sums / np.diff(edges).reshape(shape)).astype(np.float32)


def same_pictures(prints: Sequence[NDArray[np.int8]]) -> tuple[tuple[int, int, float], ...]:
    """Return the pairs (first, second, correlation) of fingerprints that show the same picture.

    A fingerprint without any structure is like no other.
    """
    if len(prints) < 2:
        return ()
    rows = np.stack([one.reshape(-1) for one in prints]).astype(np.float32)
    rows -= rows.mean(axis=1, keepdims=True)
    lengths = np.sqrt((rows * rows).sum(axis=1))
    rows /= np.where(lengths > 0, lengths, 1.0)[:, np.newaxis]
    likeness = rows @ rows.T
    first, second = np.nonzero(np.triu(likeness >= SAME_PICTURE, 1))
    return tuple(
        (int(a), int(b), min(1.0, float(likeness[a, b])))
        for a, b in zip(first, second, strict=True)
        if not math.isclose(float(lengths[a]), 0.0)
    )
