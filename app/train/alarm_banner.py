"""The alarm of a run: what was measured, against which limit, what to do about it, and a button that does it."""

from __future__ import annotations

import math

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from app.theme import SPACE_2, SPACE_3, set_icon
from segcore.training.events import Alarm, AlarmKind
from segcore.training.remedies import REMEDIES


class AlarmBanner(QFrame):
    """The latest alarm of the run that is shown; hidden where there is none.

    Signals
    -------
    remedyAsked(object)
        The person wants the remedy for this `AlarmKind` in the form.
    rescueAsked(object)
        The person wants it applied to the run that is going on.
    """

    remedyAsked = Signal(object)
    rescueAsked = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("alarm")
        self.setProperty("role", "banner-error")
        self._kind: AlarmKind | None = None
        self._icon = QLabel()
        set_icon(self._icon, "warning", edge=24)
        self._heading = QLabel()
        self._heading.setProperty("role", "heading")
        self._heading.setObjectName("alarm-heading")
        self._sentence = QLabel()
        self._sentence.setWordWrap(True)
        self._sentence.setObjectName("alarm-sentence")
        self._numbers = QLabel()
        self._numbers.setProperty("role", "small")
        self._numbers.setObjectName("alarm-numbers")
        self._button = QPushButton("Use the remedy")
        self._button.setObjectName("alarm-remedy")
        self._button.clicked.connect(lambda: self.remedyAsked.emit(self._kind))
        self._rescue = QPushButton("Rescue this run")
        self._rescue.setObjectName("alarm-rescue")
        self._rescue.setProperty("role", "primary")
        self._rescue.clicked.connect(lambda: self.rescueAsked.emit(self._kind))
        words = QVBoxLayout()
        words.setSpacing(2)
        for label in (self._heading, self._sentence, self._numbers):
            words.addWidget(label)
        row = QHBoxLayout(self)
        row.setContentsMargins(SPACE_3, SPACE_2, SPACE_3, SPACE_2)
        row.setSpacing(SPACE_3)
        row.addWidget(self._icon)
        row.addLayout(words, 1)
        row.addWidget(self._button)
        row.addWidget(self._rescue)
        self.show_alarm(None)

    def show_alarm(self, alarm: Alarm | None, *, live: bool = False) -> None:
        """Show an alarm, or nothing; `live` is whether its run still goes on."""
        self.setVisible(alarm is not None)
        if alarm is None:
            return
        self._kind = alarm.kind
        self._heading.setText(f"{alarm.kind.value.capitalize()} (step {alarm.step})")
        self._sentence.setText(f"{alarm.sentence} {alarm.remedy}")
        measured = "not a number" if math.isnan(alarm.measured) else f"{alarm.measured:.3g}"
        self._numbers.setText(f"measured {measured} · limit {alarm.limit:.3g}")
        self._numbers.setVisible(math.isfinite(alarm.limit))
        remedy = REMEDIES.get(alarm.kind)
        self._button.setVisible(remedy is not None)
        self._rescue.setVisible(remedy is not None and live)
        if remedy is not None:
            self._button.setToolTip(f"Puts into the form: {remedy.words}. Start then begins a new run.")
            self._rescue.setToolTip(f"The run goes on from its best weights, with: {remedy.words}.")
