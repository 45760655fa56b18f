"""One pane: a slice of the scan with its overlays, drawn as one image; zoom, pan, scroll, window and level.

Only the visible part is rendered, at most one value per screen pixel, so a 12-megapixel photograph costs as much as the
screen is large.
"""

from __future__ import annotations

import math
from typing import Protocol

from PySide6.QtCore import QPoint, QPointF, QRectF, QSize, QSizeF, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QWidget

from app.viewer.marks import paint_marks
from app.viewer.plane_geometry import PlaneGeometry
from app.viewer.slice_image import Picture, SliceImage
from segcore.geometry import Box

_MARGIN = 0.96
_ZOOM_STEP = 1.2
_CROSSHAIR = QColor(90, 200, 215, 110)


class Drawing(Protocol):
    """Something drawn over the slices of a pane: a second channel, a map, a measurement."""

    def paint(self, painter: QPainter, pane: PlaneView) -> None:
        """Draw on what `pane` shows; the crosshair comes above it."""


class PlaneView(QWidget):
    """One plane orientation of the scan.

    Signals
    -------
    scrolled(int)
        The person asked for another slice: how many further.
    pressed, moved, released(float, float, float, QMouseEvent)
        Mouse with the left button, at (plane, row, column) in voxels.
    hovered(float, float, float)
        Mouse without a button.
    windowDragged(float, float)
        Right-button drag: change of width and level, in shares of the window.
    framed()
        Another part of the slice is shown, or at another zoom.
    """

    scrolled = Signal(int)
    pressed = Signal(float, float, float, QMouseEvent)
    moved = Signal(float, float, float, QMouseEvent)
    released = Signal(float, float, float, QMouseEvent)
    doubleClicked = Signal(float, float, float, QMouseEvent)
    hovered = Signal(float, float, float)
    left = Signal()
    windowDragged = Signal(float, float)
    radiusScrolled = Signal(int)
    framed = Signal()

    def __init__(self, picture: Picture, axis: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._picture = picture
        self.axis = axis
        self.drawings: list[Drawing] = []
        self.image = SliceImage(picture)
        self.geometry_of: PlaneGeometry | None = None
        self.zoom = 1.0
        self._middle = QPointF(0, 0)
        self._drag: QPoint | None = None
        self._drag_kind = ""
        self._space = False
        self._mouse: QPointF | None = None
        self._fitted = True
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumSize(120, 100)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)

    def sizeHint(self) -> QSize:
        return QSize(400, 400)

    def set_geometry(self, geometry: PlaneGeometry | None) -> None:
        """Show planes of another grid."""
        self.geometry_of = geometry
        self.fit()

    @property
    def index(self) -> int:
        """The slice that is shown."""
        return self._picture.crosshair[self.axis]

    # Zoom and pan: the screen is in millimetres times zoom, so that spacing is true

    def fit(self) -> None:
        """Show the whole slice."""
        plane = self.geometry_of
        if plane is None:
            return
        width, height = plane.columns * plane.column_mm, plane.rows * plane.row_mm
        self.zoom = _MARGIN * min(self.width() / width, self.height() / height)
        self._middle = QPointF(width / 2, height / 2)
        self._fitted = True
        self.framed.emit()
        self.update()

    @property
    def is_panning(self) -> bool:
        """Whether the left button moves the picture, because the space bar is held."""
        return self._space

    @property
    def is_fitted(self) -> bool:
        """Whether the whole slice is shown, also when the pane is resized."""
        return self._fitted

    def frame(self, voxel: tuple[float, float, float], zoom: float, at: QPointF | None = None) -> None:
        """Show a voxel at `at` (the middle otherwise), `zoom` pixels per millimetre."""
        self.zoom = min(max(zoom, 0.01), 400.0)
        self._fitted = False
        self.pan((at or QPointF(self.width() / 2, self.height() / 2)) - self.place_of(voxel))

    def pan(self, by: QPointF) -> None:
        """Move what is shown by so many pixels."""
        self._middle -= by / self.zoom
        self._fitted = False
        self.framed.emit()
        self.update()

    def zoom_by(self, factor: float, at: QPointF | None = None) -> None:
        """Zoom, keeping the place under `at` (the middle otherwise)."""
        anchor = at or QPointF(self.width() / 2, self.height() / 2)
        before = self._to_mm(anchor)
        self.zoom = min(max(self.zoom * factor, 0.01), 400.0)
        after = self._to_mm(anchor)
        self._middle += before - after
        self._fitted = False
        self.framed.emit()
        self.update()

    def _to_mm(self, place: QPointF) -> QPointF:
        centre = QPointF(self.width() / 2, self.height() / 2)
        return (place - centre) / self.zoom + self._middle

    def _from_mm(self, place: QPointF) -> QPointF:
        return (place - self._middle) * self.zoom + QPointF(self.width() / 2, self.height() / 2)

    def voxel_at(self, place: QPointF) -> tuple[float, float, float]:
        """Return (plane, row, column) under a place of the widget; whole numbers are voxel centres."""
        plane = self.geometry_of
        if plane is None:
            return (0.0, 0.0, 0.0)
        mm = self._to_mm(place)
        return plane.to_voxel(self.index, mm.y() / plane.row_mm - 0.5, mm.x() / plane.column_mm - 0.5)

    def place_of(self, voxel: tuple[float, float, float]) -> QPointF:
        """Return where a voxel's centre lies in the widget."""
        plane = self.geometry_of
        if plane is None:
            return QPointF()
        row, column = plane.to_screen(voxel)
        return self._from_mm(QPointF((column + 0.5) * plane.column_mm, (row + 0.5) * plane.row_mm))

    def change(self, box: Box) -> None:
        """Draw what changed in the mask, if the slice that is shown cuts it."""
        plane = self.geometry_of
        if plane is None or not box.start[self.axis] <= self.index < box.stop[self.axis]:
            return
        top, left, bottom, right = self.image.change(plane, box)
        corner = self._from_mm(QPointF(left * plane.column_mm, top * plane.row_mm))
        opposite = self._from_mm(QPointF(right * plane.column_mm, bottom * plane.row_mm))
        # The pixels of a coarser copy are at most two of the screen (four in a drag), and outlines reach one further.
        self.update(QRectF(corner, opposite).toAlignedRect().adjusted(-4, -4, 4, 4))

    def _move_brush(self, to: QPointF | None) -> None:
        """Draw the circle under the mouse elsewhere; nothing else is drawn again."""
        reach = self._picture.brush_mm * self.zoom + 4
        for place in (self._mouse, to):
            if place is not None and self._picture.brush_mm > 0:
                around = QRectF(place.x() - reach, place.y() - reach, 2 * reach, 2 * reach)
                self.update(around.toAlignedRect())
        self._mouse = to

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self._fitted:
            self.fit()

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(event.rect(), QColor(0, 0, 0))
        if self.geometry_of is None or self._picture.volume is None:
            return
        self._paint_slice(painter)
        for drawing in self.drawings:
            drawing.paint(painter, self)
        self._paint_crosshair(painter)
        self._paint_shape(painter)
        paint_marks(painter, self._picture.marks, self.axis, self.index, self.place_of)
        self._paint_brush(painter)
        self._paint_letters(painter)

    def _paint_slice(self, painter: QPainter) -> None:
        plane = self.geometry_of
        if plane is None:
            return
        level = self._level_of(plane)
        # Millimetres per row and column of the level; its last ones may stick out of the slice, or lie half in it.
        row_mm, column_mm = plane.row_mm * 2**level, plane.column_mm * 2**level
        rows, columns = -(-plane.rows // 2**level), -(-plane.columns // 2**level)
        top_left, bottom_right = self._to_mm(QPointF(0, 0)), self._to_mm(QPointF(self.width(), self.height()))
        r0, r1 = max(0, math.floor(top_left.y() / row_mm)), min(rows, math.ceil(bottom_right.y() / row_mm))
        c0, c1 = max(0, math.floor(top_left.x() / column_mm)), min(columns, math.ceil(bottom_right.x() / column_mm))
        if r0 >= r1 or c0 >= c1:
            return
        down, across = (max(1, int(1 / (self.zoom * step))) for step in (row_mm, column_mm))
        part = (slice(r0, r1, down), slice(c0, c1, across))
        pixels = self.image.pixels(plane, self.index, part, level)
        height, width = pixels.shape
        image = QImage(pixels.data, width, height, 4 * width, QImage.Format.Format_RGB32)
        corner = self._from_mm(QPointF(c0 * column_mm, r0 * row_mm))
        size = QSizeF(width * across * column_mm * self.zoom, height * down * row_mm * self.zoom)
        painter.drawImage(QRectF(corner, size), image)

    def _level_of(self, plane: PlaneGeometry) -> int:
        """Return which coarser copy to draw from; one coarser still while the picture is dragged."""
        if plane.axis != 0:
            return 0
        needed = self._picture.levels.level_for(1 / (self.zoom * min(plane.row_mm, plane.column_mm)))
        return min(needed + (self._drag is not None), self._picture.levels.deepest)

    def _paint_crosshair(self, painter: QPainter) -> None:
        plane = self.geometry_of
        if plane is None or max(plane.shape[0], 1) == 1:
            return
        p, r, c = self._picture.crosshair
        place = self.place_of((float(p), float(r), float(c)))
        # As rectangles: a translucent line costs twenty times as much as the slice itself.
        painter.fillRect(round(place.x()), 0, 1, self.height(), _CROSSHAIR)
        painter.fillRect(0, round(place.y()), self.width(), 1, _CROSSHAIR)

    def _paint_shape(self, painter: QPainter) -> None:
        if self._picture.shape_axis != self.axis or len(self._picture.shape) < 1 or self.geometry_of is None:
            return
        plane = self.geometry_of
        points = [
            self._from_mm(QPointF((column + 0.5) * plane.column_mm, (row + 0.5) * plane.row_mm))
            for row, column in self._picture.shape
        ]
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(255, 220, 60), 1.5))
        painter.drawPolyline(points)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)

    def _paint_brush(self, painter: QPainter) -> None:
        if self._mouse is None or self._picture.brush_mm <= 0:
            return
        radius = max(self._picture.brush_mm * self.zoom, 1.0)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(0, 0, 0, 160), 3))
        painter.drawEllipse(self._mouse, radius, radius)
        painter.setPen(QPen(QColor(255, 255, 255), 1))
        painter.drawEllipse(self._mouse, radius, radius)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)

    def _paint_letters(self, painter: QPainter) -> None:
        plane = self.geometry_of
        if plane is None:
            return
        left, right, top, bottom = plane.edge_letters
        painter.setPen(QColor(230, 235, 240))
        middle_x, middle_y = self.width() / 2, self.height() / 2
        for text, x, y in (
            (left, 8.0, middle_y),
            (right, self.width() - 18.0, middle_y),
            (top, middle_x, 18.0),
            (bottom, middle_x, self.height() - 8.0),
        ):
            painter.drawText(QPointF(x, y), text)

    # Mouse and keys

    def wheelEvent(self, event: QWheelEvent) -> None:
        steps = event.angleDelta().y() / 120 or event.angleDelta().x() / 120
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.zoom_by(_ZOOM_STEP**steps, event.position())
        elif event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self.radiusScrolled.emit(1 if steps > 0 else -1)
        elif steps:
            self.scrolled.emit(-1 if steps > 0 else 1)
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        pans = event.button() == Qt.MouseButton.MiddleButton or (
            self._space and event.button() == Qt.MouseButton.LeftButton
        )
        if pans or event.button() == Qt.MouseButton.RightButton:
            self._drag, self._drag_kind = event.position().toPoint(), "pan" if pans else "window"
        elif event.button() == Qt.MouseButton.LeftButton:
            self._drag_kind = "tool"
            self.pressed.emit(*self.voxel_at(event.position()), event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._move_brush(event.position())
        if self._drag is not None:
            moved = event.position().toPoint() - self._drag
            self._drag = event.position().toPoint()
            if self._drag_kind == "pan":
                self.pan(QPointF(moved))
            else:
                self.windowDragged.emit(moved.x() / 300, moved.y() / 300)
        elif self._drag_kind == "tool":
            self.moved.emit(*self.voxel_at(event.position()), event)
        else:
            self.hovered.emit(*self.voxel_at(event.position()))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._drag_kind == "tool" and event.button() == Qt.MouseButton.LeftButton:
            self.released.emit(*self.voxel_at(event.position()), event)
        if self._drag is not None and self._picture.levels.deepest:
            self.update()  # in full again
        self._drag, self._drag_kind = None, ""

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.doubleClicked.emit(*self.voxel_at(event.position()), event)

    def leaveEvent(self, event: object) -> None:
        self._move_brush(None)
        self.left.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        further = {
            Qt.Key.Key_Up: -1,
            Qt.Key.Key_Down: 1,
            Qt.Key.Key_PageUp: -10,
            Qt.Key.Key_PageDown: 10,
        }.get(Qt.Key(event.key()))
        if further is not None:
            self.scrolled.emit(further)
        elif event.key() == Qt.Key.Key_Space:
            self._space = True
        elif event.key() == Qt.Key.Key_F:
            self.fit()
        else:
            super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Space and not event.isAutoRepeat():
            self._space = False
        super().keyReleaseEvent(event)
