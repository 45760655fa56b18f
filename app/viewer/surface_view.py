"""The 3D view: lesions inside the body, turned by the mouse, drawn by the processor."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QWheelEvent
from PySide6.QtWidgets import QWidget

from app.viewer.surface_rendering import FRONT, Camera, Scene, pick, render

_RADIANS_PER_PIXEL = 0.01
#: Points that are drawn while it moves; all of them once it rests.
_MOVING_POINTS = 40_000
_REST_MS = 120
_STILL = 3.0
_NAMES = (("L", "R"), ("P", "A"), ("S", "I"))


class SurfaceView(QWidget):
    """Draws a `Scene`.

    Signals
    -------
    lesionClicked(int)
        Number of the lesion, by falling volume.
    """

    lesionClicked = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.scene = Scene()
        self.camera = Camera()
        self.notice = ""
        self.letters = True
        self._pixels: NDArray[np.uint32] = np.zeros((1, 1), dtype=np.uint32)
        self._stale = self._fitted = True
        self._moving = False
        self._last: QPointF | None = None
        self._pressed = QPointF()
        self._pans = False
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(_REST_MS)
        self._rest.timeout.connect(self._settle)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumSize(180, 160)
        self.setAccessibleName("3D view of the lesions")
        self.setToolTip("Drag turns, the wheel zooms, the right button moves, a click on a lesion goes there")

    def sizeHint(self) -> QSize:
        return QSize(420, 420)

    def show_scene(self, scene: Scene, *, letters: bool = True) -> None:
        """Draw other surfaces; the direction from which they are seen stays."""
        self.scene, self.letters, self.notice = scene, letters, ""
        if self._fitted:
            self.fit()
        self._draw()

    def show_notice(self, text: str) -> None:
        """Write a sentence over the picture."""
        self.notice = text
        self.update()

    def mark(self, number: int) -> None:
        """Draw a lesion in another colour; 0 marks none."""
        if number != self.scene.marked:
            self.scene = dataclasses.replace(self.scene, marked=number)
            self._draw()

    def fit(self) -> None:
        """Show everything."""
        middle, radius = self.scene.bounds
        zoom = 0.46 * min(self.width(), self.height()) / radius
        self.camera = Camera(turn=self.camera.turn, middle=middle, zoom=zoom)
        self._fitted = True
        self._draw()

    def look_from_the_front(self) -> None:
        """Show everything, seen from the patient's front."""
        self.camera = Camera(turn=FRONT.copy())
        self.fit()

    def _move(self, camera: Camera) -> None:
        self.camera = camera
        self._moving = True
        self._rest.start()
        self._draw()

    def _settle(self) -> None:
        self._moving = False
        self._draw()

    def _draw(self) -> None:
        self._stale = True
        self.update()

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._stale or self._pixels.shape != (self.height(), self.width()):
            self._pixels = render(
                self.scene, self.camera, max(1, self.width()), max(1, self.height()), every=self._every()
            )
            self._stale = False
        height, width = self._pixels.shape
        painter = QPainter(self)
        painter.drawImage(0, 0, QImage(self._pixels.data, width, height, 4 * width, QImage.Format.Format_RGB32))
        if self.letters:
            self._paint_axes(painter)
        painter.setPen(QColor(190, 200, 210))
        text = self.notice or "Drawn by the processor; OpenGL is not needed"
        painter.drawText(
            self.rect().adjusted(8, 6, -8, -6), Qt.AlignmentFlag.AlignLeft | Qt.TextFlag.TextWordWrap, text
        )

    def _every(self) -> int:
        points = sum(len(surface.points) for surface, _ in self.scene.lesions)
        points += len(self.scene.body.points) if self.scene.body is not None else 0
        return max(1, math.ceil(points / _MOVING_POINTS)) if self._moving else 1

    def _paint_axes(self, painter: QPainter) -> None:
        """Draw which way the patient's sides are."""
        middle = QPointF(38, self.height() - 38)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for axis in range(3):
            for sign, name in zip((1.0, -1.0), _NAMES[axis], strict=True):
                right, up, towards = (float(v) for v in sign * self.camera.turn[:, axis])
                end = middle + QPointF(24 * right, -24 * up)
                painter.setPen(QColor(230, 235, 240, 230 if towards > -0.1 else 90))
                painter.drawLine(middle, end)
                out = middle + QPointF(31 * right - 4, -31 * up + 4)
                if math.hypot(right, up) > 0.3:
                    painter.drawText(out, name)

    # Mouse and keys

    def resizeEvent(self, event: object) -> None:
        if self._fitted:
            self.fit()
        self._draw()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        self._last = self._pressed = event.position()
        self._pans = event.button() != Qt.MouseButton.LeftButton

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._last is None:
            return
        moved = event.position() - self._last
        self._last = event.position()
        if self._pans:
            self._pan(moved)
        else:
            self._move(self.camera.turned(moved.x() * _RADIANS_PER_PIXEL, moved.y() * _RADIANS_PER_PIXEL))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        gone = event.position() - self._pressed
        self._last = None
        if not self._pans and math.hypot(gone.x(), gone.y()) <= _STILL:
            place = (event.position().x(), event.position().y())
            number = pick(self.scene, self.camera, (self.width(), self.height()), place)
            if number:
                self.mark(number)
                self.lesionClicked.emit(number)

    def wheelEvent(self, event: QWheelEvent) -> None:
        self._zoom(1.2 ** (event.angleDelta().y() / 120))
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        turn = {
            Qt.Key.Key_Left: (-0.15, 0.0),
            Qt.Key.Key_Right: (0.15, 0.0),
            Qt.Key.Key_Up: (0.0, -0.15),
            Qt.Key.Key_Down: (0.0, 0.15),
        }.get(Qt.Key(event.key()))
        if turn is not None:
            self._move(self.camera.turned(*turn))
        elif event.key() == Qt.Key.Key_Home:
            self.look_from_the_front()
        else:
            super().keyPressEvent(event)

    def _pan(self, moved: QPointF) -> None:
        right, up = self.camera.turn[0], self.camera.turn[1]
        self._fitted = False
        middle = self.camera.middle - (right * moved.x() - up * moved.y()) / self.camera.zoom
        self._move(dataclasses.replace(self.camera, middle=middle))

    def _zoom(self, factor: float) -> None:
        self._fitted = False
        self._move(dataclasses.replace(self.camera, zoom=min(max(self.camera.zoom * factor, 0.01), 500.0)))
