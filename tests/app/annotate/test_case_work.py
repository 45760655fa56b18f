"""Sparse masks, versions, time and strokes, slow changes beside the window, and scans with flipped axes."""

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QLabel, QPushButton, QTableWidget, QToolButton, QWidget

from app.annotate import panel as panel_module
from app.annotate.tools import Tool
from segcore.errors import CannotSave
from segcore.geometry import Grid
from segcore.projects.case import CaseState, Work
from segcore.projects.exporting import export_masks
from segcore.projects.project import Project
from segcore.scans.formats.table import read_mask
from segcore.scans.volume import UNLABELLED, Mask, Volume
from tests.app.annotate.scene import BLOCK, GRID, Scene, corners, look_through, rectangle


def paint_a_dot(scene: Scene, voxel: tuple[int, int, int]) -> None:
    scene.look_at(voxel)
    scene.take(Tool.BRUSH)
    scene.panel.tools.radius.setValue(0.0)
    scene.click(0, (float(voxel[0]), float(voxel[1]), float(voxel[2])))


# Sparse masks


def test_only_what_is_painted_counts_is_one_stroke_recorded_and_undone(scene: Scene) -> None:
    paint_a_dot(scene, (4, 14, 21))
    sparse = scene.panel.findChild(QCheckBox, "sparse-mask")
    assert sparse is not None
    sparse.click()
    assert (scene.labels == 1).sum() == 1
    assert (scene.kept == UNLABELLED).sum() == 8 * 40 * 50 - 1
    assert scene.project.audit()[-1].action == "mask counts what is painted"
    assert scene.panel.editor.ground == UNLABELLED
    scene.action("edit.undo").trigger()
    assert not sparse.isChecked()
    assert (scene.labels == 0).sum() == 8 * 40 * 50 - 1
    scene.action("edit.redo").trigger()
    assert sparse.isChecked()
    sparse.click()
    assert not (scene.kept == UNLABELLED).any()


def test_in_a_sparse_mask_shift_takes_the_paint_off_and_background_is_painted_like_a_lesion(scene: Scene) -> None:
    sparse = scene.panel.findChild(QCheckBox, "sparse-mask")
    assert sparse is not None
    sparse.click()
    paint_a_dot(scene, (4, 14, 21))
    scene.panel.tools.paint.setCurrentIndex(scene.panel.tools.paint.findData("background"))
    paint_a_dot(scene, (4, 20, 21))
    assert (scene.labels[4, 14, 21], scene.labels[4, 20, 21]) == (1, 0)
    assert (scene.labels == UNLABELLED).sum() == 8 * 40 * 50 - 2
    scene.click(0, (4, 14, 21), shift=True)
    scene.action("eraser").trigger()
    scene.click(0, (4, 20, 21))
    assert (scene.labels == UNLABELLED).all()
    scene.look_at((4, 14, 21))
    scene.panel.tools.paint.setCurrentIndex(scene.panel.tools.paint.findData("lesion"))
    scene.click(0, (4, 14, 21))
    scene.panel.changes.distance.setValue(1.0)
    scene.action("grow").trigger()
    assert (scene.labels == 1).sum() == 3  # rows lie 1 mm apart, columns 1.5 mm


def test_a_sparse_mask_is_one_after_it_was_opened_again(scene: Scene) -> None:
    sparse = scene.panel.findChild(QCheckBox, "sparse-mask")
    assert sparse is not None
    sparse.click()
    scene.action("next").trigger()
    assert not sparse.isChecked()
    scene.action("previous").trigger()
    assert sparse.isChecked()


# Versions


def test_versions_are_listed_with_author_and_restored_as_one_stroke(scene: Scene) -> None:
    paint_a_dot(scene, (4, 14, 21))
    scene.action("next").trigger()  # leaving the case keeps a version
    scene.action("previous").trigger()
    paint_a_dot(scene, (4, 20, 21))
    button = scene.panel.findChild(QToolButton, "show-versions")
    assert button is not None
    button.click()
    dialog = scene.panel.findChild(QWidget, "mask-versions")
    assert dialog is not None
    table = dialog.findChild(QTableWidget, "version-table")
    assert table is not None
    assert table.rowCount() == 1
    assert [table.item(0, column).text() for column in (0, 1, 3)] == ["1", "Dr. Test", "annotation"]
    assert table.item(0, 4).text() == "0.0045 ml"  # one voxel of 4.5 mm³
    dialog.restore.click()  # type: ignore[attr-defined]
    assert np.argwhere(scene.labels).tolist() == [[4, 14, 21]]
    assert np.array_equal(scene.kept, scene.labels)
    assert scene.project.audit()[-1].detail == "version 1"
    scene.action("edit.undo").trigger()
    assert scene.labels.sum() == 2


def test_a_version_is_compared_with_the_mask_as_it_stands(scene: Scene) -> None:
    paint_a_dot(scene, (4, 14, 21))
    scene.action("next").trigger()
    scene.action("previous").trigger()
    scene.action("versions").trigger()
    dialog = scene.panel.findChild(QWidget, "mask-versions")
    assert dialog is not None
    dialog.compare.click()  # type: ignore[attr-defined]
    assert scene.panel.blue.source.currentText().startswith("Version 1 · Dr. Test")
    steps = scene.panel.view.steps
    assert steps is not None
    assert np.argwhere(steps >= scene.panel.view.step).tolist() == [[4, 14, 21]]


# Time and strokes


def test_time_and_strokes_are_counted_pauses_left_out_and_shown(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(panel_module.time, "monotonic", lambda: now[0])
    scene.panel.editor.time.stop()
    scene.hover(0, (4, 10, 10))
    for later in (10.0, 20.0, 600.0, 5.0):  # the third is a pause
        now[0] += later
        scene.hover(0, (4, 10, 10 + later % 7))
    paint_a_dot(scene, (4, 14, 21))
    paint_a_dot(scene, (4, 20, 21))
    scene.action("edit.undo").trigger()
    work = scene.project.work()["a"]
    assert work == Work(seconds=35.0, strokes=2)
    facts = scene.panel.findChild(QLabel, "case-facts")
    assert facts is not None
    assert "35 s · 2 strokes" in facts.text()
    now[0] += 30.0
    scene.hover(0, (4, 12, 12))
    scene.action("next").trigger()
    assert scene.project.work()["a"] == Work(seconds=65.0, strokes=2)
    assert "b" not in scene.project.work()


def test_a_stroke_that_is_saved_late_loses_no_time(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(panel_module.time, "monotonic", lambda: now[0])
    scene.panel.editor.time.stop()
    scene.panel.editor.failed.disconnect()
    scene.hover(0, (4, 10, 10))
    now[0] = 12.0
    full = CannotSave("p", "the disk is full, so it was not saved")
    with monkeypatch.context() as patch:
        patch.setattr(scene.project, "record_edit", lambda *_, **__: (_ for _ in ()).throw(full))
        paint_a_dot(scene, (4, 14, 21))
    assert "a" not in scene.project.work()
    paint_a_dot(scene, (4, 20, 21))
    assert scene.project.work()["a"] == Work(seconds=12.0, strokes=2)


# Slow changes


def test_a_change_of_a_large_mask_is_worked_out_beside_the_window(scene: Scene) -> None:
    scene.panel.long_edits.small = 0
    scene.labels[BLOCK] = 1
    scene.labels[4, 14, 21] = 0
    scene.panel.tools.three_d.setChecked(True)
    scene.action("fill-holes").trigger()
    assert scene.panel.long_edits.doing == "Fill holes"
    assert scene.labels[4, 14, 21] == 0
    button = scene.panel.findChild(QPushButton, "mask-changes")
    assert button is not None
    assert not button.isEnabled()
    scene.action("edit.undo").trigger()  # nothing may be changed meanwhile
    scene.wait()
    assert scene.labels[4, 14, 21] == 1
    assert scene.kept[4, 14, 21] == 1
    assert button.isEnabled()
    scene.action("edit.undo").trigger()
    assert scene.labels[4, 14, 21] == 0


@pytest.mark.parametrize("leave", ["escape", "next"])
def test_a_slow_change_that_is_given_up_changes_nothing(scene: Scene, leave: str) -> None:
    scene.panel.long_edits.small = 0
    scene.take(Tool.FILL)
    scene.panel.tools.three_d.setChecked(True)
    scene.look_at((4, 14, 21))
    scene.click(0, (4, 14, 21))
    assert scene.panel.long_edits.doing == "Fill"
    if leave == "escape":
        scene.key(Qt.Key.Key_Escape)
    else:
        scene.action("next").trigger()
    assert scene.panel.long_edits.doing == ""
    scene.qtbot.waitUntil(lambda: scene.background.running_tasks == 0)
    assert not scene.labels.any()
    assert not scene.project.mask("a").labels.any()
    assert scene.panel.editor.may_edit


def test_a_slow_change_that_fails_is_told_and_painting_goes_on(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Exception] = []
    monkeypatch.setattr("app.annotate.long_edits.report_error", lambda _, error: told.append(error))
    full = CannotSave("p", "it did not work")

    def fail(_: object) -> None:
        raise full

    scene.panel.long_edits.run("Trying", fail, lambda _: None, slow=True)
    scene.wait()
    assert told == [full]
    paint_a_dot(scene, (4, 14, 21))
    assert scene.labels.any()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mirror", lambda labels: labels | labels[:, :, ::-1]),
        ("split-lesion", None),
    ],
)
def test_new_changes_are_in_the_menu_and_work_on_the_whole_mask(scene: Scene, name: str, expected: object) -> None:
    labels = scene.labels
    if name == "mirror":
        labels[2:4, 5:8, 10:13] = 1
        before = np.concatenate([labels[:, :, :49], labels[:, :, :1]], axis=2)[:, :, :49]
        scene.look_at((3, 6, 24))  # the middle of columns 0 to 48
    else:
        labels[2:7, 8:15, 5:16] = labels[2:7, 8:15, 24:33] = 1
        labels[4, 11, 16:24] = 1
        scene.look_at((4, 11, 8))
    scene.panel.tools.three_d.setChecked(True)
    scene.action(name).trigger()
    if name == "mirror":
        assert np.array_equal(scene.labels[:, :, :49], expected(before))  # type: ignore[operator]
    else:
        components = scene.project.save_mask(
            "a", Mask(labels=scene.labels, grid=GRID), author="t", origin="annotation"
        ) and scene.project.case("a")
        assert components.lesions == 2


# Flipped axes


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_what_is_drawn_on_a_flipped_and_turned_scan_lies_at_the_same_place_in_its_own_file(
    project: Project, scene: Scene, tmp_path: Path, axis: int
) -> None:
    """The file's axes are (column from left to right, plane from top to bottom, row), 1.5, 3 and 1 mm apart.

    In the project a scan lies as (plane upwards, row backwards, column to the left); a voxel (p, r, c) there is
    (49 - c, 7 - p, r) in the file.
    """
    affine = np.array([[-1.5, 0, 0, 73.5], [0, 0, 1.0, 0], [0, -3.0, 0, 21.0], [0, 0, 0, 1]])
    source = Grid((50, 8, 40), affine)
    voxels = np.zeros((1, 50, 8, 40), np.int16)
    scan = Volume(voxels=voxels, grid=source, channels=("CT",)).canonical()
    assert scan.grid.matches(GRID)
    project.add_case(
        id="flipped",
        group="flipped",
        volume=scan,
        source_grid=source,
        source_suffix=".nii.gz",
        sources=("flipped.nii.gz",),
        mask=None,
        state=CaseState.UNLABELLED,
    )
    scene.session.refresh_cases()
    scene.session.set_current_case("flipped")
    look_through(scene, axis)
    scene.take(Tool.POLYGON)
    for corner in corners(axis):
        scene.click(axis, corner)
    scene.key(Qt.Key.Key_Return)
    assert np.array_equal(scene.labels, rectangle(axis))
    (file,) = export_masks(project, ["flipped"], tmp_path / "out")
    written = read_mask(file)
    assert written.grid.matches(source)
    expected = np.zeros(source.shape, np.uint8)
    for p, r, c in np.argwhere(rectangle(axis)):
        expected[49 - c, 7 - p, r] = 1
    assert np.array_equal(written.labels, expected)


# Undo after a restart


def test_undo_goes_on_where_the_case_was_left_and_redo_too(scene: Scene) -> None:
    for voxel in ((4, 14, 21), (4, 20, 21), (4, 25, 21)):
        paint_a_dot(scene, voxel)
    scene.action("edit.undo").trigger()
    scene.action("next").trigger()
    scene.action("previous").trigger()
    assert scene.labels.sum() == 2
    assert scene.action("edit.undo").isEnabled()
    scene.action("edit.undo").trigger()
    assert np.argwhere(scene.kept).tolist() == [[4, 14, 21]]
    scene.action("edit.redo").trigger()
    scene.action("edit.redo").trigger()  # what was undone before the case was left
    assert scene.kept.sum() == 3
    for _ in range(3):
        scene.action("edit.undo").trigger()
    assert not scene.kept.any()
    assert not scene.action("edit.undo").isEnabled()
    assert scene.project.work()["a"].strokes == 3


def test_undo_stops_where_something_that_is_no_stroke_changed_the_mask(scene: Scene) -> None:
    paint_a_dot(scene, (4, 14, 21))
    scene.action("next").trigger()
    scene.project.save_mask("a", Mask.empty(GRID), author="model", origin="accepted prediction")
    scene.action("previous").trigger()
    assert not scene.labels.any()
    scene.action("edit.undo").trigger()
    assert not scene.labels.any()
    assert not scene.action("edit.undo").isEnabled()
