"""Smaller copies, worked out by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.viewer.pyramid import Pooling, Pyramid, halved, level_for


def test_pixels_are_averaged_codes_united_and_probabilities_take_the_greatest() -> None:
    pixels = np.array([[1, 3, 8], [5, 7, 8]], dtype=np.int16)
    assert halved(pixels, Pooling.MEAN).tolist() == [[4, 8]]
    assert halved(pixels.astype(np.float32), Pooling.MEAN).tolist() == [[4.0, 8.0]]
    assert halved(pixels.astype(np.uint8), Pooling.UNION).tolist() == [[1 | 3 | 5 | 7, 8]]
    assert halved(np.array([[-128, -3]], dtype=np.int8), Pooling.GREATEST).tolist() == [[-3]]


def test_bright_bytes_do_not_overflow() -> None:
    assert halved(np.full((4, 4), 255, dtype=np.uint8), Pooling.MEAN).tolist() == [[255, 255], [255, 255]]
    assert halved(np.full((2, 2), -32768, dtype=np.int16), Pooling.MEAN).tolist() == [[-32768]]


def test_a_lesion_of_one_pixel_is_still_there_four_levels_up() -> None:
    codes = np.zeros((100, 131), dtype=np.uint8)
    codes[57, 99] = 1
    assert np.argwhere(Pyramid(codes, Pooling.UNION).level(4)).tolist() == [[3, 6]]


@given(st.data())
def test_refreshing_a_part_gives_the_same_as_making_all_levels_anew(data: st.DataObject) -> None:
    shape = (data.draw(st.integers(5, 40)), data.draw(st.integers(5, 40)))
    codes = np.zeros(shape, dtype=np.uint8)
    pyramid = Pyramid(codes, Pooling.UNION)
    pyramid.level(3)
    rows, columns = (sorted(data.draw(st.tuples(st.integers(0, n), st.integers(0, n)))) for n in shape)
    rect = (slice(*rows), slice(*columns))
    codes[rect] = 1
    pyramid.refresh(rect)
    fresh = Pyramid(codes.copy(), Pooling.UNION)
    assert all(np.array_equal(pyramid.level(n), fresh.level(n)) for n in range(4))


@pytest.mark.parametrize(("scale", "level"), [(8.0, 0), (1.0, 0), (0.8, 0), (0.5, 1), (0.24, 2), (0.1, 3)])
def test_the_level_comes_nearest_to_screen_pixels(scale: float, level: int) -> None:
    assert level_for(scale) == level
