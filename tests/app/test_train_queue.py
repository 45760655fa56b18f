"""Pausing, the queue of runs, and training longer: by buttons, with scripted engines, and once with the real one."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton, QWidget
from pytestqt.qtbot import QtBot

from app.actions import Actions
from app.background import Background
from app.session import Session
from app.settings import Settings
from app.train.panel import TrainPanel
from app.train.run_control import RunState
from segcore.engine.messages import Pause, TrainJob
from segcore.projects.project import Project
from segcore.training.queue import RunQueue
from segcore.training.recipe import Budget, Machine, Recipe
from segcore.training.record import RunState as Kept
from segcore.training.record import RunWriter, list_runs
from tests.app.train_events import ENDED, PAUSED, STARTED, STOPPED, steps


@pytest.fixture
def panel(
    qtbot: QtBot,
    session: Session,
    actions: Actions,
    background: Background,
    settings: Settings,
    make_project: Callable[..., Project],
) -> TrainPanel:
    return shown(qtbot, session, make_project(split=True), actions, background, settings)


def shown(
    qtbot: QtBot, session: Session, project: Project, actions: Actions, background: Background, settings: Settings
) -> TrainPanel:
    for case in project.cases():
        project.set_group(case.id, case.id)
    session.adopt(project)
    widget = TrainPanel(session, actions, background, settings)
    qtbot.addWidget(widget)
    widget.resize(1300, 800)
    widget.show()
    return widget


def button(panel: TrainPanel, name: str) -> QPushButton:
    found = panel.findChild(QPushButton, name)
    assert found is not None
    return found


def press(panel: TrainPanel, name: str) -> None:
    assert button(panel, name).isEnabled()
    QTest.mouseClick(button(panel, name), Qt.MouseButton.LeftButton)


def enqueue(panel: TrainPanel, *names: str) -> None:
    for name in names:
        panel.form.set_recipe(Recipe(name=name))
        press(panel, "run-queue")


def waiting(panel: TrainPanel) -> list[str]:
    return [panel.view.queue.list.item(row).text().split(" · ")[0] for row in range(panel.view.queue.list.count())]


def test_pause_is_sent_and_the_queue_then_waits(panel: TrainPanel, engines: object, qtbot: QtBot) -> None:
    engine = engines.expect((STARTED, steps(10)), last=PAUSED)  # type: ignore[attr-defined]
    press(panel, "run-start")
    qtbot.waitUntil(lambda: panel.control.curves.latest_steps is not None)
    enqueue(panel, "next")
    press(panel, "run-pause")
    assert engine.controls == [Pause()]
    assert panel.control.state is RunState.PAUSING
    assert not button(panel, "run-stop").isEnabled()
    engine.kill()
    qtbot.waitUntil(lambda: panel.control.state is RunState.IDLE)
    assert waiting(panel) == ["next"]
    assert len(engines.jobs) == 1  # type: ignore[attr-defined]


def test_runs_of_the_queue_start_one_after_the_other_by_themselves(
    panel: TrainPanel, engines: object, qtbot: QtBot
) -> None:
    first = engines.expect((STARTED,), last=STOPPED)  # type: ignore[attr-defined]
    for _ in range(2):
        engines.expect((STARTED, steps(60), ENDED))  # type: ignore[attr-defined]
    press(panel, "run-start")
    qtbot.waitUntil(lambda: panel.control.curves.started is not None)
    enqueue(panel, "second", "third")
    assert panel.view.tabs.tabText(1) == "Queue (2)"
    press(panel, "run-stop")
    first.kill()
    qtbot.waitUntil(lambda: len(engines.jobs) == 3 and panel.control.state is RunState.IDLE)  # type: ignore[attr-defined]
    jobs = engines.jobs  # type: ignore[attr-defined]
    assert [job.recipe.name for job in jobs[1:]] == ["second", "third"]
    assert len({job.run for job in jobs}) == 3
    assert waiting(panel) == []
    assert panel.view.tabs.tabText(1) == "Queue"


def test_the_queue_is_ordered_and_cut_by_buttons_and_is_there_after_a_restart(
    panel: TrainPanel, engines: object, qtbot: QtBot, session: Session
) -> None:
    enqueue(panel, "a", "b", "c")
    panel.view.tabs.setCurrentWidget(panel.view.queue)
    panel.view.queue.list.setCurrentRow(2)
    press(panel, "queue-up")
    press(panel, "queue-up")
    assert waiting(panel) == ["c", "a", "b"]
    assert not button(panel, "queue-up").isEnabled()
    press(panel, "queue-down")
    press(panel, "queue-remove")
    assert waiting(panel) == ["a", "b"]
    assert [run.recipe.name for run in RunQueue(session.opened.folder).runs] == ["a", "b"]
    engines.expect((STARTED,), last=PAUSED)  # type: ignore[attr-defined]
    press(panel, "queue-start")
    qtbot.waitUntil(lambda: panel.control.curves.started is not None)
    assert waiting(panel) == ["b"]
    assert not button(panel, "queue-start").isEnabled()
    engines.engines[0].kill()  # type: ignore[attr-defined]
    qtbot.waitUntil(lambda: panel.control.state is RunState.IDLE)


def test_a_project_that_is_not_ready_keeps_its_queue(
    panel: TrainPanel, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr("app.train.panel.report_error", lambda _, error: told.append(str(error)))
    enqueue(panel, "a")
    session.opened.remove_case(session.cases()[0].id, author="t")
    for case in session.opened.cases():
        session.opened.remove_case(case.id, author="t")
    session.refresh_cases()
    panel.view.tabs.setCurrentWidget(panel.view.queue)
    press(panel, "queue-start")
    assert "no complete case has a lesion" in told[0]
    assert waiting(panel) == ["a"]


def test_a_finished_run_trains_longer_with_the_budget_that_was_asked_for(
    panel: TrainPanel, session: Session, engines: object, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = Recipe(name="Earlier", budget=Budget(steps=60))
    folder = session.opened.runs_folder / "20260101-000000-earlier"
    writer = RunWriter(folder, recipe)
    for event in (STARTED, ENDED):
        writer.append(event)
    session.runsChanged.emit()
    panel.view.runs.table.selectRow(0)
    assert not button(panel, "run-extend").isEnabled()  # its checkpoint is gone
    (folder / "checkpoint").mkdir()
    session.runsChanged.emit()
    panel.view.runs.table.selectRow(0)
    offered: list[int] = []

    def answer(_parent: QWidget, _title: str, _words: str, value: int, *_: int) -> tuple[int, bool]:
        offered.append(value)
        return 90, True

    monkeypatch.setattr("app.train.run_budget.QInputDialog.getInt", answer)
    engines.expect((STARTED, ENDED))  # type: ignore[attr-defined]
    press(panel, "run-extend")
    qtbot.waitUntil(lambda: panel.control.state is RunState.IDLE)
    (job,) = engines.jobs  # type: ignore[attr-defined]
    assert offered == [120]
    assert job == TrainJob(
        project=str(session.opened.folder),
        run="20260101-000000-earlier",
        recipe=replace(recipe, budget=Budget(steps=90)),
        resume=True,
    )


@pytest.mark.engine
def test_the_real_engine_pauses_goes_on_trains_longer_and_works_the_queue_off(
    qtbot: QtBot,
    session: Session,
    actions: Actions,
    settings: Settings,
    real_background: Background,
    kept: list[QWidget],
    make_project: Callable[..., Project],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    project = make_project(split=True, planes=1, edge=32)
    for case in project.cases():
        project.set_group(case.id, case.id)
    session.adopt(project)
    panel = TrainPanel(session, actions, real_background, settings)
    kept.append(panel)
    panel.resize(1300, 800)
    panel.show()

    def ended() -> bool:
        return panel.control.state is RunState.IDLE

    def select(row: int) -> None:
        panel.view.runs.table.selectRow(row)

    panel.form.set_recipe(Recipe(budget=Budget(steps=100_000, validations=1000), machine=Machine(threads=1)))
    press(panel, "run-start")
    qtbot.waitUntil(lambda: panel.control.curves.latest_steps is not None, timeout=60_000)
    press(panel, "run-pause")
    qtbot.waitUntil(ended, timeout=60_000)
    (paused,) = list_runs(session.opened.folder)
    assert paused.state is Kept.PAUSED
    panel.form.set_recipe(Recipe(name="short", budget=Budget(steps=4, validations=2), machine=Machine(threads=1)))
    press(panel, "run-queue")
    select(0)
    press(panel, "run-resume")
    qtbot.waitUntil(
        lambda: panel.control.curves.latest_steps is not None and panel.control.curves.latest_steps.step > paused.steps,
        timeout=60_000,
    )
    press(panel, "run-stop")
    qtbot.waitUntil(
        lambda: ended() and waiting(panel) == [] and len(list_runs(session.opened.folder)) == 2, timeout=90_000
    )
    newest, first = list_runs(session.opened.folder)
    assert (newest.recipe.name, newest.state, first.state) == ("short", Kept.FINISHED, Kept.STOPPED)
    monkeypatch.setattr("app.train.run_budget.QInputDialog.getInt", lambda *_: (8, True))
    select(0)
    press(panel, "run-extend")
    qtbot.waitUntil(ended, timeout=60_000)
    longer = list_runs(session.opened.folder)[0]
    assert (longer.id, longer.steps, longer.state) == (newest.id, 8, Kept.FINISHED)
