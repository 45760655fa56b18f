"""Greys, worked out by hand and against exact arithmetic."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.viewer.window_presets import automatic, looks_like_hounsfield, presets_for, sample_of
from app.viewer.windowing import Window, displayable, to_grey


def test_black_below_white_above_and_the_middle_between() -> None:
    pixels = np.array([[-1000, 0, 50, 100, 3000]], dtype=np.int16)
    assert to_grey(pixels, Window(0, 100)).tolist() == [[0, 0, 127, 255, 255]]
    assert to_grey(pixels, Window(0, 100), inverted=True).tolist() == [[255, 255, 128, 0, 0]]


@pytest.mark.parametrize("dtype", [np.int16, np.uint16])
@given(st.data())
def test_whole_numbers_are_windowed_within_two_greys_of_exact_arithmetic(
    dtype: type[np.integer], data: st.DataObject
) -> None:
    limits = np.iinfo(dtype)
    low = data.draw(st.integers(limits.min, limits.max - 2))
    high = data.draw(st.integers(low + 1, limits.max))
    pixels = np.sort(
        np.array([data.draw(st.lists(st.integers(limits.min, limits.max), min_size=1, max_size=40))], dtype)
    )
    grey = to_grey(pixels, Window(low, high)).astype(int)
    exact = np.clip((pixels.astype(float) - low) / (high - low), 0, 1) * 255
    assert np.abs(grey - exact).max() <= 2.0
    assert (np.diff(grey) >= 0).all()


def test_photographs_come_out_as_they_are() -> None:
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert to_grey(displayable(pixels), Window(0, 255)).tolist() == pixels.tolist()


def test_what_is_not_a_number_is_black_and_infinity_is_the_end() -> None:
    pixels = np.array([[np.nan, -np.inf, np.inf, 0.5]], dtype=np.float32)
    assert to_grey(pixels, Window(0, 1)).tolist() == [[0, 0, 255, 127]]


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("uint8", "int16"),
        ("int8", "int16"),
        ("bool", "int16"),
        ("int16", "int16"),
        ("uint16", "uint16"),
        ("int32", "float32"),
        ("float64", "float32"),
        ("float16", "float32"),
    ],
)
def test_slices_are_copied_in_a_type_that_is_fast(source: str, shown: str) -> None:
    pixels = np.ones((3, 4), dtype=source).T
    copy = displayable(pixels)
    assert (copy.dtype, copy.shape, copy.flags.c_contiguous) == (np.dtype(shown), (4, 3), True)
    assert not np.shares_memory(copy, pixels)


def test_a_drag_to_the_right_widens_and_down_darkens() -> None:
    assert Window(0, 100).dragged(10, 5, 2.0) == Window(0.0, 120.0)
    assert Window(0, 100).dragged(-1000, 0, 2.0).width == 2.0


def test_the_automatic_window_ignores_the_background_and_a_few_hot_voxels() -> None:
    voxels = np.zeros((10, 100, 100), dtype=np.int16)
    voxels[:, 30:70, 30:70] = np.random.default_rng(1).normal(500, 50, (10, 40, 40)).astype(np.int16)
    voxels[0, 50, 50] = 30000
    window = automatic(sample_of(voxels))
    assert 20 <= window.low <= 40
    assert 600 <= window.high <= 680


def test_a_constant_scan_gets_a_window_too() -> None:
    assert automatic(sample_of(np.full((2, 5, 5), 7, dtype=np.int16))) == Window(6.5, 7.5)
    assert automatic(np.zeros(0, dtype=np.float32)) == Window(0.0, 1.0)


def test_ct_presets_are_offered_only_where_values_look_like_hounsfield_units() -> None:
    ct = np.full((10, 40, 40), -1000, dtype=np.int16)
    ct[:, 10:30, 10:30] = np.random.default_rng(1).normal(40, 20, (10, 20, 20)).astype(np.int16)
    assert presets_for(ct)[0].text == "CT soft tissue"
    assert [p.text for p in presets_for(ct)][1:6] == ["CT brain", "CT subdural", "CT bone", "CT lung", "CT liver"]
    assert presets_for(ct)[1].window == Window(0.0, 80.0)
    mr = (ct + 1000).astype(np.int16)
    assert [p.text for p in presets_for(mr)] == ["Automatic", "Full range"]
    assert not looks_like_hounsfield(sample_of(ct.astype(np.float32) + 0.25), np.dtype(np.float32))
    assert presets_for(np.zeros((1, 9, 9), dtype=np.uint8))[0].text == "As stored"
