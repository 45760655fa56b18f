"""The queue of a project's runs: what is trained next, kept on disk so that it survives a restart. Needs no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from segcore.errors import SettingProblem, UnreadableFile
from segcore.records import from_line, to_line
from segcore.storage import write_text
from segcore.training.recipe import Recipe

QUEUE_FILE = "queue.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedRun:
    """A run that waits.

    Parameters
    ----------
    id
        Of its place in the queue.
    resume
        The run to go on with; "" for a new one.
    """

    id: str
    recipe: Recipe
    resume: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Content:
    runs: tuple[QueuedRun, ...] = ()


class RunQueue:
    """Runs in the order in which they start. Every change is on disk before the call returns.

    Parameters
    ----------
    project
        Folder of the project.

    Raises
    ------
    UnreadableFile
        From each call, if the file is damaged.
    CannotSave
        From each change, if the disk is full or read-only.
    """

    def __init__(self, project: Path) -> None:
        self._file = project / "runs" / QUEUE_FILE

    @property
    def runs(self) -> tuple[QueuedRun, ...]:
        """The runs, next first."""
        try:
            content: _Content = from_line(_Content, self._file.read_text("utf-8"))
        except FileNotFoundError:
            return ()
        except (OSError, UnicodeDecodeError, SettingProblem) as error:
            raise UnreadableFile(self._file, "the queue cannot be read", remedy="delete the file") from error
        return content.runs

    def add(self, recipe: Recipe, *, resume: str = "") -> QueuedRun:
        """Put a run at the end."""
        run = QueuedRun(id=uuid4().hex[:12], recipe=recipe, resume=resume)
        self._write((*self.runs, run))
        return run

    def remove(self, id: str) -> None:
        """Take a run out; nothing happens where it is not there any more."""
        self._write(tuple(run for run in self.runs if run.id != id))

    def move(self, id: str, by: int) -> None:
        """Move a run towards the front (negative) or the end, as far as there is room."""
        runs = list(self.runs)
        place = next((number for number, run in enumerate(runs) if run.id == id), None)
        if place is None:
            return
        run = runs.pop(place)
        runs.insert(min(max(place + by, 0), len(runs)), run)
        self._write(tuple(runs))

    def take_next(self) -> QueuedRun | None:
        """Return the first run and take it out; None where nothing waits."""
        runs = self.runs
        if not runs:
            return None
        self._write(runs[1:])
        return runs[0]

    def _write(self, runs: tuple[QueuedRun, ...]) -> None:
        write_text(self._file, to_line(_Content(runs=runs)))
