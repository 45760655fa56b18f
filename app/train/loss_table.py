"""A table with one row per loss, numbers in columns, and the foreground's share of the gradient as a bar."""

from __future__ import annotations

import math

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QShowEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

from app.theme import current_tokens
from segcore.imbalance.pixel_losses import PIXEL_LOSSES, PixelLoss

_SHARE = Qt.ItemDataRole.UserRole
_SHARE_COLUMN = (
    "Lesion's share of the pull",
    "Share of Σ|gradient| that comes from lesion pixels; the rest is background.",
)
_ROW_HEIGHT = 25


class _ShareBar(QStyledItemDelegate):
    """Draws a share as a bar: foreground's part in the accent colour, background's in grey."""

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        super().paint(painter, option, index)
        share = index.data(_SHARE)
        if share is None or math.isnan(share):
            return
        tokens = current_tokens()
        cell = QRectF(option.rect)
        track = cell.adjusted(76, cell.height() / 2 - 5, -8, -(cell.height() / 2 - 5))
        painter.save()
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(tokens.border_strong))
        painter.drawRect(track)
        painter.setBrush(QColor(tokens.accent))
        painter.drawRect(QRectF(track.left(), track.top(), track.width() * share, track.height()))
        painter.restore()


class LossTable(QTableWidget):
    """One row per loss of `PIXEL_LOSSES`; the last column is the foreground's share of the pull.

    Parameters
    ----------
    columns
        Headings of the numbers and their explanations, without those of the first (the loss) and the last (the share).
    share
        Whether there is a last column with the share; without it the last of `columns` takes the room, in words.
    """

    def __init__(
        self,
        name: str,
        columns: tuple[tuple[str, str], ...],
        *,
        share: bool = True,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(len(PIXEL_LOSSES), len(columns) + (2 if share else 1), parent)
        self.setAccessibleName(name)
        headings = (
            ("Loss", "Select a row to see how this loss pulls."),
            *columns,
            *([_SHARE_COLUMN] if share else []),
        )
        for column, (heading, explanation) in enumerate(headings):
            item = QTableWidgetItem(heading)
            item.setToolTip(explanation)
            self.setHorizontalHeaderItem(column, item)
        for row, loss in enumerate(PIXEL_LOSSES):
            self.setItem(row, 0, QTableWidgetItem(loss.label))
            for column in range(1, self.columnCount()):
                cell = QTableWidgetItem("–")
                if column < self.columnCount() - 1:
                    cell.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                self.setItem(row, column, cell)
        if share:
            self.setItemDelegateForColumn(self.columnCount() - 1, _ShareBar(self))
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setTabKeyNavigation(False)
        self.setShowGrid(False)
        self.setAlternatingRowColors(True)
        self.verticalHeader().setVisible(False)
        self.verticalHeader().setDefaultSectionSize(_ROW_HEIGHT)
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(self.columnCount() - 1, QHeaderView.ResizeMode.Stretch)
        header.setHighlightSections(False)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        # All rows, never a scroll bar: how high the headings are is only known when they are shown.
        height = self.horizontalHeader().height() + len(PIXEL_LOSSES) * self.verticalHeader().defaultSectionSize()
        self.setFixedHeight(height + 2 * self.frameWidth())

    @property
    def loss(self) -> PixelLoss:
        """The selected loss, or the first."""
        rows = self.selectionModel().selectedRows()
        return PIXEL_LOSSES[rows[0].row() if rows else 0]

    def show_number(self, row: int, column: int, text: str) -> None:
        """Show a number that is written already."""
        self._cell(row, column).setText(text)

    def show_share(self, row: int, share: float) -> None:
        """Show a share, 0..1; NaN where nothing pulls."""
        cell = self._cell(row, self.columnCount() - 1)
        cell.setText("no pull" if math.isnan(share) else share_words(share))
        cell.setData(_SHARE, share)

    def text_at(self, row: int, column: int) -> str:
        """Return what a cell says."""
        return self._cell(row, column).text()

    def _cell(self, row: int, column: int) -> QTableWidgetItem:
        cell = self.item(row, column)
        if cell is None:  # every cell was made above; the stubs cannot know
            cell = QTableWidgetItem()
            self.setItem(row, column, cell)
        return cell


def share_words(share: float) -> str:
    """Return a share as per cent, small ones with two significant digits: ``"24.2 %"``, ``"0.0033 %"``."""
    value = 100 * share
    if value >= 1 or value <= 0:
        return f"{value:.1f} %"
    return f"{value:.2g} %" if value >= 1e-4 else f"{value:.0e} %"


def five_digits(value: float) -> str:
    """Return a loss with five digits behind the point; a dash where it is not defined."""
    return "–" if math.isnan(value) else f"{value:.5f}"


def three_figures(value: float) -> str:
    """Return a loss with three significant figures and no exponent; a dash where it is not defined."""
    if math.isnan(value):
        return "–"
    if abs(value) < 1e-12:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:.{digits}f}"
