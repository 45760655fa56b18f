"""Changes of the mask by menu, and the brush that paints certain values only, by real events."""

import numpy as np
import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QCheckBox, QPushButton
from pytestqt.qtbot import QtBot

from app.annotate.mask_changes import ORDER
from app.annotate.panel import AnnotatePanel
from app.annotate.tools import Tool
from segcore.scans.volume import Labels
from tests.app.test_annotate import panel  # noqa: F401 - a fixture


def labels_of(panel: AnnotatePanel) -> Labels:  # noqa: F811
    labels = panel.editor.labels
    assert labels is not None
    return labels


def paint(panel: AnnotatePanel, *, planes: slice = slice(3, 4)) -> None:  # noqa: F811
    labels_of(panel)[planes, 12:18, 12:18] = 1
    panel.view.set_crosshair((3, 14, 14))
    panel.view.refresh()


def choose(panel: AnnotatePanel, name: str) -> None:  # noqa: F811
    button = panel.findChild(QPushButton, "mask-changes")
    assert button is not None
    action = panel._actions.action(f"annotate.{name}")
    assert action in button.menu().actions()
    action.trigger()


def test_a_slice_grows_by_millimetres_and_undo_takes_it_back(panel: AnnotatePanel) -> None:  # noqa: F811
    paint(panel, planes=slice(2, 5))
    panel.changes.distance.setValue(2.0)
    choose(panel, "grow")
    assert np.flatnonzero(labels_of(panel)[3].any(axis=1)).tolist() == list(range(10, 20))
    assert labels_of(panel)[[2, 4]].sum() == 72
    assert panel._session.opened.mask("a").labels.sum() == 88 - 36  # what was added is on disk
    panel.editor.undo()
    assert labels_of(panel)[3].sum() == 36


def test_through_planes_changes_the_whole_mask(panel: AnnotatePanel) -> None:  # noqa: F811
    paint(panel)
    panel.tools.three_d.setChecked(True)
    panel.changes.distance.setValue(3.0)
    choose(panel, "grow")
    assert labels_of(panel).any(axis=(1, 2)).tolist() == [n in (2, 3, 4) for n in range(8)]


def test_the_slice_in_hand_is_that_of_the_pane_that_was_scrolled(panel: AnnotatePanel) -> None:  # noqa: F811
    paint(panel)
    panel.view.panes[2].scrolled.emit(1)
    panel.view.panes[2].scrolled.emit(-1)
    choose(panel, "grow")
    labels = labels_of(panel)
    assert labels[:, :, 14].sum() > 6
    assert np.delete(labels, 14, axis=2).sum() == 30


@pytest.mark.parametrize(
    ("key", "before", "after"),
    [
        (Qt.Key.Key_H, "hole", 36),
        (Qt.Key.Key_X, "two", 1),
        (Qt.Key.Key_I, "gap", 4 * 36),
    ],
)
def test_keys_change_the_mask(
    panel: AnnotatePanel,  # noqa: F811
    qtbot: QtBot,
    key: Qt.Key,
    before: str,
    after: int,
) -> None:
    paint(panel)
    labels = labels_of(panel)
    if before == "hole":
        labels[3, 14:16, 14:16] = 0
    if before == "two":
        labels[3, 30, 30] = 1
    if before == "gap":
        labels[6, 12:18, 12:18] = 1
    qtbot.waitExposed(panel)
    QTest.keyClick(panel.view.panes[0], key)
    assert labels.sum() == after


def test_a_slice_is_copied_by_key(panel: AnnotatePanel, qtbot: QtBot) -> None:  # noqa: F811
    paint(panel)
    panel.view.show_slice(0, 4)
    qtbot.waitExposed(panel)
    QTest.keyClick(panel.view.panes[0], Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    assert labels_of(panel)[4].sum() == 36
    assert panel.view.crosshair[0] == 4


@pytest.mark.parametrize("name", [name for name in ORDER if name])
def test_where_there_is_nothing_a_change_says_so_and_keeps_no_stroke(
    panel: AnnotatePanel,  # noqa: F811
    name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said: list[str] = []
    monkeypatch.setattr("app.annotate.mask_changes.report_notice", lambda _, sentence: said.append(sentence))
    choose(panel, name)
    assert said
    assert "nothing to change" in said[0]
    assert panel.editor.history.undo_label == ""


def test_the_brush_paints_certain_values_only(panel: AnnotatePanel) -> None:  # noqa: F811
    limited = panel.findChild(QCheckBox, "brush-limited")
    assert limited is not None
    limited.setChecked(True)
    panel.tools.low.setValue(50.0)
    panel.tools.high.setValue(150.0)
    panel.tools.set_tool(Tool.BRUSH)
    panel.tools.radius.setValue(6.0)
    panel.view.set_crosshair((3, 15, 15))
    pane = panel.view.panes[0]
    for x in (10.0, 20.0):  # across the left edge of the bright square of rows and columns 10 to 19
        place = pane.place_of((3.0, 15.0, x)).toPoint()
        QTest.mouseClick(pane, Qt.MouseButton.LeftButton, pos=QPointF(place).toPoint())
    painted = labels_of(panel)[3] == 1
    assert painted.any()
    assert not painted[:, :10].any()
    assert not painted[:, 20:].any()
    limited.setChecked(False)
    place = pane.place_of((3.0, 15.0, 10.0)).toPoint()
    QTest.mouseClick(pane, Qt.MouseButton.LeftButton, pos=place)
    assert (labels_of(panel)[3, :, :10] == 1).any()
