"""The training loop: from a recipe and a project to a model folder, telling everything on the way."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import torch

from segcore.errors import Cancelled
from segcore.inference.devices import choose_device, device_words
from segcore.inference.folders import present_folder
from segcore.inference.memory import enough_memory
from segcore.inference.model import load_model, save_model
from segcore.inference.sliding_window import to_network
from segcore.losses import build_terms
from segcore.networks.build import build_network
from segcore.networks.unet import UNet, describe
from segcore.projects.audit import now
from segcore.projects.project import Project
from segcore.scans.volume import FOREGROUND, UNLABELLED
from segcore.training.checkpoint import Progress, load_checkpoint, pack_generator, save_checkpoint, unpack_generator
from segcore.training.cohort import MOST_IN_RUN, gather_cohort
from segcore.training.convergence import Watch, not_a_number
from segcore.training.events import CheckpointSaved, EndReason, Noticed, RunEnded, RunEvent, RunStarted
from segcore.training.facts import model_facts
from segcore.training.learner import Learner, StepResult
from segcore.training.meter import Meter
from segcore.training.mining import Miner
from segcore.training.plan import plan_run
from segcore.training.recipe import Recipe
from segcore.training.schedule import SHARE_AT_END, Schedule
from segcore.training.stopping import StopSignal, left_unfinished
from segcore.training.stream import PatchStream, prepare_cases
from segcore.training.validation import (
    OVERLAP_AT_END,
    OVERLAP_IN_RUN,
    Result,
    Validator,
    measures_at_end,
    seconds_for,
)

#: A validation in the run takes at most this share of a budget of minutes: it looks at fewer cases where it must.
_SHARE_OF_ONE = 0.04
#: A crash loses at most this much, seconds.
_CHECKPOINT_EVERY = 60.0
_OUT_OF_MEMORY = "choose a smaller patch, batch or network, or close other programs"


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
    run: _Run | None = None
    try:
        with enough_memory("to train", remedy=_OUT_OF_MEMORY):
            run = _Run(project, recipe, folder, report, stop, held_out)
            if resume:
                run.resume()
            return run.train()
    except Cancelled:
        for name in ("model", "checkpoint"):
            shutil.rmtree(folder / name, ignore_errors=True)
        report(_ended(run, EndReason.CANCELLED, "The run was cancelled; no model was kept."))
    except _Interrupted:
        reason = stop.reason or EndReason.STOPPED
        report(_ended(run, reason, left_unfinished(reason, run.step if run is not None else 0)))
    return None


def _ended(run: _Run | None, reason: EndReason, sentence: str) -> RunEnded:
    step, seconds, best = (run.step, run.seconds, run.best_step) if run is not None else (0, 0.0, 0)
    best = best if reason is not EndReason.CANCELLED else 0
    return RunEnded(step=step, seconds=seconds, reason=reason, best_step=best, sentence=sentence)


class _Interrupted(Exception):
    """Something was left unfinished because the run is to stop; the best model so far, if any, stays."""


class _Run:
    """One run, from data to model."""

    def __init__(
        self,
        project: Project,
        recipe: Recipe,
        folder: Path,
        report: Callable[[RunEvent], None],
        stop: StopSignal,
        held_out: Sequence[str],
    ) -> None:
        self._recipe, self._folder, self._report, self._stop = recipe, folder, report, stop
        self._device = choose_device(recipe.machine.device)
        if recipe.machine.threads:
            torch.set_num_threads(recipe.machine.threads)
        torch.manual_seed(recipe.machine.seed)
        self._best_score, self.best_step = -1.0, 0
        self._is_learning = False
        self._cohort = gather_cohort(project, self._notice, held_out=held_out)
        on_gpu = self._device.type != "cpu"
        self._plan = plan_run(project, recipe, self._cohort.train, on_gpu=on_gpu, notice=self._notice)
        train_cases, validation_cases = prepare_cases(
            project, self._cohort, self._plan, report=report, check=self._check
        )
        self._stream = PatchStream(train_cases, self._plan, recipe, seed=recipe.machine.seed)
        self._sampled_prevalence = self._stream.measure_prevalence()
        loss = build_terms(recipe.loss, prevalence=self._sampled_prevalence)
        self._correction = -loss.log_prior_shift
        network = build_network(self._plan.network).to(self._device)
        self._learner = Learner(network, loss, recipe.optimiser, prior=self._sampled_prevalence)
        self._validator = Validator(
            project,
            validation_cases,
            self._plan,
            device=self._device,
            correction=self._correction,
            check=self._check,
        )
        self._miner: Miner | None = None
        if recipe.sampling.method == "hard_negative":
            pool = self._stream.sampler.hard
            self._miner = Miner(
                train_cases, pool, self._plan, device=self._device, correction=self._correction, check=self._check
            )
            self._miner.begin_with_rejected(project, self._notice)
        self._schedule = Schedule(recipe)
        self._watch = Watch()
        self._validations, self._validated_step, self._validated_at, self._validation_took = 0, -1, 0.0, 0.0
        self._in_run = min(MOST_IN_RUN, len(self._validator))
        self._earlier, self._saved_at = 0.0, 0.0
        self._began = time.monotonic()
        self._is_learning = True

    @property
    def step(self) -> int:
        """Steps done."""
        return self._learner.steps

    @property
    def seconds(self) -> float:
        """Since the start, pauses between a crash and going on left out."""
        return self._earlier + time.monotonic() - self._began

    @property
    def _progress(self) -> float:
        return self._schedule.progress(self.step, self.seconds)

    def train(self) -> Path:
        """Train until the budget is used up or an end is wanted."""
        self._say_started()
        meter = Meter(self._schedule)
        ending = ""
        if self._validated_step != self.step > 0 and self._is_validation_due():
            self._validate()  # the run was paused or killed in the middle of it
        while not self._stop.requested and self._progress < 1.0:
            if not self._take_step(meter):
                self._report(not_a_number(self.step))
                ending = "The loss was no longer a number"
                break
            event = meter.due(self.step, self.seconds)
            if event is not None:
                self._report(event)
                for alarm in self._watch.after_steps(event):
                    self._report(alarm)
            if self._is_validation_due():
                self._validate()
            elif self.seconds - self._saved_at > _CHECKPOINT_EVERY:
                self._save_checkpoint(best=False)
        self._check_cancel()
        if self.step == 0:
            raise _Interrupted
        return self._finish(ending)

    # One step

    def _take_step(self, meter: Meter) -> bool:
        """Learn from the next batch; False where that gives no numbers any more."""
        batch = self._stream.next_batch()
        images, labels = self._stream.augmented(batch, self._device)
        target, valid = (labels == FOREGROUND).float(), (labels != UNLABELLED).float()
        progress = self._progress
        rate = self._schedule.learning_rate(progress)
        x = to_network(images, flat=self._plan.flat)
        result: StepResult | None = self._learner.step(x, target, valid, rate=rate, progress=progress)
        if result is None:
            return False
        meter.add(batch, result, target, valid, rate)
        return True

    # Validation

    def _is_validation_due(self) -> bool:
        return self._schedule.wants_validation(
            self.step, self.seconds, done=self._validations, took=self._validation_took, last=self._validated_at
        )

    def _validate(self) -> None:
        """Measure the averaged weights and keep them if they are the best; left early if the run is to stop."""
        total = self._schedule.total_seconds
        try:
            found = self._miner.look(self._learner.averaged, progress=self._progress) if self._miner else []
            result = self._validator.run(
                self._learner.averaged,
                step=self.step,
                seconds=self.seconds,
                overlap=OVERLAP_IN_RUN,
                most=self._in_run,
                within=_SHARE_OF_ONE * total if total and not self._validations else float("inf"),
            )
        except _Interrupted:
            return
        if self._miner:
            self._miner.take(found)
        self._in_run = result.cases
        self._validations += 1
        self._validated_step, self._validated_at, self._validation_took = self.step, self.seconds, result.took
        if total:
            # What measuring the best model will take, and one more validation before that.
            at_end = seconds_for(
                self._validator, OVERLAP_AT_END, len(self._validator), took=result.took, in_run=self._in_run
            )
            last = min(at_end, SHARE_AT_END * total)
            self._schedule.reserve = min(last + result.took, 0.2 * total)
        best = result.score >= self._best_score
        if best:
            self._best_score, self.best_step = result.score, self.step
            self._save_model(result)
        event = replace(result.validated, is_best=best)
        self._report(event)
        for alarm in self._watch.after_validation(event, progress=self._progress):
            self._report(alarm)
        self._save_checkpoint(best=best)

    # The end

    def _finish(self, ending: str) -> Path:
        """Keep the best weights; threshold and numbers come from all validation cases, unless somebody is waiting."""
        hurried = self._stop.requested
        self._save_checkpoint(best=False)
        if self._stop.reason is EndReason.PAUSED:
            raise _Interrupted
        if self._best_score < 0 or (not hurried and self._validated_step != self.step):
            self._validate()
        with suppress(_Interrupted):
            self._measure_best()
        self._check_cancel()
        self._stream.report_pasted(self._notice)
        reason = self._stop.reason or EndReason.FINISHED
        words = {EndReason.STOPPED: "The run was stopped", EndReason.WINDOW_CLOSED: "The window was closed"}
        beginning = ending or words.get(reason, "The budget is used up")
        self._report(_ended(self, reason, f"{beginning}; the model of step {self.best_step} was kept."))
        return self._folder / "model"

    def _measure_best(self) -> None:
        """Fit the kept model's threshold, and measure it, on all validation cases."""
        self._check()
        overlap, most = measures_at_end(
            self._validator, took=self._validation_took, in_run=self._in_run, total=self._schedule.total_seconds
        )
        if most < len(self._validator):
            self._notice(f"To keep to the minutes, the model is measured on {most} of {len(self._validator)} cases.")
        best = load_model(self._folder / "model", self._device).networks[0]
        result = self._validator.run(best, step=self.best_step, seconds=self.seconds, overlap=overlap, most=most)
        self._save_model(result, best)
        self._report(replace(result.validated, is_best=True))

    # What is kept

    def _save_model(self, result: Result, network: UNet | None = None) -> None:
        facts = model_facts(
            run=self._folder.name,
            recipe=self._recipe,
            plan=self._plan,
            cohort=self._cohort,
            correction=self._correction,
            result=result,
        )
        save_model(self._folder / "model", facts, (network or self._learner.averaged).state_dict())

    def _save_checkpoint(self, *, best: bool) -> None:
        progress = Progress(
            step=self.step,
            seconds=self.seconds,
            best_score=self._best_score,
            best_step=self.best_step,
            validations=self._validations,
            validated_step=self._validated_step,
            validated_at=self._validated_at,
            validation_took=self._validation_took,
            in_run=self._in_run,
            sampler=self._stream.sampler.state,
            augmenter=pack_generator(self._stream.generator),
            pasted=self._stream.pasted,
            hard=self._miner.pool.state if self._miner else "",
            looked=self._miner.looked if self._miner else 0,
        )
        save_checkpoint(self._folder / "checkpoint", self._learner, progress)
        self._saved_at = self.seconds
        self._report(CheckpointSaved(step=self.step, best=best))

    def resume(self) -> None:
        """Go on from the checkpoint.

        Raises
        ------
        UnreadableFile
            If there is none, or it is damaged or of another network.
        """
        known = load_checkpoint(self._folder / "checkpoint", self._learner)
        self._earlier = self._saved_at = known.seconds
        self._best_score, self.best_step = known.best_score, known.best_step
        self._validations, self._validated_step = known.validations, known.validated_step
        self._validated_at, self._validation_took = known.validated_at, known.validation_took
        self._in_run = min(known.in_run, len(self._validator))
        self._stream.sampler.state = known.sampler
        self._stream.batches, self._stream.pasted = known.step, known.pasted
        unpack_generator(self._stream.generator, known.augmenter)
        if self._miner and known.hard:
            self._miner.pool.state, self._miner.looked = known.hard, known.looked
        if not present_folder(self._folder / "model").is_dir():
            self._best_score, self.best_step = -1.0, 0

    # Words and wishes

    def _check_cancel(self) -> None:
        if self._stop.reason is EndReason.CANCELLED:
            raise Cancelled

    def _check(self) -> None:
        """Raise where an end is wanted and nothing is needed any more for a model to be kept."""
        self._check_cancel()
        nothing_needed = self._stop.reason is EndReason.PAUSED or self._best_score >= 0 or not self._is_learning
        if self._stop.requested and nothing_needed:
            raise _Interrupted

    def _notice(self, sentence: str) -> None:
        self._report(Noticed(sentence=sentence))

    def _say_started(self) -> None:
        self._stream.report_bank(self._notice)
        self._report(
            RunStarted(
                run=self._folder.name,
                time=now(),
                device=device_words(self._device),
                network=describe(self._learner.network, self._plan.network),
                total_steps=self._schedule.total_steps,
                total_seconds=self._schedule.total_seconds,
                train_cases=len(self._cohort.train),
                validation_cases=len(self._cohort.validation),
                prevalence=self._cohort.prevalence,
                sampled_prevalence=self._sampled_prevalence,
            )
        )
