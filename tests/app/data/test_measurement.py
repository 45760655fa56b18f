import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from app.background import Background, Progress
from app.data.measurement import Measure, Measurement
from app.session import Session
from segcore.errors import NotEnoughData
from segcore.projects.project import Project

MakeProject = Callable[..., Project]


class Counting:
    """Counts how often it was asked, and waits for the gate before it answers with the number of cases."""

    def __init__(self) -> None:
        self.asked = 0
        self.gate = threading.Event()
        self.gate.set()
        self.error: Exception | None = None

    def prepare(self) -> Measure[int]:
        self.asked += 1

        def measure(project: Project, news: Progress) -> int:
            while not self.gate.wait(0.01):
                news.check()
            news.step(1, 2)
            if self.error is not None:
                raise self.error
            return len(project.cases())

        return measure


@pytest.fixture
def owner(qtbot: QtBot) -> QObject:
    return QObject()


def make(session: Session, background: Background, owner: QObject) -> tuple[Measurement[int], Counting]:
    counting = Counting()
    return Measurement[int](session, background, counting.prepare, owner), counting


def test_nothing_is_measured_until_a_page_wants_it(
    qtbot: QtBot, session: Session, background: Background, owner: QObject, make_project: MakeProject
) -> None:
    measurement, counting = make(session, background, owner)
    session.adopt(make_project(cases=3))
    qtbot.wait(250)
    assert (counting.asked, measurement.value) == (0, None)
    measurement.want(owner, True)
    qtbot.waitUntil(lambda: measurement.value == 3)
    assert (measurement.is_old, measurement.is_running, measurement.error) == (False, False, "")
    measurement.want(owner, False)
    measurement.want(owner, True)
    qtbot.wait(250)
    assert counting.asked == 1  # it is still new


def test_many_changes_are_measured_once_and_the_old_value_stays_meanwhile(
    qtbot: QtBot, session: Session, background: Background, owner: QObject, make_project: MakeProject
) -> None:
    measurement, counting = make(session, background, owner)
    session.adopt(make_project(cases=4))
    measurement.want(owner, True)
    qtbot.waitUntil(lambda: measurement.value == 4)
    for _ in range(5):
        session.notify_case("case-0")
    assert (measurement.is_old, measurement.value) == (True, 4)
    qtbot.waitUntil(lambda: not measurement.is_old)
    assert counting.asked == 2


def test_a_change_while_measuring_begins_anew(
    qtbot: QtBot, session: Session, background: Background, owner: QObject, make_project: MakeProject
) -> None:
    measurement, counting = make(session, background, owner)
    session.adopt(make_project(cases=2))
    counting.gate.clear()
    measurement.want(owner, True)
    qtbot.waitUntil(lambda: counting.asked == 1)
    session.remove_cases(("case-1",))
    counting.gate.set()
    qtbot.waitUntil(lambda: measurement.value == 1)
    assert counting.asked == 2


def test_an_expected_error_becomes_a_sentence_and_another_project_forgets_it(
    qtbot: QtBot, session: Session, background: Background, owner: QObject, make_project: MakeProject, tmp_path: Path
) -> None:
    measurement, counting = make(session, background, owner)
    counting.error = NotEnoughData("no case is complete", remedy="mark some complete")
    session.adopt(make_project(cases=2))
    measurement.want(owner, True)
    qtbot.waitUntil(lambda: measurement.error != "")
    assert measurement.value is None
    assert "complete" in measurement.error
    counting.error = None
    session.adopt(make_project(tmp_path / "other", cases=5))
    assert measurement.error == ""
    qtbot.waitUntil(lambda: measurement.value == 5)


def test_progress_is_passed_on(
    qtbot: QtBot, session: Session, background: Background, owner: QObject, make_project: MakeProject
) -> None:
    measurement, _ = make(session, background, owner)
    session.adopt(make_project(cases=2))
    with qtbot.waitSignal(measurement.progressed) as told:
        measurement.want(owner, True)
    assert told.args == [1, 2]
    qtbot.waitUntil(lambda: measurement.value == 2)
