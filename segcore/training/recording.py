"""Keeping a run's record while it goes on: every event is on disk before anybody is told, its failure too."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from segcore.errors import RareSegError
from segcore.training.events import RunEvent, RunFailed
from segcore.training.recipe import Recipe
from segcore.training.record import MEMBERS, MODEL, RunWriter
from segcore.training.tensorboard import TENSORBOARD, EventFile


@contextmanager
def recording(folder: Path, recipe: Recipe, tell: Callable[[RunEvent], None]) -> Iterator[Callable[[RunEvent], None]]:
    """Yield what to report a run's events to; an exception ends the record with `RunFailed` and goes on upwards."""
    writer = RunWriter(folder, recipe)
    # A member's numbers stand in the files of its ensemble.
    wanted = recipe.machine.tensorboard and folder.parent.name != MEMBERS
    board = EventFile(folder / TENSORBOARD) if wanted else None

    def report(event: RunEvent) -> None:
        writer.append(event)
        if board is not None:
            board.add(event)
        tell(event)

    try:
        yield report
    except RareSegError as error:
        report(_failed(folder, error.sentence))
        raise
    except Exception:
        report(_failed(folder, "Something went wrong inside RareSeg; the log has the details."))
        raise


def _failed(folder: Path, sentence: str) -> RunFailed:
    kept = "Its best model so far is kept." if (folder / MODEL).is_dir() else "There was no model yet."
    return RunFailed(sentence=sentence, remedy="", kept=kept)
