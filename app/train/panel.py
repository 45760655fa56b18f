"""Workspace Train: the recipe on the left, the live run in the middle, kept runs below."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QListWidget,
    QPushButton,
    QSplitter,
    QTableView,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from app.actions import Actions
from app.background import Background
from app.errors import ask, report_error, report_notice
from app.session import Session
from app.settings import Settings
from app.theme import current_tokens
from app.train.alarm_banner import AlarmBanner
from app.train.curves import RunCurves
from app.train.curves_file import export_curves
from app.train.explorer import LossExplorer
from app.train.patch_gallery import PatchGallery
from app.train.plots import LivePlots
from app.train.recipe_side import RecipeSide
from app.train.run_control import RunControl, RunState
from app.train.run_dials import RunDials
from app.train.runs_table import RunsModel
from app.train.scores_table import ScoresTable
from app.train.synthesis_gallery import SynthesisGallery
from app.train.verdict import pressing_alarm
from app.train.verdict_banner import VerdictBanner
from segcore.errors import RareSegError
from segcore.projects.exporting import export_model
from segcore.projects.project import Project
from segcore.projects.splitting import split_by_group
from segcore.training.events import AlarmKind
from segcore.training.recipe import Recipe
from segcore.training.record import RunRecord, list_runs, read_events
from segcore.training.remedies import REMEDIES
from segcore.training.steering import Change, Rescue


class TrainPanel(QWidget):
    """Choose a recipe, start it, watch the rare class learn, keep the runs."""

    def __init__(self, session: Session, actions: Actions, background: Background, settings: Settings) -> None:
        super().__init__()
        self._session = session
        self._settings = settings
        self._background = background
        self._actions = actions
        self._explorer: LossExplorer | None = None
        self.control = RunControl(session, background, self)
        self._shown_run = ""
        self._replayed = RunCurves()
        self.side = RecipeSide(session, background, actions)
        self.form, self.start_button = self.side.form, self.side.start_button
        self.banner = VerdictBanner()
        self.alarm = AlarmBanner()
        self.plots = LivePlots(current_tokens())
        self.runs = RunsModel()
        self._build()
        self._connect()
        self._refresh_runs()
        self._show()

    def _build(self) -> None:
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        splitter = QSplitter(Qt.Orientation.Horizontal)
        splitter.addWidget(self.side)
        splitter.addWidget(self._make_run_side())
        splitter.setStretchFactor(0, 0)
        splitter.setStretchFactor(1, 1)
        splitter.setSizes([340, 1000])
        splitter.setChildrenCollapsible(False)
        layout.addWidget(splitter)

    def _make_run_side(self) -> QWidget:
        self.table = QTableView()
        self.table.setModel(self.runs)
        self.table.setObjectName("runs")
        self.table.setAccessibleName("Kept runs")
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.table.horizontalHeader().setStretchLastSection(True)
        self.table.verticalHeader().setVisible(False)
        self.log = QListWidget()
        self.log.setWordWrap(True)
        self.log.setAccessibleName("Events of the run")
        self.scores = ScoresTable()
        tabs = QTabWidget()
        tabs.addTab(self._with_run_buttons(self.table), "Runs")
        tabs.addTab(self.scores, "Validation scans")
        tabs.addTab(self.log, "Log")
        self.dials = RunDials()
        tabs.addTab(self.dials, "While it runs")
        below = QSplitter(Qt.Orientation.Vertical)
        below.addWidget(self.plots)
        below.addWidget(tabs)
        below.setSizes([600, 220])
        below.setChildrenCollapsible(False)
        side = QWidget()
        column = QVBoxLayout(side)
        column.setContentsMargins(8, 8, 8, 8)
        column.addWidget(self.banner)
        column.addWidget(self.alarm)
        column.addWidget(below, 1)
        return side

    def _with_run_buttons(self, table: QTableView) -> QWidget:
        self.resume_button = QPushButton("Resume")
        self.resume_button.setObjectName("run-resume")
        self.resume_button.setToolTip("Goes on with the selected run from its last checkpoint.")
        self.reuse_button = QPushButton("Use its recipe")
        self.reuse_button.setObjectName("run-reuse")
        self.reuse_button.setToolTip("Copies the selected run's recipe into the form.")
        self.export_button = QPushButton("Export model…")
        self.export_button.setObjectName("run-export")
        self.export_button.setToolTip("Copies the model's folder (weights and settings) to a folder of your choice.")
        self.curves_button = QPushButton("Export curves…")
        self.curves_button.setObjectName("run-curves")
        self.curves_button.setToolTip(
            "Writes the numbers behind the plots as CSV, and the plots as a picture beside it."
        )
        self.live_button = QPushButton("Show the live run")
        self.live_button.setToolTip("Back from a replayed run to the one that is training.")
        hint = QLabel("Select a run to replay it into the plots.")
        hint.setProperty("role", "hint")
        row = QHBoxLayout()
        row.addWidget(hint, 1)
        for button in (self.live_button, self.curves_button, self.export_button, self.reuse_button, self.resume_button):
            row.addWidget(button)
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 4, 0, 0)
        column.addLayout(row)
        column.addWidget(table, 1)
        return page

    def _connect(self) -> None:
        self.side.startAsked.connect(self.start)
        self.form.explorerAsked.connect(self.show_explorer)
        self.form.galleryAsked.connect(self.show_gallery)
        self.form.patchesAsked.connect(self.show_patches)
        self._actions.action("train.preview-patches").triggered.connect(lambda _=False: self.show_patches())
        self._actions.action("train.preview-lesions").triggered.connect(lambda _=False: self.show_gallery())
        self.banner.whyAsked.connect(self._actions.action("help.convergence").trigger)
        self.banner.stopAsked.connect(self.control.stop)
        self.banner.cancelAsked.connect(self._cancel)
        self.alarm.remedyAsked.connect(self._use_remedy)
        self.alarm.rescueAsked.connect(lambda kind: self._ask(Rescue(kind=kind)))
        self.dials.changeAsked.connect(self._ask)
        self.control.changed.connect(self._live_changed)
        self.control.ended.connect(self._run_ended)
        self.table.selectionModel().selectionChanged.connect(self._selected)
        self.resume_button.clicked.connect(self._resume)
        self.reuse_button.clicked.connect(self._reuse)
        self.live_button.clicked.connect(self._back_to_live)
        self.curves_button.clicked.connect(self._export_curves)
        self.export_button.clicked.connect(self._export)
        self._session.projectChanged.connect(self._project_changed)
        self._session.runsChanged.connect(self._refresh_runs)
        self._settings.themeChanged.connect(self._theme_changed)

    # What the window calls

    def activate(self) -> None:
        """Called by the window when the workspace is shown; with nothing live the newest run is replayed."""
        self._refresh_runs()
        self.side.refresh()
        if self.control.state is RunState.IDLE and self.control.curves.started is None and not self._shown_run:
            self.table.selectRow(0)
        self.plots.mark_changed()

    def show_explorer(self) -> None:
        """Show the Loss explorer, or bring it to the front."""
        if self._explorer is None:
            self._explorer = LossExplorer(self.window(), self._session, self._actions, self._settings)
            self._explorer.finished.connect(self._forget_explorer)
        self._explorer.show()
        self._explorer.raise_()
        self._explorer.activateWindow()

    def show_gallery(self) -> None:
        """Show what synthesis, as the form has it, makes of the project's training scans."""
        self._show_gallery(
            lambda project, recipe: SynthesisGallery(self.window(), self._background, project, recipe.synthesis)
        )

    def show_patches(self) -> None:
        """Show what training, as the form has it, makes of patches of the project's training scans."""
        self._show_gallery(lambda project, recipe: PatchGallery(self.window(), self._background, project, recipe))

    def _show_gallery(self, make: Callable[[Project, Recipe], QWidget]) -> None:
        project = self._session.project
        if project is None:
            report_notice(self, "Open a project first: the gallery shows its own scans.")
            return
        try:
            make(project, self.form.recipe()).show()
        except RareSegError as error:
            report_error(self, error)

    def _forget_explorer(self) -> None:
        self._explorer = None

    def may_close(self) -> bool:
        """The window itself asks and waits while a run is going on."""
        return True

    # Starting and stopping

    def start(self) -> None:
        """Start a run of the recipe in the form."""
        try:
            recipe = self.form.recipe()
            warnings = self.control.check_ready()
            if warnings and not self._accept(warnings):
                return
            self._shown_run = ""
            self.table.clearSelection()
            self.control.start(recipe)
            self.dials.follow(recipe)
        except RareSegError as error:
            report_error(self, error)
        self._show()

    def _accept(self, warnings: tuple[str, ...]) -> bool:
        project = self._session.project
        if project is None:
            return False
        if "not split" in warnings[0]:
            choice = ask(
                self,
                f"{warnings[0]} Split them by patient now: 70 % training, 10 % validation, 20 % test?",
                ("Split and start", "Not now"),
            )
            if choice != "Split and start":
                return False
            self._session.set_parts(split_by_group(project.cases()))
            return True
        return ask(self, " ".join(warnings[:3]), ("Start anyway", "Not now")) == "Start anyway"

    def _cancel(self) -> None:
        question = "Cancel this run and discard its model? Stop would keep the best one."
        if ask(self, question, ("Discard", "Go on training")) == "Discard":
            self.control.cancel()

    def _resume(self) -> None:
        record = self._selected_record()
        if record is None:
            return
        try:
            self.control.start(record.recipe, resume=record.id)
            self.dials.follow(record.recipe)
            self._shown_run = ""
        except RareSegError as error:
            report_error(self, error)
        self._show()

    def _reuse(self) -> None:
        record = self._selected_record()
        if record is not None:
            self.form.set_recipe(record.recipe)

    def _use_remedy(self, kind: AlarmKind) -> None:
        """Put the recipe of the shown run, changed as the alarm advises, into the form."""
        record = self.runs.run_at(self.runs.row_of(self._shown_run or self.control.run))
        recipe = record.recipe if record is not None else self.form.recipe()
        self.form.set_recipe(REMEDIES[kind].change(recipe))
        report_notice(self, f"The form now holds: {REMEDIES[kind].words}. Stop this run, then start the new one.")

    def _ask(self, change: Change) -> None:
        self.control.ask(change)
        self.dials.follow(self.control.recipe)
        report_notice(self, "The running training takes the change up at its next step; the log says when.")

    def _export(self) -> None:
        record = self._selected_record()
        if record is None:
            return
        folder = QFileDialog.getExistingDirectory(self, "Export the model into which folder?")
        if not folder:
            return
        try:
            target = export_model(record.model_folder, Path(folder))
        except RareSegError as error:
            report_error(self, error)
            return
        report_notice(self, f"The model is in {target.name}; 'rareseg predict' loads it.")

    def _export_curves(self) -> None:
        export_curves(self, self._shown_curves, self.plots)

    @property
    def _shown_curves(self) -> RunCurves:
        return self._replayed if self._shown_run else self.control.curves

    # Showing

    def _live_changed(self) -> None:
        self.side.know_devices(self.control.devices)
        if not self._shown_run:
            self._show()
        else:
            self._update_buttons()

    def _run_ended(self, run: str) -> None:
        self._refresh_runs()
        self._session.runsChanged.emit()
        self.dials.follow(None)
        report_notice(
            self, f"The training ended. {self.control.curves.log[-1] if self.control.curves.log else ''}".strip()
        )

    def _show(self) -> None:
        live = not self._shown_run
        curves = self._shown_curves
        self.banner.show_run(curves, self.control.state, live=live and self.control.state is not RunState.IDLE)
        going = live and self.control.state is RunState.RUNNING
        self.alarm.show_alarm(pressing_alarm(curves), live=going)
        self.plots.show_run(curves)
        self.scores.show_validation(curves.latest_validation)
        self._show_log(curves)
        self._update_buttons()

    def _show_log(self, curves: RunCurves) -> None:
        if self.log.count() > len(curves.log) or (self.log.count() and self.log.item(0).text() != curves.log[0]):
            self.log.clear()
        self.log.addItems(curves.log[self.log.count() :])
        self.log.scrollToBottom()

    def _update_buttons(self) -> None:
        idle = self.control.state is RunState.IDLE
        project = self._session.project
        self.start_button.setEnabled(idle and project is not None and not project.read_only)
        self.start_button.setText("Start training" if idle else "Training …")
        record = self._selected_record()
        self.reuse_button.setEnabled(record is not None)
        self.curves_button.setEnabled(any(curve.x for curve in self._shown_curves.curves.values()))
        self.export_button.setEnabled(record is not None and record.has_model)
        self.resume_button.setEnabled(idle and record is not None and record.can_resume)
        self.live_button.setVisible(not idle and bool(self._shown_run))

    def _selected_record(self) -> RunRecord | None:
        rows = self.table.selectionModel().selectedRows()
        return self.runs.run_at(rows[0].row()) if rows else None

    def _selected(self) -> None:
        record = self._selected_record()
        if record is None or (record.id == self.control.run and self.control.state is not RunState.IDLE):
            self._back_to_live()
            return
        self._shown_run = record.id
        self._replayed = RunCurves()
        for event in read_events(record.folder):
            self._replayed.add(event)
        self._show()

    def _back_to_live(self) -> None:
        self._shown_run = ""
        self._show()

    def _refresh_runs(self) -> None:
        project = self._session.project
        self.runs.set_runs(list_runs(project.folder) if project is not None else ())
        self._update_buttons()

    def _project_changed(self) -> None:
        self._shown_run = ""
        if self.control.state is RunState.IDLE:
            self.control.curves = RunCurves()
        self._refresh_runs()
        self._show()

    def _theme_changed(self) -> None:
        self.plots.apply_tokens(current_tokens())
