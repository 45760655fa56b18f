"""The page of small lesions: which of them a resolution loses, and which only the finest level of the network sees."""

from __future__ import annotations

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QButtonGroup, QDoubleSpinBox, QHBoxLayout, QLabel, QRadioButton, QSpinBox, QVBoxLayout

from app.data.facts import Facts, Lost
from app.data.measured_page import MeasuredPage
from app.data.rows import Head, Row, RowsView
from app.data.suspects_page import place_words
from app.session import Session
from app.theme import SPACE_2, indent_numbers, set_role
from app.widgets.wording import count
from segcore.imbalance.vanishing import CaseVanishing, Resolution, millimetres

_HEADS = (
    Head(title="Case", help="Name of the case", width=170),
    Head(title="Lesions", help="Connected parts of the foreground", width=90, number=True),
    Head(title="Lost", help="Lesions that keep no voxel at this resolution", width=90, number=True),
    Head(
        title="Under 2 voxels",
        help="Lesions less than two voxels wide there: gone once the network halves the resolution",
        width=140,
        number=True,
    ),
    Head(
        title="Under 16 voxels",
        help="Lesions smaller than one cell of the network's coarsest level: found by its finer levels only",
        width=150,
        number=True,
    ),
    Head(title="Lost lesions", help="Place (plane · row · column) and size of the lost ones, smallest first"),
)
_SETTLE_MS = 400


class ResolutionPage(MeasuredPage[Lost]):
    """The resolution above, the cases below; a chosen case opens at its first lost lesion."""

    def __init__(self, session: Session, facts: Facts) -> None:
        self.table = RowsView("Lesions by resolution", _HEADS)
        super().__init__(facts.lost, "Bringing every mask to the resolution of a training.")
        self._session, self._facts = session, facts
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(_SETTLE_MS)
        self._settle.timeout.connect(self._ask)
        self.note = QLabel(
            "Training keeps a lost lesion as one voxel, so that it is learnt from; its shape is gone. Masks and figures "
            "stay at full resolution."
        )
        self.note.setWordWrap(True)
        set_role(self.note, "muted")
        layout = QVBoxLayout(self.content)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE_2)
        layout.addLayout(self._make_choice())
        layout.addWidget(self.table, 1)
        layout.addWidget(self.note)
        self.table.chosen.connect(self._go)
        session.projectChanged.connect(self._project_changed)
        self._enable()

    def _make_choice(self) -> QHBoxLayout:
        self.planned = QRadioButton("As training would choose")
        self.planned.setToolTip("The resolution that a training of the advised recipe brings scans to")
        self.planned.setChecked(True)
        self.asked = QRadioButton("At a spacing of")
        self.asked.setToolTip("Another resolution, to see what it would lose")
        group = QButtonGroup(self)
        group.addButton(self.planned)
        group.addButton(self.asked)
        self.edges = [self._edge(name) for name in ("column", "row", "plane")]
        self.shrink = QSpinBox()
        self.shrink.setRange(1, 16)
        self.shrink.setSuffix(" ×")
        self.shrink.setAccessibleName("Shrink by")
        self.shrink.setToolTip("Rows and columns are averaged over blocks of this many pixels")
        self.shrink.valueChanged.connect(self._settle.start)
        self.planned.toggled.connect(self._choice_changed)
        row = QHBoxLayout()
        row.setSpacing(SPACE_2)
        row.addWidget(self.planned)
        row.addSpacing(SPACE_2)
        row.addWidget(self.asked)
        for box in self.edges:
            row.addWidget(box)
        row.addWidget(self.shrink)
        row.addStretch(1)
        return row

    def _edge(self, name: str) -> QDoubleSpinBox:
        box = QDoubleSpinBox()
        box.setRange(0.05, 50.0)
        box.setDecimals(2)
        box.setSingleStep(0.1)
        box.setSuffix(" mm")
        box.setAccessibleName(f"Distance of {name}s")
        box.setToolTip(f"Distance of {name}s after resampling")
        box.valueChanged.connect(self._settle.start)
        return box

    def show_value(self, value: Lost) -> str:
        """Show what is lost."""
        found = value.vanishing
        self._offer(value.planned)
        self.table.show_rows([_row(case) for case in found.cases])
        shrunk = f", shrunk {found.resolution.shrink} times" if found.resolution.shrink > 1 else ""
        where = "Scans left as they are" if found.resolution.spacing is None else millimetres(found.resolution.spacing)
        if not found.lesions:
            return f"{where}{shrunk}: there are no lesions yet."
        lost = f"{found.lost:,} of {count(found.lesions, 'lesion')} {_verb(found.lost)} lost"
        return f"{where}{shrunk}: {lost}, {found.narrow:,} {_verb(found.narrow)} less than two voxels wide."

    def _offer(self, planned: Resolution) -> None:
        """Begin the choice of a person where training would begin; photographs are shrunk, scans resampled."""
        in_millimetres = planned.spacing is not None
        self.asked.setText("At a spacing of" if in_millimetres else "Shrunk")
        for box in self.edges:
            box.setVisible(in_millimetres)
        self.shrink.setVisible(not in_millimetres)
        shrunk = f", shrunk {planned.shrink} times" if planned.shrink > 1 else ""
        self.planned.setToolTip(
            f"What a training of the advised recipe brings scans to: {millimetres(planned.spacing)}{shrunk}"
        )
        if self.planned.isChecked():
            for box, edge in zip(self.edges, reversed(planned.spacing or (1.0, 1.0, 1.0)), strict=True):
                _set_quietly(box, edge)
            _set_quietly(self.shrink, planned.shrink)

    def _choice_changed(self) -> None:
        self._enable()
        self._ask()

    def _enable(self) -> None:
        for box in (*self.edges, self.shrink):
            box.setEnabled(self.asked.isChecked())
        indent_numbers(self)

    def _ask(self) -> None:
        if self.planned.isChecked():
            self._facts.ask_resolution(None)
            return
        column, row, plane = (box.value() for box in self.edges)
        in_millimetres = self.edges[0].isVisibleTo(self)
        self._facts.ask_resolution(
            Resolution(spacing=(plane, row, column))
            if in_millimetres
            else Resolution(spacing=None, shrink=self.shrink.value())
        )

    def _project_changed(self) -> None:
        self.planned.setChecked(True)

    def _go(self, case: CaseVanishing) -> None:
        if self._session.case(case.case) is not None:
            self._session.open_case(case.case, case.lost[0].place if case.lost else None)


def _verb(number: int) -> str:
    return "is" if number == 1 else "are"


def _set_quietly(box: QDoubleSpinBox | QSpinBox, value: float) -> None:
    box.blockSignals(True)
    box.setValue(value)  # type: ignore[arg-type]
    box.blockSignals(False)


def _row(case: CaseVanishing) -> Row:
    first = [f"{place_words(one.place)} ({count(one.voxels, 'voxel')})" for one in case.lost]
    numbers = (case.lesions, len(case.lost), case.narrow, case.below_stride)
    more = f" and {len(first) - 3} more" if len(first) > 3 else ""
    return Row(
        texts=(case.case, *(f"{number:,}" for number in numbers), ", ".join(first[:3]) + more),
        keys=(case.case.casefold(), *map(float, numbers), float(len(first))),
        tip="\n".join(first[:20]) or "No lesion of this case is lost.",
        meaning=case,
        mark=("warning", "warning") if case.lost else ("", ""),
    )
