import numpy as np
import pytest

from segcore.annotation.adaptive import followed
from segcore.annotation.shapes import ball
from segcore.geometry import Box


def test_the_stamp_stops_at_an_edge_and_does_not_jump_over_it() -> None:
    voxels = np.zeros((1, 21, 21), np.int16)
    voxels[0, :, :10] = 100
    voxels[0, :, 11:] = 100  # a dark line of one voxel at column 10
    stamp = ball((0.0, 5.0, 5.0))
    flags = followed(voxels, Box((0, 5, 3), (1, 16, 14)), stamp, (0, 10, 8), 20.0)
    expected = stamp.copy()
    expected[:, :, 10 - 3 :] = False
    assert np.array_equal(flags, expected)


def test_one_odd_voxel_under_the_centre_does_not_decide() -> None:
    voxels = np.full((1, 11, 11), 100, np.int16)
    voxels[0, 5, 5] = 500
    stamp = ball((0.0, 2.0, 2.0))
    flags = followed(voxels, Box((0, 3, 3), (1, 8, 8)), stamp, (0, 5, 5), 10.0)
    assert np.array_equal(flags, stamp)


@pytest.mark.parametrize("centre", [(0, 0, 0), (2, 9, 9)])
def test_at_the_corner_of_the_scan_the_stamp_is_cut(centre: tuple[int, int, int]) -> None:
    voxels = np.zeros((3, 10, 10), np.float32)
    box = Box(tuple(c - 2 for c in centre), tuple(c + 3 for c in centre))  # type: ignore[arg-type]
    flags = followed(voxels, box, np.ones((5, 5, 5), bool), centre, 1.0)
    assert flags.sum() == 27


def test_a_centre_outside_the_scan_paints_nothing() -> None:
    voxels = np.zeros((1, 10, 10), np.int16)
    assert not followed(voxels, Box((0, 8, 8), (1, 13, 13)), np.ones((1, 5, 5), bool), (0, 10, 10), 1.0).any()
    assert not followed(voxels, Box((0, 20, 20), (1, 25, 25)), np.ones((1, 5, 5), bool), (0, 22, 22), 1.0).any()


def test_values_that_are_no_numbers_are_left_out() -> None:
    voxels = np.zeros((1, 5, 5), np.float32)
    voxels[0, 1, 1] = np.nan
    flags = followed(voxels, Box((0, 0, 0), (1, 5, 5)), np.ones((1, 5, 5), bool), (0, 2, 2), 1.0)
    assert flags.sum() == 24
