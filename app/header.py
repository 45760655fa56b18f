"""The header: which project, whether it is saved, who sits here, what is going on, and the theme."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QToolButton

from app.actions import Actions
from app.session import Session
from app.theme import SPACE_2, SPACE_3, SPACE_4, current_tokens, set_icon


class Header(QFrame):
    """One line at the top of the window."""

    def __init__(self, session: Session, actions: Actions) -> None:
        super().__init__()
        self._session = session
        self._theme_action = actions.action("view.theme")
        self._activity_text = ""
        self._progress_text = ""
        self.setProperty("role", "header")
        self.setFixedHeight(52)
        self.project = QLabel()
        self.project.setProperty("role", "title")
        self.project.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.project.setTextFormat(Qt.TextFormat.PlainText)
        self.read_only = QLabel("Read-only")
        self.read_only.setProperty("role", "chip-warning")
        self.saved_icon = QLabel()
        self.saved = QLabel()
        self.saved.setProperty("role", "muted")
        self.activity_icon = QLabel()
        self.activity = QLabel()
        self.activity.setProperty("role", "muted")
        self.reviewer = QPushButton()
        self.reviewer.setProperty("role", "link")
        self.reviewer.setObjectName("header-reviewer")
        self.reviewer.setToolTip(actions.action("view.reviewer").toolTip())
        self.reviewer.clicked.connect(actions.action("view.reviewer").trigger)
        set_icon(self.reviewer, "user", colour="accent")
        self.theme_button = QToolButton()
        self.theme_button.setObjectName("header-theme")
        self.theme_button.setIconSize(QSize(20, 20))
        self.theme_button.clicked.connect(self._theme_action.trigger)
        self._lay_out()
        self._connect()
        self.theme_changed()
        self._project_changed()
        self._reviewer_changed()
        self._show_activity()

    def _lay_out(self) -> None:
        layout = QHBoxLayout(self)
        layout.setContentsMargins(SPACE_4, SPACE_2, SPACE_3, SPACE_2)
        layout.setSpacing(SPACE_2)
        layout.addWidget(self.project, 1)
        layout.addWidget(self.activity_icon)
        layout.addWidget(self.activity)
        layout.addSpacing(SPACE_3)
        layout.addWidget(self.read_only)
        layout.addWidget(self.saved_icon)
        layout.addWidget(self.saved)
        layout.addSpacing(SPACE_3)
        layout.addWidget(self.reviewer)
        layout.addWidget(self.theme_button)

    def _connect(self) -> None:
        self._session.projectChanged.connect(self._project_changed)
        self._session.reviewerChanged.connect(self._reviewer_changed)
        self._session.activityChanged.connect(self._activity_changed)

    def set_progress(self, text: str) -> None:
        """Show what the window itself is busy with; empty for nothing."""
        self._progress_text = text
        self._show_activity()

    def set_busy(self, busy: bool) -> None:
        """Show that an engine is running where no workspace says more about it."""
        if not busy:
            self._activity_text = ""
        elif not self._activity_text:
            self._activity_text = "The engine is working"
        self._show_activity()

    def theme_changed(self) -> None:
        """Offer the other theme."""
        other = "Light theme" if current_tokens().name == "dark" else "Dark theme"
        self._theme_action.setText(other)
        set_icon(self._theme_action, "sun" if other.startswith("Light") else "moon")
        set_icon(self.theme_button, "sun" if other.startswith("Light") else "moon", edge=20)
        self.theme_button.setToolTip(f"{other} (Ctrl+T)")
        self.theme_button.setAccessibleName(other)

    def _project_changed(self) -> None:
        project = self._session.project
        self.project.setText(project.name if project else "No project is open")
        self.project.setToolTip(str(project.folder) if project else "")
        read_only = project is not None and project.read_only
        self.read_only.setVisible(read_only)
        self.read_only.setToolTip("Someone else is writing to this project, or its folder may not be written to")
        writable = project is not None and not read_only
        self.saved.setVisible(writable)
        self.saved_icon.setVisible(writable)
        self.saved.setText("Saved")
        self.saved.setToolTip("Every stroke and every change is on disk as soon as it is made")
        set_icon(self.saved_icon, "success", edge=16, colour="success")

    def _reviewer_changed(self) -> None:
        self.reviewer.setText(self._session.reviewer)
        self.reviewer.setAccessibleName(f"Reviewer: {self._session.reviewer}")

    def _activity_changed(self, text: str) -> None:
        self._activity_text = text
        self._show_activity()

    def _show_activity(self) -> None:
        text = self._progress_text or self._activity_text
        self.activity.setText(text)
        self.activity.setVisible(bool(text))
        self.activity_icon.setVisible(bool(text))
        if text:
            set_icon(self.activity_icon, "cpu", edge=16, colour="accent")
