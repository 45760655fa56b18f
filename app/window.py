"""The main window: rail of workspaces, header, banners, status bar, menus, and a careful way out."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QHBoxLayout, QMainWindow, QStackedWidget, QVBoxLayout, QWidget

from app.actions import Actions
from app.background import Background, Progress
from app.errors import BannerArea, ask, report_notice
from app.header import Header
from app.menus import fill_menu_bar, fill_recent_menu
from app.opening import Opening
from app.rail import Rail
from app.session import Session
from app.settings import Settings
from app.theme import application_icon, apply_theme, indent_numbers, set_icon
from app.widgets.about_dialog import AboutDialog
from app.widgets.command_palette import CommandPalette
from app.widgets.empty_state import EmptyState
from app.widgets.help_dialog import ConvergenceDialog, GuideDialog, KeysDialog
from app.widgets.name_dialog import ask_name
from app.widgets.shortcuts_dialog import ShortcutsDialog, apply_own_keys
from segcore.engine.messages import Stop
from segcore.errors import SettingProblem
from segcore.projects.project import Project
from segcore.training.recipe import Recipe

_LOG = logging.getLogger("rareseg.window")
RESEARCH_USE = "For research use only. Not a medical device. Not for diagnosis."


class Panel(Protocol):
    """What the window expects of a workspace's widget."""

    def activate(self) -> None:
        """Called each time the workspace is shown."""

    def may_close(self) -> bool:
        """Whether the window may close as far as this workspace is concerned; may ask the person."""


class TakesFiles(Protocol):
    """What the Data workspace can do besides."""

    def import_paths(self, paths: list[Path]) -> object:
        """Show the import plan for files and folders."""


class ShowsExplorer(Protocol):
    """What the Train workspace can do besides."""

    def show_explorer(self) -> object:
        """Show the Loss explorer, beside whatever workspace is shown."""


class TakesRecipe(Protocol):
    """What the form of the Train workspace can do."""

    def recipe(self) -> Recipe:
        """Return the recipe that is shown, or raise `SettingProblem`."""

    def set_recipe(self, recipe: Recipe) -> None:
        """Show a recipe."""


class HasForm(Protocol):
    """What the Train workspace has besides."""

    form: TakesRecipe


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """One row of the rail.

    Parameters
    ----------
    panel
        ``"module:class"``, imported when the workspace is first shown: what the others need (pyqtgraph alone takes half
        a second) must not keep the window from appearing. Empty while the workspace is not built.
    """

    name: str
    text: str
    icon: str
    panel: str

    def load(self) -> Callable[[Session, Actions, Background, Settings], QWidget]:
        """Return the class of the panel."""
        if not self.panel:
            return _coming
        module, _, name = self.panel.partition(":")
        made: Callable[[Session, Actions, Background, Settings], QWidget] = getattr(import_module(module), name)
        return made


class ComingPanel(EmptyState):
    """Stands in for a workspace that this build lacks."""

    def activate(self) -> None:
        """Nothing to do."""

    def may_close(self) -> bool:
        """Nothing is unsaved."""
        return True


def _coming(*_: object) -> QWidget:
    return ComingPanel("info", "Not in this build", "This workspace is being put together.")


#: The workspaces, in the rail's order: the one place that knows them.
WORKSPACES = (
    Workspace(name="data", text="Data", icon="data", panel="app.data.panel:DataPanel"),
    Workspace(name="annotate", text="Annotate", icon="annotate", panel="app.annotate.panel:AnnotatePanel"),
    Workspace(name="train", text="Train", icon="train", panel="app.train.panel:TrainPanel"),
    Workspace(name="review", text="Review", icon="review", panel="app.review.panel:ReviewPanel"),
    Workspace(name="trials", text="Trials", icon="chart", panel="app.trials.panel:TrialsPanel"),
)


class MainWindow(QMainWindow):
    """The window.

    Panels are made when they are first shown, so that the window opens fast.

    Parameters
    ----------
    make_demo
        Opens the demo project, making it where there is none; runs in the background.

    Signals
    -------
    closing()
        The window is about to close for good.
    """

    closing = Signal()

    def __init__(
        self,
        session: Session,
        actions: Actions,
        background: Background,
        settings: Settings,
        *,
        make_demo: Callable[[Progress], Project],
    ) -> None:
        super().__init__()
        self.session, self.actions_table, self.background, self.settings = session, actions, background, settings
        self._panels: dict[str, QWidget] = {}
        self._leaving = False
        self.setWindowTitle("RareSeg")
        self.setWindowIcon(application_icon())
        self.setMinimumSize(1024, 640)
        self.setAcceptDrops(True)
        actions.setParent(self)
        apply_own_keys(actions, settings)
        for row, action in actions.all():
            if row.icon:
                set_icon(action, row.icon)
            self.addAction(action)
        self._build()
        self.opening = Opening(self, session, actions, background, settings, make_demo)
        fill_menu_bar(self.menuBar(), actions, self.open_folder, settings)
        self._connect()
        self._restore_geometry()
        self._project_changed()
        self.show_workspace("data")

    def _build(self) -> None:
        self.rail = Rail([(w.name, w.text, w.icon) for w in WORKSPACES], self.actions_table)
        self.header = Header(self.session, self.actions_table)
        self.banners = BannerArea()
        self.stack = QStackedWidget()
        right = QVBoxLayout()
        right.setContentsMargins(0, 0, 0, 0)
        right.setSpacing(0)
        right.addWidget(self.header)
        right.addWidget(self.banners)
        right.addWidget(self.stack, 1)
        centre = QWidget()
        layout = QHBoxLayout(centre)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.rail)
        layout.addLayout(right, 1)
        self.setCentralWidget(centre)
        self.statusBar().setSizeGripEnabled(False)

    def _connect(self) -> None:
        self.session.projectChanged.connect(self._project_changed)
        self.session.caseOpened.connect(lambda _: self.show_workspace("annotate"))
        self.session.recipeOffered.connect(self._take_recipe)
        self.background.busyChanged.connect(self.header.set_busy)
        self.opening.progressed.connect(self.header.set_progress)
        doings: dict[str, Callable[[], object]] = {
            "file.new": self.opening.new_project,
            "file.open": self.opening.choose_project,
            "file.demo": self.opening.open_demo,
            "file.close": self.opening.close_project,
            "file.quit": self.close,
            "view.theme": self._toggle_theme,
            "view.commands": self._show_commands,
            "view.reviewer": self._ask_reviewer,
            "view.keys": lambda: ShortcutsDialog(self, self.actions_table, self.settings).open(),
            "help.guide": lambda: GuideDialog(self).open(),
            "help.convergence": lambda: ConvergenceDialog(self).show(),
            "help.explorer": lambda: cast(ShowsExplorer, self.panel("train")).show_explorer(),
            "help.keys": lambda: KeysDialog(self, self.actions_table).open(),
            "help.about": lambda: AboutDialog(self, RESEARCH_USE).open(),
            **{f"view.{row.name}": partial(self.show_workspace, row.name) for row in WORKSPACES},
        }
        for id, do in doings.items():
            self.actions_table.action(id).triggered.connect(partial(_do, do))

    # Workspaces

    def show_workspace(self, name: str) -> None:
        """Show a workspace, making it the first time."""
        panel = self.panel(name)
        self.stack.setCurrentWidget(panel)
        self.rail.mark(name)
        self.actions_table.show_workspace(name)
        cast(Panel, panel).activate()

    def panel(self, name: str) -> QWidget:
        """Return the widget of a workspace, making it the first time."""
        if name not in self._panels:
            row = next(w for w in WORKSPACES if w.name == name)
            panel = row.load()(self.session, self.actions_table, self.background, self.settings)
            panel.setObjectName(f"workspace-{name}")
            indent_numbers(panel)
            self._panels[name] = panel
            self.stack.addWidget(panel)
        return self._panels[name]

    def _take_recipe(self, recipe: Recipe) -> None:
        """Put a recipe into the form of Train; how long and on what to train stays as it is there."""
        self.show_workspace("train")
        form = cast(HasForm, self.panel("train")).form
        with suppress(SettingProblem):  # what the form holds is out of range: take the recipe as it is
            present = form.recipe()
            recipe = replace(recipe, budget=present.budget, machine=present.machine)
        form.set_recipe(recipe)
        report_notice(self, f"The form now holds the recipe '{recipe.name}'. Look it over, then start the training.")

    @property
    def workspace(self) -> str:
        """Name of the workspace that is shown."""
        return next(name for name, panel in self._panels.items() if panel is self.stack.currentWidget())

    # Projects

    def open_folder(self, folder: Path) -> None:
        """Open the project in `folder`."""
        self.opening.open_folder(folder)

    def _project_changed(self) -> None:
        project = self.session.project
        self.banners.clear()
        self.setWindowTitle(f"{project.name} - RareSeg" if project else "RareSeg")
        self.actions_table.enable("file.close", project is not None, "no project is open")
        for id in ("edit.undo", "edit.redo"):
            self.actions_table.enable(id, False, "there is no stroke to take back or repeat")
        fill_recent_menu(self.menuBar(), self.open_folder, self.settings)
        if project is not None:
            self.statusBar().showMessage(f"{project.name} is open", 5000)

    # Look and person

    def _toggle_theme(self) -> None:
        name = "light" if self.settings.theme == "dark" else "dark"
        app = QApplication.instance()
        if isinstance(app, QApplication):
            apply_theme(app, name)
        self.settings.theme = name
        self.header.theme_changed()

    def _show_commands(self) -> None:
        CommandPalette(self, self.actions_table).open()

    def _ask_reviewer(self) -> None:
        ask_name(
            self,
            title="Reviewer's name",
            question="Whose name shall stand beside masks and decisions?",
            value=self.session.reviewer,
            done=self.session.set_reviewer,
        )

    def show_first_run_notice(self) -> None:
        """Say once what RareSeg is not for."""
        if not self.settings.flag("notice-seen", False):
            report_notice(self, f"Welcome to RareSeg. {RESEARCH_USE}", kind="warning", stays=True)
            self.settings.store("notice-seen", True)

    # Dropping files anywhere on the window

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Accept files and folders."""
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Import what was dropped, or open it if it is a project."""
        paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
        event.acceptProposedAction()
        # The drag must be over before a dialog opens: the other program waits for it.
        QTimer.singleShot(0, self, lambda: self.take_paths(paths))

    def take_paths(self, paths: list[Path]) -> None:
        """Open a dropped project, or show the import plan for dropped files and folders."""
        if len(paths) == 1 and (paths[0] / "project.toml").is_file():
            self.open_folder(paths[0])
        elif paths:
            self.show_workspace("data")
            cast(TakesFiles, self.panel("data")).import_paths(paths)

    # Leaving

    def closeEvent(self, event: QCloseEvent) -> None:
        """Ask while a run is going on, stop it and wait; then close the project and the threads."""
        if not self._leaving and not self._agree_to_leave():
            event.ignore()
            return
        if self.background.running_jobs:
            event.ignore()
            return
        self.closing.emit()
        self.settings.store("window/geometry", self.saveGeometry())
        self.settings.save()
        self.background.shutdown()
        self.session.close()
        event.accept()

    def _agree_to_leave(self) -> bool:
        """Whether to close; while runs are going on, asks, tells them to stop, and closes when the last one ended."""
        jobs = self.background.running_jobs
        if jobs:
            answer = ask(
                self,
                "A run is going on. Stop it and close?",
                ("Stop and close", "Stay"),
                detail="The best model so far is kept, and the run can be resumed later.",
            )
            if answer != "Stop and close":
                return False
        elif not all(cast(Panel, panel).may_close() for panel in self._panels.values()):
            return False
        self._leaving = True
        for job in self.background.running_jobs:
            job.send(Stop())
            job.finished.connect(self._close_when_idle)
        if self.background.running_jobs:
            self.header.set_progress("Stopping the run and keeping its best model…")
            self.stack.setEnabled(False)
            QTimer.singleShot(20_000, self, self._kill_what_is_left)
        return True

    def _close_when_idle(self) -> None:
        # The job forgets itself in the same signal; look again once all have heard it.
        QTimer.singleShot(0, self, lambda: None if self.background.running_jobs else self.close())

    def _kill_what_is_left(self) -> None:
        for job in self.background.running_jobs:
            _LOG.warning("an engine process did not stop in 20 s and was ended")
            job.kill()

    def _restore_geometry(self) -> None:
        geometry = self.settings.blob("window/geometry")
        if geometry.isEmpty() or not self.restoreGeometry(geometry):
            screen = QApplication.primaryScreen().availableGeometry()
            self.resize(min(1600, screen.width()), min(960, screen.height()))


def _do(doing: Callable[[], object], _checked: bool = False) -> None:
    """Drop the argument that `QAction.triggered` brings."""
    doing()
