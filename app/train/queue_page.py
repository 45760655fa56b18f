"""The queue of runs: what is trained next, in an order that a person may change."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QListWidget, QListWidgetItem, QPushButton, QVBoxLayout, QWidget

from app.errors import report_error
from app.session import Session
from app.theme import SPACE_1
from segcore.errors import RareSegError
from segcore.training.queue import QueuedRun, RunQueue
from segcore.training.recipe import Recipe

_ID = Qt.ItemDataRole.UserRole


class QueuePage(QWidget):
    """The list of waiting runs with its buttons.

    Signals
    -------
    startAsked()
        The person wants the first of them to start now.
    changed(int)
        So many runs wait.
    """

    startAsked = Signal()
    changed = Signal(int)

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._is_idle = True
        self.list = QListWidget()
        self.list.setObjectName("queue")
        self.list.setAccessibleName("Waiting runs")
        self.list.currentRowChanged.connect(lambda _: self._update_buttons())
        self.words = QLabel()
        self.words.setObjectName("queue-words")
        self.words.setProperty("role", "hint")
        self._start = _button(
            "Start the queue", "queue-start", "Starts the first run; the others follow by themselves."
        )
        self._up = _button("Earlier", "queue-up", "Moves the selected run towards the front.")
        self._down = _button("Later", "queue-down", "Moves the selected run towards the end.")
        self._remove = _button("Remove", "queue-remove", "Takes the selected run out of the queue.")
        self._start.clicked.connect(self.startAsked)
        self._up.clicked.connect(lambda: self._change(lambda queue, id: queue.move(id, -1)))
        self._down.clicked.connect(lambda: self._change(lambda queue, id: queue.move(id, 1)))
        self._remove.clicked.connect(lambda: self._change(lambda queue, id: queue.remove(id)))
        row = QHBoxLayout()
        row.addWidget(self.words, 1)
        for button in (self._up, self._down, self._remove, self._start):
            row.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(SPACE_1, SPACE_1, SPACE_1, 0)
        column.addLayout(row)
        column.addWidget(self.list, 1)
        session.projectChanged.connect(self.refresh)
        self.refresh()

    def set_idle(self, idle: bool) -> None:
        """Say whether nothing is training."""
        if idle != self._is_idle:
            self._is_idle = idle
            self._update_buttons()

    def add(self, recipe: Recipe, *, resume: str = "") -> None:
        """Put a run at the end of the open project's queue."""
        self._try(lambda queue: queue.add(recipe, resume=resume))

    def take_next(self) -> QueuedRun | None:
        """Return the first run and take it out of the queue; None where nothing waits."""
        taken = self._try(lambda queue: queue.take_next())
        return taken if isinstance(taken, QueuedRun) else None

    def refresh(self) -> None:
        """Read the queue of the open project."""
        project = self._session.project
        runs: tuple[QueuedRun, ...] = ()
        problem = ""
        try:
            runs = RunQueue(project.folder).runs if project is not None else ()
        except RareSegError as error:
            problem = str(error)
        chosen = self._chosen()
        self.list.clear()
        for run in runs:
            item = QListWidgetItem(words_of(run))
            item.setData(_ID, run.id)
            self.list.addItem(item)
            if run.id == chosen:
                self.list.setCurrentItem(item)
        self.words.setText(problem or ("The first starts when the present run ends." if runs else "No run waits."))
        self._update_buttons()
        self.changed.emit(len(runs))

    def _chosen(self) -> str:
        item = self.list.currentItem()
        return str(item.data(_ID)) if item is not None else ""

    def _change(self, change: Callable[[RunQueue, str], object]) -> None:
        chosen = self._chosen()
        if chosen:
            self._try(lambda queue: change(queue, chosen))

    def _try(self, change: Callable[[RunQueue], object]) -> object:
        project = self._session.project
        if project is None or project.read_only:
            return None
        try:
            return change(RunQueue(project.folder))
        except RareSegError as error:
            report_error(self, error)
            return None
        finally:
            self.refresh()

    def _update_buttons(self) -> None:
        row, count = self.list.currentRow(), self.list.count()
        writable = self._session.is_writable
        self._up.setEnabled(writable and row > 0)
        self._down.setEnabled(writable and 0 <= row < count - 1)
        self._remove.setEnabled(writable and row >= 0)
        self._start.setEnabled(writable and self._is_idle and count > 0)


def words_of(run: QueuedRun) -> str:
    """Return what a waiting run is, in a line."""
    budget = run.recipe.budget
    length = f"{budget.steps} steps" if budget.steps else f"{budget.minutes:g} min"
    loss = " + ".join(term.name for term in run.recipe.loss)
    going_on = f" · goes on with {run.resume}" if run.resume else ""
    return f"{run.recipe.name} · {loss} · {length}{going_on}"


def _button(text: str, name: str, tooltip: str) -> QPushButton:
    button = QPushButton(text)
    button.setObjectName(name)
    button.setToolTip(tooltip)
    return button
