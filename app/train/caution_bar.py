"""Dangers in the recipe of the form, one at a time: what, why, and a button that mends it."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from app.theme import SPACE_1, SPACE_2, set_icon
from segcore.training.situation import Caution


class CautionBar(QFrame):
    """The most consequential danger first; the others by a button. Hidden where there is none.

    Signals
    -------
    mendAsked(object)
        The person wants the recipe that this `Caution` leads to.
    """

    mendAsked = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("cautions")
        self.setProperty("role", "banner-warning")
        self._cautions: tuple[Caution, ...] = ()
        self._place = 0
        icon = QLabel()
        set_icon(icon, "warning")
        self._words = QLabel()
        self._words.setObjectName("caution-sentence")
        self._words.setWordWrap(True)
        self._mend = QPushButton()
        self._mend.setObjectName("caution-mend")
        self._mend.setToolTip("Changes the form; nothing else happens.")
        self._mend.clicked.connect(self._asked)
        self._next = QPushButton()
        self._next.setObjectName("caution-next")
        self._next.setProperty("role", "link")
        self._next.setToolTip("Shows the next danger in this recipe.")
        self._next.clicked.connect(self._show_next)
        buttons = QHBoxLayout()
        buttons.addWidget(self._mend)
        buttons.addStretch(1)
        buttons.addWidget(self._next)
        column = QVBoxLayout()
        column.setSpacing(SPACE_1)
        column.addWidget(self._words)
        column.addLayout(buttons)
        row = QHBoxLayout(self)
        row.setContentsMargins(SPACE_2, SPACE_2, SPACE_2, SPACE_2)
        row.setSpacing(SPACE_2)
        row.addWidget(icon)
        row.addLayout(column, 1)
        self.hide()

    @property
    def shown(self) -> Caution | None:
        """The danger that is shown."""
        return self._cautions[self._place] if self._cautions else None

    def show_cautions(self, cautions: tuple[Caution, ...]) -> None:
        """Show other dangers; the one that is shown stays where it is still there."""
        name = self.shown.name if self.shown is not None else ""
        self._cautions = cautions
        self._place = next((n for n, caution in enumerate(cautions) if caution.name == name), 0)
        self.setVisible(bool(cautions))
        self._show()

    def _show(self) -> None:
        caution = self.shown
        if caution is None:
            return
        self._words.setText(caution.sentence)
        self._mend.setText(caution.mend)
        self._mend.setAccessibleDescription(caution.sentence)
        several = len(self._cautions) > 1
        self._next.setVisible(several)
        self._next.setText(f"{self._place + 1} of {len(self._cautions)}: next")

    def _show_next(self) -> None:
        self._place = (self._place + 1) % len(self._cautions)
        self._show()

    def _asked(self) -> None:
        if self.shown is not None:
            self.mendAsked.emit(self.shown)
