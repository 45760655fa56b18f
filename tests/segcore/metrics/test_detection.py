import math

import numpy as np
import pytest

from segcore.metrics.detection import CPM_RATES, Candidates, froc, recall_by_size
from segcore.metrics.matching import Instances


def instances(sizes: list[int], found: list[bool]) -> Instances:
    common = np.array([[size if hit else 0] for size, hit in zip(sizes, found, strict=True)], np.int64).reshape(-1, 1)
    return Instances(
        true_sizes=np.array(sizes, np.int64), predicted_sizes=np.array([sum(sizes)], np.int64), common=common
    )


def test_recall_by_size_has_bins_of_as_many_lesions() -> None:
    cases = [instances([1, 2, 3, 4], [False, False, True, False]), instances([10, 20, 30, 40], [True] * 4)]
    bins = recall_by_size(cases)
    assert [(b.low, b.high, b.lesions, b.found) for b in bins] == [
        (1, 3, 3, 1),
        (4, 10, 2, 1),
        (20, 30, 2, 2),
        (40, 40, 1, 1),
    ]
    assert bins[0].recall == pytest.approx(1 / 3)
    assert sum(b.lesions for b in bins) == 8


def test_lesions_of_one_size_are_one_bin_and_none_are_none() -> None:
    assert [(b.low, b.high, b.lesions) for b in recall_by_size([instances([5] * 6, [True] * 6)])] == [(5, 5, 6)]
    assert recall_by_size([]) == ()
    assert recall_by_size([instances([], [])]) == ()


def steps_with(*findings: tuple[int, int, int]) -> np.ndarray:
    """Two voxels beside each other per finding: (row, column, score)."""
    steps = np.full((1, 30, 30), -100, np.int8)
    for row, column, score in findings:
        steps[0, row, column : column + 2] = (score, score - 1)
    return steps


def test_froc_by_hand() -> None:
    labels = np.zeros((1, 30, 30), np.uint8)
    labels[0, 5, 5:8] = 1
    labels[0, 20, 20:23] = 1
    # found at 30 and, by a second finding in the same lesion, at 10; a false alarm at 20; the second lesion at 5.
    first = Candidates.of(steps_with((5, 4, 30), (5, 7, 10), (10, 15, 20), (20, 20, 5)), labels)
    # a case without a lesion, with a false alarm at 25, a single voxel that is no candidate, and one left unlabelled
    steps = steps_with((3, 3, 25), (9, 9, 40))
    steps[0, 15, 15] = 90
    empty = np.zeros((1, 30, 30), np.uint8)
    empty[0, 9, :] = 255
    second = Candidates.of(steps, empty)
    assert sorted(second.scores.tolist()) == [25]

    curve = froc([first, second])
    assert curve.false_alarms.tolist() == [0.0, 0.0, 0.5, 1.0, 1.0, 1.0]
    assert curve.recall.tolist() == [0.0, 0.5, 0.5, 0.5, 0.5, 1.0]
    assert curve.recall_at(0.0) == 0.5
    assert curve.recall_at(0.9) == 0.5
    assert curve.recall_at(1.0) == 1.0
    assert curve.cpm == pytest.approx(np.mean([0.5 if rate < 1 else 1.0 for rate in CPM_RATES]))


def test_without_a_lesion_there_is_no_curve_and_without_a_finding_no_recall() -> None:
    empty = Candidates.of(steps_with((3, 3, 25)), np.zeros((1, 30, 30), np.uint8))
    assert math.isnan(froc([empty]).cpm)
    labels = np.zeros((1, 30, 30), np.uint8)
    labels[0, 4, 4] = 1
    assert froc([Candidates.of(steps_with(), labels)]).cpm == 0.0
