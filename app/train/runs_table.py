"""The list of kept runs: newest first, one line each."""

from __future__ import annotations

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt

from app.train.curves import clock
from segcore.training.record import RunRecord

_COLUMNS = ("Run", "State", "Dice", "AP", "Steps", "Time", "Loss")
Index = QModelIndex | QPersistentModelIndex


class RunsModel(QAbstractTableModel):
    """Runs of the open project."""

    def __init__(self) -> None:
        super().__init__()
        self._runs: tuple[RunRecord, ...] = ()

    def set_runs(self, runs: tuple[RunRecord, ...]) -> None:
        """Show `runs`."""
        self.beginResetModel()
        self._runs = runs
        self.endResetModel()

    def run_at(self, row: int) -> RunRecord | None:
        """Return the run in `row`, or None outside the list."""
        return self._runs[row] if 0 <= row < len(self._runs) else None

    def run_with(self, id: str) -> RunRecord | None:
        """Return the run of this id, or None where it is not in the list."""
        return self.run_at(self.row_of(id))

    def row_of(self, run: str) -> int:
        """Return the row of a run, or -1."""
        return next((row for row, record in enumerate(self._runs) if record.id == run), -1)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        return 0 if parent.isValid() else len(self._runs)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        return 0 if parent.isValid() else len(_COLUMNS)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> str | None:
        if role == Qt.ItemDataRole.DisplayRole and orientation == Qt.Orientation.Horizontal:
            return _COLUMNS[section]
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> str | None:
        run = self.run_at(index.row())
        if run is None:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return _cells(run)[index.column()]
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{run.recipe.name}, started {run.started}, id {run.id}"
        return None


def _cells(run: RunRecord) -> tuple[str, ...]:
    best = run.best
    return (
        run.recipe.name,
        run.state.value,
        f"{best.dice:.3f}" if best else "–",
        f"{best.average_precision:.3f}" if best else "–",
        str(run.steps),
        clock(run.seconds),
        " + ".join(term.name for term in run.recipe.loss),
    )
