"""Changes that take a while: worked out beside the window, put into the mask when they are done, given up by Esc."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from app.annotate.mask_editor import MaskEditor
from app.background import Background, Progress, Task
from app.errors import report_error

T = TypeVar("T")

#: Masks up to this size are changed at once: it takes less than the window's background takes to tell.
SMALL = 2_000_000


class LongEdits(QObject):
    """Works out one change at a time; nothing may be painted meanwhile, but everything may be looked at.

    Signals
    -------
    changed()
        Something began or ended; see `doing`.
    """

    changed = Signal()

    def __init__(self, editor: MaskEditor, background: Background, parent: QWidget) -> None:
        super().__init__(parent)
        self._window, self._editor, self._background = parent, editor, background
        self._task: Task[Any] | None = None
        #: What is being worked out; empty for nothing.
        self.doing = ""
        self.small = SMALL

    def run(
        self,
        name: str,
        work: Callable[[Progress], T],
        done: Callable[[T], None],
        *,
        slow: bool = False,
        failed: Callable[[Exception], None] | None = None,
    ) -> None:
        """Call `done` with what `work` returns; at once where the mask is small, unless it is `slow` anyway.

        `work` must not touch the mask or a widget. After `cancel` neither `done` nor `failed` is called.
        """
        labels = self._editor.labels
        if labels is None or self.doing:
            return
        complain = failed or (lambda error: report_error(self._window, error))
        if labels.size <= self.small and not slow:
            done(work(Progress()))
            return
        self.doing = name
        self._editor.hold(True)
        task: Task[T] = self._background.run(
            work,
            done=lambda result: self._ended(task, lambda: done(result)),
            failed=lambda error: self._ended(task, lambda: complain(error)),
            owner=self,
        )
        self._task = task
        self.changed.emit()

    def cancel(self) -> bool:
        """Give up what is being worked out; whether there was something."""
        task, self._task = self._task, None
        if task is None:
            return False
        task.cancel()
        self._free()
        return True

    def _ended(self, task: Task[Any], then: Callable[[], None]) -> None:
        if task is not self._task:
            return  # given up
        self._task = None
        self._free()
        then()

    def _free(self) -> None:
        self.doing = ""
        self._editor.hold(False)
        self.changed.emit()
