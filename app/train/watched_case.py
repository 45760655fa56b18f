"""The watched case: what the network says about one validation scan now, refreshed at each validation."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QStackedWidget, QVBoxLayout, QWidget

from app.background import Background
from app.session import Session
from app.theme import SPACE_2
from app.viewer.scan_view import ScanView
from app.widgets.empty_state import EmptyState
from segcore.errors import RareSegError
from segcore.projects.case import Part
from segcore.training.events import CaseShown
from segcore.training.exhibits import read_case

_LEGEND = "blue: prediction · orange: the case's mask"


class WatchedCase(QWidget):
    """One validation scan with its mask and the run's present prediction.

    Signals
    -------
    caseChosen(str)
        The person wants to watch this case from the next validation on.
    """

    caseChosen = Signal(str)

    def __init__(self, session: Session, background: Background, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session, self._background = session, background
        self._wanted: CaseShown | None = None
        self._loaded: CaseShown | None = None
        self.cases = QComboBox()
        self.cases.setObjectName("watched-cases")
        self.cases.setAccessibleName("Watched case")
        self.cases.setToolTip("Which validation scan is shown; another one appears at the next validation.")
        self.cases.activated.connect(lambda _: self.caseChosen.emit(self.cases.currentText()))
        self.words = QLabel()
        self.words.setObjectName("watched-words")
        self.words.setProperty("role", "hint")
        legend = QLabel(_LEGEND)
        legend.setProperty("role", "small")
        self.view = ScanView()
        self._empty = EmptyState(
            "review",
            "No prediction yet",
            "At each validation the network's prediction of one validation scan appears here.",
        )
        row = QHBoxLayout()
        row.setSpacing(SPACE_2)
        row.addWidget(self.cases)
        row.addWidget(self.words, 1)
        row.addWidget(legend)
        self._stack = QStackedWidget()
        self._stack.addWidget(self._empty)
        self._stack.addWidget(self.view)
        column = QVBoxLayout(self)
        column.setContentsMargins(SPACE_2, SPACE_2, SPACE_2, 0)
        column.addLayout(row)
        column.addWidget(self._stack, 1)

    def show_case(self, shown: CaseShown | None, *, live: bool) -> None:
        """Show what the event tells of; None shows nothing. `live` is whether another case may be asked for."""
        self.cases.setEnabled(live)
        if shown is self._wanted:
            return
        self._wanted = shown
        if self.isVisible():
            self._load()

    def showEvent(self, event: QShowEvent) -> None:
        """Load what came while nobody looked."""
        super().showEvent(event)
        self._load()

    def _load(self) -> None:
        shown, project = self._wanted, self._session.project
        if shown is self._loaded:
            return
        previous, self._loaded = self._loaded, shown
        if shown is None or project is None or self._session.case(shown.case) is None:
            self._show_nothing("")
            return
        self._offer(shown.case)
        try:
            scan = project.scan(shown.case)
            if previous is None or previous.case != shown.case or self.view.volume is None:
                self.view.set_scan(scan)
                self.view.set_labels(project.mask(shown.case).labels)
        except RareSegError as error:
            self._show_nothing(str(error))
            return
        file, shape = project.folder / shown.file, scan.grid.shape
        self._background.run(
            lambda _: read_case(file, shape),
            done=partial(self._take, shown),
            failed=lambda error: self._show_nothing(str(error)),
            owner=self,
        )

    def _take(self, shown: CaseShown, steps: NDArray[np.int8]) -> None:
        if shown is not self._loaded:
            return
        first = self.view.steps is None
        self.view.set_prediction(steps, shown.threshold_step)
        if first and self.view.labels is not None:
            self.view.set_crosshair(_place_to_look(self.view.labels))
        dice = "empty" if math.isnan(shown.dice) else f"{shown.dice:.3f}"
        self.words.setText(f"step {shown.step} · Dice {dice}")
        self._stack.setCurrentWidget(self.view)

    def _show_nothing(self, why: str) -> None:
        self.view.set_scan(None)
        self.words.setText(why)
        self._stack.setCurrentWidget(self._empty)

    def _offer(self, present: str) -> None:
        known = [case.id for case in self._session.cases() if case.part is Part.VALIDATION and case.state.is_trainable]
        names = known if present in known else [present, *known]
        self.cases.blockSignals(True)
        self.cases.clear()
        self.cases.addItems(names)
        self.cases.setCurrentText(present)
        self.cases.blockSignals(False)


def _place_to_look(labels: NDArray[np.uint8]) -> tuple[int, int, int]:
    """Return a voxel in the plane with most foreground, or the middle of the scan."""
    front = labels == 1
    counts = front.sum(axis=(1, 2))
    plane = int(counts.argmax()) if counts.any() else labels.shape[0] // 2
    rows, columns = np.nonzero(front[plane]) if counts.any() else ((labels.shape[1] // 2,), (labels.shape[2] // 2,))
    middle = len(rows) // 2
    return plane, int(rows[middle]), int(columns[middle])
