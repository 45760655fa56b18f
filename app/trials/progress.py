"""How far a trial is, from what it told and from its folder. Pure: no widget."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from segcore.training.events import (
    EndReason,
    Preparing,
    RunEnded,
    RunEvent,
    RunFailed,
    StepsDone,
    Validated,
)
from segcore.training.record import RunState
from segcore.trials.curves import Band, Points, bands, points_by_run
from segcore.trials.events import TrialCaseTested, TrialEnded, TrialEvent, TrialRunStarted, TrialRunTold
from segcore.trials.folder import TrialFolder

#: What a run's state on disk is called in the table.
_WORDS = {
    RunState.FINISHED: "trained",
    RunState.FAILED: "broke",
    RunState.STOPPED: "paused",
    RunState.PAUSED: "paused",
    RunState.INTERRUPTED: "paused",
    RunState.RUNNING: "training",
    RunState.CANCELLED: "waiting",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStatus:
    """One run: a word, the share of its steps that is done, and its best validation (NaN before the first)."""

    word: str = "waiting"
    share: float = 0.0
    dice: float = math.nan
    average_precision: float = math.nan


class TrialProgress:
    """Collects a trial's events on top of what its folder says.

    Attributes
    ----------
    statuses
        By run id.
    sentence
        What is going on, in words.
    """

    def __init__(self, trial: TrialFolder) -> None:
        self.trial = trial
        self.statuses = {run.id: _from_disk(trial, run.id) for run in trial.plan.runs}
        self._points: dict[str, dict[int, float]] = {id: dict(points) for id, points in points_by_run(trial).items()}
        self.sentence = ""

    @property
    def trained(self) -> int:
        """Number of runs that are trained."""
        return sum(status.word in ("trained", "measured") for status in self.statuses.values())

    @property
    def share(self) -> float:
        """Share of all training that is done, 0..1."""
        return sum(status.share for status in self.statuses.values()) / max(len(self.statuses), 1)

    def bands(self) -> tuple[Band, ...]:
        """Return the learning curves, one per arm."""
        points: dict[str, Points] = {id: tuple(sorted(known.items())) for id, known in self._points.items()}
        return bands(self.trial, points)

    def add(self, event: TrialEvent) -> None:
        """Take in what the trial told."""
        if isinstance(event, TrialRunStarted):
            self._update(event.run, word="training")
            self.sentence = f"{'Going on with' if event.resumed else 'Training'} {self._name(event.run)}."
        elif isinstance(event, TrialRunTold):
            self._add_told(event.run, event.event)
        elif isinstance(event, TrialCaseTested):
            self._update(event.run, word="measured")
            self.sentence = f"Measuring test cases: {event.done} of {event.total}."
        elif isinstance(event, TrialEnded):
            self.sentence = event.sentence

    def _add_told(self, run: str, event: RunEvent) -> None:
        if isinstance(event, Preparing):
            self.sentence = f"Preparing scans: {event.done} of {event.total}."
        elif isinstance(event, StepsDone):
            self._update(run, word="training", share=min(1.0, event.step / self.trial.plan.steps))
            self.sentence = f"Training {self._name(run)}: step {event.step} of {self.trial.plan.steps}."
        elif isinstance(event, Validated):
            self._points.setdefault(run, {}).setdefault(event.step, event.average_precision)
            if event.is_best:
                self._update(run, dice=event.dice, average_precision=event.average_precision)
        elif isinstance(event, RunFailed):
            self._update(run, word="broke", share=1.0)
        elif isinstance(event, RunEnded):
            if event.reason is EndReason.FINISHED:
                self._update(run, word="trained", share=1.0)
            else:
                self._update(run, word="paused")

    def _update(self, run: str, **changes: float | str) -> None:
        if run in self.statuses:
            self.statuses[run] = replace(self.statuses[run], **changes)  # type: ignore[arg-type]

    def _name(self, run: str) -> str:
        plan = self.trial.plan
        one = next(item for item in plan.runs if item.id == run)
        number = plan.runs.index(one) + 1
        return f"{plan.arms[one.arm].name}, seed {one.seed} (run {number} of {len(plan.runs)})"


def _from_disk(trial: TrialFolder, id: str) -> RunStatus:
    run = next(item for item in trial.plan.runs if item.id == id)
    record = trial.record(run)
    if record is None:
        return RunStatus()
    best = record.best
    over = record.state in (RunState.FINISHED, RunState.FAILED)
    word = "measured" if trial.tested(run) is not None else _WORDS[record.state]
    return RunStatus(
        word=word,
        share=1.0 if over else min(1.0, record.steps / trial.plan.steps),
        dice=best.dice if best is not None else math.nan,
        average_precision=best.average_precision if best is not None else math.nan,
    )
