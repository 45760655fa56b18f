"""Giving commands other keys: a list of all commands, and what is kept in the settings."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QHeaderView,
    QKeySequenceEdit,
    QLabel,
    QLineEdit,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from app.action_table import VIEWER, Action
from app.actions import Actions, default_keys
from app.settings import Settings
from app.theme import SPACE_2, SPACE_4

#: What is stored for a command without keys; nothing stored means the table's own.
_NONE = "none"
_WHERE = {"": "everywhere", VIEWER: "Annotate, Review"}


def apply_own_keys(actions: Actions, settings: Settings) -> None:
    """Give all actions the keys that the person chose; a key chosen for one is taken from the others that had it."""
    for row, _ in actions.all():
        kept = settings.text(_place(row.id), "")
        if not kept:
            continue
        keys = "" if kept == _NONE else kept
        while (other := actions.clash(row.id, keys)) is not None:
            actions.set_keys(other.id, "")
        actions.set_keys(row.id, keys)


def _place(id: str) -> str:
    return f"keys/{id}"


class ShortcutsDialog(QDialog):
    """Choose a command, press the keys; a key that is in use is refused with the name of the command that has it."""

    def __init__(self, parent: QWidget, actions: Actions, settings: Settings) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setObjectName("shortcuts-dialog")
        self.setWindowTitle("Change keyboard shortcuts")
        self.resize(680, 600)
        self._actions, self._settings = actions, settings
        self._rows = [row for row, _ in actions.all()]
        self.filter = QLineEdit()
        self.filter.setPlaceholderText("Filter by command or keys")
        self.filter.setAccessibleName("Filter commands")
        self.filter.setClearButtonEnabled(True)
        self.table = self._make_table()
        self.keys = QKeySequenceEdit()
        self.keys.setMaximumSequenceLength(1)
        self.keys.setAccessibleName("New keys")
        self.keys.setToolTip("Click here and press the keys together")
        self.give = _button("Use these keys", "Give the chosen command these keys")
        self.take = _button("No keys", "Take the keys away from the chosen command")
        self.reset = _button("Default", "Give the chosen command the keys it came with")
        self.reset_all = _button("All defaults", "Give every command the keys it came with")
        self.answer = QLabel()
        self.answer.setObjectName("shortcuts-answer")
        self.answer.setWordWrap(True)
        self._lay_out()
        self._connect()
        self._show_keys()
        self.table.selectRow(0)

    def _make_table(self) -> QTableWidget:
        table = QTableWidget(len(self._rows), 3)
        table.setAccessibleName("Commands and their keys")
        table.setHorizontalHeaderLabels(["Command", "Where", "Keys"])
        table.verticalHeader().hide()
        table.setSelectionBehavior(QTableWidget.SelectionBehavior.SelectRows)
        table.setSelectionMode(QTableWidget.SelectionMode.SingleSelection)
        table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        table.setTabKeyNavigation(False)
        table.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        table.setColumnWidth(1, 150)
        table.setColumnWidth(2, 150)
        for number, row in enumerate(self._rows):
            where = _WHERE.get(row.workspace, row.workspace.capitalize())
            for column, text in enumerate((row.text.rstrip("…"), where, "")):
                item = QTableWidgetItem(text)
                item.setToolTip(row.tooltip)
                table.setItem(number, column, item)
        return table

    def _lay_out(self) -> None:
        line = QHBoxLayout()
        line.addWidget(self.keys, 1)
        for button in (self.give, self.take, self.reset):
            line.addWidget(button)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.addButton(self.reset_all, QDialogButtonBox.ButtonRole.ResetRole)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE_4, SPACE_4, SPACE_4, SPACE_4)
        layout.setSpacing(SPACE_2)
        layout.addWidget(self.filter)
        layout.addWidget(self.table, 1)
        layout.addLayout(line)
        layout.addWidget(self.answer)
        layout.addWidget(buttons)

    def _connect(self) -> None:
        self.filter.textChanged.connect(self._filter)
        self.table.itemSelectionChanged.connect(self._chosen)
        self.give.clicked.connect(lambda: self._try(self.keys.keySequence().toString()))
        self.take.clicked.connect(lambda: self._try(""))
        self.reset.clicked.connect(lambda: self._try(default_keys(self._row.id)))
        self.reset_all.clicked.connect(self._reset_all)

    @property
    def _row(self) -> Action:
        return self._rows[max(0, self.table.currentRow())]

    def choose(self, id: str) -> None:
        """Mark a command."""
        self.table.selectRow(next(number for number, row in enumerate(self._rows) if row.id == id))

    def _chosen(self) -> None:
        self.keys.setKeySequence(QKeySequence(self._actions.row(self._row.id).shortcut.split(", ")[0]))
        self.answer.clear()

    def _try(self, keys: str) -> None:
        row = self._row
        other = self._actions.clash(row.id, keys)
        if other is not None:
            self.answer.setText(
                f"{_native(keys)} belongs to '{other.text.rstrip('…')}' already: choose other keys, or take them from "
                "that command first."
            )
            return
        self._give(row.id, keys)
        self.answer.setText(f"'{row.text.rstrip('…')}' has {_native(keys) or 'no keys'} now.")
        self._show_keys()

    def _give(self, id: str, keys: str) -> None:
        self._actions.set_keys(id, keys)
        if keys == default_keys(id):
            self._settings.forget(_place(id))
        else:
            self._settings.store(_place(id), keys or _NONE)

    def _reset_all(self) -> None:
        for row in self._rows:
            self._give(row.id, default_keys(row.id))
        self.answer.setText("Every command has the keys it came with.")
        self._show_keys()
        self.keys.setKeySequence(QKeySequence(self._row.shortcut.split(", ")[0]))

    def _show_keys(self) -> None:
        for number, row in enumerate(self._rows):
            item = self.table.item(number, 2)
            if item is not None:
                item.setText(_native(self._actions.row(row.id).shortcut))

    def _filter(self, text: str) -> None:
        words = text.casefold().split()
        for number in range(self.table.rowCount()):
            cells = (self.table.item(number, column) for column in range(3))
            line = " ".join(cell.text() for cell in cells if cell is not None).casefold()
            self.table.setRowHidden(number, not all(word in line for word in words))


def _button(text: str, tooltip: str) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tooltip)
    button.setAutoDefault(False)
    return button


def _native(keys: str) -> str:
    sequences = [QKeySequence(part) for part in keys.split(", ") if part]
    return ", ".join(part.toString(QKeySequence.SequenceFormat.NativeText) for part in sequences)
