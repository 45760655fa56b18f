"""The one door for messages: errors and notices as banners in the window, questions as a box.

Nothing else in `app` opens a message box. An expected error (`RareSegError`) is shown as its sentence. Anything else is a
fault of ours: the person reads one calm sentence, and the log gets the call stack without values, because values may hold
names of patients.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QMessageBox, QPushButton, QVBoxLayout, QWidget

from segcore.errors import Cancelled, RareSegError

_LOG = logging.getLogger("rareseg.app")
_MOST_BANNERS = 3
UNEXPECTED = (
    "Something in RareSeg went wrong that should not have. Your annotations are saved; please send the log file "
    "(Help > About) to whoever looks after this program."
)


class Banner(QFrame):
    """One message that stays until it is dismissed."""

    def __init__(self, text: str, kind: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setProperty("role", f"banner-{kind}")
        self.text = text
        self.stays = False
        label = QLabel(text)
        label.setWordWrap(True)
        label.setTextFormat(Qt.TextFormat.PlainText)
        label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.dismiss = QPushButton("Dismiss")
        self.dismiss.setProperty("role", "link")
        self.dismiss.setAccessibleName("Dismiss this message")
        self.dismiss.clicked.connect(self.deleteLater)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 8, 8, 8)
        layout.addWidget(label, 1)
        layout.addWidget(self.dismiss, 0, Qt.AlignmentFlag.AlignTop)
        self.setAccessibleName(text)


class BannerArea(QWidget):
    """Where a window shows its banners; takes no room while there are none."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(1)

    def show_banner(self, text: str, kind: str) -> Banner:
        """Add a banner of kind ``"error"``, ``"warning"`` or ``"notice"``; the same text is not shown twice."""
        shown = self.banners()
        for banner in shown:
            if banner.text == text:
                return banner
        for banner in shown[: max(0, len(shown) - _MOST_BANNERS + 1)]:
            self._remove(banner)
        banner = Banner(text, kind, self)
        self._layout.addWidget(banner)
        return banner

    def banners(self) -> list[Banner]:
        """The banners that are shown, oldest first."""
        items = [self._layout.itemAt(index) for index in range(self._layout.count())]
        return [w for item in items if item is not None and isinstance(w := item.widget(), Banner)]

    def clear(self) -> None:
        """Remove all banners but those that stay until a person dismisses them; for when the project changes."""
        for banner in self.banners():
            if not banner.stays:
                self._remove(banner)

    def _remove(self, banner: Banner) -> None:
        self._layout.removeWidget(banner)
        banner.hide()
        banner.deleteLater()


def sentence_of(error: BaseException) -> str:
    """Return what a person reads about `error`."""
    return error.sentence if isinstance(error, RareSegError) else UNEXPECTED


def stack_without_values(error: BaseException) -> str:
    """Return where `error` came from: types, files of the program, lines and functions, but no message and no values.

    Messages of exceptions may quote file names, and those may name patients; the log must not.
    """
    lines = []
    for frame in traceback.extract_tb(error.__traceback__):
        lines.append(f"  {Path(frame.filename).name}:{frame.lineno} {frame.name}")
    cause = f" from {type(error.__cause__).__name__}" if error.__cause__ else ""
    return "\n".join([f"{type(error).__name__}{cause}", *lines])


def report_error(parent: QWidget | None, error: BaseException) -> None:
    """Show `error` to the person: a banner where the window has room for banners, else a box. Never blocks.

    `Cancelled` is not shown. Unexpected errors are also logged, without values.
    """
    if isinstance(error, Cancelled):
        return
    if isinstance(error, RareSegError):
        _LOG.info("shown to the person: %s", type(error).__name__)
    else:
        _LOG.error("unexpected: %s", stack_without_values(error))
    _show(parent, sentence_of(error), "error")


def report_notice(parent: QWidget | None, text: str, *, kind: str = "notice", stays: bool = False) -> None:
    """Show `text` as a banner of kind ``"notice"`` or ``"warning"`` (a box where there is no room for banners).

    Parameters
    ----------
    stays
        Whether it outlives a change of project.
    """
    _show(parent, text, kind, stays=stays)


def ask(parent: QWidget | None, question: str, choices: Sequence[str], *, detail: str = "", danger: str = "") -> str:
    """Ask a question and return the chosen answer.

    Parameters
    ----------
    choices
        What the buttons say. The last one is the safe answer: it is preselected, and Escape or closing chooses it.
    detail
        A second sentence below the question.
    danger
        The choice that discards something; its button is marked.
    """
    box = QMessageBox(parent)
    box.setIcon(QMessageBox.Icon.NoIcon)
    box.setWindowTitle("RareSeg")
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.setText(question)
    box.setInformativeText(detail)
    buttons = [box.addButton(choice, QMessageBox.ButtonRole.ActionRole) for choice in choices]
    for button, choice in zip(buttons, choices, strict=True):
        button.setProperty("role", "danger" if choice == danger else "")
    box.setDefaultButton(buttons[-1])
    box.setEscapeButton(buttons[-1])
    box.exec()
    clicked = box.clickedButton()
    answer = next((c for b, c in zip(buttons, choices, strict=True) if b is clicked), choices[-1])
    box.deleteLater()
    return answer


def _show(parent: QWidget | None, text: str, kind: str, *, stays: bool = False) -> None:
    area = _banner_area(parent)
    if area is not None:
        area.show_banner(text, kind).stays = stays
        return
    box = QMessageBox(parent)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.setIcon(QMessageBox.Icon.NoIcon)
    box.setWindowTitle("RareSeg")
    box.setText(text)
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.open()


def _banner_area(parent: QWidget | None) -> BannerArea | None:
    if parent is None:
        return None
    window = parent.window()
    area = window.findChild(BannerArea)
    return area if area is not None and window.isVisible() else None
