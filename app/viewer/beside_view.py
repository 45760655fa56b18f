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
            view.set_prediction(None)
        else:
            self._share_masks(kind)

    def _share_masks(self, kind: Beside) -> None:
        main, view = self._main, self.view
        view.set_labels(main.labels if kind in (Beside.MASK, Beside.CHANNEL) else None)
        with_prediction = kind in (Beside.PREDICTION, Beside.CHANNEL)
        view.set_prediction(main.steps if with_prediction else None, main.step)
        view.set_overlay(dataclasses.replace(main.overlay, compare=main.overlay.compare and kind is Beside.CHANNEL))

    def _masks_changed(self) -> None:
        """The mask is shared with the main viewer, which edits it: draw it anew."""
        data = self.what.currentData()
        if not self.isVisible() or data is None or self._main.volume is None:
            return
        if data[0] in (Beside.MASK, Beside.PREDICTION, Beside.CHANNEL):
            self._share_masks(data[0])

    def _jump(self, place: tuple[float, float, float]) -> None:
        self.view.set_crosshair((round(place[0]), round(place[1]), round(place[2])))
