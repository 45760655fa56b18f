"""A number of the project that takes time: measured in the background while a page wants it, and again when it is old."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from PySide6.QtCore import QObject, QTimer, Signal

from app.background import Background, Progress, Task
from app.errors import report_error
from app.session import Session
from segcore.errors import Cancelled, RareSegError
from segcore.projects.project import Project

T = TypeVar("T")
#: Changes that follow each other within this time are measured once, ms.
_DELAY_MS = 150

#: Measures the open project; told how to report progress and to learn that it should stop.
Measure = Callable[[Project, Progress], T]


class Measurement(QObject, Generic[T]):
    """One measured value.

    Parameters
    ----------
    prepare
        Called in the GUI thread just before measuring; returns what runs in the background.

    Attributes
    ----------
    value
        The newest value, also while a newer one is being measured; None before the first.
    error
        Why there is none, as a sentence; empty otherwise.
    is_old
        Whether the project changed since `value` was measured.

    Signals
    -------
    changed()
        Value, error or age.
    progressed(int, int)
        So many cases of so many are done.
    """

    changed = Signal()
    progressed = Signal(int, int)

    def __init__(
        self, session: Session, background: Background, prepare: Callable[[], Measure[T]], parent: QObject
    ) -> None:
        super().__init__(parent)
        self._session, self._background, self._prepare = session, background, prepare
        self.value: T | None = None
        self.error = ""
        self.is_old = True
        self._wanted_by: set[int] = set()
        self._task: Task[T] | None = None
        self._generation = 0
        self._delay = QTimer(self)
        self._delay.setSingleShot(True)
        self._delay.setInterval(_DELAY_MS)
        self._delay.timeout.connect(self._start)
        session.projectChanged.connect(self._forget)
        for signal in (session.casesChanged, session.splitChanged):
            signal.connect(self.measure_again)
        for signal in (session.caseChanged, session.maskChanged):
            signal.connect(lambda _: self.measure_again())

    @property
    def is_running(self) -> bool:
        """Whether it is being measured, or about to be."""
        return self._task is not None or self._delay.isActive()

    def want(self, page: QObject, wanted: bool) -> None:
        """Say whether a page shows the value just now: nothing is measured that nobody looks at."""
        self._wanted_by.add(id(page)) if wanted else self._wanted_by.discard(id(page))
        if wanted and self.is_old and not self.is_running:
            self._delay.start(0)
        if not self._wanted_by:
            self._delay.stop()

    def measure_again(self) -> None:
        """Say that the value is old."""
        self.is_old = True
        self._cancel()
        if self._wanted_by:
            self._delay.start(_DELAY_MS)
        self.changed.emit()

    def _forget(self) -> None:
        self.value, self.error = None, ""
        self.measure_again()

    def _cancel(self) -> None:
        self._generation += 1
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def _start(self) -> None:
        project = self._session.project
        if project is None or not self.is_old or self._task is not None:
            return
        generation = self._generation
        measure = self._prepare()

        def done(value: T) -> None:
            if generation == self._generation:
                self._finish(value, "")

        def failed(error: Exception) -> None:
            if generation != self._generation or isinstance(error, Cancelled):
                return
            if not isinstance(error, RareSegError):
                report_error(None, error)
            self._finish(None, error.sentence if isinstance(error, RareSegError) else "It could not be measured.")

        def progress(done_cases: int, total: int, _text: str) -> None:
            if generation == self._generation:
                self.progressed.emit(done_cases, total)

        self._task = self._background.run(
            lambda news: measure(project, news), done=done, failed=failed, progress=progress, owner=self
        )
        self.changed.emit()

    def _finish(self, value: T | None, error: str) -> None:
        self._task = None
        self.value, self.error, self.is_old = value, error, False
        self.changed.emit()
