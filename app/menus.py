"""The menu bar, made from the action table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtWidgets import QMenu, QMenuBar

from app.actions import Actions
from app.settings import Settings

#: Titles and action ids; an empty id is a line, "recent" the menu of recent projects.
MENUS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "&File",
        (
            "file.new",
            "file.open",
            "recent",
            "file.demo",
            "",
            "data.import-files",
            "data.import-folder",
            "data.export",
            "",
            "file.close",
            "file.quit",
        ),
    ),
    ("&Edit", ("edit.undo", "edit.redo", "", "view.reviewer")),
    (
        "&View",
        ("view.data", "view.annotate", "view.train", "view.review", "", "view.theme", "view.commands", "view.keys"),
    ),
    ("&Help", ("help.guide", "help.convergence", "help.explorer", "help.keys", "", "help.about")),
)
_RECENT = "menu-recent"


def fill_menu_bar(bar: QMenuBar, actions: Actions, open_folder: Callable[[Path], None], settings: Settings) -> None:
    """Put all menus into `bar`."""
    for title, ids in MENUS:
        menu = QMenu(title, bar)
        menu.setToolTipsVisible(True)
        bar.addMenu(menu)
        for id in ids:
            if not id:
                menu.addSeparator()
            elif id == "recent":
                recent = QMenu("Open recent", menu)
                recent.setObjectName(_RECENT)
                menu.addMenu(recent)
            else:
                menu.addAction(actions.action(id))
    fill_recent_menu(bar, open_folder, settings)


def fill_recent_menu(bar: QMenuBar, open_folder: Callable[[Path], None], settings: Settings) -> None:
    """List the recent projects anew."""
    menu = bar.findChild(QMenu, _RECENT)
    if menu is None:
        return
    menu.clear()
    for folder in settings.recent_projects:
        entry = menu.addAction(f"{folder.name}    {folder.parent}")
        entry.triggered.connect(lambda _=False, folder=folder: open_folder(folder))
    if menu.isEmpty():
        nothing = menu.addAction("No project was opened yet")
        nothing.setEnabled(False)
