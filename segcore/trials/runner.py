"""Carrying out a trial: every run on the same split and budget, then the test cases, once. Goes on where it was left."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable

import numpy as np

from segcore.errors import Cancelled, CannotSave, RareSegError, SettingProblem
from segcore.inference.devices import choose_device
from segcore.inference.model import load_model
from segcore.inference.predict import predict_volume
from segcore.metrics.curves import LogitHistogram, quantise
from segcore.metrics.evaluation import evaluate_pair
from segcore.projects.audit import now
from segcore.projects.project import Project
from segcore.review.predictions import PredictionFacts
from segcore.scans.volume import Mask
from segcore.training.events import RunEvent
from segcore.training.record import MODEL, RunState
from segcore.training.recorded import train_in_folder
from segcore.training.stopping import StopSignal
from segcore.trials.events import (
    TrialCaseTested,
    TrialEnded,
    TrialEvent,
    TrialRunStarted,
    TrialRunTold,
    TrialStarted,
)
from segcore.trials.folder import TestedCase, TestedRun, TrialFolder
from segcore.trials.plan import TestCase, TrialRun, data_digest


def run_trial(project: Project, trial: TrialFolder, *, tell: Callable[[TrialEvent], None], stop: StopSignal) -> bool:
    """Train what is not trained yet, then measure the test cases with every model; returns whether all is done.

    A run that fails is told and left out of the comparison; the others go on. A wish to stop pauses the trial: what is
    finished stays, the present run keeps its state, and the next call ends with the same result as if nothing had been.

    Parameters
    ----------
    tell
        Called with every event, in order; the last is `TrialEnded`.

    Raises
    ------
    SettingProblem
        If the project's scans, masks or split are no longer those that the trial was begun with, or the trial is being
        carried out elsewhere.
    CannotSave
        If the disk is full.
    """
    plan = trial.plan
    _check_unchanged(project, trial)
    _check_not_running(trial)
    finished = sum(trial.is_trained(run) for run in plan.runs)
    tell(TrialStarted(trial=plan.id, finished=finished, total=len(plan.runs)))
    for run in plan.runs:
        if not trial.is_trained(run):
            _check_unchanged(project, trial)
            _train(project, trial, run, tell, stop)
        if stop.requested:
            tell(TrialEnded(trial=plan.id, finished=False, sentence="The trial is paused; what is finished is kept."))
            return False
    _check_unchanged(project, trial)
    return _measure_all(project, trial, tell, stop)


def _check_unchanged(project: Project, trial: TrialFolder) -> None:
    """Refuse to go on after somebody annotated or split anew: the runs would no longer have the same data."""
    if data_digest(project) != trial.plan.data:
        raise SettingProblem(
            f"the scans, masks or the split changed since the trial {trial.plan.name!r} was begun",
            remedy="undo that and resume, or start a new trial on the project as it is now",
        )


def _check_not_running(trial: TrialFolder) -> None:
    for run in trial.plan.runs:
        record = trial.record(run)
        if record is not None and record.state is RunState.RUNNING:
            raise SettingProblem(
                f"the trial {trial.plan.name!r} is being carried out already", remedy="wait for it, or stop it there"
            )


def _train(
    project: Project, trial: TrialFolder, run: TrialRun, tell: Callable[[TrialEvent], None], stop: StopSignal
) -> None:
    record, folder = trial.record(run), trial.run_folder(run)
    resume = record is not None and record.can_resume and record.state is not RunState.FAILED
    if not resume:
        shutil.rmtree(folder, ignore_errors=True)
    tell(TrialRunStarted(run=run.id, resumed=resume))

    def told(event: RunEvent) -> None:
        tell(TrialRunTold(run=run.id, event=event))

    try:
        train_in_folder(project, trial.plan.recipe_of(run), folder, tell=told, stop=stop, resume=resume)
    except CannotSave:
        raise
    except RareSegError:
        return  # told and recorded as `RunFailed`; the report says that this run is missing


def _measure_all(project: Project, trial: TrialFolder, tell: Callable[[TrialEvent], None], stop: StopSignal) -> bool:
    plan = trial.plan
    trained = [run for run in plan.runs if trial.is_trained(run)]
    total = len(trained) * len(plan.test)
    for number, run in enumerate(trained):
        if trial.tested(run) is not None:
            continue
        before = number * len(plan.test)
        try:
            tester, cases = _Tester(project, trial, run, stop), []
            for place, one in enumerate(plan.test):
                stop.check()
                cases.append(tester.test(one))
                dice = cases[-1].metrics.dice
                tell(TrialCaseTested(run=run.id, case=one.case, dice=dice, done=before + place + 1, total=total))
            trial.write_tested(TestedRun(run=run.id, step=tester.step, time=now(), cases=tuple(cases)))
        except Cancelled:
            sentence = "The trial is paused while the test cases are measured."
            tell(TrialEnded(trial=plan.id, finished=False, sentence=sentence))
            return False
    missing = len(plan.runs) - len(trained)
    left_out = f" {missing} of {len(plan.runs)} runs failed and are left out." if missing else ""
    tell(TrialEnded(trial=plan.id, finished=True, sentence=f"The trial is finished.{left_out}"))
    return True


class _Tester:
    """Predicts and measures test cases with the model of one run."""

    def __init__(self, project: Project, trial: TrialFolder, run: TrialRun, stop: StopSignal) -> None:
        self._project, self._predictions, self._stop = project, trial.predictions(run), stop
        self._device = choose_device(trial.plan.recipe_of(run).machine.device)
        self._model = load_model(trial.run_folder(run) / MODEL, self._device)
        self._run, self._hashes = run.id, project.scan_hashes()

    @property
    def step(self) -> int:
        """The model's threshold in steps of 0.1 logit, fitted on the validation cases."""
        return self._model.facts.step

    def test(self, one: TestCase) -> TestedCase:
        """Predict a case, keep the prediction, and measure it."""
        began = time.monotonic()
        logits = predict_volume(self._model, self._project.scan(one.case), device=self._device, stop=self._stop.check)
        steps, reference = quantise(logits), self._project.mask(one.case)
        facts = PredictionFacts(
            model=self._run,
            case=one.case,
            step=self.step,
            seconds=time.monotonic() - began,
            scan_hash=self._hashes.get(one.case, ""),
        )
        self._predictions.write(steps, facts)
        histogram = LogitHistogram()
        histogram.add(logits, reference.labels)
        predicted = Mask(labels=(steps >= self.step).astype(np.uint8), grid=reference.grid)
        return TestedCase(
            case=one.case,
            group=one.group,
            average_precision=histogram.average_precision(),
            metrics=evaluate_pair(predicted, reference),
        )
