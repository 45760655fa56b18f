"""Lesions of a mask and errors of a prediction, counted by hand."""

import math

import numpy as np
import pytest

from segcore.geometry import Box, Grid
from segcore.review.mask_lesions import ErrorKind, errors_of, lesions_of

GRID = Grid.from_spacing((4, 10, 12), (5.0, 1.0, 2.0))


def two_lesions() -> np.ndarray:
    labels = np.zeros(GRID.shape, np.uint8)
    labels[1, 2, 3] = 1  # one voxel
    labels[2:4, 6, 7:10] = 1  # two planes of three voxels
    return labels


def test_lesions_are_listed_by_volume_with_sizes_worked_out_by_hand() -> None:
    channel = np.zeros(GRID.shape, np.int16)
    channel[1, 2, 3] = -50
    channel[2, 6, 7:10] = (10, 20, 30)
    channel[3, 6, 7:10] = (40, 50, 60)
    large, small = lesions_of(two_lesions(), GRID, channel)
    assert (large.number, large.voxels, large.mean) == (1, 6, 35.0)
    assert large.volume_ml == pytest.approx(6 * 5.0 * 1.0 * 2.0 / 1000)
    # Outer corners: two planes of 5 mm, one row of 1 mm, three columns of 2 mm.
    assert large.longest_mm == pytest.approx(math.sqrt(10**2 + 1**2 + 6**2))
    assert large.box == Box((2, 6, 7), (4, 7, 10))
    assert (small.number, small.voxels, small.mean, small.centre) == (2, 1, -50.0, (1, 2, 3))
    assert small.longest_mm == pytest.approx(math.sqrt(5**2 + 1**2 + 2**2))


def test_touching_by_a_corner_is_one_lesion_and_unlabelled_is_none() -> None:
    labels = np.zeros(GRID.shape, np.uint8)
    labels[1, 2, 3] = labels[2, 3, 4] = 1
    labels[0, 0, 0] = 255
    assert [lesion.voxels for lesion in lesions_of(labels, GRID, np.ones(GRID.shape))] == [2]


def test_an_empty_mask_has_no_lesions_and_a_voxel_without_a_value_no_mean() -> None:
    assert lesions_of(np.zeros(GRID.shape, np.uint8), GRID, np.zeros(GRID.shape)) == ()
    channel = np.zeros(GRID.shape, np.float32)
    channel[1, 2, 3] = np.nan
    assert math.isnan(lesions_of(two_lesions(), GRID, channel)[1].mean)


def test_a_lesion_without_a_predicted_voxel_is_missed_and_a_finding_without_a_lesion_is_false() -> None:
    predicted = np.zeros(GRID.shape, np.bool_)
    predicted[3, 6, 9] = True  # touches the large lesion
    predicted[0, 9, 0:2] = True  # touches nothing
    errors = errors_of(two_lesions(), predicted, GRID)
    assert [(error.kind, error.centre, error.voxels) for error in errors] == [
        (ErrorKind.FALSE, (0, 9, 0), 2),
        (ErrorKind.MISSED, (1, 2, 3), 1),
    ]


def test_a_finding_where_nobody_labelled_is_no_error() -> None:
    labels = two_lesions()
    labels[0] = 255
    predicted = labels == 1
    predicted[0, 9, 0:2] = True
    assert errors_of(labels, predicted, GRID) == ()
    assert errors_of(np.zeros(GRID.shape, np.uint8), np.zeros(GRID.shape, np.bool_), GRID) == ()


def test_many_lesions_come_by_falling_size_and_equal_ones_in_the_order_of_the_scan() -> None:
    grid = Grid.from_spacing((40, 40, 40))
    labels = np.zeros(grid.shape, np.uint8)
    lengths = (3, 11, 7, 1, 7, 19, 13, 5, 7)
    for number, length in enumerate(lengths):
        labels[4 * number, 2 * number, 1 : 1 + length] = 1
    found = lesions_of(labels, grid, labels)
    assert [lesion.voxels for lesion in found] == sorted(lengths, reverse=True)
    assert [lesion.centre[0] for lesion in found if lesion.voxels == 7] == [8, 16, 32]
