"""Ruler, angle and ellipse drawn into the panes with the mouse, kept per scan while the project is open.

While a kind is chosen, the left button measures and nothing else hears of it: press and drag, or click by click. A
click near a measurement marks it; its ends can be dragged; Escape drops what is being drawn, and then the tool.
"""

from __future__ import annotations

import dataclasses
import math
from itertools import pairwise

from PySide6.QtCore import QCoreApplication, QEvent, QObject, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPen

from app.viewer.measuring import Kind, Measurement, Point, words_of
from app.viewer.plane_view import PlaneView
from app.viewer.scan_view import ScanView

#: Pixels within which a click takes hold of a point, and a press and release are one click.
_NEAR = 8.0
_STILL = 4.0
_LINE, _MARKED, _SHADE = QColor(255, 225, 90), QColor(120, 235, 255), QColor(0, 0, 0, 170)
_MOUSE = (
    QEvent.Type.MouseButtonPress,
    QEvent.Type.MouseMove,
    QEvent.Type.MouseButtonRelease,
    QEvent.Type.MouseButtonDblClick,
)


class MeasureTool(QObject):
    """Measures in the panes of a `ScanView`.

    Signals
    -------
    kindChanged()
        Another kind is measured, or none.
    changed()
        A measurement was made, moved or erased.
    """

    kindChanged = Signal()
    changed = Signal()

    def __init__(self, view: ScanView, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._view = view
        self.kind: Kind | None = None
        self.marked = -1
        self._kept: dict[str, list[Measurement]] = {}
        self._scan = ""
        self._draft: Measurement | None = None
        self._held: tuple[int, int] | None = None
        self._pressed = QPointF()
        self._words: dict[tuple[Measurement, int], tuple[str, ...]] = {}
        for pane in view.panes:
            pane.drawings.append(self)
            pane.installEventFilter(self)
        view.cursorMoved.connect(self._moved_on)

    # What there is

    @property
    def measurements(self) -> list[Measurement]:
        """The measurements of the scan that is shown, in the order in which they were made."""
        return self._kept.setdefault(self._scan, [])

    def show_scan(self, name: str) -> None:
        """Measure in another scan; those of the earlier ones are kept."""
        self._scan, self._draft, self._held, self.marked = name, None, None, -1
        self._words.clear()
        self._draw()

    def forget_all(self) -> None:
        """Forget every scan's measurements, as another project is open."""
        self._kept.clear()
        self.show_scan("")

    def choose(self, kind: Kind | None) -> None:
        """Measure something with the left button from now on; None gives the button back."""
        if kind is self.kind:
            return
        if self.kind is None:
            for pane in self._view.panes:
                pane.setProperty("cursor-before", pane.cursor())
                pane.setCursor(Qt.CursorShape.CrossCursor)
                QCoreApplication.sendEvent(pane, QEvent(QEvent.Type.Leave))  # takes the brush's circle away
        elif kind is None:
            for pane in self._view.panes:
                pane.setCursor(pane.property("cursor-before"))
        self.kind, self._draft, self._held, self.marked = kind, None, None, -1
        self.kindChanged.emit()
        self._draw()

    def erase(self) -> None:
        """Erase the marked measurement, else the newest."""
        if self._draft is not None:
            self._draft = None
        elif self.measurements:
            self.measurements.pop(self.marked)
        self.marked, self._held = -1, None
        self.changed.emit()
        self._draw()

    def erase_all(self) -> None:
        """Erase all measurements of this scan."""
        self.measurements.clear()
        self._draft, self.marked, self._held = None, -1, None
        self.changed.emit()
        self._draw()

    def _moved_on(self) -> None:
        if self._draft is not None and self._view.crosshair[self._draft.axis] != self._draft.index:
            self._draft = None

    def _draw(self) -> None:
        for pane in self._view.panes:
            pane.update()

    # Mouse and keys

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Take the left button of a pane, and Escape, while something is measured."""
        if self.kind is None or not isinstance(watched, PlaneView) or watched.geometry_of is None:
            return False
        if isinstance(event, QKeyEvent):
            return self._key(event)
        if not isinstance(event, QMouseEvent) or event.type() not in _MOUSE:
            return False
        if event.type() == QEvent.Type.MouseMove:
            return self._move(watched, event)
        if event.button() != Qt.MouseButton.LeftButton or watched.is_panning:
            return False
        if event.type() == QEvent.Type.MouseButtonPress:
            watched.setFocus(Qt.FocusReason.MouseFocusReason)
            self._press(watched, event.position())
        elif event.type() == QEvent.Type.MouseButtonRelease:
            self._release(watched, event.position())
        return True

    def _key(self, event: QKeyEvent) -> bool:
        if event.key() != Qt.Key.Key_Escape:
            return False
        if event.type() == QEvent.Type.ShortcutOverride:
            event.accept()  # or another command's Escape would be done instead
        elif event.type() == QEvent.Type.KeyPress:
            if self._draft is not None:
                self._draft = None
                self._draw()
            else:
                self.choose(None)
        return True

    def _press(self, pane: PlaneView, place: QPointF) -> None:
        self._pressed = place
        if self._draft is not None and self._draft.axis == pane.axis:
            self._set_last(pane, place)
            return
        found = self._near(pane, place)
        if found is not None:
            self.marked, self._held = found[0], found if found[1] >= 0 else None
        elif self.kind is not None:
            point = _point(pane, place)
            self._draft = Measurement(kind=self.kind, axis=pane.axis, index=pane.index, points=(point, point))
            self.marked = -1
        self._draw()

    def _move(self, pane: PlaneView, event: QMouseEvent) -> bool:
        if self._draft is not None and self._draft.axis == pane.axis:
            self._set_last(pane, event.position())
            return True
        if self._held is not None and event.buttons() & Qt.MouseButton.LeftButton:
            number, corner = self._held
            old = self.measurements[number]
            points = [*old.points]
            points[corner] = _point(pane, event.position())
            self.measurements[number] = dataclasses.replace(old, points=tuple(points))
            pane.update()
            self.changed.emit()
            return True
        if event.buttons() == Qt.MouseButton.NoButton:
            # The pane would draw the brush under the mouse, which does not paint now.
            pane.hovered.emit(*pane.voxel_at(event.position()))
            return True
        return False

    def _release(self, pane: PlaneView, place: QPointF) -> None:
        self._held = None
        draft = self._draft
        if draft is None or draft.axis != pane.axis:
            return
        before = _place(pane, draft.points[-2])
        if _apart(before, place) <= _STILL:
            return  # a click: the next point follows the mouse until the next click
        if len(draft.points) < draft.kind.points:
            self._draft = dataclasses.replace(draft, points=(*draft.points, draft.points[-1]))
            return
        self._draft = None
        self.measurements.append(draft)
        self.marked = len(self.measurements) - 1
        self.changed.emit()
        self._draw()

    def _set_last(self, pane: PlaneView, place: QPointF) -> None:
        if self._draft is not None:
            points = (*self._draft.points[:-1], _point(pane, place))
            self._draft = dataclasses.replace(self._draft, points=points)
            pane.update()

    def _near(self, pane: PlaneView, place: QPointF) -> tuple[int, int] | None:
        """Return the measurement, and which of its points (-1: its line), that lie under the mouse."""
        for number in reversed(range(len(self.measurements))):
            measured = self.measurements[number]
            if (measured.axis, measured.index) != (pane.axis, pane.index):
                continue
            places = [_place(pane, point) for point in measured.points]
            for corner, at in enumerate(places):
                if _apart(at, place) <= _NEAR:
                    return number, corner
            if _touches(measured.kind, places, place):
                return number, -1
        return None

    # Painting

    def paint(self, painter: QPainter, pane: PlaneView) -> None:
        """Draw the measurements of the slice that a pane shows."""
        shown = [(m, number == self.marked) for number, m in enumerate(self.measurements)]
        if self._draft is not None:
            shown.append((self._draft, True))
        shown = [(m, marked) for m, marked in shown if (m.axis, m.index) == (pane.axis, pane.index)]
        if not shown:
            return
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for measured, marked in shown:
            places = [_place(pane, point) for point in measured.points]
            for pen in (QPen(_SHADE, 3.5), QPen(_MARKED if marked else _LINE, 1.5)):
                painter.setPen(pen)
                _draw_shape(painter, measured.kind, places)
            if measured is not self._draft or len(measured.points) == measured.kind.points:
                self._write(painter, pane, measured, places)
        painter.restore()

    def _write(self, painter: QPainter, pane: PlaneView, measured: Measurement, places: list[QPointF]) -> None:
        lines = self._lines(measured)
        metrics = painter.fontMetrics()
        width = max(metrics.horizontalAdvance(line) for line in lines) + 10
        height = metrics.height() * len(lines) + 6
        corner = max(places, key=lambda p: p.x()) + QPointF(8, -height / 2)
        box = QRectF(corner.x(), corner.y(), width, height)
        box.moveLeft(min(max(box.left(), 2.0), pane.width() - width - 2.0))
        box.moveTop(min(max(box.top(), 2.0), pane.height() - height - 2.0))
        painter.fillRect(box, _SHADE)
        painter.setPen(QColor(255, 255, 255))
        painter.drawText(box.adjusted(5, 3, -5, -3), Qt.AlignmentFlag.AlignLeft, "\n".join(lines))

    def _lines(self, measured: Measurement) -> tuple[str, ...]:
        volume, channel = self._view.volume, self._view.channel
        if volume is None:
            return ("",)
        if (measured, channel) not in self._words:
            if len(self._words) > 200:
                self._words.clear()
            self._words[(measured, channel)] = words_of(measured, volume, channel)
        return self._words[(measured, channel)]


def _point(pane: PlaneView, place: QPointF) -> Point:
    plane = pane.geometry_of
    return plane.to_screen(pane.voxel_at(place)) if plane is not None else (0.0, 0.0)


def _place(pane: PlaneView, point: Point) -> QPointF:
    plane = pane.geometry_of
    return pane.place_of(plane.to_voxel(pane.index, *point)) if plane is not None else QPointF()


def _apart(one: QPointF, other: QPointF) -> float:
    return math.hypot(one.x() - other.x(), one.y() - other.y())


def _touches(kind: Kind, places: list[QPointF], place: QPointF) -> bool:
    if kind is not Kind.ELLIPSE:
        return any(_off_line(a, b, place) <= _NEAR for a, b in pairwise(places))
    box = QRectF(places[0], places[1]).normalized()
    across = (place.x() - box.center().x()) / max(box.width() / 2, 1.0)
    down = (place.y() - box.center().y()) / max(box.height() / 2, 1.0)
    return abs(math.hypot(across, down) - 1.0) * min(box.width(), box.height()) / 2 <= _NEAR


def _off_line(a: QPointF, b: QPointF, place: QPointF) -> float:
    along = b - a
    length = along.x() ** 2 + along.y() ** 2
    share = ((place.x() - a.x()) * along.x() + (place.y() - a.y()) * along.y()) / length if length else 0.0
    return _apart(a + along * min(max(share, 0.0), 1.0), place)


def _draw_shape(painter: QPainter, kind: Kind, places: list[QPointF]) -> None:
    if kind is Kind.ELLIPSE:
        painter.drawEllipse(QRectF(places[0], places[1]).normalized())
    else:
        painter.drawPolyline(places)
    for at in places:
        painter.drawEllipse(at, 2.5, 2.5)
