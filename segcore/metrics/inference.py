"""Honest comparison of small samples: intervals over cases, exact sign flips, Holm, and words."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 5000
#: Up to this many pairs all sign flips are tried; beyond it, `RESAMPLES` random ones.
EXACT_PAIRS = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A paired comparison over cases: mean difference a − b, 95 % interval, and p by sign flips."""

    difference: float
    low: float
    high: float
    p: float
    pairs: int

    @property
    def verdict(self) -> str:
        """What may be said."""
        if self.pairs < 2 or math.isnan(self.low) or self.low <= 0 <= self.high:
            return "cannot be told apart"
        return "higher" if self.difference > 0 else "lower"


def bootstrap_interval(values: Sequence[float], *, seed: int = 0, level: float = 0.95) -> tuple[float, float]:
    """Return the percentile bootstrap interval of the mean over cases; NaN values are left out.

    With fewer than two values the interval is (NaN, NaN). Reliable from about 50 cases on; below that it is too narrow.
    """
    data = _defined(values)
    if data.size < 2:
        return math.nan, math.nan
    rng = np.random.default_rng(seed)
    means = data[rng.integers(0, data.size, (RESAMPLES, data.size))].mean(axis=1)
    tail = 100 * (1 - level) / 2
    low, high = np.percentile(means, (tail, 100 - tail))
    return float(low), float(high)


def compare_paired(a: Sequence[float], b: Sequence[float], *, seed: int = 0) -> Comparison:
    """Compare two methods on the same cases; pairs in which either is NaN are left out."""
    difference = _defined(np.asarray(a, dtype=np.float64) - np.asarray(b, dtype=np.float64))
    low, high = bootstrap_interval(list(difference), seed=seed)
    mean = float(difference.mean()) if difference.size else math.nan
    return Comparison(difference=mean, low=low, high=high, p=_sign_flip_p(difference, seed), pairs=difference.size)


def _sign_flip_p(difference: NDArray[np.float64], seed: int) -> float:
    if difference.size == 0:
        return math.nan
    if difference.size <= EXACT_PAIRS:
        signs = np.array(list(itertools.product((1.0, -1.0), repeat=difference.size)))
    else:
        signs = np.random.default_rng(seed).choice((1.0, -1.0), (RESAMPLES, difference.size))
        signs[0] = 1.0
    means = np.abs(signs @ difference) / difference.size
    return float(np.mean(means >= abs(difference.mean()) - 1e-12))


def holm(ps: Sequence[float]) -> tuple[float, ...]:
    """Return p values adjusted for several comparisons (Holm 1979), in the order given."""
    order = sorted(range(len(ps)), key=lambda i: ps[i])
    adjusted, largest = [0.0] * len(ps), 0.0
    for rank, i in enumerate(order):
        largest = max(largest, min(1.0, (len(ps) - rank) * ps[i]))
        adjusted[i] = largest
    return tuple(adjusted)


def _defined(values: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
    data = np.asarray(values, dtype=np.float64)
    return data[~np.isnan(data)]
