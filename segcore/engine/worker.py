"""The engine process: reads a job and controls from standard input, does it, tells messages on standard output.

Run as ``python -m segcore.engine.worker``. torch is imported here and nowhere in the window's process.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO

from segcore.engine.messages import (
    Cancel,
    CaseFailed,
    CasePredicted,
    Control,
    EngineReady,
    Job,
    JobCancelled,
    JobFailed,
    JobProgress,
    Message,
    PaceJob,
    PaceMeasured,
    PatchesJob,
    PatchesMade,
    Pause,
    PredictionsEnded,
    PredictJob,
    Stop,
    TrainJob,
    TrialJob,
)
from segcore.errors import Cancelled, RareSegError
from segcore.inference.devices import devices
from segcore.inference.project_prediction import predict_cases
from segcore.projects.project import Project
from segcore.records import from_line, to_line
from segcore.training.events import RunEvent
from segcore.training.pacing import measure_pace
from segcore.training.patch_preview import preview_patches
from segcore.training.recorded import train_in_folder
from segcore.training.stopping import PausingSignal, StopSignal
from segcore.trials.events import TrialEvent
from segcore.trials.folder import TRIALS, TrialFolder
from segcore.trials.runner import run_trial

_NICE = 10
_log = logging.getLogger(__name__)


class Channel:
    """The way out: whole lines on a descriptor that nothing else writes to."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._turn = threading.Lock()

    def tell(self, message: Message) -> None:
        """Send a message; a window that is gone does not stop the work."""
        with self._turn, suppress(BrokenPipeError, OSError, ValueError):
            self._stream.write(f"{to_line(message)}\n")
            self._stream.flush()


def main() -> int:
    """Do one job; returns the exit code."""
    channel = Channel(_own_standard_output())
    _be_nice()
    stop = StopSignal()
    try:
        job = from_line(Job, sys.stdin.readline())
    except RareSegError as error:
        channel.tell(JobFailed(sentence=str(error), detail=""))
        return 2
    if isinstance(job, TrialJob):
        stop = PausingSignal()
    listener = threading.Thread(target=_listen, args=(stop,), name="controls", daemon=True)
    listener.start()
    channel.tell(EngineReady(devices=devices(), versions=_versions()))
    try:
        _do(job, channel, stop)
    except RareSegError as error:
        channel.tell(JobFailed(sentence=str(error), detail=""))
        return 2
    except Exception:
        detail = traceback.format_exc()
        _log.exception("the engine failed")
        channel.tell(JobFailed(sentence="Something went wrong inside RareSeg; the log has the details.", detail=detail))
        return 1
    return 0


def _own_standard_output() -> IO[str]:
    """Keep the real standard output for messages and send stray prints of libraries to standard error."""
    kept = os.dup(1)
    os.dup2(2, 1)
    return os.fdopen(kept, "w", encoding="utf-8")


def _be_nice() -> None:
    if hasattr(os, "nice"):
        with suppress(OSError):
            os.nice(_NICE)


def _versions() -> tuple[tuple[str, str], ...]:
    torch = sys.modules["torch"]
    return (("torch", str(torch.__version__)), ("python", sys.version.split()[0]))


def _listen(stop: StopSignal) -> None:
    """Follow controls; the end of standard input means that the window is gone."""
    for line in sys.stdin:
        try:
            control = from_line(Control, line)
        except RareSegError:
            continue
        if isinstance(control, Stop):
            stop.stop()
        elif isinstance(control, Cancel):
            stop.cancel()
        elif isinstance(control, Pause):
            stop.pause()
        else:
            stop.ask(control)
    stop.close_window()


def _do(job: Job, channel: Channel, stop: StopSignal) -> None:
    if isinstance(job, TrainJob):
        train_recorded(job, channel.tell, stop)
    elif isinstance(job, PredictJob):
        _predict(job, channel, stop)
    elif isinstance(job, TrialJob):
        trial_in_project(job, channel.tell, stop)
    elif isinstance(job, PatchesJob | PaceJob):
        try:
            channel.tell(_short_job(job, channel, stop))
        except Cancelled:
            channel.tell(JobCancelled())


def _short_job(job: PatchesJob | PaceJob, channel: Channel, stop: StopSignal) -> PatchesMade | PaceMeasured:
    """Do what a person waits for in front of a dialog."""

    def report(done: int, total: int, sentence: str) -> None:
        channel.tell(JobProgress(done=done, total=total, sentence=sentence))

    with Project.open(Path(job.project), read_only=True) as project:
        if isinstance(job, PaceJob):
            return PaceMeasured(device=measure_pace(project, job.recipe, check=stop.check).words)
        folder = preview_patches(
            project,
            job.recipe,
            examples=job.examples,
            variants=job.variants,
            seed=job.seed,
            report=report,
            check=stop.check,
        )
        return PatchesMade(folder=str(folder))


def train_recorded(job: TrainJob, tell: Callable[[RunEvent], None], stop: StopSignal) -> Path | None:
    """Train and keep the record: every event is written to the run's folder before it is told.

    Returns the model's folder, or None where there is none. A broken run ends in `RunFailed` in its record.

    Raises
    ------
    RareSegError
        What broke the run, after it was recorded.
    """
    with Project.open(Path(job.project), read_only=True) as project:
        return train_in_folder(
            project, job.recipe, project.runs_folder / job.run, tell=tell, stop=stop, resume=job.resume
        )


def trial_in_project(job: TrialJob, tell: Callable[[TrialEvent], None], stop: StopSignal) -> bool:
    """Carry out a trial of a project, or go on with it; returns whether it is finished. Errors as `run_trial`."""
    with Project.open(Path(job.project), read_only=True) as project:
        return run_trial(project, TrialFolder(project.folder / TRIALS / job.trial), tell=tell, stop=stop)


def _predict(job: PredictJob, channel: Channel, stop: StopSignal) -> None:
    def predicted(case: str, seconds: float, fraction: float, done: int, total: int) -> None:
        channel.tell(CasePredicted(case=case, seconds=seconds, foreground_fraction=fraction, done=done, total=total))

    def failed(case: str, error: RareSegError) -> None:
        channel.tell(CaseFailed(case=case, sentence=str(error)))

    with Project.open(Path(job.project), read_only=True) as project:
        done = 0
        with suppress(Cancelled):
            done = predict_cases(
                project,
                Path(job.model),
                job.cases,
                device=job.device,
                flips=job.flips,
                stop=stop.check,
                predicted=predicted,
                failed=failed,
            )
    channel.tell(PredictionsEnded(done=done, total=len(job.cases)))


if __name__ == "__main__":
    sys.exit(main())
