from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from segcore.metrics.lesion_sizes import SizeBin, recall_by_size
from segcore.metrics.lesions import lesion_detail


def test_quarters_by_hand() -> None:
    bins = recall_by_size([1, 2, 3, 4, 10, 20, 30, 40], [False, True, True, True, True, True, True, True])

    assert bins == (
        SizeBin(low=1, high=2, lesions=2, found=1),
        SizeBin(low=3, high=4, lesions=2, found=2),
        SizeBin(low=10, high=20, lesions=2, found=2),
        SizeBin(low=30, high=40, lesions=2, found=2),
    )
    assert [one.recall for one in bins] == [0.5, 1.0, 1.0, 1.0]


def test_lesions_of_one_size_are_one_group_and_none_are_none() -> None:
    assert recall_by_size([5, 5, 5], [True, False, False]) == (SizeBin(low=5, high=5, lesions=3, found=1),)
    assert recall_by_size([], []) == ()


@given(st.lists(st.tuples(st.integers(1, 50), st.booleans()), min_size=1))
def test_every_lesion_is_in_one_group_and_groups_do_not_overlap(lesions: list[tuple[int, bool]]) -> None:
    bins = recall_by_size([size for size, _ in lesions], [hit for _, hit in lesions])

    assert 1 <= len(bins) <= 4
    assert sum(one.lesions for one in bins) == len(lesions)
    assert sum(one.found for one in bins) == sum(hit for _, hit in lesions)
    assert all(a.high < b.low for a, b in pairwise(bins))


def test_each_lesion_of_a_scan_is_told_with_its_size() -> None:
    labels = np.zeros((1, 6, 12), np.uint8)
    labels[0, 1:3, 1:3] = 1  # four voxels, touched by one voxel of the prediction
    labels[0, 1, 6] = 1  # one voxel, missed
    labels[0, 4, 9:12] = 255  # unlabelled: no lesion, no false alarm
    predicted = np.zeros(labels.shape, bool)
    predicted[0, 2, 2:4] = True
    predicted[0, 5, 5] = True  # a false alarm
    predicted[0, 4, 9:12] = True

    detail = lesion_detail(predicted, labels)

    assert sorted(zip(detail.sizes, detail.found, strict=True)) == [(1, False), (4, True)]
    assert (detail.score.true_lesions, detail.score.found, detail.score.false_positives) == (2, 1, 1)
