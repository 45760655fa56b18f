"""What an empty place shows: what belongs here, what to do next, and the button for it."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from app.theme import SPACE_2, SPACE_3, SPACE_4, set_icon
from app.widgets.action_button import ActionButton

_TEXT_WIDTH = 480


class EmptyState(QWidget):
    """An icon, a title, one or two plain sentences, and up to three buttons (the first one is the main one).

    Parameters
    ----------
    actions
        What the buttons do; they take text, tooltip and availability from the action.
    """

    def __init__(
        self,
        icon: str,
        title: str,
        text: str,
        actions: Sequence[QAction] = (),
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        picture = QLabel()
        set_icon(picture, icon, edge=56, colour="muted")
        picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.title = QLabel(title)
        self.title.setProperty("role", "title")
        self.title.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.text = QLabel(text)
        self.text.setProperty("role", "muted")
        self.text.setWordWrap(True)
        self.text.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.text.setFixedWidth(_TEXT_WIDTH)
        row = QHBoxLayout()
        row.setSpacing(SPACE_2)
        row.addStretch(1)
        self.buttons = tuple(ActionButton(action, main=index == 0) for index, action in enumerate(actions))
        for button in self.buttons:
            row.addWidget(button)
        row.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE_4, SPACE_4, SPACE_4, SPACE_4)
        layout.setSpacing(SPACE_3)
        layout.addStretch(2)
        layout.addWidget(picture)
        layout.addWidget(self.title)
        layout.addWidget(self.text, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addSpacing(SPACE_2)
        layout.addLayout(row)
        layout.addStretch(3)

    def set_text(self, title: str, text: str) -> None:
        """Say something else."""
        self.title.setText(title)
        self.text.setText(text)
        self._fit_text()

    def showEvent(self, event: QShowEvent) -> None:
        """Measure the text once its font is known."""
        super().showEvent(event)
        self._fit_text()

    def _fit_text(self) -> None:
        # A wrapped label inside an aligned layout cell is given one line only, unless told what it needs.
        self.text.setMinimumHeight(self.text.heightForWidth(_TEXT_WIDTH))
