"""Above the picture: which case, the way to the next one, layout, undo, and whether everything is saved."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QToolButton, QWidget

from app.actions import Actions
from app.theme import SPACE_1, SPACE_2, set_icon, set_role
from app.widgets.wording import count, extents
from segcore.projects.case import Case


class TopBar(QWidget):
    """One line.

    Signals
    -------
    saveAsked()
        The person wants strokes that the disk refused to be tried again now.
    """

    saveAsked = Signal()

    def __init__(self, actions: Actions, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.name = QLabel()
        self.name.setProperty("role", "heading")
        self.facts = QLabel()
        self.facts.setProperty("role", "small")
        self.saved_icon = QLabel()
        self.saved = QLabel()
        self.saved.setObjectName("saved-state")
        self.again = QPushButton("Save now")
        self.again.setProperty("role", "link")
        self.again.setToolTip("Try to write the strokes to the disk now; it is tried every few seconds anyway")
        self.again.clicked.connect(self.saveAsked)
        self.again.hide()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(SPACE_1)
        for id in ("annotate.previous", "annotate.next"):
            row.addWidget(_button(actions, id))
        row.addSpacing(SPACE_2)
        row.addWidget(self.name)
        row.addSpacing(SPACE_2)
        row.addWidget(self.facts)
        row.addStretch(1)
        row.addWidget(self.saved_icon)
        row.addWidget(self.saved)
        row.addWidget(self.again)
        row.addSpacing(SPACE_2)
        for id in ("edit.undo", "edit.redo", "annotate.masks", "annotate.layout", "annotate.fit"):
            row.addWidget(_button(actions, id))

    def show_case(self, case: Case | None) -> None:
        """Show another case."""
        self.name.setText(case.id if case is not None else "Choose a case on the left")
        self.facts.setText(f"{extents(case.grid)} · {', '.join(case.channels)}" if case is not None else "")

    def show_saved(self, unsaved: int, *, is_open: bool, writable: bool) -> None:
        """Say whether everything is on disk."""
        self.again.setVisible(unsaved > 0)
        self.saved_icon.setVisible(is_open)
        self.saved.setVisible(is_open)
        if unsaved:
            text, role, icon, colour = f"{count(unsaved, 'stroke')} not saved", "danger", "warning", "danger"
        elif writable:
            text, role, icon, colour = "All strokes saved", "small", "complete", "success"
        else:
            text, role, icon, colour = "Read-only", "small", "lock", "muted"
        self.saved.setText(text)
        set_role(self.saved, role)
        set_icon(self.saved_icon, icon, edge=14, colour=colour)


def _button(actions: Actions, id: str) -> QToolButton:
    button = QToolButton()
    button.setDefaultAction(actions.action(id))
    button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonIconOnly)
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    return button
