"""What came out of a trial: what may be said, what must be known first, and the numbers behind it."""

from __future__ import annotations

from PySide6.QtCore import QByteArray, Qt, Signal
from PySide6.QtSvgWidgets import QSvgWidget
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QScrollArea,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from app.theme import SPACE_2, SPACE_3, Tokens
from app.trials.tables import GridModel, show_arms, show_pairs
from segcore.trials.comparison import TrialComparison
from segcore.trials.report import TrialReport
from segcore.trials.report_svg import SVG_WIDTH, Ink, differences_height, differences_svg

_ROW_HEIGHT = 30


class Results(QWidget):
    """The results of one trial.

    Signals
    -------
    exportAsked()
        The person wants the report as files.
    metricChosen(str)
        The name of the metric to look at.
    """

    exportAsked = Signal()
    metricChosen = Signal(str)

    def __init__(self, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._report: TrialReport | None = None
        self._tokens = tokens
        self.metric_box = QComboBox()
        self.metric_box.setObjectName("trial-metric")
        self.metric_box.setAccessibleName("Metric")
        self.export_button = QPushButton("Export…")
        self.export_button.setObjectName("trial-export")
        self.export_button.setToolTip("Writes the report as an HTML page and its numbers as CSV")
        self.words = _text("")
        self.cautions = _text("warning")
        self.arms, self.pairs = GridModel(), GridModel()
        self.arms_table = make_table(self.arms, "What each recipe reached")
        self.pairs_table = make_table(self.pairs, "Differences between recipes")
        self.drawing = QSvgWidget()
        self.drawing.setAccessibleName("Differences with their intervals")
        self._lay_out()
        self.metric_box.currentIndexChanged.connect(self._metric_chosen)
        self.export_button.clicked.connect(self.exportAsked)

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.addWidget(QLabel("Metric"))
        head.addWidget(self.metric_box)
        head.addStretch(1)
        head.addWidget(self.export_button)
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(SPACE_3, SPACE_2, SPACE_3, SPACE_2)
        column.setSpacing(SPACE_2)
        column.addLayout(head)
        column.addWidget(self.words)
        column.addWidget(self.cautions)
        column.addWidget(self.drawing, 0, Qt.AlignmentFlag.AlignLeft)
        column.addWidget(self.pairs_table)
        column.addWidget(self.arms_table)
        column.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidget(inner)
        scroll.setWidgetResizable(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(scroll)

    def show_report(self, report: TrialReport) -> None:
        """Show the results of a trial; the chosen metric stays."""
        self._report = report
        chosen = self.metric_box.currentData()
        self.metric_box.blockSignals(True)
        self.metric_box.clear()
        for comparison in report.comparisons:
            self.metric_box.addItem(comparison.metric.label, comparison.metric.name)
        self.metric_box.setCurrentIndex(max(0, self.metric_box.findData(chosen)))
        self.metric_box.blockSignals(False)
        self._metric_chosen()

    def apply_tokens(self, tokens: Tokens) -> None:
        """Take the colours of a theme."""
        self._tokens = tokens
        self._draw()

    @property
    def comparison(self) -> TrialComparison | None:
        """The comparison by the chosen metric."""
        return self._report.comparisons[max(0, self.metric_box.currentIndex())] if self._report is not None else None

    def _metric_chosen(self) -> None:
        report, comparison = self._report, self.comparison
        if report is None or comparison is None:
            return
        self.words.setText("\n".join(comparison.sentence(pair) for pair in comparison.pairs))
        decides = comparison is report.main
        first = () if decides else (f"{report.main.metric.label} decides; {comparison.metric.label} describes.",)
        self.cautions.setText("\n".join((*first, *(report.cautions() if decides else comparison.cautions()))))
        self.cautions.setVisible(bool(self.cautions.text()))
        show_arms(self.arms, comparison)
        show_pairs(self.pairs, comparison)
        for table, rows in ((self.arms_table, len(comparison.arms)), (self.pairs_table, len(comparison.pairs))):
            table.setFixedHeight(_ROW_HEIGHT * rows + 38)
        self._draw()
        self.metricChosen.emit(comparison.metric.name)

    def _draw(self) -> None:
        if self.comparison is None:
            return
        t = self._tokens
        ink = Ink(text=t.text, quiet=t.muted, shown=t.accent)
        self.drawing.load(QByteArray(differences_svg(self.comparison, ink).encode()))
        self.drawing.setFixedSize(SVG_WIDTH, differences_height(self.comparison))


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
    return table


def _text(role: str) -> QLabel:
    label = QLabel()
    label.setWordWrap(True)
    label.setProperty("role", role)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label
