"""All kept versions of a case's mask: who made them and when, compare them with the mask as it stands, take one back."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from app.theme import SPACE_4
from app.widgets.wording import count
from segcore.projects.case import Case, MaskVersion

_COLUMNS = ("Version", "By", "When", "From", "Size")


class VersionsDialog(QDialog):
    """A table of versions, newest first.

    Signals
    -------
    compared(int)
        A version is to be shown in blue beside the mask.
    restored(int)
        A version is to become the mask again.
    """

    compared = Signal(int)
    restored = Signal(int)

    def __init__(
        self, parent: QWidget, case: Case, versions: tuple[MaskVersion, ...], *, strokes: int, writable: bool
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setObjectName("mask-versions")
        self.setWindowTitle(f"Versions of the mask of {case.id}")
        self.setMinimumSize(640, 320)
        self._versions = tuple(reversed(versions))
        since = f" {count(strokes, 'stroke')} since then." if strokes else ""
        words = QLabel(
            "The mask is kept as a version whenever you leave a case, accept a prediction or import masks."
            f"{since} Restoring changes the mask as one stroke: Undo takes it back."
        )
        words.setWordWrap(True)
        words.setProperty("role", "muted")
        self.table = self._make_table(case)
        self.compare = QPushButton("Show in blue")
        self.compare.setToolTip("Show the version beside the mask; 'Use it' then adds, subtracts or intersects them")
        self.restore = QPushButton("Restore")
        self.restore.setToolTip("The mask becomes this version again")
        self._writable = writable
        shut = QPushButton("Close")
        shut.setDefault(True)
        shut.clicked.connect(self.reject)
        self.compare.clicked.connect(lambda: self._answer(self.compared.emit))
        self.restore.clicked.connect(lambda: self._answer(self.restored.emit))
        buttons = QHBoxLayout()
        buttons.addWidget(self.compare)
        buttons.addWidget(self.restore)
        buttons.addStretch(1)
        buttons.addWidget(shut)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE_4, SPACE_4, SPACE_4, SPACE_4)
        layout.setSpacing(SPACE_4)
        layout.addWidget(words)
        layout.addWidget(self.table, 1)
        layout.addLayout(buttons)
        self.table.itemSelectionChanged.connect(self._enable)
        if self._versions:
            self.table.selectRow(0)
        self._enable()

    def _make_table(self, case: Case) -> QTableWidget:
        table = QTableWidget(len(self._versions), len(_COLUMNS))
        table.setObjectName("version-table")
        table.setAccessibleName("Versions of the mask")
        table.setToolTip("Newest first")
        table.setHorizontalHeaderLabels(_COLUMNS)
        table.verticalHeader().hide()
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        for row, version in enumerate(self._versions):
            for column, text in enumerate(_cells(version, case)):
                table.setItem(row, column, QTableWidgetItem(text))
        table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        table.horizontalHeader().setStretchLastSection(True)
        return table

    def _chosen(self) -> MaskVersion | None:
        rows = self.table.selectionModel().selectedRows()
        return self._versions[rows[0].row()] if rows else None

    def _enable(self) -> None:
        self.compare.setEnabled(self._chosen() is not None)
        self.restore.setEnabled(self._writable and self._chosen() is not None)

    def _answer(self, emit: Callable[[int], None]) -> None:
        version = self._chosen()
        if version is not None:
            emit(version.number)
            self.accept()


def _cells(version: MaskVersion, case: Case) -> tuple[str, ...]:
    millilitres = version.foreground_voxels * case.grid.voxel_volume_ml
    size = f"{millilitres:.4f} ml" if case.grid.calibrated else count(version.foreground_voxels, "voxel")
    when = f"{version.time[:16].replace('T', ' ')} UTC"
    return (str(version.number), version.author, when, version.origin, size)
