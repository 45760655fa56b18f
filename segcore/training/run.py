"""One run of one network: its steps, validations, changes, its end, and what is kept of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import torch

from segcore.errors import Cancelled, SettingProblem
from segcore.inference.devices import choose_device
from segcore.inference.folders import present_folder
from segcore.inference.model import load_model, save_model
from segcore.inference.sliding_window import to_network
from segcore.losses import build_terms
from segcore.networks.build import build_network
from segcore.networks.unet import UNet
from segcore.projects.project import Project
from segcore.records import from_line, to_line
from segcore.scans.volume import FOREGROUND, UNLABELLED
from segcore.training.checkpoint import Progress, load_checkpoint, pack_generator, save_checkpoint, unpack_generator
from segcore.training.cohort import MOST_IN_RUN, gather_cohort
from segcore.training.convergence import Watch, not_a_number
from segcore.training.events import (
    Adjusted,
    AlarmKind,
    CheckpointSaved,
    EndReason,
    Noticed,
    Rescued,
    RunEnded,
    RunEvent,
)
from segcore.training.facts import model_facts, run_started
from segcore.training.learner import Learner, StepResult
from segcore.training.meter import Meter
from segcore.training.mining import Miner
from segcore.training.plan import plan_run
from segcore.training.probe import numerics_for
from segcore.training.recipe import Recipe
from segcore.training.rescue import weights_to_go_on_from
from segcore.training.schedule import Schedule
from segcore.training.steering import Change, Rescue, adjusted, may_rescue, remedied
from segcore.training.stopping import StopSignal
from segcore.training.stream import PatchStream, prepare_cases
from segcore.training.validation import (
    OVERLAP_IN_RUN,
    Result,
    Validator,
    measures_at_end,
    reserve_for,
)

#: A validation in the run takes at most this share of a budget of minutes: it looks at fewer cases where it must.
_SHARE_OF_ONE = 0.04
#: A crash loses at most this much, seconds.
_CHECKPOINT_EVERY = 60.0


class Interrupted(Exception):
    """Something was left unfinished because the run is to stop; the best model so far, if any, stays."""


class Run:
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
        self._best_score, self.best_step, self._stale, self._rescues = -1.0, 0, 0, 0
        self._is_learning, self._ending = False, ""
        self._cohort = gather_cohort(project, self._notice, held_out=held_out)
        on_gpu = self._device.type != "cpu"
        self._plan = plan_run(project, recipe, self._cohort.train, on_gpu=on_gpu, notice=self._notice)
        self._train_cases, validation_cases = prepare_cases(
            project, self._cohort, self._plan, report=report, check=self._check
        )
        self._stream = PatchStream(self._train_cases, self._plan, recipe, seed=recipe.machine.seed)
        self._sampled_prevalence = self._stream.measure_prevalence()
        loss = build_terms(recipe.loss, prevalence=self._sampled_prevalence)
        self._correction = -loss.log_prior_shift
        network = build_network(self._plan.network).to(self._device)
        numerics = numerics_for(project, folder, network, self._plan, self._device, self._notice, self._check)
        self._learner = Learner(network, loss, recipe.optimiser, prior=self._sampled_prevalence, numerics=numerics)
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
                self._train_cases, pool, self._plan, device=self._device, correction=self._correction, check=self._check
            )
            self._miner.begin_with_rejected(project, self._notice)
        self._schedule = Schedule(recipe)
        self._watch = Watch()
        self._validations, self._validated_step, self._validated_at, self._validation_took = 0, -1, 0.0, 0.0
        self._in_run = min(MOST_IN_RUN, len(self._validator))
        self._earlier, self._saved_at = 0.0, 0.0
        self._began, self._is_learning = time.monotonic(), True

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
        self._stream.report_bank(self._notice)
        started = run_started(
            run=self._folder.name,
            network=self._learner.network,
            plan=self._plan,
            cohort=self._cohort,
            schedule=self._schedule,
            device=self._device,
            sampled_prevalence=self._sampled_prevalence,
        )
        self._report(started)
        meter = Meter(self._schedule)
        if self._validated_step != self.step > 0 and self._is_validation_due():
            self._validate()  # the run was paused or killed in the middle of it
        while not self._stop.requested and self._progress < 1.0 and not self._ending:
            while (change := self._stop.asked()) is not None:
                self._follow(change)
            self._go_on(meter)
        self._check_cancel()
        if self.step == 0:
            raise Interrupted
        return self._finish()

    # One step

    def _go_on(self, meter: Meter) -> None:
        """Take a step, and tell, validate and save what is due after it."""
        if not self._take_step(meter):
            self._report(not_a_number(self.step))
            if not self._rescued(AlarmKind.NOT_A_NUMBER):
                self._ending = "The loss was no longer a number"
            return
        event = meter.due(self.step, self.seconds)
        if event is not None:
            self._report(event)
            for alarm in self._watch.after_steps(event):
                self._report(alarm)
        if self._is_validation_due():
            self._validate()
            if 0 < self._recipe.budget.patience <= self._stale:
                self._ending = f"{self._stale} validations in a row were no better"
        elif self.seconds - self._saved_at > _CHECKPOINT_EVERY:
            self._save_checkpoint(best=False)

    def _take_step(self, meter: Meter) -> bool:
        """Learn from the next batch; False where that gives no numbers any more."""
        progress = self._progress
        batch = self._stream.next_batch(progress)
        images, labels = self._stream.augmented(batch, self._device)
        target, valid = (labels == FOREGROUND).float(), (labels != UNLABELLED).float()
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
        except Interrupted:
            return
        if self._miner:
            self._miner.take(found)
        self._in_run = result.cases
        self._validations += 1
        self._validated_step, self._validated_at, self._validation_took = self.step, self.seconds, result.took
        if total:
            self._schedule.reserve = reserve_for(self._validator, result, total=total)
        best = result.score >= self._best_score
        self._stale = 0 if best else self._stale + 1
        if best:
            self._best_score, self.best_step = result.score, self.step
            self._save_model(result)
        event = replace(result.validated, is_best=best)
        self._report(event)
        self._save_checkpoint(best=best)
        for alarm in self._watch.after_validation(event, progress=self._schedule.along(self._progress)):
            self._report(alarm)
            self._rescued(alarm.kind)

    # Changes while it goes on

    def _follow(self, change: Change) -> None:
        """Do what a person asks for; on disk before the next step."""
        if isinstance(change, Rescue):
            self._rescue(change.kind)
            return
        try:
            recipe, words = adjusted(self._recipe, change)
        except SettingProblem as error:
            self._notice(str(error))
            return
        self._adopt(recipe)
        self._report(Adjusted(step=self.step, sentence=words))
        self._save_checkpoint(best=False)

    def _adopt(self, recipe: Recipe) -> None:
        """Put another recipe into force: its loss, sampling, synthesis, augmentation and learning rate."""
        stream = PatchStream(self._train_cases, self._plan, recipe, seed=recipe.machine.seed)
        stream.go_on_from(self._stream)
        self._recipe, self._stream = recipe, stream
        self._sampled_prevalence = stream.measure_prevalence()
        self._learner.loss = build_terms(recipe.loss, prevalence=self._sampled_prevalence)
        self._schedule.peak = recipe.optimiser.learning_rate
        self._correction = self._validator.correction = -self._learner.loss.log_prior_shift
        if self._miner:
            self._miner.correction = self._correction

    def _rescued(self, kind: AlarmKind) -> bool:
        """Rescue the run if its recipe asks for it; returns whether."""
        wanted = may_rescue(self._recipe, kind, rescues=self._rescues, progress=self._progress)
        if wanted:
            self._rescue(kind)
        return wanted

    def _rescue(self, kind: AlarmKind) -> None:
        """Apply the remedy and go on from the best weights; from new ones where none had learnt to find anything."""
        recipe, words = remedied(self._recipe, kind)
        self._adopt(recipe)
        self._rescues += 1
        network, learnt = weights_to_go_on_from(
            self._folder / "model", self._plan.network, device=self._device, seed=recipe.machine.seed + self._rescues
        )
        self._learner.begin_again(network, self._learner.loss, prior=self._sampled_prevalence, keep_bias=learnt)
        self._schedule.begun, self._watch, self._stale = self._progress, Watch(), 0
        start = f"the best weights, of step {self.best_step}" if learnt else "new weights"
        self._report(Rescued(step=self.step, sentence=f"Rescued: {words}; the run goes on from {start}."))
        self._save_checkpoint(best=False)

    # The end

    def _finish(self) -> Path:
        """Keep the best weights; threshold and numbers come from all validation cases, unless somebody is waiting."""
        hurried = self._stop.requested
        self._save_checkpoint(best=False)
        if self._stop.reason is EndReason.PAUSED:
            raise Interrupted
        if self._best_score < 0 or (not hurried and self._validated_step != self.step):
            self._validate()
        with suppress(Interrupted):
            self._measure_best()
        self._check_cancel()
        self._stream.report_pasted(self._notice)
        reason = self._stop.reason or EndReason.FINISHED
        words = {EndReason.STOPPED: "The run was stopped", EndReason.WINDOW_CLOSED: "The window was closed"}
        beginning = self._ending or words.get(reason, "The budget is used up")
        self._report(ended(self, reason, f"{beginning}; the model of step {self.best_step} was kept."))
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
            recipe=to_line(self._recipe),
            rescues=self._rescues,
            begun=self._schedule.begun,
            stale=self._stale,
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
        if known.recipe:
            self._adopt(from_line(Recipe, known.recipe))
        self._rescues, self._schedule.begun, self._stale = known.rescues, known.begun, known.stale
        self._stream.sampler.state = known.sampler
        self._stream.batches, self._stream.pasted = known.step, known.pasted
        unpack_generator(self._stream.generator, known.augmenter)
        if self._miner and known.hard:
            self._miner.pool.state, self._miner.looked = known.hard, known.looked
        if not present_folder(self._folder / "model").is_dir():
            self._best_score, self.best_step = -1.0, 0

    def _check_cancel(self) -> None:
        if self._stop.reason is EndReason.CANCELLED:
            raise Cancelled

    def _check(self) -> None:
        """Raise where an end is wanted and nothing is needed any more for a model to be kept."""
        self._check_cancel()
        nothing_needed = self._stop.reason is EndReason.PAUSED or self._best_score >= 0 or not self._is_learning
        if self._stop.requested and nothing_needed:
            raise Interrupted

    def _notice(self, sentence: str) -> None:
        self._report(Noticed(sentence=sentence))


def ended(run: Run | None, reason: EndReason, sentence: str) -> RunEnded:
    """Return the event with which a run ends; `run` is None where it never began."""
    step, seconds, best = (run.step, run.seconds, run.best_step) if run is not None else (0, 0.0, 0)
    best = best if reason is not EndReason.CANCELLED else 0
    return RunEnded(step=step, seconds=seconds, reason=reason, best_step=best, sentence=sentence)
