import math

import numpy as np
import pytest

from segcore.metrics.curves import LogitHistogram
from segcore.metrics.precision_recall import CURVE_POINTS, average_precision_interval, pr_curve_of


def histogram_of(logits: list[float] | np.ndarray, labels: list[int] | np.ndarray) -> LogitHistogram:
    histogram = LogitHistogram()
    histogram.add(np.array(logits, np.float32), np.array(labels, np.uint8))
    return histogram


def test_the_curve_by_hand() -> None:
    curve = pr_curve_of(histogram_of([3.0, 2.0, 1.0, -1.0], [1, 0, 1, 0]), step=5)

    assert curve is not None
    # From the surest voxel on: 1/1, 1/2, 2/3, 2/4; of points with one recall the first is kept.
    assert list(zip(curve.recall, curve.precision, strict=True)) == [(0.5, 1.0), (1.0, 0.66667)]
    assert (curve.at_recall, curve.at_precision) == (1.0, pytest.approx(2 / 3))


def test_a_long_curve_is_thinned_and_its_ends_are_kept() -> None:
    rng = np.random.default_rng(1)
    labels = (rng.random(50_000) < 0.02).astype(np.uint8)
    histogram = histogram_of(rng.normal(0, 1, labels.size) + 2 * labels, labels)
    whole_recall, whole_precision = histogram.pr_curve()

    curve = pr_curve_of(histogram, step=0)

    assert curve is not None
    assert len(curve.recall) <= CURVE_POINTS
    assert curve.recall[-1] == 1.0
    assert list(curve.recall) == sorted(curve.recall)
    # Its area is that of the whole curve, to the width of a step.
    steps = np.diff(np.concatenate([[0.0], curve.recall]))
    assert float((steps * curve.precision).sum()) == pytest.approx(histogram.average_precision(), abs=0.02)
    assert np.interp(0.5, curve.recall, curve.precision) == pytest.approx(
        np.interp(0.5, whole_recall, whole_precision), abs=0.02
    )


def test_without_foreground_there_is_no_curve_and_no_interval() -> None:
    empty = histogram_of([1.0, -1.0], [0, 0])

    assert pr_curve_of(empty, step=0) is None
    assert math.isnan(average_precision_interval([empty, empty]).low)


def test_the_interval_of_equal_cases_is_a_point_and_that_of_unlike_cases_holds_both() -> None:
    good, bad = histogram_of([3.0, -3.0, -3.0], [1, 0, 0]), histogram_of([-3.0, 3.0, 3.0], [1, 0, 0])
    alike = average_precision_interval([good] * 5)
    unlike = average_precision_interval([good, bad] * 4)

    assert (alike.low, alike.high) == (1.0, 1.0)
    pooled = average_precision_interval([good, bad] * 4, level=0.0)
    assert unlike.low < pooled.low <= unlike.high
    assert unlike.high - unlike.low > 0.2
