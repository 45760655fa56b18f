"""Everything that shows one run: verdict, alarm, plots, and the pages below them."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QListWidget, QSplitter, QTabWidget, QVBoxLayout, QWidget

from app.background import Background
from app.session import Session
from app.theme import Tokens
from app.train.alarm_banner import AlarmBanner
from app.train.curves import RunCurves
from app.train.patches_view import PatchesView
from app.train.plots import LivePlots
from app.train.queue_page import QueuePage
from app.train.run_control import RunState
from app.train.run_dials import RunDials
from app.train.runs_page import RunsPage
from app.train.scores_table import ScoresTable
from app.train.verdict import pressing_alarm
from app.train.verdict_banner import VerdictBanner
from app.train.watched_case import WatchedCase


class RunView(QWidget):
    """The run that is shown, live or replayed, and the list of kept runs below it."""

    def __init__(self, tokens: Tokens, session: Session, background: Background, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.banner = VerdictBanner()
        self.alarm = AlarmBanner()
        self.plots = LivePlots(tokens)
        self.case = WatchedCase(session, background)
        self.patches = PatchesView(background)
        self.runs = RunsPage()
        self.scores = ScoresTable()
        self.log = QListWidget()
        self.log.setWordWrap(True)
        self.log.setResizeMode(QListWidget.ResizeMode.Adjust)
        self.log.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.log.setAccessibleName("Events of the run")
        self._logged: tuple[RunCurves, int] | None = None
        self.dials = RunDials()
        self.tabs = QTabWidget()
        self.tabs.addTab(self.runs, "Runs")
        self.queue = QueuePage(session)
        self.tabs.addTab(self.queue, "Queue")
        self.queue.changed.connect(self._queue_changed)
        self._queue_changed(self.queue.list.count())
        self.tabs.addTab(self.scores, "Validation scans")
        self.tabs.addTab(self.log, "Log")
        self.tabs.addTab(self.dials, "While it runs")
        self.pages = QTabWidget()
        self.pages.setObjectName("run-pages")
        self.pages.addTab(self.plots, "Curves")
        self.pages.addTab(self.case, "Watched case")
        self.pages.addTab(self.patches, "Patches")
        below = QSplitter(Qt.Orientation.Vertical)
        below.addWidget(self.pages)
        below.addWidget(self.tabs)
        below.setSizes([600, 220])
        below.setChildrenCollapsible(False)
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 8, 8, 8)
        column.addWidget(self.banner)
        column.addWidget(self.alarm)
        column.addWidget(below, 1)

    def show_run(self, curves: RunCurves, state: RunState, *, live: bool) -> None:
        """Show a run; `live` is whether it is the one that the engine works on, if it works at all."""
        self.banner.show_run(curves, state, live=live and state is not RunState.IDLE)
        self.alarm.show_alarm(pressing_alarm(curves), live=live and state is RunState.RUNNING)
        self.plots.show_run(curves)
        going = live and state is RunState.RUNNING
        project = self._session.project
        self.case.show_case(curves.case, live=going)
        self.patches.show_batch(curves.batch, project.folder if project is not None else None, live=going)
        self.scores.show_validation(curves.latest_validation)
        self._show_log(curves)

    def _queue_changed(self, waiting: int) -> None:
        self.tabs.setTabText(self.tabs.indexOf(self.queue), f"Queue ({waiting})" if waiting else "Queue")

    def _show_log(self, curves: RunCurves) -> None:
        begun = (curves, curves.dropped_lines)
        if begun != self._logged:
            self.log.clear()
            self._logged = begun
        if self.log.count() < len(curves.log):
            self.log.addItems(curves.log[self.log.count() :])
            self.log.scrollToBottom()
