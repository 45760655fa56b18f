"""The viewer: three linked planes of a scan, or one, with masks, predictions, window and level, and a slice slider each."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QSlider, QVBoxLayout, QWidget

from app.viewer.levels import Levels
from app.viewer.marks import Mark
from app.viewer.plane_geometry import PLANE_NAMES, PlaneGeometry
from app.viewer.plane_view import PlaneView
from app.viewer.rendering import Overlay, Window, automatic_window, make_table
from segcore.geometry import Box
from segcore.scans.volume import Volume


class ScanView(QWidget):
    """Shows one scan; the same widget in Annotate and in Review.

    Signals
    -------
    cursorMoved()
        Another place is under the crosshair.
    pressed, moved, released, doubleClicked(int, tuple, QMouseEvent)
        Left button in a pane: its axis, the place (plane, row, column) in voxels, the event.
    hovered(str)
        What is under the mouse, in words; empty outside.
    windowChanged()
        Another intensity window.
    radiusScrolled(int)
        Shift + wheel: larger or smaller.
    scanChanged()
        Another scan is shown, or none.
    masksChanged()
        Another mask or prediction, another threshold, or the mask was edited.
    edited(Box)
        The mask was edited inside this box.
    overlayChanged()
        Masks are drawn differently.
    arranged()
        Three panes are shown now, or another one alone.
    levelsWanted()
        Something is shown of which there may be no coarser copies.
    """

    cursorMoved = Signal()
    pressed = Signal(int, tuple, QMouseEvent)
    moved = Signal(int, tuple, QMouseEvent)
    released = Signal(int, tuple, QMouseEvent)
    doubleClicked = Signal(int, tuple, QMouseEvent)
    hovered = Signal(str)
    windowChanged = Signal()
    radiusScrolled = Signal(int)
    scanChanged = Signal()
    masksChanged = Signal()
    edited = Signal(object)
    overlayChanged = Signal()
    arranged = Signal()
    levelsWanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.volume: Volume | None = None
        self.labels: NDArray[np.uint8] | None = None
        self.steps: NDArray[np.int8] | None = None
        self.step = 0
        self.doubt: NDArray[np.uint8] | None = None
        self.channel = 0
        self.overlay = Overlay()
        self.table = make_table(self.overlay)
        self.crosshair = (0, 0, 0)
        self.brush_mm = 0.0
        self.shape: list[tuple[float, float]] = []
        self.shape_axis = -1
        self.marks: tuple[Mark, ...] = ()
        self.generation = 0
        self.levels = Levels()
        self._windows: dict[int, Window] = {}
        self._automatic: dict[int, Window] = {}
        self.panes = tuple(PlaneView(self, axis) for axis in range(3))
        self.sliders = tuple(QSlider(Qt.Orientation.Horizontal) for _ in range(3))
        self._captions = tuple(QLabel() for _ in range(3))
        self._single = -1
        self.axis_in_hand = 0
        self._frames = tuple(self._make_frame(axis) for axis in range(3))
        self._layout = QGridLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(4)
        self._arrange()
        self._connect()

    def _make_frame(self, axis: int) -> QWidget:
        frame = QWidget(self)
        column = QVBoxLayout(frame)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addWidget(self.panes[axis], 1)
        row = QHBoxLayout()
        self._captions[axis].setProperty("role", "small")
        self._captions[axis].setMinimumWidth(150)
        self.sliders[axis].setAccessibleName(f"{PLANE_NAMES[axis]} slice")
        self.panes[axis].setAccessibleName(f"{PLANE_NAMES[axis]} view")
        row.addWidget(self._captions[axis])
        row.addWidget(self.sliders[axis], 1)
        column.addLayout(row)
        return frame

    def _arrange(self) -> None:
        """Lay the panes out: the axial one large with the others beside it, or one alone."""
        for frame in self._frames:
            self._layout.removeWidget(frame)
        flat = self.volume is not None and self.volume.grid.is_2d
        alone = 0 if flat else self._single
        for axis, frame in enumerate(self._frames):
            frame.setVisible(alone in (-1, axis))
        if alone >= 0:
            self._layout.addWidget(self._frames[alone], 0, 0, 2, 2)
        else:
            self._layout.addWidget(self._frames[0], 0, 0, 2, 1)
            self._layout.addWidget(self._frames[1], 0, 1)
            self._layout.addWidget(self._frames[2], 1, 1)
        self._layout.setColumnStretch(0, 3)
        self._layout.setColumnStretch(1, 0 if alone >= 0 else 2)
        for axis in range(3):
            self.sliders[axis].setVisible(not flat)

    def _connect(self) -> None:
        for axis, pane in enumerate(self.panes):
            pane.scrolled.connect(partial(self.scroll_by, axis))
            pane.windowDragged.connect(self._drag_window)
            pane.hovered.connect(self._say_hovered)
            pane.left.connect(lambda: self.hovered.emit(""))
            pane.radiusScrolled.connect(self.radiusScrolled)
            pane.pressed.connect(partial(self._forward, self.pressed.emit, axis))
            pane.moved.connect(partial(self._forward, self.moved.emit, axis))
            pane.released.connect(partial(self._forward, self.released.emit, axis))
            pane.doubleClicked.connect(partial(self._forward, self.doubleClicked.emit, axis))
            self.sliders[axis].valueChanged.connect(partial(self.show_slice, axis))

    def _forward(
        self,
        emit: Callable[[int, tuple[float, float, float], QMouseEvent], None],
        axis: int,
        p: float,
        r: float,
        c: float,
        event: QMouseEvent,
    ) -> None:
        self.axis_in_hand = axis
        emit(axis, (p, r, c), event)

    # What is shown

    def set_scan(self, volume: Volume | None) -> None:
        """Show another scan, without mask or prediction; None shows nothing."""
        self.volume, self.labels, self.steps, self.doubt = volume, None, None, None
        self.generation += 1
        self.levels = Levels()
        self.channel = 0
        self._windows, self._automatic = {}, {}
        self.marks = ()
        self.shape, self.shape_axis, self._single, self.axis_in_hand = [], -1, -1, 0
        grid = volume.grid if volume is not None else None
        self.crosshair = (grid.shape[0] // 2, grid.shape[1] // 2, grid.shape[2] // 2) if grid is not None else (0, 0, 0)
        self._arrange()
        for axis, pane in enumerate(self.panes):
            self.sliders[axis].blockSignals(True)
            self.sliders[axis].setRange(0, (grid.shape[axis] if grid is not None else 1) - 1)
            self.sliders[axis].blockSignals(False)
            pane.set_geometry(PlaneGeometry.of(grid, axis) if grid is not None else None)
        self.scanChanged.emit()
        self._moved()

    def set_labels(self, labels: NDArray[np.uint8] | None) -> None:
        """Show a mask: the array is shared, call `refresh` after changing it."""
        self.labels = labels
        self.masksChanged.emit()
        self.refresh()

    def set_prediction(self, steps: NDArray[np.int8] | None, step: int = 0) -> None:
        """Show where a prediction's logits reach a threshold (both in steps of 0.1)."""
        self.steps, self.step = steps, step
        self.masksChanged.emit()
        self.refresh()

    def set_doubt(self, doubt: NDArray[np.uint8] | None) -> None:
        """Show where the members of an ensemble disagree, 0..255; None shows nothing."""
        self.doubt = doubt
        self.refresh()

    def set_step(self, step: int) -> None:
        """Move the threshold; nothing but the shown slices is looked at."""
        self.step = step
        self.masksChanged.emit()
        self._draw()

    def set_overlay(self, overlay: Overlay) -> None:
        """Draw masks differently."""
        self.overlay = overlay
        self.overlayChanged.emit()
        self.table = make_table(overlay)
        self._draw()

    def set_channel(self, channel: int) -> None:
        """Show another channel of the scan."""
        if self.volume is not None and 0 <= channel < len(self.volume.channels):
            self.channel = channel
            self.windowChanged.emit()
            self._draw()

    def set_brush(self, radius_mm: float) -> None:
        """Show a circle of this radius under the mouse; 0 shows none."""
        self.brush_mm = radius_mm
        self._draw()

    def set_shape(self, axis: int, points: list[tuple[float, float]]) -> None:
        """Show an open outline in the pane of `axis`, points as (row, column) in screen voxels."""
        self.shape, self.shape_axis = points, axis
        self.panes[axis].update()

    def set_marks(self, marks: tuple[Mark, ...]) -> None:
        """Show strokes that are no mask."""
        self.marks = marks
        self._draw()

    def toggle_single(self, axis: int) -> None:
        """Show one pane alone, or all three again."""
        self.show_single(-1 if self._single == axis else axis)

    def show_single(self, axis: int) -> None:
        """Show one pane alone; -1 shows all three."""
        self._single = axis
        self._arrange()
        self.arranged.emit()

    @property
    def single(self) -> int:
        """The axis that is shown alone; -1 while all three are."""
        return self._single

    def fit(self) -> None:
        """Show whole slices."""
        for pane in self.panes:
            pane.fit()

    def refresh(self, box: Box | None = None) -> None:
        """Draw again what is shown; with a box, of voxels whose labels changed, only that."""
        if box is not None:
            if self.labels is not None:
                self.levels.change(self.labels, box)
            self.masksChanged.emit()
            self.edited.emit(box)
            for pane in self.panes:
                pane.change(box)
            return
        self.levels.forget("labels")
        self.draw_anew()
        self.levelsWanted.emit()

    def draw_anew(self) -> None:
        """Draw again what is shown, and keep nothing of what was drawn."""
        self.generation += 1
        self._draw()

    def _draw(self) -> None:
        """Draw all panes; what has not changed in them is kept."""
        for pane in self.panes:
            pane.update()

    # Places

    def scroll_by(self, axis: int, further: int) -> None:
        """Show a slice further along an axis."""
        self.show_slice(axis, self.crosshair[axis] + further)

    def show_slice(self, axis: int, index: int) -> None:
        """Show slice `index` of an axis, and take that axis in hand."""
        self.axis_in_hand = axis
        cursor = list(self.crosshair)
        cursor[axis] = index
        self.set_crosshair((cursor[0], cursor[1], cursor[2]))

    def set_crosshair(self, voxel: tuple[int, int, int]) -> None:
        """Put the crosshair on a voxel; all planes follow."""
        if self.volume is None:
            return
        p, r, c = (min(max(int(v), 0), n - 1) for v, n in zip(voxel, self.volume.grid.shape, strict=True))
        if (p, r, c) != self.crosshair:
            self.crosshair = (p, r, c)
            self._moved()

    def _moved(self) -> None:
        for axis in range(3):
            self.sliders[axis].blockSignals(True)
            self.sliders[axis].setValue(self.crosshair[axis])
            self.sliders[axis].blockSignals(False)
            caption = self._caption(axis)
            self._captions[axis].setText(caption)
            self.panes[axis].setAccessibleDescription(caption)
        self.cursorMoved.emit()
        self._draw()

    def _caption(self, axis: int) -> str:
        if self.volume is None:
            return ""
        grid = self.volume.grid
        if grid.is_2d:
            return f"{grid.shape[2]} x {grid.shape[1]} pixels"
        where = f" · {self.crosshair[axis] * grid.spacing[axis]:.1f} mm" if grid.calibrated else ""
        return f"{PLANE_NAMES[axis]} {self.crosshair[axis] + 1} / {grid.shape[axis]}{where}"

    def _say_hovered(self, p: float, r: float, c: float) -> None:
        if self.volume is None:
            return
        at = (round(p), round(r), round(c))
        if not all(0 <= v < n for v, n in zip(at, self.volume.grid.shape, strict=True)):
            self.hovered.emit("")
            return
        values = ", ".join(
            f"{name} {float(self.volume.voxels[(k, *at)]):g}" for k, name in enumerate(self.volume.channels)
        )
        chance = ""
        if self.steps is not None:
            chance = f" · probability {1 / (1 + np.exp(-float(self.steps[at]) / 10)):.2f}"
        if self.doubt is not None:
            chance += f" · disagreement {round(100 * int(self.doubt[at]) / 255)} %"
        self.hovered.emit(f"plane {at[0] + 1}, row {at[1] + 1}, column {at[2] + 1}: {values}{chance}")

    # Window and level

    def window_of(self, channel: int) -> Window:
        """The intensity window of a channel; the automatic one until it is changed."""
        if channel not in self._windows:
            self._windows[channel] = self.automatic_window(channel)
        return self._windows[channel]

    def automatic_window(self, channel: int) -> Window:
        """The window from the channel's percentiles."""
        if channel not in self._automatic:
            self._automatic[channel] = (
                automatic_window(self.volume.voxels[channel]) if self.volume is not None else Window(low=0, high=1)
            )
        return self._automatic[channel]

    def set_window(self, window: Window) -> None:
        """Set the window of the shown channel."""
        self._windows[self.channel] = window
        self.windowChanged.emit()
        self._draw()

    def _drag_window(self, across: float, down: float) -> None:
        if self.volume is None or self.volume.is_photograph:
            return
        window, scale = self.window_of(self.channel), self.automatic_window(self.channel).width
        width = max(window.width + across * scale * 2, scale / 500)
        self.set_window(Window.of(window.level + down * scale * 2, width))
