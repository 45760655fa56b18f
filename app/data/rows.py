"""A sortable table of ready-made rows: texts, what they sort by, a tooltip, and what a row stands for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, QSortFilterProxyModel, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView

from app.theme import current_tokens, icon

Index = QModelIndex | QPersistentModelIndex
_SORT = Qt.ItemDataRole.UserRole
_MEANING = Qt.ItemDataRole.UserRole + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """One column.

    Parameters
    ----------
    width
        Pixels; 0 takes what is left.
    """

    title: str
    help: str
    width: int = 0
    number: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row.

    Parameters
    ----------
    texts
        One per column.
    keys
        What the columns sort by; the texts where it is empty.
    meaning
        What the row stands for, given back when it is chosen.
    mark
        Name of an icon and of a colour token for the first cell; empty for none.
    """

    texts: tuple[str, ...]
    keys: tuple[float | str, ...] = ()
    tip: str = ""
    meaning: Any = None
    mark: tuple[str, str] = ("", "")


class RowsModel(QAbstractTableModel):
    """The rows as a model."""

    def __init__(self, heads: Sequence[Head]) -> None:
        super().__init__()
        self._heads = tuple(heads)
        self._rows: tuple[Row, ...] = ()

    def show_rows(self, rows: Sequence[Row]) -> None:
        """Show other rows."""
        self.beginResetModel()
        self._rows = tuple(rows)
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        """Number of rows."""
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        """Number of columns."""
        return 0 if parent.isValid() else len(self._heads)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Titles and explanations."""
        if orientation is not Qt.Orientation.Horizontal:
            return None
        head = self._heads[section]
        if role == Qt.ItemDataRole.DisplayRole:
            return head.title
        if role == Qt.ItemDataRole.ToolTipRole:
            return head.help
        return _side(head) if role == Qt.ItemDataRole.TextAlignmentRole else None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """One cell."""
        row, column = self._rows[index.row()], index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return row.texts[column]
        if role == Qt.ItemDataRole.ToolTipRole:
            return row.tip or row.texts[column]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _side(self._heads[column])
        if role == Qt.ItemDataRole.DecorationRole and column == 0 and row.mark[0]:
            return icon(row.mark[0], str(getattr(current_tokens(), row.mark[1])))
        if role == _SORT:
            return row.keys[column] if row.keys else row.texts[column].casefold()
        return row.meaning if role == _MEANING else None


def _side(head: Head) -> Qt.AlignmentFlag:
    side = Qt.AlignmentFlag.AlignRight if head.number else Qt.AlignmentFlag.AlignLeft
    return side | Qt.AlignmentFlag.AlignVCenter


class RowsView(QTableView):
    """The rows as a table.

    Signals
    -------
    chosen(object)
        The meaning of a row that was double-clicked, or on which Enter was pressed.
    """

    chosen = Signal(object)

    def __init__(self, name: str, heads: Sequence[Head]) -> None:
        super().__init__()
        self.rows = RowsModel(heads)
        self.rows.setParent(self)
        self.sorted_rows = QSortFilterProxyModel(self)
        self.sorted_rows.setSourceModel(self.rows)
        self.sorted_rows.setSortRole(_SORT)
        self.setModel(self.sorted_rows)
        self.setAccessibleName(name)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setAlternatingRowColors(True)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.verticalHeader().setVisible(False)
        self.verticalHeader().setDefaultSectionSize(30)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        for number, head in enumerate(heads):
            if head.width:
                header.resizeSection(number, head.width)
            else:
                header.setSectionResizeMode(number, QHeaderView.ResizeMode.Stretch)
        self.setSortingEnabled(True)
        # As given, until a person sorts.
        header.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self.doubleClicked.connect(lambda index: self.chosen.emit(index.data(_MEANING)))

    def show_rows(self, rows: Sequence[Row]) -> None:
        """Show other rows; the first one is current."""
        self.rows.show_rows(rows)
        if rows:
            self.selectRow(0)

    @property
    def current(self) -> Any:
        """The meaning of the selected row, or None."""
        rows = self.selectionModel().selectedRows()
        return rows[0].data(_MEANING) if rows else None

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter chooses the row."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.current is not None:
            self.chosen.emit(self.current)
            return
        super().keyPressEvent(event)
