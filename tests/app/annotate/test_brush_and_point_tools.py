"""Brush, adaptive brush, pen, fill and level trace, by real events, in every plane of an anisotropic scan."""

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QInputDevice, QPointingDevice, QTabletEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from app.annotate.tools import Tool
from segcore.annotation.shapes import ball
from segcore.geometry import Box
from tests.app.annotate.scene import BLOCK, GRID, Scene, look_through, on_slice, voxel_on

AXES = pytest.mark.parametrize("axis", [0, 1, 2])
INDEX = {0: 4, 1: 14, 2: 21}


def disc(axis: int, radius_mm: float, centre: tuple[int, int, int]) -> np.ndarray:
    radii = [0.0 if a == axis else radius_mm / step for a, step in enumerate(GRID.spacing)]
    stamp = ball((radii[0], radii[1], radii[2]))
    expected = np.zeros(GRID.shape, np.uint8)
    start = [c - n // 2 for c, n in zip(centre, stamp.shape, strict=True)]
    expected[tuple(slice(a, a + n) for a, n in zip(start, stamp.shape, strict=True))] = stamp
    return expected


@AXES
def test_the_brush_paints_a_true_disc_and_shift_erases_a_smaller_one(scene: Scene, axis: int) -> None:
    look_through(scene, axis)
    scene.take(Tool.BRUSH)
    scene.panel.tools.radius.setValue(6.0)
    scene.click(axis, (4, 14, 21))
    assert np.array_equal(scene.labels, disc(axis, 6.0, (4, 14, 21)))
    scene.panel.tools.radius.setValue(3.0)
    scene.click(axis, (4, 14, 21), shift=True)
    assert np.array_equal(scene.kept, disc(axis, 6.0, (4, 14, 21)) & ~disc(axis, 3.0, (4, 14, 21)))


@AXES
def test_the_adaptive_brush_stays_inside_the_block_it_began_in(scene: Scene, axis: int) -> None:
    look_through(scene, axis)
    scene.take(Tool.ADAPTIVE)
    scene.panel.tools.level.setValue(20.0)
    scene.panel.tools.radius.setValue(200.0)
    scene.click(axis, (4, 14, 21))
    expected = np.zeros(GRID.shape, np.uint8)
    expected[BLOCK] = 1
    others = np.ones(GRID.shape[axis], bool)
    others[INDEX[axis]] = False
    np.moveaxis(expected, axis, 0)[others] = 0
    assert np.array_equal(scene.labels, expected)
    assert scene.panel.editor.history.undo_label == "Adaptive brush"


def test_the_adaptive_ball_takes_the_whole_block(scene: Scene) -> None:
    scene.take(Tool.ADAPTIVE)
    scene.panel.tools.level.setValue(20.0)
    scene.panel.tools.radius.setValue(200.0)
    scene.panel.tools.three_d.setChecked(True)
    scene.look_at((4, 14, 21))
    scene.click(0, (4, 14, 21))
    expected = np.zeros(GRID.shape, np.uint8)
    expected[BLOCK] = 1
    assert np.array_equal(scene.labels, expected)


def pen(scene: Scene, kind: QEvent.Type, place: tuple[float, float, float], pressure: float) -> None:
    """A pen's event, which Qt sends before the mouse event that it makes of it."""
    device = QPointingDevice.primaryPointingDevice()
    at = QPointF(scene.at(0, place))
    event = QTabletEvent(
        kind,
        device,
        at,
        scene.pane(0).mapToGlobal(at),
        pressure,
        0.0,
        0.0,
        0.0,
        0.0,
        0.0,
        Qt.KeyboardModifier.NoModifier,
        Qt.MouseButton.LeftButton,
        Qt.MouseButton.LeftButton,
    )
    assert isinstance(device, QInputDevice)
    QApplication.sendEvent(scene.pane(0), event)


@pytest.mark.parametrize(("wanted", "radius_mm"), [(True, 4.0), (False, 8.0)])
def test_a_pen_that_is_pressed_half_paints_half_the_radius_if_that_is_wanted(
    scene: Scene, wanted: bool, radius_mm: float
) -> None:
    scene.take(Tool.BRUSH)
    scene.panel.tools.radius.setValue(8.0)
    scene.panel.tools.pressure.setChecked(wanted)
    scene.look_at((4, 14, 21))
    pen(scene, QEvent.Type.TabletPress, (4, 14, 21), 0.5)
    scene.click(0, (4, 14, 21))
    assert np.array_equal(scene.labels, disc(0, radius_mm, (4, 14, 21)))
    pen(scene, QEvent.Type.TabletRelease, (4, 14, 21), 0.0)
    scene.action("edit.undo").trigger()
    scene.click(0, (4, 14, 21))
    assert np.array_equal(scene.labels, disc(0, 8.0, (4, 14, 21)))


@AXES
def test_fill_takes_the_block_in_a_plane_and_through_planes_and_shift_takes_it_out(scene: Scene, axis: int) -> None:
    look_through(scene, axis)
    scene.take(Tool.FILL)
    scene.panel.tools.level.setValue(5.0)
    scene.click(axis, (4, 14, 21))
    low, high = zip(
        *((s.start, s.stop - 1) for other, s in enumerate(BLOCK) if other != axis), strict=True
    )  # the block on this slice
    assert np.array_equal(scene.labels, on_slice(axis, INDEX[axis], low, high))  # type: ignore[arg-type]
    scene.panel.tools.three_d.setChecked(True)
    scene.click(axis, (4, 14, 21))
    assert scene.labels.sum() == 4 * 10 * 15
    scene.click(axis, (4, 14, 21), shift=True)
    assert not scene.labels.any()


@AXES
def test_level_trace_fills_the_contour_of_the_clicked_value_and_shows_it_first(scene: Scene, axis: int) -> None:
    look_through(scene, axis)
    scene.take(Tool.TRACE)
    place = (4, 14, 21)
    scene.hover(axis, place)
    assert len(scene.panel.view.shape) > 10
    scene.click(axis, place)
    low, high = zip(*((s.start, s.stop - 1) for other, s in enumerate(BLOCK) if other != axis), strict=True)
    assert np.array_equal(scene.labels, on_slice(axis, INDEX[axis], low, high))  # type: ignore[arg-type]
    scene.take(Tool.BRUSH)
    assert scene.panel.view.shape == []


def test_on_a_very_large_slice_the_contour_is_found_beside_the_window(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.annotate.point_tools._LARGE", 100)
    look_through(scene, 0)
    scene.take(Tool.TRACE)
    scene.click(0, (4, 14, 21))
    assert scene.panel.long_edits.doing == "Level trace"
    scene.wait()
    assert np.array_equal(scene.labels, on_slice(0, 4, (10, 15), (19, 29)))


def test_every_tool_can_be_used_by_keys_alone(scene: Scene) -> None:
    scene.look_at((4, 14, 21))
    pane = scene.pane(0)
    pane.setFocus()
    scene.key(Qt.Key.Key_B)
    scene.panel.tools.radius.setValue(0.0)
    scene.key(Qt.Key.Key_P)
    for key, voxel in (
        (Qt.Key.Key_Right, (4, 14, 22)),
        (Qt.Key.Key_Left, (4, 14, 21)),
        (Qt.Key.Key_Left, (4, 14, 20)),
    ):
        scene.key(key)
        assert scene.panel.view.crosshair == voxel
        scene.key(Qt.Key.Key_P)
    assert np.argwhere(scene.labels).tolist() == [[4, 14, 20], [4, 14, 21], [4, 14, 22]]
    scene.key(Qt.Key.Key_P, Qt.KeyboardModifier.ShiftModifier)
    assert scene.labels.sum() == 2
    scene.key(Qt.Key.Key_Down, Qt.KeyboardModifier.AltModifier)
    assert scene.panel.view.crosshair == (4, 15, 20)
    scene.key(Qt.Key.Key_Up, Qt.KeyboardModifier.AltModifier)
    assert scene.panel.view.crosshair == (4, 14, 20)
    scene.action("edit.undo").trigger()
    assert scene.labels.sum() == 3


def test_arrows_move_as_the_screen_shows_it_in_a_turned_plane(scene: Scene) -> None:
    scene.look_at((4, 14, 21))
    scene.panel.view.axis_in_hand = 1
    scene.key(Qt.Key.Key_Up, Qt.KeyboardModifier.AltModifier)
    assert scene.panel.view.crosshair == (5, 14, 21)  # the head is on top
    scene.key(Qt.Key.Key_Right)
    assert scene.panel.view.crosshair == (5, 14, 22)


@pytest.mark.parametrize(
    ("key", "shift", "tool"),
    [
        (Qt.Key.Key_N, False, Tool.NAVIGATE),
        (Qt.Key.Key_B, False, Tool.BRUSH),
        (Qt.Key.Key_D, False, Tool.ADAPTIVE),
        (Qt.Key.Key_G, False, Tool.FILL),
        (Qt.Key.Key_T, False, Tool.TRACE),
        (Qt.Key.Key_O, False, Tool.POLYGON),
        (Qt.Key.Key_L, False, Tool.LASSO),
        (Qt.Key.Key_B, True, Tool.BOX),
        (Qt.Key.Key_W, False, Tool.LIVEWIRE),
        (Qt.Key.Key_Q, False, Tool.CUT),
        (Qt.Key.Key_S, False, Tool.SEEDS),
        (Qt.Key.Key_A, False, Tool.FINDING),
    ],
)
def test_each_tool_has_a_key_a_name_a_tooltip_and_a_hint(scene: Scene, key: Qt.Key, shift: bool, tool: Tool) -> None:
    scene.take(Tool.FILL if tool is Tool.NAVIGATE else Tool.NAVIGATE)
    scene.key(key, Qt.KeyboardModifier.ShiftModifier if shift else Qt.KeyboardModifier.NoModifier)
    assert scene.panel.tools.tool is tool
    button = scene.panel.findChild(object, f"tool-{tool.value}")
    assert button.isChecked()  # type: ignore[attr-defined]
    assert button.accessibleName()  # type: ignore[attr-defined]
    assert button.toolTip()  # type: ignore[attr-defined]
    assert scene.panel.tools.hint.text()


def test_a_polygon_and_a_box_can_be_drawn_by_keys(scene: Scene) -> None:
    for name, places in (
        ("polygon", [(4, 12, 18), (4, 12, 24), (4, 16, 24), (4, 16, 18)]),
        ("box", [(4, 12, 18), (4, 16, 24)]),
    ):
        scene.action(name).trigger()
        for place in places:
            scene.look_at(place)
            scene.key(Qt.Key.Key_P)
        scene.key(Qt.Key.Key_Return)
        assert np.array_equal(scene.labels, on_slice(0, 4, (12, 18), (16, 24)))
        scene.action("edit.undo").trigger()
        assert not scene.labels.any()


def test_what_is_read_only_can_only_be_looked_at(scene: Scene) -> None:
    scene.panel.editor.hold(True)
    for tool in Tool:
        scene.panel.tools.set_tool(tool)
        scene.click(0, (4, 14, 21))
        scene.drag(0, [(4, 12, 18), (4, 16, 30)])
    assert not scene.labels.any()
    assert scene.panel.view.crosshair == (4, 16, 30)
    scene.panel.editor.hold(False)


def test_a_stroke_that_another_tool_interrupts_is_kept(scene: Scene) -> None:
    scene.take(Tool.BRUSH)
    pane = scene.pane(0)
    QTest.mousePress(pane, Qt.MouseButton.LeftButton, pos=scene.at(0, (4, 14, 21)))
    scene.action("fill").trigger()
    QTest.mouseRelease(pane, Qt.MouseButton.LeftButton, pos=scene.at(0, (4, 14, 21)))
    assert scene.labels.any()
    assert np.array_equal(scene.kept, scene.labels)
    assert Box.around(scene.labels) is not None
    assert scene.panel.editor.history.undo_label == "Brush"


def test_an_eraser_and_unlabelled_have_their_places(scene: Scene) -> None:
    scene.key(Qt.Key.Key_E)
    assert scene.panel.tools.tool is Tool.BRUSH
    assert scene.panel.tools.paint_value == 0
    scene.panel.tools.paint.setCurrentIndex(scene.panel.tools.paint.findData("unlabelled"))
    scene.take(Tool.FILL)
    scene.click(0, voxel_on(0, scene.panel.view.crosshair[0], 14, 21))
    assert (scene.labels == 255).sum() == 150
