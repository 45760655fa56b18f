"""Every row of the action table as a `QAction`, made once. Nothing else makes an action with a shortcut."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QAction, QIcon, QKeySequence

from app.action_table import ACTIONS, Action
from segcore.errors import UnknownName

_WHY = "\nNot available now: "


class Actions(QObject):
    """The `QAction` of every row of `ACTIONS`, made once; panels connect to them and put them on buttons.

    Signals
    -------
    keysChanged()
        An action has other keys.
    """

    keysChanged = Signal()

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._rows = {row.id: row for row in ACTIONS}
        self._actions = {row.id: self._make(row) for row in ACTIONS}

    def action(self, id: str) -> QAction:
        """Return an action.

        Raises
        ------
        UnknownName
            If the table has no such row.
        """
        if id not in self._actions:
            raise UnknownName("action", id, self._actions)
        return self._actions[id]

    def row(self, id: str) -> Action:
        """Return the table's row of an action."""
        return self._rows[id]

    def all(self) -> tuple[tuple[Action, QAction], ...]:
        """Return every row with its action, in the table's order."""
        return tuple((row, self._actions[row.id]) for row in self._rows.values())

    def of_workspace(self, workspace: str) -> tuple[QAction, ...]:
        """Return the actions that are there only in `workspace`, in the table's order."""
        return tuple(self._actions[row.id] for row in ACTIONS if row.workspace == workspace)

    def enable(self, id: str, on: bool, why_not: str = "") -> None:
        """Enable an action, or disable it and say why in its tooltip."""
        action = self.action(id)
        action.setEnabled(on)
        action.setToolTip(tooltip_of(self._rows[id], "" if on else why_not))

    def show_workspace(self, workspace: str) -> None:
        """Make the actions of `workspace`, and the global ones, reachable; the others' keys rest."""
        for row, action in self.all():
            action.setVisible(row.is_in(workspace))

    # Keys

    def set_keys(self, id: str, keys: str) -> None:
        """Give an action other keys, as `QKeySequence` reads them; an empty text takes them away."""
        row = replace(self._rows[id], shortcut=keys)
        self._rows[id] = row
        action = self._actions[id]
        reason = action.toolTip().partition(_WHY)[2]
        action.setShortcuts(_sequences(keys))
        action.setToolTip(tooltip_of(row, reason))
        self.keysChanged.emit()

    def clash(self, id: str, keys: str) -> Action | None:
        """Return the action that has one of these keys where `id` can be done, too; None if they are free."""
        row, wanted = self._rows[id], set(_sequences(keys))
        for other in self._rows.values():
            if other.id != id and other.meets(row) and wanted & set(_sequences(other.shortcut)):
                return other
        return None

    def _make(self, row: Action) -> QAction:
        action = QAction(QIcon(), row.text, self)
        action.setObjectName(row.id)
        action.setCheckable(row.checkable)
        action.setShortcuts(_sequences(row.shortcut))
        action.setToolTip(tooltip_of(row))
        action.setStatusTip(row.tooltip)
        return action


def default_keys(id: str) -> str:
    """Return the keys that an action has in the table."""
    return next(row.shortcut for row in ACTIONS if row.id == id)


def _sequences(keys: str) -> list[QKeySequence]:
    return [QKeySequence(part) for part in keys.split(", ") if part]


def shortcut_text(row: Action) -> str:
    """Return a row's first shortcut as the system writes it."""
    first = row.shortcut.split(", ")[0]
    return QKeySequence(first).toString(QKeySequence.SequenceFormat.NativeText) if first else ""


def tooltip_of(row: Action, why_not: str = "") -> str:
    """Return the tooltip: what it does, the shortcut, and why it is not available now."""
    keys = shortcut_text(row)
    text = f"{row.tooltip} ({keys})" if keys else row.tooltip
    return f"{text}{_WHY}{why_not}" if why_not else text
