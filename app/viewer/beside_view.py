"""The second viewer of the side-by-side layout: another channel, another mask, another case, in the same place."""

from __future__ import annotations

import dataclasses
from enum import Enum

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from app.errors import report_error
from app.session import Session
from app.theme import SPACE_1, SPACE_2
from app.viewer.linked_views import LinkedViews
from app.viewer.scan_view import ScanView
from segcore.errors import RareSegError
from segcore.geometry import Box


class Beside(Enum):
    """What is shown beside; the value is its name on screen."""

    PLAIN = "The scan without masks"
    MASK = "Only the mask"
    PREDICTION = "Only the prediction"
    CHANNEL = "Channel"
    VERSION = "Mask version"
    CASE = "Another case"


class BesideView(QWidget):
    """A viewer that follows another one and shows something else of it.

    Signals
    -------
    hovered(str)
        What is under the mouse, in words.
    """

    hovered = Signal(str)

    def __init__(self, session: Session, view: ScanView, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session, self._main = session, view
        self._case = ""
        self.view = ScanView()
        self.links = LinkedViews(view, self.view, self)
        self.what = QComboBox()
        self.what.setAccessibleName("What is shown beside")
        self.what.setToolTip("Another channel, an earlier mask, the mask or the prediction alone, or another case")
        self.other = QComboBox()
        self.other.setAccessibleName("Case shown beside")
        self.other.setToolTip("The case that is shown beside; it has its own mask")
        self.other.hide()
        row = QHBoxLayout()
        row.addWidget(QLabel("Beside"))
        row.addWidget(self.what, 1)
        row.addWidget(self.other, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE_2, 0, 0, 0)
        layout.setSpacing(SPACE_1)
        layout.addLayout(row)
        layout.addWidget(self.view, 1)
        self.what.currentIndexChanged.connect(lambda _: self._show_chosen())
        self.other.currentIndexChanged.connect(lambda _: self._show_chosen())
        self.view.pressed.connect(lambda axis, place, event: self._jump(place))
        self.view.moved.connect(lambda axis, place, event: self._jump(place))
        self.view.doubleClicked.connect(lambda axis, place, event: self.view.toggle_single(axis))
        self.view.hovered.connect(self.hovered)
        view.masksChanged.connect(self._masks_changed)
        view.edited.connect(self._edited)
        view.overlayChanged.connect(self._masks_changed)
        view.windowChanged.connect(self._follow_window)
        view.scanChanged.connect(self._scan_changed)
        self.view.windowChanged.connect(self._lead_window)

    def show_case(self, case: str) -> None:
        """Offer what there is of another case, and show the same kind of thing as before."""
        self._case = case
        chosen = self.what.currentText()
        self.what.blockSignals(True)
        self.what.clear()
        for text, kind, number in self._offers():
            self.what.addItem(text, (kind, number))
        self.what.setCurrentIndex(max(0, self.what.findText(chosen)))
        self.what.blockSignals(False)
        self._offer_cases()
        self._show_chosen()

    def _offers(self) -> list[tuple[str, Beside, int]]:
        offers = [(kind.value, kind, 0) for kind in (Beside.PLAIN, Beside.MASK, Beside.PREDICTION)]
        volume = self._main.volume
        if volume is not None and not volume.is_photograph and len(volume.channels) > 1:
            offers = [
                (f"{Beside.CHANNEL.value} {name}", Beside.CHANNEL, number)
                for number, name in enumerate(volume.channels)
            ][::-1] + offers
        if self._case and self._session.project is not None:
            for version in reversed(self._session.project.mask_versions(self._case)):
                when = version.time[:16].replace("T", " ")
                text = f"{Beside.VERSION.value} {version.number}, {version.author}, {when}"
                offers.append((text, Beside.VERSION, version.number))
        if len(self._session.cases()) > 1:
            offers.append((Beside.CASE.value, Beside.CASE, 0))
        return offers

    def _offer_cases(self) -> None:
        chosen = self.other.currentText()
        self.other.blockSignals(True)
        self.other.clear()
        self.other.addItems([case.id for case in self._session.cases() if case.id != self._case])
        self.other.setCurrentIndex(max(0, self.other.findText(chosen)))
        self.other.blockSignals(False)

    def _show_chosen(self) -> None:
        main, view, data = self._main, self.view, self.what.currentData()
        if data is None or main.volume is None:
            view.set_scan(None)
            return
        kind, number = data
        self.other.setVisible(kind is Beside.CASE)
        self.links.stop()
        try:
            if kind is Beside.CASE:
                project = self._session.opened
                view.set_scan(project.scan(self.other.currentText()))
                view.set_labels(project.mask(self.other.currentText()).labels)
            else:
                self._show_of_this_case(kind, number)
        except RareSegError as error:
            report_error(self, error)
            view.set_scan(None)
            return
        self.links.start()

    def _show_of_this_case(self, kind: Beside, number: int) -> None:
        main, view = self._main, self.view
        if view.volume is not main.volume:
            view.set_scan(main.volume)
        view.set_channel(number if kind is Beside.CHANNEL else main.channel)
        view.set_window(main.window_of(view.channel))
        if kind is Beside.VERSION:
            view.set_labels(self._session.opened.mask_version(self._case, number).labels)
        self._share_masks(kind)

    def _share_masks(self, kind: Beside) -> None:
        """Show what the main viewer shows of this kind; nothing is done where that is so already."""
        main, view = self._main, self.view
        if kind is not Beside.VERSION:
            labels = main.labels if kind in (Beside.MASK, Beside.CHANNEL) else None
            if labels is not view.labels:
                view.set_labels(labels)
        steps = main.steps if kind in (Beside.PREDICTION, Beside.CHANNEL) else None
        if steps is not view.steps:
            view.set_prediction(steps, main.step)
        elif view.step != main.step:
            view.set_step(main.step)
        overlay = dataclasses.replace(main.overlay, compare=main.overlay.compare and kind is Beside.CHANNEL)
        if overlay != view.overlay:
            view.set_overlay(overlay)

    @property
    def _kind(self) -> Beside | None:
        """What is shown beside; None while nothing is."""
        data = self.what.currentData()
        return data[0] if data is not None and self._main.volume is not None and self.isVisible() else None

    def _masks_changed(self) -> None:
        if self._kind is Beside.CASE and self.view.overlay != self._main.overlay:
            self.view.set_overlay(self._main.overlay)
        elif self._kind not in (None, Beside.CASE):
            self._share_masks(self._kind)

    def _edited(self, box: Box) -> None:
        """The mask is shared with the main viewer, which changed it inside a box."""
        if self._kind is not None and self.view.labels is self._main.labels:
            self.view.refresh(box)

    def _scan_changed(self) -> None:
        if self._main.volume is None:
            self.view.set_scan(None)

    def _follow_window(self) -> None:
        """Show the same channel and window, unless another channel or case is looked at here."""
        main, view = self._main, self.view
        if self._kind is None or view.volume is not main.volume:
            return
        if self._kind is not Beside.CHANNEL and view.channel != main.channel:
            view.set_channel(main.channel)
        if view.channel == main.channel and view.window_of(view.channel) != main.window_of(main.channel):
            view.set_window(main.window_of(main.channel))

    def _lead_window(self) -> None:
        main, view = self._main, self.view
        same = view.volume is main.volume and view.channel == main.channel
        if self._kind is not None and same and view.window_of(view.channel) != main.window_of(main.channel):
            main.set_window(view.window_of(view.channel))

    def _jump(self, place: tuple[float, float, float]) -> None:
        self.view.set_crosshair((round(place[0]), round(place[1]), round(place[2])))
