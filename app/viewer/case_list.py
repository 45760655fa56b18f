"""The list of cases beside a viewer: thumbnail, name and state; choosing one makes it the current case."""

from __future__ import annotations

import logging
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QIcon, QImage, QPixmap
from PySide6.QtWidgets import QLineEdit, QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from app.background import Background, Progress
from app.session import Session
from segcore.errors import Cancelled, RareSegError
from segcore.projects.case import Case
from segcore.projects.project import Project

_Pictures = dict[str, NDArray[np.uint8]]

_LOG = logging.getLogger("rareseg.viewer")
#: Pictures made per turn in the background; more would keep the first from appearing.
_THUMBNAILS_PER_TURN = 4
_WIDTH = 210


class CaseList(QWidget):
    """Cases of the project, filtered by text."""

    def __init__(self, session: Session, background: Background, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session, self._background = session, background
        self.filter = QLineEdit()
        self.filter.setPlaceholderText("Filter by name or state")
        self.filter.setAccessibleName("Filter cases")
        self.filter.setClearButtonEnabled(True)
        self.list = QListWidget()
        self.list.setIconSize(QSize(48, 48))
        self.list.setAccessibleName("Cases")
        self.list.setUniformItemSizes(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 0, 8)
        layout.addWidget(self.filter)
        layout.addWidget(self.list, 1)
        self.setFixedWidth(_WIDTH)
        self._waiting: list[str] = []
        self._is_loading = False
        self.filter.textChanged.connect(self._filter_changed)
        self.list.currentItemChanged.connect(self._chosen)
        session.projectChanged.connect(self.refill)
        session.casesChanged.connect(self.refill)
        session.caseChanged.connect(self._case_changed)
        session.maskChanged.connect(self._case_changed)
        session.currentCaseChanged.connect(self._mark)
        self.refill()

    def refill(self) -> None:
        """List the cases anew."""
        self.list.blockSignals(True)
        self.list.clear()
        for case in self._session.cases():
            item = QListWidgetItem(_text(case))
            item.setData(Qt.ItemDataRole.UserRole, case.id)
            self.list.addItem(item)
        self.list.blockSignals(False)
        self._waiting = [case.id for case in self._session.cases()]
        self._filter_changed(self.filter.text())
        self._mark(self._session.current_case)
        if self.isVisible():
            self.load_thumbnails()

    def load_thumbnails(self) -> None:
        """Begin to make pictures beside the window, a few per turn."""
        project = self._session.project
        if self._is_loading or not self._waiting or project is None or not self.isVisible():
            return
        self._is_loading = True
        batch, self._waiting = self._waiting[:_THUMBNAILS_PER_TURN], self._waiting[_THUMBNAILS_PER_TURN:]
        self._background.run(
            lambda progress: _pictures(project, batch, progress),
            done=lambda found: self._take(project, found),
            failed=self._failed,
            owner=self,
        )

    def _take(self, project: Project, pictures: _Pictures) -> None:
        for case, pixels in pictures.items():
            item = self._item(case)
            if item is not None and project is self._session.project:
                rows, columns = pixels.shape[:2]
                image = QImage(pixels.tobytes(), columns, rows, 3 * columns, QImage.Format.Format_RGB888)
                item.setIcon(QIcon(QPixmap.fromImage(image)))
        self._is_loading = False
        self.load_thumbnails()

    def _failed(self, error: Exception) -> None:
        self._is_loading = False
        if not isinstance(error, Cancelled):
            _LOG.info("thumbnails failed: %s", type(error).__name__)
            self.load_thumbnails()

    def step(self, further: int) -> None:
        """Go to the next or previous case that the filter shows."""
        rows = [row for row in range(self.list.count()) if not self.list.item(row).isHidden()]
        if not rows:
            return
        here = self.list.currentRow()
        place = rows.index(here) if here in rows else -1
        self.list.setCurrentRow(rows[min(max(place + further, 0), len(rows) - 1)])

    def shown(self) -> tuple[str, ...]:
        """Return the ids of the cases that the filter shows, in their order."""
        items = (self.list.item(row) for row in range(self.list.count()))
        return tuple(str(item.data(Qt.ItemDataRole.UserRole)) for item in items if not item.isHidden())

    def _item(self, case: str) -> QListWidgetItem | None:
        row = self._session.row_of(case)
        return self.list.item(row) if row is not None and row < self.list.count() else None

    def _case_changed(self, case: str) -> None:
        item, found = self._item(case), self._session.case(case)
        if item is not None and found is not None:
            item.setText(_text(found))

    def _mark(self, case: str) -> None:
        item = self._item(case) if case else None
        self.list.blockSignals(True)
        if item is not None:
            self.list.setCurrentItem(item)
        else:
            self.list.setCurrentRow(-1)
        self.list.blockSignals(False)

    def _chosen(self, item: QListWidgetItem | None, _: object) -> None:
        if item is not None:
            self._session.set_current_case(str(item.data(Qt.ItemDataRole.UserRole)))

    def _filter_changed(self, text: str) -> None:
        words = text.casefold().split()
        for row in range(self.list.count()):
            item = self.list.item(row)
            item.setHidden(not all(word in item.text().casefold() for word in words))


def _pictures(project: Project, cases: list[str], progress: Progress) -> _Pictures:
    """Return (rows, columns, 3) uint8 by case; without those of which none can be made."""
    found: _Pictures = {}
    for case in cases:
        progress.check()
        with suppress(RareSegError):
            found[case] = project.thumbnail(case)
    return found


def _text(case: Case) -> str:
    part = f" · {case.part.value}" if case.part else ""
    return f"{case.id}\n{case.state.value}{part}"
