"""Everything that shows one run: verdict, alarm, plots, and the pages below them."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QListWidget, QSplitter, QTabWidget, QVBoxLayout, QWidget

from app.theme import Tokens
from app.train.alarm_banner import AlarmBanner
from app.train.curves import RunCurves
from app.train.plots import LivePlots
from app.train.run_control import RunState
from app.train.run_dials import RunDials
from app.train.runs_page import RunsPage
from app.train.scores_table import ScoresTable
from app.train.verdict import pressing_alarm
from app.train.verdict_banner import VerdictBanner


class RunView(QWidget):
    """The run that is shown, live or replayed, and the list of kept runs below it."""

    def __init__(self, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.banner = VerdictBanner()
        self.alarm = AlarmBanner()
        self.plots = LivePlots(tokens)
        self.runs = RunsPage()
        self.scores = ScoresTable()
        self.log = QListWidget()
        self.log.setWordWrap(True)
        self.log.setAccessibleName("Events of the run")
        self.dials = RunDials()
        self.tabs = QTabWidget()
        self.tabs.addTab(self.runs, "Runs")
        self.tabs.addTab(self.scores, "Validation scans")
        self.tabs.addTab(self.log, "Log")
        self.tabs.addTab(self.dials, "While it runs")
        below = QSplitter(Qt.Orientation.Vertical)
        below.addWidget(self.plots)
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
        self.scores.show_validation(curves.latest_validation)
        self._show_log(curves)

    def _show_log(self, curves: RunCurves) -> None:
        if self.log.count() > len(curves.log) or (self.log.count() and self.log.item(0).text() != curves.log[0]):
            self.log.clear()
        self.log.addItems(curves.log[self.log.count() :])
        self.log.scrollToBottom()
