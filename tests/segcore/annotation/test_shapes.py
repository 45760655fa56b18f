import numpy as np
import pytest

from segcore.annotation.shapes import ball, disc, polygon


def test_a_ball_holds_the_voxels_within_its_radius() -> None:
    assert ball((1.0, 1.0, 1.0)).sum() == 7
    assert ball((0.0, 1.0, 1.0)).shape == (1, 3, 3)
    assert disc((2.0, 2.0)).sum() == 13
    assert disc((0.0, 0.0)).sum() == 1
    assert ball((1.0, 3.0, 3.0)).shape == (3, 7, 7)


def test_a_polygon_fills_its_inside() -> None:
    flags = polygon(np.array([[1.0, 1.0], [1.0, 4.0], [4.0, 4.0], [4.0, 1.0]]), (6, 6))
    assert flags.sum() == 16
    assert flags[1:5, 1:5].all()
    assert polygon(np.array([[2.0, 3.0]]), (6, 6)).sum() == 1


def test_a_radius_in_millimetres_becomes_an_ellipsoid_of_voxels() -> None:
    # 3 mm planes, 1 mm pixels, radius 4 mm: one plane above and below, of radius sqrt(16 - 9) = 2.6 pixels.
    flags = ball((4 / 3, 4.0, 4.0))
    assert flags.shape == (3, 9, 9)
    assert np.flatnonzero(flags[0].any(axis=0)).tolist() == [2, 3, 4, 5, 6]
    assert np.array_equal(flags[0], flags[2])


def test_a_shared_stamp_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="read-only"):
        ball((2.0, 2.0, 2.0))[0, 0, 0] = True


def test_a_polygon_that_crosses_itself_leaves_out_what_is_inside_twice() -> None:
    outer = [[0, 0], [0, 20], [20, 20], [20, 0], [0, 0]]
    inner = [[5, 5], [5, 15], [15, 15], [15, 5], [5, 5]]
    flags = polygon(np.array([*outer, *inner], dtype=float), (21, 21))
    assert flags[2, 10]
    assert not flags[10, 10]


def test_a_polygon_may_lie_partly_or_wholly_outside() -> None:
    assert polygon(np.array([[-5.0, -5.0], [-5.0, 2.0], [2.0, 2.0], [2.0, -5.0]]), (6, 6)).sum() == 9
    assert polygon(np.array([[20.0, 20.0], [20.0, 30.0], [30.0, 30.0]]), (6, 6)).sum() == 0
    assert polygon(np.zeros((0, 2)), (6, 6)).sum() == 0


def test_corners_between_pixels_are_moved_to_the_nearest_one_on_every_side() -> None:
    expected = np.zeros((8, 8), bool)
    expected[2:6, 2:6] = True
    for off in (-0.4, 0.0, 0.4):
        corners = np.array([[2.0, 2.0], [2.0, 5.0], [5.0, 5.0], [5.0, 2.0]]) + off
        assert np.array_equal(polygon(corners, (8, 8)), expected)
