"""The training loop: from a recipe and a project to a model folder, telling everything on the way."""

from __future__ import annotations

import copy
import math
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from segcore.errors import Cancelled, EngineProblem
from segcore.inference.devices import choose_device, devices, is_out_of_memory
from segcore.inference.model import load_model, save_model
from segcore.inference.sliding_window import to_network
from segcore.losses import build_terms
from segcore.losses.gradients import class_share
from segcore.networks.unet import UNet, describe
from segcore.projects.audit import now
from segcore.projects.project import Project
from segcore.sampling.patches import Batch
from segcore.scans.volume import FOREGROUND, UNLABELLED
from segcore.training.checkpoint import Progress, load_checkpoint, pack_generator, save_checkpoint, unpack_generator
from segcore.training.cohort import MOST_IN_RUN, Cohort, gather_cohort, median_lesion_voxels
from segcore.training.convergence import Watch
from segcore.training.events import (
    Alarm,
    AlarmKind,
    CheckpointSaved,
    EndReason,
    Noticed,
    RunEnded,
    RunEvent,
    RunStarted,
    Validated,
)
from segcore.training.facts import model_facts
from segcore.training.meter import Meter
from segcore.training.plan import make_plan
from segcore.training.recipe import Recipe
from segcore.training.schedule import Schedule
from segcore.training.stopping import StopSignal
from segcore.training.stream import PatchStream, prepare_cases
from segcore.training.validation import Result, Validator

#: Gradients are scaled down to this norm.
CLIP_NORM = 1.0
#: Overlap of tiles while training goes on, and for the numbers that stay.
OVERLAP_IN_RUN, OVERLAP_AT_END = 0.25, 0.5
_WEIGHT_DECAY = 1e-2


def train(
    project: Project,
    recipe: Recipe,
    folder: Path,
    *,
    report: Callable[[RunEvent], None],
    stop: StopSignal,
    resume: bool = False,
) -> Path | None:
    """Train `recipe` on the project's training cases.

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
    build_terms(recipe.loss)  # an unknown loss is said before an hour of preparation
    try:
        return _Training(project, recipe, folder, report, stop, resume).run()
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise EngineProblem(
            "there was not enough memory to train", remedy="choose a smaller patch, batch or network, or close programs"
        ) from error
    except Cancelled:
        _discard(folder, report)
        return None


def _discard(folder: Path, report: Callable[[RunEvent], None]) -> None:
    shutil.rmtree(folder / "model", ignore_errors=True)
    shutil.rmtree(folder / "checkpoint", ignore_errors=True)
    report(
        RunEnded(
            step=0,
            seconds=0.0,
            reason=EndReason.CANCELLED,
            best_step=0,
            sentence="The run was cancelled; no model was kept.",
        )
    )


class _Training:
    """One run, from data to model."""

    def __init__(
        self,
        project: Project,
        recipe: Recipe,
        folder: Path,
        report: Callable[[RunEvent], None],
        stop: StopSignal,
        resume: bool,
    ) -> None:
        self._folder, self._report, self._stop, self._recipe = folder, report, stop, recipe
        self._device = choose_device(recipe.machine.device)
        if recipe.machine.threads:
            torch.set_num_threads(recipe.machine.threads)
        torch.manual_seed(recipe.machine.seed)
        self._cohort = gather_cohort(project, self._notice)
        self._plan = make_plan(
            recipe,
            self._cohort.train,
            lesion_voxels=median_lesion_voxels(project, self._cohort.train),
            on_gpu=self._device.type != "cpu",
        )
        self._notice_plan()
        train_cases, validation_cases = prepare_cases(
            project, self._cohort, self._plan, report=report, check=self._check_cancel
        )
        self._stream = PatchStream(train_cases, self._plan, recipe, seed=recipe.machine.seed)
        self._sampled_prevalence = self._stream.measure_prevalence()
        self._loss = build_terms(recipe.loss, prevalence=self._sampled_prevalence)
        self._correction = -self._loss.log_prior_shift
        self._network = UNet(self._plan.network).to(self._device)
        if recipe.optimiser.prior_bias:
            prior = math.log(self._sampled_prevalence / (1 - self._sampled_prevalence))
            self._network.set_prior(prior + self._loss.log_prior_shift)
        self._averaged = copy.deepcopy(self._network)
        self._optimiser = torch.optim.AdamW(
            self._network.parameters(), lr=recipe.optimiser.learning_rate, weight_decay=_WEIGHT_DECAY
        )
        self._validator = Validator(
            project,
            validation_cases,
            self._plan,
            device=self._device,
            correction=self._correction,
            stop=self._check_cancel,
        )
        self._schedule = Schedule(recipe)
        self._watch = Watch()
        self._step, self._earlier = 0, 0.0
        self._best_score, self._best_step, self._validations = -1.0, 0, 0
        self._latest: Validated | None = None
        self._validation_seconds = 0.0
        if resume:
            self._resume()
        self._begin = time.monotonic()

    def run(self) -> Path | None:
        """Train until the budget is used up or an end is wanted."""
        self._say_started()
        meter = Meter(self._schedule)
        while not self._stop.requested and self._schedule.progress(self._step, self._seconds) < 1.0:
            if not self._take_step(meter):
                break
            event = meter.due(self._step, self._seconds)
            if event is not None:
                self._report(event)
                self._raise_alarms(self._watch.after_steps(event))
            if self._schedule.wants_validation(self._step, self._seconds, self._validations, self._validation_seconds):
                self._validate()
        self._check_cancel()
        return self._finish()

    # One step

    def _take_step(self, meter: Meter) -> bool:
        """Do one step; False where the loss is no longer a number and the run must end at its last good weights."""
        progress = self._schedule.progress(self._step, self._seconds)
        rate = self._schedule.learning_rate(progress)
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        batch = self._stream.next_batch()
        images, target, valid = self._to_tensors(batch)
        self._network.train()
        logits = self._network(to_network(images, flat=self._plan.flat))
        logits.retain_grad()
        loss = self._loss(logits, target, valid)
        if not torch.isfinite(loss):
            self._report(_not_a_number(self._step))
            return False
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self._network.parameters(), CLIP_NORM)
        if not torch.isfinite(norm):
            self._report(_not_a_number(self._step))
            return False
        self._optimiser.step()
        self._step += 1
        self._average()
        meter.add(batch, float(loss.detach()), class_share(logits.grad, target), logits.detach(), target, valid, rate)
        return True

    def _to_tensors(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        images, labels = self._stream.augmented(batch, self._device)
        if self._plan.flat:
            labels = labels[:, :, 0]
        return images, (labels == FOREGROUND).float(), (labels != UNLABELLED).float()

    def _average(self) -> None:
        """Move the running mean of the weights; its memory grows with the run to a tenth of the steps."""
        decay = 0.0
        if self._recipe.optimiser.average:
            decay = min(self._step / (self._step + 10), 1 - 1 / max(10.0, 0.1 * self._step), 0.999)
        with torch.no_grad():
            for mean, value in zip(self._averaged.parameters(), self._network.parameters(), strict=True):
                mean.lerp_(value, 1 - decay)

    # Validation and the end

    def _validate(self) -> None:
        began = time.monotonic()
        result = self._validator.run(
            self._averaged, step=self._step, seconds=self._seconds, overlap=OVERLAP_IN_RUN, most=MOST_IN_RUN
        )
        self._validation_seconds = time.monotonic() - began
        self._validations += 1
        better = result.score > self._best_score
        if better:
            self._best_score, self._best_step = result.score, self._step
            self._save_model(result)
        self._latest = replace(result.validated, is_best=better)
        self._report(self._latest)
        self._raise_alarms(self._watch.after_validation(self._latest, warm=self._step > 50))
        save_checkpoint(
            self._folder / "checkpoint",
            self._network,
            self._averaged,
            self._optimiser,
            Progress(
                step=self._step,
                seconds=self._seconds,
                best_score=self._best_score,
                best_step=self._best_step,
                validations=self._validations,
                sampler=self._stream.sampler.state,
                augmenter=pack_generator(self._stream.generator),
            ),
        )
        self._report(CheckpointSaved(step=self._step, best=better))

    def _finish(self) -> Path:
        """Measure the last weights, keep the best, and fit its threshold on all validation cases."""
        if self._best_step != self._step and self._step:
            last = self._validator.run(
                self._averaged, step=self._step, seconds=self._seconds, overlap=OVERLAP_IN_RUN, most=MOST_IN_RUN
            )
            if last.score > self._best_score:
                self._best_score, self._best_step = last.score, self._step
                self._save_model(last)
        best = self._load_best()
        final = self._validator.run(best, step=self._best_step, seconds=self._seconds, overlap=OVERLAP_AT_END)
        self._averaged.load_state_dict(best.state_dict())
        self._save_model(final)
        self._report(replace(final.validated, is_best=True))
        reason = self._stop.reason or EndReason.FINISHED
        words = {EndReason.FINISHED: "The budget is used up", EndReason.STOPPED: "The run was stopped"}
        self._report(
            RunEnded(
                step=self._step,
                seconds=self._seconds,
                reason=reason,
                best_step=self._best_step,
                sentence=f"{words.get(reason, 'The window was closed')}; the model of step {self._best_step} was kept.",
            )
        )
        return self._folder / "model"

    def _load_best(self) -> UNet:
        return load_model(self._folder / "model", self._device).network

    def _save_model(self, result: Result) -> None:
        facts = model_facts(
            run=self._folder.name,
            recipe=self._recipe,
            plan=self._plan,
            cohort=self._cohort,
            correction=self._correction,
            result=result,
        )
        save_model(self._folder / "model", facts, self._averaged.state_dict())

    def _resume(self) -> None:
        progress = load_checkpoint(self._folder / "checkpoint", self._network, self._averaged, self._optimiser)
        self._step, self._earlier = progress.step, progress.seconds
        self._best_score, self._best_step = progress.best_score, progress.best_step
        self._validations = progress.validations
        self._stream.sampler.state = progress.sampler
        unpack_generator(self._stream.generator, progress.augmenter)

    # Words

    @property
    def _seconds(self) -> float:
        return self._earlier + time.monotonic() - self._begin

    def _check_cancel(self) -> None:
        if self._stop.reason is EndReason.CANCELLED:
            raise Cancelled

    def _notice(self, sentence: str) -> None:
        self._report(Noticed(sentence=sentence))

    def _notice_plan(self) -> None:
        shrink = self._plan.preparation.shrink
        if shrink > 1:
            self._notice(f"The images are shrunk {shrink} times for training; masks keep their full size.")

    def _raise_alarms(self, alarms: tuple[Alarm, ...]) -> None:
        for alarm in alarms:
            self._report(alarm)

    def _say_started(self) -> None:
        words = dict(devices()).get(self._device.type, self._device.type)
        if self._device.type == "cpu":
            words = f"CPU, {torch.get_num_threads()} threads"
        cohort: Cohort = self._cohort
        self._report(
            RunStarted(
                run=self._folder.name,
                time=now(),
                device=words,
                network=describe(self._network, self._plan.network),
                total_steps=self._schedule.total_steps,
                total_seconds=self._schedule.total_seconds,
                train_cases=len(cohort.train),
                validation_cases=len(cohort.validation),
                prevalence=cohort.prevalence,
                sampled_prevalence=self._sampled_prevalence,
            )
        )


def _not_a_number(step: int) -> Alarm:
    return Alarm(
        step=step,
        kind=AlarmKind.NOT_A_NUMBER,
        measured=math.nan,
        limit=math.inf,
        sentence="The loss is no longer a number, so the run ended at its last good weights.",
        remedy="Try a learning rate ten times smaller.",
    )
