"""What came out of a trial: what may be said, the numbers behind it, and every test case to look at."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QSplitter,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from app.errors import report_error
from app.theme import SPACE_2
from app.trials.case_view import CaseView
from app.trials.tables import GridModel, show_arms, show_cases, show_pairs
from segcore.errors import RareSegError
from segcore.projects.project import Project
from segcore.trials.comparison import TrialComparison
from segcore.trials.folder import TrialFolder
from segcore.trials.report import TrialReport


class Results(QWidget):
    """The results of one trial.

    Signals
    -------
    exportAsked()
        The person wants the report as files.
    """

    exportAsked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._report: TrialReport | None = None
        self.metric_box = QComboBox()
        self.metric_box.setAccessibleName("Metric")
        self.export_button = QPushButton("Export…")
        self.export_button.setObjectName("trial-export")
        self.export_button.setToolTip("Writes the report as an HTML page and its numbers as CSV")
        self.words = QLabel()
        self.words.setWordWrap(True)
        self.words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.cautions = QLabel()
        self.cautions.setWordWrap(True)
        self.cautions.setProperty("role", "warning")
        self.arms, self.pairs, self.cases = GridModel(), GridModel(), GridModel()
        self.arms_table = make_table(self.arms, "What each recipe reached")
        self.pairs_table = make_table(self.pairs, "Differences between recipes")
        self.cases_table = make_table(self.cases, "Test cases")
        self.cases_table.setObjectName("trial-cases")
        self.case_view = CaseView()
        self._lay_out()
        self.metric_box.currentIndexChanged.connect(self._show)
        self.export_button.clicked.connect(self.exportAsked)
        self.pairs_table.selectionModel().selectionChanged.connect(lambda *_: self._show_cases())
        self.cases_table.selectionModel().selectionChanged.connect(lambda *_: self._show_case())

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.addWidget(QLabel("Metric"))
        head.addWidget(self.metric_box)
        head.addStretch(1)
        head.addWidget(self.export_button)
        numbers = QWidget()
        column = QVBoxLayout(numbers)
        column.setContentsMargins(0, SPACE_2, SPACE_2, 0)
        column.setSpacing(SPACE_2)
        column.addLayout(head)
        column.addWidget(self.words)
        column.addWidget(self.cautions)
        column.addWidget(self.arms_table, 2)
        column.addWidget(self.pairs_table, 2)
        column.addWidget(self.cases_table, 4)
        splitter = QSplitter(Qt.Orientation.Horizontal)
        splitter.addWidget(numbers)
        splitter.addWidget(self.case_view)
        splitter.setSizes([560, 720])
        splitter.setChildrenCollapsible(False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(splitter)

    def show_report(self, project: Project, trial: TrialFolder, report: TrialReport) -> None:
        """Show the results of a trial."""
        self._report = report
        self.case_view.set_trial(project, trial)
        chosen = self.metric_box.currentText()
        self.metric_box.blockSignals(True)
        self.metric_box.clear()
        for comparison in report.comparisons:
            self.metric_box.addItem(comparison.metric.label, comparison.metric.name)
        self.metric_box.setCurrentIndex(max(0, self.metric_box.findText(chosen)))
        self.metric_box.blockSignals(False)
        self._show()

    @property
    def comparison(self) -> TrialComparison | None:
        """The comparison by the chosen metric."""
        if self._report is None:
            return None
        return self._report.comparisons[max(0, self.metric_box.currentIndex())]

    @property
    def pair(self) -> tuple[int, int]:
        """The two arms that are looked at: those of the chosen row of differences, else the first two."""
        comparison = self.comparison
        rows = self.pairs_table.selectionModel().selectedRows()
        if comparison is None or not rows or rows[0].row() >= len(comparison.pairs):
            return (0, 1)
        chosen = comparison.pairs[rows[0].row()]
        return (chosen.first, chosen.second)

    def _show(self) -> None:
        report, comparison = self._report, self.comparison
        if report is None or comparison is None:
            return
        self.words.setText("\n".join(comparison.sentence(pair) for pair in comparison.pairs))
        cautions = report.cautions() if comparison is report.main else comparison.cautions()
        decides = () if comparison is report.main else (f"{report.main.metric.label} decides; this metric describes.",)
        self.cautions.setText("\n".join((*decides, *cautions)))
        self.cautions.setVisible(bool(self.cautions.text()))
        show_arms(self.arms, comparison)
        show_pairs(self.pairs, comparison)
        self._show_cases()

    def _show_cases(self) -> None:
        if self.comparison is not None:
            show_cases(self.cases, self.comparison, *self.pair)
            if not self.cases_table.selectionModel().selectedRows():
                self.cases_table.selectRow(0)
            self._show_case()

    def _show_case(self) -> None:
        comparison = self.comparison
        rows = self.cases_table.selectionModel().selectedRows()
        if comparison is None or not rows or rows[0].row() >= len(comparison.cases):
            return
        try:
            self.case_view.show_case(comparison.cases[rows[0].row()].case, *self.pair)
        except RareSegError as error:
            report_error(self, error)


def make_table(model: GridModel, name: str) -> QTableView:
    """Return a table in which whole rows are chosen."""
    table = QTableView()
    table.setModel(model)
    table.setAccessibleName(name)
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    table.horizontalHeader().setStretchLastSection(True)
    table.verticalHeader().setVisible(False)
    table.setMinimumHeight(90)
    return table
