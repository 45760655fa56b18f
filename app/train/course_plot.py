"""A small picture of what changes in the course of a run: weights of a loss, shares of the patches."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.theme import SPACE_1, current_tokens
from segcore.training.courses import Course

_HEIGHT, _LINE = 76, 16
_LEFT, _RIGHT, _TOP, _BOTTOM = 34, 8, 6, 18
_COLOURS = ("accent", "warning", "success", "danger")
_STYLES = (Qt.PenStyle.SolidLine, Qt.PenStyle.DashLine, Qt.PenStyle.DotLine, Qt.PenStyle.DashDotLine)


class CoursePlot(QWidget):
    """Lines over a run from its first step to its last, with a legend below; takes no room where there is nothing.

    Parameters
    ----------
    name
        What is drawn, for screen readers.
    highest
        Upper end of the scale; None fits it to the values.
    """

    def __init__(self, name: str, *, highest: float | None = None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._highest = highest
        self.courses: tuple[Course, ...] = ()
        self._at: float | None = None
        self.setAccessibleName(name)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.hide()

    def show_courses(self, courses: tuple[Course, ...]) -> None:
        """Draw other lines; hidden where there are none."""
        self.courses = courses
        self.setVisible(bool(courses))
        self.setAccessibleDescription("; ".join(map(course_words, courses)))
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(200, _HEIGHT + _LINE * len(self.courses) + SPACE_1)

    def minimumSizeHint(self) -> QSize:
        return QSize(120, self.sizeHint().height())

    @property
    def top(self) -> float:
        """Upper end of the scale."""
        values = [max(course.values) for course in self.courses]
        return self._highest or max([*values, 1e-9])

    def words_of(self, course: Course) -> str:
        """Return what the legend says: where the line goes, or its value under the pointer."""
        if self._at is None:
            return course_words(course)
        value = course.values[round(self._at * (len(course.values) - 1))]
        return f"{course.label}: {value:.3g} at {100 * self._at:.0f} % of the run"

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        frame = self._frame()
        share = (event.position().x() - frame.left()) / max(1.0, frame.width())
        self._at = share if 0 <= share <= 1 else None
        self.update()

    def leaveEvent(self, event: QEvent) -> None:
        self._at = None
        self.update()

    def _frame(self) -> QRectF:
        return QRectF(_LEFT, _TOP, self.width() - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM)

    def paintEvent(self, event: QPaintEvent) -> None:
        tokens = current_tokens()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        font = painter.font()
        font.setPointSizeF(8.0)
        painter.setFont(font)
        frame = self._frame()
        painter.fillRect(frame, QColor(tokens.field))
        painter.setPen(QPen(QColor(tokens.border), 1))
        painter.drawRect(frame)
        painter.setPen(QColor(tokens.muted))
        right = Qt.AlignmentFlag.AlignRight
        painter.drawText(QRectF(0, _TOP - 3, _LEFT - 4, 14), right, f"{self.top:.3g}")
        painter.drawText(QRectF(0, frame.bottom() - 10, _LEFT - 4, 14), right, "0")
        below = QRectF(frame.left(), frame.bottom() + 2, frame.width(), 14)
        painter.drawText(below, Qt.AlignmentFlag.AlignLeft, "start")
        painter.drawText(below, right, "end of the run")
        if self._at is not None:
            x = frame.left() + frame.width() * self._at
            painter.setPen(QPen(QColor(tokens.border_strong), 1))
            painter.drawLine(QPointF(x, frame.top()), QPointF(x, frame.bottom()))
        for number, course in enumerate(self.courses):
            pen = QPen(QColor(getattr(tokens, _COLOURS[number % len(_COLOURS)])), 2, _STYLES[number % len(_STYLES)])
            painter.setPen(pen)
            painter.drawPolyline(self._line(course, frame))
            middle = _HEIGHT + _LINE * number + _LINE / 2
            painter.drawLine(QPointF(_LEFT, middle), QPointF(_LEFT + 22, middle))
            painter.setPen(QColor(tokens.text))
            room = QRectF(_LEFT + 28, middle - _LINE / 2, self.width() - _LEFT - 28, _LINE)
            words = painter.fontMetrics().elidedText(
                self.words_of(course), Qt.TextElideMode.ElideRight, int(room.width())
            )
            painter.drawText(room, Qt.AlignmentFlag.AlignVCenter, words)
        painter.end()

    def _line(self, course: Course, frame: QRectF) -> QPolygonF:
        last = len(course.values) - 1
        return QPolygonF(
            [
                QPointF(frame.left() + frame.width() * n / last, frame.bottom() - frame.height() * value / self.top)
                for n, value in enumerate(course.values)
            ]
        )


def course_words(course: Course) -> str:
    """Return a course in words, e.g. ``"Boundary: 0.001 to 1"`` or ``"Dice: 1"``."""
    first, last = course.values[0], course.values[-1]
    return f"{course.label}: {first:.3g}" if first == last else f"{course.label}: {first:.3g} to {last:.3g}"
