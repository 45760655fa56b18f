"""Training a recipe, one network or an ensemble, with its record on disk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from segcore.projects.project import Project
from segcore.training.ensemble import train_ensemble
from segcore.training.events import RunEvent
from segcore.training.loop import train
from segcore.training.recipe import Recipe
from segcore.training.recording import recording
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
    """Train a recipe as `segcore.training.loop.train` or `train_ensemble` do, with the run's record in `folder`.

    Returns the model's folder, or None where there is none. A broken run ends in `RunFailed` in its record.

    Raises
    ------
    RareSegError
        What broke the run, after it was recorded.
    """
    with recording(folder, recipe, tell) as report:
        begin = train_ensemble if recipe.ensemble.members > 1 else train
        return begin(project, recipe, folder, report=report, stop=stop, resume=resume)
