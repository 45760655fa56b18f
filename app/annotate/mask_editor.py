"""The mask of the case that is being annotated: every stroke on disk before the next one, undo and redo."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QTimer, Signal

from app.session import Session
from segcore.annotation.edits import MaskEdit, Stroke
from segcore.annotation.history import History
from segcore.errors import CannotSave, RareSegError
from segcore.geometry import Box
from segcore.scans.volume import Labels, Mask

#: How often strokes that the disk refused are tried again, ms.
RETRY_MS = 5000


class MaskEditor(QObject):
    """What tools paint on (an `Easel`): applies, journals and remembers strokes.

    A stroke that cannot be saved stays on the screen, is counted in `unsaved`, and is tried again, in order, every few
    seconds and with every later stroke.

    Signals
    -------
    edited(object)
        The mask changed inside this `Box`.
    changed()
        What is saved or can be undone changed.
    failed(object)
        Why a stroke could not be saved; told once until saving works again.
    """

    edited = Signal(object)
    changed = Signal()
    failed = Signal(object)

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.case = ""
        self.mask: Mask | None = None
        self.history = History()
        self._locks: set[str] = set()
        #: Whether anything was painted since the mask was opened or kept as a version.
        self.is_touched = False
        self._stroke: Stroke | None = None
        self._unsaved: deque[MaskEdit] = deque()
        self._was_told = False
        self._retry = QTimer(self)
        self._retry.setInterval(RETRY_MS)
        self._retry.timeout.connect(self.save_again)

    @property
    def labels(self) -> Labels | None:
        """The labels as they are painted; None without a case."""
        return self.mask.labels if self.mask is not None else None

    @property
    def unsaved(self) -> int:
        """Number of strokes that are not on disk."""
        return len(self._unsaved)

    @property
    def may_paint(self) -> bool:
        """Whether a stroke may begin now."""
        return self.mask is not None and self._session.is_writable and not self._locks and self._stroke is None

    def open(self, case: str, mask: Mask) -> None:
        """Paint on the mask of a case; what was open before must have been closed."""
        self._forget()
        self.case, self.mask = case, mask
        self.changed.emit()

    def close(self) -> None:
        """Let go of the case; strokes that could not be saved are lost from here on (the caller has asked)."""
        self._forget()
        self.changed.emit()

    def _forget(self) -> None:
        self._retry.stop()
        self.case, self.mask, self._stroke = "", None, None
        self.history = History()
        self._unsaved.clear()
        self._locks.clear()
        self.is_touched = self._was_told = False

    def lock(self, reason: str) -> None:
        """Let nobody paint while the mask is being read by someone else."""
        self._locks.add(reason)

    def unlock(self, reason: str) -> None:
        """Let people paint again, unless there are other reasons not to."""
        self._locks.discard(reason)

    # Strokes

    def begin(self, label: str) -> None:
        """Begin a stroke."""
        if self.mask is not None and self.may_paint:
            self._stroke = Stroke(self.mask.labels, label)

    def paint(self, box: Box, where: NDArray[np.bool_], value: int) -> None:
        """Paint the marked voxels of a box."""
        if self._stroke is not None:
            inside = self._stroke.paint(box, where, value)
            if not inside.is_empty:
                self.edited.emit(inside)

    def finish(self) -> None:
        """End the stroke; it is on disk when this returns, or `unsaved`."""
        stroke, self._stroke = self._stroke, None
        edit = stroke.finish() if stroke is not None else None
        if edit is not None:
            self.history.record(edit)
            self._journal(edit)

    def undo(self) -> None:
        """Take the last stroke back, in the journal too."""
        if self.may_paint:
            self._apply(self.history.undo())

    def redo(self) -> None:
        """Do again what was taken back."""
        if self.may_paint:
            self._apply(self.history.redo())

    def _apply(self, edit: MaskEdit | None) -> None:
        if edit is not None and self.mask is not None:
            edit.apply(self.mask.labels)
            self.edited.emit(edit.box)
            self._journal(edit)

    # The journal

    def _journal(self, edit: MaskEdit) -> None:
        self.is_touched = True
        self._unsaved.append(edit)
        self.save_again()

    def save_again(self) -> bool:
        """Write the strokes that are not on disk, in order; return whether all are."""
        project = self._session.project
        try:
            while self._unsaved and project is not None:
                project.record_edit(self.case, self._unsaved[0], author=self._session.reviewer)
                self._unsaved.popleft()
        except (RareSegError, OSError) as error:
            self._retry.start()
            if not self._was_told:
                self._was_told = True
                told = error if isinstance(error, RareSegError) else CannotSave(self.case, "a stroke was not saved")
                self.failed.emit(told)
        else:
            self._retry.stop()
            self._was_told = False
        self.changed.emit()
        return not self._unsaved
