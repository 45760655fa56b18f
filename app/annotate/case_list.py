"""The cases beside the picture: thumbnail, name and state; choosing one shows it."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QColor, QFont, QPainter
from PySide6.QtWidgets import (
    QComboBox,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from app.background import Background
from app.session import Session
from app.theme import SPACE_1, SPACE_2, current_tokens
from app.widgets.chips import STATE_LOOK, paint_chip
from app.widgets.thumbnails import EDGE, Thumbnails
from app.widgets.wording import STATE_WORDS
from segcore.projects.case import CaseState

_WIDTH = 224
_ROW = EDGE + 14
_ID = Qt.ItemDataRole.UserRole


class CaseList(QWidget):
    """Cases of the project, filtered by name and state."""

    def __init__(self, session: Session, background: Background, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.thumbnails = Thumbnails(session, background)
        self.thumbnails.setParent(self)
        self.filter = QLineEdit()
        self.filter.setPlaceholderText("Find a case or patient")
        self.filter.setAccessibleName("Find a case or patient")
        self.filter.setClearButtonEnabled(True)
        self.state = QComboBox()
        self.state.setAccessibleName("State of the cases listed")
        self.state.setToolTip("List only cases in this state")
        self.state.addItem("All states", "")
        for state in CaseState:
            self.state.addItem(STATE_WORDS[state], state.value)
        self.list = QListWidget()
        self.list.setAccessibleName("Cases")
        self.list.setUniformItemSizes(True)
        self.list.setItemDelegate(_CaseCell(session, self.thumbnails, self.list))
        self.list.setVerticalScrollMode(QListWidget.ScrollMode.ScrollPerPixel)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE_2, SPACE_2, 0, SPACE_2)
        layout.setSpacing(SPACE_1)
        for widget in (self.filter, self.state, self.list):
            layout.addWidget(widget)
        self.setFixedWidth(_WIDTH)
        self._connect()
        self.refill()

    def _connect(self) -> None:
        session = self._session
        self.filter.textChanged.connect(lambda _: self._apply_filter())
        self.state.currentIndexChanged.connect(lambda _: self._apply_filter())
        self.list.currentItemChanged.connect(self._chosen)
        self.thumbnails.arrived.connect(lambda _: self.list.viewport().update())
        session.projectChanged.connect(self.refill)
        session.casesChanged.connect(self.refill)
        session.caseChanged.connect(self._case_changed)
        session.maskChanged.connect(self._mask_changed)
        session.currentCaseChanged.connect(self._mark)

    def refill(self) -> None:
        """List the cases anew."""
        self.list.blockSignals(True)
        self.list.clear()
        for case in self._session.cases():
            item = QListWidgetItem(case.id)
            item.setData(_ID, case.id)
            item.setSizeHint(QSize(_WIDTH - 40, _ROW))
            self.list.addItem(item)
        self.list.blockSignals(False)
        self._apply_filter()
        self._mark(self._session.current_case)

    def step(self, further: int) -> None:
        """Go to the next or previous case that the filter shows."""
        rows = [row for row in range(self.list.count()) if not self.list.item(row).isHidden()]
        here = self.list.currentRow()
        ahead = [row for row in rows if (row > here if further > 0 else row < here)]
        if ahead:
            self.list.setCurrentRow(ahead[0] if further > 0 else ahead[-1])

    def _apply_filter(self) -> None:
        words = self.filter.text().casefold().split()
        state = self.state.currentData()
        for row in range(self.list.count()):
            case = self._session.case(str(self.list.item(row).data(_ID)))
            text = f"{case.id} {case.group}".casefold() if case is not None else ""
            fits = case is not None and state in ("", case.state.value) and all(word in text for word in words)
            self.list.item(row).setHidden(not fits)

    def _case_changed(self, _: str) -> None:
        # A case that no longer fits the filter stays until the filter is changed: it must not vanish under the hand.
        self.list.viewport().update()

    def _mask_changed(self, case: str) -> None:
        self.thumbnails.forget(case)
        self.list.viewport().update()

    def _mark(self, case: str) -> None:
        row = self._session.row_of(case) if case else None
        self.list.blockSignals(True)
        self.list.setCurrentRow(row if row is not None else -1)
        self.list.blockSignals(False)
        if row is not None and row < self.list.count():
            self.list.scrollToItem(self.list.item(row))

    def _chosen(self, item: QListWidgetItem | None, _: object) -> None:
        if item is not None:
            self._session.set_current_case(str(item.data(_ID)))


class _CaseCell(QStyledItemDelegate):
    """Picture on the left, name above, state chip below."""

    def __init__(self, session: Session, thumbnails: Thumbnails, parent: QWidget) -> None:
        super().__init__(parent)
        self._session, self._thumbnails = session, thumbnails

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """Paint one case."""
        theme = current_tokens()
        case = self._session.case(str(index.data(_ID)))
        cell: QRect = option.rect
        if case is None:
            return
        painter.save()
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(cell, QColor(theme.selection))
        elif option.state & QStyle.StateFlag.State_MouseOver:
            painter.fillRect(cell, QColor(theme.hover))
        square = QRect(cell.left() + SPACE_1, cell.top() + 7, EDGE, EDGE)
        picture = self._thumbnails.get(case.id)
        if picture is None:
            painter.fillRect(square, QColor(theme.raised))
        else:
            size = picture.size().scaled(EDGE, EDGE, Qt.AspectRatioMode.KeepAspectRatio)
            target = QRect(square)
            target.setSize(size)
            target.moveCenter(square.center())
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawPixmap(target, picture)
        text = QRect(square.right() + SPACE_2, square.top(), cell.right() - square.right() - SPACE_2, 20)
        font = QFont(option.font)
        font.setWeight(QFont.Weight.DemiBold)
        painter.setFont(font)
        painter.setPen(QColor(theme.text))
        name = painter.fontMetrics().elidedText(case.id, Qt.TextElideMode.ElideMiddle, text.width() - SPACE_1)
        painter.drawText(text, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, name)
        font.setWeight(QFont.Weight.Normal)
        font.setPointSizeF(option.font.pointSizeF() - 1)
        painter.setFont(font)
        icon, token = STATE_LOOK[case.state]
        paint_chip(painter, text.translated(-SPACE_1, 24), STATE_WORDS[case.state], token, icon)
        painter.restore()
