"""The case table's model: one row per case, read from the session, thumbnails when they arrive."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt

from app.data.thumbnails import Thumbnails
from app.session import Session
from app.widgets.wording import PART_WORDS, STATE_WORDS, extents, millilitres, one_in, percent
from segcore.errors import RareSegError
from segcore.projects.case import Case, CaseState, Part

Index = QModelIndex | QPersistentModelIndex

SORT_ROLE = Qt.ItemDataRole.UserRole
ID_ROLE = Qt.ItemDataRole.UserRole + 1
STATE_ROLE = Qt.ItemDataRole.UserRole + 2
PART_ROLE = Qt.ItemDataRole.UserRole + 3
SEARCH_ROLE = Qt.ItemDataRole.UserRole + 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column: title, what it shows, what it sorts by, its explanation."""

    name: str
    title: str
    text: Callable[[Case], str]
    key: Callable[[Case], str | float]
    help: str
    width: int
    number: bool = False


def natural(text: str) -> str:
    """Return a text that sorts case2 before case10."""
    return re.sub(r"\d+", lambda match: match.group().zfill(12), text.casefold())


_STATE_ORDER = {state: order for order, state in enumerate(CaseState)}
_PART_ORDER = {None: 0, Part.TRAIN: 1, Part.VALIDATION: 2, Part.TEST: 3}

COLUMNS = (
    Column(
        name="picture",
        title="",
        text=lambda case: "",
        key=lambda case: natural(case.id),
        help="The plane with most foreground; the mask is tinted",
        width=64,
    ),
    Column(
        name="case",
        title="Case",
        text=lambda case: case.id,
        key=lambda case: natural(case.id),
        help="Name of the case, made from its file",
        width=180,
    ),
    Column(
        name="patient",
        title="Patient",
        text=lambda case: case.group,
        key=lambda case: natural(case.group),
        help="Cases of one patient never lie on both sides of the split; F2 or a second click changes it",
        width=112,
    ),
    Column(
        name="state",
        title="State",
        text=lambda case: STATE_WORDS[case.state],
        key=lambda case: float(_STATE_ORDER[case.state]),
        help="How far the annotation has come; training uses complete and confirmed empty cases",
        width=164,
    ),
    Column(
        name="share",
        title="Foreground",
        text=lambda case: percent(case.prevalence) if _is_annotated(case) else "–",
        key=lambda case: case.prevalence if _is_annotated(case) else -1.0,
        help="Share of the labelled voxels that is foreground",
        width=96,
        number=True,
    ),
    Column(
        name="ratio",
        title="1 : N",
        text=lambda case: one_in(case.prevalence) if _is_annotated(case) else "–",
        key=lambda case: case.prevalence if _is_annotated(case) else -1.0,
        help="Foreground to background voxels: how rare it is",
        width=96,
        number=True,
    ),
    Column(
        name="lesions",
        title="Lesions",
        text=lambda case: f"{case.lesions:,}" if _is_annotated(case) else "–",
        key=lambda case: float(case.lesions) if _is_annotated(case) else -1.0,
        help="Connected parts of the foreground",
        width=76,
        number=True,
    ),
    Column(
        name="volume",
        title="Volume, ml",
        text=lambda case: millilitres(case.volume_ml, case.grid) if _is_annotated(case) else "–",
        key=lambda case: case.volume_ml if _is_annotated(case) else -1.0,
        help="Volume of the foreground; not known for photographs and scans without spacing",
        width=96,
        number=True,
    ),
    Column(
        name="part",
        title="Part",
        text=lambda case: PART_WORDS[case.part],
        key=lambda case: float(_PART_ORDER[case.part]),
        help="Part of the split; F2, a second click or the context menu changes it",
        width=104,
    ),
    Column(
        name="channels",
        title="Channels",
        text=lambda case: ", ".join(case.channels),
        key=lambda case: natural(", ".join(case.channels)),
        help="Registered images of the scan",
        width=116,
    ),
    Column(
        name="size",
        title="Size",
        text=lambda case: extents(case.grid),
        key=lambda case: float(case.grid.voxels),
        help="Columns × rows × planes",
        width=116,
        number=True,
    ),
)
COLUMN_OF = {column.name: number for number, column in enumerate(COLUMNS)}


def _is_annotated(case: Case) -> bool:
    return case.state is not CaseState.UNLABELLED or case.foreground_voxels > 0


class CaseTable(QAbstractTableModel):
    """All cases of the open project.

    Parameters
    ----------
    report
        Gets what goes wrong when a cell is edited.
    """

    def __init__(self, session: Session, thumbnails: Thumbnails, report: Callable[[Exception], None]) -> None:
        super().__init__()
        self._session = session
        self._thumbnails = thumbnails
        self._report = report
        self._cases: tuple[Case, ...] = session.cases()
        session.projectChanged.connect(self.reload)
        session.casesChanged.connect(self.reload)
        session.splitChanged.connect(self._split_changed)
        session.caseChanged.connect(self._case_changed)
        session.maskChanged.connect(self._mask_changed)
        thumbnails.arrived.connect(self._picture_arrived)

    def reload(self) -> None:
        """Read all cases anew."""
        self.beginResetModel()
        self._cases = self._session.cases()
        self.endResetModel()

    def case_at(self, row: int) -> Case:
        """The case of a row."""
        return self._cases[row]

    # What Qt asks

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        """Number of cases."""
        return 0 if parent.isValid() else len(self._cases)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        """Number of columns."""
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Titles and explanations."""
        if orientation is not Qt.Orientation.Horizontal:
            return None
        column = COLUMNS[section]
        if role == Qt.ItemDataRole.DisplayRole:
            return column.title
        if role == Qt.ItemDataRole.ToolTipRole:
            return column.help
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if column.number else Qt.AlignmentFlag.AlignLeft
            return side | Qt.AlignmentFlag.AlignVCenter
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """One cell."""
        case, column = self._cases[index.row()], COLUMNS[index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return column.text(case)
        if role == SORT_ROLE:
            return column.key(case)
        if role == Qt.ItemDataRole.TextAlignmentRole and column.number:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        if role == Qt.ItemDataRole.DecorationRole and column.name == "picture":
            return self._thumbnails.get(case.id)
        return self._other(case, column, role)

    def _other(self, case: Case, column: Column, role: int) -> Any:
        if role == ID_ROLE:
            return case.id
        if role == STATE_ROLE:
            return case.state.value
        if role == PART_ROLE:
            return case.part.value if case.part else ""
        if role == SEARCH_ROLE:
            return f"{case.id} {case.group} {case.note}".casefold()
        if role == Qt.ItemDataRole.ToolTipRole:
            note = f"\nNote: {case.note}" if case.note else ""
            return f"{', '.join(case.sources)}{note}" if column.name in ("picture", "case") else column.help
        if role == Qt.ItemDataRole.EditRole:
            return case.group if column.name == "patient" else (case.part.value if case.part else "")
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{column.title or 'Picture'}: {column.text(case) or case.id}"
        return None

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Patient and part can be changed in the table."""
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        if COLUMNS[index.column()].name in ("patient", "part") and self._session.is_writable:
            flags |= Qt.ItemFlag.ItemIsEditable
        return flags

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        """Change the patient (a name) or the part (its stored name, empty for none)."""
        if role != Qt.ItemDataRole.EditRole:
            return False
        case, name = self._cases[index.row()], COLUMNS[index.column()].name
        try:
            if name == "patient" and str(value).strip() not in ("", case.group):
                self._session.set_group([case.id], str(value).strip())
            elif name == "part" and value != (case.part.value if case.part else ""):
                self._session.set_parts({case.id: Part(value) if value else None})
            else:
                return False
        except RareSegError as error:
            self._report(error)
            return False
        return True

    # News

    def _case_changed(self, id: str) -> None:
        row = self._session.row_of(id)
        if row is None or row >= len(self._cases):
            self.reload()
            return
        self._cases = self._session.cases()
        self.dataChanged.emit(self.index(row, 0), self.index(row, len(COLUMNS) - 1))

    def _mask_changed(self, id: str) -> None:
        self._thumbnails.forget(id)
        self._case_changed(id)

    def _split_changed(self) -> None:
        self._cases = self._session.cases()
        if self._cases:
            column = COLUMN_OF["part"]
            self.dataChanged.emit(self.index(0, column), self.index(len(self._cases) - 1, column))

    def _picture_arrived(self, id: str) -> None:
        row = self._session.row_of(id)
        if row is not None and row < len(self._cases):
            cell = self.index(row, COLUMN_OF["picture"])
            self.dataChanged.emit(cell, cell, [Qt.ItemDataRole.DecorationRole])
