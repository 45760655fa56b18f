"""Two recipes side by side, by what differs only."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QDialogButtonBox,
    QHeaderView,
    QLabel,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from app.theme import SPACE_2, SPACE_3
from app.widgets.wording import count
from segcore.training.recipe import Recipe
from segcore.training.recipe_words import Difference, differences


class RecipeComparison(QDialog):
    """A table of differences; a press puts the other recipe into the form.

    Parameters
    ----------
    mine, other
        The form's recipe and the one it is compared with.
    """

    def __init__(self, parent: QWidget, mine: Recipe, other: Recipe) -> None:
        super().__init__(parent)
        self.setObjectName("recipe-comparison")
        self.setWindowTitle("Two recipes")
        found = differences(mine, other)
        heading = QLabel(
            f"{count(len(found), 'setting')} of {mine.name!r} (the form) and {other.name!r} differ."
            if found
            else "The two recipes are the same."
        )
        heading.setTextFormat(Qt.TextFormat.PlainText)
        heading.setWordWrap(True)
        heading.setObjectName("recipe-comparison-heading")
        self.table = _make_table(found)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        take = buttons.addButton("Put the other into the form", QDialogButtonBox.ButtonRole.AcceptRole)
        take.setObjectName("recipe-take")
        take.setEnabled(bool(found))
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE_3, SPACE_3, SPACE_3, SPACE_2)
        layout.setSpacing(SPACE_2)
        layout.addWidget(heading)
        layout.addWidget(self.table, 1)
        layout.addWidget(buttons)
        self.resize(760, 420 if found else 120)


def _make_table(found: Sequence[Difference]) -> QTableWidget:
    """Return the differences, one a row."""
    table = QTableWidget(len(found), 4)
    table.setAccessibleName("Settings that differ")
    table.setHorizontalHeaderLabels(["Section", "Setting", "In the form", "In the other"])
    for row, difference in enumerate(found):
        texts = (difference.section, difference.setting, difference.first, difference.second)
        for column, text in enumerate(texts):
            item = QTableWidgetItem(text)
            item.setToolTip(text)
            table.setItem(row, column, item)
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setTabKeyNavigation(False)
    table.setAlternatingRowColors(True)
    table.setShowGrid(False)
    table.setWordWrap(True)
    table.verticalHeader().setVisible(False)
    table.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    header = table.horizontalHeader()
    header.setHighlightSections(False)
    for column, mode in enumerate(
        (
            QHeaderView.ResizeMode.ResizeToContents,
            QHeaderView.ResizeMode.ResizeToContents,
            QHeaderView.ResizeMode.Stretch,
            QHeaderView.ResizeMode.Stretch,
        )
    ):
        header.setSectionResizeMode(column, mode)
    table.setVisible(bool(found))
    return table
