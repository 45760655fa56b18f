"""Whether small lesions are found as well as large ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

#: Groups of lesions of about equal number, from the smallest to the largest: quarters.
SIZE_BINS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeBin:
    """Lesions of `low` to `high` voxels: how many there are, and how many of them were found."""

    low: int
    high: int
    lesions: int
    found: int

    @property
    def recall(self) -> float:
        """Share that was found."""
        return self.found / self.lesions


def recall_by_size(sizes: Sequence[int], found: Sequence[bool], *, most: int = SIZE_BINS) -> tuple[SizeBin, ...]:
    """Return at most `most` groups of about equal number by rising size; lesions of one size are never parted."""
    if not len(sizes):
        return ()
    voxels, hit = np.asarray(sizes, dtype=np.int64), np.asarray(found, dtype=bool)
    edges = np.unique(np.quantile(voxels, np.arange(1, most) / most, method="inverted_cdf"))
    group = np.searchsorted(edges, voxels, side="left")
    bins = []
    for number in np.unique(group):
        mine = group == number
        bins.append(
            SizeBin(
                low=int(voxels[mine].min()),
                high=int(voxels[mine].max()),
                lesions=int(mine.sum()),
                found=int(hit[mine].sum()),
            )
        )
    return tuple(bins)
