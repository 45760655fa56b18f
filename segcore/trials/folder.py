"""A trial on disk: its plan, its runs (each an ordinary run folder), and what its models did on the test cases."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from segcore.errors import RareSegError, UnreadableFile
from segcore.metrics.evaluation import CaseMetrics
from segcore.records import from_line, to_line
from segcore.review.predictions import Predictions
from segcore.storage import write_text
from segcore.training.record import RunRecord, RunState, read_run
from segcore.trials.plan import FORMAT, TrialPlan, TrialRun

TRIALS, PLAN, MEASURED = "trials", "trial.json", "measured"


@dataclass(frozen=True, slots=True, kw_only=True)
class TestedCase:
    """What a model did on a test case; ``average_precision`` over the case's voxels, NaN where it has no lesion."""

    __test__ = False  # not a test of pytest's

    case: str
    group: str
    average_precision: float
    metrics: CaseMetrics


@dataclass(frozen=True, slots=True, kw_only=True)
class TestedRun:
    """What a run's model did on all test cases, at the threshold that was fitted on the validation cases."""

    __test__ = False  # not a test of pytest's

    run: str
    step: int
    time: str
    cases: tuple[TestedCase, ...]


class TrialState(StrEnum):
    """How far a trial is."""

    RUNNING = "running"
    UNFINISHED = "unfinished"
    FINISHED = "finished"


class TrialFolder:
    """The folder of one trial: ``trials/<id>`` in a project.

    Raises
    ------
    UnreadableFile
        If its plan is missing, damaged, or of a newer version.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        file = folder / PLAN
        try:
            plan: TrialPlan = from_line(TrialPlan, file.read_text("utf-8"))
        except (OSError, UnicodeDecodeError, RareSegError) as error:
            raise UnreadableFile(
                file, "the plan of this trial cannot be read", remedy="delete the trial and start it anew"
            ) from error
        if plan.format > FORMAT:
            raise UnreadableFile(file, "the trial was made by a newer version of RareSeg", remedy="update RareSeg")
        self.plan = plan

    @classmethod
    def create(cls, project_folder: Path, plan: TrialPlan) -> TrialFolder:
        """Write a new trial's plan; a full disk raises `CannotSave`."""
        folder = project_folder / TRIALS / plan.id
        write_text(folder / PLAN, to_line(plan))
        return cls(folder)

    def run_folder(self, run: TrialRun) -> Path:
        """Return the folder of a run, as `segcore.training.record` knows it."""
        return self.folder / "runs" / run.id

    def record(self, run: TrialRun) -> RunRecord | None:
        """Return the record of a run, or None where it was not begun."""
        return read_run(self.run_folder(run))

    def is_trained(self, run: TrialRun) -> bool:
        """Whether a run was trained to its end and its model is there."""
        record = self.record(run)
        return record is not None and record.state is RunState.FINISHED and record.has_model

    def predictions(self, run: TrialRun) -> Predictions:
        """Return what a run's model said about the test cases."""
        return Predictions(self.folder / "predictions" / run.id)

    def write_tested(self, tested: TestedRun) -> None:
        """Keep what a run did on the test cases; a full disk raises `CannotSave`."""
        write_text(self._tested_file(tested.run), to_line(tested))

    def tested(self, run: TrialRun) -> TestedRun | None:
        """Return what a run did on the test cases; None where they were not looked at, or the file is damaged."""
        try:
            result: TestedRun = from_line(TestedRun, self._tested_file(run.id).read_text("utf-8"))
        except (OSError, UnicodeDecodeError, RareSegError):
            return None
        return result

    def all_tested(self) -> dict[str, TestedRun]:
        """Return what every measured run did, by its id."""
        found = ((run.id, self.tested(run)) for run in self.plan.runs)
        return {id: tested for id, tested in found if tested is not None}

    @property
    def state(self) -> TrialState:
        """How far it is; a trial of which a run failed is finished without that run."""
        records = [self.record(run) for run in self.plan.runs]
        if any(record is not None and record.state is RunState.RUNNING for record in records):
            return TrialState.RUNNING
        open_runs = [run for run, record in zip(self.plan.runs, records, strict=True) if not _is_over(record)]
        waiting = [run for run in self.plan.runs if self.is_trained(run) and self.tested(run) is None]
        return TrialState.UNFINISHED if open_runs or waiting else TrialState.FINISHED

    def _tested_file(self, run: str) -> Path:
        return self.folder / MEASURED / f"{run}.json"


def _is_over(record: RunRecord | None) -> bool:
    return record is not None and record.state in (RunState.FINISHED, RunState.FAILED)


def list_trials(project_folder: Path) -> tuple[TrialFolder, ...]:
    """Return the trials of a project, newest first; folders that cannot be read are left out."""
    parent = project_folder / TRIALS
    if not parent.is_dir():
        return ()
    found = []
    for folder in sorted(parent.iterdir(), reverse=True):
        if (folder / PLAN).is_file():
            try:
                found.append(TrialFolder(folder))
            except UnreadableFile:
                continue
    return tuple(found)


def earlier_looks(project_folder: Path, plan: TrialPlan) -> int:
    """Return how many other trials measured any of this trial's test cases before.

    Every look at the same test cases makes a lucky winner more likely; the report says how many there were.
    """
    mine = {case.case for case in plan.test}
    return sum(
        trial.plan.id != plan.id
        and trial.plan.created <= plan.created
        and bool(mine & {case.case for case in trial.plan.test})
        and bool(trial.all_tested())
        for trial in list_trials(project_folder)
    )
