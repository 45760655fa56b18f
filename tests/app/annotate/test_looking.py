"""Scrolling, zooming, window and level, threshold: by real events."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt

from app.viewer.overlay_table import OverlayLook
from app.viewer.scan_pictures import COLOUR
from segcore.geometry import Box, Grid
from segcore.projects.project import Project
from segcore.scans.volume import Volume
from tests.app.annotate.conftest import CTRL, GRID, LEFT, MIDDLE, RIGHT, Hands, add_case

MakeHands = Callable[[Project], Hands]


def colour(hands: Hands, plane: int, voxel: tuple[int, int, int]) -> tuple[int, ...]:
    pane = hands.panel.view.panes[plane]
    return pane.grab().toImage().pixelColor(pane.point_of(voxel).toPoint()).getRgb()[:3]


@pytest.mark.parametrize("plane", [0, 1, 2])
def test_wheel_keys_and_slider_show_other_slices_and_the_planes_are_linked(hands: Hands, plane: int) -> None:
    view = hands.panel.view
    start = view.crosshair[plane]
    hands.wheel(plane, -1)
    assert view.crosshair[plane] == start + 1
    hands.key(plane, Qt.Key.Key_Up)
    hands.key(plane, Qt.Key.Key_Left)
    assert view.crosshair[plane] == start - 1
    hands.key(plane, Qt.Key.Key_PageDown)
    assert view.crosshair[plane] == min(start + 9, GRID.shape[plane] - 1)
    view.sliders[plane].setValue(2)
    assert view.crosshair[plane] == 2
    assert [slider.value() for slider in view.sliders] == list(view.crosshair)


def test_small_steps_of_a_touchpad_add_up(hands: Hands) -> None:
    from PySide6.QtGui import QWheelEvent  # noqa: PLC0415 - only here
    from PySide6.QtWidgets import QApplication  # noqa: PLC0415

    pane = hands.panel.view.panes[0]
    start = hands.panel.view.crosshair[0]
    for _ in range(9):
        place = QPointF(50, 50)
        event = QWheelEvent(
            place,
            place,
            QPoint(),
            QPoint(0, -40),
            Qt.MouseButton.NoButton,
            Qt.KeyboardModifier.NoModifier,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        QApplication.sendEvent(pane, event)
    assert hands.panel.view.crosshair[0] == start + 3


@pytest.mark.parametrize("plane", [0, 1, 2])
def test_a_click_puts_the_crosshair_there_in_all_planes(hands: Hands, plane: int) -> None:
    voxel = [3, 12, 33]
    voxel[plane] = hands.panel.view.crosshair[plane]
    hands.click(plane, (voxel[0], voxel[1], voxel[2]))
    assert list(hands.panel.view.crosshair) == voxel


def test_captions_say_slice_and_place(hands: Hands) -> None:
    hands.panel.view.set_crosshair((3, 12, 33))
    assert [caption.text() for caption in hands.panel.view.captions] == [
        "Axial 4 / 8 · S 9.0 mm",
        "Coronal 13 / 40 · P 12.0 mm",
        "Sagittal 34 / 50 · L 33.0 mm",
    ]


def test_the_status_line_says_place_value_and_label(hands: Hands) -> None:
    hands.labels[4, 15, 15] = 1
    pane = hands.panel.view.panes[0]
    from PySide6.QtTest import QTest  # noqa: PLC0415 - only here

    QTest.mouseMove(pane, hands.point(0, (4, 15, 15)))
    assert hands.panel.under.text() == (
        "plane 5, row 16, column 16  ·  L 15.0  P 15.0  S 12.0 mm  ·  FLAIR 100  ·  lesion"
    )


def test_ctrl_and_the_wheel_zoom_at_the_pointer_and_f_fits_again(hands: Hands) -> None:
    pane = hands.panel.view.panes[0]
    assert pane.view is not None
    at = pane.point_of((4, 5, 5))
    hands.wheel(0, 3, CTRL, at)
    assert pane.view.zoom == pytest.approx(
        1.2**3 * pane.view.fitted((pane.width(), pane.height()), (40, 50), (1, 1)).zoom
    )
    now = pane.point_of((4, 5, 5))
    assert (now.x(), now.y()) == pytest.approx((at.x(), at.y()), abs=1e-6)
    hands.key(0, Qt.Key.Key_F)
    assert pane.view.is_fitted


@pytest.mark.parametrize("how", ["middle button", "space"])
def test_the_middle_button_or_space_pans(hands: Hands, how: str) -> None:
    from PySide6.QtTest import QTest  # noqa: PLC0415 - only here

    pane = hands.panel.view.panes[0]
    before = pane.point_of((4, 20, 20))
    hands.do("annotate.brush")
    if how == "space":
        QTest.keyPress(pane, Qt.Key.Key_Space)
    hands.drag_points(0, [QPoint(100, 100), QPoint(130, 90)], MIDDLE if how == "middle button" else LEFT)
    if how == "space":
        QTest.keyRelease(pane, Qt.Key.Key_Space)
    now = pane.point_of((4, 20, 20))
    assert (now.x() - before.x(), now.y() - before.y()) == pytest.approx((30, -10))
    assert not hands.labels.any()


@pytest.mark.parametrize("how", ["right button", "ctrl"])
def test_a_drag_with_the_right_button_or_ctrl_sets_window_and_level(hands: Hands, how: str) -> None:
    view = hands.panel.view
    before, fixed = view.window_shown, view.shown.windows[1] if view.shown else None
    button, keys = (RIGHT, Qt.KeyboardModifier.NoModifier) if how == "right button" else (LEFT, CTRL)
    hands.drag_points(0, [QPoint(50, 50), QPoint(80, 20)], button, keys)
    unit = before.width / 300
    assert view.window_shown.width == pytest.approx(before.width + 30 * unit)
    assert view.window_shown.level == pytest.approx(before.level - 30 * unit)
    assert view.shown is not None
    assert view.shown.windows[1] == fixed  # the other channel keeps its own
    assert hands.panel.display.preset.currentText() == "Own"


def test_keys_choose_the_channel_and_presets_its_window(hands: Hands) -> None:
    display, view = hands.panel.display, hands.panel.view
    hands.do("annotate.channel2")
    assert view.channel == 1
    assert display.channel.currentText() == "T1"
    hands.do("annotate.channel3")
    assert view.channel == 1
    hands.do("annotate.channel1")
    display.preset.setCurrentText("Full range")
    display.preset.activated.emit(display.preset.currentIndex())
    assert (view.window_shown.low, view.window_shown.high) == (0.0, 100.0)
    assert colour(hands, 0, (4, 12, 12)) == (255, 255, 255)
    display.inverted.setChecked(True)
    assert colour(hands, 0, (4, 12, 12)) == (0, 0, 0)


def test_a_double_click_shows_one_plane_alone_and_again_all(hands: Hands) -> None:
    view = hands.panel.view
    hands.double_click(1, (4, 20, 20))
    assert [pane.isVisible() for pane in view.panes] == [False, True, False]
    assert hands.actions.action("annotate.layout").isChecked()
    hands.double_click(1, (4, 20, 20))
    assert [pane.isVisible() for pane in view.panes] == [True, True, True]


def test_the_threshold_shows_exactly_what_reaches_it(hands: Hands) -> None:
    view = hands.panel.view
    view.set_cross_visible(False)
    steps = np.full(GRID.shape, -100, np.int8)
    steps[4, 25:30, 25:30] = 20
    steps[4, 25:30, 30:35] = -5
    view.set_scan(Volume(voxels=np.zeros((1, *GRID.shape), np.int16), grid=GRID, channels=("x",)))
    view.set_smooth(False)
    view.set_crosshair((4, 20, 20))
    view.set_prediction(steps, 0)
    tinted = (26, 54, 70)  # sky blue (86, 180, 233) at 0.3 over black
    assert [colour(hands, 0, (4, 27, c)) for c in (27, 32)] == [tinted, (0, 0, 0)]
    view.set_step(-5)
    assert [colour(hands, 0, (4, 27, c)) for c in (27, 32)] == [tinted, tinted]
    view.set_step(21)
    assert [colour(hands, 0, (4, 27, c)) for c in (27, 32)] == [(0, 0, 0), (0, 0, 0)]
    view.set_step(20)
    assert [colour(hands, 0, (4, 27, c)) for c in (27, 32)] == [tinted, (0, 0, 0)]


def test_a_step_of_the_threshold_reads_only_the_slices_that_are_shown(hands: Hands) -> None:
    class Counted(np.ndarray):
        taken = 0

        def __getitem__(self, item: object) -> np.ndarray:
            part = np.asarray(super().__getitem__(item))  # type: ignore[call-overload]
            Counted.taken = max(Counted.taken, part.size)
            return part

    view = hands.panel.view
    view.set_prediction(np.zeros(GRID.shape, np.int8).view(Counted), 5)
    view.grab()
    Counted.taken = 0
    for step in range(-20, 20):
        view.set_step(step)
        view.grab()
    assert Counted.taken == 0  # the panes keep copies of their slices


def test_masks_are_filled_outlined_both_or_hidden(hands: Hands) -> None:
    hands.labels[4, 25:32, 25:32] = 1
    view, display = hands.panel.view, hands.panel.display
    view.set_cross_visible(False)
    view.set_smooth(False)
    view.refresh()
    view.set_crosshair((4, 5, 5))
    pane = view.panes[0]

    def seen() -> tuple[bool, bool]:
        image = pane.grab().toImage()
        inside = image.pixelColor(pane.point_of((4, 28, 28)).toPoint()).getRgb()[:3]
        edge = pane.point_of((4, 28, 24.5)).toPoint()
        border = max(image.pixelColor(edge.x() + dx, edge.y()).red() for dx in (-1, 0, 1))
        return inside != (0, 0, 0), border > 200

    looks = {}
    for look in OverlayLook:
        display.look.setCurrentIndex(display.look.findData(look.value))
        looks[look] = seen()
    assert looks == {
        OverlayLook.FILL: (True, False),
        OverlayLook.OUTLINE: (False, True),
        OverlayLook.BOTH: (True, True),
    }
    hands.do("annotate.masks")
    assert seen() == (False, False)
    assert not display.visible.isChecked()


def test_a_finding_is_brought_to_the_middle_of_every_plane(hands: Hands) -> None:
    view = hands.panel.view
    view.look_at(Box((2, 5, 30), (4, 8, 34)))
    assert view.crosshair == (3, 6, 32)
    for pane in view.panes:
        lies = pane.geometry_shown
        assert lies is not None
        assert pane.view is not None
        assert pane.view.centre == lies.pixel_of((3.0, 6.5, 32.0))
        assert not pane.view.is_fitted


def test_ct_starts_with_a_ct_window(make_hands: MakeHands, tmp_path: Path) -> None:
    voxels = np.full((1, 6, 40, 40), -1000, np.int16)
    voxels[:, :, 10:30, 10:30] = np.random.default_rng(1).normal(40, 20, (1, 6, 20, 20)).astype(np.int16)
    project = Project.create(tmp_path / "ct")
    add_case(project, "ct", Volume(voxels=voxels, grid=Grid.from_spacing((6, 40, 40)), channels=("CT",)))
    hands = make_hands(project)
    preset = hands.panel.display.preset
    assert preset.currentText() == "CT soft tissue"
    assert [preset.itemText(row) for row in range(1, 6)] == [
        "CT brain",
        "CT subdural",
        "CT bone",
        "CT lung",
        "CT liver",
    ]


def test_a_photograph_shows_its_colours_or_one_channel(make_hands: MakeHands, tmp_path: Path) -> None:
    voxels = np.zeros((3, 1, 40, 60), np.uint8)
    voxels[0], voxels[1], voxels[2] = 200, 100, 50
    project = Project.create(tmp_path / "photo")
    grid = Grid.from_spacing((1, 40, 60), calibrated=False)
    add_case(project, "p", Volume(voxels=voxels, grid=grid, channels=("red", "green", "blue")))
    hands = make_hands(project)
    view = hands.panel.view
    assert view.channel == COLOUR
    assert colour(hands, 0, (0, 5, 5)) == (200, 100, 50)
    hands.do("annotate.channel3")
    assert colour(hands, 0, (0, 5, 5)) == (100, 100, 100)
    hands.do("annotate.channel1")
    assert colour(hands, 0, (0, 5, 5)) == (200, 100, 50)
    assert not hands.panel.tools.unit.isEnabled()
    assert not hands.actions.action("annotate.layout").isEnabled()
