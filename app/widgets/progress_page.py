"""A bar, a sentence, and a way to cancel."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from app.theme import SPACE_3


class ProgressPage(QWidget):
    """Shows how far something is.

    Signals
    -------
    cancelled()
        The person wants it to stop.
    """

    cancelled = Signal()

    def __init__(self, title: str, *, can_cancel: bool) -> None:
        super().__init__()
        self._title = title
        self.title = QLabel(title)
        self.title.setProperty("role", "heading")
        self.title.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.bar = QProgressBar()
        self.bar.setRange(0, 0)
        self.bar.setFixedWidth(420)
        self.bar.setAccessibleName(title)
        self.what = QLabel()
        self.what.setProperty("role", "muted")
        self.what.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.cancel = QPushButton("Cancel")
        self.cancel.setObjectName("progress-cancel")
        self.cancel.setVisible(can_cancel)
        self.cancel.clicked.connect(self._cancel)
        layout = QVBoxLayout(self)
        layout.setSpacing(SPACE_3)
        layout.addStretch(1)
        for widget in (self.title, self.bar, self.what, self.cancel):
            layout.addWidget(widget, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addStretch(1)

    def restart(self) -> None:
        """Show the beginning."""
        self.title.setText(self._title)
        self.bar.setRange(0, 0)
        self.what.clear()
        self.cancel.setEnabled(True)

    def show_progress(self, done: int, total: int, text: str) -> None:
        """Show that `done` of `total` is finished and `text` is next."""
        self.bar.setRange(0, max(1, total))
        self.bar.setValue(done)
        self.what.setText(f"{done} of {total}   {text}" if total else text)

    def _cancel(self) -> None:
        self.title.setText("Stopping after this one…")
        self.cancel.setEnabled(False)
        self.cancelled.emit()
