"""Controls of what a viewer shows: channel, window and level, and how masks are drawn."""

from __future__ import annotations

import dataclasses

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from app.theme import SPACE_1, SPACE_2
from app.viewer.overlay_table import OverlayLook
from app.viewer.scan_pictures import COLOUR
from app.viewer.scan_view import ScanView
from app.viewer.window_presets import Preset
from app.viewer.windowing import Window

_OWN = "Own"
_LOOKS = (
    (OverlayLook.BOTH, "Fill and outline"),
    (OverlayLook.OUTLINE, "Outline"),
    (OverlayLook.FILL, "Fill"),
)


class DisplayControls(QWidget):
    """Channel, window and overlay of a `ScanView`."""

    def __init__(self, view: ScanView, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._view = view
        self._presets: tuple[Preset, ...] = ()
        self.channel = QComboBox()
        self.channel.setAccessibleName("Channel")
        self.channel.setToolTip("Which channel is shown (keys 1 to 9)")
        self.preset = QComboBox()
        self.preset.setAccessibleName("Window preset")
        self.preset.setToolTip(
            "Window and level; drag with the right button, or with Ctrl and the left one, to set your own"
        )
        self.level = _number("Level", "The value shown as middle grey")
        self.width_box = _number("Window width", "From black to white")
        self.inverted = QCheckBox("Inverted")
        self.inverted.setToolTip("Show black as white")
        self.smooth = QCheckBox("Smooth")
        self.smooth.setToolTip("Smooth between voxels; off: show the voxels as they are")
        self.smooth.setChecked(True)
        self.look = QComboBox()
        self.look.setAccessibleName("Look of masks")
        self.look.setToolTip("How masks are drawn over the scan")
        for look, text in _LOOKS:
            self.look.addItem(text, look.value)
        self.opacity = QSlider(Qt.Orientation.Horizontal)
        self.opacity.setRange(5, 100)
        self.opacity.setValue(round(100 * view.overlay.opacity))
        self.opacity.setAccessibleName("Opacity of masks")
        self.opacity.setToolTip("How strongly filled masks cover the scan")
        self.visible = QCheckBox("Show masks")
        self.visible.setToolTip("Hide everything that lies over the scan, to see what is below")
        self.visible.setChecked(True)
        self.cross = QCheckBox("Crosshair")
        self.cross.setToolTip("Show where the planes cross")
        self.cross.setChecked(True)
        self._lay_out()
        self._connect()
        self.scan_changed()

    def _lay_out(self) -> None:
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.setSpacing(SPACE_1)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Channel", self.channel)
        form.addRow("Window", self.preset)
        form.addRow("Level", self.level)
        form.addRow("Width", self.width_box)
        form.addRow("Masks", self.look)
        form.addRow("Opacity", self.opacity)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE_2)
        layout.addLayout(form)
        for pair in ((self.visible, self.cross), (self.smooth, self.inverted)):
            row = QHBoxLayout()
            for box in pair:
                row.addWidget(box, 1)
            layout.addLayout(row)

    def _connect(self) -> None:
        self.channel.currentIndexChanged.connect(self._channel_chosen)
        self.preset.activated.connect(self._preset_chosen)
        self.level.valueChanged.connect(self._window_typed)
        self.width_box.valueChanged.connect(self._window_typed)
        self.inverted.toggled.connect(self._view.set_inverted)
        self.smooth.toggled.connect(self._view.set_smooth)
        self.cross.toggled.connect(self._view.set_cross_visible)
        self.look.currentIndexChanged.connect(self._overlay_chosen)
        self.opacity.valueChanged.connect(self._overlay_chosen)
        self.visible.toggled.connect(self._overlay_chosen)
        self._view.windowChanged.connect(self._show_window)

    def scan_changed(self) -> None:
        """Offer what fits the scan that is shown, and go on with the person's choices."""
        shown = self._view.shown
        with QSignalBlocker(self.channel):
            self.channel.clear()
            if shown is not None and shown.scan.volume.is_photograph:
                self.channel.addItem("Colour", COLOUR)
            for number, name in enumerate(shown.channels if shown is not None else ()):
                self.channel.addItem(name.capitalize() if name.islower() else name, number)
        self.channel.setEnabled(self.channel.count() > 1)
        self.setEnabled(shown is not None)
        self._view.set_inverted(self.inverted.isChecked())
        self._view.set_smooth(self.smooth.isChecked())
        self._show_window()

    def choose_channel(self, number: int) -> None:
        """Show channel `number`, counted from 1 as on the keys."""
        if 1 <= number <= self.channel.count():
            self.channel.setCurrentIndex(number - 1)

    def _channel_chosen(self, row: int) -> None:
        if row >= 0:
            self._view.set_channel(int(self.channel.itemData(row)))

    def _preset_chosen(self, row: int) -> None:
        if row < len(self._presets):
            self._view.set_window(self._presets[row].window)
        self._show_window()

    def _window_typed(self, _: float) -> None:
        self._view.set_window(Window.around(self.level.value(), self.width_box.value()))

    def _show_window(self) -> None:
        shown = self._view.shown
        if shown is None:
            return
        self._presets = shown.presets
        window = shown.window
        with QSignalBlocker(self.channel), QSignalBlocker(self.preset):
            self.channel.setCurrentIndex(self.channel.findData(shown.channel))
            self.preset.clear()
            self.preset.addItems([preset.text for preset in self._presets])
            chosen = next((row for row, preset in enumerate(self._presets) if preset.window == window), -1)
            if chosen < 0:
                self.preset.addItem(_OWN)
                chosen = len(self._presets)
            self.preset.setCurrentIndex(chosen)
        # Steps and decimals that fit the scan's values: whole numbers for CT, thousandths for maps of 0 to 1.
        span = max(self._presets[0].window.width, 1e-6)
        for box, value in ((self.level, window.level), (self.width_box, window.width)):
            with QSignalBlocker(box):
                box.setDecimals(0 if span > 60 else 2 if span > 2 else 4)
                box.setSingleStep(span / 50)
                box.setMinimum(-1e7 if box is self.level else 10.0 ** -box.decimals())
                box.setValue(value)

    def _overlay_chosen(self, *_: object) -> None:
        on = self.visible.isChecked()
        self._view.set_overlay(
            dataclasses.replace(
                self._view.overlay,
                look=OverlayLook(str(self.look.currentData())),
                opacity=self.opacity.value() / 100,
                shows_mask=on,
                shows_prediction=on,
                shows_reference=on,
            )
        )


def _number(name: str, tip: str) -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setRange(-1e7, 1e7)
    box.setKeyboardTracking(False)
    box.setAccessibleName(name)
    box.setToolTip(tip)
    box.setMinimumWidth(64)
    return box
