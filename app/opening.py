"""Opening, making and closing projects: what the File menu does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QFileDialog, QWidget

from app.actions import Actions
from app.background import Background, Progress
from app.errors import ask, report_error, report_notice
from app.session import Session
from app.settings import Settings
from segcore.errors import ProjectLocked, RareSegError
from segcore.projects.lock import LOCK_NAME, is_elsewhere, take_over
from segcore.projects.project import Project

_READ_ONLY, _TAKE_OVER = "Open for reading only", "It no longer runs: take over"


class Opening(QObject):
    """Opens, makes and closes projects, asking where a person must decide.

    Signals
    -------
    progressed(str)
        What is going on, in a few words; empty when it is over.
    """

    progressed = Signal(str)

    def __init__(
        self,
        window: QWidget,
        session: Session,
        actions: Actions,
        background: Background,
        settings: Settings,
        make_demo: Callable[[Progress], Project],
    ) -> None:
        super().__init__(window)
        self._window, self._session, self._actions = window, session, actions
        self._background, self._settings = background, settings
        self._make_demo = make_demo
        self._making_demo = False

    def open_folder(self, folder: Path) -> None:
        """Open the project in `folder`; a locked one is offered for reading only."""
        if not self._may_leave_project():
            return
        try:
            self._session.open(folder)
        except ProjectLocked as error:
            self._ask_about_lock(folder, error)
        except RareSegError as error:
            report_error(self._window, error)

    def _ask_about_lock(self, folder: Path, error: ProjectLocked) -> None:
        """Say who writes to the project; the lock of another computer may be taken over by who knows that it is off."""
        file = folder / LOCK_NAME
        takes_over = (_TAKE_OVER,) if is_elsewhere(file) else ()
        answer = ask(self._window, error.sentence, (_READ_ONLY, *takes_over, "Do not open"))
        if answer == _READ_ONLY:
            self._open_read_only(folder)
        elif answer == _TAKE_OVER:
            try:
                take_over(file)
                self._session.open(folder)
            except RareSegError as refused:
                report_error(self._window, refused)

    def _open_read_only(self, folder: Path) -> None:
        try:
            self._session.open(folder, read_only=True)
        except RareSegError as error:
            report_error(self._window, error)

    def choose_project(self) -> None:
        """Ask for a project's folder and open it."""
        folder = QFileDialog.getExistingDirectory(self._window, "Open project: choose its folder", self._start_folder())
        if folder:
            self.open_folder(Path(folder))

    def new_project(self) -> None:
        """Ask for a folder and make a project in it."""
        file, _ = QFileDialog.getSaveFileName(
            self._window, "New project: name its folder", str(Path(self._start_folder()) / "New project")
        )
        if not file or not self._may_leave_project():
            return
        try:
            self._session.create(Path(file))
        except RareSegError as error:
            report_error(self._window, error)

    def open_demo(self) -> None:
        """Open the demo project; made in the background where there is none yet."""
        if self._making_demo or not self._may_leave_project():
            return
        self._making_demo = True
        self._actions.enable("file.demo", False, "the demo project is being made")
        self.progressed.emit("Making the demo project…")
        self._background.run(
            self._make_demo,
            done=self._demo_made,
            failed=self._demo_failed,
            progress=lambda done, total, text: self.progressed.emit(f"Making the demo project: {done} of {total}"),
            owner=self,
        )

    def _demo_made(self, project: Project) -> None:
        self._demo_over()
        self._session.adopt(project)

    def _demo_failed(self, error: Exception) -> None:
        self._demo_over()
        if not isinstance(error, ProjectLocked) or error.file is None:
            report_error(self._window, error)
        elif self._session.project is not None and self._session.project.folder == error.file:
            report_notice(self._window, "The demo project is open already.")
        else:
            self.open_folder(error.file)

    def _demo_over(self) -> None:
        self._making_demo = False
        self.progressed.emit("")
        self._actions.enable("file.demo", True)

    def close_project(self) -> None:
        """Close the project, unless a run is going on in it."""
        if self._may_leave_project():
            self._session.close()

    def _may_leave_project(self) -> bool:
        if not self._background.running_jobs:
            return True
        report_notice(
            self._window,
            "A run is going on in this project. Stop it in Train before you open another one.",
            kind="warning",
        )
        return False

    def _start_folder(self) -> str:
        recent = self._settings.recent_projects
        return str(recent[0].parent if recent else Path.home())
