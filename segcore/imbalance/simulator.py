"""What a sampling setting does to the batches, in closed form: how often foreground is seen, and how much of it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from segcore.geometry import Box
from segcore.ranges import Range
from segcore.scans.volume import FOREGROUND, Labels

_SHARE = Range(low=0.0, high=1.0, default=0.5)
_COUNT = Range(low=1, high=1_000_000, default=1, whole=True)


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


def probability_patch_has_foreground(ratio: float, hit_rate: float) -> float:
    """Return the chance that one patch holds foreground: it was asked to (`ratio`), or happened to (`hit_rate`)."""
    _SHARE.check("foreground share", ratio)
    _SHARE.check("hit rate", hit_rate)
    return ratio + (1 - ratio) * hit_rate


def probability_batch_has_foreground(batch: int, ratio: float, hit_rate: float) -> float:
    """Return the chance that at least one patch of a batch holds foreground: 1 − ((1 − f)(1 − q))^B.

    Parameters
    ----------
    batch
        Patches per step, B.
    ratio
        Share of patches that must hold foreground, f, drawn independently.
    hit_rate
        Chance q that a patch from anywhere holds foreground; see `patch_odds`.

    Raises
    ------
    OutOfRange
        If a share is not within 0..1 or the batch is empty.
    """
    count = _COUNT.check("batch", batch)
    missed = 1 - probability_patch_has_foreground(ratio, hit_rate)
    return float(1 - missed**count)


def expected_foreground_voxels(batch: int, ratio: float, odds: PatchOdds) -> float:
    """Return how many foreground voxels a batch holds on average.

    Patches that must hold foreground are taken to hold as much as those that happen to.
    """
    count = _COUNT.check("batch", batch)
    return count * probability_patch_has_foreground(ratio, odds.hit_rate) * odds.foreground_if_hit


def expected_foreground_share(ratio: float, odds: PatchOdds, patch: tuple[int, int, int]) -> float:
    """Return the foreground fraction of the sampled voxels: the prevalence that the network sees in training."""
    return expected_foreground_voxels(1, ratio, odds) / math.prod(patch)


def steps_until_seen(batch: int, ratio: float, hit_rate: float, *, certainty: float = 0.95) -> float:
    """Return after how many steps foreground was seen at least once with the given certainty; infinite if never."""
    chance = probability_batch_has_foreground(batch, ratio, hit_rate)
    if chance <= 0:
        return math.inf
    if chance >= 1:
        return 1.0
    return max(1.0, math.log1p(-certainty) / math.log1p(-chance))
