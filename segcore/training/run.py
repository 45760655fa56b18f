"""One run of one network: its steps, validations, changes, its end, and what is kept of it."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from segcore.errors import Cancelled, SettingProblem
from segcore.inference.devices import empty_cache
from segcore.inference.folders import present_folder
from segcore.inference.memory import is_out_of_memory
from segcore.inference.model import load_model, save_model
from segcore.networks.unet import UNet
from segcore.projects.project import Project
from segcore.records import from_line, to_line
from segcore.training.checkpoint import Progress, load_checkpoint, pack_generator, save_checkpoint, unpack_generator
from segcore.training.cohort import MOST_IN_RUN
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
from segcore.training.meter import Meter, Work
from segcore.training.recipe import Recipe
from segcore.training.rescue import weights_to_go_on_from
from segcore.training.schedule import Schedule
from segcore.training.setup import Setup
from segcore.training.showing import Showing
from segcore.training.steering import Change, Rescue, ShowBatch, WatchCase, adjusted, may_rescue, remedied
from segcore.training.stopping import StopSignal
from segcore.training.validation import (
    OVERLAP_IN_RUN,
    Result,
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
        self._folder, self._report, self._stop = folder, report, stop
        self._best_score, self.best_step, self._stale, self._rescues = -1.0, 0, 0, 0
        self._is_learning, self._ending = False, ""
        self._setup = Setup(project, recipe, folder, report=report, check=self._check, held_out=held_out)
        self._schedule = Schedule(recipe)
        self._meter = Meter(self._schedule)
        self._showing = Showing(folder, project.folder, self._setup.validator, report)
        self._watch = Watch()
        self.saved_step, self._has_halved = -1, False
        self._validations, self._validated_step, self._validated_at, self._validation_took = 0, -1, 0.0, 0.0
        self._in_run = min(MOST_IN_RUN, len(self._setup.validator))
        self._earlier, self._saved_at = 0.0, 0.0
        self._began, self._is_learning = time.monotonic(), True

    @property
    def step(self) -> int:
        """Steps done."""
        return self._setup.learner.steps

    @property
    def seconds(self) -> float:
        """Since the start, pauses between a crash and going on left out."""
        return self._earlier + time.monotonic() - self._began

    @property
    def _progress(self) -> float:
        return self._schedule.progress(self.step, self.seconds)

    def train(self) -> Path:
        """Train until the budget is used up or an end is wanted."""
        self._setup.stream.report_bank(self._notice)
        started = run_started(
            run=self._folder.name,
            network=self._setup.learner.network,
            plan=self._setup.plan,
            cohort=self._setup.cohort,
            schedule=self._schedule,
            device=self._setup.device,
            sampled_prevalence=self._setup.sampled_prevalence,
        )
        self._report(started)
        if self._validated_step != self.step > 0 and self._is_validation_due():
            self._validate()  # the run was paused or killed in the middle of it
        while not self._stop.requested and self._progress < 1.0 and not self._ending:
            while (change := self._stop.asked()) is not None:
                self._follow(change)
            self._go_on()
        self._check_cancel()
        if self.step == 0:
            raise Interrupted
        return self._finish()

    # One step

    def _go_on(self) -> None:
        """Take a step, and tell, validate and save what is due after it."""
        if not self._take_step():
            self._report(not_a_number(self.step))
            if not self._rescued(AlarmKind.NOT_A_NUMBER):
                self._ending = "The loss was no longer a number"
            return
        event = self._meter.due(self.step, self.seconds)
        if event is not None:
            self._report(event)
            for alarm in self._watch.after_steps(event):
                self._report(alarm)
        if self._is_validation_due():
            self._validate()
            if 0 < self._setup.recipe.budget.patience <= self._stale:
                self._ending = f"{self._stale} validations in a row were no better"
        elif self.seconds - self._saved_at > _CHECKPOINT_EVERY:
            self._save_checkpoint(best=False)

    def _take_step(self) -> bool:
        """Learn from a batch, of half the size where memory runs out; False where that gives no numbers any more."""
        progress = self._progress
        rate = self._schedule.learning_rate(progress)
        try:
            return self._setup.take_step(self._meter, rate=rate, progress=progress)
        except (MemoryError, RuntimeError) as error:
            batch = self._setup.plan.batch
            if self._has_halved or batch == 1 or not is_out_of_memory(error):
                raise
        # Out of the except block, so that nothing holds on to the tensors of the step that failed.
        self._has_halved = True
        gc.collect()
        empty_cache(self._setup.device)
        half = self._setup.halve_batch()
        self._notice(f"There was not enough memory for {batch} patches per step; the run goes on with {half}.")
        return self._setup.take_step(self._meter, rate=rate, progress=progress)

    # Validation

    def _is_validation_due(self) -> bool:
        return self._schedule.wants_validation(
            self.step, self.seconds, done=self._validations, took=self._validation_took, last=self._validated_at
        )

    def _validate(self) -> None:
        """Measure the averaged weights and keep them if they are the best; left early if the run is to stop."""
        total = self._schedule.total_seconds
        network, miner = self._setup.learner.averaged, self._setup.miner
        try:
            with self._meter.timing(Work.VALIDATING):
                found = miner.look(network, progress=self._progress) if miner else []
                result = self._setup.validator.run(
                    network,
                    step=self.step,
                    seconds=self.seconds,
                    overlap=OVERLAP_IN_RUN,
                    most=self._in_run,
                    within=_SHARE_OF_ONE * total if total and not self._validations else float("inf"),
                )
                self._showing.show_case(network, result, step=self.step)
        except Interrupted:
            return
        if miner:
            miner.take(found)
        self._in_run = result.cases
        self._validations += 1
        self._validated_step, self._validated_at, self._validation_took = self.step, self.seconds, result.took
        if total:
            self._schedule.reserve = reserve_for(self._setup.validator, result, total=total)
        best = result.score >= self._best_score
        self._stale = 0 if best else self._stale + 1
        if best:
            self._best_score, self.best_step = result.score, self.step
            self._save_model(result)
        event = replace(result.validated, is_best=best)
        self._report(event)
        self._showing.show_batch(self._setup.last, self._setup.train_names, step=self.step)
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
        if isinstance(change, ShowBatch | WatchCase):
            self._show(change)
            return
        try:
            recipe, words = adjusted(self._setup.recipe, change)
        except SettingProblem as error:
            self._notice(str(error))
            return
        self._adopt(recipe)
        self._report(Adjusted(step=self.step, sentence=words))
        self._save_checkpoint(best=False)

    def _show(self, change: ShowBatch | WatchCase) -> None:
        """Lay out what a person wants to see."""
        if isinstance(change, ShowBatch):
            self._showing.show_batch(self._setup.last, self._setup.train_names, step=self.step)
        elif change.case in self._setup.validator:
            self._showing.case = change.case

    def _adopt(self, recipe: Recipe) -> None:
        """Put another recipe into force, its learning rate too."""
        self._setup.adopt(recipe)
        self._schedule.peak = recipe.optimiser.learning_rate

    def _rescued(self, kind: AlarmKind) -> bool:
        """Rescue the run if its recipe asks for it; returns whether."""
        wanted = may_rescue(self._setup.recipe, kind, rescues=self._rescues, progress=self._progress)
        if wanted:
            self._rescue(kind)
        return wanted

    def _rescue(self, kind: AlarmKind) -> None:
        """Apply the remedy and go on from the best weights; from new ones where none had learnt to find anything."""
        recipe, words = remedied(self._setup.recipe, kind)
        self._adopt(recipe)
        self._rescues += 1
        network, learnt = weights_to_go_on_from(
            self._folder / "model",
            self._setup.plan.network,
            device=self._setup.device,
            seed=recipe.machine.seed + self._rescues,
        )
        self._setup.learner.begin_again(
            network, self._setup.learner.loss, prior=self._setup.sampled_prevalence, keep_bias=learnt
        )
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
        self._setup.stream.report_pasted(self._notice)
        reason = self._stop.reason or EndReason.FINISHED
        words = {EndReason.STOPPED: "The run was stopped", EndReason.WINDOW_CLOSED: "The window was closed"}
        beginning = self._ending or words.get(reason, "The budget is used up")
        self._report(ended(self, reason, f"{beginning}; the model of step {self.best_step} was kept."))
        return self._folder / "model"

    def _measure_best(self) -> None:
        """Fit the kept model's threshold, and measure it, on all validation cases."""
        self._check()
        overlap, most = measures_at_end(
            self._setup.validator, took=self._validation_took, in_run=self._in_run, total=self._schedule.total_seconds
        )
        if most < len(self._setup.validator):
            self._notice(
                f"To keep to the minutes, the model is measured on {most} of {len(self._setup.validator)} cases."
            )
        best = load_model(self._folder / "model", self._setup.device).networks[0]
        result = self._setup.validator.run(best, step=self.best_step, seconds=self.seconds, overlap=overlap, most=most)
        self._save_model(result, best)
        self._report(replace(result.validated, is_best=True))

    # What is kept

    def _save_model(self, result: Result, network: UNet | None = None) -> None:
        facts = model_facts(
            run=self._folder.name,
            recipe=self._setup.recipe,
            plan=self._setup.plan,
            cohort=self._setup.cohort,
            correction=self._setup.correction,
            result=result,
        )
        save_model(self._folder / "model", facts, (network or self._setup.learner.averaged).state_dict())

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
            sampler=self._setup.stream.sampler.state,
            augmenter=pack_generator(self._setup.stream.generator),
            pasted=self._setup.stream.pasted,
            hard=self._setup.miner.pool.state if self._setup.miner else "",
            looked=self._setup.miner.looked if self._setup.miner else 0,
            recipe=to_line(self._setup.recipe),
            rescues=self._rescues,
            begun=self._schedule.begun,
            stale=self._stale,
            watched=self._showing.case,
        )
        save_checkpoint(self._folder / "checkpoint", self._setup.learner, progress)
        self._saved_at, self.saved_step = self.seconds, self.step
        self._report(CheckpointSaved(step=self.step, best=best))

    def resume(self) -> None:
        """Go on from the checkpoint.

        Raises
        ------
        UnreadableFile
            If there is none, or it is damaged or of another network.
        """
        known = load_checkpoint(self._folder / "checkpoint", self._setup.learner)
        self._earlier = self._saved_at = known.seconds
        self.saved_step = known.step
        self._best_score, self.best_step = known.best_score, known.best_step
        self._validations, self._validated_step = known.validations, known.validated_step
        self._validated_at, self._validation_took = known.validated_at, known.validation_took
        self._in_run = min(known.in_run, len(self._setup.validator))
        wanted = self._setup.recipe.budget
        if known.recipe:
            then: Recipe = from_line(Recipe, known.recipe)
            budget = replace(then.budget, steps=wanted.steps, minutes=wanted.minutes)
            self._adopt(replace(then, budget=budget))
            if (wanted.steps, wanted.minutes) != (then.budget.steps, then.budget.minutes):
                known = replace(known, begun=self._progress)  # a new course of the learning rate for what is added
        self._rescues, self._schedule.begun, self._stale = known.rescues, known.begun, known.stale
        self._setup.stream.sampler.state = known.sampler
        self._setup.stream.batches, self._setup.stream.pasted = known.step, known.pasted
        unpack_generator(self._setup.stream.generator, known.augmenter)
        if self._setup.miner and known.hard:
            self._setup.miner.pool.state, self._setup.miner.looked = known.hard, known.looked
        if known.watched in self._setup.validator:
            self._showing.case = known.watched
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
