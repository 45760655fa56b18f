"""Strokes that say inside or outside, as seeds on voxels."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from segcore.annotation.seeded import INSIDE, OUTSIDE, Seeds
from segcore.geometry import Box

Place = tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scribble:
    """One stroke of a thin pen.

    Parameters
    ----------
    axis
        Perpendicular to the slice on which it was drawn.
    places
        (plane, row, column) along it.
    inside
        Whether it says "lesion", or else "no lesion".
    """

    axis: int
    places: tuple[Place, ...]
    inside: bool

    @property
    def index(self) -> int:
        """The slice on which it was drawn."""
        return round(self.places[0][self.axis])

    def is_on(self, axis: int, index: int) -> bool:
        """Whether it was drawn on a slice."""
        return (self.axis, self.index) == (axis, index)


def seeds_of(scribbles: Sequence[Scribble], shape: tuple[int, int, int]) -> tuple[Box, Seeds] | None:
    """Return the bounding box of all scribbles and their seeds in it; None where none lies in the scan.

    Where two cross, the later one counts.
    """
    drawn = [(voxels, s.inside) for s in scribbles if (voxels := _voxels(s, shape)).size]
    if not drawn:
        return None
    box = reduce(Box.union, (_around(voxels) for voxels, _ in drawn))
    seeds = np.zeros(box.shape, dtype=np.int8)
    for voxels, inside in drawn:
        p, r, c = (voxels - np.array(box.start)).T
        seeds[p, r, c] = INSIDE if inside else OUTSIDE
    return box, seeds


def _voxels(scribble: Scribble, shape: tuple[int, int, int]) -> NDArray[np.intp]:
    """Return the voxels that a scribble passes through, those outside the scan left out."""
    places = np.array(scribble.places, dtype=np.float64).reshape(-1, 3)
    walked = [places[:1]]
    for a, b in itertools.pairwise(places):
        count = max(1, int(np.ceil(2 * np.abs(b - a).max())))
        walked.append(a + (b - a) * np.arange(1, count + 1)[:, None] / count)
    voxels = np.unique(np.round(np.concatenate(walked)).astype(np.intp), axis=0)
    within = (voxels >= 0).all(axis=1) & (voxels < np.array(shape)).all(axis=1)
    return np.asarray(voxels[within])


def _around(voxels: NDArray[np.intp]) -> Box:
    low, high = voxels.min(axis=0), voxels.max(axis=0) + 1
    return Box((int(low[0]), int(low[1]), int(low[2])), (int(high[0]), int(high[1]), int(high[2])))
