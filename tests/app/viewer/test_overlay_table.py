"""Codes, colours and borders, worked out by hand."""

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from app.viewer.outline import outline
from app.viewer.overlay_table import (
    CODES,
    HIDDEN,
    MASK,
    PREDICTED,
    REFERENCE,
    OverlayLook,
    OverlayStyle,
    blend,
    codes_of,
    colour_table,
    fuse,
)

STYLE = OverlayStyle(look=OverlayLook.FILL, opacity=0.5, mask=(200, 100, 0), prediction=(0, 0, 255))


def test_codes_name_foreground_and_unlabelled() -> None:
    assert codes_of(np.array([[0, 1, 255]], dtype=np.uint8)).tolist() == [[0, MASK, HIDDEN]]


def test_a_grey_without_code_keeps_its_grey_and_a_mask_tints_it() -> None:
    table = colour_table(STYLE)
    assert hex(table[100]) == "0xff646464"
    assert hex(table[MASK << 8 | 100]) == "0xff966432"  # half of (100, 100, 100) and half of (200, 100, 0)
    # Half blue over the mask's tint: (150, 100, 50) -> (75, 50, 152.5).
    assert hex(table[(MASK | PREDICTED) << 8 | 100]) in ("0xff4b3298", "0xff4b3299")


def test_outlines_alone_leave_the_grey_and_hidden_layers_too() -> None:
    for style in (
        replace(STYLE, look=OverlayLook.OUTLINE),
        replace(STYLE, shows_mask=False, shows_prediction=False, shows_reference=False),
    ):
        table = colour_table(style).reshape(CODES, 256)
        assert all((table[code] == table[0]).all() for code in (MASK, PREDICTED, REFERENCE))


def test_unlabelled_areas_are_tinted_even_where_only_outlines_are_drawn() -> None:
    table = colour_table(replace(STYLE, look=OverlayLook.OUTLINE)).reshape(CODES, 256)
    assert (table[HIDDEN] != table[0]).any()


@given(
    npst.arrays(np.uint8, (70, 3), elements=st.integers(0, 255)),
    npst.arrays(np.uint8, (70, 3), elements=st.integers(0, CODES - 1)),
)
def test_a_grey_picture_and_a_photograph_of_the_same_greys_look_the_same(grey: np.ndarray, codes: np.ndarray) -> None:
    one, other = np.zeros((70, 3), dtype=np.uint32), np.zeros((70, 3), dtype=np.uint32)
    fuse(grey, codes, colour_table(STYLE), one)
    blend((grey, grey, grey), codes, STYLE, other)
    for shift in (0, 8, 16, 24):  # rounding may differ by one
        a, b = ((picture >> shift & 255).astype(int) for picture in (one, other))
        assert np.abs(a - b).max() <= 1


def test_a_photograph_keeps_its_colours() -> None:
    red, green, blue = (np.full((1, 2), value, dtype=np.uint8) for value in (10, 20, 30))
    out = np.zeros((1, 2), dtype=np.uint32)
    blend((red, green, blue), np.array([[0, MASK]], dtype=np.uint8), STYLE, out)
    assert [hex(v) for v in out[0]] == ["0xff0a141e", "0xff693c0f"]


def test_the_border_of_a_block_is_four_lines() -> None:
    flags = np.zeros((5, 6), dtype=bool)
    flags[1:3, 2:5] = True
    assert sorted(outline(flags).tolist()) == [[1, 2, 1, 5], [1, 2, 3, 2], [1, 5, 3, 5], [3, 2, 3, 5]]


def test_the_edge_of_the_picture_counts_as_border() -> None:
    assert sorted(outline(np.ones((1, 1), dtype=bool)).tolist()) == [
        [0, 0, 0, 1],
        [0, 0, 1, 0],
        [0, 1, 1, 1],
        [1, 0, 1, 1],
    ]
    assert outline(np.zeros((4, 4), dtype=bool)).shape == (0, 4)


@given(npst.arrays(bool, (6, 7)))
def test_the_border_is_as_long_as_the_number_of_unequal_neighbours(flags: np.ndarray) -> None:
    framed = np.pad(flags, 1)
    steps = np.count_nonzero(framed[1:] != framed[:-1]) + np.count_nonzero(framed[:, 1:] != framed[:, :-1])
    lines = outline(flags)
    assert int(np.abs(lines[:, 2:] - lines[:, :2]).sum()) == steps
