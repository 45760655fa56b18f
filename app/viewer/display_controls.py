"""Controls of what a viewer shows: channel, window presets, overlay."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QFormLayout, QLabel, QSlider, QWidget

from app.viewer.rendering import BOTH, CT_PRESETS, ONLY_MASK, ONLY_PREDICTED, Overlay, Window, looks_like_ct
from app.viewer.scan_view import ScanView

#: The style that colours mask and prediction by where they agree.
RIGHT_AND_WRONG = "Right and wrong"
HIDDEN = "Hidden"
_PLAIN = ("Fill and outline", "Fill", "Outline")
_AUTOMATIC, _FULL, _OWN = "Automatic", "Full range", "As dragged"


class DisplayControls(QWidget):
    """Channel, window and overlay of a `ScanView`."""

    def __init__(self, view: ScanView, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._view = view
        self._earlier = self._before_hidden = "Fill and outline"
        self.channel = QComboBox()
        self.channel.setAccessibleName("Channel")
        self.channel.setToolTip("Which channel is shown (keys 1 to 9)")
        self.window_preset = QComboBox()
        self.window_preset.setAccessibleName("Intensity window")
        self.window_preset.setToolTip("Presets of window and level; drag with the right button to set your own")
        self.style_box = QComboBox()
        self.style_box.addItems([*_PLAIN, RIGHT_AND_WRONG, HIDDEN])
        self.style_box.setAccessibleName("Overlay style")
        self.style_box.setToolTip("How masks are drawn over the scan")
        self.opacity = QSlider(Qt.Orientation.Horizontal)
        self.opacity.setRange(5, 100)
        self.opacity.setValue(round(100 * view.overlay.opacity))
        self.opacity.setAccessibleName("Overlay opacity")
        self.opacity.setToolTip("How strongly masks cover the scan")
        self.legend = QLabel(_legend())
        self.legend.setProperty("role", "small")
        self.legend.setWordWrap(True)
        self.legend.hide()
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.addRow("Channel", self.channel)
        form.addRow("Window", self.window_preset)
        form.addRow("Overlay", self.style_box)
        form.addRow("Opacity", self.opacity)
        form.addRow(self.legend)
        self.channel.currentIndexChanged.connect(self._channel_chosen)
        self.window_preset.activated.connect(self._preset_chosen)
        self.style_box.currentIndexChanged.connect(self._overlay_chosen)
        self.opacity.valueChanged.connect(self._overlay_chosen)
        view.windowChanged.connect(self._window_changed)

    def scan_changed(self) -> None:
        """Offer what fits the scan that is shown."""
        volume = self._view.volume
        self.channel.blockSignals(True)
        self.channel.clear()
        if volume is not None:
            self.channel.addItems(["Colour"] if volume.is_photograph else list(volume.channels))
        self.channel.blockSignals(False)
        self.channel.setEnabled(volume is not None and not volume.is_photograph and len(volume.channels) > 1)
        self._offer_presets()

    def _offer_presets(self) -> None:
        volume = self._view.volume
        names = [_AUTOMATIC]
        if volume is not None and not volume.is_photograph and looks_like_ct(volume.voxels[self._view.channel]):
            names += [name for name, _, _ in CT_PRESETS]
        names.append(_FULL)
        self.window_preset.clear()
        self.window_preset.addItems([*names, _OWN])
        self.window_preset.setEnabled(volume is not None and not volume.is_photograph)

    def toggle_compare(self) -> None:
        """Colour mask and prediction by right and wrong, or as before."""
        shown = self.style_box.currentText()
        if shown != RIGHT_AND_WRONG:
            self._earlier = shown
        self.style_box.setCurrentText(self._earlier if shown == RIGHT_AND_WRONG else RIGHT_AND_WRONG)

    def toggle_hidden(self) -> None:
        """Hide what is drawn over the scan, or show it as before."""
        shown = self.style_box.currentText()
        if shown != HIDDEN:
            self._before_hidden = shown
        self.style_box.setCurrentText(self._before_hidden if shown == HIDDEN else HIDDEN)

    @property
    def is_hidden(self) -> bool:
        """Whether masks are hidden."""
        return self.style_box.currentText() == HIDDEN

    def step_style(self) -> None:
        """Draw masks in the next of the plain styles."""
        here = self.style_box.currentText()
        place = _PLAIN.index(here) if here in _PLAIN else -1
        self.style_box.setCurrentText(_PLAIN[(place + 1) % len(_PLAIN)])

    def step_preset(self) -> None:
        """Show the next window; the one that was dragged comes round only where there is one."""
        if self.window_preset.isEnabled():
            presets = self.window_preset.count() - 1
            self.window_preset.setCurrentIndex((self.window_preset.currentIndex() + 1) % presets)
            self._preset_chosen(0)

    def step_channel(self, number: int) -> None:
        """Show channel `number` (1 is the first)."""
        if number <= self.channel.count():
            self.channel.setCurrentIndex(number - 1)

    def _channel_chosen(self, index: int) -> None:
        if self._view.volume is not None and not self._view.volume.is_photograph:
            self._view.set_channel(index)
            self._offer_presets()
            self._window_changed()

    def _preset_chosen(self, _: int) -> None:
        name = self.window_preset.currentText()
        if name == _AUTOMATIC:
            self._view.set_window(self._view.automatic_window(self._view.channel))
        elif name == _FULL and self._view.volume is not None:
            self._view.set_window(full_window(self._view.volume.voxels[self._view.channel]))
        for preset, level, width in CT_PRESETS:
            if preset == name:
                self._view.set_window(Window.of(level, width))
        self.window_preset.setCurrentText(name)

    def _window_changed(self) -> None:
        if self._view.volume is None or self._view.volume.is_photograph:
            return
        window = self._view.window_of(self._view.channel)
        automatic = window == self._view.automatic_window(self._view.channel)
        self.window_preset.setCurrentText(_AUTOMATIC if automatic else _OWN)
        self.window_preset.setToolTip(f"Level {window.level:.4g}, width {window.width:.4g}; drag with the right button")

    def _overlay_chosen(self, _: int) -> None:
        style = self.style_box.currentText()
        self.legend.setVisible(style == RIGHT_AND_WRONG)
        self._view.set_overlay(
            dataclasses.replace(
                self._view.overlay,
                fill="Fill" in style,
                outline="utline" in style,
                visible=style != HIDDEN,
                compare=style == RIGHT_AND_WRONG,
                opacity=self.opacity.value() / 100,
            )
        )


def full_window(channel: NDArray[Any]) -> Window:
    """Return the window from the lowest to the highest finite value of a channel."""
    values = np.asarray(channel)
    if values.dtype.kind == "f":
        values = values[np.isfinite(values)]
    if not values.size:
        return Window(low=0.0, high=1.0)
    low, high = float(values.min()), float(values.max())
    return Window(low=low, high=high if high > low else low + 1.0)


def _legend() -> str:
    """Return what the colours of right and wrong mean, each in its colour."""
    words = ((BOTH, "both"), (ONLY_PREDICTED, "predicted only"), (ONLY_MASK, "mask only"))
    return _squares(words)


def masks_legend(overlay: Overlay, *, doubt: bool = False) -> str:
    """Return which colour the mask and the prediction have, and where members disagree."""
    words = [(overlay.prediction_colour, "prediction"), (overlay.mask_colour, "the case's mask")]
    if doubt:
        words.append((overlay.doubt_colour, "members disagree"))
    return _squares(words)


def _squares(words: Sequence[tuple[tuple[int, int, int], str]]) -> str:
    return " · ".join(f'<span style="color: rgb{colour}">■</span> {text}' for colour, text in words)
