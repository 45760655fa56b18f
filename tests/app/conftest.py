"""Fixtures of the window's tests, and the watch for what a test leaves behind."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QObject, QTimer
from PySide6.QtWidgets import QApplication, QWidget

from app.actions import Actions
from app.background import Background
from app.session import Session
from app.settings import Settings
from app.theme import apply_theme
from segcore.engine.client import EngineProcess
from segcore.engine.messages import Cancel, Job, Message, Stop
from segcore.geometry import Grid
from segcore.projects.case import CaseState, Part
from segcore.projects.project import Project
from segcore.scans.volume import Mask, Volume


@pytest.fixture(scope="session")
def qapp_cls() -> type[QApplication]:
    return QApplication


@pytest.fixture(autouse=True)
def nothing_is_left_behind(qapp: QApplication, request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that leaves a top-level widget, a running timer without a widget, or a thread."""
    if qapp.property("rareseg-theme") is None:
        apply_theme(qapp, "dark")
    widgets_before = set(map(id, qapp.topLevelWidgets()))
    threads_before = set(threading.enumerate())
    yield
    for _ in range(3):
        qapp.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        qapp.processEvents()
    limit = time.monotonic() + 3.0
    while set(threading.enumerate()) - threads_before and time.monotonic() < limit:
        time.sleep(0.02)
    threads = [thread.name for thread in set(threading.enumerate()) - threads_before]
    widgets = [
        f"{type(widget).__name__} {widget.objectName()!r}"
        for widget in qapp.topLevelWidgets()
        if id(widget) not in widgets_before and not _is_qt_internal(widget)
    ]
    timers = [str(timer.parent()) for timer in _running_timers(qapp)]
    assert threads == [], "threads left behind"
    assert widgets == [], "widgets left behind"
    assert timers == [], "timers left running"


def _is_qt_internal(widget: QWidget) -> bool:
    return type(widget).__name__ in ("QComboBoxPrivateContainer", "QTipLabel", "QMenu", "QShapedPixmapWidget") or (
        widget.parent() is not None
    )


def _running_timers(qapp: QApplication) -> list[QTimer]:
    return [timer for timer in qapp.findChildren(QTimer) if timer.isActive()]


class FakeEngine:
    """An engine process that says what a test tells it to say, and ends when told to stop.

    Parameters
    ----------
    script
        Messages sent at once; after them the fake waits for `Stop`, `Cancel` or `kill`, then sends `last` and ends.
        Without `last` it ends by itself after the script.
    """

    def __init__(self, script: tuple[Message, ...] = (), last: Message | None = None) -> None:
        self.script = script
        self.last = last
        self.controls: list[object] = []
        self.killed = False
        self._over = threading.Event()

    def send(self, control: object) -> None:
        self.controls.append(control)
        if isinstance(control, Stop | Cancel):
            self._over.set()

    def kill(self) -> None:
        self.killed = True
        self._over.set()

    def messages(self) -> Iterator[Message]:
        yield from self.script
        if self.last is not None:
            self._over.wait(30.0)
            yield self.last


class EngineBench:
    """Gives out fake engines, in order; remembers the jobs."""

    def __init__(self) -> None:
        self.engines: list[FakeEngine] = []
        self.jobs: list[Job] = []

    def expect(self, script: tuple[Message, ...] = (), last: Message | None = None) -> FakeEngine:
        engine = FakeEngine(script, last)
        self.engines.append(engine)
        return engine

    def launch(self, job: Job) -> FakeEngine:
        self.jobs.append(job)
        return self.engines[len(self.jobs) - 1]


@pytest.fixture
def engines() -> EngineBench:
    """Fake engine processes: ``engines.expect(script, last)`` before the job starts."""
    return EngineBench()


@pytest.fixture
def background(qapp: QApplication, engines: EngineBench) -> Iterator[Background]:
    made = Background(engines.launch)
    yield made
    assert made.shutdown(5.0), "a background task did not end"
    made.deleteLater()


@pytest.fixture
def real_background(qapp: QApplication) -> Iterator[Background]:
    """With real engine processes; outlives the test's own widgets, which are still drawn after its last line."""
    made = Background(EngineProcess.start, qapp)
    yield made
    assert made.shutdown(10.0), "an engine did not end"
    made.deleteLater()


@pytest.fixture
def kept() -> Iterator[list[QWidget]]:
    """Put widgets here that a test makes itself: pytest-qt alone would let Python delete them before Qt is done."""
    widgets: list[QWidget] = []
    yield widgets
    for widget in widgets:
        widget.close()
        widget.deleteLater()


@pytest.fixture
def settings(qapp: QApplication, tmp_path: Path) -> Settings:
    made = Settings(tmp_path / "settings" / "rareseg.ini")
    made.reviewer = "Dr. Test"
    return made


@pytest.fixture
def session(settings: Settings) -> Iterator[Session]:
    """No project is open yet: ``session.open(make_project().folder)`` or ``session.adopt(project)``."""
    made = Session(settings)
    yield made
    made.close()


@pytest.fixture
def actions(qapp: QApplication) -> Iterator[Actions]:
    owner = QObject()
    yield Actions(owner)
    owner.deleteLater()


@pytest.fixture
def make_project(tmp_path: Path) -> Callable[..., Project]:
    """Make a project of small synthetic cases: ``make_project(cases=6, planes=4)``; the caller or the session closes it."""

    def make(
        folder: Path | None = None,
        *,
        cases: int = 6,
        planes: int = 4,
        edge: int = 24,
        states: tuple[CaseState, ...] = (CaseState.COMPLETE,),
        split: bool = False,
        name: str = "Trial",
    ) -> Project:
        project = Project.create(folder or tmp_path / "project", name=name)
        rng = np.random.default_rng(7)
        for number in range(cases):
            add_synthetic_case(project, number, planes=planes, edge=edge, state=states[number % len(states)], rng=rng)
        if split:
            parts = (Part.TRAIN, Part.TRAIN, Part.TRAIN, Part.VALIDATION, Part.TEST)
            project.set_parts({case.id: parts[row % 5] for row, case in enumerate(project.cases())})
        return project

    return make


def add_synthetic_case(
    project: Project, number: int, *, planes: int, edge: int, state: CaseState, rng: np.random.Generator
) -> None:
    """Add case ``case-<number>`` of patient ``P<number // 2>`` with one bright lesion of 2 x 2 voxels in plane 0."""
    grid = Grid.from_spacing((planes, edge, edge), (3.0, 1.0, 1.0))
    voxels = rng.normal(100.0, 10.0, size=(1, planes, edge, edge)).astype(np.int16)
    mask = Mask.empty(grid)
    if state not in (CaseState.UNLABELLED, CaseState.CONFIRMED_EMPTY):
        at = 4 + number % (edge - 8)
        mask.labels[0, at : at + 2, at : at + 2] = 1
        voxels[0, 0, at : at + 2, at : at + 2] = 220
    project.add_case(
        id=f"case-{number}",
        group=f"P{number // 2}",
        volume=Volume(voxels=voxels, grid=grid, channels=("image",)),
        source_grid=grid,
        source_suffix=".nii.gz",
        sources=(f"case-{number}.nii.gz",),
        mask=None if state is CaseState.UNLABELLED else mask,
        state=state,
    )
