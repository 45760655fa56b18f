"""Metrics at every threshold from integer histograms of logits: exact counts, bounded memory, any number of voxels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segcore.metrics.confusion import Confusion
from segcore.scans.volume import FOREGROUND, UNLABELLED, Labels

#: Thresholds lie on steps of 0.1 logit; each step has this many bins.
BINS_PER_STEP = 8
STEPS_PER_LOGIT = 10
_PER_LOGIT = BINS_PER_STEP * STEPS_PER_LOGIT
#: Logits beyond ±16 (p = 1e-7) fall into the outermost bins.
_REACH = 16
BINS = 2 * _REACH * _PER_LOGIT
#: Logits are cut here first, so that even infinite ones give finite sums.
_FARTHEST = 10_000
#: Cases that a threshold of 0.5 is worth, and the mean F-beta that drawing towards it may cost.
_CAUTION, _MOST_LOST = 3.0, 0.05
#: Steps at which a threshold may lie: those that int8 predictions can show.
STEPS = np.arange(-127, 128)


class LogitHistogram:
    """How many background and foreground voxels have which logit.

    Bins are 0.0125 wide, so that every threshold of ``k / 10`` is a bin's edge and counts at it are exact.
    """

    def __init__(self) -> None:
        self.counts: NDArray[np.int64] = np.zeros((2, BINS), dtype=np.int64)
        self._sums: NDArray[np.float64] = np.zeros((2, BINS))

    def add(self, logits: NDArray[Any], labels: Labels) -> None:
        """Take in voxels; unlabelled ones are left out. Both arrays have the same shape."""
        valid = labels != UNLABELLED
        front = labels == FOREGROUND
        z = np.ravel(logits) if valid.all() else logits[valid]
        front = front.ravel() if z.size == front.size else front[valid]
        z = np.clip(z.astype(np.float32, copy=False), -_FARTHEST, _FARTHEST)
        # fmax: what is not a number counts as background, and shows in the sums.
        bins = np.fmax(np.floor(z * np.float32(_PER_LOGIT)), -_FARTHEST * _PER_LOGIT).astype(np.int64)
        bins += _REACH * _PER_LOGIT
        np.clip(bins, 0, BINS - 1, out=bins)
        bins[front] += BINS
        self.counts += np.bincount(bins, minlength=2 * BINS).reshape(2, BINS)
        self._sums += np.bincount(bins, weights=z, minlength=2 * BINS).reshape(2, BINS)

    def __add__(self, other: LogitHistogram) -> LogitHistogram:
        both = LogitHistogram()
        both.counts = self.counts + other.counts
        both._sums = self._sums + other._sums
        return both

    def _middles(self) -> NDArray[np.float64]:
        """Return the mean logit (2, BINS) in each bin; functions of it are right to 2e-6 for the voxels in the bin."""
        return self._sums / np.maximum(self.counts, 1)

    def probabilities(self) -> NDArray[np.float64]:
        """Return the mean probability (2, BINS) of background and foreground voxels in each bin; 0.5 in empty ones."""
        return np.asarray(1.0 / (1.0 + np.exp(-np.clip(self._middles(), -80, 80))))

    def mean_logits(self) -> tuple[float, float]:
        """Return the mean logit over background and over foreground voxels; NaN without."""
        totals, voxels = self._sums.sum(axis=1), self.counts.sum(axis=1)
        back, front = (float(total / count) if count else math.nan for total, count in zip(totals, voxels, strict=True))
        return back, front

    def _soft(self) -> NDArray[np.float64]:
        """Return the sum of probabilities over background and over foreground voxels."""
        return np.asarray((self.counts * self.probabilities()).sum(axis=1))

    def _cross_entropy(self) -> float:
        """Return the sum of the cross-entropy over all voxels."""
        return float((self.counts * np.logaddexp(0.0, self._middles())).sum() - self._sums[1].sum())

    @property
    def background(self) -> int:
        """Number of background voxels."""
        return int(self.counts[0].sum())

    @property
    def foreground(self) -> int:
        """Number of foreground voxels."""
        return int(self.counts[1].sum())

    @property
    def prevalence(self) -> float:
        """Foreground fraction; NaN without voxels."""
        total = self.foreground + self.background
        return self.foreground / total if total else math.nan

    @property
    def soft_fraction(self) -> float:
        """Mean probability over all voxels."""
        total = self.foreground + self.background
        return float(self._soft().sum()) / total if total else math.nan

    @property
    def foreground_probability(self) -> float:
        """Mean probability over foreground voxels; NaN without foreground."""
        return float(self._soft()[1]) / self.foreground if self.foreground else math.nan

    @property
    def skill(self) -> float:
        """1 − BCE / H(π): 0 is as good as always saying the prevalence, negative is worse; NaN without both classes."""
        pi = self.prevalence
        if not 0 < pi < 1:
            return math.nan
        best_constant = -pi * math.log(pi) - (1 - pi) * math.log1p(-pi)
        return 1 - self._cross_entropy() / (self.foreground + self.background) / best_constant

    def _above(self) -> NDArray[np.int64]:
        """Return (2, BINS) counts of voxels in this bin or a higher one."""
        return self.counts[:, ::-1].cumsum(axis=1)[:, ::-1]

    def average_precision(self) -> float:
        """Σ (R_n − R_{n−1}) P_n over falling thresholds, one per bin, as scikit-learn; NaN without foreground."""
        if not self.foreground:
            return math.nan
        above = self._above()
        fp, tp = above[0].astype(np.float64), above[1].astype(np.float64)
        precision = tp / np.maximum(tp + fp, 1)
        return float((precision * self.counts[1]).sum() / self.foreground)

    def confusion_at(self, step: int) -> Confusion:
        """Return exact counts for the rule ``logit >= step / 10``."""
        edge = min(max(step * BINS_PER_STEP + _REACH * _PER_LOGIT, 0), BINS)
        fp, tp = (int(v) for v in self.counts[:, edge:].sum(axis=1))
        return Confusion(tp=tp, fp=fp, fn=self.foreground - tp, tn=self.background - fp)

    def f_beta_by_step(self, beta: float = 1.0) -> NDArray[np.float64]:
        """Return F-beta at each of `STEPS`; NaN where undefined, that is nothing there and nothing predicted."""
        edges = np.clip(STEPS * BINS_PER_STEP + _REACH * _PER_LOGIT, 0, BINS - 1)
        fp, tp = self._above()[:, edges].astype(np.float64)
        square = beta * beta
        below = (1 + square) * tp + square * (self.foreground - tp) + fp
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray((1 + square) * tp / below)

    def pr_curve(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return (recall, precision) at falling thresholds, points where something is predicted only."""
        fp, tp = self._above()[:, ::-1].astype(np.float64)
        some = tp + fp > 0
        return tp[some] / max(self.foreground, 1), tp[some] / (tp[some] + fp[some])


def best_step(scores: NDArray[np.float64]) -> int:
    """Return the step of `STEPS` with the highest score: the middle of the widest plateau; 0 where nothing is defined."""
    if np.isnan(scores).all():
        return 0
    tied = np.flatnonzero(scores >= np.nanmax(scores) - 1e-9)
    plateaus = np.split(tied, np.flatnonzero(np.diff(tied) > 1) + 1)
    widest = max(plateaus, key=len)
    return int(STEPS[widest[len(widest) // 2]])


def best_pooled_step(histogram: LogitHistogram, *, beta: float = 1.0) -> int:
    """Return the threshold with the best F-beta over all voxels together."""
    return best_step(histogram.f_beta_by_step(beta))


def best_mean_step(histograms: Sequence[LogitHistogram], *, beta: float = 1.0) -> int:
    """Return the threshold with the best mean F-beta over cases.

    Cases without foreground count 0 at thresholds that predict something in them and are left out elsewhere, so they
    pull the threshold up when it raises false alarms.
    """
    return best_step(_mean_scores(histograms, beta)) if histograms else 0


def _mean_scores(histograms: Sequence[LogitHistogram], beta: float) -> NDArray[np.float64]:
    """Return the mean F-beta at each of `STEPS`; NaN where too few cases are defined."""
    scores = np.stack([histogram.f_beta_by_step(beta) for histogram in histograms])
    defined = ~np.isnan(scores)
    total = np.where(defined, scores, 0).sum(axis=0)
    count = defined.sum(axis=0)
    # A threshold at which only few cases are defined must not win by leaving the others out.
    needed = sum(histogram.foreground > 0 for histogram in histograms)
    return np.where(count >= max(needed, 1), total / np.maximum(count, 1), np.nan)


def cautious_step(histograms: Sequence[LogitHistogram], *, beta: float = 1.0) -> int:
    """Return a threshold for scans not seen yet: the best one on these cases, drawn towards probability 0.5.

    The best of few cases fits their chance, too. With n cases that hold foreground it is drawn to n / (n + 3) of its
    distance from 0.5, but never so far that the mean F-beta here falls by more than 0.05: where all probabilities are
    far from 0.5, as after focal losses, it stays with them. Ours; docs/evidence/default-recipe.md.
    """
    if not histograms:
        return 0
    means = _mean_scores(histograms, beta)
    best = best_step(means)
    holding = sum(histogram.foreground > 0 for histogram in histograms)
    drawn = round(best * holding / (holding + _CAUTION))
    way = range(drawn, best, 1 if drawn < best else -1)
    allowed = np.nanmax(means) - _MOST_LOST if holding else np.inf
    return next((step for step in way if means[step - int(STEPS[0])] >= allowed), best)


def probability_of(step: int) -> float:
    """Return the probability at a step: σ(step / 10)."""
    return 1.0 / (1.0 + math.exp(-step / STEPS_PER_LOGIT))


def step_of(probability: float) -> int:
    """Return the step nearest to a probability, within -127..127."""
    p = min(max(probability, 1e-9), 1 - 1e-9)
    return int(min(max(round(STEPS_PER_LOGIT * math.log(p / (1 - p))), -127), 127))


def quantise(logits: NDArray[Any]) -> NDArray[np.int8]:
    """Return logits as int8 steps of 0.1, rounded down: ``q >= k`` exactly where ``logits >= k / 10``.

    What is not a number counts as background, as in `LogitHistogram`.
    """
    within = np.fmin(np.fmax(logits.astype(np.float32, copy=False), -_REACH), _REACH)
    bins = np.floor(within * np.float32(_PER_LOGIT))
    return np.asarray(np.clip(np.floor_divide(bins, BINS_PER_STEP), -128, 127), dtype=np.int8)
