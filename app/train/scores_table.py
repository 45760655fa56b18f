"""Per-case scores of the latest validation, worst first: averages hide the case that went wrong."""

from __future__ import annotations

import math

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractItemView, QTableWidget, QTableWidgetItem, QWidget

from segcore.training.events import CaseScore, Validated

_COLUMNS = ("Case", "Dice", "Precision", "Recall", "Lesion F1", "Predicted", "True")


class ScoresTable(QTableWidget):
    """One line per validation case."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(0, len(_COLUMNS), parent)
        self.setHorizontalHeaderLabels(_COLUMNS)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.verticalHeader().setVisible(False)
        self.setAccessibleName("Scores per validation case")
        self._shown: Validated | None = None

    def show_validation(self, validated: Validated | None) -> None:
        """Show the cases of a validation, or nothing."""
        if validated is self._shown:
            return
        self._shown = validated
        cases = sorted(validated.cases, key=_worst_first) if validated else []
        self.setRowCount(len(cases))
        for row, score in enumerate(cases):
            for column, text in enumerate(_cells(score)):
                item = QTableWidgetItem(text)
                if column:
                    item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                self.setItem(row, column, item)


def _worst_first(score: CaseScore) -> float:
    return 2.0 if math.isnan(score.dice) else score.dice


def _cells(score: CaseScore) -> tuple[str, ...]:
    numbers = tuple("empty" if math.isnan(v) else f"{v:.3f}" for v in (score.dice,))
    others = tuple("–" if math.isnan(v) else f"{v:.3f}" for v in (score.precision, score.recall, score.lesion_f1))
    return (score.case, *numbers, *others, str(score.predicted_voxels), str(score.true_voxels))
