"""Workspace Train: the recipe on the left, the live run in the middle, kept runs below."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QSplitter, QWidget

from app.actions import Actions
from app.background import Background
from app.errors import ask, report_error, report_notice
from app.session import Session
from app.settings import Settings
from app.theme import current_tokens
from app.train.curves import RunCurves
from app.train.curves_file import export_curves
from app.train.explorer import LossExplorer
from app.train.patch_gallery import PatchGallery
from app.train.recipe_side import RecipeSide
from app.train.run_budget import ask_for_budget
from app.train.run_control import RunControl, RunState
from app.train.run_view import RunView
from app.train.synthesis_gallery import SynthesisGallery
from segcore.errors import RareSegError
from segcore.projects.project import Project
from segcore.projects.splitting import split_by_group
from segcore.training.events import AlarmKind, EndReason
from segcore.training.recipe import Recipe
from segcore.training.record import RunRecord, list_runs, read_events
from segcore.training.remedies import REMEDIES
from segcore.training.steering import Change, Rescue, ShowBatch, WatchCase


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
        self.view = RunView(current_tokens(), session, background)
        self.queue_button = QPushButton("Add to the queue")
        self.queue_button.setObjectName("run-queue")
        self.queue_button.setToolTip("Trains this recipe when the runs before it have ended; see the tab Queue.")
        self.side.footer.addWidget(self.queue_button)
        self._build()
        self._connect()
        self._refresh_runs()
        self._show()

    def _build(self) -> None:
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        splitter = QSplitter(Qt.Orientation.Horizontal)
        splitter.addWidget(self.side)
        splitter.addWidget(self.view)
        splitter.setStretchFactor(0, 0)
        splitter.setStretchFactor(1, 1)
        splitter.setSizes([340, 1000])
        splitter.setChildrenCollapsible(False)
        layout.addWidget(splitter)

    def _connect(self) -> None:
        self.side.startAsked.connect(self.start)
        self.form.explorerAsked.connect(self.show_explorer)
        self.form.galleryAsked.connect(self.show_gallery)
        self.form.patchesAsked.connect(self.show_patches)
        self._actions.action("train.preview-patches").triggered.connect(lambda _=False: self.show_patches())
        self._actions.action("train.preview-lesions").triggered.connect(lambda _=False: self.show_gallery())
        view, runs = self.view, self.view.runs
        view.banner.whyAsked.connect(self._actions.action("help.convergence").trigger)
        view.banner.stopAsked.connect(self.control.stop)
        view.banner.pauseAsked.connect(self.control.pause)
        view.banner.cancelAsked.connect(self._cancel)
        view.queue.startAsked.connect(self._start_next)
        self.queue_button.clicked.connect(self._enqueue)
        view.alarm.remedyAsked.connect(self._use_remedy)
        view.alarm.rescueAsked.connect(lambda kind: self._ask(Rescue(kind=kind)))
        view.dials.changeAsked.connect(self._ask)
        view.case.caseChosen.connect(self._watch)
        view.patches.batchAsked.connect(lambda: self.control.ask(ShowBatch()))
        self.control.changed.connect(self._live_changed)
        self.control.ended.connect(self._run_ended)
        runs.selected.connect(self._selected)
        runs.resumeAsked.connect(lambda record: self._begin(record.recipe, record.id))
        runs.extendAsked.connect(self._extend)
        runs.reuseAsked.connect(lambda record: self.form.set_recipe(record.recipe))
        runs.liveAsked.connect(self._back_to_live)
        runs.curvesAsked.connect(lambda: export_curves(self, self._shown_curves, self.view.plots))
        self._session.projectChanged.connect(self._project_changed)
        self._session.runsChanged.connect(self._refresh_runs)
        self._settings.themeChanged.connect(self._theme_changed)

    # What the window calls

    def activate(self) -> None:
        """Called by the window when the workspace is shown; with nothing live the newest run is replayed."""
        self._refresh_runs()
        self.side.refresh()
        if self.control.state is RunState.IDLE and self.control.curves.started is None and not self._shown_run:
            self.view.runs.table.selectRow(0)
        self.view.plots.mark_changed()

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
        except RareSegError as error:
            report_error(self, error)
            return
        if not warnings or self._accept(warnings):
            self._begin(recipe)

    def _begin(self, recipe: Recipe, resume: str = "") -> None:
        """Start a run, or go on with one, and show it."""
        try:
            self.control.start(recipe, resume=resume)
            self.view.dials.follow(recipe)
            self._shown_run = ""
            self.view.runs.table.clearSelection()
        except RareSegError as error:
            report_error(self, error)
        self._show()

    def _enqueue(self) -> None:
        try:
            self.view.queue.add(self.form.recipe())
        except RareSegError as error:
            report_error(self, error)

    def _start_next(self) -> None:
        """Start the first run of the queue; it stays in the queue where the project is not ready."""
        if self.control.state is not RunState.IDLE:
            return
        try:
            self.control.check_ready()
        except RareSegError as error:
            report_error(self, error)
            return
        following = self.view.queue.take_next()
        if following is not None:
            self._begin(following.recipe, following.resume)

    def _extend(self, record: RunRecord) -> None:
        """Go on with a finished run beyond its budget."""
        budget = ask_for_budget(self, record.recipe.budget)
        if budget is not None:
            self._begin(replace(record.recipe, budget=budget), record.id)

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

    def _use_remedy(self, kind: AlarmKind) -> None:
        """Put the recipe of the shown run, changed as the alarm advises, into the form."""
        record = self.view.runs.model.run_with(self._shown_run or self.control.run)
        recipe = record.recipe if record is not None else self.form.recipe()
        self.form.set_recipe(REMEDIES[kind].change(recipe))
        report_notice(self, f"The form now holds: {REMEDIES[kind].words}. Stop this run, then start the new one.")

    def _watch(self, case: str) -> None:
        self.control.ask(WatchCase(case=case))
        report_notice(self, f"From the next validation on, the prediction of {case} is shown.")

    def _ask(self, change: Change) -> None:
        self.control.ask(change)
        self.view.dials.follow(self.control.recipe)
        report_notice(self, "The running training takes the change up at its next step; the log says when.")

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
        self.view.dials.follow(None)
        report_notice(
            self, f"The training ended. {self.control.curves.log[-1] if self.control.curves.log else ''}".strip()
        )
        held = getattr(self.control.curves.ended, "reason", None) in (EndReason.PAUSED, EndReason.WINDOW_CLOSED)
        # A window that is closing is disabled; a paused run means that the machine is wanted for something else.
        if not held and self.isEnabled() and self.view.queue.list.count():
            self._start_next()

    def _show(self) -> None:
        self.view.show_run(self._shown_curves, self.control.state, live=not self._shown_run)
        self._update_buttons()

    def _update_buttons(self) -> None:
        idle = self.control.state is RunState.IDLE
        project = self._session.project
        self.start_button.setEnabled(idle and project is not None and not project.read_only)
        self.start_button.setText("Start training" if idle else "Training …")
        self.queue_button.setEnabled(project is not None and not project.read_only)
        self.view.queue.set_idle(idle)
        self.view.runs.update_buttons(
            idle=idle,
            replaying=bool(self._shown_run),
            has_curves=any(curve.x for curve in self._shown_curves.curves.values()),
        )

    def _selected(self) -> None:
        record = self.view.runs.record
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
        self.view.runs.set_runs(list_runs(project.folder) if project is not None else ())
        self._update_buttons()

    def _project_changed(self) -> None:
        self._shown_run = ""
        if self.control.state is RunState.IDLE:
            self.control.curves = RunCurves()
        self._refresh_runs()
        self._show()

    def _theme_changed(self) -> None:
        self.view.plots.apply_tokens(current_tokens())
