"""One pane as a person uses it: pointer, wheel and keys over what `PlaneCanvas` shows."""

from __future__ import annotations

from enum import Enum, auto

from PySide6.QtCore import QEvent, QPointF, Qt, Signal
from PySide6.QtGui import QEnterEvent, QKeyEvent, QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QAbstractSpinBox, QApplication, QLineEdit, QPlainTextEdit, QWidget

from app.viewer.plane_canvas import PlaneCanvas
from app.viewer.plane_geometry import Plane
from app.viewer.tools import Spot

_ZOOM_STEP = 1.2
_KEYS = {
    Qt.Key.Key_Up: -1,
    Qt.Key.Key_Left: -1,
    Qt.Key.Key_Down: 1,
    Qt.Key.Key_Right: 1,
    Qt.Key.Key_PageUp: -10,
    Qt.Key.Key_PageDown: 10,
}


class _Drag(Enum):
    """What the button that is down does."""

    NOTHING = auto()
    TOOL = auto()
    PAN = auto()
    WINDOW = auto()


class PlaneView(PlaneCanvas):
    """One plane of the scan.

    Signals
    -------
    scrolled(int)
        The person asks for a slice so much further.
    radiusScrolled(int)
        Shift and wheel: a larger or smaller brush.
    windowDragged(float, float)
        Pixels dragged to change window and level.
    pointed(object)
        The voxel under the pointer, or None.
    maximiseAsked()
        Double click with a tool that has no use for it.
    """

    scrolled = Signal(int)
    radiusScrolled = Signal(int)
    windowDragged = Signal(float, float)
    pointed = Signal(object)
    maximiseAsked = Signal()

    def __init__(self, plane: Plane, parent: QWidget | None = None) -> None:
        super().__init__(plane, parent)
        self._drag = _Drag.NOTHING
        self._dragged_from = QPointF()
        self._space = False
        self._wheel = 0
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)

    # Pointer

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Wheel: slices; with Ctrl: zoom at the pointer; with Shift: size of the brush."""
        event.accept()
        turn = event.angleDelta().y() or event.angleDelta().x()
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.zoom_by(_ZOOM_STEP ** (turn / 120), event.position())
            return
        # Touchpads send small steps: they add up to whole ones.
        self._wheel += turn
        steps = int(self._wheel / 120)
        self._wheel -= steps * 120
        if steps and event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self.radiusScrolled.emit(steps)
        elif steps:
            self.scrolled.emit(-steps)

    def zoom_by(self, factor: float, at: QPointF | None = None) -> None:
        """Zoom around a screen point, or the middle."""
        if self.view is not None:
            point = at if at is not None else QPointF(self.width() / 2, self.height() / 2)
            self.view = self.view.zoomed(factor, point.x(), point.y())
            self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin to pan, to change the window, or to use the tool."""
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        if self._drag is not _Drag.NOTHING:
            return
        self._drag = self._drag_of(event)
        self._dragged_from = event.position()
        spot = self._spot_of(event)
        if self._drag is _Drag.TOOL and spot is not None:
            self.tool.press(spot)

    def _drag_of(self, event: QMouseEvent) -> _Drag:
        button = event.button()
        if button == Qt.MouseButton.MiddleButton or (button == Qt.MouseButton.LeftButton and self._space):
            return _Drag.PAN
        if button == Qt.MouseButton.LeftButton:
            return _Drag.WINDOW if event.modifiers() & Qt.KeyboardModifier.ControlModifier else _Drag.TOOL
        if button == Qt.MouseButton.RightButton:
            return _Drag.TOOL if self.tool.takes_right_button else _Drag.WINDOW
        return _Drag.NOTHING

    def _spot_of(self, event: QMouseEvent) -> Spot | None:
        right = Qt.MouseButton.RightButton
        erases = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier) or right in (
            event.button(),
            event.buttons() & right,
        )
        return self.spot_at(event.position(), erases=erases)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Go on with what the button does, and say what is under the pointer."""
        self._pointer = event.position()
        moved = event.position() - self._dragged_from
        spot = self._spot_of(event)
        if self._drag is _Drag.PAN and self.view is not None:
            self._dragged_from = event.position()
            self.view = self.view.panned(moved.x(), moved.y())
            self.update()
        elif self._drag is _Drag.WINDOW:
            self._dragged_from = event.position()
            self.windowDragged.emit(moved.x(), moved.y())
        elif self._drag is _Drag.TOOL and spot is not None:
            self.tool.drag(spot)
        self.pointed.emit(spot.voxel if spot is not None and spot.is_inside else None)
        self._move_stamp()
        if self.tool.sketch is not None:
            self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End what the button did."""
        drag, self._drag = self._drag, _Drag.NOTHING
        spot = self._spot_of(event)
        if drag is _Drag.TOOL and spot is not None:
            self.tool.release(spot)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Let the tool have it, else ask for this pane alone."""
        self._drag = self._drag_of(event)
        spot = self._spot_of(event)
        if self._drag is _Drag.TOOL and spot is not None and not self.tool.double_click(spot):
            self._drag = _Drag.NOTHING
            self.maximiseAsked.emit()

    def enterEvent(self, event: QEnterEvent) -> None:
        """Keys go where the pointer is, unless something is being typed."""
        super().enterEvent(event)
        if not isinstance(QApplication.focusWidget(), QLineEdit | QPlainTextEdit | QAbstractSpinBox):
            self.setFocus(Qt.FocusReason.MouseFocusReason)

    def leaveEvent(self, event: QEvent) -> None:
        """Forget the pointer."""
        super().leaveEvent(event)
        self._pointer = None
        self._move_stamp()
        self.pointed.emit(None)
        if self.tool.sketch is not None:
            self.update()

    # Keys

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Arrows and page keys: slices; Enter, Escape, Backspace: the tool; Space: pan; F: fit; + and -: zoom."""
        key = Qt.Key(event.key())
        if key in _KEYS:
            self.scrolled.emit(_KEYS[key])
        elif key == Qt.Key.Key_Space:
            self._space = True
        elif key == Qt.Key.Key_F:
            self.fit()
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal, Qt.Key.Key_Minus):
            self.zoom_by(1 / _ZOOM_STEP if key == Qt.Key.Key_Minus else _ZOOM_STEP, self._pointer)
        elif not self._tool_takes(key):
            super().keyPressEvent(event)

    def _tool_takes(self, key: Qt.Key) -> bool:
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            return self.tool.accept()
        if key == Qt.Key.Key_Escape:
            return self.tool.cancel()
        return self.tool.step_back() if key == Qt.Key.Key_Backspace else False

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        """Space up: no more panning."""
        if event.key() == Qt.Key.Key_Space and not event.isAutoRepeat():
            self._space = False
        super().keyReleaseEvent(event)
