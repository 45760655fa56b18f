"""Makes the coarser copies of large scans beside the window, and gives them to the viewer."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QTimer

from app.background import Background, Progress, Task
from app.session import Session
from app.viewer.levels import Copies, Levels
from app.viewer.scan_view import ScanView
from segcore.errors import Cancelled, CannotSave, RareSegError
from segcore.projects.pyramids import kept_levels
from segcore.scans.pyramid import Halve, build_levels, highest, is_large, labels_together

_LOG = logging.getLogger("rareseg.viewer")
#: After something else is shown, ms: going through cases by key must not begin a copy of each.
_DELAY_MS = 150
#: How each array that is drawn over a scan is made coarser.
_TOGETHER: dict[str, Halve] = {"labels": labels_together, "steps": highest, "doubt": highest}


class CoarseCopies(QObject):
    """Watches what a viewer shows; scans whose planes fit a screen need nothing of this."""

    def __init__(self, view: ScanView, session: Session, background: Background, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._view, self._session, self._background = view, session, background
        self._case = ""
        self._making: dict[str, Task[Copies]] = {}
        self._delay = QTimer(self)
        self._delay.setSingleShot(True)
        self._delay.setInterval(_DELAY_MS)
        self._delay.timeout.connect(self._look)
        view.scanChanged.connect(self._scan_changed)
        view.masksChanged.connect(self._wait)
        view.levelsWanted.connect(self._wait)

    def show_case(self, case: str) -> None:
        """The viewer shows this case now."""
        self._case = case
        self._wait()

    def _scan_changed(self) -> None:
        for task in self._making.values():
            task.cancel()
        self._making.clear()
        self._case = ""

    def _wait(self) -> None:
        volume = self._view.volume
        if volume is not None and is_large(volume.grid.shape) and not self._delay.isActive():
            self._delay.start()

    def _look(self) -> None:
        """Begin what is missing."""
        project, known = self._session.project, self._session.case(self._case) if self._case else None
        if project is None or known is None or self._view.volume is None:
            return
        for name, source in self._shown():
            if name in self._making or self._view.levels.has(name, source):
                continue
            if name == "scan":
                folder, keep = project.pyramid_folder(self._case), not project.read_only
                self._begin(name, source, partial(_kept, folder, source, keep=keep))
                continue
            if name == "labels":
                self._view.levels.expect(source)
            self._begin(name, source, partial(_built, source, _TOGETHER[name]))

    def _shown(self) -> Iterator[tuple[str, Any]]:
        view = self._view
        if view.volume is not None:
            yield "scan", view.volume.voxels
        for name, source in (("labels", view.labels), ("steps", view.steps), ("doubt", view.doubt)):
            if source is not None:
                yield name, source

    def _begin(self, name: str, source: Any, work: Callable[[Progress], Copies]) -> None:
        levels = self._view.levels
        self._making[name] = self._background.run(
            work,
            done=lambda copies: self._made(name, source, levels, copies),
            failed=lambda error: self._failed(name, levels, error),
            owner=self,
        )

    def _made(self, name: str, source: Any, levels: Levels, copies: Copies) -> None:
        if levels is not self._view.levels:
            return  # another scan is shown by now
        del self._making[name]
        levels.take(name, source, copies)
        self._view.draw_anew()
        self._wait()

    def _failed(self, name: str, levels: Levels, error: Exception) -> None:
        """Without copies the scan is sampled as before: not worth a message."""
        if not isinstance(error, Cancelled):
            _LOG.warning(
                "no coarser copies of a %s could be made: %s",
                name,
                error if isinstance(error, RareSegError) else type(error).__name__,
            )
        if levels is self._view.levels and isinstance(error, Cancelled):
            self._making.pop(name, None)


def _built(source: Any, together: Halve, news: Progress) -> Copies:
    return build_levels(source, together, news.check)


def _kept(folder: Path, voxels: Any, news: Progress, *, keep: bool) -> Copies:
    """Return copies from the cache, or in memory where it cannot be written to."""
    try:
        return kept_levels(folder, voxels, keep=keep, check=news.check)
    except CannotSave:
        return kept_levels(folder, voxels, keep=False, check=news.check)
