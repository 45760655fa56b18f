"""Every test case of a trial: the list with each arm's figure, and both predictions of the chosen one."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QSplitter, QVBoxLayout, QWidget

from app.errors import report_error
from app.theme import SPACE_2
from app.trials.case_view import CaseView
from app.trials.results import make_table
from app.trials.tables import GridModel, show_cases
from segcore.errors import RareSegError
from segcore.projects.project import Project
from segcore.trials.comparison import TrialComparison
from segcore.trials.folder import TrialFolder
from segcore.trials.report import TrialReport


class CasesPage(QWidget):
    """Choose two arms and a case."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._report: TrialReport | None = None
        self._metric = ""
        self.left, self.right = QComboBox(), QComboBox()
        self.left.setAccessibleName("Recipe on the left")
        self.right.setAccessibleName("Recipe on the right")
        self.cases = GridModel()
        self.table = make_table(self.cases, "Test cases")
        self.table.setObjectName("trial-cases")
        self.view = CaseView()
        self._lay_out()
        self.left.currentIndexChanged.connect(self._show)
        self.right.currentIndexChanged.connect(self._show)
        self.table.selectionModel().selectionChanged.connect(lambda *_: self._show_case())

    def _lay_out(self) -> None:
        choice = QHBoxLayout()
        choice.addWidget(self.left, 1)
        choice.addWidget(QLabel("and"))
        choice.addWidget(self.right, 1)
        for box in (self.left, self.right):
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            box.setMinimumContentsLength(8)
        side = QWidget()
        column = QVBoxLayout(side)
        column.setContentsMargins(SPACE_2, SPACE_2, 0, SPACE_2)
        column.addLayout(choice)
        column.addWidget(self.table, 1)
        splitter = QSplitter(Qt.Orientation.Horizontal)
        splitter.addWidget(side)
        splitter.addWidget(self.view)
        splitter.setSizes([380, 760])
        splitter.setChildrenCollapsible(False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(splitter)

    def show_report(self, project: Project, trial: TrialFolder, report: TrialReport) -> None:
        """Show the cases of another trial."""
        self._report = report
        self._metric = self._metric or report.main.metric.name
        for box, row in ((self.left, 0), (self.right, 1)):
            box.blockSignals(True)
            box.clear()
            box.addItems([arm.name for arm in report.plan.arms])
            box.setCurrentIndex(row)
            box.blockSignals(False)
        self.view.set_trial(project, trial)
        self._show()

    def set_metric(self, name: str) -> None:
        """Show another metric in the list."""
        self._metric = name
        self._show()

    @property
    def pair(self) -> tuple[int, int]:
        """The arms that are looked at."""
        return (max(0, self.left.currentIndex()), max(0, self.right.currentIndex()))

    @property
    def _comparison(self) -> TrialComparison | None:
        found = self._report.comparisons if self._report is not None else ()
        return next((comparison for comparison in found if comparison.metric.name == self._metric), None)

    def _show(self) -> None:
        comparison = self._comparison
        if comparison is None or self.left.count() == 0:
            return
        show_cases(self.cases, comparison, *self.pair)
        if not self.table.selectionModel().selectedRows():
            self.table.selectRow(0)
        else:
            self._show_case()

    def _show_case(self) -> None:
        comparison = self._comparison
        rows = self.table.selectionModel().selectedRows()
        if comparison is None or not rows or rows[0].row() >= len(comparison.cases):
            return
        try:
            self.view.show_case(comparison.cases[rows[0].row()].case, *self.pair)
        except RareSegError as error:
            report_error(self, error)
