"""Pictures of every workspace and of the dialogs beside them, for the documentation and for machines without a display."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, cast

from PySide6.QtCore import QObject, QTimer
from PySide6.QtWidgets import QApplication, QTabWidget, QWidget

from app.window import WORKSPACES, MainWindow
from segcore.review.worklist import WorkOrder
from segcore.training.events import Alarm, AlarmKind
from segcore.training.record import RunRecord, read_key_events

if TYPE_CHECKING:  # the window loads a workspace when it is first shown, and not for this
    from app.data.panel import DataPanel
    from app.review.panel import ReviewPanel
    from app.train.panel import TrainPanel

_SETTLE_MS = 700
#: Turns that a workspace may take until nothing runs in the background any more.
_MOST_TURNS = 120

#: Makes the window show something; returns what is pictured, or None where there is nothing of the kind to show.
Scene: TypeAlias = Callable[[MainWindow], QWidget | None]


class Screenshots(QObject):
    """Goes through the scenes, waits until each is quiet, saves its picture, and leaves.

    Parameters
    ----------
    folder
        Where ``<scene>.png`` go.
    """

    def __init__(self, window: MainWindow, folder: Path) -> None:
        super().__init__(window)
        self._window = window
        self._folder = folder
        self._left = [*_workspaces(), *_DIALOGS]
        self._shown: QWidget | None = None
        self._turns = 0
        self.code = 0
        window.resize(1920, 1080)
        QTimer.singleShot(_SETTLE_MS, self, self._next)

    def _next(self) -> None:
        if self._is_busy(self._next):
            return
        if not self._left:
            QApplication.exit(self.code)
            return
        self._choose_a_case()
        self._shown = self._left[0][1](self._window)
        QTimer.singleShot(_SETTLE_MS, self, self._save)

    def _is_busy(self, again: Callable[[], None]) -> bool:
        """Whether something runs in the background still; `again` is then called later."""
        self._turns += 1
        if self._window.background.running_tasks and self._turns < _MOST_TURNS:
            QTimer.singleShot(_SETTLE_MS, self, again)
            return True
        self._turns = 0
        return False

    def _choose_a_case(self) -> None:
        """Show the case with most foreground, so that there is something to see."""
        cases = self._window.session.cases()
        if cases and not self._window.session.current_case:
            self._window.session.set_current_case(max(cases, key=lambda case: case.foreground_voxels).id)

    def _save(self) -> None:
        if self._is_busy(self._save):
            return
        name, _ = self._left.pop(0)
        if self._shown is not None:
            self._folder.mkdir(parents=True, exist_ok=True)
            if not self._shown.grab().save(str(self._folder / f"{name}.png")):
                self.code = 1
            if self._shown is not self._window:
                self._shown.close()
        self._next()


def _workspaces() -> Sequence[tuple[str, Scene]]:
    def show(name: str) -> Scene:
        def scene(window: MainWindow) -> QWidget:
            window.show_workspace(name)
            if name == "review":
                _review(window).models.setCurrentIndex(_first(window, lambda run: run.recipe.ensemble.members == 1))
            if name == "trials":
                tabs = window.panel(name).findChild(QTabWidget, "trial-tabs")
                if isinstance(tabs, QTabWidget) and tabs.isTabEnabled(1):
                    tabs.setCurrentIndex(1)
            return window

        return scene

    return [(row.name, show(row.name)) for row in WORKSPACES]


def _page(name: str) -> Scene:
    def scene(window: MainWindow) -> QWidget:
        window.show_workspace("data")
        cast("DataPanel", window.panel("data")).show_page(name)
        return window

    return scene


def _ensemble(window: MainWindow) -> QWidget | None:
    """Review of an ensemble, the case first about which its members disagree most."""
    window.show_workspace("review")
    review = _review(window)
    place = _first(window, lambda run: run.recipe.ensemble.members > 1)
    if place < 0:
        return None
    review.models.setCurrentIndex(place)
    review.order.setCurrentIndex(review.order.findData(WorkOrder.MEMBERS.value))
    review.table.selectRow(0)
    return window


def _alarm(window: MainWindow) -> QWidget | None:
    """A run that collapsed, with what was measured and the remedy."""
    window.show_workspace("train")
    place = _first(window, _collapsed, models_only=False)
    if place < 0:
        return None
    _train(window).view.runs.table.selectRow(place)
    return window


def _explorer(tab: int) -> Scene:
    def scene(window: MainWindow) -> QWidget | None:
        _train(window).show_explorer()
        dialog = _newest(window, "loss-explorer")
        tabs = dialog.findChild(QTabWidget, "explorer-tabs") if dialog is not None else None
        if isinstance(tabs, QTabWidget):
            tabs.setCurrentIndex(tab)
        return dialog

    return scene


def _gallery(window: MainWindow) -> QWidget | None:
    _train(window).show_gallery()
    return _newest(window, "synthesis-gallery")


def _newest(window: MainWindow, name: str) -> QWidget | None:
    """Return the dialog of this name that was opened last; those that are closed go a moment later."""
    found = [dialog for dialog in window.findChildren(QWidget, name) if dialog.isVisible()]
    return found[-1] if found else None


def _collapsed(run: RunRecord) -> bool:
    return any(isinstance(event, Alarm) and event.kind is AlarmKind.COLLAPSED for event in read_key_events(run.folder))


def _first(window: MainWindow, wanted: Callable[[RunRecord], bool], *, models_only: bool = True) -> int:
    """Return the place of the first wanted run in Review's list of models, or in Train's list of runs; -1 for none."""
    if models_only:
        runs = _review(window).runs
    else:
        table = _train(window).view.runs.model
        runs = tuple(run for row in range(table.rowCount()) if (run := table.run_at(row)) is not None)
    return next((place for place, run in enumerate(runs) if wanted(run)), -1)


def _train(window: MainWindow) -> TrainPanel:
    return cast("TrainPanel", window.panel("train"))


def _review(window: MainWindow) -> ReviewPanel:
    return cast("ReviewPanel", window.panel("review"))


def _looking(window: MainWindow) -> QWidget | None:
    """A case with its lesion table and its lesions in three dimensions."""
    if not window.session.cases():
        return None
    window.show_workspace("annotate")
    for command in ("lesions", "surface", "next-lesion"):
        window.actions_table.action(f"viewer.{command}").trigger()
    return window


_DIALOGS: tuple[tuple[str, Scene], ...] = (
    *((name, _page(name)) for name in ("imbalance", "suspects", "resolution", "simulator", "advice")),
    ("ensemble", _ensemble),
    ("alarm", _alarm),
    ("explorer", _explorer(0)),
    ("explorer-rare", _explorer(1)),
    ("synthesis", _gallery),
    ("looking", _looking),
)
