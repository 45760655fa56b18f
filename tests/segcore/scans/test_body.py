import numpy as np

from segcore.geometry import Box, Grid
from segcore.scans.body import air_level, body_box, finite
from segcore.scans.volume import Volume


def scan(values: np.ndarray) -> Volume:
    return Volume(voxels=values, grid=Grid.from_spacing(values.shape[1:]), channels=("c",))


def test_the_box_holds_what_is_brighter_than_air_with_a_small_margin() -> None:
    values = np.zeros((1, 12, 40, 40), np.int16)
    values[0, 4:8, 10:30, 12:20] = 100

    assert body_box(scan(values)) == Box((3, 8, 10), (9, 32, 22))


def test_a_scan_of_one_value_is_body_everywhere() -> None:
    assert body_box(scan(np.full((1, 2, 8, 8), 7, np.uint8))) == Box((0, 0, 0), (2, 8, 8))


def test_numbers_that_are_none_count_as_air() -> None:
    values = np.array([[np.nan, 2.0], [np.inf, 5.0]])
    np.testing.assert_array_equal(finite(values), [[2.0, 2.0], [2.0, 5.0]])


def test_air_ends_a_twentieth_above_the_darkest_value() -> None:
    sample = np.repeat(np.array([10.0, 110.0], np.float32), 500)
    assert air_level(sample) == 15.0
