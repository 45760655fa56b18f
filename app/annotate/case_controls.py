"""The case under the hand: its state and figures, what can be said about it, and a note."""

from __future__ import annotations

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QFocusEvent
from PySide6.QtWidgets import QGridLayout, QLabel, QPlainTextEdit, QVBoxLayout, QWidget

from app.actions import Actions
from app.annotate.opened_case import Figures
from app.theme import SPACE_1, SPACE_2
from app.widgets.action_button import ActionButton
from app.widgets.wording import STATE_WORDS, count, millilitres, one_in, percent
from segcore.projects.case import Case

_NOTE_MS = 800
#: Actions with words short enough for two buttons side by side.
_STATES = (
    ("annotate.complete", "Complete"),
    ("annotate.empty", "Confirm empty"),
    ("annotate.draft", "Draft"),
    ("annotate.flag", "Flag"),
)


class CaseControls(QWidget):
    """State, figures, buttons, note.

    Signals
    -------
    noteWritten(str)
        The person stopped typing.
    """

    noteWritten = Signal(str)

    def __init__(self, actions: Actions, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.state = QLabel()
        self.figures = QLabel()
        self.figures.setProperty("role", "small")
        self.figures.setWordWrap(True)
        self.note = _Note()
        self.note.setPlaceholderText("Note (no names of patients)")
        self.note.setAccessibleName("Note on this case")
        self.note.setFixedHeight(54)
        self.note.setTabChangesFocus(True)
        self._typing = QTimer(self)
        self._typing.setSingleShot(True)
        self._typing.setInterval(_NOTE_MS)
        self._typing.timeout.connect(self.flush_note)
        self._is_typed = False
        self.note.textChanged.connect(self._typed)
        self.note.left.connect(self.flush_note)
        buttons = QGridLayout()
        buttons.setSpacing(SPACE_1)
        for number, (id, text) in enumerate(_STATES):
            button = ActionButton(actions.action(id), main=number == 0, text=text)
            buttons.addWidget(button, number // 2, number % 2)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE_2)
        layout.addWidget(self.state)
        layout.addWidget(self.figures)
        layout.addLayout(buttons)
        layout.addWidget(self.note)

    def show_case(self, case: Case | None) -> None:
        """Show another case."""
        self.flush_note()
        self.setEnabled(case is not None)
        self.note.blockSignals(True)
        self.note.setPlainText(case.note if case is not None else "")
        self.note.blockSignals(False)
        self.show_state(case)
        self.figures.setText("")

    def show_state(self, case: Case | None) -> None:
        """The state of the same case changed."""
        self.state.setText(f"State: {STATE_WORDS[case.state].lower()}" if case is not None else "")

    def show_figures(self, case: Case, figures: Figures) -> None:
        """Say how much lesion there is."""
        self.figures.setText(figures_in_words(case, figures))

    def _typed(self) -> None:
        self._is_typed = True
        self._typing.start()

    def flush_note(self) -> None:
        """Say what was typed and not yet said."""
        self._typing.stop()
        if self._is_typed:
            self._is_typed = False
            self.noteWritten.emit(self.note.toPlainText())


def figures_in_words(case: Case, figures: Figures) -> str:
    """Return lesions, volume and prevalence in one line."""
    if figures.foreground == 0:
        return "No lesion painted"
    share = figures.foreground / figures.labelled if figures.labelled else 0.0
    volume = millilitres(figures.foreground * case.grid.voxel_volume_ml, case.grid)
    size = f"{figures.foreground:,} {'pixels' if case.grid.is_2d else 'voxels'}" if volume == "–" else f"{volume} ml"
    return f"{count(figures.lesions, 'lesion')} · {size} · {percent(share)} ({one_in(share)})"


class _Note(QPlainTextEdit):
    """A text field that says when it is left."""

    left = Signal()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Tell."""
        super().focusOutEvent(event)
        self.left.emit()
