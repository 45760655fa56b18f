import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from segcore.metrics.calibration import BAND, ReliabilityBin, calibrate
from segcore.metrics.curves import LogitHistogram


def histogram_of(logits: list[float] | np.ndarray, labels: list[int] | np.ndarray) -> LogitHistogram:
    histogram = LogitHistogram()
    histogram.add(np.array(logits, np.float32), np.array(labels, np.uint8))
    return histogram


def logit(p: float) -> float:
    return math.log(p / (1 - p))


def test_reliability_and_brier_by_hand() -> None:
    # Four voxels at 0.8, three of them foreground; four at 0.2, one of them foreground; unlabelled ones do not count.
    histogram = histogram_of([logit(0.8)] * 4 + [logit(0.2)] * 4 + [5.0], [1, 1, 1, 0, 1, 0, 0, 0, 255])

    found = calibrate(histogram, most=2)

    low, high = found.bins
    assert (low.predicted, low.observed, low.voxels) == (pytest.approx(0.2, abs=1e-6), 0.25, 4)
    assert (high.predicted, high.observed, high.voxels) == (pytest.approx(0.8, abs=1e-6), 0.75, 4)
    assert found.error == pytest.approx(0.05, abs=1e-6)
    # Squared errors: 3 at 0.04 and 1 at 0.64, and the same again; prevalence 1/2, so 1 − (1.52 / 8) / 0.25.
    assert found.brier_skill == pytest.approx(1 - 0.19 / 0.25, abs=1e-6)


def test_sure_background_is_outside_the_band_and_hides_no_error() -> None:
    crowd = [logit(0.001)] * 10_000
    found = calibrate(histogram_of([*crowd, logit(0.9), logit(0.9)], [*([0] * 10_000), 0, 1]))

    assert sum(one.voxels for one in found.bins) == 2
    assert found.error == pytest.approx(0.4, abs=1e-6)


def test_without_both_classes_or_without_a_band_nothing_is_claimed() -> None:
    found = calibrate(histogram_of([logit(0.001)] * 3, [0, 0, 0]))

    assert found.bins == ()
    assert math.isnan(found.error)
    assert math.isnan(found.brier_skill)


@settings(max_examples=50, deadline=None)
@given(
    arrays(np.float32, 60, elements=st.floats(-12, 12, width=32)),
    arrays(np.uint8, 60, elements=st.sampled_from([0, 1])),
)
def test_bins_share_the_band_out_and_the_brier_score_is_that_of_the_voxels(
    logits: np.ndarray, labels: np.ndarray
) -> None:
    found = calibrate(histogram_of(logits, labels))
    p = 1 / (1 + np.exp(-logits.astype(np.float64)))

    assert len(found.bins) <= 15
    assert [one.predicted for one in found.bins] == sorted(one.predicted for one in found.bins)
    near = np.abs(p - BAND) < 1e-3
    assert abs(sum(one.voxels for one in found.bins) - int((p > BAND).sum())) <= int(near.sum())
    pi = float(labels.mean())
    if 0 < pi < 1:
        assert found.brier_skill == pytest.approx(1 - np.mean((p - labels) ** 2) / (pi * (1 - pi)), abs=0.02)


def test_probabilities_that_are_right_have_next_to_no_error() -> None:
    rng = np.random.default_rng(0)
    p = rng.beta(0.4, 2.0, 200_000)
    found = calibrate(histogram_of(np.log(p / (1 - p)), rng.random(p.size) < p))

    assert found.error < 0.01
    assert all(isinstance(one, ReliabilityBin) and abs(one.predicted - one.observed) < 0.02 for one in found.bins)
