import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from segcore.metrics.matching import Instances, brats_lesion_dice, cell_dice, panoptic_score

FLAGS = arrays(np.bool_, (2, 6, 7), elements=st.sampled_from([False, False, False, True]))
CUBE = np.ones((3, 3, 3))


def plane(*boxes: tuple[int, int, int, int], shape: tuple[int, int] = (20, 30)) -> np.ndarray:
    result = np.zeros((1, *shape), bool)
    for top, left, bottom, right in boxes:
        result[0, top:bottom, left:right] = True
    return result


def test_instances_count_what_each_pair_has_in_common() -> None:
    labels = plane((1, 1, 4, 4), (10, 10, 12, 12)).astype(np.uint8)
    labels[0, 15, 15] = 255
    predicted = plane((2, 2, 5, 5), (15, 15, 16, 17))
    instances = Instances.of(predicted, labels)
    assert instances.true_sizes.tolist() == [9, 4]
    assert instances.predicted_sizes.tolist() == [9, 1]  # the unlabelled voxel is left out
    assert instances.common.tolist() == [[4, 0], [0, 0]]
    assert instances.found.tolist() == [True, False]
    assert instances.ious[0, 0] == pytest.approx(4 / 14)


def test_nothing_anywhere_has_no_panoptic_quality() -> None:
    nothing = Instances.of(plane(), plane().astype(np.uint8))
    assert math.isnan(panoptic_score(nothing).quality)
    alarm = Instances.of(plane((1, 1, 3, 3)), plane().astype(np.uint8))
    assert panoptic_score(alarm).quality == 0.0
    assert panoptic_score(alarm).counts.false_positives == 1


@settings(max_examples=60, deadline=None)
@given(FLAGS, FLAGS, st.sampled_from([0.1, 0.3, 0.5]))
def test_matching_is_the_best_of_all_matchings(predicted: np.ndarray, truth: np.ndarray, least: float) -> None:
    instances = Instances.of(predicted, truth.astype(np.uint8))
    ious = np.where(instances.ious >= least, instances.ious, 0)
    lesions, components = ious.shape
    if lesions > 4 or components > 4:
        return
    small, large = (ious, components) if lesions <= components else (ious.T, lesions)
    best = max(
        (sum(row[k] for row, k in zip(small, order, strict=False)) for order in itertools.permutations(range(large))),
        default=0.0,
    )
    assert panoptic_score(instances, least_iou=least).iou_sum == pytest.approx(best)


def brats_by_the_book(
    predicted: np.ndarray, truth: np.ndarray, *, voxel_mm3: float, dilations: int, least: float
) -> float:
    """The published script, in plain loops over the whole volume."""
    structure = ndimage.generate_binary_structure(3, 2)
    grow = lambda flags: ndimage.binary_dilation(flags, structure, dilations) if dilations else flags  # noqa: E731
    components, count = ndimage.label(predicted, CUBE)
    merged, lesions = ndimage.label(grow(truth), CUBE)
    own_of = merged * truth
    total, scored, matched = 0.0, 0, set()
    for lesion in range(1, lesions + 1):
        own = own_of == lesion
        touched = set(np.unique(components[grow(own)])) - {0}
        matched |= touched
        if own.sum() * voxel_mm3 <= least:
            continue
        together = np.isin(components, list(touched))
        total += 2 * (together & own).sum() / (together.sum() + own.sum())
        scored += 1
    below = scored + count - len(matched)
    return total / below if below else 1.0


@settings(max_examples=80, deadline=None)
@given(FLAGS, FLAGS, st.sampled_from([0, 1, 3]), st.sampled_from([0.0, 2.0]))
def test_the_brats_rule_is_that_of_its_script(
    predicted: np.ndarray, truth: np.ndarray, dilations: int, least: float
) -> None:
    mine = brats_lesion_dice(predicted, truth.astype(np.uint8), voxel_mm3=1.0, dilations=dilations, least_mm3=least)
    assert mine == pytest.approx(brats_by_the_book(predicted, truth, voxel_mm3=1.0, dilations=dilations, least=least))


def test_the_brats_rule_by_hand() -> None:
    truth = plane((2, 2, 5, 5), (2, 8, 5, 11), (14, 2, 16, 4))  # two that grow together, and a small one
    predicted = plane((2, 2, 5, 5), (15, 3, 16, 4), (10, 25, 12, 27))  # one half, in the small one, a false alarm
    score = brats_lesion_dice(predicted, truth.astype(np.uint8), voxel_mm3=10.0)
    # 18 voxels of 180 mm³ of which 9 were found: 2·9/27; the small one (40 mm³) is not scored; one false alarm.
    assert score == pytest.approx((2 * 9 / 27) / 2)
    assert brats_lesion_dice(plane(), plane().astype(np.uint8), voxel_mm3=1.0) == 1.0
    assert brats_lesion_dice(predicted, plane().astype(np.uint8), voxel_mm3=1.0) == 0.0


@settings(max_examples=60, deadline=None)
@given(FLAGS, FLAGS)
def test_cells_belong_to_the_nearest_lesion(predicted: np.ndarray, truth: np.ndarray) -> None:
    spacing = (3.0, 1.0, 1.1)
    mine = cell_dice(predicted, truth.astype(np.uint8), spacing=spacing)
    lesions, count = ndimage.label(truth, CUBE)
    if not count:
        assert math.isnan(mine)
        return
    away = np.stack([ndimage.distance_transform_edt(lesions != n, sampling=spacing) for n in range(1, count + 1)])
    if ((np.isclose(away, away.min(axis=0))).sum(axis=0) > 1)[predicted].any():
        return  # as near to two lesions: either is right
    cell = away.argmin(axis=0)
    scores = []
    for n in range(count):
        said, true = predicted & (cell == n), lesions == n + 1
        scores.append(2 * (said & true).sum() / (said.sum() + true.sum()))
    assert mine == pytest.approx(np.mean(scores))


def test_a_false_alarm_is_charged_to_the_lesion_next_to_it() -> None:
    truth = plane((2, 2, 4, 4), (2, 20, 12, 30)).astype(np.uint8)
    predicted = plane((2, 2, 4, 4), (2, 20, 12, 30), (5, 2, 7, 4))
    assert cell_dice(predicted, truth, spacing=(1, 1, 1)) == pytest.approx((2 * 4 / 12 + 1) / 2)


@settings(max_examples=30, deadline=None)
@given(FLAGS, FLAGS)
def test_panoptic_quality_agrees_with_panoptica(predicted: np.ndarray, truth: np.ndarray) -> None:
    panoptica = pytest.importorskip("panoptica", reason="panoptica is not installed: its oracle is skipped")
    instances = Instances.of(predicted, truth.astype(np.uint8))
    if not instances.true_sizes.size or not instances.predicted_sizes.size:
        return  # its conventions for empties are others
    evaluator = panoptica.Panoptica_Evaluator(
        expected_input=panoptica.InputType.SEMANTIC,
        instance_approximator=panoptica.ConnectedComponentsInstanceApproximator(),
        instance_matcher=panoptica.NaiveThresholdMatching(),
    )
    theirs = evaluator.evaluate(predicted.astype(np.uint8), truth.astype(np.uint8))["ungrouped"]
    mine = panoptic_score(instances)
    assert (theirs.tp, theirs.fp, theirs.fn) == (
        mine.counts.found,
        mine.counts.false_positives,
        mine.counts.true_lesions - mine.counts.found,
    )
    assert theirs.rq == pytest.approx(mine.recognition)
    if mine.counts.found:
        assert theirs.pq == pytest.approx(mine.quality)
