"""Thumbnails of cases, made in the background when a row is first painted."""

from __future__ import annotations

import logging
from collections import OrderedDict

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QImage, QPixmap

from app.background import Background, Progress
from app.session import Session
from segcore.errors import RareSegError
from segcore.projects.project import Project

_LOG = logging.getLogger("rareseg.data")
#: Edge of a picture in the table, px.
EDGE = 44
#: Pictures made per turn: small, so that what is scrolled into view comes soon.
_BATCH = 6
_KEPT = 2000


class Thumbnails(QObject):
    """Pictures by case id; asks the project for the newest wishes first.

    Signals
    -------
    arrived(str)
        The picture of this case is there now.
    """

    arrived = Signal(str)

    def __init__(self, session: Session, background: Background) -> None:
        super().__init__()
        self._session = session
        self._background = background
        self._pictures: OrderedDict[str, QPixmap] = OrderedDict()
        self._wanted: OrderedDict[str, None] = OrderedDict()
        self._is_busy = False
        self._generation = 0
        session.projectChanged.connect(self._start_anew)

    def get(self, id: str) -> QPixmap | None:
        """Return the picture, or None and ask for it."""
        picture = self._pictures.get(id)
        if picture is None and id not in self._wanted:
            self._wanted[id] = None
            self._work()
        return picture

    def forget(self, id: str) -> None:
        """The mask of a case changed: make its picture anew when it is next painted."""
        self._pictures.pop(id, None)

    def _start_anew(self) -> None:
        self._generation += 1
        self._pictures.clear()
        self._wanted.clear()

    def _work(self) -> None:
        project = self._session.project
        if self._is_busy or not self._wanted or project is None:
            return
        self._is_busy = True
        # The newest wishes are what is on the screen now.
        batch = [self._wanted.popitem()[0] for _ in range(min(_BATCH, len(self._wanted)))]
        generation = self._generation

        def done(found: dict[str, NDArray[np.uint8]]) -> None:
            self._is_busy = False
            if generation == self._generation:
                self._take(found)
            self._work()

        def failed(error: Exception) -> None:
            self._is_busy = False
            _LOG.info("thumbnails failed: %s", type(error).__name__)
            self._work()

        self._background.run(lambda progress: _make(project, batch, progress), done=done, failed=failed, owner=self)

    def _take(self, found: dict[str, NDArray[np.uint8]]) -> None:
        for id, pixels in found.items():
            self._pictures[id] = _as_pixmap(pixels)
            while len(self._pictures) > _KEPT:
                self._pictures.popitem(last=False)
            self.arrived.emit(id)


def _make(project: Project, ids: list[str], progress: Progress) -> dict[str, NDArray[np.uint8]]:
    """Return (rows, columns, 3) uint8 by id; a case whose picture cannot be made gets a grey one, asked for once."""
    found = {}
    for id in ids:
        progress.check()
        try:
            found[id] = project.thumbnail(id)
        except RareSegError:
            found[id] = np.full((8, 8, 3), 90, dtype=np.uint8)
    return found


def _as_pixmap(pixels: NDArray[np.uint8]) -> QPixmap:
    pixels = np.ascontiguousarray(pixels)
    rows, columns = pixels.shape[:2]
    image = QImage(pixels.data, columns, rows, 3 * columns, QImage.Format.Format_RGB888)
    # Twice the edge keeps the picture sharp on dense screens.
    return QPixmap.fromImage(
        image.scaled(2 * EDGE, 2 * EDGE, Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation)
    )
