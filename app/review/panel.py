"""Workspace Review: predict cases, look at them in a sensible order, accept, edit or reject with one key each."""

from __future__ import annotations

from functools import partial

from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QStackedLayout,
    QVBoxLayout,
    QWidget,
)

from app.actions import Actions
from app.background import Background
from app.errors import report_error, report_notice
from app.review.controls import ReviewControls
from app.review.finding_search import FindingSearch
from app.review.predict_control import PredictControl
from app.review.worklist_side import WorklistSide
from app.review.worklist_table import WorklistModel
from app.session import Session
from app.settings import Settings
from app.theme import SPACE_2
from app.viewer.display_controls import DisplayControls, masks_legend
from app.viewer.scan_view import ScanView
from app.viewer.viewer_area import ViewerArea
from app.widgets.empty_state import EmptyState
from segcore.errors import RareSegError
from segcore.projects.case import CaseState
from segcore.review.decisions import Verdict, decisions_about, record_decision
from segcore.review.findings import Findings
from segcore.review.predictions import Byte, Prediction, Predictions
from segcore.review.worklist import WorkOrder, build_worklist
from segcore.scans.volume import Mask
from segcore.training.record import RunRecord, list_runs


class ReviewPanel(QWidget):
    """Judge what a model found."""

    def __init__(self, session: Session, actions: Actions, background: Background, settings: Settings) -> None:
        super().__init__()
        self._session, self._actions = session, actions
        self.control = PredictControl(session, background, self)
        self.view = ScanView()
        self.display = DisplayControls(self.view)
        self.controls = ReviewControls(actions)
        self.worklist = WorklistModel()
        self.side = WorklistSide(self.worklist)
        self.models, self.scope, self.order = self.side.models, self.side.scope, self.side.order
        self.table, self.reason, self.progress = self.side.table, self.side.reason, self.side.progress
        self.predict_button = self.side.predict_button
        self.area = ViewerArea(
            self.view,
            self.display,
            session,
            actions,
            background,
            settings,
            cases=self.worklist.cases,
            go_to=lambda case: self.table.selectRow(self.worklist.row_of(case)),
            is_predicted=lambda case: self.worklist.row_of(case) >= 0,
        )
        self.runs: tuple[RunRecord, ...] = ()
        self._case = ""
        self._prediction: Prediction | None = None
        self._doubt: Byte | None = None
        self._findings: Findings | None = None
        self.search = FindingSearch(background, self)
        self._build()
        self._connect()
        self._refresh_models()

    def _build(self) -> None:
        work = QWidget()
        row = QHBoxLayout(work)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.side)
        row.addLayout(self._make_centre(), 1)
        row.addWidget(self._make_right())
        self._work = work
        self._none = EmptyState(
            "review",
            "Nothing to review yet",
            "Train a model first; then predict cases here and judge what it found, case by case.",
            [self._actions.action(id) for id in ("view.train", "view.data")],
        )
        self._stack = QStackedLayout(self)
        self._stack.addWidget(self._none)
        self._stack.addWidget(work)

    def _make_centre(self) -> QVBoxLayout:
        self.under = QLabel()
        self.under.setProperty("role", "small")
        self.legend = QLabel(masks_legend(self.view.overlay))
        self.legend.setProperty("role", "small")
        status = QHBoxLayout()
        status.addWidget(self.under, 1)
        status.addWidget(self.legend)
        centre = QVBoxLayout()
        centre.setContentsMargins(0, SPACE_2, 0, SPACE_2)
        centre.addWidget(self.area, 1)
        centre.addLayout(status)
        return centre

    def _make_right(self) -> QWidget:
        right = QWidget()
        right.setFixedWidth(270)
        column = QVBoxLayout(right)
        column.setContentsMargins(SPACE_2, SPACE_2, SPACE_2, SPACE_2)
        column.addWidget(self.controls, 1)
        heading = QLabel("Display")
        heading.setProperty("role", "heading")
        column.addWidget(heading)
        column.addWidget(self.display)
        return right

    def _connect(self) -> None:
        session = self._session
        session.projectChanged.connect(self._project_changed)
        session.runsChanged.connect(self._refresh_models)
        session.predictionsChanged.connect(lambda _: self._refresh_worklist())
        self.models.currentIndexChanged.connect(lambda _: self._refresh_worklist())
        self.order.currentIndexChanged.connect(lambda _: self._refresh_worklist())
        self.table.selectionModel().currentRowChanged.connect(lambda now, _: self._show_row(now.row()))
        self.predict_button.clicked.connect(self.predict)
        self.control.progressed.connect(self._progressed)
        self.control.ended.connect(self._predicted)
        self.control.failed.connect(partial(report_error, self))
        self.controls.stepChanged.connect(self._step_changed)
        self.search.rest.timeout.connect(lambda: self._list_findings())
        self.search.found.connect(self._show_findings)
        self.search.failed.connect(partial(report_error, self))
        self.controls.findingChosen.connect(self._go_to_finding)
        self.controls.doubtAsked.connect(lambda _: self._show_doubt())
        self.view.hovered.connect(self.under.setText)
        self.area.hovered.connect(self.under.setText)
        self.area.layers.paletteChanged.connect(self._show_doubt)
        self.view.pressed.connect(lambda axis, place, event: self._jump(place))
        self.view.moved.connect(lambda axis, place, event: self._jump(place))
        self.view.doubleClicked.connect(lambda axis, place, event: self.view.toggle_single(axis))
        for id, doing in (
            ("review.accept", partial(self.decide, Verdict.ACCEPTED)),
            ("review.edit", self.edit),
            ("review.reject", partial(self.decide, Verdict.REJECTED)),
            ("review.next", partial(self._step_row, 1)),
            ("review.previous", partial(self._step_row, -1)),
            ("review.doubt", self.controls.doubt.click),
            ("review.compare", self.display.toggle_compare),
            ("review.fit", self.view.fit),
            *((f"review.channel{n}", partial(self.display.step_channel, n)) for n in range(1, 5)),
        ):
            self._actions.action(id).triggered.connect(lambda _=False, do=doing: do())

    # What the window calls

    def activate(self) -> None:
        """Look for new models and predictions."""
        self._refresh_models()
        self.table.setFocus()

    def may_close(self) -> bool:
        """Decisions are on disk already."""
        return True

    # Models and predictions

    def _project_changed(self) -> None:
        self._case, self._prediction = "", None
        self.view.set_scan(None)
        self._refresh_models()

    def _refresh_models(self) -> None:
        project = self._session.project
        self.runs = tuple(run for run in list_runs(project.folder) if run.has_model) if project is not None else ()
        chosen = self.models.currentData()
        self.models.blockSignals(True)
        self.models.clear()
        for run in self.runs:
            dice = f" · Dice {run.best.dice:.2f}" if run.best is not None else ""
            members = run.recipe.ensemble.members
            dice += f" · {members} members" if members > 1 else ""
            self.models.addItem(f"{run.recipe.name}{dice} · {run.started[:16].replace('T', ' ')}", run.id)
        self.models.setCurrentIndex(max(0, self.models.findData(chosen)))
        self.models.blockSignals(False)
        self._stack.setCurrentWidget(self._work if self.runs else self._none)
        self._refresh_worklist()

    @property
    def run(self) -> RunRecord | None:
        """The run whose model is reviewed."""
        index = self.models.currentIndex()
        return self.runs[index] if 0 <= index < len(self.runs) else None

    def _predictions(self) -> Predictions | None:
        project, run = self._session.project, self.run
        return Predictions(project.predictions_folder / run.id) if project is not None and run is not None else None

    def predict(self) -> None:
        """Predict the chosen cases, or stop predicting."""
        if self.control.is_running:
            self.control.stop()
            return
        run = self.run
        cases = tuple(case.id for case in self._session.cases() if self.side.wants(case))
        if run is None:
            return
        if not cases:
            report_notice(self, f"There is nothing to predict: no case is among '{self.scope.currentText()}'.")
            return
        self.control.start(run, cases)
        self.predict_button.setText("Stop predicting")

    def _progressed(self, done: int, total: int) -> None:
        self.progress.setVisible(True)
        self.progress.setRange(0, total)
        self.progress.setValue(done)
        self.progress.setFormat(f"{done} of {total} cases")

    def _predicted(self) -> None:
        self.progress.setVisible(False)
        self.predict_button.setText("Predict")
        self._refresh_worklist()

    # Worklist

    def _refresh_worklist(self) -> None:
        project, predictions, run = self._session.project, self._predictions(), self.run
        self.predict_button.setEnabled(self._session.is_writable and run is not None)
        if project is None or predictions is None or run is None:
            self.worklist.set_items(())
            self._show_nothing()
            return
        try:
            items = build_worklist(
                self._session.cases(),
                predictions,
                decisions_about(project, run.id),
                WorkOrder(str(self.order.currentData())),
                masks=project.mask,
                scan_hashes=project.scan_hashes(),
            )
        except RareSegError as error:
            report_error(self, error)
            items = ()
        self.worklist.set_items(items)
        row = self.worklist.row_of(self._case)
        if items:
            self.table.selectRow(max(0, row))
            self._show_row(max(0, row))
        else:
            self._show_nothing()

    def _show_nothing(self) -> None:
        self._case, self._prediction, self._doubt = "", None, None
        self.view.set_scan(None)
        self._show_doubt()
        self.controls.show_findings(None, None)
        self.reason.setText("Choose what to predict above and press Predict.")
        self._enable_decisions()

    def _show_row(self, row: int) -> None:
        item, predictions, project = self.worklist.item_at(row), self._predictions(), self._session.project
        if item is None or predictions is None or project is None:
            return
        self.reason.setText(item.reason)
        shown = self._prediction.facts if self._prediction is not None else None
        if shown is not None and (shown.case, shown.model) == (item.case.id, predictions.model):
            self.view.set_labels(project.mask(self._case).labels)
            self._enable_decisions()
            return
        try:
            self._prediction = None if item.outdated else predictions.load(item.case.id)
            self._case = item.case.id
            self.view.set_scan(project.scan(item.case.id))
            self.view.set_labels(project.mask(item.case.id).labels)
        except RareSegError as error:
            report_error(self, error)
            return
        self.display.scan_changed()
        self._doubt = predictions.disagreement(self._case) if self._prediction is not None else None
        self._show_doubt()
        if self._prediction is not None:
            self.controls.show_fitted(self._prediction.facts.step)
            self.view.set_prediction(self._prediction.steps, self.controls.step)
        self.area.show_case(self._case)
        self.controls.show_findings(None, None)
        self._list_findings(first=True)
        self.controls.comment.clear()
        self._enable_decisions()

    def _enable_decisions(self) -> None:
        possible = self._prediction is not None and self._session.is_writable
        why = "choose a predicted case first" if self._prediction is None else "the project is open for reading only"
        for id in ("review.accept", "review.edit", "review.reject"):
            self._actions.enable(id, possible, why)

    def _step_row(self, further: int) -> None:
        row = self.table.currentIndex().row() + further
        if 0 <= row < self.worklist.rowCount():
            self.table.selectRow(row)

    # Looking

    def _step_changed(self, step: int) -> None:
        self.view.set_step(step)
        self.search.rest.start()

    def _show_doubt(self) -> None:
        """Show, or hide, where the members of an ensemble disagree about the case."""
        facts = self._prediction.facts if self._prediction is not None else None
        several = facts is not None and self._doubt is not None
        self.controls.show_members(facts.members if facts and several else 1, facts.spread if facts else 0.0)
        shown = self._doubt if several and self.controls.doubt.isChecked() else None
        self.view.set_doubt(shown)
        self.legend.setText(masks_legend(self.view.overlay, doubt=shown is not None))

    def _list_findings(self, *, first: bool = False) -> None:
        if self._prediction is None or self.view.volume is None:
            self._findings = None
            self.search.cancel()
            self.controls.show_findings(None, None)
            return
        self.search.ask(self._prediction.steps, self.controls.step, self.view.volume.grid, self._doubt, first=first)

    def _show_findings(self, findings: Findings, first: bool) -> None:
        self._findings = findings
        self.controls.show_findings(findings, self.view.volume.grid if self.view.volume is not None else None)
        if first:
            self._go_to_finding(0)

    def _go_to_finding(self, number: int) -> None:
        if self._findings and 0 <= number < len(self._findings):
            self.view.set_crosshair(self._findings[number].centre)

    def _jump(self, place: tuple[float, float, float]) -> None:
        self.view.set_crosshair((round(place[0]), round(place[1]), round(place[2])))

    # Deciding

    def decide(self, verdict: Verdict) -> None:
        """Keep a decision and go to the next open case."""
        project, prediction = self._session.project, self._prediction
        if project is None or prediction is None or not self.isVisible():
            return
        case = self._case
        try:
            record_decision(
                project,
                prediction,
                verdict,
                reviewer=self._session.reviewer,
                step=self.controls.step,
                comment=self.controls.comment.text().strip(),
            )
        except RareSegError as error:
            report_error(self, error)
            return
        if verdict is not Verdict.REJECTED:
            self._session.notify_mask(case)
            self._session.notify_case(case)
        following = self._next_open(case)
        self._case = following or case
        self._refresh_worklist()

    def _next_open(self, case: str) -> str:
        items = self.worklist.items
        start = self.worklist.row_of(case) + 1
        order = [*items[start:], *items[:start]]
        return next((item.case.id for item in order if item.decision is None and item.case.id != case), "")

    def edit(self) -> None:
        """Make the prediction at this threshold the case's mask and open it in Annotate for correction."""
        project, prediction, case = self._session.project, self._prediction, self._case
        if project is None or prediction is None or not self.isVisible():
            return
        try:
            with project.together():
                step = self.controls.step
                record_decision(
                    project,
                    prediction,
                    Verdict.EDITED,
                    reviewer=self._session.reviewer,
                    step=step,
                    mask=Mask(labels=prediction.mask_at(step), grid=project.case(case).grid),
                    comment=self.controls.comment.text().strip(),
                )
                project.set_state(case, CaseState.DRAFT, author=self._session.reviewer)
        except RareSegError as error:
            report_error(self, error)
            return
        self._session.notify_mask(case)
        self._session.notify_case(case)
        self._refresh_worklist()
        self._session.open_case(case)
