"""examples:
rareseg trial my-project --plan classics --seeds 3 --steps 400
rareseg trial my-project --arm first.toml --arm second.toml --seeds 3
rareseg trial my-project --resume 20261123-201500-the-three-classics
rareseg trial my-project --list
"""

from __future__ import annotations

import argparse
from pathlib import Path

from segcore.cli.output import Output
from segcore.cli.train import add_recipe_arguments, recipe_from, stopping_on_interrupt
from segcore.engine.messages import TrialJob
from segcore.engine.worker import trial_in_project
from segcore.errors import SettingProblem, UnknownName
from segcore.projects.project import Project
from segcore.training.events import Alarm, RunFailed, Validated
from segcore.training.recipe import Recipe
from segcore.training.recipe_files import read_recipe
from segcore.training.stopping import PausingSignal
from segcore.trials.events import TrialCaseTested, TrialEnded, TrialEvent, TrialRunStarted, TrialRunTold, TrialStarted
from segcore.trials.folder import TrialFolder, TrialState, list_trials
from segcore.trials.plan import DEFAULT_STEPS, READY_PLANS, Arm, TrialPlan, make_plan, ready_plan
from segcore.trials.report import TrialReport, make_report, write_csv
from segcore.trials.report_html import write_html


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    names = ", ".join(plan.name for plan in READY_PLANS)
    parser.add_argument("project", type=Path, help="folder of the project")
    parser.add_argument("--plan", help=f"a ready plan: {names}")
    parser.add_argument(
        "--arm", type=Path, action="append", default=[], metavar="RECIPE", help="a recipe file; give two or more"
    )
    parser.add_argument("--seeds", type=int, default=3, help="train every recipe with so many seeds (default 3)")
    parser.add_argument("--name", help="what the trial is called")
    parser.add_argument("--resume", metavar="TRIAL", help="go on with a trial; 'last' takes the newest")
    parser.add_argument("--list", action="store_true", help="list the project's trials and end")
    parser.add_argument("--out", type=Path, help="write the report (HTML and CSV) into this folder")
    add_recipe_arguments(parser)


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Carry out a trial, or go on with it, and answer with its report."""
    with Project.open(arguments.project, read_only=True) as project:
        folder = project.folder
        if arguments.list:
            return _list(folder, output)
        trial = _chosen(folder, arguments.resume) if arguments.resume else _begun(project, arguments)
    plan = trial.plan
    output.progress(f"trial {plan.id}: {len(plan.runs)} runs of {plan.steps} steps")
    stop = PausingSignal()
    with stopping_on_interrupt(stop, output, "pausing; every finished run is kept"):
        finished = trial_in_project(TrialJob(project=str(folder), trial=plan.id), _Teller(plan, output), stop)
    report = make_report(trial)
    files = _written(trial, arguments.out) if arguments.out and finished else []
    output.answer(_answer(report, finished, files), _lines(report, finished, folder, files))
    return 0


def _begun(project: Project, arguments: argparse.Namespace) -> TrialFolder:
    if arguments.seeds < 1:
        raise SettingProblem(f"--seeds is {arguments.seeds}", remedy="use 1 or more, better 3")
    recipe = recipe_from(arguments)
    arms, name = _arms(arguments, recipe)
    plan = make_plan(
        project,
        name=arguments.name or name,
        arms=arms,
        seeds=range(recipe.machine.seed, recipe.machine.seed + arguments.seeds),
        steps=recipe.budget.steps or DEFAULT_STEPS,
    )
    return TrialFolder.create(project.folder, plan)


def _arms(arguments: argparse.Namespace, recipe: Recipe) -> tuple[tuple[Arm, ...], str]:
    if arguments.arm and arguments.plan:
        raise SettingProblem("--plan and --arm say different things", remedy="give one of them")
    if arguments.arm:
        return tuple(Arm(name=file.stem, recipe=read_recipe(file)) for file in arguments.arm), "Comparison"
    plan = ready_plan(arguments.plan or READY_PLANS[0].name)
    return plan.arms(recipe), plan.label


def _chosen(folder: Path, name: str) -> TrialFolder:
    trials = list_trials(folder)
    if name == "last" and trials:
        return trials[0]
    for trial in trials:
        if trial.plan.id == name:
            return trial
    raise UnknownName("trial", name, [trial.plan.id for trial in trials])


def _list(folder: Path, output: Output) -> int:
    trials = [(trial.plan, trial.state) for trial in list_trials(folder)]
    rows = [
        {"trial": plan.id, "name": plan.name, "state": state, "arms": [arm.name for arm in plan.arms]}
        for plan, state in trials
    ]
    lines = [f"{plan.id}: {state.value}, {', '.join(arm.name for arm in plan.arms)}" for plan, state in trials]
    output.answer({"trials": rows}, lines or ["There is no trial yet."])
    return 0


def _written(trial: TrialFolder, folder: Path) -> list[Path]:
    page = folder / f"{trial.plan.id}.html"
    write_html(trial, page)
    return [page, *write_csv(trial, folder)]


class _Teller:
    """Tells a trial's events as lines: where it is, and how each validation went."""

    def __init__(self, plan: TrialPlan, output: Output) -> None:
        self._plan, self._output = plan, output
        self._names = {run.id: f"{plan.arms[run.arm].name}, seed {run.seed}" for run in plan.runs}
        self._numbers = {run.id: number for number, run in enumerate(plan.runs, start=1)}

    def __call__(self, event: TrialEvent) -> None:
        if isinstance(event, TrialStarted) and event.finished:
            self._output.progress(f"{event.finished} of {event.total} runs were finished before")
        elif isinstance(event, TrialRunStarted):
            word = "going on with" if event.resumed else "training"
            at = f"{self._numbers[event.run]} of {len(self._plan.runs)}"
            self._output.progress(f"run {at}: {word} {self._names[event.run]}")
        elif isinstance(event, TrialRunTold):
            self._tell_run(event)
        elif isinstance(event, TrialCaseTested):
            self._output.progress(f"test {event.done} of {event.total}: {event.case}, Dice {event.dice:.3f}")
        elif isinstance(event, TrialEnded):
            self._output.progress(event.sentence)

    def _tell_run(self, told: TrialRunTold) -> None:
        event = told.event
        if isinstance(event, Validated) and event.is_best:
            self._output.progress(
                f"  step {event.step}: Dice {event.dice:.3f}, average precision {event.average_precision:.3f}"
            )
        elif isinstance(event, Alarm):
            self._output.progress(f"  ALARM: {event.sentence}")
        elif isinstance(event, RunFailed):
            self._output.progress(f"  this run broke and is left out: {event.sentence}")


def _answer(report: TrialReport, finished: bool, files: list[Path]) -> dict[str, object]:
    return {
        "trial": report.plan.id,
        "state": TrialState.FINISHED if finished else TrialState.UNFINISHED,
        "sentences": report.sentences() if report.tested else (),
        "cautions": report.cautions() if report.tested else (),
        "metrics": {
            comparison.metric.name: {
                "arms": comparison.arms,
                "pairs": comparison.pairs,
                "cases": comparison.cases,
            }
            for comparison in report.comparisons
        },
        "files": files,
    }


def _lines(report: TrialReport, finished: bool, folder: Path, files: list[Path]) -> list[str]:
    if not finished:
        return [f"The trial is paused; go on with: rareseg trial {folder} --resume {report.plan.id}"]
    lines = [
        f"{arm.name}: Dice {arm.mean:.3f} (95 % interval {arm.low:.3f} to {arm.high:.3f}; by seed "
        f"{', '.join(f'{value:.3f}' for value in arm.by_seed)})"
        for arm in report.main.arms
    ]
    return [*lines, *report.sentences(), *report.cautions(), *(f"written: {file}" for file in files)]
