"""Workspace Data: the cases of the project, import, integrity report, split, export."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtWidgets import QStackedLayout, QWidget

from app.actions import Actions
from app.background import Background
from app.session import Session
from app.settings import Settings
from app.widgets.empty_state import EmptyState


class DataPanel(QWidget):
    """The cases of the project."""

    def __init__(self, session: Session, actions: Actions, background: Background, settings: Settings) -> None:
        super().__init__()
        self._session = session
        self._layout = QStackedLayout(self)
        self.no_project = EmptyState(
            "folder",
            "No project is open",
            "A project is a folder that holds your scans, masks and trained models. Make one, open one, or look at "
            "the demo project first.",
            [actions.action(id) for id in ("file.new", "file.open", "file.demo")],
        )
        self._layout.addWidget(self.no_project)

    def activate(self) -> None:
        """Called each time the workspace is shown."""

    def may_close(self) -> bool:
        """Nothing here is unsaved."""
        return True

    def import_paths(self, paths: list[Path]) -> None:
        """Import files and folders."""
