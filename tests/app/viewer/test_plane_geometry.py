"""Which voxel lies under which pixel, worked out by hand on a grid of 2 planes, 3 rows and 4 columns."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.viewer.plane_geometry import Plane, PlaneGeometry, Sides, place_in_words, slice_in_words
from segcore.geometry import Box, Grid, reorder

GRID = Grid.from_spacing((2, 3, 4), (5.0, 2.0, 1.0))


def geometry(plane: Plane, grid: Grid = GRID) -> PlaneGeometry:
    return PlaneGeometry(plane=plane, grid=grid)


def test_axial_pictures_lie_as_stored_and_the_others_have_the_head_on_top() -> None:
    array = np.arange(24).reshape(2, 3, 4)
    assert geometry(Plane.AXIAL).picture(array, 1).tolist() == array[1].tolist()
    assert geometry(Plane.CORONAL).picture(array, 2).tolist() == [array[1, 2].tolist(), array[0, 2].tolist()]
    assert geometry(Plane.SAGITTAL).picture(array, 3).tolist() == [array[1, :, 3].tolist(), array[0, :, 3].tolist()]


def test_sides_follow_the_radiological_convention() -> None:
    assert geometry(Plane.AXIAL).sides == Sides(left="R", right="L", top="A", bottom="P")
    assert geometry(Plane.CORONAL).sides == Sides(left="R", right="L", top="S", bottom="I")
    assert geometry(Plane.SAGITTAL).sides == Sides(left="A", right="P", top="S", bottom="I")


def test_nothing_is_said_about_sides_where_nothing_is_known() -> None:
    grid = Grid.from_spacing((1, 3, 4), calibrated=False)
    assert geometry(Plane.AXIAL, grid).sides == Sides(left="", right="", top="", bottom="")
    assert place_in_words(grid, (0, 1, 1)) == ""
    assert slice_in_words(grid, Plane.AXIAL, (0, 1, 1)) == ""


def test_shapes_and_pixels_follow_the_spacing() -> None:
    assert [geometry(plane).shape for plane in Plane] == [(3, 4), (2, 4), (2, 3)]
    assert [geometry(plane).pixel_mm for plane in Plane] == [(2.0, 1.0), (5.0, 1.0), (5.0, 2.0)]
    assert [geometry(plane).slices for plane in Plane] == [2, 3, 4]


def test_the_top_left_pixel_of_a_turned_plane_is_the_highest_voxel() -> None:
    assert geometry(Plane.CORONAL).voxel_at(0.5, 0.5, 2) == (1, 2, 0)
    assert geometry(Plane.SAGITTAL).voxel_at(1.9, 2.1, 3) == (0, 2, 3)
    assert geometry(Plane.AXIAL).voxel_at(-0.1, 4.2, 1) == (1, -1, 4)


@given(st.sampled_from(Plane), st.integers(0, 1), st.integers(0, 2), st.integers(0, 3))
def test_every_voxel_is_found_again_through_its_pixel(plane: Plane, p: int, r: int, c: int) -> None:
    lies = geometry(plane)
    row, column = lies.pixel_of((p + 0.5, r + 0.5, c + 0.5))
    assert lies.voxel_at(row, column, (p, r, c)[plane]) == (p, r, c)
    marked = np.zeros(GRID.shape, dtype=bool)
    marked[p, r, c] = True
    assert lies.picture(marked, (p, r, c)[plane])[int(row), int(column)]


@given(st.sampled_from(Plane), st.data())
def test_a_box_and_its_part_of_the_picture_hold_the_same_voxels(plane: Plane, data: st.DataObject) -> None:
    start = tuple(data.draw(st.integers(-1, n - 1)) for n in GRID.shape)
    stop = tuple(data.draw(st.integers(a + 1, n + 1)) for a, n in zip(start, GRID.shape, strict=True))
    index = data.draw(st.integers(0, GRID.shape[plane] - 1))
    lies, box = geometry(plane), Box(start, stop)  # type: ignore[arg-type]
    marked = np.zeros(GRID.shape, dtype=bool)
    marked[box.clipped(GRID.shape).slices] = True
    expected = lies.picture(marked, index)
    found = np.zeros(lies.shape, dtype=bool)
    rect = lies.rect_of(box, index)
    if rect is not None:
        found[rect] = True
    assert expected.tolist() == found.tolist()


@pytest.mark.parametrize("plane", Plane)
def test_flags_drawn_on_a_picture_become_the_voxels_below_them(plane: Plane) -> None:
    lies = geometry(plane)
    flags = np.zeros((2, 2), dtype=bool)
    flags[0, 1] = True  # the pixel at row 0, column 1 of a stamp whose first pixel is (0, 1)
    box, where = lies.box_of((0, 1), flags, 1)
    marked = np.zeros(GRID.shape, dtype=bool)
    marked[box.slices] = where
    assert np.argwhere(lies.picture(marked, 1)).tolist() == [[0, 2]]


def test_places_are_told_in_the_patients_directions() -> None:
    assert place_in_words(GRID, (1, 2, 3)) == "L 3.0  P 4.0  S 5.0 mm"
    assert slice_in_words(GRID, Plane.CORONAL, (1, 2, 3)) == "P 4.0 mm"
    moved = Grid(GRID.shape, np.array([[0, 0, 1, -10], [0, 2, 0, 0], [5, 0, 0, -50], [0, 0, 0, 1.0]]))
    assert place_in_words(moved, (0, 0, 0)) == "R 10.0  A 0.0  I 50.0 mm"


def test_a_scan_with_a_flipped_affine_is_seen_the_same_way_up() -> None:
    """The same patient stored from left to right: after `canonical`, pixels, letters and places agree."""
    array = np.arange(24).reshape(2, 3, 4)
    flipped = Grid(GRID.shape, GRID.affine @ np.diag([1, 1, -1, 1]) + np.array([[0, 0, 0, 3.0]] + [[0] * 4] * 3))
    stored = array[:, :, ::-1]
    canonical = flipped.canonical()
    upright = reorder(stored, flipped, canonical)
    assert upright.tolist() == array.tolist()
    assert geometry(Plane.AXIAL, canonical).sides == geometry(Plane.AXIAL).sides
    assert place_in_words(canonical, (1, 2, 3)) == place_in_words(GRID, (1, 2, 3))
