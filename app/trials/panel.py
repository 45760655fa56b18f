"""Workspace Trials: set up a comparison on the left, watch it in the middle, read what may be said of it."""

from __future__ import annotations

import shutil
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QStackedLayout,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from app.actions import Actions
from app.background import Background, Progress
from app.errors import ask, report_error, report_notice
from app.session import Session
from app.settings import Settings
from app.theme import SPACE_2, SPACE_3, current_tokens
from app.trials.band_plot import BandPlot
from app.trials.cases_page import CasesPage
from app.trials.control import TrialControl
from app.trials.progress import TrialProgress
from app.trials.results import Results, make_table
from app.trials.setup_form import SetupForm
from app.trials.tables import GridModel, describe, show_runs
from app.widgets.empty_state import EmptyState
from segcore.errors import ProjectReadOnly, RareSegError
from segcore.training.record import list_runs
from segcore.trials.folder import TrialFolder, TrialState, list_trials
from segcore.trials.plan import make_plan
from segcore.trials.report import TrialReport, make_report, write_csv
from segcore.trials.report_html import write_html

_RUNS_TAB, _RESULTS_TAB, _CASES_TAB = 0, 1, 2


class TrialsPanel(QWidget):
    """Compare techniques on one's own scans."""

    def __init__(self, session: Session, actions: Actions, background: Background, settings: Settings) -> None:
        super().__init__()
        self._session, self._background, self._settings = session, background, settings
        self.control = TrialControl(session, background, self)
        self._trials: tuple[TrialFolder, ...] = ()
        self._shown: TrialProgress | None = None
        self.form = SetupForm()
        self.runs = GridModel()
        self.plot = BandPlot(current_tokens())
        self.results = Results(current_tokens())
        self.cases = CasesPage()
        self._none = EmptyState(
            "chart",
            "Which technique helps on your scans?",
            "Open a project with complete, split cases. A trial trains two or more recipes with several seeds on the "
            "same split and budget, then measures the test cases once.",
            [actions.action(id) for id in ("view.data", "file.demo")],
        )
        self._build()
        self._connect()
        self._project_changed()

    def _build(self) -> None:
        work = QWidget()
        row = QHBoxLayout(work)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._make_side())
        row.addWidget(self._make_centre(), 1)
        self._work = work
        self._stack = QStackedLayout(self)
        self._stack.addWidget(self._none)
        self._stack.addWidget(work)

    def _make_side(self) -> QWidget:
        self.start_button = QPushButton("Start trial")
        self.start_button.setObjectName("trial-start")
        self.start_button.setProperty("role", "primary")
        self.start_button.setToolTip("Trains all runs in the background, then measures the test cases once")
        self.list = QListWidget()
        self.list.setObjectName("trials")
        self.list.setAccessibleName("Trials")
        self.list.setWordWrap(True)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(SPACE_3, SPACE_3, SPACE_3, SPACE_2)
        column.addWidget(_heading("New trial"))
        column.addWidget(self.form)
        column.addWidget(self.start_button)
        column.addSpacing(SPACE_3)
        column.addWidget(_heading("Trials of this project"))
        column.addWidget(self.list, 1)
        scroll = QScrollArea()
        scroll.setWidget(inner)
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFixedWidth(330)
        return scroll

    def _make_centre(self) -> QWidget:
        self.title = QLabel()
        self.title.setProperty("role", "title")
        self.state = QLabel()
        self.state.setProperty("role", "muted")
        self.state.setWordWrap(True)
        self.bar = QProgressBar()
        self.bar.setRange(0, 1000)
        self.bar.setMaximumWidth(260)
        self.pause_button = QPushButton("Pause")
        self.pause_button.setObjectName("trial-pause")
        self.pause_button.setToolTip("Ends at the next batch; what is finished is kept, and Resume goes on from there")
        self.resume_button = QPushButton("Resume")
        self.resume_button.setObjectName("trial-resume")
        self.resume_button.setProperty("role", "primary")
        self.delete_button = QPushButton("Delete…")
        self.delete_button.setObjectName("trial-delete")
        head = QHBoxLayout()
        head.addWidget(self.title)
        head.addWidget(self.state, 1)
        for widget in (self.bar, self.pause_button, self.resume_button, self.delete_button):
            head.addWidget(widget)
        progress = QWidget()
        column = QVBoxLayout(progress)
        column.setContentsMargins(0, SPACE_2, 0, 0)
        column.addWidget(self.plot, 3)
        column.addWidget(make_table(self.runs, "Runs of the trial"), 2)
        self.tabs = QTabWidget()
        self.tabs.setObjectName("trial-tabs")
        self.tabs.addTab(progress, "Training")
        self.tabs.addTab(self.results, "Results")
        self.tabs.addTab(self.cases, "Test cases")
        for tab in (_RESULTS_TAB, _CASES_TAB):
            self.tabs.setTabToolTip(tab, "There once every run is trained and the test cases are measured")
        centre = QWidget()
        whole = QVBoxLayout(centre)
        whole.setContentsMargins(SPACE_2, SPACE_3, SPACE_2, SPACE_2)
        whole.addLayout(head)
        whole.addWidget(self.tabs, 1)
        return centre

    def _connect(self) -> None:
        self.start_button.clicked.connect(self.start)
        self.pause_button.clicked.connect(self.control.pause)
        self.resume_button.clicked.connect(self.resume)
        self.delete_button.clicked.connect(self.delete)
        self.list.currentRowChanged.connect(self._chosen)
        self.results.exportAsked.connect(self._choose_export)
        self.control.changed.connect(self._told)
        self.control.ended.connect(self._ended)
        self.control.failed.connect(lambda error: report_error(self, error))
        self._session.projectChanged.connect(self._project_changed)
        self._session.runsChanged.connect(self._offer_runs)
        self.results.metricChosen.connect(self.cases.set_metric)
        self._settings.themeChanged.connect(self._theme_changed)

    # What the window calls

    def activate(self) -> None:
        """Look for new runs and trials."""
        self._offer_runs()
        self._refresh_list(self._shown.trial.plan.id if self._shown is not None else "")

    def may_close(self) -> bool:
        """The window itself asks and waits while a trial is going on; closing pauses it."""
        return True

    # Starting and ending

    def start(self) -> None:
        """Begin the trial that the form describes."""
        project = self._session.project
        if project is None or self.control.is_running:
            return
        try:
            if project.read_only:
                raise ProjectReadOnly(
                    "the project is open for reading only", remedy="close the other window that writes to it"
                )
            plan = make_plan(
                project,
                name=self.form.trial_name(),
                arms=self.form.arms(),
                seeds=self.form.chosen_seeds(),
                steps=self.form.steps.value(),
            )
            trial = TrialFolder.create(project.folder, plan)
        except RareSegError as error:
            report_error(self, error)
            return
        self.control.start(trial)
        self._refresh_list(plan.id)

    def resume(self) -> None:
        """Go on with the chosen trial."""
        if self._shown is not None:
            self.control.start(self._shown.trial)
            self._refresh_list(self.control.trial)

    def delete(self) -> None:
        """Delete the chosen trial with its models and predictions, after asking."""
        if self._shown is None or self._is_live:
            return
        question = f"Delete the trial {self._shown.trial.plan.name!r} with its models and predictions?"
        if ask(self, question, ("Delete", "Keep"), danger="Delete") == "Delete":
            shutil.rmtree(self._shown.trial.folder, ignore_errors=True)
            self._shown = None
            self._refresh_list("")

    def _ended(self, trial: str) -> None:
        if self.control.progress is not None and not self._session_left(self.control.progress.trial):
            report_notice(self, f"Trial {self.control.progress.trial.plan.name}: {self.control.progress.sentence}")
            self._refresh_list(trial)
            if self.control.progress.trial.state is TrialState.FINISHED:
                self.tabs.setCurrentIndex(_RESULTS_TAB)

    def _session_left(self, trial: TrialFolder) -> bool:
        """Whether the trial belongs to a project that is no longer open."""
        project = self._session.project
        return project is None or project.folder not in trial.folder.parents

    # Showing

    @property
    def _is_live(self) -> bool:
        """Whether the shown trial is the one that goes on."""
        return self.control.is_running and self._shown is not None and self._shown.trial.plan.id == self.control.trial

    def _project_changed(self) -> None:
        self._shown = None
        self._stack.setCurrentWidget(self._work if self._session.project is not None else self._none)
        self._offer_runs()
        self._refresh_list("")

    def _offer_runs(self) -> None:
        project = self._session.project
        self.form.offer_runs(list_runs(project.folder) if project is not None else ())

    def _refresh_list(self, chosen: str) -> None:
        project = self._session.project
        self._trials = list_trials(project.folder) if project is not None else ()
        ids = [trial.plan.id for trial in self._trials]
        self.list.blockSignals(True)
        self.list.clear()
        for trial in self._trials:
            state = "running" if self.control.is_running and trial.plan.id == self.control.trial else trial.state.value
            item = QListWidgetItem(
                f"{trial.plan.name}\n{describe(trial)}\n{trial.plan.created[:16].replace('T', ' ')} · {state}"
            )
            item.setToolTip(", ".join(arm.name for arm in trial.plan.arms))
            self.list.addItem(item)
        self.list.setCurrentRow(ids.index(chosen) if chosen in ids else 0 if ids else -1)
        self.list.blockSignals(False)
        self._chosen(self.list.currentRow())

    def _chosen(self, row: int) -> None:
        if not 0 <= row < len(self._trials):
            self._shown = None
        elif self.control.progress is not None and self._trials[row].plan.id == self.control.trial:
            self._shown = self.control.progress
        else:
            self._shown = TrialProgress(self._trials[row])
        self._show()
        self._load_results()

    def _told(self) -> None:
        told = self.control.progress
        if told is not None and self._shown is not None and self._shown.trial.plan.id == told.trial.plan.id:
            self._shown = told
            self._show()
        self._session.activityChanged.emit(self._activity())

    def _activity(self) -> str:
        if not self.control.is_running or self.control.progress is None:
            return ""
        return f"Trial {100 * self.control.progress.share:.0f} %"

    def _show(self) -> None:
        shown, project = self._shown, self._session.project
        writable = project is not None and not project.read_only
        state = shown.trial.state if shown is not None and not self._is_live else None
        self.start_button.setEnabled(writable and not self.control.is_running)
        self.title.setText(shown.trial.plan.name if shown is not None else "No trial yet")
        self.state.setText(self._words(shown, state))
        self.bar.setVisible(shown is not None and state is not TrialState.FINISHED)
        self.pause_button.setVisible(self._is_live)
        self.pause_button.setEnabled(not self.control.is_pausing)
        self.resume_button.setVisible(shown is not None and state is TrialState.UNFINISHED)
        self.resume_button.setEnabled(writable and not self.control.is_running)
        self.delete_button.setVisible(shown is not None)
        self.delete_button.setEnabled(writable and not self._is_live)
        if shown is None:
            self.runs.show_cells((), ())
            self.plot.show_bands((), ())
            return
        self.bar.setValue(round(1000 * shown.share))
        show_runs(self.runs, shown)
        self.plot.show_bands([arm.name for arm in shown.trial.plan.arms], shown.bands())

    def _words(self, shown: TrialProgress | None, state: TrialState | None) -> str:
        if shown is None:
            return "Choose what to compare on the left and press Start."
        if self._is_live:
            return "Pausing…" if self.control.is_pausing else shown.sentence
        if state is TrialState.UNFINISHED:
            return f"Unfinished: {shown.trained} of {len(shown.statuses)} runs are trained. Resume goes on."
        return "Finished." if state is TrialState.FINISHED else "Running in another window."

    # Results

    def _load_results(self) -> None:
        shown = self._shown
        finished = shown is not None and not self._is_live and shown.trial.state is TrialState.FINISHED
        for tab in (_RESULTS_TAB, _CASES_TAB):
            self.tabs.setTabEnabled(tab, finished)
        if not finished or shown is None:
            self.tabs.setCurrentIndex(_RUNS_TAB)
            return
        trial = shown.trial
        self._background.run(
            lambda progress: make_report(trial),
            done=lambda report: self._show_results(trial, report),
            failed=lambda error: report_error(self, error),
            owner=self,
        )

    def _show_results(self, trial: TrialFolder, report: TrialReport) -> None:
        project = self._session.project
        if project is not None and self._shown is not None and self._shown.trial.plan.id == trial.plan.id:
            self.results.show_report(report)
            self.cases.show_report(project, trial, report)

    def _theme_changed(self) -> None:
        self.plot.apply_tokens(current_tokens())
        self.results.apply_tokens(current_tokens())

    def _choose_export(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Export the report into which folder?")
        if folder:
            self.export(Path(folder))

    def export(self, folder: Path) -> None:
        """Write the shown trial's report into a folder, in the background."""
        if self._shown is None:
            return
        trial = self._shown.trial

        def write(progress: Progress) -> Path:
            page = folder / f"{trial.plan.id}.html"
            write_html(trial, page)
            write_csv(trial, folder)
            return page

        self._background.run(
            write,
            done=lambda page: report_notice(
                self, f"The report is in {page.name}, its numbers in two CSV files beside it."
            ),
            failed=lambda error: report_error(self, error),
            owner=self,
        )


def _heading(text: str) -> QLabel:
    label = QLabel(text)
    label.setProperty("role", "heading")
    return label
