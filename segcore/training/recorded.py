"""Training that keeps its record: every event is on disk before anybody is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from segcore.errors import RareSegError
from segcore.projects.project import Project
from segcore.training.events import RunEvent, RunFailed
from segcore.training.loop import train
from segcore.training.recipe import Recipe
from segcore.training.record import RunWriter
from segcore.training.stopping import StopSignal


def train_in_folder(
    project: Project,
    recipe: Recipe,
    folder: Path,
    *,
    tell: Callable[[RunEvent], None],
    stop: StopSignal,
    resume: bool = False,
) -> Path | None:
    """Train as `segcore.training.loop.train` does, with the run's record in `folder`.

    Returns the model's folder, or None where there is none. A broken run ends in `RunFailed` in its record.

    Raises
    ------
    RareSegError
        What broke the run, after it was recorded.
    """
    writer = RunWriter(folder, recipe)

    def report(event: RunEvent) -> None:
        writer.append(event)
        tell(event)

    try:
        return train(project, recipe, folder, report=report, stop=stop, resume=resume)
    except RareSegError as error:
        report(_failed(folder, error.sentence))
        raise
    except Exception:
        report(_failed(folder, "Something went wrong inside RareSeg; the log has the details."))
        raise


def _failed(folder: Path, sentence: str) -> RunFailed:
    kept = "Its best model so far is kept." if (folder / "model").is_dir() else "There was no model yet."
    return RunFailed(sentence=sentence, remedy="", kept=kept)
