"""How cells of the case table are painted and edited: picture, state chip, part."""

from __future__ import annotations

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QPersistentModelIndex, QRect, QRectF, Qt, QTimer
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPixmap
from PySide6.QtWidgets import QComboBox, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from app.data.case_table import PART_ROLE, STATE_ROLE
from app.data.thumbnails import EDGE
from app.theme import SPACE_2, Tokens, current_tokens, pixmap
from app.widgets.wording import PART_WORDS
from segcore.projects.case import CaseState, Part

Index = QModelIndex | QPersistentModelIndex

#: Icon and token of each state; the ground is the token with ``_soft``.
STATE_LOOK = {
    CaseState.UNLABELLED: ("unlabelled", "muted"),
    CaseState.DRAFT: ("draft", "info"),
    CaseState.COMPLETE: ("complete", "success"),
    CaseState.CONFIRMED_EMPTY: ("empty", "success"),
    CaseState.FLAGGED: ("flag", "warning"),
}


class PictureCell(QStyledItemDelegate):
    """The thumbnail, or a quiet square while it is being made."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Paint one cell."""
        _paint_ground(painter, option)
        picture = index.data(Qt.ItemDataRole.DecorationRole)
        square = QRect(0, 0, EDGE, EDGE)
        square.moveCenter(option.rect.center())
        if not isinstance(picture, QPixmap):
            painter.fillRect(square, QColor(current_tokens().raised))
            return
        size = picture.size().scaled(EDGE, EDGE, Qt.AspectRatioMode.KeepAspectRatio)
        target = QRect(square)
        target.setSize(size)
        target.moveCenter(square.center())
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawPixmap(target, picture)


class StateCell(QStyledItemDelegate):
    """The state as a coloured chip with icon and word, so that it does not rest on colour alone."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Paint one cell."""
        _paint_ground(painter, option)
        name, token = STATE_LOOK[CaseState(index.data(STATE_ROLE))]
        _paint_chip(painter, option, str(index.data()), token, name)


class PartCell(QStyledItemDelegate):
    """The part of the split; edited in a combo box."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Paint one cell."""
        _paint_ground(painter, option)
        part = index.data(PART_ROLE)
        token = {"train": "accent", "validation": "info", "test": "warning"}.get(part, "")
        if token:
            _paint_chip(painter, option, str(index.data()), token, "")
        else:
            painter.setPen(QColor(current_tokens().muted))
            rect = option.rect.adjusted(SPACE_2, 0, 0, 0)
            painter.drawText(rect, Qt.AlignmentFlag.AlignVCenter, "–")

    def createEditor(self, parent: QWidget, option: QStyleOptionViewItem, index: Index) -> QWidget:
        """Return a combo box that is open at once and commits when a part is chosen."""
        box = QComboBox(parent)
        box.setAccessibleName("Part of the split")
        for part in (None, *Part):
            box.addItem("No part" if part is None else PART_WORDS[part], part.value if part else "")
        box.activated.connect(lambda _: self._commit(box))
        QTimer.singleShot(0, box, box.showPopup)
        return box

    def setEditorData(self, editor: QWidget, index: Index) -> None:
        """Show the present part."""
        if isinstance(editor, QComboBox):
            editor.setCurrentIndex(editor.findData(index.data(Qt.ItemDataRole.EditRole)))

    def setModelData(self, editor: QWidget, model: QAbstractItemModel, index: Index) -> None:
        """Store the chosen part."""
        if isinstance(editor, QComboBox):
            model.setData(index, editor.currentData(), Qt.ItemDataRole.EditRole)

    def _commit(self, box: QComboBox) -> None:
        self.commitData.emit(box)
        self.closeEditor.emit(box)


def _paint_ground(painter: QPainter, option: QStyleOptionViewItem) -> None:
    theme = current_tokens()
    selected = bool(option.state & QStyle.StateFlag.State_Selected)
    odd = bool(option.features & QStyleOptionViewItem.ViewItemFeature.Alternate)
    colour = theme.selection if selected else (theme.row if odd else theme.surface)
    painter.fillRect(option.rect, QColor(colour))


def _paint_chip(painter: QPainter, option: QStyleOptionViewItem, text: str, token: str, icon: str) -> None:
    theme = current_tokens()
    cell: QRect = option.rect
    metrics = QFontMetrics(painter.font())
    room = 18 if icon else 0
    width = min(cell.width() - SPACE_2, metrics.horizontalAdvance(text) + 16 + room)
    chip = QRectF(cell.left() + SPACE_2 / 2, cell.center().y() - 10, width, 21)
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(_soft(theme, token)))
    painter.drawRoundedRect(chip, 10, 10)
    colour = str(getattr(theme, token))
    if icon:
        picture = pixmap(icon, 14, colour, painter.device().devicePixelRatio())
        painter.drawPixmap(int(chip.left()) + 7, int(chip.center().y()) - 7, picture)
    painter.setPen(QColor(colour))
    inner = chip.adjusted(8 + room, 0, -4, 0).toRect()
    shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, inner.width() + 2)
    painter.drawText(inner, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, shown)
    painter.restore()


def _soft(theme: Tokens, token: str) -> str:
    return theme.neutral_soft if token == "muted" else str(getattr(theme, f"{token}_soft"))
