"""The mask of the case that is being annotated: every stroke on disk before the next one, undo, versions."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from app.session import Session
from segcore.annotation.edits import MaskEdit
from segcore.annotation.history import History
from segcore.annotation.replay import REDONE, UNDONE, fits, replayed
from segcore.annotation.worktime import WorkTime
from segcore.errors import RareSegError
from segcore.geometry import Box
from segcore.scans.volume import BACKGROUND, FOREGROUND, UNLABELLED, Mask

#: Less time than this is not worth a transaction.
_LEAST_SECONDS = 0.5


class MaskEditor(QObject):
    """Keeps strokes.

    Signals
    -------
    edited(Box)
        The mask changed inside this box.
    savedChanged()
        Whether everything is on disk changed, or what can be undone.
    failed(object)
        A stroke could not be saved; it stays on screen and is tried again before the next one.
    held(bool)
        Whether something slow works on the mask, so that nothing may be painted until it is done.
    """

    edited = Signal(object)
    savedChanged = Signal()
    failed = Signal(object)
    held = Signal(bool)

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.case = ""
        self.mask: Mask | None = None
        self.history = History()
        self.time = WorkTime()
        self._seconds = 0.0
        self._unsaved: list[tuple[MaskEdit, bool]] = []
        self._strokes = 0
        self._is_held = False
        self._is_replayed = False

    @property
    def labels(self) -> NDArray[np.uint8] | None:
        """The labels, changed in place by tools; None without a case."""
        return self.mask.labels if self.mask is not None else None

    @property
    def unsaved(self) -> int:
        """Strokes that are not on disk yet (the disk is full, the folder read-only)."""
        return len(self._unsaved)

    @property
    def may_edit(self) -> bool:
        """Whether strokes are possible now."""
        return self.mask is not None and self._session.is_writable and not self._is_held

    @property
    def ground(self) -> int:
        """What is no lesion: background, or unlabelled where only what is painted counts (see `is_sparse`)."""
        return UNLABELLED if self.is_sparse else BACKGROUND

    @property
    def is_sparse(self) -> bool:
        """Whether only what is painted counts: most of the mask is unlabelled."""
        case = self._session.case(self.case) if self.case else None
        return case is not None and 2 * case.labelled_voxels < case.grid.voxels

    def hold(self, on: bool) -> None:
        """Let nothing be painted while something slow reads the mask, or let it again."""
        if on != self._is_held:
            self._is_held = on
            self.held.emit(on)

    def open(self, case: str) -> None:
        """Edit another case; the one before is kept as a version. An empty name closes."""
        self.close()
        self.case = case
        self.mask = self._session.opened.mask(case) if case else None
        self.savedChanged.emit()

    def close(self) -> None:
        """Keep the strokes so far as a version of the mask; errors are told, the journal has the strokes anyway."""
        if self.mask is not None and self._strokes and self._session.project is not None:
            try:
                self._retry()
                if not self._unsaved:
                    self._session.project.save_mask(
                        self.case, self.mask, author=self._session.reviewer, origin="annotation"
                    )
                    self._session.notify_mask(self.case)
            except RareSegError as error:
                self.failed.emit(error)
        self._keep_time()
        self.forget()

    def forget(self) -> None:
        """Let go of the mask without saving anything: its project is gone."""
        self.mask, self.case, self._strokes = None, "", 0
        self.history = History()
        self._is_replayed = False
        self._unsaved = []
        self._seconds = 0.0
        self.time.take()
        self.time.stop()
        self.hold(False)

    def reload(self) -> None:
        """Take over what somebody else made of the mask; the strokes before cannot be undone any more."""
        if self.mask is None or self.unsaved:
            return
        fresh = self._session.opened.mask(self.case).labels
        if not np.array_equal(fresh, self.mask.labels):
            self.mask.labels[...] = fresh
            self.history = History()
            self._is_replayed = True
            self.savedChanged.emit()

    def _keep_time(self) -> None:
        """Keep the time since the last stroke; it is not worth a message where that fails."""
        seconds = self._seconds + self.time.take()
        project = self._session.project
        if self.case and project is not None and not project.read_only and seconds >= _LEAST_SECONDS:
            with suppress(RareSegError):
                project.add_seconds(self.case, seconds, author=self._session.reviewer)

    def keep(self, edit: MaskEdit | None) -> None:
        """Journal a finished stroke and remember it for undo."""
        if edit is not None:
            self.history.record(edit)
            self._journal(edit, counts=True)

    def undo(self) -> None:
        """Take the last stroke back; that is a stroke too, as far as the journal is concerned."""
        if not self.may_edit:
            return
        if not self.history.can_undo and self.can_undo:
            self._remember_earlier()
        self._apply(self.history.undo(), UNDONE)

    def redo(self) -> None:
        """Do again what was taken back."""
        if self.may_edit:
            self._apply(self.history.redo(), REDONE)

    @property
    def can_undo(self) -> bool:
        """Whether there is a stroke to take back: of now, or of before the case was opened."""
        if self.history.can_undo or self.mask is None:
            return self.history.can_undo
        return not self._is_replayed and self._session.opened.has_strokes(self.case)

    def _remember_earlier(self) -> None:
        """Fill the history from the journal, which also holds the strokes of before the case was opened."""
        self._is_replayed = True
        try:
            self.history = replayed(self._session.opened.strokes(self.case))
        except RareSegError as error:
            self.failed.emit(error)

    def _apply(self, edit: MaskEdit | None, mark: str) -> None:
        if edit is None or self.mask is None:
            return
        if self._is_replayed and not fits(edit, self.mask.labels):
            # Something that is no stroke came between: an accepted prediction, a mask from a file.
            self.history = History()
            self.savedChanged.emit()
            return
        edit.apply(self.mask.labels)
        self._journal(replace(edit, label=f"{mark}{edit.label}"), counts=False)

    def _journal(self, edit: MaskEdit, *, counts: bool) -> None:
        self._strokes += 1
        self._unsaved.append((edit, counts))
        try:
            self._retry()
        except RareSegError as error:
            self.failed.emit(error)
        self.edited.emit(edit.box)
        self.savedChanged.emit()

    def _retry(self) -> None:
        project = self._session.opened
        author = self._session.reviewer
        self._seconds += self.time.take()
        while self._unsaved:
            edit, counts = self._unsaved[0]
            project.record_edit(self.case, edit, author=author, seconds=self._seconds, counts=counts)
            self._unsaved.pop(0)
            self._seconds = 0.0
        self._session.notify_case(self.case)

    def replace(self, labels: NDArray[np.uint8], label: str) -> None:
        """Put other labels in place of the whole mask as one undoable stroke."""
        if self.mask is None:
            return
        changed = Box.around(labels != self.mask.labels)
        if changed is None:
            return
        cut = changed.slices
        edit = MaskEdit(label=label, box=changed, before=self.mask.labels[cut].copy(), after=labels[cut].copy())
        edit.apply(self.mask.labels)
        self.keep(edit)

    @property
    def foreground_ml(self) -> float:
        """Volume of the foreground, millilitres."""
        if self.mask is None:
            return 0.0
        return int(np.count_nonzero(self.mask.labels == FOREGROUND)) * self.mask.grid.voxel_volume_ml
