import threading
import time

import pytest
from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from app.background import MOST_PER_TICK, Background, Progress
from segcore.engine.messages import CasePredicted, EngineDied, PredictionsEnded, ProbeJob, Stop
from segcore.errors import Cancelled
from tests.app.conftest import EngineBench


def unexpected(value: object) -> None:
    pytest.fail(f"this must not be called, but was, with {value!r}")


def predicted(number: int) -> CasePredicted:
    return CasePredicted(case=f"c{number}", seconds=1.0, foreground_fraction=0.0, done=number, total=99)


def test_a_result_arrives_in_the_gui_thread(qtbot: QtBot, background: Background) -> None:
    seen: list[tuple[int, bool, bool]] = []

    def work(progress: Progress) -> bool:
        return threading.current_thread() is threading.main_thread()

    def done(was_main: bool) -> None:
        seen.append((1, was_main, threading.current_thread() is threading.main_thread()))

    background.run(work, done=done, failed=unexpected)
    qtbot.waitUntil(lambda: bool(seen), timeout=3000)
    assert seen == [(1, False, True)]
    assert background.running_tasks == 0


def test_a_failure_is_delivered_and_not_swallowed(qtbot: QtBot, background: Background) -> None:
    seen: list[Exception] = []

    def work(progress: Progress) -> None:
        raise ZeroDivisionError("boom")

    background.run(work, done=unexpected, failed=seen.append)
    qtbot.waitUntil(lambda: bool(seen), timeout=3000)
    assert [type(error) for error in seen] == [ZeroDivisionError]


def test_a_cancelled_task_that_waits_its_turn_never_runs(qtbot: QtBot, background: Background) -> None:
    gate = threading.Event()
    ran: list[int] = []
    failures: list[Exception] = []
    for _ in range(3):
        background.run(lambda progress: gate.wait(5.0), done=lambda _: None, failed=unexpected)
    task = background.run(lambda progress: ran.append(1), done=unexpected, failed=failures.append)
    task.cancel()
    gate.set()
    qtbot.waitUntil(lambda: bool(failures), timeout=3000)
    assert [type(error) for error in failures] == [Cancelled]
    assert ran == []


def test_a_running_task_learns_that_it_was_cancelled(qtbot: QtBot, background: Background) -> None:
    seen: list[str] = []
    started = threading.Event()

    def work(progress: Progress) -> str:
        started.set()
        while not progress.stopped():
            time.sleep(0.005)
        return "kept what I had"

    task = background.run(work, done=seen.append, failed=unexpected)
    assert started.wait(3.0)
    task.cancel()
    qtbot.waitUntil(lambda: bool(seen), timeout=3000)
    assert seen == ["kept what I had"]


def test_a_flood_of_progress_reaches_the_window_once_per_tick(qtbot: QtBot, background: Background) -> None:
    heard: list[int] = []
    over: list[int] = []

    def work(progress: Progress) -> int:
        for number in range(5000):
            progress(number + 1, 5000)
        return 1

    background.run(work, done=over.append, failed=unexpected, progress=lambda done, total, text: heard.append(done))
    qtbot.waitUntil(lambda: bool(over), timeout=5000)
    assert 1 <= len(heard) <= 20
    assert heard[-1] == 5000


def test_nothing_is_delivered_to_an_owner_that_is_gone(qtbot: QtBot, background: Background) -> None:
    gate = threading.Event()
    owner = QObject()
    calls: list[object] = []
    background.run(lambda progress: gate.wait(5.0), done=calls.append, failed=calls.append, owner=owner)
    owner.deleteLater()
    qtbot.wait(20)
    gate.set()
    qtbot.waitUntil(lambda: background.running_tasks == 0, timeout=3000)
    assert calls == []


def test_forty_tasks_use_three_threads_and_all_arrive(qtbot: QtBot, background: Background) -> None:
    most: list[int] = []
    seen: list[int] = []

    def work(progress: Progress) -> int:
        most.append(sum(thread.name == "rareseg-task" for thread in threading.enumerate()))
        return 1

    for _ in range(40):
        background.run(work, done=seen.append, failed=unexpected)
    qtbot.waitUntil(lambda: len(seen) == 40, timeout=5000)
    assert max(most) <= 3


def test_shutdown_cancels_and_waits(qtbot: QtBot, background: Background) -> None:
    stopped: list[bool] = []

    def work(progress: Progress) -> None:
        while not progress.stopped():
            time.sleep(0.005)
        stopped.append(True)

    background.run(work, done=lambda _: None, failed=lambda _: None)
    qtbot.wait(20)
    assert background.shutdown(5.0)
    assert stopped == [True]


def test_engine_messages_arrive_in_order_and_then_it_is_finished(
    qtbot: QtBot, background: Background, engines: EngineBench
) -> None:
    script = tuple(predicted(number) for number in range(300))
    engines.expect(script)
    job = background.start_engine(ProbeJob())
    batches: list[tuple[object, ...]] = []
    job.messagesArrived.connect(batches.append)
    with qtbot.waitSignal(job.finished, timeout=3000):
        pass
    assert [message for batch in batches for message in batch] == list(script)
    assert len(batches) < 20
    assert background.running_jobs == ()


def test_a_stop_sent_before_the_process_is_up_is_not_lost(
    qtbot: QtBot, background: Background, engines: EngineBench
) -> None:
    engine = engines.expect(last=PredictionsEnded(done=0, total=1))
    job = background.start_engine(ProbeJob())
    job.send(Stop())
    with qtbot.waitSignal(job.finished, timeout=3000):
        pass
    assert engine.controls == [Stop()]


def test_an_engine_that_cannot_start_says_so(qtbot: QtBot, background: Background, engines: EngineBench) -> None:
    job = background.start_engine(ProbeJob())  # the bench has no engine to give
    heard: list[tuple[object, ...]] = []
    job.messagesArrived.connect(heard.append)
    with qtbot.waitSignal(job.finished, timeout=3000):
        pass
    assert [type(message) for message in heard[0]] == [EngineDied]


def test_the_window_learns_when_engines_run(qtbot: QtBot, background: Background, engines: EngineBench) -> None:
    engines.expect(last=PredictionsEnded(done=0, total=1))
    busy: list[bool] = []
    background.busyChanged.connect(busy.append)
    job = background.start_engine(ProbeJob())
    job.kill()
    with qtbot.waitSignal(job.finished, timeout=3000):
        pass
    assert busy == [True, False]


def test_shutdown_stops_engines(qtbot: QtBot, background: Background, engines: EngineBench) -> None:
    engine = engines.expect(last=PredictionsEnded(done=0, total=1))
    background.start_engine(ProbeJob())
    assert background.shutdown(5.0)
    assert engine.controls == [Stop()]


def test_a_flood_of_messages_is_delivered_in_bounded_portions_and_in_order(
    qtbot: QtBot, background: Background, engines: EngineBench
) -> None:
    engines.expect(tuple(predicted(n) for n in range(3 * MOST_PER_TICK)), None)
    batches: list[tuple[object, ...]] = []
    job = background.start_engine(ProbeJob())
    job.messagesArrived.connect(batches.append)
    with qtbot.waitSignal(job.finished, timeout=5000):
        pass

    assert max(len(batch) for batch in batches) <= MOST_PER_TICK
    assert [message.done for batch in batches for message in batch] == list(range(3 * MOST_PER_TICK))  # type: ignore[attr-defined]
