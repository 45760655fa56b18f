"""The integrity report: each file, what is wrong, what to do; to be copied, saved and opened again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from app.errors import report_error
from app.theme import SPACE_2, SPACE_4, current_tokens, icon, set_icon
from app.widgets.wording import count
from segcore.errors import RareSegError
from segcore.projects.case import Problem
from segcore.records import from_line, to_line
from segcore.storage import write_text

Index = QModelIndex | QPersistentModelIndex
_TITLES = ("File", "What is wrong", "What to do")
_FILE = "import-report.jsonl"


class ProblemTable(QAbstractTableModel):
    """Problems, the blocking ones first."""

    def __init__(self) -> None:
        super().__init__()
        self._problems: tuple[Problem, ...] = ()

    def set_problems(self, problems: Sequence[Problem]) -> None:
        """Show other problems."""
        self.beginResetModel()
        self._problems = tuple(sorted(problems, key=lambda problem: not problem.blocking))
        self.endResetModel()

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is shown, in this order."""
        return self._problems

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        """Number of problems."""
        return 0 if parent.isValid() else len(self._problems)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        """File, what, remedy."""
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
        problem = self._problems[index.row()]
        texts = (problem.file, problem.what, problem.remedy)
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            return texts[index.column()]
        if role == Qt.ItemDataRole.DecorationRole and index.column() == 0:
            theme = current_tokens()
            return icon("error", theme.danger) if problem.blocking else icon("info", theme.info)
        return None


class ReportView(QWidget):
    """A sentence, the table of problems, and buttons to copy and save it."""

    def __init__(self) -> None:
        super().__init__()
        self.sentence = QLabel()
        self.sentence.setWordWrap(True)
        self.sentence.setProperty("role", "heading")
        self.model = ProblemTable()
        self.table = QTableView()
        self.table.setModel(self.model)
        self.table.setAccessibleName("Integrity report")
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setWordWrap(True)
        self.table.verticalHeader().setVisible(False)
        self.table.setShowGrid(False)
        self.table.setAlternatingRowColors(True)
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        header.setHighlightSections(False)
        self.nothing = QLabel("Nothing was found wrong with these files.")
        self.nothing.setProperty("role", "success")
        self.copy = QPushButton("Copy")
        self.copy.setToolTip("Copy the report as text")
        set_icon(self.copy, "copy")
        self.copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(self.text()))
        self.save = QPushButton("Save as text…")
        self.save.setToolTip("Write the report into a text file")
        set_icon(self.save, "save")
        self.save.clicked.connect(self._ask_and_save)
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(self.copy)
        row.addWidget(self.save)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE_2)
        layout.addWidget(self.sentence)
        layout.addWidget(self.nothing)
        layout.addWidget(self.table, 1)
        layout.addLayout(row)

    def show_report(self, sentence: str, problems: Sequence[Problem]) -> None:
        """Show a report."""
        self.sentence.setText(sentence)
        self.model.set_problems(problems)
        self.table.setVisible(bool(problems))
        self.nothing.setVisible(not problems)
        self.table.resizeRowsToContents()

    def text(self) -> str:
        """The report as text."""
        lines = [self.sentence.text(), ""]
        for problem in self.model.problems:
            mark = "left out" if problem.blocking else "note"
            lines.append(f"{problem.file}: {problem.what} ({mark}). To do: {problem.remedy}.")
        return "\n".join([*lines, ""])

    def _ask_and_save(self) -> None:
        file, _ = QFileDialog.getSaveFileName(self, "Save the report", "integrity-report.txt", "Text (*.txt)")
        if file:
            self.save_to(Path(file))

    def save_to(self, file: Path) -> None:
        """Write the report into `file`."""
        try:
            write_text(file, self.text())
        except RareSegError as error:
            report_error(self, error)


class ReportDialog(QDialog):
    """The kept report of the last import."""

    def __init__(self, parent: QWidget, problems: Sequence[Problem]) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Integrity report of the last import")
        self.resize(900, 480)
        self.view = ReportView()
        self.view.show_report(sentence_of(problems), problems)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE_4, SPACE_4, SPACE_4, SPACE_4)
        layout.addWidget(self.view)
        layout.addWidget(buttons)


def sentence_of(problems: Sequence[Problem]) -> str:
    """Return a report in one sentence."""
    blocking = sum(problem.blocking for problem in problems)
    left_out = f"{count(blocking, 'file')} could not be used"
    return f"The last import: {left_out}, {count(len(problems) - blocking, 'note')}."


def keep_report(folder: Path, problems: Sequence[Problem]) -> None:
    """Keep the report of the last import in the project's folder; errors as `write_text`."""
    write_text(folder / _FILE, "".join(f"{to_line(problem)}\n" for problem in problems))


def kept_report(folder: Path) -> tuple[Problem, ...] | None:
    """Return the kept report, or None if nothing was imported yet or it cannot be read."""
    try:
        lines = (folder / _FILE).read_text("utf-8").splitlines()
        return tuple(from_line(Problem, line) for line in lines if line)
    except (OSError, UnicodeDecodeError, RareSegError):
        return None
