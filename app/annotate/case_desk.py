"""Which case lies on the desk: opens it in the background, keeps versions of its mask, counts it. No widget."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer, Signal

from app.annotate.mask_editor import MaskEditor
from app.annotate.opened_case import OpenedCase, count_figures, open_case
from app.background import Background
from app.session import Session
from segcore.errors import RareSegError

#: How long after the last stroke the rest of the window hears of it and lesions are counted, ms.
PAUSE_MS = 500
_KEEPING = "keeping a version"


class CaseDesk(QObject):
    """Puts cases on the desk and takes them away.

    Parameters
    ----------
    may_lose
        Asked with the number of strokes that the disk refused: may they be lost?

    Signals
    -------
    opened(object)
        An `OpenedCase` lies on the desk, or None: it is empty.
    counted(object)
        `Figures` of the mask.
    failed(object)
        What could not be opened or kept.
    """

    opened = Signal(object)
    counted = Signal(object)
    failed = Signal(object)

    def __init__(
        self,
        session: Session,
        background: Background,
        editor: MaskEditor,
        may_lose: Callable[[int], bool],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._session, self._background, self._editor, self._may_lose = session, background, editor, may_lose
        self._wanted = ""
        self._being_kept: set[str] = set()
        self._is_telling = False
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(PAUSE_MS)
        self._pause.timeout.connect(self._tell)
        editor.edited.connect(lambda _: self._pause.start())
        session.maskChanged.connect(self._changed_elsewhere)

    @property
    def wanted(self) -> str:
        """The case that lies on the desk or is being opened; empty for none."""
        return self._wanted

    # Cases

    def show(self, case: str) -> bool:
        """Open a case in place of the present one; False if the person wants to stay with that one."""
        if case == self._wanted:
            return True
        if not self.leave():
            return False
        self._wanted = case
        self._editor.close()
        if not case:
            self.opened.emit(None)
        elif case not in self._being_kept:  # else it is opened once it is kept
            self._load(case)
        return True

    def leave(self) -> bool:
        """Keep what was painted; False if it cannot be saved and the person wants to stay."""
        self._tell_now()
        if self._editor.unsaved and not self._editor.save_again():
            return self._may_lose(self._editor.unsaved)
        self.keep_version()
        return True

    def forget(self) -> None:
        """The project is gone; every stroke is in its journal."""
        self._pause.stop()
        self._wanted = ""
        self._editor.close()
        self.opened.emit(None)

    def _load(self, case: str) -> None:
        project = self._session.opened

        def done(found: OpenedCase) -> None:
            if self._wanted == case and self._session.project is project:
                self._editor.open(case, found.mask)
                self._editor.is_touched = found.has_strokes
                self.opened.emit(found)
                self._count()

        def failed(error: Exception) -> None:
            if self._wanted == case and self._session.project is project:
                self._wanted = ""
                self.opened.emit(None)
                self.failed.emit(error)

        self._background.run(lambda _: open_case(project, case), done=done, failed=failed, owner=self)

    def _changed_elsewhere(self, case: str) -> None:
        """Another workspace changed the mask on the desk: read it anew."""
        if not self._is_telling and case == self._editor.case and case not in self._being_kept:
            self._load(case)

    # Versions

    def keep_version(self) -> None:
        """Keep the mask as a version in the background, if it was painted on; nobody paints on it meanwhile."""
        editor, project = self._editor, self._session.project
        if not editor.is_touched or editor.unsaved or editor.mask is None or project is None or project.read_only:
            return
        case, mask, author = editor.case, editor.mask, self._session.reviewer
        editor.is_touched = False
        editor.lock(_KEEPING)
        self._being_kept.add(case)

        def over(error: Exception | None) -> None:
            self._being_kept.discard(case)
            if editor.mask is mask:
                editor.unlock(_KEEPING)
                editor.is_touched = editor.is_touched or error is not None
            if self._session.project is not project:
                return  # every stroke is in the journal
            if error is not None:
                self.failed.emit(error)
            else:
                self._announce(case)
            if self._wanted == case and editor.case != case:
                self._load(case)

        self._background.run(
            lambda _: project.save_mask(case, mask, author=author, origin="annotation"),
            done=lambda _: over(None),
            failed=over,
            owner=self,
        )

    def keep_version_now(self) -> None:
        """Keep the mask as a version before this returns, because the project is about to close."""
        editor, project = self._editor, self._session.project
        if editor.is_touched and not editor.unsaved and editor.mask is not None and project is not None:
            try:
                project.save_mask(editor.case, editor.mask, author=self._session.reviewer, origin="annotation")
            except RareSegError as error:  # every stroke is in the journal
                self.failed.emit(error)
            else:
                editor.is_touched = False

    # News

    def _tell_now(self) -> None:
        if self._pause.isActive():
            self._pause.stop()
            self._tell()

    def _tell(self) -> None:
        if self._editor.case:
            self._announce(self._editor.case)
            self._count()

    def _announce(self, case: str) -> None:
        self._is_telling = True
        try:
            self._session.notify_mask(case)
        finally:
            self._is_telling = False

    def _count(self) -> None:
        mask = self._editor.mask
        if mask is None:
            return

        def done(figures: object) -> None:
            if self._editor.mask is mask:
                self.counted.emit(figures)

        self._background.run(lambda _: count_figures(mask.labels), done=done, failed=self.failed.emit, owner=self)
