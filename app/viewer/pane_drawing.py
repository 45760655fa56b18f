"""What is drawn over the picture of a pane: borders, crosshair, letters of the sides, scale bar, tool sketches.

Drawn as lines and text of the screen, so that nothing in the picture has to be computed anew when they move.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QLine, QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QPainter, QPen, QPolygonF, QTransform

from app.viewer.outline import outline
from app.viewer.overlay_table import Colour
from app.viewer.plane_geometry import PlaneGeometry
from app.viewer.view_transform import ViewTransform, round_length

#: Colours on the black ground of every scan, the same in both themes.
GROUND, INK, SHADE, CROSS = QColor(0, 0, 0), QColor(235, 238, 242), QColor(0, 0, 0, 170), QColor(120, 200, 255, 150)
_EDGE = 8
#: More border lines than this are noise; they are not drawn, the fill still is.
_MOST_LINES = 20_000


def lines_of(border: NDArray[np.int32]) -> list[QLine]:
    """Return border lines (rows and columns, see `outline`) for a painter."""
    if len(border) > _MOST_LINES:
        return []
    return [QLine(c0, r0, c1, r1) for r0, c0, r1, c1 in border.tolist()]


def stamp_lines(geometry: PlaneGeometry, stamp: NDArray[np.bool_]) -> list[QLine]:
    """Return the border of a brush's stamp on its middle slice, the pointer's pixel at (0, 0) to (1, 1)."""
    middle = stamp.take(stamp.shape[geometry.plane] // 2, axis=geometry.plane)
    border = outline(middle)
    half = np.array([middle.shape[0] // 2, middle.shape[1] // 2] * 2, dtype=np.int32)
    return lines_of(border - half)


def around(dirty: QRect, inner: QRect) -> list[QRect]:
    """Return what of `dirty` lies outside `inner`, in at most four pieces."""
    inner = inner & dirty
    if inner.isEmpty():
        return [dirty]
    pieces = (
        QRect(dirty.left(), dirty.top(), dirty.width(), inner.top() - dirty.top()),
        QRect(dirty.left(), inner.bottom() + 1, dirty.width(), dirty.bottom() - inner.bottom()),
        QRect(dirty.left(), inner.top(), inner.left() - dirty.left(), inner.height()),
        QRect(inner.right() + 1, inner.top(), dirty.right() - inner.right(), inner.height()),
    )
    return [piece for piece in pieces if not piece.isEmpty()]


def cosmetic(colour: QColor, width: float = 1.0, style: Qt.PenStyle = Qt.PenStyle.SolidLine) -> QPen:
    """Return a pen whose width is in screen pixels whatever the zoom."""
    pen = QPen(colour, width, style)
    pen.setCosmetic(True)
    return pen


def draw_lines(
    painter: QPainter, view: ViewTransform, lines: list[QLine], colour: Colour, step: int, origin: tuple[int, int]
) -> None:
    """Draw border lines that count pixels of `step` picture pixels from the pixel `origin` (row, column)."""
    if not lines:
        return
    high, wide = view.scale
    x, y = view.to_screen(origin[0] * step, origin[1] * step)
    painter.setTransform(QTransform(wide * step, 0, 0, high * step, x, y))
    painter.setPen(cosmetic(QColor(*colour), 1.6))
    painter.drawLines(lines)
    painter.resetTransform()


def draw_stamp(painter: QPainter, view: ViewTransform, lines: list[QLine], row: int, column: int) -> None:
    """Draw the outline of a brush around a pixel, dark below light so that it is seen on any ground."""
    high, wide = view.scale
    x, y = view.to_screen(row, column)
    painter.setTransform(QTransform(wide, 0, 0, high, x, y))
    for pen in (cosmetic(SHADE, 3.0), cosmetic(INK, 1.2)):
        painter.setPen(pen)
        painter.drawLines(lines)
    painter.resetTransform()


def draw_cross(painter: QPainter, pane: QRect, x: float, y: float, *, small: bool) -> None:
    """Draw the crosshair through a screen point, open in the middle; a small one where no other plane is linked."""
    painter.setPen(QPen(CROSS, 1))
    gap, reach = 9.0, 22.0 if small else 1e5
    painter.drawLine(QPointF(max(pane.left(), x - reach), y), QPointF(x - gap, y))
    painter.drawLine(QPointF(x + gap, y), QPointF(min(pane.right(), x + reach), y))
    painter.drawLine(QPointF(x, max(pane.top(), y - reach)), QPointF(x, y - gap))
    painter.drawLine(QPointF(x, y + gap), QPointF(x, min(pane.bottom(), y + reach)))


def draw_sides(painter: QPainter, pane: QRect, geometry: PlaneGeometry) -> None:
    """Draw the letters of the patient's sides at the four edges."""
    sides = geometry.sides
    font = QFont(painter.font())
    font.setPointSizeF(11.0)
    font.setBold(True)
    painter.setFont(font)
    inner = pane.adjusted(_EDGE, _EDGE, -_EDGE, -_EDGE)
    middle_left = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
    middle_right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
    top, bottom = (
        Qt.AlignmentFlag.AlignHCenter | edge for edge in (Qt.AlignmentFlag.AlignTop, Qt.AlignmentFlag.AlignBottom)
    )
    for text, place in (
        (sides.left, middle_left),
        (sides.right, middle_right),
        (sides.top, top),
        (sides.bottom, bottom),
    ):
        if text:
            draw_text(painter, inner, place, text)


def draw_text(painter: QPainter, rect: QRect, place: Qt.AlignmentFlag, text: str) -> None:
    """Draw text that can be read on any ground."""
    painter.setPen(SHADE)
    painter.drawText(rect.translated(1, 1), place, text)
    painter.setPen(INK)
    painter.drawText(rect, place, text)


def draw_scale_bar(painter: QPainter, pane: QRect, view: ViewTransform, unit: str) -> None:
    """Draw a bar of a round length at the lower left."""
    length = round_length(max(1e-6, 0.22 * pane.width() / view.zoom))
    width = length * view.zoom
    left, low = pane.left() + _EDGE + 2, pane.bottom() - _EDGE - 2
    font = QFont(painter.font())
    font.setPointSizeF(8.5)
    font.setBold(False)
    painter.setFont(font)
    bar = QRectF(left, low - 3, width, 3)
    painter.fillRect(bar.adjusted(-1, -1, 1, 1), SHADE)
    painter.fillRect(bar, INK)
    words = f"{length:g} {unit}"
    draw_text(
        painter, QRect(left, low - 24, 160, 18), Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, words
    )


def draw_sketch(
    painter: QPainter, view: ViewTransform, points: Sequence[tuple[float, float]], to: QPointF | None
) -> None:
    """Draw an outline that is being drawn, with its corners, and a line to the pointer."""
    places = [QPointF(*view.to_screen(row, column)) for row, column in points]
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
    line = QPolygonF(places if to is None else [*places, to])
    for pen in (QPen(SHADE, 3.2), QPen(QColor(240, 228, 66), 1.6)):
        painter.setPen(pen)
        painter.drawPolyline(line)
    if len(places) < 64:
        painter.setBrush(QColor(240, 228, 66))
        painter.setPen(QPen(SHADE, 1))
        for place in places:
            painter.drawEllipse(place, 3.2, 3.2)
        painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
