"""The Loss explorer: what each loss rewards and who it listens to, before anything is trained."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from app.actions import Actions
from app.session import Session
from app.settings import Settings
from app.theme import SPACE_2, SPACE_3, current_tokens, indent_numbers
from app.train.empty_patch import EmptyPatchCard
from app.train.rare_class import RareClass
from app.train.step_preview import StepPreview
from app.train.ten_pixels import TenPixels
from app.widgets.action_button import ActionButton


class LossExplorer(QDialog):
    """Four tabs, beside the window: training and annotation go on meanwhile."""

    def __init__(self, parent: QWidget, session: Session, actions: Actions, settings: Settings) -> None:
        super().__init__(parent)
        self._session = session
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Loss explorer")
        self.setObjectName("loss-explorer")
        self.setWindowFlag(Qt.WindowType.WindowMaximizeButtonHint)
        self.resize(1180, 700)
        self.ten = TenPixels()
        self.rare = RareClass(current_tokens())
        self.tabs = QTabWidget()
        self.tabs.setObjectName("explorer-tabs")
        self.tabs.addTab(self.ten, "Ten pixels")
        self.tabs.addTab(self.rare, "Rare class")
        self.steps = StepPreview(self.ten.pixels, self.ten.options)
        self.tabs.addTab(self.steps, "Steps")
        self.empty = EmptyPatchCard()
        self.tabs.addTab(self.empty, "Empty patch")
        self.tabs.currentChanged.connect(self.steps.refresh)
        why = ActionButton(actions.action("help.convergence"))
        why.setProperty("role", "link")
        hint = QLabel("Computed here, in a moment; nothing is trained and no scan is read.")
        hint.setProperty("role", "small")
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        below = QHBoxLayout()
        below.addWidget(why)
        below.addWidget(hint, 1)
        below.addWidget(buttons)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE_3, SPACE_2, SPACE_3, SPACE_2)
        layout.setSpacing(SPACE_2)
        layout.addWidget(self.tabs, 1)
        layout.addLayout(below)
        indent_numbers(self)
        for button in self.findChildren(QPushButton):
            button.setAutoDefault(False)  # Return ends typing a number; it presses nothing
        for signal in (session.projectChanged, session.casesChanged, session.caseChanged, session.maskChanged):
            signal.connect(self._project_changed)
        settings.themeChanged.connect(self._theme_changed)
        self._project_changed()

    def _project_changed(self) -> None:
        cases = [case for case in self._session.cases() if case.state.is_trainable]
        labelled = sum(case.labelled_voxels for case in cases)
        foreground = sum(case.foreground_voxels for case in cases)
        self.rare.show_project(foreground / labelled if foreground else None)

    def _theme_changed(self) -> None:
        self.rare.apply_tokens(current_tokens())
