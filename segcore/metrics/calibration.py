"""Whether probabilities mean what they say, where it matters: among voxels that might be foreground."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from segcore.metrics.curves import LogitHistogram

#: Below this probability lies nearly all background of a rare class; it would make any error look like none.
BAND = 0.01
#: Bins of equal mass (Nguyen & O'Connor 2015, arXiv:1508.05154), fewer where there are few different values.
RELIABILITY_BINS = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class ReliabilityBin:
    """Voxels of similar predicted probability: its mean, the share of them that is foreground, and how many they are."""

    predicted: float
    observed: float
    voxels: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """How right probabilities are.

    Parameters
    ----------
    bins
        Reliability of voxels predicted with more than `BAND`, by rising probability.
    error
        Mean over these voxels of |predicted − observed| of their bin; NaN where there is none.
    brier_skill
        1 − Brier score / (π (1 − π)) over all voxels: 0 is as good as always saying the prevalence; NaN without both
        classes.
    """

    bins: tuple[ReliabilityBin, ...]
    error: float
    brier_skill: float


def calibrate(histogram: LogitHistogram, *, most: int = RELIABILITY_BINS) -> Calibration:
    """Return the calibration of the voxels in a histogram, in at most `most` bins."""
    counts = histogram.counts.astype(np.float64)
    p = histogram.probabilities()
    in_band = (p * counts).sum(axis=0) > BAND * counts.sum(axis=0)
    voxels = counts.sum(axis=0)[in_band]
    predicted, front = (p * counts).sum(axis=0)[in_band], counts[1][in_band]
    total = float(voxels.sum())
    groups = np.minimum((most * (np.cumsum(voxels) - voxels / 2) / max(total, 1.0)).astype(np.int64), most - 1)
    bins: list[ReliabilityBin] = []
    for group in range(most):
        chosen = groups == group
        size = float(voxels[chosen].sum())
        if size:
            mean, share = float(predicted[chosen].sum()) / size, float(front[chosen].sum()) / size
            bins.append(ReliabilityBin(predicted=mean, observed=share, voxels=int(size)))
    error = sum(abs(b.predicted - b.observed) * b.voxels for b in bins) / total if total else math.nan
    return Calibration(bins=tuple(bins), error=error, brier_skill=_brier_skill(histogram))


def _brier_skill(histogram: LogitHistogram) -> float:
    pi = histogram.prevalence
    if not 0 < pi < 1:
        return math.nan
    back, front = histogram.probabilities()
    score = float((histogram.counts[0] * back**2).sum() + (histogram.counts[1] * (1 - front) ** 2).sum())
    return 1 - score / (histogram.foreground + histogram.background) / (pi * (1 - pi))
