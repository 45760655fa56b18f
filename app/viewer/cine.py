"""Running through the slices of the plane in hand like a film."""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer, Signal

from app.viewer.scan_view import ScanView

SLOWEST, FASTEST, USUAL = 1, 60, 10


class Cine(QObject):
    """Plays and stops; at the last slice it begins anew.

    Signals
    -------
    playingChanged(bool)
        It began, or stopped.
    """

    playingChanged = Signal(bool)

    def __init__(self, view: ScanView, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._view = view
        self._axis = 0
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._step)
        self.set_speed(USUAL)
        view.scanChanged.connect(self.stop)

    @property
    def is_playing(self) -> bool:
        """Whether it runs."""
        return self._timer.isActive()

    @property
    def speed(self) -> int:
        """Slices per second."""
        return self._speed

    def set_speed(self, per_second: int) -> None:
        """Show so many slices per second."""
        self._speed = min(max(per_second, SLOWEST), FASTEST)
        self._timer.setInterval(round(1000 / self._speed))

    def play(self) -> None:
        """Run through the plane in hand; nothing happens with one slice."""
        volume = self._view.volume
        if volume is None or volume.grid.shape[self._view.axis_in_hand] < 2:
            self.playingChanged.emit(False)
            return
        self._axis = self._view.axis_in_hand
        self._timer.start()
        self.playingChanged.emit(True)

    def stop(self) -> None:
        """Stay at the slice that is shown."""
        if self._timer.isActive():
            self._timer.stop()
            self.playingChanged.emit(False)

    def _step(self) -> None:
        volume = self._view.volume
        if volume is None or not self._view.isVisible():
            self.stop()
            return
        further = (self._view.crosshair[self._axis] + 1) % volume.grid.shape[self._axis]
        self._view.show_slice(self._axis, further)
