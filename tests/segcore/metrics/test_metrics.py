import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from segcore.geometry import Grid
from segcore.metrics.baseline import apply_intensity_rule, fit_intensity_rule
from segcore.metrics.confusion import Confusion, confusion_of
from segcore.metrics.curves import (
    LogitHistogram,
    best_mean_step,
    best_pooled_step,
    best_step,
    cautious_step,
    probability_of,
    quantise,
    step_of,
)
from segcore.metrics.evaluation import evaluate_pair, mean_metrics, undefined_counts
from segcore.metrics.inference import bootstrap_interval, compare_paired, holm
from segcore.metrics.lesions import lesion_score
from segcore.metrics.surface import hd95_mm, normalised_surface_dice
from segcore.scans.volume import Mask, Volume

LABELS = arrays(np.uint8, (2, 4, 5), elements=st.sampled_from([0, 0, 0, 1, 255]))
LOGITS = arrays(np.float32, (2, 4, 5), elements=st.floats(-15, 15, width=32))


def test_confusion_by_hand() -> None:
    labels = np.array([[[1, 1, 0, 0, 255, 255]]], np.uint8)
    counts = confusion_of(np.array([[[1, 0, 1, 0, 1, 0]]], bool), labels)
    assert counts == Confusion(tp=1, fp=1, fn=1, tn=1)
    assert (counts.dice, counts.iou, counts.precision, counts.recall) == (0.5, 1 / 3, 0.5, 0.5)
    assert counts.mcc == 0.0
    assert Confusion(tp=2, fp=0, fn=2, tn=9).f_beta(2.0) == pytest.approx(5 * 2 / (5 * 2 + 4 * 2))
    assert math.isnan(Confusion(tp=0, fp=0, fn=0, tn=5).dice)
    assert (counts + counts).tp == 2


@settings(max_examples=60, deadline=None)
@given(LOGITS, LABELS)
def test_a_histogram_counts_exactly_what_thresholding_counts(logits: np.ndarray, labels: np.ndarray) -> None:
    histogram = LogitHistogram()
    histogram.add(logits, labels)
    for step in (-127, -30, -1, 0, 1, 7, 127):
        assert histogram.confusion_at(step) == confusion_of(quantise(logits) >= step, labels)
    scores = histogram.f_beta_by_step()
    expected = [confusion_of(quantise(logits) >= k, labels).dice for k in range(-127, 128)]
    assert scores == pytest.approx(np.array(expected), nan_ok=True)


@given(st.lists(st.integers(-1270, 1270), min_size=1, max_size=50))
def test_quantised_logits_agree_with_the_threshold_bit_for_bit(tenths: list[int]) -> None:
    logits = np.array(tenths, np.float32) / np.float32(10) + np.float32(1e-3)
    for step in (-20, 0, 13):
        assert ((quantise(logits) >= step) == (np.array(tenths) >= step)).all()


def average_precision_by_hand(scores: np.ndarray, truth: np.ndarray) -> float:
    total, result, last = truth.sum(), 0.0, 0.0
    for threshold in sorted(set(scores.tolist()), reverse=True):
        chosen = scores >= threshold
        recall = truth[chosen].sum() / total
        result += (recall - last) * truth[chosen].sum() / chosen.sum()
        last = recall
    return result


@settings(max_examples=60, deadline=None)
@given(LOGITS, LABELS)
def test_average_precision_is_the_step_sum_with_ties(logits: np.ndarray, labels: np.ndarray) -> None:
    histogram = LogitHistogram()
    histogram.add(logits, labels)
    known = labels != 255
    truth = labels[known] == 1
    if not truth.any():
        assert math.isnan(histogram.average_precision())
        return
    bins = np.floor(logits[known] * np.float32(80))
    assert histogram.average_precision() == pytest.approx(average_precision_by_hand(bins, truth))


def test_two_histograms_added_are_one_over_all_voxels() -> None:
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(4, 5, 6)).astype(np.float32), rng.integers(0, 2, (4, 5, 6)).astype(np.uint8)
    one, two, both = LogitHistogram(), LogitHistogram(), LogitHistogram()
    one.add(logits[:2], labels[:2])
    two.add(logits[2:], labels[2:])
    both.add(logits, labels)
    assert np.array_equal((one + two).counts, both.counts)
    assert (one + two).skill == pytest.approx(both.skill)


def test_skill_is_zero_for_the_prevalence_and_one_for_certainty() -> None:
    labels = np.zeros((1, 10, 10), np.uint8)
    labels[0, 0, :5] = 1
    constant, perfect = LogitHistogram(), LogitHistogram()
    constant.add(np.full(labels.shape, math.log(0.05 / 0.95), np.float32), labels)
    perfect.add(np.where(labels == 1, 30.0, -30.0).astype(np.float32), labels)
    assert constant.skill == pytest.approx(0, abs=1e-6)
    assert constant.soft_fraction == pytest.approx(0.05, rel=1e-5)
    assert perfect.skill == pytest.approx(1, abs=1e-6)
    assert perfect.foreground_probability == pytest.approx(1)


def test_the_threshold_is_the_middle_of_the_best_plateau() -> None:
    labels = np.array([[[1, 1, 0, 0]]], np.uint8)
    histogram = LogitHistogram()
    histogram.add(np.array([[[2.05, 3.0, 0.95, -5.0]]], np.float32), labels)
    assert best_pooled_step(histogram) == 15
    assert best_step(np.full(255, np.nan)) == 0


def test_of_two_plateaus_the_wider_one_is_taken() -> None:
    scores = np.zeros(255)
    scores[10:12] = scores[100:111] = 0.8
    assert best_step(scores) == int(np.arange(-127, 128)[105])


@settings(max_examples=40, deadline=None)
@given(LOGITS, LABELS)
def test_skill_and_mean_probabilities_agree_with_adding_up_the_voxels(logits: np.ndarray, labels: np.ndarray) -> None:
    histogram = LogitHistogram()
    histogram.add(logits, labels)
    known = labels != 255
    z, y = logits[known].astype(np.float64), labels[known] == 1
    if not 0 < y.sum() < y.size:
        return
    p = 1 / (1 + np.exp(-z))
    entropy = np.mean(np.logaddexp(0, z) - y * z)
    pi = y.mean()
    constant = -pi * math.log(pi) - (1 - pi) * math.log(1 - pi)
    assert histogram.skill == pytest.approx(1 - entropy / constant, abs=1e-4)
    assert histogram.soft_fraction == pytest.approx(p.mean(), abs=1e-5)
    assert histogram.foreground_probability == pytest.approx(p[y].mean(), abs=1e-5)


def test_logits_of_any_size_fall_on_the_right_side() -> None:
    logits = np.array([[[np.inf, 3e38, 1e9, -np.inf, -3e38, -1e9]]], np.float32)
    histogram = LogitHistogram()
    histogram.add(logits, np.array([[[1, 1, 0, 0, 0, 1]]], np.uint8))
    assert histogram.confusion_at(127) == Confusion(tp=2, fp=1, fn=1, tn=2)
    assert (quantise(logits) >= 127).ravel().tolist() == [True, True, True, False, False, False]
    assert math.isfinite(histogram.skill)


def test_an_empty_case_with_false_alarms_pulls_the_mean_threshold_up() -> None:
    lesion, empty = LogitHistogram(), LogitHistogram()
    lesion.add(np.array([[[3.05, 1.05, -5.0]]], np.float32), np.array([[[1, 1, 0]]], np.uint8))
    empty.add(np.array([[[2.05, -5.0]]], np.float32), np.array([[[0, 0]]], np.uint8))
    assert best_mean_step([lesion]) <= 10
    assert best_mean_step([lesion, empty]) > 20
    assert best_mean_step([]) == 0


def one_case(lesion: float, healthy: float, *, voxels: int = 100) -> LogitHistogram:
    histogram = LogitHistogram()
    logits = np.array([[[lesion] * voxels + [healthy] * 10 * voxels]], np.float32)
    histogram.add(logits, np.array([[[1] * voxels + [0] * 10 * voxels]], np.uint8))
    return histogram


def test_a_threshold_fitted_on_few_cases_is_drawn_towards_one_half() -> None:
    # Best anywhere in (4, 6]: the middle, 5.1. Of one case a quarter of the way, of nine three quarters: 0.05 allowing.
    rising = [LogitHistogram() for _ in range(9)]
    for histogram in rising:
        z = np.linspace(0, 10, 1000, dtype=np.float32)
        histogram.add(z[None, None], (np.random.default_rng(0).random(1000) < z / 10).astype(np.uint8)[None, None])
    best = best_mean_step(rising)
    assert 20 < best < 60
    assert cautious_step(rising) == pytest.approx(best * 9 / 12, abs=1)
    few = cautious_step(rising[:1])
    assert best / 4 - 1 <= few < cautious_step(rising)
    dice = rising[0].f_beta_by_step()
    assert dice[few + 127] >= dice.max() - 0.05


def test_a_threshold_is_not_drawn_where_nothing_would_be_found() -> None:
    rare = one_case(-4.0, -6.0)
    assert cautious_step([rare]) <= -40
    assert rare.confusion_at(cautious_step([rare])).dice == 1.0
    sure = one_case(6.0, 4.0)
    assert sure.confusion_at(cautious_step([sure])).dice == 1.0
    assert cautious_step([]) == 0
    empty = LogitHistogram()
    empty.add(np.full((1, 2, 2), -3.0, np.float32), np.zeros((1, 2, 2), np.uint8))
    assert cautious_step([empty]) == best_mean_step([empty])


def test_steps_and_probabilities_belong_together() -> None:
    assert [step_of(probability_of(k)) for k in range(-127, 128)] == list(range(-127, 128))
    assert probability_of(0) == 0.5


def test_lesions_are_found_by_any_overlap_and_diagonal_neighbours_are_one() -> None:
    labels = np.zeros((3, 9, 9), np.uint8)
    labels[0, 1, 1] = labels[1, 2, 2] = 1
    labels[0, 7, 7] = 1
    predicted = np.zeros(labels.shape, bool)
    predicted[1, 2, 2] = predicted[2, 5, 5] = True
    score = lesion_score(predicted, labels)
    assert (score.true_lesions, score.found, score.predicted_lesions, score.false_positives) == (2, 1, 2, 1)
    assert (score.recall, score.precision, score.f1) == (0.5, 0.5, 0.5)
    labels[2, 5, 5] = 255
    assert lesion_score(predicted, labels).false_positives == 0
    nothing = lesion_score(np.zeros_like(predicted), np.zeros_like(labels))
    assert math.isnan(nothing.f1)
    assert lesion_score(np.zeros_like(predicted), labels).f1 == 0.0


@settings(max_examples=30, deadline=None)
@given(arrays(np.bool_, (3, 5, 6)), arrays(np.bool_, (3, 5, 6)))
def test_hd95_agrees_with_all_pairs(a: np.ndarray, b: np.ndarray) -> None:
    grid = Grid.from_spacing((3, 5, 6), (3.0, 1.0, 0.5))

    def surface(flags: np.ndarray) -> np.ndarray:
        padded = np.pad(flags, 1)
        inner = np.ones_like(flags)
        for axis in range(3):
            for shift in (-1, 1):
                inner &= np.roll(padded, shift, axis)[1:-1, 1:-1, 1:-1]
        return np.argwhere(flags & ~inner) * np.array(grid.spacing)

    found = hd95_mm(a, b, grid)
    if not a.any() and not b.any():
        assert math.isnan(found)
    elif not a.any() or not b.any():
        assert found == pytest.approx(math.hypot(9.0, 5.0, 3.0))
        assert normalised_surface_dice(a, b, grid) == 0.0
    else:
        pairs = np.linalg.norm(surface(a)[:, None] - surface(b)[None], axis=-1)
        expected = max(np.percentile(pairs.min(1), 95), np.percentile(pairs.min(0), 95))
        assert found == pytest.approx(expected)


def test_a_plane_has_a_surface_along_its_edge_only() -> None:
    grid = Grid.from_spacing((1, 9, 9))
    a = np.zeros((1, 9, 9), bool)
    a[0, 2:7, 2:7] = True
    b = np.roll(a, 1, axis=2)
    assert hd95_mm(a, a, grid) == 0.0
    assert hd95_mm(a, b, grid) == 1.0
    assert normalised_surface_dice(a, b, grid, tolerance_mm=0.5) < 1.0
    assert normalised_surface_dice(a, b, grid) == 1.0


def test_in_a_scan_of_several_planes_a_flat_mask_is_all_surface() -> None:
    grid = Grid.from_spacing((3, 9, 9), (3.0, 1.0, 1.0))
    a, b = np.zeros((2, 3, 9, 9), bool)
    a[1, 2:7, 2:7] = True
    b[1, 4, 4] = True
    assert hd95_mm(a, b, grid) == pytest.approx(np.percentile(np.hypot(*(np.mgrid[-2:3, -2:3])).ravel(), 95))


def test_a_prediction_of_nothing_and_a_prediction_where_nothing_is_follow_the_conventions() -> None:
    grid = Grid.from_spacing((1, 30, 40))
    full, empty = Mask.empty(grid), Mask.empty(grid)
    full.labels[0, 1, 1] = 1
    missed, invented, nothing = evaluate_pair(empty, full), evaluate_pair(full, empty), evaluate_pair(empty, empty)
    assert (missed.dice, missed.nsd, missed.lesion_recall, missed.hd95_mm) == (0, 0, 0, pytest.approx(50, abs=0.1))
    assert (invented.dice, invented.nsd, invented.false_positives, invented.lesion_f1) == (0, 0, 1, 0)
    for name in ("dice", "iou", "precision", "recall", "lesion_f1", "hd95_mm", "nsd"):
        assert math.isnan(getattr(nothing, name)), name


def test_means_leave_out_what_is_undefined_and_say_how_often() -> None:
    grid = Grid.from_spacing((1, 4, 4))
    full, empty = Mask.empty(grid), Mask.empty(grid)
    full.labels[0, 1, 1] = 1
    cases = [evaluate_pair(full, full), evaluate_pair(empty, empty), evaluate_pair(full, empty)]
    assert mean_metrics(cases)["dice"] == pytest.approx(0.5)
    assert undefined_counts(cases)["dice"] == 1
    assert cases[0].true_ml == pytest.approx(0.001)
    assert cases[2].false_positives == 1


def test_a_difference_that_is_always_there_is_told_and_noise_is_not() -> None:
    rng = np.random.default_rng(0)
    base = rng.uniform(0.3, 0.7, 12)
    clear = compare_paired(base + 0.05 + rng.normal(0, 0.01, 12), base)
    assert clear.verdict == "higher"
    assert clear.p == pytest.approx(2 / 2**12)
    noise = compare_paired(base + np.array([0.05, -0.05] * 6), base)
    assert noise.verdict == "cannot be told apart"
    assert compare_paired([0.5], [0.4]).verdict == "cannot be told apart"
    assert compare_paired([math.nan, 0.5, 0.6], [0.1, 0.4, 0.5]).pairs == 2


def test_bootstrap_and_holm_by_hand() -> None:
    low, high = bootstrap_interval([0.0, 1.0] * 50)
    assert 0.38 < low < 0.42
    assert 0.58 < high < 0.62
    assert math.isnan(bootstrap_interval([1.0])[0])
    assert holm([0.01, 0.04, 0.03]) == pytest.approx((0.03, 0.06, 0.06))


def test_the_bootstrap_agrees_with_scipy() -> None:
    values = np.random.default_rng(3).beta(5, 1.2, 40)
    expected = stats.bootstrap((values,), np.mean, n_resamples=5000, method="BCa", rng=np.random.default_rng(0))
    low, high = bootstrap_interval(list(values))
    assert low == pytest.approx(expected.confidence_interval.low, abs=0.006)
    assert high == pytest.approx(expected.confidence_interval.high, abs=0.006)
    assert low < values.mean() < high
    assert bootstrap_interval([0.7] * 10) == pytest.approx((0.7, 0.7))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(-4, 4), min_size=1, max_size=9))
def test_sign_flips_agree_with_trying_them_all(differences: list[int]) -> None:
    observed = abs(sum(differences))
    flipped = [
        abs(sum(sign * one for sign, one in zip(signs, differences, strict=True)))
        for signs in itertools.product((1, -1), repeat=len(differences))
    ]
    expected = sum(total >= observed for total in flipped) / len(flipped)
    assert compare_paired(differences, [0.0] * len(differences)).p == pytest.approx(expected)


def test_twenty_pairs_are_flipped_exactly_and_more_by_chance() -> None:
    assert compare_paired([1.0] * 20, [0.0] * 20).p == pytest.approx(2 / 2**20)
    assert compare_paired([1.0] * 21, [0.0] * 21).p == pytest.approx(1 / 10_001)


def test_the_intensity_baseline_finds_the_channel_the_side_and_the_threshold() -> None:
    rng = np.random.default_rng(0)
    grid = Grid.from_spacing((2, 20, 20))
    mask = Mask.empty(grid)
    mask.labels[0, 3:6, 3:6] = 1
    voxels = rng.normal(100, 5, (2, *grid.shape)).astype(np.float32)
    voxels[1][mask.labels == 1] = 20
    volume = Volume(voxels=voxels, grid=grid, channels=("a", "b"))
    rule = fit_intensity_rule([(volume, mask)])
    assert (rule.channel, rule.bright) == (1, False)
    assert apply_intensity_rule(rule, volume, mask).dice == 1.0
