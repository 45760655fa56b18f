"""The import plan as a table: which file becomes which case, of which patient, with which mask."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt

from segcore.projects.importing import ImportPlan, PlannedCase, guess_groups

Index = QModelIndex | QPersistentModelIndex
_TITLES = ("Case", "Patient", "Scan", "Mask")
_PATIENT = 1


class PlanTable(QAbstractTableModel):
    """Planned cases; the patient can be edited."""

    def __init__(self) -> None:
        super().__init__()
        self._plan = ImportPlan(cases=(), problems=())

    @property
    def plan(self) -> ImportPlan:
        """The plan as it stands, with the patients that were edited."""
        return self._plan

    def set_plan(self, plan: ImportPlan) -> None:
        """Show another plan."""
        self.beginResetModel()
        self._plan = plan
        self.endResetModel()

    def guess_patients(self) -> None:
        """Propose patients from the names, for cases whose patient was not told."""
        guessed = guess_groups([case.id for case in self._plan.cases])
        self._replace([replace(c, group=guessed[c.id]) if c.group == c.id else c for c in self._plan.cases])

    def one_patient_each(self) -> None:
        """Make each case a patient of its own."""
        self._replace([replace(case, group=case.id) for case in self._plan.cases])

    def _replace(self, cases: list[PlannedCase]) -> None:
        self.set_plan(replace(self._plan, cases=tuple(cases)))

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        """Number of planned cases."""
        return 0 if parent.isValid() else len(self._plan.cases)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        """Case, patient, scan, mask."""
        return 0 if parent.isValid() else len(_TITLES)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Titles."""
        if orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return _TITLES[section]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """One cell."""
        case = self._plan.cases[index.row()]
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole):
            return _texts(case)[index.column()]
        if role == Qt.ItemDataRole.ToolTipRole:
            files = [str(file) for _, file in case.images] + ([str(case.mask)] if case.mask else [])
            return "\n".join(files)
        return None

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Only the patient can be edited."""
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        return flags | Qt.ItemFlag.ItemIsEditable if index.column() == _PATIENT else flags

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        """Set a patient."""
        name = str(value).strip()
        if role != Qt.ItemDataRole.EditRole or index.column() != _PATIENT or not name:
            return False
        cases = list(self._plan.cases)
        cases[index.row()] = replace(cases[index.row()], group=name)
        self._plan = replace(self._plan, cases=tuple(cases))
        self.dataChanged.emit(index, index)
        return True


def _texts(case: PlannedCase) -> tuple[str, str, str, str]:
    first = case.images[0][1].name
    scan = first if len(case.images) == 1 else ", ".join(f"{name}: {file.name}" for name, file in case.images)
    return case.id, case.group, scan, case.mask.name if case.mask else "none: to be annotated"
