"""What RareSeg remembers about the person between two starts: theme, reviewer, recent projects, sizes."""

from __future__ import annotations

import getpass
from pathlib import Path

import platformdirs
from PySide6.QtCore import QByteArray, QObject, QSettings, Signal

_MOST_RECENT = 8


def settings_file() -> Path:
    """Return where the settings of this user lie."""
    return Path(platformdirs.user_config_dir("RareSeg", appauthor=False)) / "rareseg.ini"


def log_file() -> Path:
    """Return where the log of this user lies."""
    return Path(platformdirs.user_log_dir("RareSeg", appauthor=False)) / "rareseg.log"


class Settings(QObject):
    """Typed access to one settings file; unreadable values answer with the default.

    Parameters
    ----------
    file
        An INI file, made when something is stored.

    Signals
    -------
    themeChanged(str)
        The window wears another theme now.
    """

    themeChanged = Signal(str)

    def __init__(self, file: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.file = file
        self._store = QSettings(str(file), QSettings.Format.IniFormat)

    @property
    def theme(self) -> str:
        """``"dark"`` (the default, for reading rooms) or ``"light"``."""
        return "light" if self.text("theme", "dark") == "light" else "dark"

    @theme.setter
    def theme(self, name: str) -> None:
        self.store("theme", name)
        self.themeChanged.emit(name)

    @property
    def reviewer(self) -> str:
        """Who edits and decides; the account's name until the person says otherwise."""
        return self.text("reviewer", "").strip() or _account()

    @reviewer.setter
    def reviewer(self, name: str) -> None:
        self.store("reviewer", name.strip())

    @property
    def recent_projects(self) -> tuple[Path, ...]:
        """Folders of projects that were opened, newest first; those that are gone are left out."""
        lines = [line for line in self.text("recent", "").split("\n") if line]
        return tuple(path for path in map(Path, lines) if path.is_dir())

    def remember_project(self, folder: Path) -> None:
        """Put `folder` in front of the recent projects."""
        others = [path for path in self.recent_projects if path != folder]
        self.store("recent", "\n".join(str(path) for path in [folder, *others][:_MOST_RECENT]))

    def text(self, key: str, default: str) -> str:
        """Return a stored text."""
        value = self._store.value(key)
        return value if isinstance(value, str) else default

    def number(self, key: str, default: float) -> float:
        """Return a stored number."""
        try:
            return float(self.text(key, str(default)))
        except ValueError:
            return default

    def flag(self, key: str, default: bool) -> bool:
        """Return a stored yes or no."""
        return self.text(key, "yes" if default else "no") == "yes"

    def blob(self, key: str) -> QByteArray:
        """Return a stored window or header state; empty if there is none."""
        value = self._store.value(key)
        return value if isinstance(value, QByteArray) else QByteArray()

    def store(self, key: str, value: str | float | bool | QByteArray) -> None:
        """Remember `value`; read it back with the accessor of its kind."""
        if isinstance(value, bool):
            value = "yes" if value else "no"
        self._store.setValue(key, value if isinstance(value, QByteArray) else str(value))

    def forget(self, key: str) -> None:
        """Go back to the default of `key`."""
        self._store.remove(key)

    def save(self) -> None:
        """Write to disk now; otherwise Qt does so soon."""
        self._store.sync()


def _account() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "reviewer"
