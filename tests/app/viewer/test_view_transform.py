"""Zoom and pan, worked out by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.viewer.view_transform import ViewTransform, round_length


def fitted(pane: tuple[int, int] = (500, 300)) -> ViewTransform:
    return ViewTransform.fitted(pane, (100, 50), (2.0, 1.0))


def test_a_fitted_picture_keeps_its_proportions_in_millimetres() -> None:
    view = fitted()
    # 100 rows of 2 mm fill 96 % of 300 px: 1.44 px per mm.
    assert view.zoom == pytest.approx(1.44)
    assert view.scale == pytest.approx((2.88, 1.44))
    assert view.to_screen(50, 25) == pytest.approx((250, 150))


@given(st.floats(0, 500), st.floats(0, 300), st.floats(0.3, 5))
def test_what_lies_under_the_pointer_stays_there_while_zooming(x: float, y: float, factor: float) -> None:
    view = fitted()
    row, column = view.to_picture(x, y)
    inside = 0 <= row <= 100 and 0 <= column <= 50
    larger = view.zoomed(factor, x, y)
    if inside and 0 < larger.centre[0] < 100 and 0 < larger.centre[1] < 50:
        assert larger.to_screen(row, column) == pytest.approx((x, y), abs=1e-6)


def test_panning_moves_the_picture_with_the_hand_and_never_loses_it() -> None:
    view = fitted()
    x, y = view.to_screen(10, 10)
    assert view.panned(30, -20).to_screen(10, 10) == pytest.approx((x + 30, y - 20))
    assert view.panned(1e6, 1e6).centre == (0.0, 0.0)


def test_a_fitted_picture_stays_fitted_when_the_window_grows_and_a_zoomed_one_keeps_its_middle() -> None:
    view = fitted()
    assert view.resized((1000, 600)) == fitted((1000, 600))
    zoomed = view.zoomed(3, 250, 150)
    assert zoomed.resized((1000, 600)).zoom == zoomed.zoom
    assert zoomed.resized((1000, 600)).centre == zoomed.centre


def test_only_what_is_on_the_screen_is_visible() -> None:
    view = fitted().zoomed(10, 250, 150)
    rows, columns = view.visible()
    # 300 px of 28.8 px a row around row 50: rows 44 to 55; 500 px of 14.4 px around column 25: columns 7 to 42.
    assert (rows.start, rows.stop, columns.start, columns.stop) == (44, 56, 7, 43)
    rows, columns = view.visible(4)
    assert (rows.start, rows.stop, columns.start, columns.stop) == (11, 14, 1, 11)


@pytest.mark.parametrize(
    ("mm", "expected"), [(73, 50), (50, 50), (49, 20), (19, 10), (1.2, 1), (0.9, 0.5), (0.12, 0.1)]
)
def test_scale_bars_have_round_lengths(mm: float, expected: float) -> None:
    assert round_length(mm) == pytest.approx(expected)
