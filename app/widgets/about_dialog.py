"""About: version, intended use, licences, and where the log lies."""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, version

import PySide6
from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QLabel,
    QTabWidget,
    QTextBrowser,
    QVBoxLayout,
    QWidget,
)

from app.settings import log_file
from app.theme import SPACE_2, SPACE_4, application_icon, set_role
from segcore.resources import resource_path

_TEXTS = (
    ("Third parties", "THIRD-PARTY.md"),
    ("RareSeg: Apache-2.0", "Apache-2.0.txt"),
    ("Qt: LGPL-3", "LGPL-3.txt"),
    ("GPL-3", "GPL-3.txt"),
)


class AboutDialog(QDialog):
    """The About box.

    Parameters
    ----------
    intended_use
        The sentence that says what RareSeg is not for.
    """

    def __init__(self, parent: QWidget, intended_use: str) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("About RareSeg")
        self.resize(720, 560)
        picture = QLabel()
        picture.setPixmap(application_icon().pixmap(64, 64))
        title = QLabel(f"RareSeg {app_version()}")
        set_role(title, "title")
        use = QLabel(intended_use)
        set_role(use, "warning")
        facts = QLabel(
            f"Finds the rare thing in scans. Python {sys.version.split()[0]}, PySide6 {PySide6.__version__} "
            f"(Qt, used under the LGPL-3). Nothing leaves this computer.\nLog file: {log_file()}"
        )
        facts.setWordWrap(True)
        set_role(facts, "muted")
        facts.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        words = QVBoxLayout()
        words.setSpacing(SPACE_2)
        for label in (title, use, facts):
            words.addWidget(label)
        top = QHBoxLayout()
        top.setSpacing(SPACE_4)
        top.addWidget(picture, 0, Qt.AlignmentFlag.AlignTop)
        top.addLayout(words, 1)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE_4, SPACE_4, SPACE_4, SPACE_4)
        layout.setSpacing(SPACE_4)
        layout.addLayout(top)
        layout.addWidget(_licences(), 1)
        layout.addWidget(buttons)


def app_version() -> str:
    """Return the installed version; ``"(from sources)"`` where it is not installed."""
    try:
        return version("rareseg")
    except PackageNotFoundError:
        return "(from sources)"


def _licences() -> QTabWidget:
    tabs = QTabWidget()
    for title, name in _TEXTS:
        browser = QTextBrowser()
        browser.setAccessibleName(title)
        text = resource_path("licences", name).read_text("utf-8")
        if name.endswith(".md"):
            browser.setMarkdown(text)
        else:
            browser.setPlainText(text)
        tabs.addTab(browser, title)
    return tabs
