"""What a patch holds that is put down anywhere in a scan, counted over every position."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from segcore.geometry import Box
from segcore.scans.volume import FOREGROUND, Labels


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchOdds:
    """What a patch put down anywhere in a scan holds.

    Parameters
    ----------
    hit_rate
        Share of the positions of the patch, wholly inside the scan, at which it holds foreground.
    foreground_if_hit
        Mean foreground voxels at those positions; 0 where there are none.
    """

    hit_rate: float
    foreground_if_hit: float


def patch_odds(labels: Labels, patch: tuple[int, int, int]) -> PatchOdds:
    """Return the odds over every position of the patch, exactly, by a summed-area table.

    Parameters
    ----------
    labels
        (planes, rows, columns) uint8.
    patch
        Its edges, voxels; cut to the scan where it is larger.
    """
    front = labels == FOREGROUND
    inside = Box.around(front)
    if inside is None:
        return PatchOdds(hit_rate=0.0, foreground_if_hit=0.0)
    sizes = [min(max(1, edge), extent) for edge, extent in zip(patch, labels.shape, strict=True)]
    positions = math.prod(extent - size + 1 for size, extent in zip(sizes, labels.shape, strict=True))
    # Elsewhere no position reaches the foreground.
    near = inside.padded((sizes[0] - 1, sizes[1] - 1, sizes[2] - 1)).clipped(front.shape)
    sums = front[near.slices].astype(np.int32)
    for axis, size in enumerate(sizes):
        extent = sums.shape[axis]
        running = np.cumsum(sums, axis=axis, dtype=np.int32)
        last = np.take(running, range(size - 1, extent), axis=axis)
        before = np.take(running, range(extent - size), axis=axis)
        padding = [(0, 0)] * 3
        padding[axis] = (1, 0)
        sums = last - np.pad(before, padding)
    hits = int(np.count_nonzero(sums))
    return PatchOdds(
        hit_rate=hits / positions, foreground_if_hit=float(sums.sum(dtype=np.int64)) / hits if hits else 0.0
    )
