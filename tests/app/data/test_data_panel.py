import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QTimer, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QGuiApplication
from PySide6.QtWidgets import QApplication, QMessageBox, QPushButton
from pytestqt.qtbot import QtBot

from app.actions import Actions
from app.background import Background
from app.data.export_dialog import ExportDialog
from app.data.import_dialog import ImportDialog
from app.data.panel import DataPanel
from app.data.report_view import ReportDialog
from app.data.split_dialog import SplitDialog
from app.errors import BannerArea
from app.session import Session
from app.settings import Settings
from app.window import MainWindow
from segcore.geometry import Grid
from segcore.projects.case import CaseState, Part
from segcore.projects.project import Project
from segcore.scans.formats.table import read_mask, write_mask, write_volume
from segcore.scans.volume import Mask, Volume

MakeProject = Callable[..., Project]
Ids = tuple[str, ...]


@pytest.fixture
def window(
    qtbot: QtBot, session: Session, actions: Actions, background: Background, settings: Settings
) -> Iterator[MainWindow]:
    made = MainWindow(session, actions, background, settings, make_demo=lambda progress: pytest.fail("no demo here"))
    made.resize(1366, 768)
    qtbot.addWidget(made)
    made.show()
    qtbot.waitExposed(made)
    yield made
    qtbot.waitUntil(lambda: background.running_tasks == 0, timeout=5000)


@pytest.fixture
def panel(window: MainWindow) -> DataPanel:
    made = window.panel("data")
    assert isinstance(made, DataPanel)
    return made


@pytest.fixture
def opened(session: Session, panel: DataPanel, make_project: MakeProject) -> Project:
    states = (CaseState.COMPLETE, CaseState.CONFIRMED_EMPTY, CaseState.DRAFT, CaseState.UNLABELLED)
    project = make_project(cases=8, states=states)
    session.adopt(project)
    return project


def settle(qtbot: QtBot, panel: DataPanel) -> None:
    qtbot.wait(10)


def trigger(qtbot: QtBot, panel: DataPanel, id: str) -> None:
    button = next(b for b in panel.findChildren(QPushButton) if b.objectName() == f"button-{id}" and b.isVisible())
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def answer(text: str) -> None:
    def press() -> None:
        box = QApplication.activeModalWidget()
        assert isinstance(box, QMessageBox)
        next(button for button in box.buttons() if button.text() == text).click()

    QTimer.singleShot(50, press)


def banners(panel: DataPanel) -> list[str]:
    area = panel.window().findChild(BannerArea)
    assert area is not None
    return [banner.text for banner in area.banners()]


def save_scan(folder: Path, name: str, *, seed: int = 0, mask_shape: tuple[int, int, int] | None = (3, 16, 16)) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    grid = Grid.from_spacing((3, 16, 16), (2.0, 1.0, 1.0))
    voxels = np.random.default_rng(seed).normal(100, 9, (1, 3, 16, 16)).astype(np.float32)
    write_volume(folder / f"{name}.nii.gz", Volume(voxels=voxels, grid=grid, channels=("image",)))
    if mask_shape is not None:
        mask = Mask.empty(Grid.from_spacing(mask_shape, (2.0, 1.0, 1.0)))
        mask.labels[1, 4:6, 4:7] = 1
        write_mask(folder / f"{name}_mask.nii.gz", mask)


# States and selection


def test_without_a_project_the_panel_says_what_to_do_and_offers_it(window: MainWindow, panel: DataPanel) -> None:
    assert panel.no_project.isVisible()
    assert [button.text() for button in panel.no_project.buttons] == [
        "Open demo project",
        "New project…",
        "Open project…",
    ]


def test_an_empty_project_offers_to_import(panel: DataPanel, session: Session, tmp_path: Path) -> None:
    session.create(tmp_path / "fresh")
    QApplication.processEvents()
    assert panel.no_cases.isVisible()
    assert panel.no_cases.buttons[0].isEnabled()


def test_the_figures_on_top_follow_the_project(qtbot: QtBot, panel: DataPanel, opened: Project) -> None:
    settle(qtbot, panel)
    assert panel.summary.cases.figure.text() == "8"
    assert panel.summary.cases.remark.text() == "4 ready to train"
    assert panel.summary.lesions.figure.text() == "2"
    assert panel.summary.parts[Part.TRAIN].remark.text() == "not split yet"


def test_several_cases_are_flagged_at_once(qtbot: QtBot, panel: DataPanel, opened: Project) -> None:
    settle(qtbot, panel)
    panel.cases.select_cases(("case-0", "case-3"))
    assert panel.selection_label.text() == "8 cases · 2 selected"
    trigger(qtbot, panel, "data.flag")
    flagged = [case.id for case in opened.cases() if case.state is CaseState.FLAGGED]
    assert flagged == ["case-0", "case-3"]
    assert panel.cases.selected_ids() == ("case-0", "case-3")


def test_shift_click_selects_a_range(qtbot: QtBot, panel: DataPanel, opened: Project) -> None:
    settle(qtbot, panel)
    view = panel.cases
    for row, modifier in ((0, Qt.KeyboardModifier.NoModifier), (2, Qt.KeyboardModifier.ShiftModifier)):
        place = view.visualRect(view.filter.index(row, 1)).center()
        qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, modifier, place)
    assert view.selected_ids() == ("case-0", "case-1", "case-2")


def test_actions_that_need_a_selection_say_so(
    qtbot: QtBot, panel: DataPanel, opened: Project, actions: Actions
) -> None:
    settle(qtbot, panel)
    panel.cases.clearSelection()
    assert not actions.action("data.flag").isEnabled()
    assert actions.action("data.flag").toolTip().endswith("Not available now: select one or more cases")
    panel.cases.select_cases(("case-0",))
    assert actions.action("data.confirm-empty").toolTip().endswith("Not available now: case-0 has foreground")


def test_marking_an_empty_mask_complete_asks_whether_it_is_empty(
    qtbot: QtBot, panel: DataPanel, opened: Project
) -> None:
    settle(qtbot, panel)
    panel.cases.select_cases(("case-2", "case-3"))  # a draft with a lesion, an unlabelled one without
    answer("Confirm empty")
    trigger(qtbot, panel, "data.complete")
    assert opened.case("case-2").state is CaseState.COMPLETE
    assert opened.case("case-3").state is CaseState.CONFIRMED_EMPTY


def test_removing_asks_and_can_be_refused(qtbot: QtBot, panel: DataPanel, opened: Project) -> None:
    settle(qtbot, panel)
    panel.cases.select_cases(("case-0",))
    answer("Keep")
    trigger(qtbot, panel, "data.remove")
    assert len(opened.cases()) == 8
    answer("Remove")
    trigger(qtbot, panel, "data.remove")
    assert [case.id for case in opened.cases()][:1] == ["case-1"]
    assert banners(panel) == ["1 case removed."]


def test_a_double_click_opens_the_case_in_annotate(
    qtbot: QtBot, window: MainWindow, panel: DataPanel, opened: Project, session: Session
) -> None:
    settle(qtbot, panel)
    place = panel.cases.visualRect(panel.cases.filter.index(1, 1)).center()
    qtbot.mouseClick(panel.cases.viewport(), Qt.MouseButton.LeftButton, pos=place)
    qtbot.mouseDClick(panel.cases.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert session.current_case == "case-1"
    assert window.workspace == "annotate"


def test_the_context_menu_puts_cases_into_a_part(qtbot: QtBot, panel: DataPanel, opened: Project) -> None:
    settle(qtbot, panel)
    menu = panel.make_menu(("case-0", "case-1"))
    parts = next(action.menu() for action in menu.actions() if action.text() == "Part")
    next(action for action in parts.actions() if action.text() == "Validation").trigger()
    menu.deleteLater()
    assert [case.part for case in opened.cases()][:3] == [Part.VALIDATION, Part.VALIDATION, None]


def test_the_text_filter_takes_the_keyboard(
    qtbot: QtBot, window: MainWindow, panel: DataPanel, opened: Project
) -> None:
    settle(qtbot, panel)
    qtbot.keyClick(window, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    qtbot.keyClicks(panel.filter_bar.text, "case-7")
    assert panel.cases.filter.rowCount() == 1
    assert panel.selection_label.text() == "1 of 8 cases shown"


def test_a_read_only_project_disables_changes_and_says_why(
    qtbot: QtBot, panel: DataPanel, session: Session, make_project: MakeProject, actions: Actions
) -> None:
    project = make_project(cases=2)
    project.close()
    session.open(project.folder, read_only=True)
    settle(qtbot, panel)
    panel.cases.select_cases(("case-0",))
    for id in ("data.import-files", "data.split", "data.flag", "data.remove"):
        assert "reading only" in actions.action(id).toolTip() or "can be changed" in actions.action(id).toolTip()
    assert actions.action("data.export").isEnabled()


# Split


def test_the_split_dialog_previews_the_balance_and_stores_it(qtbot: QtBot, panel: DataPanel, opened: Project) -> None:
    settle(qtbot, panel)
    trigger(qtbot, panel, "data.split")
    dialog = panel.findChild(SplitDialog)
    assert dialog is not None
    assert dialog.message.text() == "No patient lies in two parts, and every part has lesions."
    shown = [dialog.cells[part, "Cases"].text() for part in Part]
    assert sum(map(int, shown)) == 8
    qtbot.mouseClick(dialog.apply_button, Qt.MouseButton.LeftButton)
    parts = {case.id: case.part for case in opened.cases()}
    assert parts["case-0"] == parts["case-1"]
    assert {part for part in parts.values() if part} == set(Part)
    qtbot.waitUntil(lambda: panel.summary.parts[Part.TEST].figure.text() != "0", timeout=1000)


def test_shares_that_do_not_add_up_cannot_be_applied(qtbot: QtBot, panel: DataPanel, opened: Project) -> None:
    settle(qtbot, panel)
    trigger(qtbot, panel, "data.split")
    dialog = panel.findChild(SplitDialog)
    assert dialog is not None
    dialog.shares[0].setValue(50)
    assert not dialog.apply_button.isEnabled()
    assert dialog.message.text() == "The shares add up to 80 %; make them 100 %."
    dialog.reject()


def test_a_leak_is_shown_in_the_figures(qtbot: QtBot, panel: DataPanel, opened: Project, session: Session) -> None:
    session.set_parts({"case-0": Part.TRAIN, "case-1": Part.TEST})
    settle(qtbot, panel)
    assert panel.summary.parts[Part.TEST].remark.text() == "same patient elsewhere"
    assert "Patient P0 is in test and train." in panel.summary.parts[Part.TEST].toolTip()


# Import


def finished_import(qtbot: QtBot, dialog: ImportDialog) -> None:
    qtbot.waitUntil(lambda: dialog.pages.currentWidget() is dialog.report, timeout=10000)


def planned(qtbot: QtBot, panel: DataPanel, paths: list[Path]) -> ImportDialog:
    dialog = panel.import_paths(paths)
    assert dialog is not None
    qtbot.waitUntil(lambda: dialog.pages.currentWidget() is dialog.plan_page, timeout=5000)
    return dialog


def test_an_import_shows_its_plan_then_its_report_which_stays(
    qtbot: QtBot, panel: DataPanel, session: Session, tmp_path: Path, actions: Actions
) -> None:
    session.create(tmp_path / "fresh")
    scans = tmp_path / "Über Scans"
    for seed, name in enumerate(("p1_a", "p1_b", "p2_a")):
        save_scan(scans, name, seed=seed)
    save_scan(scans, "p3_a", seed=3, mask_shape=(3, 16, 15))
    (scans / "cut.nii.gz").write_bytes(b"\x1f\x8b nothing")
    dialog = planned(qtbot, panel, [scans])
    assert dialog.plan_page.sentence.text() == "5 scans found, 4 with a mask."
    assert session.cases() == ()
    qtbot.mouseClick(dialog.plan_page.guess, Qt.MouseButton.LeftButton, pos=QPoint(10, 10))
    qtbot.mouseClick(dialog.import_button, Qt.MouseButton.LeftButton)
    finished_import(qtbot, dialog)
    assert {case.id: case.group for case in session.cases()} == {
        "p1_a": "p1",
        "p1_b": "p1",
        "p2_a": "p2_a",
        "p3_a": "p3_a",
    }
    states = {case.id: case.state for case in session.cases()}
    assert states["p3_a"] is CaseState.UNLABELLED
    assert states["p1_a"] is CaseState.COMPLETE
    files = [problem.file for problem in dialog.report.model.problems]
    assert sorted(files) == ["cut.nii.gz", "p3_a_mask.nii.gz"]
    dialog.report.copy.click()
    assert "cut.nii.gz: " in QGuiApplication.clipboard().text()
    dialog.report.save_to(tmp_path / "report.txt")
    assert "p3_a_mask.nii.gz" in (tmp_path / "report.txt").read_text("utf-8")
    qtbot.mouseClick(dialog.close_button, Qt.MouseButton.LeftButton)
    qtbot.wait(20)
    trigger(qtbot, panel, "data.report")
    again = panel.findChild(ReportDialog)
    assert again is not None
    assert [problem.file for problem in again.view.model.problems] == files
    again.close()


def test_a_patient_can_be_corrected_in_the_plan(
    qtbot: QtBot, panel: DataPanel, session: Session, tmp_path: Path
) -> None:
    session.create(tmp_path / "fresh")
    save_scan(tmp_path / "in", "a")
    dialog = planned(qtbot, panel, [tmp_path / "in"])
    dialog.plan_page.model.setData(dialog.plan_page.model.index(0, 1), "Anna", Qt.ItemDataRole.EditRole)
    dialog.start()
    qtbot.waitUntil(lambda: bool(session.cases()), timeout=5000)
    assert [case.group for case in session.cases()] == ["Anna"]
    assert banners(panel) == ["1 cases were added; 0 files could not be used, 0 notes."]


def test_an_import_can_be_cancelled_and_keeps_what_it_had(
    qtbot: QtBot, panel: DataPanel, session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session.create(tmp_path / "fresh")
    for number in range(6):
        save_scan(tmp_path / "in", f"s{number}", seed=number)
    dialog = planned(qtbot, panel, [tmp_path / "in"])
    add = Project.add_case

    def slowly(self: Project, **facts: object) -> object:
        time.sleep(0.2)
        return add(self, **facts)  # type: ignore[arg-type]

    monkeypatch.setattr(Project, "add_case", slowly)
    dialog.start()
    qtbot.waitUntil(lambda: dialog.progress.bar.maximum() == 6, timeout=3000)
    qtbot.mouseClick(dialog.progress.cancel, Qt.MouseButton.LeftButton)
    finished_import(qtbot, dialog)
    assert 1 <= len(session.cases()) < 6
    assert "stopped" in dialog.report.text()
    dialog.close()


def test_files_dropped_on_the_window_are_imported(
    qtbot: QtBot, window: MainWindow, panel: DataPanel, session: Session, tmp_path: Path
) -> None:
    session.create(tmp_path / "fresh")
    save_scan(tmp_path / "in", "a")
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(tmp_path / "in"))])
    action, button, none = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    entering = QDragEnterEvent(QPoint(200, 200), action, data, button, none)
    QApplication.sendEvent(window, entering)
    assert entering.isAccepted()
    QApplication.sendEvent(window, QDropEvent(QPointF(200, 200), action, data, button, none))
    qtbot.waitUntil(lambda: panel.findChild(ImportDialog) is not None, timeout=2000)
    dialog = panel.findChild(ImportDialog)
    assert dialog is not None
    qtbot.waitUntil(lambda: dialog.import_button.isEnabled(), timeout=5000)
    assert dialog.import_button.text() == "Import 1 case"
    dialog.reject()


def test_importing_without_a_project_says_what_to_do(window: MainWindow, panel: DataPanel, tmp_path: Path) -> None:
    assert panel.import_paths([tmp_path]) is None
    assert banners(panel) == ["no project is open; open or create one in the File menu."]


def test_a_folder_without_scans_cannot_be_imported(
    qtbot: QtBot, panel: DataPanel, session: Session, tmp_path: Path
) -> None:
    session.create(tmp_path / "fresh")
    (tmp_path / "empty").mkdir()
    dialog = planned(qtbot, panel, [tmp_path / "empty"])
    assert not dialog.import_button.isEnabled()
    assert dialog.plan_page.sentence.text() == "No scan was found among these files."
    dialog.reject()


# Export


def test_masks_are_exported_in_the_background(qtbot: QtBot, panel: DataPanel, opened: Project, tmp_path: Path) -> None:
    settle(qtbot, panel)
    panel.cases.select_cases(("case-0",))
    trigger(qtbot, panel, "data.export")
    dialog = panel.findChild(ExportDialog)
    assert dialog is not None
    assert not dialog.export_button.isEnabled()
    dialog.folder.setText(str(tmp_path / "masks out"))
    qtbot.mouseClick(dialog.export_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bool(banners(panel)), timeout=5000)
    assert banners(panel) == [f"1 mask written to {tmp_path / 'masks out'}."]
    written = read_mask(tmp_path / "masks out" / "case-0.nii.gz")
    assert written.foreground_voxels == opened.case("case-0").foreground_voxels == 4


def test_annotation_time_and_strokes_are_exported_with_the_masks_if_wanted(
    qtbot: QtBot, panel: DataPanel, opened: Project, tmp_path: Path
) -> None:
    case = opened.cases()[0].id
    opened.add_seconds(case, 90.0, author="A")
    settle(qtbot, panel)
    trigger(qtbot, panel, "data.export")
    dialog = panel.findChild(ExportDialog)
    assert dialog is not None
    dialog.folder.setText(str(tmp_path / "out"))
    qtbot.mouseClick(dialog.with_work, Qt.MouseButton.LeftButton, pos=QPoint(8, dialog.with_work.height() // 2))
    qtbot.mouseClick(dialog.export_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bool(banners(panel)), timeout=5000)
    lines = (tmp_path / "out" / "annotation.csv").read_text("utf-8").splitlines()
    assert lines[0].endswith("seconds,strokes")
    assert any(line.startswith(f"{case},") and line.endswith(",90.0,0") for line in lines[1:])


def test_a_volume_cannot_be_exported_as_png_and_a_sentence_says_so(
    qtbot: QtBot, panel: DataPanel, opened: Project, tmp_path: Path
) -> None:
    settle(qtbot, panel)
    trigger(qtbot, panel, "data.export")
    dialog = panel.findChild(ExportDialog)
    assert dialog is not None
    dialog.folder.setText(str(tmp_path / "out"))
    dialog.formats.setCurrentIndex(dialog.formats.findData(".png"))
    dialog.start()
    qtbot.waitUntil(lambda: bool(banners(panel)), timeout=5000)
    assert "does not fit into a PNG; choose NIfTI, NRRD or TIFF." in banners(panel)[0]
