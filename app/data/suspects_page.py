"""The page of suspects: masks and cases that look wrong, each with its place and what to do."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout

from app.actions import Actions
from app.data.facts import Facts, Suspected
from app.data.measured_page import MeasuredPage
from app.data.rows import Head, Row, RowsView
from app.errors import report_error
from app.session import Session
from app.theme import SPACE_2
from app.widgets.action_button import ActionButton
from app.widgets.wording import count
from segcore.errors import RareSegError
from segcore.imbalance.cleared import ask_again, clear_suspects
from segcore.imbalance.suspects import Suspect, SuspectKind

#: Name on the screen, icon and colour, graver ones in a warmer one.
KIND_WORDS = {
    SuspectKind.DUPLICATE: ("Same scan twice", "copy", "danger"),
    SuspectKind.SHIFTED: ("Mask moved", "crosshair", "danger"),
    SuspectKind.OUTSIDE: ("Outside the body", "warning", "danger"),
    SuspectKind.EMPTY: ("Empty, but complete", "empty", "warning"),
    SuspectKind.ONE_PLANE: ("In one plane only", "layers", "warning"),
    SuspectKind.HOLE: ("Hole", "outline", "info"),
    SuspectKind.SPECK: ("Speck", "brush", "info"),
    SuspectKind.BORDER: ("At the border", "fit", "info"),
}

_HEADS = (
    Head(title="Suspect", help="What may be wrong; graver ones first", width=190),
    Head(title="Case", help="Name of the case", width=150),
    Head(title="Where", help="Plane, row and column as Annotate counts them", width=130),
    Head(title="What was found", help="With the number that was measured; the limit is in the tooltip of a row"),
    Head(title="What to do", help="If it is wrong; if it is right, leave it"),
)


class SuspectsPage(MeasuredPage[Suspected]):
    """A table of suspects; the chosen one opens in Annotate at its place."""

    def __init__(self, session: Session, actions: Actions, facts: Facts) -> None:
        self.table = RowsView("Suspect masks and cases", _HEADS)
        self.usual = QLabel()
        self.usual.setWordWrap(True)
        self.usual.setProperty("role", "muted")
        super().__init__(facts.suspects, "Looking at every mask.")
        self._session, self._actions = session, actions
        row = QHBoxLayout()
        row.setSpacing(SPACE_2)
        row.addWidget(self.usual, 1)
        for id in ("data.ask-again", "data.check-again", "data.clear-suspect", "data.go-to"):
            row.addWidget(ActionButton(actions.action(id), main=id == "data.go-to"))
        layout = QVBoxLayout(self.content)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE_2)
        layout.addWidget(self.table, 1)
        layout.addLayout(row)
        self.table.chosen.connect(self._go)
        self.table.selectionModel().selectionChanged.connect(lambda *_: self._enable())
        self.table.rows.modelReset.connect(self._enable)
        actions.action("data.go-to").triggered.connect(lambda _=False: self._go(self.table.current))
        actions.action("data.check-again").triggered.connect(lambda _=False: self.measurement.measure_again())
        actions.action("data.clear-suspect").triggered.connect(lambda _=False: self._clear())
        actions.action("data.ask-again").triggered.connect(lambda _=False: self._ask_again())
        session.projectChanged.connect(self._enable)
        self._enable()

    def show_value(self, value_and_cleared: Suspected) -> str:
        """Show the suspects."""
        value = value_and_cleared.suspicions
        self._enable()
        self.table.show_rows([_row(suspect) for suspect in value.found])
        self.usual.setText(
            " ".join(f"{one.what} Not listed: {one.cases:,} of {one.of:,} cases." for one in value.usual)
            or "A suspect is a question, not a verdict: look, then mend it or leave it."
        )
        cleared = f" {value_and_cleared.cleared:,} found right by a person." if value_and_cleared.cleared else ""
        if not value.found:
            return f"Nothing looks wrong in {count(value.checked, 'case')} with a mask.{cleared}"
        cases = len({suspect.case for suspect in value.found})
        found = f"{count(len(value.found), 'suspect')} in {cases:,} of {count(value.checked, 'case')} with a mask."
        return f"{found}{cleared}"

    def _enable(self) -> None:
        chosen = self.table.current is not None
        nothing = "select a suspect on the page Suspects"
        self._actions.enable("data.go-to", chosen, nothing)
        locked = "" if self._session.is_writable else "the project is open for reading only"
        self._actions.enable("data.clear-suspect", chosen and not locked, locked or nothing)
        known = self.measurement.value
        cleared = known is not None and known.cleared > 0
        self._actions.enable("data.ask-again", cleared and not locked, locked or "nothing was found right yet")

    def _clear(self) -> None:
        suspect: Suspect | None = self.table.current
        if suspect is not None:
            self._change(lambda: clear_suspects(self._session.opened, [suspect], author=self._session.reviewer))

    def _ask_again(self) -> None:
        self._change(lambda: ask_again(self._session.opened, author=self._session.reviewer))

    def _change(self, change: Callable[[], None]) -> None:
        try:
            change()
        except RareSegError as error:
            report_error(self, error)
        self.measurement.measure_again()

    def _go(self, suspect: Suspect | None) -> None:
        if suspect is not None and self._session.case(suspect.case) is not None:
            self._session.open_case(suspect.case, suspect.place)


def _row(suspect: Suspect) -> Row:
    words, icon, colour = KIND_WORDS[suspect.kind]
    order = float(list(KIND_WORDS).index(suspect.kind))
    where = suspect.place or (-1, -1, -1)
    return Row(
        texts=(words, suspect.case, place_words(suspect.place), suspect.what, suspect.remedy),
        keys=(order, suspect.case.casefold(), float(where[0] * 1_000_000 + where[1]), suspect.what, suspect.remedy),
        tip=f"{suspect.what} {suspect.remedy}\nMeasured {suspect.measured:.4g}, limit {suspect.limit:.4g}.",
        meaning=suspect,
        mark=(icon, colour),
    )


def place_words(place: tuple[int, int, int] | None) -> str:
    """Return a place as Annotate counts: from 1; the plane first."""
    return "whole case" if place is None else " · ".join(str(one + 1) for one in place)
