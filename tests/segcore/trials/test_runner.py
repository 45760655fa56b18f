"""Carrying out trials on a small project: to the end, paused, killed, with a run that breaks, on changed data."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from segcore.engine.client import EngineProcess
from segcore.engine.messages import EngineDied, TrialJob
from segcore.errors import SettingProblem
from segcore.projects.case import CaseState
from segcore.projects.project import Project
from segcore.training.events import StepsDone, Validated
from segcore.training.recipe import LossTerm, Machine, Recipe
from segcore.training.stopping import PausingSignal
from segcore.trials.comparison import METRICS, compare_arms
from segcore.trials.curves import bands, points_by_run
from segcore.trials.events import TrialCaseTested, TrialEnded, TrialEvent, TrialRunStarted, TrialRunTold, TrialStarted
from segcore.trials.folder import TestedRun, TrialFolder, TrialState
from segcore.trials.plan import Arm, make_plan
from segcore.trials.report import cases_csv, comparisons_csv, make_report, write_csv
from segcore.trials.report_html import report_html, write_html
from segcore.trials.runner import run_trial
from tests.segcore.small_project import make_small_project

START = Recipe(machine=Machine(device="cpu", threads=1))
ARMS = tuple(Arm(name=name, recipe=replace(START, loss=(LossTerm(name=name),))) for name in ("dice_ce", "bce"))


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with make_small_project(tmp_path / "p", cases=6, edge=32) as made:
        yield made


def begun(
    project: Project, *, arms: tuple[Arm, ...] = ARMS, seeds: tuple[int, ...] = (0,), steps: int = 4
) -> TrialFolder:
    return TrialFolder.create(project.folder, make_plan(project, name="T", arms=arms, seeds=seeds, steps=steps))


def carry_out(project: Project, trial: TrialFolder, stop: PausingSignal | None = None) -> list[TrialEvent]:
    events: list[TrialEvent] = []
    run_trial(project, trial, tell=events.append, stop=stop or PausingSignal())
    return events


def what_was_measured(trial: TrialFolder) -> list[TestedRun]:
    """Results without the time at which they were measured."""
    return [replace(tested, time="") for tested in trial.all_tested().values()]


def test_a_trial_trains_every_run_and_measures_the_test_cases_once_at_the_end(project: Project) -> None:
    trial = begun(project)

    events = carry_out(project, trial)

    kinds = [type(event) for event in events if not isinstance(event, TrialRunTold)]
    assert kinds == [TrialStarted, TrialRunStarted, TrialRunStarted, TrialCaseTested, TrialCaseTested, TrialEnded]
    assert events[-1] == TrialEnded(trial=trial.plan.id, finished=True, sentence="The trial is finished.")
    assert trial.state is TrialState.FINISHED
    tested = trial.all_tested()
    assert list(tested) == [run.id for run in trial.plan.runs]
    assert [case.case for case in tested[trial.plan.runs[0].id].cases] == ["case1"]
    assert trial.predictions(trial.plan.runs[0]).cases() == ("case1",)
    before = {file: file.stat().st_mtime_ns for file in trial.folder.rglob("*.json")}
    again = carry_out(project, trial)
    assert [type(event) for event in again] == [TrialStarted, TrialEnded]
    assert {file: file.stat().st_mtime_ns for file in trial.folder.rglob("*.json")} == before


@pytest.mark.parametrize("event", [StepsDone, Validated, TrialRunStarted, TrialCaseTested])
def test_a_paused_trial_ends_with_the_result_of_one_that_never_was(project: Project, event: type[object]) -> None:
    whole = begun(project)
    carry_out(project, whole)
    shutil.copytree(project.folder / "trials", project.folder / "kept")
    shutil.rmtree(whole.folder)
    paused = begun(project)
    stop, seen = PausingSignal(), []

    def tell(told: TrialEvent) -> None:
        seen.append(told)
        inner = told.event if isinstance(told, TrialRunTold) else told
        if isinstance(inner, event):
            stop.stop()

    assert run_trial(project, paused, tell=tell, stop=stop) is False
    assert isinstance(seen[-1], TrialEnded)
    assert not seen[-1].finished
    assert paused.state is TrialState.UNFINISHED
    carry_out(project, paused)

    kept = TrialFolder(next((project.folder / "kept").iterdir()))
    expected = [replace(tested, run="") for tested in what_was_measured(kept)]
    assert [replace(tested, run="") for tested in what_was_measured(paused)] == expected


def test_a_run_that_breaks_is_left_out_and_the_report_says_so(project: Project) -> None:
    wrong = replace(START, machine=Machine(device="cuda", threads=1))
    trial = begun(project, arms=(ARMS[0], Arm(name="on a GPU that is not there", recipe=wrong)))

    events = carry_out(project, trial)

    assert events[-1].sentence == "The trial is finished. 1 of 2 runs failed and are left out."  # type: ignore[union-attr]
    assert trial.state is TrialState.FINISHED
    report = make_report(trial)
    assert (report.tested, report.failed) == (1, 1)
    assert "1 of 2 runs are missing (1 broke); means leave them out." in report.cautions()
    assert "cannot be told apart" in report.sentences()[0]


def test_a_trial_does_not_go_on_when_somebody_annotated_meanwhile(project: Project) -> None:
    trial = begun(project)
    project.set_state("case2", CaseState.DRAFT, author="me")

    with pytest.raises(SettingProblem, match="changed since the trial 'T' was begun"):
        carry_out(project, trial)


def test_data_that_change_in_mid_trial_stop_it_before_the_next_run(project: Project) -> None:
    trial = begun(project)

    def annotate(event: TrialEvent) -> None:
        if isinstance(event, TrialRunTold) and isinstance(event.event, Validated):
            project.set_state("case2", CaseState.DRAFT, author="me")

    with pytest.raises(SettingProblem, match="undo that and resume"):
        run_trial(project, trial, tell=annotate, stop=PausingSignal())
    assert trial.is_trained(trial.plan.runs[0])
    project.set_state("case2", CaseState.COMPLETE, author="me")
    assert carry_out(project, trial)[-1].finished  # type: ignore[union-attr]


def test_curves_have_a_band_between_the_seeds(project: Project) -> None:
    trial = begun(project, seeds=(0, 1))
    carry_out(project, trial)

    points = points_by_run(trial)
    found = bands(trial, points)

    assert len(points) == 4
    assert len(found) == 2
    assert found[0].steps[-1] == 4
    for low, mean, high in zip(found[0].low, found[0].mean, found[0].high, strict=True):
        assert low <= mean <= high


def test_the_report_is_written_as_a_page_and_two_tables(project: Project, tmp_path: Path) -> None:
    trial = begun(project, seeds=(0, 1))
    carry_out(project, trial)

    write_html(trial, tmp_path / "report.html")
    cases, pairs = write_csv(trial, tmp_path)

    page = (tmp_path / "report.html").read_text("utf-8")
    assert page.startswith("<!doctype html>")
    assert "http" not in page.replace("https://", "")
    assert "<script" not in page
    assert "cannot be told apart" in page
    rows = cases.read_text("utf-8").splitlines()
    assert rows[0].startswith("arm,seed,case,patient,dice,lesion_f1,average_precision,recall,precision,hd95_mm")
    assert len(rows) == 1 + 4
    dice = compare_arms(trial.plan, trial.all_tested(), METRICS[0])
    assert float(rows[1].split(",")[4]) == pytest.approx(
        trial.all_tested()[trial.plan.runs[0].id].cases[0].metrics.dice, rel=1e-5, nan_ok=True
    )
    assert len(pairs.read_text("utf-8").splitlines()) == 1 + 5
    assert pairs.read_text("utf-8") == comparisons_csv(make_report(trial))
    assert dice.seeds == 2


def test_names_cannot_break_out_of_the_page_nor_become_formulas(project: Project) -> None:
    arms = (Arm(name="<b>one</b>", recipe=START), Arm(name="=2+2", recipe=ARMS[1].recipe))
    trial = begun(project, arms=arms)
    carry_out(project, trial)

    page = report_html(make_report(trial))

    assert "<b>one" not in page
    assert "&lt;b&gt;one" in page
    assert "\n'=2+2,0," in cases_csv(trial)


def test_a_second_trial_on_the_same_test_cases_says_how_often_they_were_looked_at(project: Project) -> None:
    first = begun(project)
    carry_out(project, first)
    later = TrialFolder.create(project.folder, replace(first.plan, id="x", created="2099-01-01T00:00:00+00:00"))

    assert make_report(first).looks == 0
    assert make_report(later).looks == 1
    assert any("1 earlier trial measured the same test cases" in words for words in make_report(later).cautions())


@pytest.mark.engine
def test_a_killed_engine_leaves_a_trial_that_goes_on_to_the_same_result(project: Project, tmp_path: Path) -> None:
    arms = tuple(Arm(name=arm.name, recipe=arm.recipe) for arm in ARMS)
    whole = begun(project, arms=arms, steps=8)
    carry_out(project, whole)
    expected = [replace(tested, run="") for tested in what_was_measured(whole)]
    shutil.rmtree(whole.folder)
    killed = begun(project, arms=arms, steps=8)
    project.close()

    engine = EngineProcess.start(TrialJob(project=str(project.folder), trial=killed.plan.id))
    last = None
    for message in engine.messages():
        last = message
        if isinstance(message, TrialRunTold) and message.run == killed.plan.runs[1].id:
            engine.kill()
    assert isinstance(last, EngineDied)
    assert "Every run that was finished is kept" in last.sentence
    assert killed.is_trained(killed.plan.runs[0])
    assert killed.state is TrialState.UNFINISHED

    command = [sys.executable, "-m", "segcore.cli.main", "trial", str(project.folder), "--resume", "last"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "1 of 2 runs were finished before" in done.stderr
    assert killed.state is TrialState.FINISHED
    assert [replace(tested, run="") for tested in what_was_measured(killed)] == expected
