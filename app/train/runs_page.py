"""The kept runs of the project: the table, and what can be done with the run that is selected in it."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from app.errors import report_error, report_notice
from app.theme import SPACE_1
from app.train.runs_table import RunsModel
from segcore.errors import RareSegError
from segcore.projects.exporting import export_model
from segcore.training.record import RunRecord


class RunsPage(QWidget):
    """The table of runs with its buttons.

    Signals
    -------
    selected()
        Another run is selected, or none.
    resumeAsked(object), extendAsked(object), reuseAsked(object)
        The person wants to go on with, train longer, or the recipe of, this `RunRecord`.
    curvesAsked()
        The curves that are shown are wanted as files.
    liveAsked()
        Back from a replayed run to the one that is training.
    """

    selected = Signal()
    resumeAsked = Signal(object)
    extendAsked = Signal(object)
    reuseAsked = Signal(object)
    curvesAsked = Signal()
    liveAsked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model = RunsModel()
        self.table = QTableView()
        self.table.setModel(self.model)
        self.table.setObjectName("runs")
        self.table.setAccessibleName("Kept runs")
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.table.horizontalHeader().setStretchLastSection(True)
        self.table.verticalHeader().setVisible(False)
        self.table.selectionModel().selectionChanged.connect(self.selected)
        self._live = _button("Show the live run", "run-live", "Back from a replayed run to the one that is training.")
        self._curves = _button(
            "Export curves…", "run-curves", "Writes the numbers behind the plots as CSV, and the plots as a picture."
        )
        self._export = _button(
            "Export model…",
            "run-export",
            "Copies the model's folder (weights and settings) to a folder of your choice.",
        )
        self._reuse = _button("Use its recipe", "run-reuse", "Copies the selected run's recipe into the form.")
        self._resume = _button("Resume", "run-resume", "Goes on with the selected run from its last checkpoint.")
        self._extend = _button(
            "Train longer…",
            "run-extend",
            "Goes on with the selected, finished run beyond its budget, from its last weights.",
        )
        self._arrange()
        self._live.clicked.connect(self.liveAsked)
        self._curves.clicked.connect(self.curvesAsked)
        self._export.clicked.connect(self._export_model)
        self._reuse.clicked.connect(lambda: self.reuseAsked.emit(self.record))
        self._extend.clicked.connect(lambda: self.extendAsked.emit(self.record))
        self._resume.clicked.connect(lambda: self.resumeAsked.emit(self.record))

    def _arrange(self) -> None:
        hint = QLabel("Select a run to replay it into the plots.")
        hint.setProperty("role", "hint")
        row = QHBoxLayout()
        row.addWidget(hint, 1)
        for button in (self._live, self._curves, self._export, self._reuse, self._extend, self._resume):
            row.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(SPACE_1, SPACE_1, SPACE_1, 0)
        column.addLayout(row)
        column.addWidget(self.table, 1)

    @property
    def record(self) -> RunRecord | None:
        """The selected run, or None."""
        rows = self.table.selectionModel().selectedRows()
        return self.model.run_at(rows[0].row()) if rows else None

    def set_runs(self, runs: tuple[RunRecord, ...]) -> None:
        """Show `runs`."""
        self.model.set_runs(runs)

    def update_buttons(self, *, idle: bool, replaying: bool, has_curves: bool) -> None:
        """Enable what can be done.

        Parameters
        ----------
        idle
            Whether nothing is training.
        replaying
            Whether a kept run is shown and not the live one.
        has_curves
            Whether the shown run has anything to export.
        """
        record = self.record
        self._reuse.setEnabled(record is not None)
        self._curves.setEnabled(has_curves)
        self._export.setEnabled(record is not None and record.has_model)
        self._resume.setEnabled(idle and record is not None and record.can_resume)
        self._extend.setEnabled(idle and record is not None and record.can_extend)
        self._live.setVisible(not idle and replaying)

    def _export_model(self) -> None:
        record = self.record
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


def _button(text: str, name: str, tooltip: str) -> QPushButton:
    button = QPushButton(text)
    button.setObjectName(name)
    button.setToolTip(tooltip)
    return button
