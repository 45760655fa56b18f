"""A look at a file before it is imported: its first slice at once, the others as they are read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from app.background import Background, Progress, Task
from app.errors import sentence_of
from app.theme import SPACE_1
from app.viewer.rendering import automatic_window
from app.viewer.scan_view import ScanView
from segcore.errors import Cancelled
from segcore.geometry import Grid, reorder
from segcore.scans.formats.table import watch_volume
from segcore.scans.volume import Volume

#: How often what has been read is drawn, ms.
_TICK_MS = 20


class _Reading:
    """What the background has read so far: written there, read by the window."""

    def __init__(self) -> None:
        self.latest: tuple[Volume, float] | None = None

    def read(self, file: Path, news: Progress) -> Volume:
        """Read a file in the background."""

        def watch(volume: Volume, share: float) -> None:
            news.check()
            self.latest = (volume, share)

        return watch_volume(file, watch)


class QuickLook(QWidget):
    """Shows the scan in a file along the axis in which it is stored."""

    def __init__(self, background: Background, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._background = background
        self.view = ScanView()
        self.words = QLabel()
        self.words.setProperty("role", "small")
        self.words.setWordWrap(True)
        self.words.setAlignment(Qt.AlignmentFlag.AlignTop)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE_1)
        layout.addWidget(self.view, 1)
        layout.addWidget(self.words)
        self.setMinimumWidth(300)
        self.setAccessibleName("Look at the scan")
        self._file: Path | None = None
        self._task: Task[Volume] | None = None
        self._reading = _Reading()
        self._shown: Volume | None = None
        self._order = (0, 0, 1)
        self._follows, self._followed_to = True, -1
        self._timer = QTimer(self)
        self._timer.setInterval(_TICK_MS)
        self._timer.timeout.connect(self._draw)
        self.view.windowChanged.connect(self._window_set)
        self._own_window = False

    def show_file(self, file: Path | None) -> None:
        """Look at another file; None looks at none, and stops reading."""
        if file == self._file:
            return
        self.stop()
        self._file, self._shown, self._own_window, self._reading = file, None, False, _Reading()
        self._follows, self._followed_to = True, -1
        self.view.set_scan(None)
        self.words.setText("" if file is None else f"{file.name}: reading…")
        if file is None:
            return
        reading = self._reading
        self._task = self._background.run(
            lambda news: reading.read(file, news),
            done=lambda volume: self._done(reading, volume),
            failed=lambda error: self._failed(reading, error),
            owner=self,
        )
        self._timer.start()

    def stop(self) -> None:
        """Read no further; what is shown stays."""
        self._timer.stop()
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def _draw(self) -> None:
        """Show what has been read since the last time."""
        latest, self._reading.latest = self._reading.latest, None
        if latest is None:
            return
        volume, share = latest
        if self._shown is None:
            self._begin(volume)
        self._move_on(share)
        if not self._own_window:
            self._set_window(share)
        self.view.draw_anew()
        if self._file is not None:
            self.words.setText(
                f"{self._file.name}: {100 * share:.0f} % read" if share < 1 else _words(self._file, volume)
            )

    def _begin(self, volume: Volume) -> None:
        shown = volume.canonical()
        self._shown = shown
        self._order = reading_order(volume.grid, shown.grid)
        self.view.set_scan(shown)
        self.view.show_single(self._order[0])

    def _move_on(self, share: float) -> None:
        """Follow what is read to the middle of the scan, unless the person looks elsewhere."""
        axis, first, step = self._order
        volume = self._shown
        if volume is None or not self._follows:
            return
        if self._followed_to not in (-1, self.view.crosshair[axis]):
            self._follows = False
            return
        middle = volume.grid.shape[axis] // 2
        reached = min(self._planes_read(volume, share) - 1, middle)
        self._followed_to = first + step * reached
        self.view.show_slice(axis, self._followed_to)
        self._follows = reached < middle

    def _planes_read(self, volume: Volume, share: float) -> int:
        """Return how many planes of the first channel there are: it is read before the others."""
        count = volume.grid.shape[self._order[0]]
        return max(1, min(int(share * len(volume.channels) * count), count))

    def _set_window(self, share: float) -> None:
        """Window what has been read: what has not is 0, which may be far from everything in the scan."""
        volume = self._shown
        if volume is None or volume.is_photograph:
            return
        axis, first, step = self._order
        read = self._planes_read(volume, share)
        part = slice(0, read) if step > 0 else slice(first - read + 1, first + 1)
        window = automatic_window(np.asarray(volume.voxels[0])[(slice(None),) * axis + (part,)])
        self.view.blockSignals(True)
        self.view.set_window(window)
        self.view.blockSignals(False)

    def _window_set(self) -> None:
        self._own_window = True

    def _done(self, reading: _Reading, volume: Volume) -> None:
        if reading is not self._reading or self._file is None:
            return
        self._task = None
        self._timer.stop()
        reading.latest = (volume, 1.0)
        self._draw()

    def _failed(self, reading: _Reading, error: Exception) -> None:
        """Say it in the place of the picture; the import itself says it too."""
        if reading is not self._reading or isinstance(error, Cancelled):
            return
        self._task = None
        self._timer.stop()
        self.view.set_scan(None)
        self.words.setText(sentence_of(error))


def reading_order(stored: Grid, shown: Grid) -> tuple[int, int, int]:
    """Return the axis of `shown` along which a file stored as `stored` is read, its first index and the direction."""
    planes = stored.shape[0]
    marked = np.broadcast_to(np.arange(planes)[:, None, None], stored.shape)
    turned = reorder(marked, stored, shown)
    axis = int(np.argmax(np.abs(turned.strides)))
    corner = int(turned[0, 0, 0])
    return (axis, 0, 1) if corner == 0 else (axis, planes - 1, -1)


def _words(file: Path, volume: Volume) -> str:
    planes, rows, columns = volume.grid.shape
    size = f"{columns} x {rows}" + (f" x {planes}" if planes > 1 else "")
    spacing = " x ".join(f"{mm:.3g}" for mm in volume.grid.spacing[::-1]) if volume.grid.calibrated else ""
    return f"{file.name}: {size} voxels" + (f" of {spacing} mm" if spacing else "")
