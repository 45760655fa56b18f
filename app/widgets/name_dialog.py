"""A small dialog that asks for one line of text."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLabel, QLineEdit, QVBoxLayout, QWidget

from app.theme import SPACE_2, SPACE_4


class NameDialog(QDialog):
    """Asks a question that a few words answer; OK is possible once there is some text."""

    def __init__(self, parent: QWidget, *, title: str, question: str, value: str) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.field = QLineEdit(value)
        self.field.setAccessibleName(question)
        self.field.setMinimumWidth(320)
        self.field.selectAll()
        label = QLabel(question)
        label.setBuddy(self.field)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        ok = buttons.button(QDialogButtonBox.StandardButton.Ok)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        self.field.textChanged.connect(lambda text: ok.setEnabled(bool(text.strip())))
        ok.setEnabled(bool(value.strip()))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE_4, SPACE_4, SPACE_4, SPACE_4)
        layout.setSpacing(SPACE_2)
        layout.addWidget(label)
        layout.addWidget(self.field)
        layout.addSpacing(SPACE_2)
        layout.addWidget(buttons)


def ask_name(parent: QWidget, *, title: str, question: str, value: str, done: Callable[[str], None]) -> NameDialog:
    """Open the dialog; `done` gets the text if the person agrees."""
    dialog = NameDialog(parent, title=title, question=question, value=value)
    dialog.accepted.connect(lambda: done(dialog.field.text().strip()))
    dialog.open()
    return dialog
