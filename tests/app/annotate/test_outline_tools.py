"""Polygon, lasso, box, livewire and cut, by real events, in every plane of an anisotropic scan."""

import numpy as np
import pytest
from PySide6.QtCore import Qt

from app.annotate.tools import Tool
from segcore.scans.components import count_lesions
from tests.app.annotate.scene import BLOCK, GRID, Scene, corners, look_through, rectangle, voxel_on

AXES = pytest.mark.parametrize("axis", [0, 1, 2])


@AXES
def test_corners_make_a_polygon_that_a_double_click_closes(scene: Scene, axis: int) -> None:
    look_through(scene, axis)
    scene.take(Tool.POLYGON)
    *first, last = corners(axis)
    for corner in first:
        scene.click(axis, corner)
    assert not scene.labels.any()
    scene.double_click(axis, last)
    assert np.array_equal(scene.labels, rectangle(axis))
    assert np.array_equal(scene.kept, rectangle(axis))
    scene.action("edit.undo").trigger()
    assert not scene.labels.any()


@AXES
def test_backspace_takes_a_corner_back_and_enter_closes(scene: Scene, axis: int) -> None:
    look_through(scene, axis)
    scene.take(Tool.POLYGON)
    a, b, c, d = corners(axis)
    index = round(a[axis])
    for corner in (a, b, voxel_on(axis, index, 0, 0), voxel_on(axis, index, 1, 1)):
        scene.click(axis, corner)
    scene.key(Qt.Key.Key_Backspace)
    scene.key(Qt.Key.Key_Backspace)
    for corner in (c, d):
        scene.click(axis, corner)
    scene.key(Qt.Key.Key_Return)
    assert np.array_equal(scene.labels, rectangle(axis))


def test_escape_another_tool_another_pane_and_another_slice_drop_the_outline(scene: Scene) -> None:
    def begin() -> None:
        scene.take(Tool.POLYGON)
        for corner in corners(0):
            scene.click(0, corner)
        assert len(scene.panel.view.shape) == 4

    look_through(scene, 0)
    for drop in (
        lambda: scene.key(Qt.Key.Key_Escape),
        lambda: scene.take(Tool.LASSO),
        lambda: scene.click(1, (4, 14, 21)),
        lambda: scene.panel.view.scroll_by(0, 1),
        lambda: scene.action("next").trigger(),
    ):
        begin()
        drop()
        scene.panel.pointer.hand.close()
        assert not scene.labels.any()
        scene.panel.pointer.cancel()
        look_through(scene, 0)


def test_with_shift_an_outline_erases(scene: Scene) -> None:
    scene.labels[BLOCK] = 1
    look_through(scene, 0)
    scene.take(Tool.POLYGON)
    for corner in corners(0):
        scene.click(0, corner, shift=True)
    scene.key(Qt.Key.Key_Return)
    assert not (scene.labels & rectangle(0)).any()
    assert scene.labels.sum() == 4 * 10 * 15 - 8 * 12  # rows 12 to 19, columns 18 to 29 of one plane


@AXES
def test_a_lasso_is_drawn_in_one_go_and_closed_by_letting_go(scene: Scene, axis: int) -> None:
    look_through(scene, axis)
    scene.take(Tool.LASSO)
    a, b, c, d = (np.array(corner) for corner in corners(axis))
    way = [tuple(p + (q - p) * t / 4) for p, q in ((a, b), (b, c), (c, d), (d, a)) for t in range(4)]
    scene.drag(axis, way)  # type: ignore[arg-type]
    assert np.array_equal(scene.labels, rectangle(axis))


@AXES
def test_a_box_is_dragged_or_clicked_at_two_corners(scene: Scene, axis: int) -> None:
    look_through(scene, axis)
    scene.take(Tool.BOX)
    a, _, c, _ = corners(axis)
    scene.drag(axis, [a, c])
    assert np.array_equal(scene.labels, rectangle(axis))
    scene.drag(axis, [c, a], shift=True)
    assert not scene.labels.any()
    scene.click(axis, a)
    scene.hover(axis, c)
    assert len(scene.panel.view.shape) == 5
    scene.click(axis, c)
    assert np.array_equal(scene.labels, rectangle(axis))


@AXES
def test_the_livewire_follows_the_edge_of_the_block(scene: Scene, axis: int) -> None:
    """Four clicks near the block's corners: what lies a voxel inside the edge is in, what lies a voxel outside is not."""
    look_through(scene, axis)
    scene.take(Tool.LIVEWIRE)
    index = (4, 14, 21)[axis]
    (a, b), (c, d) = (
        (s.start, s.stop - 1) for s in (BLOCK[other] for other in range(3) if other != axis)
    )  # first and last voxel of the block along the two axes of the slice
    for place in ((a, c), (a, d), (b, d), (b, c)):
        scene.click(axis, voxel_on(axis, index, *place))
    scene.key(Qt.Key.Key_Return)
    drawn = np.moveaxis(scene.labels, axis, 0)
    assert not np.delete(drawn, index, axis=0).any()
    assert drawn[index, a + 1 : b, c + 1 : d].all()
    outside = drawn[index].copy()
    outside[a - 1 : b + 2, c - 1 : d + 2] = 0
    assert not outside.any()


def test_the_livewire_shows_where_it_would_go_and_takes_a_click_back(scene: Scene) -> None:
    look_through(scene, 0)
    scene.take(Tool.LIVEWIRE)
    scene.click(0, (4, 10, 15))
    scene.click(0, (4, 10, 29))
    length = len(scene.panel.view.shape)
    scene.hover(0, (4, 19, 29))
    assert len(scene.panel.view.shape) > length
    scene.key(Qt.Key.Key_Backspace)
    assert scene.panel.view.shape == [(10.0, 15.0)]
    scene.key(Qt.Key.Key_Backspace)
    assert scene.panel.view.shape == []
    scene.click(0, (4, 5, 5))
    assert scene.panel.view.shape == [(5.0, 5.0)]


@AXES
def test_a_line_parts_a_lesion_in_its_slice(scene: Scene, axis: int) -> None:
    scene.labels[BLOCK] = 1
    look_through(scene, axis)
    scene.take(Tool.CUT)
    index = (4, 14, 21)[axis]
    second = [other for other in range(3) if other != axis][1]
    middle = (BLOCK[second].start + BLOCK[second].stop) // 2
    first_length = GRID.shape[next(other for other in range(3) if other != axis)]
    scene.drag(axis, [voxel_on(axis, index, 0, middle), voxel_on(axis, index, first_length - 1, middle)])
    expected = np.zeros(GRID.shape, np.uint8)
    expected[BLOCK] = 1
    np.moveaxis(expected, axis, 0)[index, :, middle] = 0
    assert np.array_equal(scene.labels, expected)
    assert scene.panel.editor.history.undo_label == "Cut"


def test_a_cut_through_planes_makes_two_lesions_of_one(scene: Scene) -> None:
    scene.labels[BLOCK] = 1
    look_through(scene, 0)
    scene.panel.tools.three_d.setChecked(True)
    scene.take(Tool.CUT)
    scene.drag(0, [(4, 5, 18), (4, 25, 26)])
    assert count_lesions(scene.labels == 1) == 2
    scene.action("edit.undo").trigger()
    assert count_lesions(scene.labels == 1) == 1
