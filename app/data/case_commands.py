"""What can be done with the selected cases."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QWidget

from app.actions import Actions
from app.errors import ask, report_error, report_notice
from app.session import Session
from app.widgets.name_dialog import ask_name
from app.widgets.wording import count
from segcore.errors import RareSegError
from segcore.projects.case import CaseState, Part

Ids = tuple[str, ...]


class CaseCommands(QObject):
    """Connects the actions on cases to the session.

    Parameters
    ----------
    selected
        Answers the ids of the selected cases.
    """

    def __init__(self, panel: QWidget, session: Session, actions: Actions, selected: Callable[[], Ids]) -> None:
        super().__init__(panel)
        self._panel, self._session, self._actions, self._selected = panel, session, actions, selected
        doings: dict[str, Callable[[Ids], None]] = {
            "data.annotate": lambda ids: session.open_case(ids[0]),
            "data.complete": self._mark_complete,
            "data.confirm-empty": self._confirm_empty,
            "data.draft": partial(self._set_state, CaseState.DRAFT),
            "data.flag": partial(self._set_state, CaseState.FLAGGED),
            "data.group": self._ask_group,
            "data.remove": self._remove,
        }
        for id, do in doings.items():
            actions.action(id).triggered.connect(partial(self._do, do))

    def enable(self, ids: Ids) -> None:
        """Enable what can be done with these cases, and say why the rest cannot."""
        why_not = "" if ids else "select one or more cases"
        self._actions.enable("data.annotate", len(ids) == 1, "select one case")
        if ids and not self._session.is_writable:
            why_not = "the project is open for reading only"
        for id in ("data.complete", "data.draft", "data.flag", "data.group", "data.remove"):
            self._actions.enable(id, not why_not, why_not)
        full = [id for id in ids if (case := self._session.case(id)) is not None and case.foreground_voxels]
        if full and not why_not:
            why_not = f"{full[0]} has foreground"
        self._actions.enable("data.confirm-empty", not why_not, why_not)

    def set_part(self, ids: Ids, part: Part | None) -> None:
        """Put cases into a part of the split by hand."""
        self._try(lambda: self._session.set_parts(dict.fromkeys(ids, part)))

    def _do(self, do: Callable[[Ids], None], _checked: bool = False) -> None:
        ids = self._selected()
        if ids:
            do(ids)

    def _try(self, change: Callable[[], None]) -> None:
        try:
            change()
        except RareSegError as error:
            report_error(self._panel, error)

    def _set_state(self, state: CaseState, ids: Ids) -> None:
        self._try(lambda: self._session.set_state(ids, state))

    def _mark_complete(self, ids: Ids) -> None:
        """Cases without foreground are confirmed empty instead, after asking: 'complete' would hide the difference."""
        empty = tuple(id for id in ids if (case := self._session.case(id)) is not None and not case.foreground_voxels)
        full = tuple(id for id in ids if id not in empty)
        if full:
            self._set_state(CaseState.COMPLETE, full)
        if empty:
            self._confirm_empty(empty)

    def _confirm_empty(self, ids: Ids) -> None:
        answer = ask(
            self._panel,
            f"Did someone look at {_named(ids)} and find nothing?",
            ("Confirm empty", "Cancel"),
            detail="Training then learns from every voxel that there is nothing to find there.",
        )
        if answer == "Confirm empty":
            self._set_state(CaseState.CONFIRMED_EMPTY, ids)

    def _ask_group(self, ids: Ids) -> None:
        first = self._session.case(ids[0])
        ask_name(
            self._panel,
            title="Patient",
            question=f"Which patient do {_named(ids)} belong to?" if len(ids) > 1 else f"Which patient is {ids[0]} of?",
            value=first.group if first is not None else "",
            done=lambda name: self._try(lambda: self._session.set_group(ids, name)),
        )

    def _remove(self, ids: Ids) -> None:
        answer = ask(
            self._panel,
            f"Remove {_named(ids)} from the project?",
            ("Remove", "Keep"),
            detail="The working copy and all masks of these cases are deleted. Your original files stay where they are.",
            danger="Remove",
        )
        if answer == "Remove":
            self._try(lambda: self._session.remove_cases(ids))
            report_notice(self._panel, f"{count(len(ids), 'case')} removed.")


def _named(ids: Ids) -> str:
    return ids[0] if len(ids) == 1 else f"these {len(ids):,} cases"
