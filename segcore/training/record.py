"""A run's folder: its recipe, its events line by line, and what state it is in, also after a crash."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from pathlib import Path

from segcore.errors import RareSegError
from segcore.projects.lock import process_is_alive
from segcore.records import from_line, to_line
from segcore.storage import saving, write_text
from segcore.training.events import (
    EndReason,
    RunEnded,
    RunEvent,
    RunFailed,
    RunStarted,
    StepsDone,
    Validated,
)
from segcore.training.recipe import Recipe
from segcore.training.recipe_files import read_recipe, write_recipe

EVENTS, RECIPE, ENGINE, MODEL, CHECKPOINT = "events.jsonl", "recipe.toml", "engine.json", "model", "checkpoint"
#: Of an ensemble: the runs of its members.
MEMBERS = "members"


#: How the line of a report of steps begins, of which a record holds thousands.
_STEPS_LINE = '{"type":"StepsDone"'


class RunState(StrEnum):
    """What became of a run."""

    RUNNING = "running"
    FINISHED = "finished"
    STOPPED = "stopped"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


_STATE_OF_END = {
    EndReason.FINISHED: RunState.FINISHED,
    EndReason.STOPPED: RunState.STOPPED,
    EndReason.PAUSED: RunState.PAUSED,
    EndReason.WINDOW_CLOSED: RunState.STOPPED,
    EndReason.CANCELLED: RunState.CANCELLED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """A run as a list shows it.

    Parameters
    ----------
    started
        UTC, ISO 8601; "" where it never began.
    best
        The validation of the kept model.
    has_model, can_resume
        Whether its model is there, and whether it may go on from a checkpoint.
    can_extend
        Whether it may go on with a larger budget: finished, one network, its checkpoint kept.
    """

    id: str
    folder: Path
    recipe: Recipe
    state: RunState
    started: str
    seconds: float
    steps: int
    best: Validated | None
    has_model: bool
    can_resume: bool
    can_extend: bool

    @property
    def model_folder(self) -> Path:
        """Where its model is."""
        return self.folder / MODEL


def new_run_id(recipe: Recipe, *, at: datetime | None = None) -> str:
    """Return an id from the time and the recipe's name that is a safe folder name and sorts by time."""
    moment = (at or datetime.now(UTC)).strftime("%Y%m%d-%H%M%S-%f")[:-3]
    word = re.sub(r"[^A-Za-z0-9]+", "-", recipe.name).strip("-")[:30].lower()
    return f"{moment}-{word}" if word else moment


class RunWriter:
    """Appends events to a run's record; what matters is flushed to the disk before the call returns."""

    def __init__(self, folder: Path, recipe: Recipe) -> None:
        self._file = folder / EVENTS
        with saving(folder):
            folder.mkdir(parents=True, exist_ok=True)
            self._end_torn_line()
        write_recipe(folder / RECIPE, recipe)
        write_text(folder / ENGINE, json.dumps({"pid": os.getpid(), "started": process_start(os.getpid())}))

    def _end_torn_line(self) -> None:
        """After a crash in mid-line, begin a new line, so that only the torn one is lost."""
        if self._file.exists() and self._file.stat().st_size:
            with self._file.open("rb+") as handle:
                handle.seek(-1, os.SEEK_END)
                if handle.read(1) != b"\n":
                    handle.write(b"\n")

    def append(self, event: RunEvent) -> None:
        """Add an event; a full disk raises `CannotSave`."""
        with saving(self._file), self._file.open("a", encoding="utf-8") as handle:
            handle.write(f"{to_line(event)}\n")
            if not isinstance(event, StepsDone):
                handle.flush()
                os.fsync(handle.fileno())


def read_events(folder: Path) -> tuple[RunEvent, ...]:
    """Return a run's events, oldest first; torn or unknown lines are left out."""
    try:
        return _decoded((folder / EVENTS).read_text("utf-8", errors="replace").splitlines())
    except OSError:
        return ()


def read_key_events(folder: Path) -> tuple[RunEvent, ...]:
    """Return a run's events without its reports of steps, but for the last: what a list of runs needs."""
    file = folder / EVENTS
    try:
        known = file.stat()
        return _key_events_of(file, known.st_mtime_ns, known.st_size)
    except OSError:
        return ()


@lru_cache(maxsize=256)
def _key_events_of(file: Path, _changed: int, _size: int) -> tuple[RunEvent, ...]:
    """Read a record once for as long as it does not change: a list of trials asks for it again and again."""
    lines = file.read_text("utf-8", errors="replace").splitlines()
    last = next((number for number in reversed(range(len(lines))) if lines[number].startswith(_STEPS_LINE)), -1)
    return _decoded(line for number, line in enumerate(lines) if number == last or not line.startswith(_STEPS_LINE))


def _decoded(lines: Iterable[str]) -> tuple[RunEvent, ...]:
    events: list[RunEvent] = []
    for line in lines:
        try:
            events.append(from_line(RunEvent, line))
        except RareSegError:
            continue
    return tuple(events)


def read_run(folder: Path) -> RunRecord | None:
    """Return the record of one run, or None where the folder holds none."""
    try:
        recipe = read_recipe(folder / RECIPE)
    except RareSegError:
        return None
    events = read_key_events(folder)
    started = next((event for event in events if isinstance(event, RunStarted)), None)
    ended = _end_of(events)
    state = _state(folder, ended)
    steps = [event for event in events if isinstance(event, StepsDone | Validated)]
    resumable = ((folder / CHECKPOINT).is_dir() or (folder / MEMBERS).is_dir()) and state not in (
        RunState.RUNNING,
        RunState.FINISHED,
        RunState.CANCELLED,
    )
    return RunRecord(
        id=folder.name,
        folder=folder,
        recipe=recipe,
        state=state,
        started=started.time if started else "",
        seconds=max((event.seconds for event in steps), default=0.0),
        steps=max((event.step for event in steps), default=0),
        best=next((event for event in reversed(events) if isinstance(event, Validated) and event.is_best), None),
        has_model=(folder / MODEL / "model.json").is_file(),
        can_resume=resumable,
        can_extend=state is RunState.FINISHED and (folder / CHECKPOINT).is_dir(),
    )


def _end_of(events: Sequence[RunEvent]) -> RunEnded | RunFailed | None:
    """Return how the run ended; an end that other events follow is that of a run which was resumed."""
    last = events[-1] if events else None
    return last if isinstance(last, RunEnded | RunFailed) else None


def _state(folder: Path, ended: RunEnded | RunFailed | None) -> RunState:
    if isinstance(ended, RunEnded):
        return _STATE_OF_END[ended.reason]
    if isinstance(ended, RunFailed):
        return RunState.FAILED
    try:
        engine = json.loads((folder / ENGINE).read_text("utf-8"))
        pid, since = int(engine["pid"]), str(engine.get("started", ""))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return RunState.INTERRUPTED
    alive = process_is_alive(pid) and since == process_start(pid)
    return RunState.RUNNING if alive else RunState.INTERRUPTED


def process_start(pid: int) -> str:
    """Return when a process started, in the system's own words; "" where the system does not tell.

    A process id is given to another program after a while (after a restart at once), so alone it proves nothing.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{boot} {fields[19]}"
    except (OSError, IndexError):
        return ""


def list_runs(project_folder: Path) -> tuple[RunRecord, ...]:
    """Return all runs of a project, newest first."""
    runs = project_folder / "runs"
    if not runs.is_dir():
        return ()
    records = (read_run(folder) for folder in sorted(runs.iterdir(), reverse=True) if folder.is_dir())
    return tuple(record for record in records if record is not None)
