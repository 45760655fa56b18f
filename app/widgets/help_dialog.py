"""The user guide and the page of keyboard shortcuts, offline."""

from __future__ import annotations

from PySide6.QtCore import Qt, QUrl
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QTextBrowser, QVBoxLayout, QWidget

from app.actions import Actions, shortcut_text
from app.theme import SPACE_4
from segcore.resources import resource_path

_GROUPS = (
    ("", "Everywhere"),
    ("data", "Data"),
    ("viewer", "Looking at scans (Annotate and Review)"),
    ("annotate", "Annotate"),
    ("train", "Train"),
    ("review", "Review"),
)


class _TextDialog(QDialog):
    def __init__(self, parent: QWidget, title: str, width: int, height: int) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(title)
        self.resize(width, height)
        self.browser = QTextBrowser()
        self.browser.setAccessibleName(title)
        self.browser.setOpenExternalLinks(False)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE_4, SPACE_4, SPACE_4, SPACE_4)
        layout.addWidget(self.browser)
        layout.addWidget(buttons)

    def show_page(self, name: str) -> None:
        """Show a page of ``resources/help``; its links lead to the other pages."""
        folder = resource_path("help")
        self.browser.setSearchPaths([str(folder)])
        self.browser.setSource(QUrl.fromLocalFile(str(folder / name)))


class GuideDialog(_TextDialog):
    """The user guide."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent, "RareSeg: user guide", 820, 640)
        self.show_page("guide.md")


class ConvergenceDialog(_TextDialog):
    """The page on trainings that find nothing; stays open beside the window while settings are changed."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent, "RareSeg: why it does not converge", 860, 680)
        self.show_page("why-it-does-not-converge.md")


class KeysDialog(_TextDialog):
    """All shortcuts, made from the action table."""

    def __init__(self, parent: QWidget, actions: Actions) -> None:
        super().__init__(parent, "Keyboard shortcuts", 560, 640)
        self.browser.setHtml(keys_page(actions))


def keys_page(actions: Actions) -> str:
    """Return the page of shortcuts as HTML."""
    parts = []
    for workspace, title in _GROUPS:
        rows = [
            f"<tr><td width='130'><b>{shortcut_text(row)}</b></td><td>{row.text.rstrip('…')}</td></tr>"
            for row, _ in actions.all()
            if row.workspace == workspace and row.shortcut
        ]
        if rows:
            parts.append(f"<h3>{title}</h3><table cellpadding='3'>{''.join(rows)}</table>")
    return "".join(parts)
