"""The lesions of the case in a table: size, intensity, place; a click goes there."""

from __future__ import annotations

import math
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, QSortFilterProxyModel, Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from app.theme import SPACE_1, SPACE_2
from segcore.geometry import Grid
from segcore.review.mask_lesions import MaskLesion

Index = QModelIndex | QPersistentModelIndex
_SORT = int(Qt.ItemDataRole.UserRole)


class LesionModel(QAbstractTableModel):
    """One row per lesion."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.lesions: tuple[MaskLesion, ...] = ()
        self._grid: Grid | None = None

    def set_lesions(self, lesions: tuple[MaskLesion, ...], grid: Grid | None) -> None:
        """Show other lesions."""
        self.beginResetModel()
        self.lesions, self._grid = lesions, grid
        self.endResetModel()

    @property
    def headings(self) -> tuple[str, ...]:
        """Titles of the columns, with their units."""
        known = self._grid is None or self._grid.calibrated
        size = ("Volume, ml", "Longest, mm") if known else ("Voxels", "Longest, px")
        return ("No.", *size, "Mean", "Plane", "Row", "Column")

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        return 0 if parent.isValid() else len(self.lesions)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.headings)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> Any:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return self.headings[section]
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.ToolTipRole:
            return _TOOLTIPS[section]
        return None

    def data(self, index: Index, role: int = 0) -> Any:
        lesion = self.lesions[index.row()]
        value = self._values(lesion)[index.column()]
        if role == _SORT:
            return -math.inf if math.isnan(value) else value
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(index.column(), value)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        return None

    def _values(self, lesion: MaskLesion) -> tuple[float, ...]:
        known = self._grid is None or self._grid.calibrated
        size = lesion.volume_ml if known else float(lesion.voxels)
        return (float(lesion.number), size, lesion.longest_mm, lesion.mean, *(float(at + 1) for at in lesion.centre))

    def _text(self, column: int, value: float) -> str:
        if math.isnan(value):
            return "–"
        if column == 1 and (self._grid is None or self._grid.calibrated):
            return f"{value:.3f}"
        return f"{value:.1f}" if column in (2, 3) else f"{value:.0f}"


_TOOLTIPS = (
    "By falling volume",
    "Volume of the lesion",
    "Largest distance between outer corners of two of its voxels",
    "Mean intensity of the shown channel",
    "Plane of its voxel nearest to the middle, counted from 1",
    "Row of that voxel",
    "Column of that voxel",
)


class LesionTable(QWidget):
    """The table with a line of facts above it.

    Signals
    -------
    chosen(object)
        A `MaskLesion` was clicked, or reached by the arrow keys.
    """

    chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._quiet = False
        self.model = LesionModel(self)
        self.sorted = QSortFilterProxyModel(self)
        self.sorted.setSourceModel(self.model)
        self.sorted.setSortRole(_SORT)
        self.table = QTableView()
        self.table.setModel(self.sorted)
        self.table.setAccessibleName("Lesions")
        self.table.setSortingEnabled(True)
        self.table.sortByColumn(0, Qt.SortOrder.AscendingOrder)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setTabKeyNavigation(False)
        self.table.verticalHeader().hide()
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.facts = QLabel()
        self.facts.setObjectName("lesion-facts")
        self.auto_zoom = QCheckBox("Zoom to it")
        self.auto_zoom.setToolTip("Going to a lesion or an error also shows it large")
        self.copy = QPushButton("Copy")
        self.copy.setObjectName("lesions-copy")
        self.copy.setToolTip("Copy the table as it is sorted, for a spreadsheet")
        self.copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(self.as_text()))
        row = QHBoxLayout()
        row.addWidget(self.facts, 1)
        row.addWidget(self.copy)
        row.addWidget(self.auto_zoom)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, SPACE_2, 0, 0)
        layout.setSpacing(SPACE_1)
        layout.addLayout(row)
        layout.addWidget(self.table, 1)
        self.table.selectionModel().currentRowChanged.connect(self._row_changed)
        self.table.clicked.connect(self._row_changed)

    def show_lesions(self, lesions: tuple[MaskLesion, ...], grid: Grid | None) -> None:
        """List the lesions of a case; the sorting stays."""
        here = self.table.currentIndex().row()
        self.model.set_lesions(lesions, grid)
        if not lesions:
            self.facts.setText("No lesion in this mask")
            return
        count = f"{len(lesions)} lesion{'s' if len(lesions) > 1 else ''}"
        if grid is not None and grid.calibrated:
            self.facts.setText(f"{count} · {sum(lesion.volume_ml for lesion in lesions):.3f} ml together")
        else:
            voxels = sum(lesion.voxels for lesion in lesions)
            self.facts.setText(f"{count} · {voxels} voxels together · the file states no voxel size")
        if here >= 0:
            self._mark_row(min(here, len(lesions) - 1))

    def wait(self) -> None:
        """Say that lesions are being counted."""
        self.facts.setText("Counting lesions…")

    def as_text(self) -> str:
        """Return the table with its headings, as it is sorted: a line per lesion, cells parted by tabs."""
        columns = range(self.sorted.columnCount())
        lines = ["\t".join(self.model.headings)]
        for row in range(self.sorted.rowCount()):
            lines.append("\t".join(str(self.sorted.index(row, column).data()) for column in columns))
        return "\n".join(lines) + "\n"

    def in_order(self) -> tuple[MaskLesion, ...]:
        """Return the lesions as the table is sorted."""
        rows = range(self.sorted.rowCount())
        return tuple(self.model.lesions[self.sorted.mapToSource(self.sorted.index(row, 0)).row()] for row in rows)

    def mark(self, lesion: MaskLesion) -> None:
        """Mark the row of a lesion without going there."""
        lesions = self.in_order()
        if lesion in lesions:
            self._mark_row(lesions.index(lesion))

    def _mark_row(self, row: int) -> None:
        self._quiet = True
        self.table.selectRow(row)
        self._quiet = False

    def _row_changed(self, index: QModelIndex) -> None:
        if index.isValid() and not self._quiet:
            self.chosen.emit(self.model.lesions[self.sorted.mapToSource(index).row()])
