"""Rounded chips: a word on a coloured ground, with an icon, so that nothing rests on colour alone."""

from __future__ import annotations

from PySide6.QtCore import QRect, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter

from app.theme import SPACE_2, Tokens, current_tokens, pixmap
from segcore.projects.case import CaseState

#: Icon and token of each state; the ground is the token with ``_soft``.
STATE_LOOK = {
    CaseState.UNLABELLED: ("unlabelled", "muted"),
    CaseState.DRAFT: ("draft", "info"),
    CaseState.COMPLETE: ("complete", "success"),
    CaseState.CONFIRMED_EMPTY: ("empty", "success"),
    CaseState.FLAGGED: ("flag", "warning"),
}


def paint_chip(painter: QPainter, cell: QRect, text: str, token: str, icon: str = "") -> None:
    """Paint a rounded chip at the left of a cell, vertically in its middle, in the colours of a token."""
    theme = current_tokens()
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
