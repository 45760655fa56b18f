"""Training: from a recipe and a project to a model folder, telling everything on the way."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from segcore.errors import Cancelled
from segcore.inference.memory import enough_memory, is_device_lost
from segcore.losses import build_terms
from segcore.projects.project import Project
from segcore.training.events import EndReason, RunEvent
from segcore.training.exhibits import SHOWN
from segcore.training.recipe import Recipe
from segcore.training.run import Interrupted, Run, ended
from segcore.training.stopping import StopSignal, left_unfinished

_OUT_OF_MEMORY = "choose a smaller patch, batch or network, or close other programs"
_LOST = (
    "The graphics card no longer answers, so the run is paused at its last checkpoint, step {step}; resume it once the "
    "card is back, or choose the processor in its recipe."
)


def train(
    project: Project,
    recipe: Recipe,
    folder: Path,
    *,
    report: Callable[[RunEvent], None],
    stop: StopSignal,
    resume: bool = False,
    held_out: Sequence[str] = (),
) -> Path | None:
    """Train one network of `recipe` on the project's training cases.

    Parameters
    ----------
    folder
        Of the run; its checkpoint and model are written there.
    report
        Called with every event, in order.
    stop
        Looked at before each batch and tile.
    resume
        Go on from the run's checkpoint.
    held_out
        Patients that are validated on, whatever the split says; see `gather_cohort`.

    Returns
    -------
    model
        The folder of the best model; None if the run was cancelled.

    Raises
    ------
    NotEnoughData, SettingProblem, EngineProblem, CannotSave, UnreadableFile
        Each in one sentence.
    """
    recipe.check()
    build_terms(recipe.loss)  # an unknown loss is told before an hour of preparation
    run: Run | None = None
    try:
        with enough_memory("to train", remedy=_OUT_OF_MEMORY):
            run = Run(project, recipe, folder, report, stop, held_out)
            if resume:
                run.resume()
            return run.train()
    except Cancelled:
        for name in ("model", "checkpoint", SHOWN):
            shutil.rmtree(folder / name, ignore_errors=True)
        report(ended(run, EndReason.CANCELLED, "The run was cancelled; no model was kept."))
    except Interrupted:
        reason = stop.reason or EndReason.STOPPED
        report(ended(run, reason, left_unfinished(reason, run.step if run is not None else 0)))
    except RuntimeError as error:
        if run is None or run.saved_step < 0 or not is_device_lost(error):
            raise
        report(ended(run, EndReason.PAUSED, _LOST.format(step=run.saved_step)))
    return None
