"""A push button that belongs to an action."""

from __future__ import annotations

from PySide6.QtGui import QAction
from PySide6.QtWidgets import QPushButton, QWidget

from app.theme import icon_name, set_icon


class ActionButton(QPushButton):
    """A push button that does an action and follows its text, icon, tooltip and availability.

    Parameters
    ----------
    main
        Whether it is the one main button of its place.
    text
        What it says instead of the action's text.
    """

    def __init__(self, action: QAction, *, main: bool = False, text: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._action = action
        self._text = text
        self._main = main
        self.setObjectName(f"button-{action.objectName()}")
        if main:
            self.setProperty("role", "primary")
        self.clicked.connect(action.trigger)
        action.changed.connect(self._follow)
        self._follow()

    def _follow(self) -> None:
        self.setText(self._text or self._action.text())
        self.setToolTip(self._action.toolTip())
        self.setEnabled(self._action.isEnabled())
        name = icon_name(self._action)
        if name and name != icon_name(self):
            set_icon(self, name, colour="accent_text" if self._main else "")
