"""An alarm answered by one click, with the real engine: a run that collapses learns after it."""

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from app.actions import Actions
from app.background import Background
from app.session import Session
from app.settings import Settings
from app.train.panel import TrainPanel
from app.train.run_control import RunState
from segcore.training.events import EndReason, Rescued, RunEnded
from segcore.training.recipe import Budget, LossTerm, Machine, Optimiser, Recipe, Sampling
from segcore.training.record import read_events
from tests.segcore.small_project import make_small_project

COLLAPSING = Recipe(
    name="Per-patch Dice, smoothing 1",
    loss=(
        LossTerm(name="dice", parameters=(("batch", False), ("smooth_denominator", 1.0), ("smooth_numerator", 1.0))),
    ),
    sampling=Sampling(method="uniform"),
    optimiser=Optimiser(prior_bias=False, learning_rate=0.1, patch=32, batch=4),
    budget=Budget(steps=400, validations=40),
    machine=Machine(threads=1, device="cpu"),
)


@pytest.mark.engine
def test_a_collapsed_run_learns_after_its_alarm_was_answered_by_a_click(
    qtbot: QtBot,
    session: Session,
    actions: Actions,
    settings: Settings,
    real_background: Background,
    kept: list[QWidget],
    tmp_path: Path,
) -> None:
    session.adopt(make_small_project(tmp_path / "project"))
    panel = TrainPanel(session, actions, real_background, settings)
    kept.append(panel)
    panel.resize(1400, 800)
    panel.show()
    panel.form.set_recipe(COLLAPSING)
    QTest.mouseClick(panel.start_button, Qt.MouseButton.LeftButton)
    rescue, heading = panel.findChild(QPushButton, "alarm-rescue"), panel.findChild(QLabel, "verdict-heading")
    assert rescue is not None
    assert heading is not None
    qtbot.waitUntil(rescue.isVisible, timeout=90_000)
    assert heading.text() == "Collapsed to background"
    QTest.mouseClick(rescue, Qt.MouseButton.LeftButton)

    def learns() -> bool:
        latest = panel.control.curves.latest_validation
        rescued = any(line.startswith("Rescued") for line in panel.control.curves.log)
        return rescued and latest is not None and latest.average_precision > 0.5

    qtbot.waitUntil(learns, timeout=90_000)
    assert not panel.view.alarm.isVisible()
    stop = panel.findChild(QPushButton, "run-stop")
    assert stop is not None
    QTest.mouseClick(stop, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: panel.control.state is RunState.IDLE, timeout=60_000)
    events = read_events(session.opened.runs_folder / panel.control.run)
    assert len([event for event in events if isinstance(event, Rescued)]) == 1
    assert isinstance(events[-1], RunEnded)
    assert events[-1].reason is EndReason.STOPPED
