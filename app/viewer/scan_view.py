"""The viewer: three linked planes of a scan, or one, with sliders; used by Annotate, Review and Train."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QSlider, QVBoxLayout, QWidget

from app.viewer.overlay_table import OverlayStyle
from app.viewer.plane_geometry import Plane, Voxel, place_in_words, slice_in_words
from app.viewer.plane_view import PlaneView
from app.viewer.scan_pictures import COLOUR, PreparedScan, Shown, Steps, prepare
from app.viewer.tools import NavigateTool, Tool
from app.viewer.windowing import Window
from segcore.geometry import Box
from segcore.metrics.curves import probability_of
from segcore.scans.volume import FOREGROUND, UNLABELLED, Labels, Volume

#: Screen pixels of a drag that go through the whole window.
_DRAG_PX = 300.0


class ScanView(QWidget):
    """Shows one scan with masks and predictions.

    Without another tool a click moves the crosshair, so that a workspace that only looks has nothing to connect.

    Signals
    -------
    cursorMoved(tuple)
        Another voxel is under the crosshair.
    windowChanged()
        Another window, level or channel.
    hovered(str)
        What is under the pointer, in words; empty outside.
    radiusScrolled(int)
        Shift and wheel: a larger or smaller brush.
    layoutChanged()
        One plane is shown alone now, or all three.
    """

    cursorMoved = Signal(tuple)
    windowChanged = Signal()
    hovered = Signal(str)
    radiusScrolled = Signal(int)
    layoutChanged = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.shown: Shown | None = None
        self._style = OverlayStyle()
        self._alone: Plane | None = None
        self.panes = tuple(PlaneView(plane) for plane in Plane)
        self.sliders = tuple(QSlider(Qt.Orientation.Horizontal) for _ in Plane)
        self.captions = tuple(QLabel() for _ in Plane)
        self._frames = tuple(self._make_frame(plane) for plane in Plane)
        self._layout = QGridLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(4)
        self.set_tool(None)
        self._connect()
        self._arrange()

    def _make_frame(self, plane: Plane) -> QWidget:
        frame = QWidget()
        caption, slider = self.captions[plane], self.sliders[plane]
        caption.setProperty("role", "small")
        caption.setMinimumWidth(168)
        slider.setAccessibleName(f"{plane.text} slice")
        slider.setToolTip("Wheel, arrow keys, or Page Up and Page Down over the picture")
        # The arrow keys belong to the picture; a click on the slider must not take them away.
        slider.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        row = QHBoxLayout()
        row.setContentsMargins(4, 0, 4, 0)
        row.addWidget(caption)
        row.addWidget(slider, 1)
        column = QVBoxLayout(frame)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addWidget(self.panes[plane], 1)
        column.addLayout(row)
        return frame

    def _connect(self) -> None:
        for plane, pane in zip(Plane, self.panes, strict=True):
            pane.scrolled.connect(partial(self.scroll_by, plane))
            pane.radiusScrolled.connect(self.radiusScrolled)
            pane.windowDragged.connect(self._drag_window)
            pane.pointed.connect(self._say)
            pane.maximiseAsked.connect(partial(self.toggle_alone, plane))
            self.sliders[plane].valueChanged.connect(partial(self.show_slice, plane))

    # The scan

    @property
    def volume(self) -> Volume | None:
        """The scan that is shown."""
        return self.shown.scan.volume if self.shown is not None else None

    def set_scan(self, scan: Volume | PreparedScan | None) -> None:
        """Show another scan, without mask and prediction; None shows nothing.

        A large picture should come prepared (see `prepare`), because that takes a moment.
        """
        prepared = prepare(scan) if isinstance(scan, Volume) else scan
        self.shown = Shown(prepared) if prepared is not None else None
        if self.shown is not None:
            self.shown.set_style(self._style)
        self._cancel_tools()
        for pane, slider in zip(self.panes, self.sliders, strict=True):
            slider.blockSignals(True)
            slider.setRange(0, (self.shown.grid.shape[pane.plane] if self.shown is not None else 1) - 1)
            slider.blockSignals(False)
            pane.show_scan(self.shown)
        self._arrange()
        self._show_places()
        self.hovered.emit("")
        if self.shown is not None:
            self.cursorMoved.emit(self.shown.cursor)

    # What lies over it

    def set_labels(self, labels: Labels | None) -> None:
        """Show a mask (planes, rows, columns) uint8; the array is shared: call `refresh` after changing it."""
        if self.shown is not None:
            self.shown.labels = labels
            self._each(PlaneView.overlays_changed)

    def set_reference(self, labels: Labels | None) -> None:
        """Show a second mask beside the first."""
        if self.shown is not None:
            self.shown.reference = labels
            self._each(PlaneView.overlays_changed)

    def set_prediction(self, steps: Steps | None, step: int = 0) -> None:
        """Show where logits (planes, rows, columns) int8, in steps of 0.1, reach `step`."""
        if self.shown is not None:
            self.shown.prediction, self.shown.step = steps, step
            self._each(PlaneView.overlays_changed)

    def set_step(self, step: int) -> None:
        """Move the threshold; only the slices shown are looked at."""
        if self.shown is not None and step != self.shown.step:
            self.shown.step = step
            self._each(PlaneView.colours_changed)

    @property
    def step(self) -> int:
        """The threshold, steps of 0.1 logit."""
        return self.shown.step if self.shown is not None else 0

    @property
    def overlay(self) -> OverlayStyle:
        """How everything over the scan is drawn."""
        return self._style

    def legend(self) -> str:
        """Return what the colours mean, as rich text."""
        style = self.shown.style if self.shown is not None else self._style
        words = ((style.prediction, "prediction"), (style.mask, "mask"), (style.unlabelled, "unlabelled"))
        return " &nbsp; ".join(
            f"<span style='color: rgb({red}, {green}, {blue})'>■</span> {text}" for (red, green, blue), text in words
        )

    def set_overlay(self, style: OverlayStyle) -> None:
        """Draw masks and predictions differently."""
        self._style = style
        if self.shown is not None:
            self.shown.set_style(style)
            self._each(PlaneView.colours_changed)

    def refresh(self, box: Box | None = None) -> None:
        """Show the mask anew: only what a box of it covers, or all of it."""
        for pane in self.panes:
            if box is None:
                pane.overlays_changed()
            else:
                pane.refresh(box)

    # Window, level, channel

    @property
    def channel(self) -> int:
        """Number of the channel shown, or `COLOUR`."""
        return self.shown.channel if self.shown is not None else 0

    def set_channel(self, channel: int) -> None:
        """Show a channel; `COLOUR` shows those of a photograph together."""
        shown = self.shown
        if shown is None or channel == shown.channel:
            return
        if channel == COLOUR and not shown.scan.volume.is_photograph:
            return
        if channel < len(shown.channels):
            shown.channel = channel
            self._each(PlaneView.slice_changed)
            self.windowChanged.emit()

    @property
    def window_shown(self) -> Window:
        """Window and level of the channel shown."""
        return self.shown.window if self.shown is not None else Window(0.0, 1.0)

    def set_window(self, window: Window) -> None:
        """Change window and level of the channel shown."""
        if self.shown is not None and window != self.shown.window:
            self.shown.window = window
            self._each(PlaneView.window_changed)
            self.windowChanged.emit()

    def set_inverted(self, on: bool) -> None:
        """Show black as white."""
        if self.shown is not None:
            self.shown.is_inverted = on
            self._each(PlaneView.window_changed)

    def set_smooth(self, on: bool) -> None:
        """Smooth between voxels, or show them as they are."""
        if self.shown is not None:
            self.shown.is_smooth = on
            self._each(PlaneView.tool_changed)

    def _drag_window(self, dx: float, dy: float) -> None:
        if self.shown is not None:
            # The first preset fits the scan's values, so that a drag means the same on every scan.
            unit = self.shown.presets[0].window.width / _DRAG_PX
            self.set_window(self.shown.window.dragged(dx, dy, max(unit, 1e-6)))

    # Places

    @property
    def crosshair(self) -> Voxel:
        """The voxel under the crosshair."""
        return self.shown.cursor if self.shown is not None else (0, 0, 0)

    def set_crosshair(self, voxel: Voxel) -> None:
        """Put the crosshair on the nearest voxel of the scan; all planes follow."""
        shown = self.shown
        if shown is None:
            return
        before, shown.cursor = shown.cursor, shown.moved(voxel)
        if shown.cursor == before:
            return
        for pane in self.panes:
            if shown.cursor[pane.plane] != before[pane.plane]:
                pane.slice_changed()
            else:
                pane.cross_moved(before)
        self._show_places()
        self.cursorMoved.emit(shown.cursor)

    def scroll_by(self, plane: Plane, further: int) -> None:
        """Show a slice further along."""
        self.show_slice(plane, self.crosshair[plane] + further)

    def show_slice(self, plane: Plane, index: int) -> None:
        """Show slice `index` of a plane."""
        voxel = list(self.crosshair)
        voxel[plane] = index
        self.set_crosshair((voxel[0], voxel[1], voxel[2]))

    def look_at(self, box: Box) -> None:
        """Put the crosshair in the middle of a box and zoom to it in every plane."""
        p, r, c = ((a + b) // 2 for a, b in zip(box.start, box.stop, strict=True))
        self.set_crosshair((p, r, c))
        for pane in self.panes:
            pane.look_at(box)

    def fit(self) -> None:
        """Show whole slices."""
        for pane in self.panes:
            pane.fit()

    def set_cross_visible(self, on: bool) -> None:
        """Show or hide the crosshair."""
        for pane in self.panes:
            pane.shows_cross = on
            pane.update()

    # Layout

    @property
    def alone(self) -> Plane | None:
        """The plane that is shown alone; None while all three are."""
        if self.shown is not None and self.shown.grid.is_2d:
            return Plane.AXIAL
        return self._alone

    def toggle_alone(self, plane: Plane) -> None:
        """Show one plane alone, or all three again."""
        self._alone = plane if self._alone is None else None
        self._arrange()

    def _arrange(self) -> None:
        alone = self.alone
        for frame in self._frames:
            self._layout.removeWidget(frame)
        if alone is None:
            self._layout.addWidget(self._frames[Plane.AXIAL], 0, 0, 2, 1)
            self._layout.addWidget(self._frames[Plane.CORONAL], 0, 1)
            self._layout.addWidget(self._frames[Plane.SAGITTAL], 1, 1)
        else:
            self._layout.addWidget(self._frames[alone], 0, 0, 2, 2)
        self._layout.setColumnStretch(0, 3)
        self._layout.setColumnStretch(1, 2 if alone is None else 0)
        flat = self.shown is not None and self.shown.grid.is_2d
        for plane, frame in zip(Plane, self._frames, strict=True):
            frame.setVisible(alone in (None, plane))
            self.sliders[plane].setVisible(not flat)
        self.layoutChanged.emit()

    # Tools

    def set_tool(self, tool: Tool | None) -> None:
        """Take another tool into the hand; None: the crosshair."""
        self._cancel_tools()
        chosen = tool if tool is not None else NavigateTool(self.set_crosshair)
        shape = Qt.CursorShape.ArrowCursor if tool is None else Qt.CursorShape.CrossCursor
        for pane in self.panes:
            pane.tool = chosen
            pane.setCursor(shape)
            pane.tool_changed()

    def tool_changed(self) -> None:
        """The tool's size or sketch changed."""
        self._each(PlaneView.tool_changed)

    def _cancel_tools(self) -> None:
        for pane in self.panes:
            pane.tool.cancel()

    # Words

    def _each(self, do: Callable[[PlaneView], None]) -> None:
        for pane in self.panes:
            do(pane)

    def _show_places(self) -> None:
        for plane, slider, caption in zip(Plane, self.sliders, self.captions, strict=True):
            slider.blockSignals(True)
            slider.setValue(self.crosshair[plane])
            slider.blockSignals(False)
            caption.setText(self._caption(plane))

    def _caption(self, plane: Plane) -> str:
        if self.shown is None:
            return ""
        grid = self.shown.grid
        if grid.is_2d:
            return f"{grid.shape[2]} × {grid.shape[1]} pixels"
        place = slice_in_words(grid, plane, self.crosshair)
        return f"{plane.text} {self.crosshair[plane] + 1} / {grid.shape[plane]}" + (f" · {place}" if place else "")

    def _say(self, voxel: Voxel | None) -> None:
        shown = self.shown
        self.hovered.emit("" if shown is None or voxel is None else words_at(shown, voxel))


def words_at(shown: Shown, voxel: Voxel) -> str:
    """Return what is known about a voxel inside the scan: where, value, label, probability."""
    grid = shown.grid
    numbers = [v + 1 for v in (voxel[1:] if grid.is_2d else voxel)]
    parts = [("row {}, column {}" if grid.is_2d else "plane {}, row {}, column {}").format(*numbers)]
    place = "" if grid.is_2d else place_in_words(grid, voxel)
    if place:
        parts.append(place)
    values = ", ".join(f"{value:.5g}" for value in shown.value_at(voxel))
    parts.append(f"{'RGB' if shown.channel == COLOUR else shown.channels[shown.channel]} {values}")
    if shown.labels is not None:
        label = int(shown.labels[voxel])
        parts += [{FOREGROUND: "lesion", UNLABELLED: "unlabelled"}[label]] if label else []
    if shown.prediction is not None:
        parts.append(f"probability {probability_of(int(shown.prediction[voxel])):.3f}")
    return "  ·  ".join(parts)
