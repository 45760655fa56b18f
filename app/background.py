"""The only threads of the window: short tasks, and one listener per engine process.

Python threads, not Qt's: threads made by Qt have a stack of 512 KiB on macOS, on which OpenBLAS crashes. Background code
never touches a widget; everything reaches the GUI thread through a queue that a timer empties, so that a flood of results
costs one redraw per tick, not one per result.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Generic, Protocol, TypeVar

import shiboken6
from PySide6.QtCore import QObject, QTimer, Signal

from app.errors import stack_without_values
from segcore.engine.messages import Control, EngineDied, Job, Message, Stop
from segcore.errors import Cancelled

T = TypeVar("T")

_LOG = logging.getLogger("rareseg.background")
#: How often results are taken over into the window, ms.
TICK_MS = 50
#: Messages of an engine that one tick delivers; what is left waits for the next. Ten thousand a second, at 10 µs each.
MOST_PER_TICK = 500
#: Tasks at the same time; the others wait their turn. Two cores are usual, and the engine wants one of them.
WORKERS = 3


class Progress:
    """What a background function gets: a way to tell how far it is, and to learn that it should stop."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._latest: tuple[int, int, str] | None = None

    def __call__(self, done: int, total: int, text: str = "") -> None:
        """Tell that `done` of `total` is finished; cheap, only the latest news reaches the window."""
        self._latest = (done, total, text)

    def step(self, done: int, total: int, text: str = "") -> None:
        """Tell how far it is, and raise `Cancelled` if the person cancelled: for functions that know no other way."""
        self.check()
        self(done, total, text)

    def stopped(self) -> bool:
        """Whether the person cancelled; a function that returns early after this keeps what it has."""
        return self._stop.is_set()

    def check(self) -> None:
        """Raise `Cancelled` if the person cancelled."""
        if self._stop.is_set():
            raise Cancelled

    def stop(self) -> None:
        """Ask the function to stop."""
        self._stop.set()

    def take(self) -> tuple[int, int, str] | None:
        """Return the latest news once."""
        latest, self._latest = self._latest, None
        return latest


class Task(Generic[T]):
    """A function running, or waiting to run, in the background."""

    def __init__(
        self,
        function: Callable[[Progress], T],
        done: Callable[[T], None],
        failed: Callable[[Exception], None],
        progress: Callable[[int, int, str], None] | None,
        owner: QObject | None,
    ) -> None:
        self.function = function
        self.done = done
        self.failed = failed
        self.progress = progress
        self.owner = owner
        self.news = Progress()
        self.is_finished = False

    def cancel(self) -> None:
        """Ask it to stop. `done` or `failed` is still called, once: with what it returned, or with `Cancelled`."""
        self.news.stop()

    @property
    def is_wanted(self) -> bool:
        """Whether the widget that asked for it still exists."""
        return self.owner is None or shiboken6.isValid(self.owner)

    def run(self) -> tuple[T | None, Exception | None]:
        """Run the function (in a worker thread); return its result or its exception."""
        try:
            self.news.check()
            return self.function(self.news), None
        except Exception as error:  # noqa: BLE001 - whatever it is, the window must learn of it
            return None, error


class Engine(Protocol):
    """What an `EngineJob` needs of `segcore.engine.client.EngineProcess`."""

    def send(self, control: Control) -> None: ...

    def messages(self) -> Iterator[Message]: ...

    def kill(self) -> None: ...


class EngineJob(QObject):
    """One engine process, watched by one thread.

    Signals
    -------
    messagesArrived(tuple)
        Messages in order, at most once per tick. The last one ever is terminal (see `segcore.engine.messages`).
    finished()
        The process is gone and every message was delivered.
    """

    messagesArrived = Signal(tuple)
    finished = Signal()

    def __init__(self, job: Job, launch: Callable[[Job], Engine], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.job = job
        self._launch = launch
        self._queue: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._engine: Engine | None = None
        self._pending: list[Control] = []
        self._killed = False
        self._lock = threading.Lock()
        self.is_running = True
        self._timer = QTimer(self)
        self._timer.setInterval(TICK_MS)
        self._timer.timeout.connect(self._drain)
        self._thread = threading.Thread(target=self._listen, name="rareseg-engine", daemon=True)
        self._thread.start()
        self._timer.start()

    def send(self, control: Control) -> None:
        """Send `Stop` or `Cancel`; remembered while the process is still starting, ignored once it is gone."""
        with self._lock:
            engine = self._engine
            if engine is None:
                self._pending.append(control)
        if engine is not None and self.is_running:
            self._send(engine, control)

    def kill(self) -> None:
        """End the process at once. What it saved stays; `finished` follows."""
        with self._lock:
            self._killed = True
            engine = self._engine
        if engine is not None:
            engine.kill()

    def wait(self, seconds: float) -> bool:
        """Wait for the listener; whether it ended in time."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def finish_now(self) -> None:
        """Stop delivering; used when the window goes away."""
        self._timer.stop()

    def _listen(self) -> None:
        try:
            engine = self._launch(self.job)
            with self._lock:
                self._engine = engine
                pending, self._pending = self._pending, []
            if self._killed:
                engine.kill()
            for control in pending:
                self._send(engine, control)
            for message in engine.messages():
                self._queue.put(message)
        except Exception as error:  # noqa: BLE001 - the window must never wait for a listener that died
            self._queue.put(
                EngineDied(
                    code=-1,
                    sentence="The engine could not be started; check the installation with 'rareseg doctor'.",
                    detail=stack_without_values(error),
                )
            )
        finally:
            self._queue.put(None)

    def _send(self, engine: Engine, control: Control) -> None:
        try:
            engine.send(control)
        except (OSError, ValueError):
            _LOG.info("the engine was gone before it could be told to end")

    def _drain(self) -> None:
        batch: list[Message] = []
        over = False
        while not over and len(batch) < MOST_PER_TICK:
            try:
                message = self._queue.get_nowait()
            except queue.Empty:
                break
            if message is None:
                over = True
            else:
                batch.append(message)
        if batch:
            self.messagesArrived.emit(tuple(batch))
        if over:
            self.is_running = False
            self._timer.stop()
            self.finished.emit()


class Background(QObject):
    """Runs functions beside the window and watches engine processes.

    Parameters
    ----------
    launch
        Starts an engine process for a job (`segcore.engine.client.EngineProcess.start`).

    Signals
    -------
    busyChanged(bool)
        Whether any engine job is running.
    """

    busyChanged = Signal(bool)

    def __init__(self, launch: Callable[[Job], Engine], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._launch = launch
        self._waiting: deque[Task[Any]] = deque()
        self._open: list[Task[Any]] = []
        self._results: queue.SimpleQueue[tuple[Task[Any], Any, Exception | None]] = queue.SimpleQueue()
        self._threads: set[threading.Thread] = set()
        self._lock = threading.Lock()
        self._is_down = False
        self._jobs: list[EngineJob] = []
        self._timer = QTimer(self)
        self._timer.setInterval(TICK_MS)
        self._timer.timeout.connect(self._drain)

    def run(
        self,
        function: Callable[[Progress], T],
        *,
        done: Callable[[T], None],
        failed: Callable[[Exception], None],
        progress: Callable[[int, int, str], None] | None = None,
        owner: QObject | None = None,
    ) -> Task[T]:
        """Run `function` in a thread; exactly one of `done` and `failed` is called in the GUI thread afterwards.

        Parameters
        ----------
        progress
            Called in the GUI thread with (done, total, text), at most once per tick.
        owner
            When this object is destroyed, nothing more is delivered.
        """
        task = Task(function, done, failed, progress, owner)
        if self._is_down:
            return task
        self._open.append(task)
        with self._lock:
            self._waiting.append(task)
            if len(self._threads) < WORKERS:
                thread = threading.Thread(target=self._work, name="rareseg-task", daemon=True)
                self._threads.add(thread)
                thread.start()
        self._timer.start()
        return task

    def start_engine(self, job: Job) -> EngineJob:
        """Start an engine process for `job`; connect to the returned job's signals at once."""
        engine_job = EngineJob(job, self._launch, self)
        self._jobs.append(engine_job)
        engine_job.finished.connect(lambda: self._forget(engine_job))
        self.busyChanged.emit(True)
        return engine_job

    @property
    def running_jobs(self) -> tuple[EngineJob, ...]:
        """Engine jobs whose process has not ended."""
        return tuple(self._jobs)

    @property
    def running_tasks(self) -> int:
        """Tasks that were not delivered yet."""
        return len(self._open)

    def shutdown(self, seconds: float = 10.0) -> bool:
        """Cancel everything, wait, deliver nothing more; whether all threads ended in time."""
        self._is_down = True
        self._timer.stop()
        for task in self._open:
            task.cancel()
        with self._lock:
            self._waiting.clear()
            threads = list(self._threads)
        for job in self._jobs:
            job.finish_now()
            job.send(Stop())
        limit = time.monotonic() + seconds
        for thread in threads:
            thread.join(max(0.0, limit - time.monotonic()))
        for job in self._jobs:
            if not job.wait(max(0.0, limit - time.monotonic())):
                job.kill()
                job.wait(2.0)
        self._open.clear()
        self._jobs.clear()
        return not any(thread.is_alive() for thread in threads)

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._threads.discard(threading.current_thread())
                    return
                task = self._waiting.popleft()
            result, error = task.run()
            self._results.put((task, result, error))

    def _drain(self) -> None:
        for task in self._open:
            latest = task.news.take()
            if latest is not None and task.progress is not None and task.is_wanted:
                task.progress(*latest)
        while True:
            try:
                task, result, error = self._results.get_nowait()
            except queue.Empty:
                break
            task.is_finished = True
            if task in self._open:
                self._open.remove(task)
            if not task.is_wanted:
                continue
            if error is None:
                task.done(result)
            else:
                task.failed(error)
        if not self._open:
            self._timer.stop()

    def _forget(self, job: EngineJob) -> None:
        if job in self._jobs:
            self._jobs.remove(job)
            job.deleteLater()
        self.busyChanged.emit(bool(self._jobs))
