"""The Annotate workspace, driven by real mouse and key events."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.actions import Actions
from app.annotate.panel import AnnotatePanel
from app.annotate.tools import BrushShape, BrushStroke, Tool, lasso_edit
from app.background import Background
from app.session import Session
from app.settings import Settings
from app.viewer.plane_geometry import PlaneGeometry
from app.viewer.rendering import Overlay, Window, codes_of, edges_of, make_table, render_grey, window_to_grey
from segcore.annotation.shapes import ball
from segcore.errors import CannotSave
from segcore.geometry import Grid
from segcore.projects.case import CaseState
from segcore.projects.project import Project
from segcore.scans.volume import Volume

GRID = Grid.from_spacing((8, 40, 50), (3.0, 1.0, 1.0))


@pytest.fixture
def panel(qtbot: QtBot, tmp_path: Path, qapp: QApplication) -> AnnotatePanel:
    project = Project.create(tmp_path / "p")
    for name in ("a", "b"):
        voxels = np.zeros((2, *GRID.shape), np.int16)
        voxels[0, :, 10:20, 10:20] = 100
        project.add_case(
            id=name,
            group=name,
            volume=Volume(voxels=voxels, grid=GRID, channels=("FLAIR", "T1")),
            source_grid=GRID,
            source_suffix=".nii.gz",
            sources=(f"{name}.nii.gz",),
            mask=None,
            state=CaseState.UNLABELLED,
        )
    settings = Settings(tmp_path / "settings.ini")
    session = Session(settings)
    actions = Actions(session)
    background = Background(lambda job: None)  # type: ignore[arg-type,return-value]
    widget = AnnotatePanel(session, actions, background, settings)
    qtbot.addWidget(widget)
    for _, action in actions.all():
        widget.addAction(action)
    widget.resize(1200, 800)
    widget.show()
    session.adopt(project)
    widget.activate()
    qapp.processEvents()
    widget.test_parts = (session, actions, background)  # type: ignore[attr-defined]
    yield widget  # type: ignore[misc]
    widget.editor.close()
    background.shutdown()
    session.close()


def place(panel: AnnotatePanel, axis: int, voxel: tuple[float, float, float]) -> QPoint:
    return panel.view.panes[axis].place_of(voxel).toPoint()


def click(panel: AnnotatePanel, axis: int, voxel: tuple[float, float, float], *, shift: bool = False) -> None:
    modifier = Qt.KeyboardModifier.ShiftModifier if shift else Qt.KeyboardModifier.NoModifier
    QTest.mouseClick(panel.view.panes[axis], Qt.MouseButton.LeftButton, modifier, place(panel, axis, voxel))


def drag(panel: AnnotatePanel, axis: int, voxels: list[tuple[float, float, float]]) -> None:
    pane = panel.view.panes[axis]
    QTest.mousePress(pane, Qt.MouseButton.LeftButton, pos=place(panel, axis, voxels[0]))
    for voxel in voxels[1:]:
        QTest.mouseMove(pane, place(panel, axis, voxel))
    QTest.mouseRelease(pane, Qt.MouseButton.LeftButton, pos=place(panel, axis, voxels[-1]))


def labels(panel: AnnotatePanel) -> np.ndarray:
    assert panel.editor.labels is not None
    return panel.editor.labels


def project_of(panel: AnnotatePanel) -> Project:
    return panel.test_parts[0].opened  # type: ignore[attr-defined,no-any-return]


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_click_with_the_brush_paints_a_true_disc_in_every_plane_and_is_on_disk(
    panel: AnnotatePanel, axis: int
) -> None:
    panel.tools.set_tool(Tool.BRUSH)
    panel.tools.radius.setValue(3.0)
    centre = panel.view.crosshair
    click(panel, axis, (float(centre[0]), float(centre[1]), float(centre[2])))
    radii = [3.0 / s for s in GRID.spacing]
    radii[axis] = 0.0
    expected = np.zeros(GRID.shape, np.uint8)
    stamp = ball((radii[0], radii[1], radii[2]))
    start = [c - n // 2 for c, n in zip(centre, stamp.shape, strict=True)]
    expected[tuple(slice(a, a + n) for a, n in zip(start, stamp.shape, strict=True))] = stamp
    assert np.array_equal(labels(panel), expected)
    assert np.array_equal(project_of(panel).mask("a").labels, expected)
    assert project_of(panel).case("a").state is CaseState.DRAFT
    assert panel.saved.text() == "All strokes saved"


def test_a_fast_drag_has_no_gaps_and_is_one_undo_step(panel: AnnotatePanel) -> None:
    panel.tools.set_tool(Tool.BRUSH)
    panel.tools.radius.setValue(1.0)
    drag(panel, 0, [(4, 10, 5), (4, 10, 45)])
    line = labels(panel)[4, 10, 5:46]
    assert (line == 1).all()
    actions = panel.test_parts[1]  # type: ignore[attr-defined]
    actions.action("edit.undo").trigger()
    assert labels(panel).sum() == 0
    assert project_of(panel).mask("a").labels.sum() == 0
    actions.action("edit.redo").trigger()
    assert (labels(panel)[4, 10, 5:46] == 1).all()


def test_shift_erases_and_unlabelled_can_be_painted(panel: AnnotatePanel) -> None:
    panel.tools.set_tool(Tool.BRUSH)
    click(panel, 0, (4, 20, 20))
    assert labels(panel).any()
    click(panel, 0, (4, 20, 20), shift=True)
    assert not labels(panel).any()
    panel.tools.paint.setCurrentIndex(panel.tools.paint.findData("unlabelled"))
    click(panel, 0, (4, 20, 20))
    assert set(np.unique(labels(panel))) == {0, 255}


def test_a_ball_goes_through_planes(panel: AnnotatePanel) -> None:
    panel.tools.set_tool(Tool.BRUSH)
    panel.tools.three_d.setChecked(True)
    panel.tools.radius.setValue(6.0)
    click(panel, 0, (4, 20, 20))
    assert labels(panel).any(axis=(1, 2)).tolist() == [False, False, True, True, True, True, True, False]


def test_corners_make_a_polygon_that_enter_closes(panel: AnnotatePanel) -> None:
    panel.tools.set_tool(Tool.LASSO)
    for corner in ((4, 10.2, 10.2), (4, 10.2, 20.2), (4, 20.2, 20.2), (4, 20.2, 10.2)):  # a click is a whole pixel
        click(panel, 0, corner)
    assert not labels(panel).any()
    panel.test_parts[1].action("annotate.close-outline").trigger()  # type: ignore[attr-defined]
    assert labels(panel)[4, 10:21, 10:21].all()
    assert labels(panel).sum() == 121


def test_escape_drops_the_outline(panel: AnnotatePanel) -> None:
    panel.tools.set_tool(Tool.LASSO)
    for corner in ((4, 10, 10), (4, 10, 20), (4, 20, 20)):
        click(panel, 0, corner)
    panel.test_parts[1].action("annotate.cancel").trigger()  # type: ignore[attr-defined]
    panel.test_parts[1].action("annotate.close-outline").trigger()  # type: ignore[attr-defined]
    assert not labels(panel).any()


def test_fill_takes_what_is_alike_in_the_plane_or_through_planes(panel: AnnotatePanel) -> None:
    panel.tools.set_tool(Tool.FILL)
    panel.tools.level.setValue(5.0)
    click(panel, 0, (4, 15, 15))
    assert labels(panel).sum() == 100
    panel.tools.three_d.setChecked(True)
    click(panel, 0, (4, 15, 15))
    assert labels(panel).sum() == 800


def test_the_wheel_scrolls_and_the_other_planes_follow(panel: AnnotatePanel) -> None:
    panel.view.show_slice(0, 2)
    assert panel.view.crosshair[0] == 2
    panel.view.panes[0].setFocus()
    QTest.keyClick(panel.view.panes[0], Qt.Key.Key_Down)
    assert panel.view.crosshair[0] == 3
    assert panel.view.sliders[0].value() == 3
    click(panel, 1, (5, panel.view.crosshair[1], 30))
    assert panel.view.crosshair == (5, 20, 30)


def test_every_place_of_every_pane_finds_its_voxel_back(panel: AnnotatePanel) -> None:
    for axis, pane in enumerate(panel.view.panes):
        voxel = [3.0, 12.0, 33.0]
        voxel[axis] = float(panel.view.crosshair[axis])
        there = pane.place_of((voxel[0], voxel[1], voxel[2]))
        assert pane.voxel_at(QPointF(there)) == pytest.approx(voxel)


def test_changing_the_case_keeps_a_version_and_coming_back_shows_it(panel: AnnotatePanel) -> None:
    panel.tools.set_tool(Tool.BRUSH)
    click(panel, 0, (4, 20, 20))
    painted = labels(panel).copy()
    panel.test_parts[1].action("annotate.next").trigger()  # type: ignore[attr-defined]
    assert panel.editor.case == "b"
    assert not labels(panel).any()
    assert [v.origin for v in project_of(panel).mask_versions("a")] == ["annotation"]
    panel.test_parts[1].action("annotate.previous").trigger()  # type: ignore[attr-defined]
    assert np.array_equal(labels(panel), painted)


def test_a_case_with_a_lesion_cannot_be_confirmed_empty_and_the_window_says_so(panel: AnnotatePanel) -> None:
    panel.test_parts[1].action("annotate.empty").trigger()  # type: ignore[attr-defined]
    assert project_of(panel).case("a").state is CaseState.CONFIRMED_EMPTY
    panel.tools.set_tool(Tool.BRUSH)
    click(panel, 0, (4, 20, 20))
    assert project_of(panel).case("a").state is CaseState.DRAFT
    panel.test_parts[1].action("annotate.complete").trigger()  # type: ignore[attr-defined]
    assert project_of(panel).case("a").state is CaseState.COMPLETE


def test_a_stroke_that_cannot_be_saved_stays_is_marked_and_is_saved_later(
    panel: AnnotatePanel, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, failures = project_of(panel), []
    panel.editor.failed.disconnect()
    panel.editor.failed.connect(failures.append)
    full = CannotSave("p", "the disk is full, so it was not saved")
    with monkeypatch.context() as patch:
        patch.setattr(project, "record_edit", lambda *_, **__: (_ for _ in ()).throw(full))
        panel.tools.set_tool(Tool.BRUSH)
        click(panel, 0, (4, 20, 20))
        assert panel.saved.text() == "1 stroke not saved"
        assert labels(panel).any()
        assert failures == [full]
    click(panel, 0, (4, 30, 30))
    assert panel.saved.text() == "All strokes saved"
    assert np.array_equal(project.mask("a").labels, labels(panel))


def test_window_and_level_follow_a_right_drag(panel: AnnotatePanel) -> None:
    before = panel.view.window_of(0)
    pane = panel.view.panes[0]
    QTest.mousePress(pane, Qt.MouseButton.RightButton, pos=QPoint(50, 50))
    QTest.mouseMove(pane, QPoint(80, 50))
    QTest.mouseRelease(pane, Qt.MouseButton.RightButton, pos=QPoint(80, 50))
    assert panel.view.window_of(0).width > before.width
    assert panel.view.window_of(1) == panel.view.automatic_window(1)


@pytest.mark.parametrize("turned", [False, True])
def test_a_lasso_fills_the_same_voxels_in_a_turned_plane(turned: bool) -> None:
    plane = PlaneGeometry.of(GRID, 1 if turned else 0)
    mask = np.zeros(GRID.shape, np.uint8)
    corners = [(1.0, 10.0), (1.0, 14.0), (3.0, 14.0), (3.0, 10.0)]
    lasso_edit(mask, plane, 5, corners, 1)
    expected = np.zeros(GRID.shape, np.uint8)
    if turned:
        expected[4:7, 5, 10:15] = 1
    else:
        expected[5, 1:4, 10:15] = 1
    assert np.array_equal(mask, expected)


def test_a_brush_in_voxels_ignores_the_spacing() -> None:
    assert BrushShape(radius=2, in_millimetres=False, three_d=True).radii(GRID, 0) == (2, 2, 2)
    assert BrushShape(radius=3, in_millimetres=True, three_d=True).radii(GRID, 0) == (1, 3, 3)
    mask = np.zeros(GRID.shape, np.uint8)
    stroke = BrushStroke(mask, BrushShape(radius=0, in_millimetres=False, three_d=False), GRID, 0, 1)
    stroke.to((1.2, 3.4, 4.6))
    assert np.argwhere(mask).tolist() == [[1, 3, 5]]


def test_pixels_by_hand() -> None:
    assert window_to_grey(np.array([[-10, 0, 50, 100, 900]], np.int16), 0, 100).tolist() == [[0, 0, 127, 255, 255]]
    assert window_to_grey(np.array([[np.nan]], np.float32), 0, 1).tolist() == [[0]]
    flags = np.zeros((5, 5), bool)
    flags[1:4, 1:4] = True
    assert edges_of(flags).sum() == 8
    overlay = Overlay(fill=True, outline=False, opacity=0.5, mask_colour=(200, 100, 0))
    codes = codes_of(flags.astype(np.uint8), None, overlay)
    pixels = render_grey(np.full((5, 5), 100, np.uint8), codes, make_table(overlay))
    assert hex(pixels[0, 0]) == "0xff646464"
    assert hex(pixels[2, 2]) == "0xff966432"
    assert codes_of(flags.astype(np.uint8), None, Overlay(visible=False)) is None
    assert (Window.of(40, 80).low, Window.of(40, 80).high) == (0, 80)


_PAINTER = """
import os, sys
os.environ["QT_QPA_PLATFORM"] = "offscreen"
from pathlib import Path
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from app.actions import Actions
from app.annotate.panel import AnnotatePanel
from app.annotate.tools import Tool
from app.background import Background
from app.session import Session
from app.settings import Settings
from segcore.projects.project import Project

app = QApplication([])
folder = Path(sys.argv[1])
settings = Settings(folder.parent / "s.ini")
session = Session(settings)
panel = AnnotatePanel(session, Actions(session), Background(lambda job: None), settings)
panel.resize(900, 600)
panel.show()
session.adopt(Project.open(folder))
panel.activate()
panel.tools.set_tool(Tool.BRUSH)
panel.tools.radius.setValue(0)
for number in range(10000):
    pane = panel.view.panes[0]
    r, c = divmod(number, 40)
    QTest.mouseClick(pane, Qt.MouseButton.LeftButton, pos=pane.place_of((4.0, float(r), float(c))).toPoint())
    sys.stdout.write(f"{int((panel.editor.labels == 1).sum())}\\n")
    sys.stdout.flush()
"""


def test_killing_the_window_in_mid_annotation_loses_no_stroke(panel: AnnotatePanel, tmp_path: Path) -> None:
    panel.test_parts[0].close()  # type: ignore[attr-defined]
    folder = tmp_path / "p"
    root = Path(__file__).resolve().parents[2]
    painter = subprocess.Popen(
        [sys.executable, "-c", _PAINTER, str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    assert painter.stdout is not None
    lines = [painter.stdout.readline() for _ in range(25)]
    painter.send_signal(signal.SIGKILL)
    lines += painter.stdout.readlines()
    painter.stdout.close()
    painter.wait()
    seen = int([line for line in lines if line.endswith("\n")][-1])
    with Project.open(folder) as project:
        found = int((project.mask("a").labels == 1).sum())
    assert seen >= 25
    assert found - seen in (0, 1)


def test_keys_choose_tools_at_once_without_a_click(panel: AnnotatePanel, qtbot: QtBot) -> None:
    qtbot.waitActive(panel)
    panel.activate()
    focused = panel.focusWidget()
    assert focused is panel.view.panes[0]
    QTest.keyClick(focused, Qt.Key.Key_B)
    assert panel.tools.tool is Tool.BRUSH
    assert panel.cases.filter.text() == ""
    QTest.keyClick(focused, Qt.Key.Key_BracketRight)
    assert panel.tools.radius.value() > 3.0


def test_a_note_is_kept_with_its_case(panel: AnnotatePanel) -> None:
    QTest.keyClicks(panel.note, "faint; ask again")
    panel.test_parts[1].action("annotate.next").trigger()  # type: ignore[attr-defined]
    assert panel.note.text() == ""
    assert project_of(panel).case("a").note == "faint; ask again"
    panel.test_parts[1].action("annotate.previous").trigger()  # type: ignore[attr-defined]
    assert panel.note.text() == "faint; ask again"


def test_a_measuring_key_takes_the_left_button_and_a_tool_takes_it_back(panel: AnnotatePanel) -> None:
    panel.tools.set_tool(Tool.BRUSH)
    QTest.keyClick(panel.view.panes[0], Qt.Key.Key_R, Qt.KeyboardModifier.ShiftModifier)
    drag(panel, 0, [(4, 10, 10), (4, 10, 30)])
    assert labels(panel).sum() == 0
    assert len(panel.area.measure.measurements) == 1
    QTest.keyClick(panel.view.panes[0], Qt.Key.Key_B)
    drag(panel, 0, [(4, 10, 10), (4, 10, 30)])
    assert labels(panel).sum() > 0
    assert len(panel.area.measure.measurements) == 1


def test_the_key_goes_on_to_the_next_case_of_the_list(panel: AnnotatePanel, qtbot: QtBot) -> None:
    session = panel.test_parts[0]  # type: ignore[attr-defined]
    mask = project_of(panel).mask("b")
    mask.labels[3, 7, 9] = 1
    project_of(panel).save_mask("b", mask, author="x", origin="annotation")
    session.notify_mask("b")
    QTest.keyClick(panel.view.panes[0], Qt.Key.Key_J)
    qtbot.waitUntil(lambda: session.current_case == "b")
    qtbot.waitUntil(lambda: panel.area.words.text().startswith("Lesion 1 of 1"))
    assert panel.view.crosshair == (3, 7, 9)


def test_no_brush_is_drawn_under_the_mouse_while_something_is_measured(panel: AnnotatePanel) -> None:
    panel.tools.set_tool(Tool.BRUSH)
    panel.tools.radius.setValue(8.0)
    pane = panel.view.panes[0]
    QTest.mouseMove(pane, place(panel, 0, (4, 10, 10)))
    with_brush = pane.grab().toImage()
    QTest.keyClick(pane, Qt.Key.Key_R, Qt.KeyboardModifier.ShiftModifier)
    QTest.mouseMove(pane, place(panel, 0, (4, 10, 11)))
    without = pane.grab().toImage()
    assert with_brush != without
    QTest.mouseMove(pane, place(panel, 0, (4, 20, 30)))
    assert pane.grab().toImage() == without
    assert panel.under.text().startswith("plane 5, row 21, column 31")
    QTest.keyClick(pane, Qt.Key.Key_B)
    QTest.mouseMove(pane, place(panel, 0, (4, 10, 10)))
    assert pane.grab().toImage() == with_brush
