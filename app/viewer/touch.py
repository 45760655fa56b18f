"""Gestures on a touchpad: two fingers pinch to zoom, and scroll slices or move the picture."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QPointF, Qt
from PySide6.QtGui import QNativeGestureEvent, QWheelEvent

from app.viewer.plane_view import PlaneView
from app.viewer.scan_view import ScanView

#: Pixels of two fingers on the way to the next slice.
_PER_SLICE = 24.0


class Touch(QObject):
    """Hears the gestures of a viewer's panes before they do.

    A touchpad says how far the fingers moved in pixels (a mouse wheel does not), many times a second: one slice for each
    of these would rush through the scan.
    """

    def __init__(self, view: ScanView, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.pans = False
        self._way = 0.0
        for pane in view.panes:
            pane.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Take pinches, and two fingers' scrolling; leave mouse wheels alone."""
        if not isinstance(watched, PlaneView):
            return False
        if isinstance(event, QNativeGestureEvent):
            return self._pinch(watched, event)
        if isinstance(event, QWheelEvent) and not event.pixelDelta().isNull():
            return self._two_fingers(watched, event)
        return False

    def _pinch(self, pane: PlaneView, event: QNativeGestureEvent) -> bool:
        if event.gestureType() == Qt.NativeGestureType.ZoomNativeGesture:
            pane.zoom_by(max(0.2, 1.0 + event.value()), event.position())
            return True
        if event.gestureType() == Qt.NativeGestureType.SmartZoomNativeGesture:
            pane.fit()
            return True
        return False

    def _two_fingers(self, pane: PlaneView, event: QWheelEvent) -> bool:
        moved = event.pixelDelta()
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            pane.zoom_by(1.2 ** (moved.y() / 60.0), event.position())
        elif event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            return False
        elif self.pans:
            pane.pan(QPointF(moved))
        else:
            self._scroll(pane, moved.y())
        event.accept()
        return True

    def _scroll(self, pane: PlaneView, moved: int) -> None:
        if moved * self._way < 0:
            self._way = 0.0  # the other way round: at once
        self._way += moved
        slices = int(self._way / _PER_SLICE)
        self._way -= slices * _PER_SLICE
        if slices:
            pane.scrolled.emit(-slices)
