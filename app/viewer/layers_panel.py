"""What can be laid over a scan besides its mask: a second channel, a map, another mask, a prediction; and the colours."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QCheckBox, QComboBox, QFormLayout, QFrame, QLabel, QSlider, QWidget

from app.errors import report_error
from app.session import Session
from app.settings import Settings
from app.theme import SPACE_3
from app.viewer.colour_maps import COLOUR_MAPS, DEFAULT_PALETTE, PALETTES, with_palette
from app.viewer.layers import FusionLayer, MapKind, PredictionMap, ReferenceLayer
from app.viewer.scan_view import ScanView
from segcore.errors import RareSegError

_NONE = "None"
_MAPS = tuple(MapKind)


class LayersPanel(QFrame):
    """Controls of the layers of a viewer; lies over it below the button, and stays while one looks what they do.

    Signals
    -------
    paletteChanged()
        Masks have other colours.
    closed()
        Escape was pressed.
    """

    paletteChanged = Signal()
    closed = Signal()

    def __init__(self, view: ScanView, session: Session, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "card")
        self.hide()
        self._view, self._session, self._settings = view, session, settings
        self._case = ""
        self._numbers = [0]
        self.fusion, self.map, self.reference = FusionLayer(view), PredictionMap(view), ReferenceLayer(view)
        self.channel = _combo("Channel laid over", "A registered channel in colour over the one that is shown")
        self.channel_map = _combo("Colours of that channel", "Dark to bright in brightness too", COLOUR_MAPS)
        self.blend = _slider("Strength of that channel", "From the first channel alone to the second alone", 50)
        self.kind = _combo("Map", "What the model says, voxel by voxel", [kind.value for kind in _MAPS])
        self.map_colours = _combo("Colours of the map", "Dark is low, bright is high", COLOUR_MAPS)
        self.strength = _slider("Strength of the map", "How strongly the map covers the scan", 60)
        self.version = _combo("Another mask of this case", "An earlier version, as a yellow outline")
        self.filled = QCheckBox("Filled")
        self.filled.setToolTip("Fill the other mask, not only its outline")
        self.palette_box = _combo(
            "Colours of masks", "Sets that are told apart with every common colour blindness", tuple(PALETTES)
        )
        self.notice = QLabel()
        self.notice.setProperty("role", "small")
        self.notice.setWordWrap(True)
        self.form = QFormLayout(self)
        self.form.setContentsMargins(SPACE_3, SPACE_3, SPACE_3, SPACE_3)
        self._lay_out()
        self.setFixedWidth(360)
        self._read_settings()
        self._connect()

    def _lay_out(self) -> None:
        for text, widget in (
            ("Channel over it", self.channel),
            ("Its colours", self.channel_map),
            ("Its strength", self.blend),
            ("Map", self.kind),
            ("Its colours", self.map_colours),
            ("Its strength", self.strength),
            ("Another mask", self.version),
            ("", self.filled),
            ("Mask colours", self.palette_box),
        ):
            self.form.addRow(text, widget)
        self.form.addRow(self.notice)

    def _read_settings(self) -> None:
        """Take over what the person chose, here or in another workspace."""
        self.palette_box.setCurrentText(self._settings.text("viewer/palette", DEFAULT_PALETTE))
        self.channel_map.setCurrentText(self._settings.text("viewer/fusion-colours", "Inferno"))
        self.map_colours.setCurrentText(self._settings.text("viewer/map-colours", "Viridis"))
        self._apply_palette()

    def _connect(self) -> None:
        self.channel.activated.connect(lambda _: self._show_fusion())
        self.channel_map.activated.connect(lambda _: self._keep("viewer/fusion-colours", self.channel_map))
        self.channel_map.currentIndexChanged.connect(lambda _: self._show_fusion())
        self.blend.valueChanged.connect(lambda value: self.fusion.set_opacity(value / 100))
        self.kind.currentIndexChanged.connect(lambda _: self._show_map())
        self.map_colours.activated.connect(lambda _: self._keep("viewer/map-colours", self.map_colours))
        self.map_colours.currentIndexChanged.connect(lambda _: self._show_map())
        self.strength.valueChanged.connect(lambda value: self.map.set_opacity(value / 100))
        self.version.currentIndexChanged.connect(lambda _: self._show_version())
        self.filled.toggled.connect(lambda _: self._show_version())
        self.palette_box.activated.connect(lambda _: self._keep("viewer/palette", self.palette_box))
        self.palette_box.currentIndexChanged.connect(lambda _: self._apply_palette())
        self._view.masksChanged.connect(self._say)

    def show_case(self, case: str) -> None:
        """Offer what there is of another case; a map stays on from case to case."""
        self._case = case
        self._read_settings()
        volume = self._view.volume
        several = volume is not None and not volume.is_photograph and len(volume.channels) > 1
        chosen = self.channel.currentText()
        _fill(self.channel, [_NONE, *(volume.channels if several and volume is not None else ())], chosen)
        for widget in (self.channel, self.channel_map, self.blend):
            widget.setEnabled(several)
        versions = self._session.project.mask_versions(case) if self._session.project is not None and case else ()
        _fill(
            self.version,
            [_NONE, *(f"{v.number}: {v.author}, {v.time[:16].replace('T', ' ')}" for v in reversed(versions))],
            _NONE,
        )
        self._numbers = [0, *(v.number for v in reversed(versions))]
        self._show_fusion()
        self._show_version()
        self._say()

    def event(self, event: QEvent) -> bool:
        escape = isinstance(event, QKeyEvent) and event.key() == Qt.Key.Key_Escape
        if escape and event.type() == QEvent.Type.ShortcutOverride:
            event.accept()  # or another command's Escape would be done instead
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.hide()
            self.closed.emit()
        else:
            super().keyPressEvent(event)

    # What keys do

    def step_map(self) -> None:
        """Show the next map, or none after the last."""
        self.kind.setCurrentIndex((self.kind.currentIndex() + 1) % self.kind.count())

    def toggle_fusion(self) -> None:
        """Lay the second channel over the first, or take it away."""
        if self.channel.count() < 2:
            return
        if self.channel.currentIndex() > 0:
            self.channel.setCurrentIndex(0)
        else:
            self.channel.setCurrentIndex(1 if self._view.channel != 0 else 2)
        self._show_fusion()

    @property
    def is_fused(self) -> bool:
        """Whether a second channel lies over the first."""
        return self.fusion.is_shown

    # Showing

    def _show_fusion(self) -> None:
        self.fusion.set_channel(self.channel.currentIndex() - 1, self.channel_map.currentText())

    def _show_map(self) -> None:
        self.map.set_kind(_MAPS[self.kind.currentIndex()], self.map_colours.currentText())
        self._say()

    def _show_version(self) -> None:
        number = self._numbers[self.version.currentIndex()] if self.version.currentIndex() > 0 else 0
        try:
            labels = self._session.opened.mask_version(self._case, number).labels if number else None
        except RareSegError as error:
            report_error(self.parentWidget() or self, error)
            labels = None
        self.reference.set_labels(labels, filled=self.filled.isChecked())

    def _apply_palette(self) -> None:
        overlay = with_palette(self._view.overlay, self.palette_box.currentText())
        if overlay != self._view.overlay:
            self._view.set_overlay(overlay)
            self.paletteChanged.emit()

    def _keep(self, key: str, box: QComboBox) -> None:
        self._settings.store(key, box.currentText())

    def _say(self) -> None:
        wanted = _MAPS[self.kind.currentIndex()] is not MapKind.NOTHING
        without = wanted and self._view.steps is None
        self.notice.setText("The map needs a prediction, and none is shown." if without else "")


def _combo(name: str, tooltip: str, entries: tuple[str, ...] | list[str] = ()) -> QComboBox:
    box = QComboBox()
    box.setAccessibleName(name)
    box.setToolTip(tooltip)
    box.addItems(list(entries))
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    return box


def _slider(name: str, tooltip: str, value: int) -> QSlider:
    slider = QSlider(Qt.Orientation.Horizontal)
    slider.setRange(0, 100)
    slider.setValue(value)
    slider.setAccessibleName(name)
    slider.setToolTip(tooltip)
    return slider


def _fill(box: QComboBox, entries: list[str], chosen: str) -> None:
    box.blockSignals(True)
    box.clear()
    box.addItems(entries)
    box.setCurrentIndex(max(0, box.findText(chosen)))
    box.blockSignals(False)
