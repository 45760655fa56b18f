"""Controls of the case in Annotate: its state, its note, what counts in its mask, its versions."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QLineEdit, QToolButton, QVBoxLayout, QWidget

from app.actions import Actions
from app.annotate.hand import Bench
from app.annotate.tool_controls import heading
from app.errors import report_error
from app.session import Session
from app.widgets.action_button import ActionButton
from segcore.annotation.combining import count_everything, keep_only_painted
from segcore.errors import RareSegError
from segcore.projects.case import CaseState

_STATES = {"complete": CaseState.COMPLETE, "empty": CaseState.CONFIRMED_EMPTY, "flag": CaseState.FLAGGED}


class CaseControls(QWidget):
    """State, note, sparse masks and versions of the case that is shown.

    Signals
    -------
    stateSet()
        The case has another state, or was refused it.
    """

    stateSet = Signal()

    def __init__(self, session: Session, actions: Actions, bench: Bench, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session, self._bench = session, bench
        complete, empty, flag = (ActionButton(actions.action(f"annotate.{id}")) for id in _STATES)
        versions = QToolButton()
        versions.setDefaultAction(actions.action("annotate.versions"))
        versions.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonIconOnly)
        versions.setAccessibleName("Versions of the mask")
        versions.setObjectName("show-versions")
        self.sparse = QCheckBox("Only what is painted counts")
        self.sparse.setObjectName("sparse-mask")
        self.sparse.setToolTip(
            "For masks that are painted here and there: all that is background becomes unlabelled, carries no loss and "
            "no metric; paint some background too. Off: all that is unlabelled becomes background. Undo takes it back."
        )
        self.note = QLineEdit()
        self.note.setPlaceholderText("Note on this case (no names of patients)")
        self.note.setAccessibleName("Note on this case")
        self.note.setToolTip("Kept with the case in the project")
        self.note.setMaxLength(500)
        second, third = QHBoxLayout(), QHBoxLayout()
        second.addWidget(empty, 1)
        second.addWidget(flag)
        third.addWidget(self.sparse, 1)
        third.addWidget(versions)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(heading("Case"))
        column.addWidget(complete)
        column.addLayout(second)
        column.addLayout(third)
        column.addWidget(self.note)
        for id, state in _STATES.items():
            actions.action(f"annotate.{id}").triggered.connect(lambda _=False, s=state: self._set_state(s))
        self.note.editingFinished.connect(self.keep_note)
        self.sparse.clicked.connect(self._set_sparse)
        bench.editor.held.connect(lambda _: self.refresh())

    def case_changed(self) -> None:
        """Show another case."""
        case = self._session.case(self._bench.editor.case) if self._bench.editor.case else None
        self.note.setText(case.note if case is not None else "")
        self.note.setEnabled(self._bench.editor.may_edit)
        self.refresh()

    def refresh(self) -> None:
        """Show whether only what is painted counts, which undo may have changed."""
        editor = self._bench.editor
        self.sparse.setChecked(editor.is_sparse)
        self.sparse.setEnabled(editor.may_edit)
        self._bench.controls.erased = "unlabelled" if editor.is_sparse else "background"

    def keep_note(self) -> None:
        """Keep the note, where it was changed."""
        editor = self._bench.editor
        found = self._session.case(editor.case) if editor.case else None
        if found is None or found.note == self.note.text() or not self._session.is_writable:
            return
        try:
            self._session.opened.set_note(found.id, self.note.text())
        except RareSegError as error:
            report_error(self, error)
            return
        self._session.notify_case(found.id)

    def _set_state(self, state: CaseState) -> None:
        case = self._bench.editor.case
        if not case:
            return
        try:
            self._session.set_state([case], state)
        except RareSegError as error:
            report_error(self, error)
        self.stateSet.emit()

    def _set_sparse(self, on: bool) -> None:
        labels, editor = self._bench.labels, self._bench.editor
        if labels is None:
            return
        edit = keep_only_painted(labels) if on else count_everything(labels)
        if edit is not None:
            edit.apply(labels)
            editor.keep(edit)
            try:
                self._session.opened.log(
                    "mask counts what is painted" if on else "mask counts everything",
                    author=self._session.reviewer,
                    case=editor.case,
                )
            except RareSegError as error:
                report_error(self, error)
        self.refresh()
