"""The tables of a trial: its runs, what its arms reached, what may be said of each pair, and every test case."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt

from app.trials.progress import RunStatus, TrialProgress
from segcore.trials.comparison import TrialComparison, signed
from segcore.trials.folder import TrialFolder

Index = QModelIndex | QPersistentModelIndex


class GridModel(QAbstractTableModel):
    """A table of ready-made text, rows of cells below a head, with a tooltip per row; numbers stand to the right."""

    def __init__(self) -> None:
        super().__init__()
        self._head: tuple[str, ...] = ()
        self._rows: tuple[tuple[str, ...], ...] = ()
        self._tips: tuple[str, ...] = ()

    def show_cells(self, head: Sequence[str], rows: Sequence[Sequence[str]], tips: Sequence[str] = ()) -> None:
        """Show other cells; where only texts change, selection and scroll position stay."""
        cells = tuple(tuple(row) for row in rows)
        if tuple(head) == self._head and len(cells) == len(self._rows):
            self._rows, self._tips = cells, tuple(tips)
            if cells:
                self.dataChanged.emit(self.index(0, 0), self.index(len(cells) - 1, len(head) - 1))
            return
        self.beginResetModel()
        self._head, self._rows, self._tips = tuple(head), cells, tuple(tips)
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        return 0 if parent.isValid() else len(self._head)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> str | None:
        if role == Qt.ItemDataRole.DisplayRole and orientation == Qt.Orientation.Horizontal:
            return self._head[section]
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> str | Qt.AlignmentFlag | None:
        if not index.isValid() or index.row() >= len(self._rows):
            return None
        text = self._rows[index.row()][index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return text
        if role == Qt.ItemDataRole.ToolTipRole and index.row() < len(self._tips):
            return self._tips[index.row()]
        if role == Qt.ItemDataRole.TextAlignmentRole and index.column() and text[:1] in "0123456789+−–":
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return None


def show_runs(model: GridModel, progress: TrialProgress) -> None:
    """Fill in one row per arm and one column per seed: where the run is, and its best validation Dice."""
    plan = progress.trial.plan
    rows = [
        (
            arm.name,
            *(_status(progress.statuses[run.id]) for run in plan.runs if run.arm == number),
        )
        for number, arm in enumerate(plan.arms)
    ]
    tips = [" + ".join(term.name for term in arm.recipe.loss) for arm in plan.arms]
    model.show_cells(("Recipe", *(f"Seed {seed}" for seed in plan.seeds)), rows, tips)


def _status(status: RunStatus) -> str:
    dice = "" if math.isnan(status.dice) else f" · Dice {status.dice:.3f}"
    if status.word == "training":
        return f"training {100 * status.share:.0f} %{dice}"
    if status.word == "paused":
        return f"paused at {100 * status.share:.0f} %{dice}"
    return f"{status.word}{dice}"


def show_arms(model: GridModel, comparison: TrialComparison) -> None:
    """Fill in what every arm reached on the test cases."""
    model.show_cells(
        ("Recipe", f"{comparison.metric.label}, mean", "95 % interval", "By seed", "Spread over seeds"),
        [
            (
                arm.name,
                value_text(arm.mean),
                f"{value_text(arm.low)} to {value_text(arm.high)}",
                "  ".join(value_text(value) for value in arm.by_seed),
                value_text(arm.seed_spread),
            )
            for arm in comparison.arms
        ],
    )


def show_pairs(model: GridModel, comparison: TrialComparison) -> None:
    """Fill in the paired difference of every two arms."""
    rows, tips = [], []
    for pair in comparison.pairs:
        c = pair.comparison
        first, second = comparison.arms[pair.first].name, comparison.arms[pair.second].name
        said = "shown" if pair.is_shown else "hint only" if pair.is_hint else "cannot be told apart"
        interval = f"{signed(c.low)} to {signed(c.high)}"
        p = "–" if math.isnan(c.p) else f"{pair.adjusted:.3f}"
        rows.append((f"{first} − {second}", signed(c.difference), interval, p, str(c.pairs), said))
        tips.append(comparison.sentence(pair))
    model.show_cells(("Paired difference", "Mean", "95 % interval", "p (Holm)", "Patients", "Verdict"), rows, tips)


def show_cases(model: GridModel, comparison: TrialComparison, first: int, second: int) -> None:
    """Fill in every test case: two arms' means over seeds, and their difference."""
    rows = [
        (
            row.case,
            row.group,
            value_text(row.values[first]),
            value_text(row.values[second]),
            signed(row.values[first] - row.values[second]),
        )
        for row in comparison.cases
    ]
    model.show_cells(("Case", "Patient", "Left", "Right", "Diff."), rows)


def value_text(value: float) -> str:
    """Return a metric as text; a dash where it is undefined."""
    return "–" if math.isnan(value) else f"{value:.3f}"


def describe(trial: TrialFolder) -> str:
    """Return what a trial compares, for its line in the list."""
    plan = trial.plan
    return f"{len(plan.arms)} recipes × {len(plan.seeds)} seeds × {plan.steps} steps"
