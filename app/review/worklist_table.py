"""The worklist: cases in the order in which a person should look at them."""

from __future__ import annotations

import math

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtGui import QColor

from app.theme import current_tokens
from segcore.review.decisions import Verdict
from segcore.review.worklist import WorkItem

_COLUMNS = ("Case", "Decision", "Volume")
Index = QModelIndex | QPersistentModelIndex


class WorklistModel(QAbstractTableModel):
    """One line per predicted case."""

    def __init__(self) -> None:
        super().__init__()
        self._items: tuple[WorkItem, ...] = ()

    def set_items(self, items: tuple[WorkItem, ...]) -> None:
        """Show another worklist."""
        self.beginResetModel()
        self._items = items
        self.endResetModel()

    @property
    def items(self) -> tuple[WorkItem, ...]:
        """What is listed."""
        return self._items

    def item_at(self, row: int) -> WorkItem | None:
        """Return a line, or None outside the list."""
        return self._items[row] if 0 <= row < len(self._items) else None

    def cases(self) -> tuple[str, ...]:
        """Return the ids of the cases in their order."""
        return tuple(item.case.id for item in self._items)

    def row_of(self, case: str) -> int:
        """Return the row of a case, or -1."""
        return next((row for row, item in enumerate(self._items) if item.case.id == case), -1)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        return 0 if parent.isValid() else len(self._items)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        return 0 if parent.isValid() else len(_COLUMNS)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> str | None:
        if role == Qt.ItemDataRole.DisplayRole and orientation == Qt.Orientation.Horizontal:
            return _COLUMNS[section]
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> str | QColor | None:
        item = self.item_at(index.row())
        if item is None:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self._cells(item)[index.column()]
        if role == Qt.ItemDataRole.ToolTipRole:
            by = f"\n{item.decision.reviewer}, {item.decision.time}" if item.decision else ""
            return f"{item.reason}{by}"
        if role == Qt.ItemDataRole.ForegroundRole and index.column() == 1 and item.decision is not None:
            tokens = current_tokens()
            colour = {Verdict.REJECTED: tokens.danger}.get(item.decision.verdict, tokens.success)
            return QColor(colour)
        return None

    @staticmethod
    def _cells(item: WorkItem) -> tuple[str, ...]:
        decision = item.decision.verdict.value if item.decision else "open"
        volume = "–" if math.isnan(item.volume_ml) else f"{item.volume_ml:.2f} ml"
        if not item.case.grid.calibrated and not math.isnan(item.volume_ml):
            volume = f"{round(item.volume_ml * 1000)} px"
        return (item.case.id, decision, volume)
