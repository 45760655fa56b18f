"""Starting an engine process and following it: the only place that knows how it is started. Needs no torch."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from segcore.engine.messages import (
    Control,
    EngineDied,
    EngineReady,
    Job,
    JobCancelled,
    JobFailed,
    Message,
    PaceJob,
    PaceMeasured,
    PatchesJob,
    PatchesMade,
    PredictionsEnded,
    ProbeJob,
    TrainJob,
    TrialJob,
)
from segcore.errors import RareSegError
from segcore.records import from_line, to_line
from segcore.training.events import RunEnded, RunFailed
from segcore.trials.events import TrialEnded

#: Lines of the engine's standard error kept for the log.
_TAIL_LINES = 60
_ROOT = Path(__file__).resolve().parent.parent.parent
#: Messages after which a job is over.
LAST = (
    RunEnded,
    RunFailed,
    PredictionsEnded,
    TrialEnded,
    PatchesMade,
    PaceMeasured,
    JobCancelled,
    JobFailed,
    EngineDied,
)


def engine_command() -> list[str]:
    """Return the command that starts an engine: a module from the sources, or the bundle itself where it is frozen."""
    if getattr(sys, "frozen", False):
        return [sys.executable, "--engine"]
    return [sys.executable, "-m", "segcore.engine.worker"]


def engine_environment() -> dict[str, str]:
    """Return the environment of an engine.

    OpenMP threads must not spin while the window needs the core: measured 3 to 7 times on training speed.
    """
    environment = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE", "KMP_BLOCKTIME": "0", "PYTHONUTF8": "1"}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(_ROOT), environment.get("PYTHONPATH", "")]))
    return environment


class EngineProcess:
    """One engine working on one job."""

    def __init__(self, process: subprocess.Popen[str], job: Job) -> None:
        self._process = process
        self._job = job
        self._tail: deque[str] = deque(maxlen=_TAIL_LINES)
        self._errors = threading.Thread(target=self._read_errors, name="engine-errors", daemon=True)
        self._errors.start()

    @classmethod
    def start(cls, job: Job) -> EngineProcess:
        """Start an engine on `job`."""
        process = subprocess.Popen(
            engine_command(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            env=engine_environment(),
            start_new_session=os.name == "posix",
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        engine = cls(process, job)
        engine._write(to_line(job))
        return engine

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def _write(self, line: str) -> None:
        with suppress(BrokenPipeError, OSError, ValueError):
            if self._process.stdin is not None:
                self._process.stdin.write(f"{line}\n")
                self._process.stdin.flush()

    def send(self, control: Control) -> None:
        """Tell the engine to stop or to cancel; nothing happens if it is gone."""
        self._write(to_line(control))

    def messages(self) -> Iterator[Message]:
        """Yield messages until the job is over; always ends with one of `LAST` or, for a probe, `EngineReady`.

        Blocks; meant for a background thread.
        """
        last: Message | None = None
        if self._process.stdout is not None:
            for line in self._process.stdout:
                try:
                    last = from_line(Message, line)
                except RareSegError:
                    continue
                yield last
        code = self._process.wait()
        self._errors.join(timeout=2)
        self._close()
        over = isinstance(last, LAST) or (isinstance(self._job, ProbeJob) and isinstance(last, EngineReady))
        if not over:
            sentence = f"{describe_death(code)} {self._what_is_kept()}".strip()
            yield EngineDied(code=code, sentence=sentence, detail="\n".join(self._tail))

    def _what_is_kept(self) -> str:
        """Return what a death in the middle of the job leaves, in a sentence."""
        if isinstance(self._job, TrainJob):
            folder = Path(self._job.project) / "runs" / self._job.run
            return "Its best model so far is kept." if (folder / "model").is_dir() else "There was no model yet."
        if isinstance(self._job, TrialJob):
            return "Every run that was finished is kept, and the trial goes on where it was."
        return (
            ""
            if isinstance(self._job, ProbeJob | PatchesJob | PaceJob)
            else "Cases that were predicted before are kept."
        )

    def _read_errors(self) -> None:
        if self._process.stderr is not None:
            for line in self._process.stderr:
                self._tail.append(line.rstrip())

    def _close(self) -> None:
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None:
                with suppress(OSError, ValueError):
                    stream.close()

    def kill(self) -> None:
        """End the process at once; what it had saved stays."""
        with suppress(OSError):
            self._process.kill()

    def wait(self, timeout: float | None = None) -> int | None:
        """Return the exit code, or None if it still runs after `timeout` seconds."""
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return None


def describe_death(code: int) -> str:
    """Return a sentence for an engine that ended without a word."""
    if code == 0:
        return "The training engine ended without a result."
    if code < 0:
        name = _signal_name(-code)
        memory = " (often: the computer ran out of memory)" if name in ("SIGKILL", "SIGBUS") else ""
        return f"The training engine was ended by {name}{memory}."
    return f"The training engine ended with error {code}."


def _signal_name(number: int) -> str:
    with suppress(ValueError):
        return signal.Signals(number).name
    return f"signal {number}"
