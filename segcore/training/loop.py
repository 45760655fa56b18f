"""Training: from a recipe and a project to a model folder, telling everything on the way."""

from __future__ import annotations

import gc
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from segcore.errors import Cancelled, NotEnoughMemory
from segcore.inference.devices import choose_device
from segcore.inference.folders import present_folder
from segcore.inference.memory import answering_device, enough_memory
from segcore.losses import build_terms
from segcore.projects.project import Project
from segcore.training.cohort import gather_cohort
from segcore.training.events import EndReason, Noticed, RunEvent
from segcore.training.plan import plan_run
from segcore.training.recipe import Recipe
from segcore.training.run import Interrupted, Run, ended
from segcore.training.stopping import StopSignal, left_unfinished

_OUT_OF_MEMORY = "choose a smaller patch, batch or network, or close other programs"
_RETRIED = "There was not enough memory: the run goes on with half the batch ({batch} patches a step)."
_LOST = "wait until it is back, or choose the CPU, then resume the run from its last checkpoint"


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
        Each in one sentence. Where memory runs out, half the batch is tried once; where a GPU is lost, the checkpoint
        stays, and the run can be resumed.
    """
    recipe.check()
    build_terms(recipe.loss)  # an unknown loss is told before an hour of preparation
    attempt = _Attempt(project, folder, report, stop, held_out)
    try:
        try:
            return attempt.train(recipe, resume=resume)
        except NotEnoughMemory:
            smaller = _with_half_the_batch(project, recipe, held_out)
            if smaller is None:
                raise
            report(Noticed(sentence=_RETRIED.format(batch=smaller.optimiser.batch)))
        attempt.forget()
        saved = present_folder(folder / "checkpoint").is_dir()
        return attempt.train(smaller, resume=saved)
    except Cancelled:
        for name in ("model", "checkpoint"):
            shutil.rmtree(folder / name, ignore_errors=True)
        report(ended(attempt.run, EndReason.CANCELLED, "The run was cancelled; no model was kept."))
    except Interrupted:
        reason = stop.reason or EndReason.STOPPED
        report(ended(attempt.run, reason, left_unfinished(reason, attempt.run.step if attempt.run is not None else 0)))
    return None


class _Attempt:
    """Training, once; the `run`, if it began, says how far it came."""

    def __init__(
        self,
        project: Project,
        folder: Path,
        report: Callable[[RunEvent], None],
        stop: StopSignal,
        held_out: Sequence[str],
    ) -> None:
        self._project, self._folder, self._report = project, folder, report
        self._stop, self._held_out = stop, held_out
        self.run: Run | None = None

    def train(self, recipe: Recipe, *, resume: bool) -> Path:
        with answering_device(remedy=_LOST), enough_memory("to train", remedy=_OUT_OF_MEMORY):
            self.run = Run(self._project, recipe, self._folder, self._report, self._stop, self._held_out)
            if resume:
                self.run.resume()
            return self.run.train()

    def forget(self) -> None:
        """Give back the memory of a run that broke."""
        self.run = None
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def _with_half_the_batch(project: Project, recipe: Recipe, held_out: Sequence[str]) -> Recipe | None:
    """Return the recipe with half as many patches a step; None where it is one already."""
    train = gather_cohort(project, lambda _: None, held_out=held_out).train
    on_gpu = choose_device(recipe.machine.device).type != "cpu"
    batch = plan_run(project, recipe, train, on_gpu=on_gpu, notice=lambda _: None).batch // 2
    return replace(recipe, optimiser=replace(recipe.optimiser, batch=batch)) if batch else None
