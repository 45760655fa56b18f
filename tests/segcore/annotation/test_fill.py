import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from segcore.annotation.fill import flood_fill, lesion_at
from segcore.geometry import Box


@pytest.mark.parametrize(("axis", "count"), [(None, 18), (0, 9), (1, 6), (2, 6)])
def test_a_flood_fills_what_is_connected_and_alike(axis: int | None, count: int) -> None:
    voxels = np.zeros((4, 8, 8), np.int16)
    voxels[1:3, 2:5, 2:5] = 100
    voxels[1, 2, 2] = 104
    voxels[1:3, 7, 7] = 100
    box, flags = flood_fill(voxels, (1, 3, 3), 5.0, axis=axis)
    assert flags.sum() == count
    assert not box.is_empty


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10**6), st.sampled_from(["int16", "uint8", "float32"]), st.booleans())
def test_growing_the_search_finds_what_a_search_of_the_whole_scan_finds(number: int, kind: str, three_d: bool) -> None:
    rng = np.random.default_rng(number)
    voxels = rng.integers(0, 3, (20, 70, 130)).astype(kind)
    seed = (int(rng.integers(20)), int(rng.integers(70)), int(rng.integers(130)))
    box, flags = flood_fill(voxels, seed, 1.0, three_d=three_d)
    near = np.abs(voxels.astype(float) - float(voxels[seed])) <= 1.0
    if not three_d:
        near[: seed[0]] = near[seed[0] + 1 :] = False
    components, _ = ndimage.label(near)
    expected = components == components[seed]
    found = np.zeros_like(expected)
    found[box.slices] = flags
    assert np.array_equal(found, expected)
    assert box == Box.around(expected)


def test_a_long_thin_vessel_is_followed_to_its_end() -> None:
    voxels = np.zeros((3, 40, 2000), np.uint8)
    voxels[1, 20, :] = 200
    box, flags = flood_fill(voxels, (1, 20, 5), 10.0)
    assert (box, flags.sum()) == (Box((1, 20, 0), (2, 21, 2000)), 2000)


def test_a_fill_stays_within_its_box_and_a_seed_outside_fills_nothing() -> None:
    voxels = np.zeros((4, 10, 10), np.int16)
    box, flags = flood_fill(voxels, (1, 2, 2), 0.0, within=Box((0, 0, 0), (2, 5, 20)))
    assert (box, int(flags.sum())) == (Box((0, 0, 0), (2, 5, 10)), 100)
    for seed, axis in (((3, 2, 2), None), ((3, 2, 2), 0), ((1, 8, 2), 1)):
        box, flags = flood_fill(voxels, seed, 0.0, within=Box((0, 0, 0), (2, 5, 5)), axis=axis)
        assert box.is_empty
        assert flags.size == 0


def test_a_seed_that_is_not_a_number_fills_nothing_and_nan_is_never_filled() -> None:
    voxels = np.zeros((2, 8, 8), np.float32)
    voxels[0, 0, 0] = np.nan
    box, flags = flood_fill(voxels, (0, 0, 0), 1.0)
    assert box.is_empty
    assert flags.size == 0
    assert flood_fill(voxels, (1, 1, 1), 1.0)[1].sum() == 127


def test_a_tolerance_beyond_the_range_of_the_type_does_not_wrap_round() -> None:
    voxels = np.array([[[0, 250, 255]]], np.uint8)
    assert flood_fill(voxels, (0, 0, 1), 10.0)[1].sum() == 2
    assert flood_fill(voxels, (0, 0, 1), 1e9)[1].sum() == 3


def test_a_lesion_of_a_prediction_is_joined_by_corners_and_ends_below_its_threshold() -> None:
    steps = np.full((3, 40, 80), -30, np.int8)
    steps[1, 5:8, 5:8] = 20
    steps[2, 8, 8] = 10  # touches by a corner
    steps[1, 30, 30:75] = 127
    box, flags = lesion_at(steps, (1, 6, 6), 5)
    assert (box, int(flags.sum())) == (Box((1, 5, 5), (3, 9, 9)), 10)
    assert lesion_at(steps, (1, 6, 6), 15)[1].sum() == 9
    assert lesion_at(steps, (1, 6, 6), 5, axis=0)[1].sum() == 9
    assert lesion_at(steps, (1, 30, 40), 5)[1].sum() == 45
    for nowhere in ((0, 0, 0), (5, 0, 0), (-1, 6, 6)):
        assert lesion_at(steps, nowhere, 5)[0].is_empty
