"""Greys in whole numbers are those of floating point, give or take what nobody sees."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.viewer.greys import grey_of
from app.viewer.rendering import Window, window_to_grey

ALL = np.arange(65_536, dtype=np.uint16)


@given(
    st.sampled_from([np.int16, np.uint16]),
    st.floats(-40_000, 70_000),
    st.floats(0, 70_000),
)
def test_greys_of_sixteen_bits_differ_by_at_most_two_of_255(kind: type[np.generic], low: float, width: float) -> None:
    values = np.sort(ALL.view(kind))
    window = Window(low=low, high=low + width)
    found = grey_of(values, window).astype(int)
    assert np.abs(found - window_to_grey(values, window.low, window.high)).max() <= 2
    assert (np.diff(found) >= 0).all()


@pytest.mark.parametrize(
    ("value", "grey"),
    # The window -160..240 is 400 wide: 204 / 400 of the way up is 130 of 255, and 240 is white but for rounding.
    [(-32_768, 0), (-160, 0), (44, 130), (240, 254), (32_767, 254)],
)
def test_a_soft_tissue_window_by_hand(value: int, grey: int) -> None:
    assert grey_of(np.array([value], np.int16), Window(low=-160, high=240))[0] in (grey, grey - 1)


@pytest.mark.parametrize("kind", [np.int16, np.uint16])
def test_narrow_windows_and_ends_beyond_the_type_are_exact(kind: type[np.generic]) -> None:
    values = ALL.view(kind)
    for window in (Window(low=-100, high=-20), Window(low=0, high=0), Window(low=-40_000, high=70_000)):
        assert np.array_equal(grey_of(values, window), window_to_grey(values, window.low, window.high))


def test_samples_of_a_larger_array_are_not_changed_by_looking_at_them() -> None:
    values = np.arange(10_000, dtype=np.int16).reshape(100, 100)
    kept = values.copy()
    assert grey_of(values[::2, ::3], Window(low=0, high=5_000)).shape == (50, 34)
    assert np.array_equal(values, kept)


def test_values_of_other_types_are_not_rounded() -> None:
    values = np.array([0.0, 0.25, 0.5, np.nan], np.float32)
    assert grey_of(values, Window(low=0, high=1)).tolist() == [0, 63, 127, 0]
