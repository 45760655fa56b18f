"""Looks for the findings of a prediction beside the window; the newest question is the only one that is answered."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QTimer, Signal

from app.background import Background, Progress, Task
from segcore.errors import Cancelled
from segcore.geometry import Grid
from segcore.review.findings import Findings, findings_of

#: Predictions up to this size are searched at once: it takes less than the window's background takes to tell.
SMALL = 2_000_000
#: A threshold must rest this long before its findings are looked for, ms.
_REST_MS = 120


class FindingSearch(QObject):
    """One search at a time.

    Signals
    -------
    found(Findings, bool)
        What was asked for last, and whether the first of them was to be shown.
    failed(object)
        It could not be found out.
    """

    found = Signal(object, bool)
    failed = Signal(object)

    def __init__(self, background: Background, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._background = background
        self._task: Task[Findings] | None = None
        self._asked = 0
        self.small = SMALL
        self.rest = QTimer(self)
        self.rest.setSingleShot(True)
        self.rest.setInterval(_REST_MS)

    def cancel(self) -> None:
        """Answer nothing that was asked so far."""
        self._asked += 1
        self.rest.stop()
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def ask(
        self, steps: NDArray[np.int8], step: int, grid: Grid, doubt: NDArray[np.uint8] | None, *, first: bool = False
    ) -> None:
        """Look for the findings at a threshold; small predictions are answered before this returns."""
        self.cancel()
        work = partial(findings_of, steps, step, grid, disagreement=doubt)
        if steps.size <= self.small:
            self.found.emit(work(), first)
            return
        asked = self._asked

        def searched(progress: Progress) -> Findings:
            progress.check()
            return work()

        self._task = self._background.run(
            searched,
            done=lambda findings: self.found.emit(findings, first) if asked == self._asked else None,
            failed=lambda error: self._fail(asked, error),
            owner=self,
        )

    def _fail(self, asked: int, error: Exception) -> None:
        if asked == self._asked and not isinstance(error, Cancelled):
            self.failed.emit(error)
