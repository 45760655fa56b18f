"""The window's process from the command line to the last event."""

from __future__ import annotations

import argparse
import faulthandler
import locale
import logging
import os
import signal
import sys
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import TracebackType
from typing import IO

import PySide6
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QWidget

from app.actions import Actions
from app.background import Background, Progress
from app.errors import report_error
from app.screenshots import Screenshots
from app.session import Session
from app.settings import Settings, log_file, settings_file
from app.theme import application_icon, apply_theme
from app.window import MainWindow
from segcore.demo import open_or_make_demo
from segcore.engine.client import EngineProcess
from segcore.projects.project import Project

_LOG = logging.getLogger("rareseg.app")
#: When the window is painted and at rest.
_IMPORT_AHEAD_MS = 1200
_IMPORTED_AHEAD = ("nibabel", "scipy.ndimage")


def run(arguments: Sequence[str]) -> int:
    """Open the window and run it to its end; returns the exit code."""
    broken = broken_qt(PySide6.__version__, sys.version_info[:2])
    if broken:
        sys.stderr.write(f"rareseg: {broken}\n")
        return 2
    asked = _parse(arguments)
    _use_utf8()
    crashes = _start_log(log_file())
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    app = QApplication([sys.argv[0]])
    app.setApplicationName("RareSeg")
    app.setDesktopFileName("rareseg")
    app.setWindowIcon(application_icon())
    settings = Settings(settings_file(), app)
    apply_theme(app, settings.theme)
    background = Background(EngineProcess.start, app)
    session = Session(settings, app)
    window = MainWindow(session, Actions(app), background, settings, make_demo=make_demo)
    sys.excepthook = partial(_unexpected, window)
    window.show()
    # After the first paint: opening a project must not keep the window from appearing.
    QTimer.singleShot(0, window, partial(_open_first, window, settings, asked.project, asked.files))
    QTimer.singleShot(_IMPORT_AHEAD_MS, window, partial(import_ahead, background))
    window.show_first_run_notice()
    pictures = Screenshots(window, asked.screenshots) if asked.screenshots else None
    code = app.exec()
    background.shutdown()
    session.close()
    if crashes is not None:
        faulthandler.disable()
        crashes.close()
    return code if pictures is None else pictures.code


def import_ahead(background: Background) -> None:
    """Import beside the window what the first file and the first fill would wait for: half a second each."""

    def work(progress: Progress) -> None:
        for module in _IMPORTED_AHEAD:
            progress.check()
            import_module(module)

    background.run(
        work, done=lambda _: None, failed=lambda error: _LOG.info("nothing imported ahead: %s", type(error).__name__)
    )


def make_demo(progress: Progress) -> Project:
    """Open the demo project, making it where it is missing (in the background)."""
    return open_or_make_demo(report=progress.step)


def broken_qt(version: str, python: tuple[int, int]) -> str:
    """Return why this PySide6 must not be used with this Python, or an empty text.

    PySide6 6.12.0 loses a reference to None at each call under Python before 3.12 and aborts after some thousand calls.
    """
    major, minor = (int(part) for part in version.split(".")[:2])
    if (major, minor) >= (6, 12) and python < (3, 12):
        return (
            f"PySide6 {version} crashes under Python {python[0]}.{python[1]}; "
            "install PySide6-Essentials 6.11, or use Python 3.12 or newer."
        )
    return ""


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="rareseg-app", description="Find the rare thing in scans. For research use only; not for diagnosis."
    )
    parser.add_argument("files", type=Path, nargs="*", metavar="FILE", help="scans, masks or folders to import")
    parser.add_argument("--project", type=Path, metavar="FOLDER", help="open this project")
    parser.add_argument(
        "--screenshots", type=Path, metavar="FOLDER", help="save a picture of every workspace to FOLDER and leave"
    )
    return parser.parse_args(arguments)


def _use_utf8() -> None:
    """Without a UTF-8 locale Qt warns and file names with umlauts go wrong."""
    if sys.platform.startswith("linux") and locale.getpreferredencoding(False).upper().replace("-", "") != "UTF8":
        os.environ["LC_ALL"] = "C.UTF-8"


def _start_log(file: Path) -> IO[str] | None:
    """Log to `file`; a folder that cannot be written to must not keep the window from opening.

    Returns the file for crashes of the interpreter itself, which must stay open.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        log = RotatingFileHandler(file, maxBytes=1_000_000, backupCount=2, encoding="utf-8")
        crashes = file.with_name("crash.log").open("a", encoding="utf-8")
    except OSError:
        logging.basicConfig(level=logging.WARNING)
        return None
    log.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.getLogger("rareseg").setLevel(logging.INFO)
    logging.getLogger("rareseg").addHandler(log)
    faulthandler.enable(crashes)
    return crashes


def _open_first(window: MainWindow, settings: Settings, asked: Path | None, files: list[Path]) -> None:
    """Open what was asked for, else the last project, else the demo project; then show the plan for given files.

    Files never bring up the demo project: a person's own scans do not belong into it.
    """
    if asked is not None:
        window.open_folder(asked)
    elif settings.recent_projects:
        window.open_folder(settings.recent_projects[0])
    elif not files:
        window.opening.open_demo()
    if files:
        window.take_paths([file.absolute() for file in files])


def _unexpected(window: QWidget, kind: type[BaseException], error: BaseException, where: TracebackType | None) -> None:
    """Show one calm sentence for what nobody caught; the log gets the stack without values."""
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, where)
        return
    report_error(window, error.with_traceback(where))
