"""A line of words over a viewer's corner: what was reached last."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QWidget

from app.theme import SPACE_2


class Caption(QLabel):
    """Lies over `owner`, takes no room and no click; gone while it has nothing to say."""

    def __init__(self, owner: QWidget) -> None:
        super().__init__(owner)
        self.setObjectName("viewer-words")
        self.setAccessibleName("Lesion or error that is shown")
        self.setProperty("role", "chip")
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.move(SPACE_2, SPACE_2)
        self.hide()

    def say(self, text: str) -> None:
        """Say something else; an empty text says nothing."""
        self.setText(text)
        self.adjustSize()
        self.setVisible(bool(text))
        self.raise_()
