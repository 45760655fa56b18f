import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, QObject, Qt, QTimer
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QMessageBox, QToolButton, QWidget
from pytestqt.qtbot import QtBot

from app.actions import Actions
from app.background import Background, Progress
from app.session import Session
from app.settings import Settings
from app.theme import apply_theme, current_tokens
from app.widgets.command_palette import CommandPalette
from app.widgets.name_dialog import NameDialog
from app.window import WORKSPACES, MainWindow, Workspace
from segcore.engine.messages import PredictionsEnded, ProbeJob, Stop
from segcore.projects.project import Project
from tests.app.conftest import EngineBench


@pytest.fixture
def window(
    qtbot: QtBot,
    qapp: QApplication,
    session: Session,
    actions: Actions,
    background: Background,
    settings: Settings,
    tmp_path: Path,
) -> Iterator[MainWindow]:
    def make_demo(progress: Progress) -> Project:
        progress(24, 24, "demo")
        return Project.create(tmp_path / "demo", name="Demo")

    apply_theme(qapp, "dark")
    made = MainWindow(session, actions, background, settings, make_demo=make_demo)
    made.resize(1366, 768)

    def end_runs(_: object) -> None:  # else closing asks, and nobody is there to answer
        for job in background.running_jobs:
            job.kill()
        qtbot.waitUntil(lambda: not background.running_jobs, timeout=5000)

    qtbot.addWidget(made, before_close_func=end_runs)
    made.show()
    qtbot.waitExposed(made)
    yield made
    apply_theme(qapp, "dark")


def click(qtbot: QtBot, window: MainWindow, name: str) -> None:
    button = window.findChild(QToolButton, name)
    assert button is not None
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def answer(text: str) -> None:
    def press() -> None:
        box = QApplication.activeModalWidget()
        assert isinstance(box, QMessageBox)
        next(button for button in box.buttons() if button.text() == text).click()

    QTimer.singleShot(50, press)


def banners(window: MainWindow) -> list[str]:
    return [banner.text for banner in window.banners.banners()]


@pytest.mark.parametrize("name", ["annotate", "train", "review", "data"])
def test_the_rail_shows_each_workspace(qtbot: QtBot, window: MainWindow, name: str) -> None:
    click(qtbot, window, f"rail-{name}")
    assert window.workspace == name
    assert window.rail.buttons[name].isChecked()


def test_ctrl_and_a_digit_show_the_workspaces(qtbot: QtBot, window: MainWindow) -> None:
    seen = []
    for key in (Qt.Key.Key_2, Qt.Key.Key_3, Qt.Key.Key_4, Qt.Key.Key_1):
        qtbot.keyClick(window, key, Qt.KeyboardModifier.ControlModifier)
        seen.append(window.workspace)
    assert seen == ["annotate", "train", "review", "data"]


def test_the_theme_button_changes_the_theme_and_it_is_remembered(
    qtbot: QtBot, window: MainWindow, settings: Settings
) -> None:
    click(qtbot, window, "header-theme")
    assert (current_tokens().name, settings.theme) == ("light", "light")
    click(qtbot, window, "header-theme")
    assert (current_tokens().name, settings.theme) == ("dark", "dark")


def test_the_header_names_the_project_and_its_state(
    window: MainWindow, session: Session, make_project: Callable[..., Project]
) -> None:
    project = make_project(cases=2, name="Lesions 2026")
    session.adopt(project)
    assert window.header.project.text() == "Lesions 2026"
    assert (window.header.saved.isVisible(), window.header.read_only.isVisible()) == (True, False)
    assert window.windowTitle() == "Lesions 2026 - RareSeg"


def test_a_locked_project_is_offered_for_reading_only(
    window: MainWindow, session: Session, make_project: Callable[..., Project]
) -> None:
    other = make_project(cases=1)
    answer("Open for reading only")
    window.open_folder(other.folder)
    assert session.project is not None
    assert session.project.read_only
    assert window.header.read_only.isVisible()
    session.close()
    other.close()


def test_the_lock_of_a_computer_that_is_off_is_taken_over_by_one_click(
    window: MainWindow, session: Session, make_project: Callable[..., Project]
) -> None:
    other = make_project(cases=1)
    other.close()
    owner = {"pid": 1, "host": "ward-7", "since": "2026-01-02T03:04:05Z"}
    (other.folder / "writer.lock").write_text(json.dumps(owner))
    answer("It no longer runs: take over")
    window.open_folder(other.folder)
    assert session.project is not None
    assert not session.project.read_only


def test_a_folder_without_a_project_is_answered_with_a_sentence(window: MainWindow, tmp_path: Path) -> None:
    window.open_folder(tmp_path)
    assert banners(window) == [
        f"{tmp_path.name}: the folder holds no RareSeg project; choose a folder with a project.toml."
    ]


def test_the_demo_project_is_made_in_the_background(qtbot: QtBot, window: MainWindow, session: Session) -> None:
    window.actions_table.action("file.demo").trigger()
    assert not window.actions_table.action("file.demo").isEnabled()
    qtbot.waitUntil(lambda: session.project is not None, timeout=3000)
    assert session.project is not None
    assert session.project.name == "Demo"
    assert window.actions_table.action("file.demo").isEnabled()


def test_the_reviewers_name_is_asked_and_shown(qtbot: QtBot, window: MainWindow, settings: Settings) -> None:
    qtbot.mouseClick(window.header.reviewer, Qt.MouseButton.LeftButton)
    dialog = window.findChild(NameDialog)
    assert dialog is not None
    dialog.field.selectAll()
    qtbot.keyClicks(dialog.field, "Dr. Ada")
    qtbot.keyClick(dialog.field, Qt.Key.Key_Return)
    assert window.header.reviewer.text() == "Dr. Ada"
    assert settings.reviewer == "Dr. Ada"


def test_the_command_palette_finds_by_words_and_does_it(qtbot: QtBot, window: MainWindow) -> None:
    qtbot.keyClick(window, Qt.Key.Key_K, Qt.KeyboardModifier.ControlModifier)
    palette = window.findChild(CommandPalette)
    assert palette is not None
    qtbot.keyClicks(palette.field, "train a model")
    qtbot.keyClick(palette.field, Qt.Key.Key_Return)
    assert window.workspace == "train"


def test_guide_keys_and_about_open_and_close(qtbot: QtBot, window: MainWindow) -> None:
    titles = []
    for id in ("help.guide", "help.keys", "help.about"):
        window.actions_table.action(id).trigger()
        dialog = QApplication.activeModalWidget()
        assert dialog is not None
        titles.append(dialog.windowTitle())
        if id == "help.about":
            words = " ".join(label.text() for label in dialog.findChildren(QLabel))
            assert "For research use only. Not a medical device. Not for diagnosis." in words
        dialog.close()
    assert titles == ["RareSeg: user guide", "Keyboard shortcuts", "About RareSeg"]


@pytest.mark.parametrize("row", [row for row in WORKSPACES if row.panel], ids=lambda row: row.name)
def test_every_panel_named_in_the_table_can_be_shown_and_closed(window: MainWindow, row: Workspace) -> None:
    panel = window.panel(row.name)
    window.show_workspace(row.name)
    assert type(panel).__name__ == row.panel.partition(":")[2]
    assert callable(getattr(panel, "activate", None))
    assert panel.may_close() is True  # type: ignore[attr-defined]


def test_the_notice_is_shown_at_the_first_start_and_stays_until_it_is_dismissed(
    qtbot: QtBot, window: MainWindow, session: Session, make_project: Callable[..., Project]
) -> None:
    window.show_first_run_notice()
    session.adopt(make_project(cases=1))
    assert ["research use only" in text for text in banners(window)] == [True]
    qtbot.mouseClick(window.banners.banners()[0].dismiss, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: banners(window) == [], timeout=1000)
    window.show_first_run_notice()
    assert banners(window) == []


@pytest.mark.parametrize("workspace", [row.name for row in WORKSPACES])
def test_every_disabled_action_that_can_be_seen_says_why(window: MainWindow, workspace: str) -> None:
    window.show_workspace(workspace)
    silent = [
        row.id
        for row, action in window.actions_table.all()
        if action.isVisible() and not action.isEnabled() and "Not available now" not in action.toolTip()
    ]
    assert silent == []


def test_no_two_actions_that_are_there_together_share_a_key(window: MainWindow) -> None:
    clashes = []
    for name in ("data", "annotate", "train", "review"):
        taken: dict[str, str] = {}
        for row, action in window.actions_table.all():
            if row.is_in(name):
                for key in action.shortcuts():
                    if key.toString() in taken:
                        clashes.append((key.toString(), taken[key.toString()], row.id))
                    taken[key.toString()] = row.id
    assert clashes == []


def test_closing_without_a_run_closes_the_project(
    window: MainWindow, session: Session, make_project: Callable[..., Project]
) -> None:
    session.adopt(make_project(cases=1))
    assert window.close()
    assert session.project is None


def test_closing_during_a_run_asks_and_can_stay(
    qtbot: QtBot, window: MainWindow, background: Background, engines: EngineBench
) -> None:
    engine = engines.expect(last=PredictionsEnded(done=0, total=1))
    background.start_engine(ProbeJob())
    answer("Stay")
    assert not window.close()
    assert window.isVisible()
    assert engine.controls == []


def test_closing_during_a_run_stops_it_waits_and_closes(
    qtbot: QtBot, window: MainWindow, background: Background, engines: EngineBench, session: Session
) -> None:
    engine = engines.expect(last=PredictionsEnded(done=0, total=1))
    job = background.start_engine(ProbeJob())
    heard: list[object] = []
    job.messagesArrived.connect(lambda batch: heard.extend(batch))
    answer("Stop and close")
    assert not window.close()
    qtbot.waitUntil(lambda: not window.isVisible(), timeout=5000)
    assert engine.controls == [Stop()]
    assert heard == [PredictionsEnded(done=0, total=1)]


def test_another_project_is_not_opened_during_a_run(
    window: MainWindow, background: Background, engines: EngineBench, session: Session, tmp_path: Path
) -> None:
    engines.expect(last=PredictionsEnded(done=0, total=1))
    background.start_engine(ProbeJob())
    window.open_folder(tmp_path)
    assert banners(window) == ["A run is going on in this project. Stop it in Train before you open another one."]


def test_every_button_has_a_name_for_screen_readers(window: MainWindow) -> None:
    unnamed = [
        button.objectName()
        for button in window.findChildren(QToolButton)
        if not (button.accessibleName() or button.text() or isinstance(button.parent(), QLineEdit))
        and not button.objectName().startswith("qt_")
    ]
    fields = [f.objectName() for f in window.findChildren(QLineEdit) if not f.accessibleName() and f.isVisible()]
    assert (unnamed, fields) == ([], [])


class Flashes(QObject):
    """Notes every widget that shows up as a window of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Show and isinstance(watched, QWidget) and watched.isWindow():
            self.seen.append(type(watched).__name__)
        return False


@pytest.mark.parametrize("workspace", [row.name for row in WORKSPACES])
def test_no_workspace_flashes_a_window_of_its_own_while_it_is_made(
    window: MainWindow, qapp: QApplication, workspace: str
) -> None:
    flashes = Flashes()
    qapp.installEventFilter(flashes)
    window.show_workspace(workspace)
    qapp.removeEventFilter(flashes)
    assert flashes.seen == []
