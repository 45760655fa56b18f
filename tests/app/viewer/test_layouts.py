"""Layouts, the second view that moves along, zooming and playing: by keys and mouse."""

from collections.abc import Callable

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QNativeGestureEvent, QPointingDevice, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from app.viewer.beside_view import Beside, BesideView
from app.viewer.linked_views import matching_voxel
from app.viewer.rendering import Window
from app.viewer.zooming import show_one_to_one, zoom_to
from segcore.geometry import Box, Grid

from .conftest import GRIDS, SHAPE, Bench, at

Wait = Callable[[Callable[[], bool]], None]


def wheel(widget: object, place: QPointF, *, angle: int = 0, pixels: QPoint | None = None, ctrl: bool = False) -> None:
    modifier = Qt.KeyboardModifier.ControlModifier if ctrl else Qt.KeyboardModifier.NoModifier
    event = QWheelEvent(
        place,
        place,
        pixels or QPoint(),
        QPoint(0, angle or (pixels.y() if pixels else 0)),
        Qt.MouseButton.NoButton,
        modifier,
        Qt.ScrollPhase.ScrollUpdate,
        False,
    )
    QApplication.sendEvent(widget, event)


def beside(bench: Bench) -> BesideView:
    assert bench.area.beside is not None
    return bench.area.beside


def choose(view: BesideView, kind: Beside, number: int = 0) -> None:
    view.what.setCurrentIndex(next(k for k in range(view.what.count()) if view.what.itemData(k) == (kind, number)))


def test_keys_show_three_planes_one_plane_and_the_next_one(bench: Bench) -> None:
    def visible() -> list[bool]:
        return [pane.isVisible() for pane in bench.view.panes]

    assert visible() == [True, True, True]
    bench.key(Qt.Key.Key_F6)
    assert visible() == [True, False, False]
    assert bench.actions.action("viewer.one").isChecked()
    bench.key(Qt.Key.Key_F6)
    assert visible() == [False, True, False]
    QTest.keyClick(bench.view.panes[1], Qt.Key.Key_F5)
    assert visible() == [True, True, True]
    assert not bench.actions.action("viewer.one").isChecked()


def test_the_second_view_moves_along_and_leads_as_well(bench: Bench) -> None:
    bench.key(Qt.Key.Key_F7)
    other = beside(bench).view
    assert (bench.view.single, other.single) == (0, 0)
    bench.view.set_crosshair((3, 7, 11))
    assert other.crosshair == (3, 7, 11)
    QTest.mouseClick(other.panes[0], Qt.MouseButton.LeftButton, pos=at(other.panes[0], 12, 6).toPoint())
    assert bench.view.crosshair == (3, 12, 6)
    wheel(bench.view.panes[0], at(bench.view.panes[0], 12, 6), angle=240, ctrl=True)
    assert other.panes[0].zoom == pytest.approx(bench.view.panes[0].zoom)
    one, two = (view.panes[0] for view in (bench.view, other))
    middle = [pane.voxel_at(QPointF(pane.width() / 2, pane.height() / 2)) for pane in (one, two)]
    assert middle[0] == pytest.approx(middle[1], abs=0.2)
    bench.view.fit()
    assert (one.is_fitted, two.is_fitted) == (True, True)
    bench.key(Qt.Key.Key_F7)
    assert (beside(bench).isVisible(), bench.view.single) == (False, -1)
    bench.view.set_crosshair((1, 1, 1))
    assert other.crosshair == (3, 12, 6)


def test_beside_are_a_channel_an_earlier_mask_a_prediction_or_another_case(bench: Bench) -> None:
    project = bench.session.opened
    mask = project.mask("case-0")
    mask.labels[...] = 0
    mask.labels[1, 1, 1] = 1
    project.save_mask("case-0", mask, author="Dr. Second", origin="annotation")
    bench.show("case-0")
    bench.key(Qt.Key.Key_F7)
    view = beside(bench)
    choose(view, Beside.CHANNEL, 1)
    assert (view.view.channel, view.view.labels is bench.view.labels) == (1, True)
    choose(view, Beside.VERSION, 1)
    assert view.view.labels is not None
    assert int(view.view.labels.sum()) == 11
    choose(view, Beside.PLAIN)
    assert view.view.labels is None
    bench.view.set_prediction(np.zeros(SHAPE, np.int8), -5)
    choose(view, Beside.PREDICTION)
    assert (view.view.labels, view.view.step) == (None, -5)
    bench.view.set_step(7)
    assert view.view.step == 7
    choose(view, Beside.CASE)
    assert view.other.isVisible()
    assert [view.other.itemText(k) for k in range(view.other.count())] == ["case-1", "case-2"]
    view.other.setCurrentIndex(1)
    assert view.view.volume is not bench.view.volume
    assert int(view.view.labels.sum()) == 11
    bench.view.set_crosshair((4, 4, 4))
    assert view.view.crosshair == (4, 4, 4)
    bench.show("case-2")  # what is shown beside stays the same kind of thing
    assert view.what.currentText() == Beside.CASE.value


def test_strokes_are_seen_in_the_second_view_at_once(bench: Bench) -> None:
    bench.key(Qt.Key.Key_F7)
    view = beside(bench)
    choose(view, Beside.MASK)
    bench.view.set_crosshair((0, 10, 10))
    before = view.view.panes[0].grab().toImage()
    assert bench.view.labels is not None
    bench.view.labels[0, 15:20, 5:10] = 1
    bench.view.refresh(Box((0, 15, 5), (1, 20, 10)))
    assert view.view.panes[0].grab().toImage() != before


def test_window_channel_and_overlay_are_the_same_on_both_sides(bench: Bench) -> None:
    bench.key(Qt.Key.Key_F7)
    view = beside(bench)
    choose(view, Beside.MASK)
    bench.view.set_window(Window(low=10, high=400))
    assert view.view.window_of(0) == Window(low=10, high=400)
    view.view.set_window(Window(low=0, high=99))
    assert bench.view.window_of(0) == Window(low=0, high=99)
    bench.display.step_channel(2)
    assert view.view.channel == 1
    bench.key(Qt.Key.Key_V)
    assert not view.view.overlay.visible
    choose(view, Beside.CHANNEL, 0)
    bench.view.set_window(Window(low=1, high=2))  # of the second channel, which is not looked at beside
    assert view.view.window_of(0) == Window(low=0, high=99)
    bench.view.set_scan(None)
    assert view.view.volume is None


def test_places_match_by_voxel_by_millimetre_or_by_share() -> None:
    here = GRIDS["upright"]
    assert matching_voxel((4.0, 5.0, 6.0), here, here) == (4.0, 5.0, 6.0)
    finer = Grid.from_spacing((30, 30, 20), (1.0, 1.0, 2.0))
    assert matching_voxel((4.0, 5.0, 6.0), here, finer) == pytest.approx((12.0, 5.0, 6.0))
    far = Grid(finer.shape, finer.affine + np.array([[0, 0, 0, 500.0]] + [[0.0] * 4] * 3))
    # Centres of 10 planes on 30: (4 + ½) / 10 · 30 − ½.
    assert matching_voxel((4.0, 5.0, 6.0), here, far) == pytest.approx((13.0, 5.0, 6.0))
    unknown = Grid.from_spacing((10, 60, 20), calibrated=False)
    assert matching_voxel((4.0, 5.0, 6.0), here, unknown) == pytest.approx((4.0, 10.5, 6.0))


def test_one_to_one_shows_a_voxel_as_a_pixel_and_the_crosshair_in_the_middle(bench: Bench) -> None:
    bench.key(Qt.Key.Key_F, Qt.KeyboardModifier.ShiftModifier)
    pane = bench.view.panes[0]
    # Rows of 1 mm and columns of 2 mm: one pixel per millimetre.
    assert (at(pane, 5, 5) - at(pane, 4, 4)) == QPointF(2, 1)
    p, r, c = bench.view.crosshair
    assert pane.place_of((p, r, c)) == QPointF(pane.width() / 2, pane.height() / 2)
    coronal = bench.view.panes[1]  # planes of 3 mm, columns of 2 mm
    assert coronal.zoom == pytest.approx(0.5)
    show_one_to_one(bench.view)
    assert pane.zoom == pytest.approx(1.0)


def test_a_lesion_fills_two_fifths_of_the_tighter_side(bench: Bench) -> None:
    zoom_to(bench.view, Box((0, 0, 0), (1, 30, 10)))
    pane = bench.view.panes[0]
    # 30 rows of 1 mm and 10 columns of 2 mm, in 1 / 0.4 of that: 75 and 50 mm; at least 64 voxels of 1 mm.
    assert pane.zoom == pytest.approx(min(pane.height() / 75, pane.width() / 64))
    assert pane.place_of((0, 14.5, 4.5)).x() == pytest.approx(pane.width() / 2)
    zoom_to(bench.view, Box((5, 5, 5), (6, 6, 6)))
    assert pane.zoom == pytest.approx(min(pane.height(), pane.width()) / 64)


def test_keys_zoom_about_the_crosshair(bench: Bench) -> None:
    pane = bench.view.panes[0]
    p, r, c = bench.view.crosshair
    before, zoom = pane.place_of((p, r, c)), pane.zoom
    bench.key(Qt.Key.Key_Plus)
    assert pane.zoom == pytest.approx(zoom * 1.25)
    after = pane.place_of((p, r, c))
    assert (after.x(), after.y()) == pytest.approx((before.x(), before.y()))
    bench.key(Qt.Key.Key_Minus)
    assert pane.zoom == pytest.approx(zoom)


def test_playing_runs_through_the_plane_in_hand_begins_anew_and_stops(bench: Bench, wait: Wait) -> None:
    bench.view.show_slice(0, 8)
    bench.area.bar.speed.setValue(60)
    seen: list[int] = []
    bench.view.cursorMoved.connect(lambda: seen.append(bench.view.crosshair[0]))
    bench.key(Qt.Key.Key_Space, Qt.KeyboardModifier.ShiftModifier)
    assert bench.actions.action("viewer.play").isChecked()
    wait(lambda: len(seen) >= 4)
    bench.key(Qt.Key.Key_Space, Qt.KeyboardModifier.ShiftModifier)
    assert seen[:4] == [9, 0, 1, 2]
    assert not bench.area.cine.is_playing
    bench.key(Qt.Key.Key_Space, Qt.KeyboardModifier.ShiftModifier)
    bench.show("case-1")
    assert not bench.area.cine.is_playing


# Touchpads


def test_two_fingers_scroll_one_slice_per_way_not_per_event(bench: Bench) -> None:
    pane = bench.view.panes[0]
    bench.view.show_slice(0, 5)
    for _ in range(12):
        wheel(pane, at(pane, 5, 5), pixels=QPoint(0, -4))  # 48 pixels: two slices
    assert bench.view.crosshair[0] == 7
    wheel(pane, at(pane, 5, 5), pixels=QPoint(0, 24))
    assert bench.view.crosshair[0] == 6
    wheel(pane, at(pane, 5, 5), angle=-120)  # a mouse wheel is left alone
    assert bench.view.crosshair[0] == 7


def test_two_fingers_move_the_picture_where_that_is_chosen(bench: Bench) -> None:
    bench.actions.action("viewer.pan-by-touch").trigger()
    assert bench.settings.flag("viewer/touch-pans", False)
    pane = bench.view.panes[0]
    before, plane = at(pane, 5, 5), bench.view.crosshair[0]
    wheel(pane, before, pixels=QPoint(30, -12))
    assert at(pane, 5, 5) == before + QPointF(30, -12)
    assert bench.view.crosshair[0] == plane


def test_two_fingers_with_control_zoom_under_the_pointer(bench: Bench) -> None:
    pane = bench.view.panes[0]
    place, zoom = at(pane, 5, 5), pane.zoom
    wheel(pane, place, pixels=QPoint(0, 60), ctrl=True)
    assert pane.zoom == pytest.approx(zoom * 1.2)
    assert (at(pane, 5, 5) - place).manhattanLength() < 0.01


def pinch(pane: QWidget, kind: Qt.NativeGestureType, place: QPointF, value: float) -> None:
    device = QPointingDevice.primaryPointingDevice()
    QApplication.sendEvent(pane, QNativeGestureEvent(kind, device, 2, place, place, place, value, QPointF()))


def test_a_pinch_zooms_where_it_is_made_and_a_smart_zoom_fits(bench: Bench) -> None:
    pane = bench.view.panes[0]
    place, zoom = at(pane, 5, 5), pane.zoom
    pinch(pane, Qt.NativeGestureType.ZoomNativeGesture, place, 0.5)
    assert pane.zoom == pytest.approx(zoom * 1.5)
    assert (at(pane, 5, 5) - place).manhattanLength() < 0.01
    pinch(pane, Qt.NativeGestureType.ZoomNativeGesture, place, -5.0)  # whatever a driver says, it stays positive
    assert pane.zoom == pytest.approx(zoom * 1.5 * 0.2)
    pinch(pane, Qt.NativeGestureType.SmartZoomNativeGesture, place, 1.0)
    assert pane.is_fitted
