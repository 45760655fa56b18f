"""Whether the window stays quick while a training takes all cores and tells a thousand events a second.

    python -m tests.benchmarks.bench_responsiveness [--seconds 20] [--rounds 2] [--events 1000000]

The real main window with the Train workspace, large enough that every plot is visible, painted by software; the engine is
`tests.benchmarks.event_storm`, a process at nice 10. Prints one JSON object: gaps of a 16 ms timer and how long an event
waits until it is handled, in ms, with nothing running, with the training, and with training and events; steps per second
of the training with and without the window; resident memory after a tenth and after all of a million events. The load of
the machine before it began says how much to believe; processor time that the window's thread uses between two ticks does
not depend on it: what it leaves of 16 ms is slack.
"""

from __future__ import annotations

import argparse
import gc
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np
from PySide6.QtCore import QCoreApplication, QEvent, QObject, Qt, QTimer
from PySide6.QtWidgets import QApplication

from app.actions import Actions
from app.background import Background
from app.session import Session
from app.settings import Settings
from app.theme import apply_theme
from app.train.panel import TrainPanel
from app.train.run_control import RunState
from app.window import MainWindow
from segcore.engine.client import EngineProcess, engine_environment
from segcore.engine.messages import Job
from segcore.errors import Cancelled
from segcore.training.events import RunEnded
from segcore.training.recipe import Recipe
from tests.app.train_events import STARTED, steps
from tests.benchmarks.measuring import answer
from tests.segcore.small_project import make_small_project

TICK_MS, KNOCK_MS = 16, 23
_KNOCK = QEvent.Type(QEvent.registerEventType())


class Pulse(QObject):
    """Measures gaps of a timer, and how long events that another thread posts wait."""

    def __init__(self) -> None:
        super().__init__()
        self.gaps: list[float] = []
        self.waits: list[float] = []
        self.work: list[float] = []
        self._last = self._spent = 0.0
        self._sent: dict[int, float] = {}
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(TICK_MS)
        self._timer.timeout.connect(self._beat)
        self._over = threading.Event()
        self._knocker = threading.Thread(target=self._knock, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._last = time.perf_counter()
        self._timer.start()
        self._knocker.start()

    def stop(self) -> None:
        """End."""
        self._over.set()
        self._knocker.join()
        self._timer.stop()

    def _beat(self) -> None:
        now = time.perf_counter()
        self.gaps.append(1000 * (now - self._last))
        self._last = now
        spent = time.thread_time()
        self.work.append(1000 * (spent - self._spent))
        self._spent = spent

    def _knock(self) -> None:
        while not self._over.wait(KNOCK_MS / 1000):
            event = QEvent(_KNOCK)
            self._sent[id(event)] = time.perf_counter()
            self._kept = event  # PySide gives it away; its id must not be used again before it is handled
            QCoreApplication.postEvent(self, event, Qt.EventPriority.NormalEventPriority.value)

    def event(self, event: QEvent) -> bool:
        """Take a knock."""
        if event.type() == _KNOCK:
            sent = self._sent.pop(id(event), None)
            if sent is not None:
                self.waits.append(1000 * (time.perf_counter() - sent))
            return True
        return super().event(event)


def quantiles(values: Iterable[float]) -> dict[str, float]:
    """Return p50, p99 and the largest value."""
    kept = np.array(sorted(values))
    return {
        "p50": round(float(np.percentile(kept, 50)), 1),
        "p99": round(float(np.percentile(kept, 99)), 1),
        "max": round(float(kept[-1]), 1),
    }


def storm(seconds: float, rate: float) -> subprocess.Popen[str]:
    """Start the engine of this benchmark."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.event_storm", str(seconds), str(rate)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**engine_environment(), "OMP_NUM_THREADS": str(os.cpu_count() or 1)},
    )


def without_window(seconds: float, rate: float) -> float:
    """Return the steps per second of the training when somebody reads its events and does nothing else."""
    process = storm(seconds, rate)
    last = ""
    for line in process.stdout or ():
        last = line
    process.communicate()
    return float(last.split('"sentence":"')[1].split('"')[0])


class Bench:
    """The window, and the engine that is started next."""

    def __init__(self, app: QApplication, folder: Path) -> None:
        self.app = app
        self.seconds, self.rate = 1.0, 0.0
        settings = Settings(folder / "settings.ini", app)
        background = Background(self._launch, app)
        self.session = Session(settings, app)
        self.window = MainWindow(self.session, Actions(app), background, settings, make_demo=_no_demo)
        self.session.adopt(make_small_project(folder / "project"))
        self.window.resize(1920, 2100)  # every plot is visible
        self.window.show()
        self.window.show_workspace("train")
        panel = self.window.panel("train")
        if not isinstance(panel, TrainPanel):
            raise TypeError(type(panel))
        self.panel = panel
        self._background = background

    def _launch(self, job: Job) -> EngineProcess:
        return EngineProcess(storm(self.seconds, self.rate), job)

    def spin(self, seconds: float) -> None:
        """Let the window live."""
        over = time.monotonic() + seconds
        loop = QTimer()
        loop.setInterval(50)
        loop.timeout.connect(lambda: self.app.exit() if time.monotonic() > over else None)
        loop.start()
        self.app.exec()
        loop.stop()

    def measure(self, seconds: float) -> dict[str, object]:
        """Return what the pulse says over so many seconds."""
        pulse = Pulse()
        pulse.start()
        self.spin(seconds)
        pulse.stop()
        return {
            "frame gap": quantiles(pulse.gaps[3:]),
            "event waits": quantiles(pulse.waits),
            "work between ticks": quantiles(pulse.work[3:]),
        }

    def measure_training(self, seconds: float, rate: float) -> tuple[dict[str, object], float]:
        """Return what the pulse says while the storm blows, and the steps per second of its training."""
        self.seconds, self.rate = seconds, rate
        self.panel.control.start(Recipe())
        while self.panel.control.curves.started is None:
            self.spin(0.2)
        found = self.measure(seconds - 1.0)
        while self.panel.control.state is not RunState.IDLE:
            self.spin(0.2)
        ended = self.panel.control.curves.ended
        return found, float(ended.sentence) if isinstance(ended, RunEnded) else 0.0

    def flood(self, events: int) -> dict[str, float]:
        """Return the resident memory, MiB, after a tenth and after all of so many events."""
        control = self.panel.control
        control._take((STARTED,))
        found: dict[str, float] = {}
        for number in range(events // 1000):
            control._take(tuple(steps(1000 * number + n) for n in range(1000)))
            if number % 20 == 0:
                self.app.processEvents()
            if number + 1 in (events // 10_000, events // 1000):
                gc.collect()
                found[f"after {(number + 1) * 1000}"] = round(resident(), 1)
        return found

    def close(self) -> None:
        """Leave nothing behind."""
        self._background.shutdown()
        self.window.close()
        self.session.close()


def _no_demo(_: object) -> object:
    raise Cancelled


def resident() -> float:
    """Return the resident memory of this process, MiB."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--rate", type=float, default=1000.0)
    parser.add_argument("--events", type=int, default=1_000_000)
    asked = parser.parse_args()
    load = os.getloadavg()[0]
    alone, beside, results = [], [], []
    app = QApplication([])
    apply_theme(app, "dark")
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(app, Path(folder))
        bench.spin(1.0)
        idle = bench.measure(min(asked.seconds, 10.0))
        for _ in range(asked.rounds):
            alone.append(without_window(asked.seconds, asked.rate))
            found, speed = bench.measure_training(asked.seconds, asked.rate)
            results.append(found)
            beside.append(speed)
        memory = bench.flood(asked.events) if asked.events else {}
        bench.close()
    return answer(
        {
            "load before": round(load, 2),
            "cores": os.cpu_count(),
            "platform": os.environ["QT_QPA_PLATFORM"],
            "nothing running": idle,
            f"training, {asked.rate:g} events/s": results,
            "steps/s without the window": [round(v, 3) for v in alone],
            "steps/s with the window": [round(v, 3) for v in beside],
            "ratio": round(statistics.mean(beside) / statistics.mean(alone), 3),
            "MiB": memory,
        }
    )


if __name__ == "__main__":
    sys.exit(main())
