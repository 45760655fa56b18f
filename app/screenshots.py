"""A picture of every workspace, for the documentation and for machines without a display."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, QTimer
from PySide6.QtWidgets import QApplication

from app.window import WORKSPACES, MainWindow

_SETTLE_MS = 700
#: Turns that a workspace may take until nothing runs in the background any more.
_MOST_TURNS = 120


class Screenshots(QObject):
    """Goes through the workspaces, waits until each is quiet, saves its picture, and leaves.

    Parameters
    ----------
    folder
        Where ``<workspace>.png`` go.
    """

    def __init__(self, window: MainWindow, folder: Path) -> None:
        super().__init__(window)
        self._window = window
        self._folder = folder
        self._left = [row.name for row in WORKSPACES]
        self._turns = 0
        self.code = 0
        window.resize(1920, 1080)
        QTimer.singleShot(_SETTLE_MS, self, self._next)

    def _next(self) -> None:
        self._turns += 1
        if self._window.background.running_tasks and self._turns < _MOST_TURNS:
            QTimer.singleShot(_SETTLE_MS, self, self._next)
            return
        self._turns = 0
        if not self._left:
            QApplication.exit(self.code)
            return
        self._window.show_workspace(self._left[0])
        self._choose_a_case()
        QTimer.singleShot(_SETTLE_MS, self, self._save)

    def _choose_a_case(self) -> None:
        """Show the case with most foreground, so that there is something to see."""
        cases = self._window.session.cases()
        if cases and not self._window.session.current_case:
            self._window.session.set_current_case(max(cases, key=lambda case: case.foreground_voxels).id)

    def _save(self) -> None:
        self._turns += 1
        if self._window.background.running_tasks and self._turns < _MOST_TURNS:
            QTimer.singleShot(_SETTLE_MS, self, self._save)
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        if not self._window.grab().save(str(self._folder / f"{self._left.pop(0)}.png")):
            self.code = 1
        self._next()
