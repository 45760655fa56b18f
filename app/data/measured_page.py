"""A page that shows a measurement: a sentence on top, a thin bar while it is measured, and the value below."""

from __future__ import annotations

from typing import Generic, TypeVar

from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QVBoxLayout, QWidget

from app.data.measurement import Measurement
from app.theme import SPACE_2, SPACE_3

T = TypeVar("T")


class MeasuredPage(QWidget, Generic[T]):
    """Asks for the measurement while it is shown; what it shows stays until a newer value is there."""

    def __init__(self, measurement: Measurement[T], waiting: str) -> None:
        super().__init__()
        self.measurement = measurement
        self._waiting = waiting
        self._shown: T | None = None
        self.sentence = QLabel()
        self.sentence.setWordWrap(True)
        self.sentence.setProperty("role", "heading")
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(4)
        self.bar.setAccessibleName(waiting)
        self.content = QWidget()
        self.page_layout = QVBoxLayout(self)
        self.page_layout.setContentsMargins(0, SPACE_3, 0, 0)
        self.page_layout.setSpacing(SPACE_2)
        self.top = QHBoxLayout()
        self.top.addWidget(self.sentence, 1)
        self.page_layout.addLayout(self.top)
        self.page_layout.addWidget(self.bar)
        self.page_layout.addWidget(self.content, 1)
        self.page_layout.addStretch(0)
        measurement.changed.connect(self._refresh)
        measurement.progressed.connect(self._show_progress)
        self.content.hide()

    def show_value(self, value: T) -> str:
        """Show a new value; return it in a sentence for the top of the page."""
        raise NotImplementedError

    def showEvent(self, event: QShowEvent) -> None:
        """Have it measured."""
        super().showEvent(event)
        self.measurement.want(self, True)
        self._refresh()

    def hideEvent(self, event: QHideEvent) -> None:
        """Nobody looks any more."""
        super().hideEvent(event)
        self.measurement.want(self, False)

    def _refresh(self) -> None:
        value = self.measurement.value
        running = self.measurement.is_running
        self.bar.setVisible(running)
        self.content.setVisible(value is not None)
        if value is None:
            self._shown = None
            self.bar.setRange(0, 0)
            self.sentence.setText(self.measurement.error or self._waiting)
        elif value is not self._shown:
            self._shown = value
            self.sentence.setText(self.show_value(value))

    def _show_progress(self, done: int, total: int) -> None:
        self.bar.setRange(0, total)
        self.bar.setValue(done)
        if self.measurement.value is None:
            self.sentence.setText(f"{self._waiting} {done:,} of {total:,} cases.")
