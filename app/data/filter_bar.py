"""Filters above the table: words, state, part."""

from __future__ import annotations

from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLineEdit, QWidget

from app.data.case_filter import NO_PART, CaseFilter
from app.theme import SPACE_2, set_icon
from app.widgets.wording import PART_WORDS, STATE_WORDS
from segcore.projects.case import CaseState, Part


class FilterBar(QWidget):
    """Three fields that narrow down the table."""

    def __init__(self, target: CaseFilter) -> None:
        super().__init__()
        self.text = QLineEdit()
        self.text.setPlaceholderText("Case or patient")
        self.text.setAccessibleName("Filter by case or patient")
        self.text.setToolTip("Show cases whose name, patient or note holds these words (Ctrl+F)")
        self.text.setClearButtonEnabled(True)
        set_icon(self.text.addAction(QIcon(), QLineEdit.ActionPosition.LeadingPosition), "search", colour="muted")
        self.text.setFixedWidth(190)
        self.text.textChanged.connect(target.set_text)
        self.state = QComboBox()
        self.state.setAccessibleName("Filter by state")
        self.state.setToolTip("Show cases in this state")
        self.state.addItem("All states", "")
        for state in CaseState:
            self.state.addItem(STATE_WORDS[state], state.value)
        self.state.currentIndexChanged.connect(lambda _: target.set_state(str(self.state.currentData())))
        self.part = QComboBox()
        self.part.setAccessibleName("Filter by part")
        self.part.setToolTip("Show cases of this part of the split")
        self.part.addItem("All parts", "")
        for part in Part:
            self.part.addItem(PART_WORDS[part], part.value)
        self.part.addItem("No part", NO_PART)
        self.part.currentIndexChanged.connect(lambda _: target.set_part(str(self.part.currentData())))
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE_2)
        for widget in (self.text, self.state, self.part):
            layout.addWidget(widget)

    def focus_text(self) -> None:
        """Put the cursor into the words."""
        self.text.setFocus()
        self.text.selectAll()

    def clear(self) -> None:
        """Show all cases."""
        self.text.clear()
        self.state.setCurrentIndex(0)
        self.part.setCurrentIndex(0)
