"""The table of cases as a view."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QModelIndex, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView

from app.background import Background
from app.data.case_filter import CaseFilter
from app.data.case_table import COLUMN_OF, COLUMNS, ID_ROLE, CaseTable
from app.data.cells import PartCell, PictureCell, StateCell
from app.data.thumbnails import EDGE, Thumbnails
from app.session import Session


class CaseView(QTableView):
    """Rows of one height, so that a thousand cases cost no more than what is on the screen.

    Signals
    -------
    opened(str)
        A case was double-clicked, or Enter pressed on it.
    """

    opened = Signal(str)

    def __init__(self, session: Session, background: Background, report: Callable[[Exception], None]) -> None:
        super().__init__()
        self._session = session
        self.thumbnails = Thumbnails(session, background)
        self.table = CaseTable(session, self.thumbnails, report)
        self.filter = CaseFilter()
        self.filter.setSourceModel(self.table)
        self.setModel(self.filter)
        self.thumbnails.setParent(self)
        self.table.setParent(self)
        self.filter.setParent(self)
        self.setAccessibleName("Cases")
        self.setObjectName("cases")
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(
            QAbstractItemView.EditTrigger.EditKeyPressed | QAbstractItemView.EditTrigger.SelectedClicked
        )
        self.setAlternatingRowColors(True)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setSortingEnabled(True)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self._set_up_headers()
        for name, cell in (("picture", PictureCell), ("state", StateCell), ("part", PartCell)):
            self.setItemDelegateForColumn(COLUMN_OF[name], cell(self))
        self.doubleClicked.connect(self._open)
        self.sortByColumn(COLUMN_OF["case"], Qt.SortOrder.AscendingOrder)

    def _set_up_headers(self) -> None:
        rows = self.verticalHeader()
        rows.setVisible(False)
        rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        rows.setDefaultSectionSize(EDGE + 8)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionsMovable(True)
        for number, column in enumerate(COLUMNS):
            header.resizeSection(number, column.width)
        header.setSectionResizeMode(COLUMN_OF["picture"], QHeaderView.ResizeMode.Fixed)
        header.setSectionResizeMode(COLUMN_OF["case"], QHeaderView.ResizeMode.Stretch)

    def selected_ids(self) -> tuple[str, ...]:
        """Ids of the selected cases, from top to bottom."""
        rows = sorted(self.selectionModel().selectedRows(), key=lambda index: index.row())
        return tuple(str(index.data(ID_ROLE)) for index in rows)

    def select_cases(self, ids: tuple[str, ...]) -> None:
        """Select cases by id; those that are filtered out are not."""
        self.clearSelection()
        mode = self.selectionMode()
        self.setSelectionMode(QAbstractItemView.SelectionMode.MultiSelection)
        for row in range(self.filter.rowCount()):
            if self.filter.index(row, 0).data(ID_ROLE) in ids:
                self.selectRow(row)
        self.setSelectionMode(mode)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter opens the case."""
        plain = event.modifiers() in (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.KeypadModifier)
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and plain and self.currentIndex().isValid():
            self._open(self.currentIndex())
            return
        super().keyPressEvent(event)

    def _open(self, index: QModelIndex) -> None:
        self.opened.emit(str(index.data(ID_ROLE)))
