"""The page of the import dialog that shows what would be imported, and lets a person put it right."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QSpinBox,
    QSplitter,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from app.data.plan_table import PlanTable
from app.data.report_view import ReportView
from app.theme import SPACE_2, SPACE_3
from app.widgets.wording import count
from segcore.projects.importing import ImportPlan


class PlanPage(QWidget):
    """The plan as a table with its problems and options.

    Signals
    -------
    masksAsked(), channelAsked(), groupsAsked()
        The person wants to add a folder of masks, a channel, a table of patients.
    caseChosen(Path)
        The scan of another row is in hand.
    """

    masksAsked = Signal()
    caseChosen = Signal(object)
    channelAsked = Signal()
    groupsAsked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.model = PlanTable()
        self.sentence = QLabel()
        self.sentence.setProperty("role", "heading")
        self.table = QTableView()
        self.table.setModel(self.model)
        self.table.setAccessibleName("Cases to be imported")
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setAlternatingRowColors(True)
        self.table.setShowGrid(False)
        self.table.verticalHeader().setVisible(False)
        self.table.verticalHeader().setDefaultSectionSize(28)
        self.table.selectionModel().currentRowChanged.connect(lambda now, _: self._row_chosen(now.row()))
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        header.setHighlightSections(False)
        self.problems = ReportView()
        splitter = QSplitter(Qt.Orientation.Vertical)
        splitter.addWidget(self.table)
        splitter.addWidget(self.problems)
        splitter.setChildrenCollapsible(False)
        splitter.setSizes([360, 160])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE_2)
        layout.addWidget(self.sentence)
        layout.addLayout(self._options())
        layout.addWidget(splitter, 1)

    def _options(self) -> QHBoxLayout:
        self.guess = QCheckBox("Guess patients from names")
        self.guess.setToolTip("Proposes one patient for names that begin alike, such as p01_a and p01_b; check it")
        self.guess.toggled.connect(self._guess)
        self.masks = QPushButton("Add masks…")
        self.masks.setToolTip("Take masks from another folder; they pair with the scans by name")
        self.masks.clicked.connect(self.masksAsked)
        self.channel = QPushButton("Add channel…")
        self.channel.setToolTip("Add another registered image of each scan, such as T1 beside FLAIR")
        self.channel.clicked.connect(self.channelAsked)
        self.groups = QPushButton("Patients from table…")
        self.groups.setToolTip("Read a CSV file with the columns case and group")
        self.groups.clicked.connect(self.groupsAsked)
        self.foreground_value = QSpinBox()
        self.foreground_value.setRange(0, 254)
        self.foreground_value.setSpecialValueText("automatic")
        self.foreground_value.setToolTip("Where masks hold several labels, the one that is the structure you look for")
        self.foreground_value.setAccessibleName("Foreground value in masks")
        label = QLabel("Foreground label")
        label.setBuddy(self.foreground_value)
        row = QHBoxLayout()
        row.setSpacing(SPACE_2)
        for widget in (self.guess, self.groups, self.masks, self.channel):
            row.addWidget(widget)
        row.addStretch(1)
        row.addSpacing(SPACE_3)
        row.addWidget(label)
        row.addWidget(self.foreground_value)
        return row

    @property
    def plan(self) -> ImportPlan:
        """The plan with the edited patients."""
        return self.model.plan

    @property
    def foreground(self) -> int | None:
        """The mask value that is foreground, or None to find out."""
        return self.foreground_value.value() or None

    def show_plan(self, plan: ImportPlan) -> None:
        """Show a plan."""
        self.model.set_plan(plan)
        if self.guess.isChecked():
            self.model.guess_patients()
        with_mask = sum(case.mask is not None for case in plan.cases)
        self.sentence.setText(
            f"{count(len(plan.cases), 'scan')} found, {with_mask} with a mask."
            if plan.cases
            else "No scan was found among these files."
        )
        self.problems.show_report(f"{count(len(plan.problems), 'file')} to look at before importing", plan.problems)
        self.problems.setVisible(bool(plan.problems))
        if plan.cases:
            self.table.selectRow(0)
            self._row_chosen(0)

    def _row_chosen(self, row: int) -> None:
        if 0 <= row < len(self.plan.cases):
            self.caseChosen.emit(self.plan.cases[row].images[0][1])

    def _guess(self, on: bool) -> None:
        if on:
            self.model.guess_patients()
        else:
            self.model.one_patient_each()
