"""The rail on the left: one large button per workspace."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QButtonGroup, QFrame, QToolButton, QVBoxLayout

from app.actions import Actions
from app.theme import SPACE_1, SPACE_2, set_icon

WIDTH = 96


class Rail(QFrame):
    """Buttons with icon and label; the shown workspace is marked.

    Parameters
    ----------
    rows
        (name, text, icon) of each workspace.
    """

    def __init__(self, rows: Sequence[tuple[str, str, str]], actions: Actions) -> None:
        super().__init__()
        self.setProperty("role", "rail")
        self.setFixedWidth(WIDTH)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE_2, SPACE_2, SPACE_2, SPACE_2)
        layout.setSpacing(SPACE_1)
        group = QButtonGroup(self)
        group.setExclusive(True)
        self.buttons: dict[str, QToolButton] = {}
        for name, text, icon in rows:
            button = _rail_button(text, icon)
            button.setCheckable(True)
            button.setObjectName(f"rail-{name}")
            action = actions.action(f"view.{name}")
            button.setToolTip(action.toolTip())
            button.clicked.connect(action.trigger)
            group.addButton(button)
            layout.addWidget(button)
            self.buttons[name] = button
        layout.addStretch(1)
        guide = _rail_button("Guide", "help")
        guide.setObjectName("rail-guide")
        guide.setToolTip(actions.action("help.guide").toolTip())
        guide.clicked.connect(actions.action("help.guide").trigger)
        layout.addWidget(guide)

    def mark(self, name: str) -> None:
        """Mark the workspace that is shown."""
        self.buttons[name].setChecked(True)


def _rail_button(text: str, icon: str) -> QToolButton:
    button = QToolButton()
    button.setProperty("role", "rail")
    button.setText(text)
    button.setAccessibleName(text)
    button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
    button.setFixedSize(WIDTH - 2 * SPACE_2, 60)
    set_icon(button, icon, edge=24)
    return button
