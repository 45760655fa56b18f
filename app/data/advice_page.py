"""The page of advice: a recipe that follows from the measured project, each choice with its number, and one click to use it."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QCheckBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app.actions import Actions
from app.data.facts import Advised, Facts
from app.data.measured_page import MeasuredPage
from app.errors import report_error
from app.session import Session
from app.theme import SPACE_2, SPACE_3, SPACE_4, set_icon, set_role
from app.widgets.action_button import ActionButton
from app.widgets.wording import count, one_in, percent
from segcore.errors import RareSegError
from segcore.training.advisor import Reason
from segcore.training.alternatives import Alternative


class AdvicePage(MeasuredPage[Advised]):
    """One line per choice: what, why, and the number behind it; below, what no recipe can mend."""

    def __init__(self, session: Session, actions: Actions, facts: Facts) -> None:
        self.lines: list[tuple[QLabel, QLabel, QLabel]] = []
        self.area = QScrollArea()
        super().__init__(facts.advised, "Measuring the cases that training may learn from.")
        self._session, self._facts, self._actions = session, facts, actions
        self.recall_first = QCheckBox("A missed lesion is worse than several false alarms")
        self.recall_first.setToolTip("Advises a loss that makes a missed voxel cost more than a false one")
        self.recall_first.toggled.connect(facts.set_recall_first)
        self.area.setWidgetResizable(True)
        self.area.setFrameShape(QFrame.Shape.NoFrame)
        row = QHBoxLayout()
        row.setSpacing(SPACE_2)
        row.addWidget(self.recall_first, 1)
        row.addWidget(ActionButton(actions.action("data.use-recipe"), main=True))
        layout = QVBoxLayout(self.content)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE_2)
        layout.addWidget(self.area, 1)
        layout.addLayout(row)
        actions.action("data.use-recipe").triggered.connect(lambda _=False: self._use())
        facts.advised.changed.connect(self._enable)
        self._enable()

    def show_value(self, value: Advised) -> str:
        """Show the advice."""
        body = QWidget()
        grid = QGridLayout(body)
        grid.setContentsMargins(0, SPACE_2, SPACE_4, SPACE_2)
        grid.setHorizontalSpacing(SPACE_4)
        grid.setVerticalSpacing(SPACE_3)
        grid.setColumnStretch(2, 1)
        self.lines = []
        for reason in value.advice.reasons:
            self._add(grid, reason, "complete", "success")
        if value.advice.cautions:
            self._head(grid, "What no recipe can mend")
        for caution in value.advice.cautions:
            self._add(grid, caution, "warning", "warning")
        if value.alternatives:
            self._head(grid, "Worth a try, best in a trial against the advice")
        for idea in value.alternatives:
            self._add(grid, idea, "start", "info", self._taker(idea))
        grid.setRowStretch(grid.rowCount(), 1)
        self.area.setWidget(body)
        statistics = value.statistics
        return (
            f"Advice from {count(len(statistics.cases), 'case')} of {count(statistics.groups, 'patient')}: "
            f"{percent(statistics.prevalence)} foreground ({one_in(statistics.prevalence)}), "
            f"{count(statistics.lesions, 'lesion')}."
        )

    def _head(self, grid: QGridLayout, text: str) -> None:
        heading = QLabel(text)
        set_role(heading, "heading")
        grid.addWidget(heading, grid.rowCount(), 0, 1, 5)

    def _taker(self, idea: Alternative) -> QPushButton:
        button = QPushButton("Use")
        button.setProperty("role", "link")
        button.setObjectName(f"use-{idea.recipe.name}")
        button.setAccessibleName(f"Use: {idea.choice}")
        button.setToolTip("Put the advised recipe with this change into the form of Train")
        button.clicked.connect(lambda _=False: self._session.offer_recipe(idea.recipe))
        return button

    def _add(
        self, grid: QGridLayout, reason: Reason | Alternative, icon: str, colour: str, button: QPushButton | None = None
    ) -> None:
        row = grid.rowCount()
        mark = QLabel()
        set_icon(mark, icon, colour=colour)
        choice, because, value = QLabel(reason.choice), QLabel(reason.because), QLabel(reason.value)
        for label in (choice, because, value):
            label.setWordWrap(True)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        set_role(choice, "heading")
        set_role(because, "muted")
        choice.setFixedWidth(260)
        value.setFixedWidth(240)
        for column, label in enumerate((mark, choice, because, value)):
            grid.addWidget(label, row, column, Qt.AlignmentFlag.AlignTop)
        if button is not None:
            grid.addWidget(button, row, 4, Qt.AlignmentFlag.AlignTop)
        self.lines.append((choice, because, value))

    def _enable(self) -> None:
        ready = self._facts.advised.value is not None
        self._actions.enable("data.use-recipe", ready, "the project is not measured yet: open the page Advice")

    def _use(self) -> None:
        advised = self._facts.advised.value
        if advised is None:
            return
        try:
            advised.advice.recipe.check()
        except RareSegError as error:
            report_error(self, error)
            return
        self._session.offer_recipe(advised.advice.recipe)
