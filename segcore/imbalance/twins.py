"""Scans that are the same picture under two names: copied, saved again, brightened, of another type, mirrored, turned."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from segcore.scans.body import finite
from segcore.scans.volume import Volume

#: (scans, planes, rows, columns).
Prints: TypeAlias = NDArray[np.float32]

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
    # Rounded, so that the blocks of a mirrored scan are the mirrored blocks.
    edges = np.rint(np.linspace(0, values.shape[axis], cells + 1)).astype(int)
    sums = np.add.reduceat(values, edges[:-1], axis=axis, dtype=np.float64)
    shape = [1, 1, 1]
    shape[axis] = cells
    return (sums / np.diff(edges).reshape(shape)).astype(np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Twins:
    """Two scans that show the same picture.

    Parameters
    ----------
    first, second
        Places in the list of fingerprints, the smaller one first.
    likeness
        Correlation, at least `SAME_PICTURE`.
    turned
        How the one must be turned to be the other; empty for not at all.
    """

    first: int
    second: int
    likeness: float
    turned: str


def _as_it_is(prints: Prints) -> Prints:
    return prints


def _mirrored(prints: Prints) -> Prints:
    return prints[..., ::-1]


def _upside_down(prints: Prints) -> Prints:
    return prints[..., ::-1, :]


def _half_a_turn(prints: Prints) -> Prints:
    return prints[..., ::-1, ::-1]


def _quarter_turn(prints: Prints) -> Prints:
    return prints.swapaxes(-1, -2)[..., ::-1]


def _quarter_back(prints: Prints) -> Prints:
    return prints.swapaxes(-1, -2)[..., ::-1, :]


#: The plain copy first; a pair is named once.
_TURNS: tuple[tuple[str, Callable[[Prints], Prints]], ...] = (
    ("", _as_it_is),
    ("mirrored", _mirrored),
    ("upside down", _upside_down),
    ("turned by half", _half_a_turn),
    ("turned by a quarter", _quarter_turn),
    ("turned by a quarter", _quarter_back),
)


def same_pictures(prints: Sequence[NDArray[np.int8]]) -> tuple[Twins, ...]:
    """Return the pairs of fingerprints that show the same picture.

    A fingerprint without any structure is like no other.
    """
    if len(prints) < 2:
        return ()
    rows = np.stack([one.reshape(-1) for one in prints]).astype(np.float32)
    rows -= rows.mean(axis=1, keepdims=True)
    lengths = np.sqrt((rows * rows).sum(axis=1))
    rows /= np.where(lengths > 0, lengths, 1.0)[:, np.newaxis]
    cells = rows.reshape(-1, *_CELLS)
    found: dict[tuple[int, int], Twins] = {}
    for name, turn in _TURNS:
        likeness = np.triu(rows @ np.ascontiguousarray(turn(cells)).reshape(len(rows), -1).T, 1)
        for a, b in np.argwhere(likeness >= SAME_PICTURE).tolist():
            found.setdefault((a, b), Twins(first=a, second=b, likeness=min(1.0, float(likeness[a, b])), turned=name))
    return tuple(found[pair] for pair in sorted(found))
