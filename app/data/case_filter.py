"""Which rows of the case table are shown, and in which order."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QSortFilterProxyModel, Qt

from app.data.case_table import PART_ROLE, SEARCH_ROLE, SORT_ROLE, STATE_ROLE

#: Stored name of "not split" in the filter of parts.
NO_PART = "none"


class CaseFilter(QSortFilterProxyModel):
    """Filters by words, state and part; sorts by what a column means, not by how it reads."""

    def __init__(self) -> None:
        super().__init__()
        self._words: list[str] = []
        self._state = ""
        self._part = ""
        self.setSortRole(SORT_ROLE)
        self.setDynamicSortFilter(True)

    def set_text(self, text: str) -> None:
        """Show rows whose case, patient or note holds every word."""
        self._words = text.casefold().split()
        self.invalidate()

    def set_state(self, state: str) -> None:
        """Show rows in this state; empty for all."""
        self._state = state
        self.invalidate()

    def set_part(self, part: str) -> None:
        """Show rows of this part; empty for all, `NO_PART` for those without."""
        self._part = part
        self.invalidate()

    def filterAcceptsRow(self, source_row: int, source_parent: QModelIndex | QPersistentModelIndex) -> bool:
        """Whether a row is shown."""
        index = self.sourceModel().index(source_row, 0, source_parent)
        if self._state and index.data(STATE_ROLE) != self._state:
            return False
        if self._part and (index.data(PART_ROLE) or NO_PART) != self._part:
            return False
        text = index.data(SEARCH_ROLE) if self._words else ""
        return all(word in text for word in self._words)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Titles do not depend on the order of rows."""
        return self.sourceModel().headerData(section, orientation, role)
