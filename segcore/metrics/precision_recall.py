"""The curve of precision over recall in few points, and how sure its area is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from segcore.metrics.curves import LogitHistogram

#: Points of a curve that is told or drawn.
CURVE_POINTS = 64
_RESAMPLES = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class PrCurve:
    """Precision over recall, over all voxels of all cases together.

    Parameters
    ----------
    recall, precision
        Of the points, at falling thresholds, so that recall rises.
    at_recall, at_precision
        At the operating threshold; precision is NaN where nothing is predicted.
    """

    recall: tuple[float, ...]
    precision: tuple[float, ...]
    at_recall: float
    at_precision: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A 95 % interval over cases; NaN where there are too few."""

    low: float
    high: float


def pr_curve_of(histogram: LogitHistogram, step: int, *, most: int = CURVE_POINTS) -> PrCurve | None:
    """Return the curve with at most `most` points evenly along recall, its ends kept; None without foreground.

    Parameters
    ----------
    step
        Operating threshold in steps of 0.1 logit.
    """
    if not histogram.foreground:
        return None
    recall, precision = histogram.pr_curve()
    wanted = np.linspace(recall[0], recall[-1], most)
    places = np.unique(np.clip(np.searchsorted(recall, wanted), 0, recall.size - 1))
    counts = histogram.confusion_at(step)
    return PrCurve(
        recall=tuple(round(float(v), 5) for v in recall[places]),
        precision=tuple(round(float(v), 5) for v in precision[places]),
        at_recall=counts.recall,
        at_precision=counts.precision,
    )


def average_precision_interval(histograms: Sequence[LogitHistogram], *, seed: int = 0, level: float = 0.95) -> Interval:
    """Return the percentile bootstrap interval over cases of the average precision over all their voxels.

    Parameters
    ----------
    histograms
        One per case; with fewer than two that hold foreground the interval is NaN.
    """
    if sum(histogram.foreground > 0 for histogram in histograms) < 2:
        return Interval(low=math.nan, high=math.nan)
    counts = np.stack([histogram.counts for histogram in histograms]).astype(np.float64)
    n = len(histograms)
    drawn = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=_RESAMPLES).astype(np.float64)
    areas = []
    for weights in drawn:
        pooled = np.tensordot(weights, counts, axes=1)
        front = pooled[1].sum()
        if front:
            above = pooled[:, ::-1].cumsum(axis=1)[:, ::-1]
            areas.append(float((above[1] / np.maximum(above.sum(axis=0), 1) * pooled[1]).sum() / front))
    low, high = np.percentile(areas, [50 * (1 - level), 50 * (1 + level)])
    return Interval(low=float(low), high=float(high))
