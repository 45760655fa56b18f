"""What holds for all of the viewer's controls."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QAbstractSlider, QAbstractSpinBox, QComboBox, QTableView, QWidget
from pytestqt.qtbot import QtBot

from app.action_table import ACTIONS
from app.viewer.plane_view import PlaneView

from .conftest import Bench


def test_every_control_has_a_name_and_a_help_sentence(bench: Bench) -> None:
    for key in (Qt.Key.Key_F7, Qt.Key.Key_F8, Qt.Key.Key_F9):
        bench.key(key)
    kinds = (QAbstractButton, QAbstractSlider, QAbstractSpinBox, QComboBox, QTableView, PlaneView)
    nameless, helpless = [], []
    for control in bench.area.findChildren(QWidget):
        if not isinstance(control, kinds) or control.objectName().startswith("qt_"):
            continue
        if type(control).__name__ in ("QScrollBar", "QTableCornerButton") or type(control) is QAbstractButton:
            continue
        named = control.accessibleName() or (isinstance(control, QAbstractButton) and control.text())
        if not named:
            nameless.append(f"{type(control).__name__} {control.objectName()}")
        helped = control.toolTip() or isinstance(control, PlaneView | QTableView) or "slice" in control.accessibleName()
        if not helped:
            helpless.append(f"{type(control).__name__} {control.accessibleName()}")
    assert (nameless, helpless) == ([], [])


def test_a_screen_reader_hears_which_slice_is_shown(bench: Bench) -> None:
    bench.view.show_slice(0, 3)
    assert bench.view.panes[0].accessibleDescription() == "Axial 4 / 10 · 9.0 mm"


def test_every_command_of_the_viewer_does_something_or_says_why_not(bench: Bench, qtbot: QtBot) -> None:
    def state() -> tuple[object, ...]:
        area, view = bench.area, bench.view
        return (
            view.single,
            view.crosshair,
            [pane.zoom for pane in view.panes],
            view.overlay,
            view.window_of(0),
            area.table.isVisible(),
            area.beside is not None and area.beside.isVisible(),
            area.surface is not None and area.surface.isVisible(),
            area.measure.kind,
            len(area.measure.measurements),
            area.cine.is_playing,
            area.layers.kind.currentIndex(),
            area.layers.fusion.channel,
            area.touch.pans,
            area.words.text(),
        )

    silent = []
    bench.view.show_single(1)
    for row in ACTIONS:
        if row.workspace != "viewer":
            continue
        if row.id.startswith("viewer.measure-"):
            continue  # there is nothing to erase; see test_measuring
        bench.area.words.say("")
        bench.view.fit()
        before = state()
        bench.actions.action(row.id).trigger()
        qtbot.waitUntil(lambda: not bench.background.running_tasks)
        if state() == before:
            silent.append(row.id)
    assert silent == []


def test_a_viewer_that_is_not_seen_does_no_command(bench: Bench) -> None:
    bench.window.hide()
    bench.actions.action("viewer.one").trigger()
    bench.actions.action("viewer.lesions").trigger()
    assert (bench.view.single, bench.area.table.isVisibleTo(bench.area)) == (-1, False)


def test_closing_the_case_leaves_nothing_of_it(bench: Bench) -> None:
    bench.key(Qt.Key.Key_J)
    bench.view.set_scan(None)
    assert (bench.area._case, bench.area.words.text(), bench.area.measure.measurements) == ("", "", [])
    for key in (Qt.Key.Key_J, Qt.Key.Key_K, Qt.Key.Key_Z, Qt.Key.Key_F6, Qt.Key.Key_F7, Qt.Key.Key_F8, Qt.Key.Key_F9):
        bench.key(key)
    assert bench.view.volume is None
