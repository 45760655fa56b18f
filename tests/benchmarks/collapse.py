"""Are collapses seen, nothing else called one, and does the rescue help? Runs made to fail and runs that should not.

    python -m tests.benchmarks.collapse run --project FOLDER --out DIR [--seeds 0 1 2] [--minutes 1.5] [--jobs 2]
    python -m tests.benchmarks.collapse report --out DIR

Every arm is trained with each seed for the same processor minutes on one thread; those made to fail also with
`optimiser.rescue`.
FOLDER is a project with a split, such as one that `tests.benchmarks.end_to_end` made. A run counts as collapsed where
its last averaged weights find nothing on the validation scans: average precision below ten times the prevalence.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from segcore.projects.case import Case, Part
from segcore.projects.project import Project
from segcore.scans.volume import Mask
from segcore.training.events import Alarm, Rescued, RunEnded, RunEvent, Validated
from segcore.training.loop import train
from segcore.training.recipe import Budget, LossTerm, Machine, Recipe, Sampling
from segcore.training.stopping import StopSignal

#: Below so many times the prevalence, the ranking of the voxels is hardly better than chance.
_NOTHING_FOUND = 10.0
#: Arms from here on are made to fail.
_FIRST_BAD = 4
SHIFTED = "masks shifted by 40 pixels"


def _with(recipe: Recipe, *, loss: str = "dice_ce", method: str = "foreground", **parameters: Any) -> Recipe:
    term = LossTerm(name=loss, parameters=tuple(parameters.items()))
    return replace(recipe, loss=(term,), sampling=replace(recipe.sampling, method=method))


def _optimised(recipe: Recipe, **settings: Any) -> Recipe:
    return replace(recipe, optimiser=replace(recipe.optimiser, **settings))


def arms(start: Recipe) -> dict[str, Recipe]:
    """Return the recipes by what a person would call them; the first four should learn."""
    smooth = {"batch": False, "smooth_numerator": 1.0, "smooth_denominator": 1.0}
    uniform = replace(start, sampling=Sampling(method="uniform"))
    return {
        "default": start,
        "Dice alone": _with(start, loss="dice"),
        "cross-entropy": _with(start, loss="bce"),
        "focal": _with(start, loss="focal"),
        "per-image Dice, smoothing 1, uniform": _with(start, loss="dice", method="uniform", **smooth),
        "focal from half and half, uniform": _optimised(
            _with(uniform, loss="focal", method="uniform"), prior_bias=False
        ),
        "learning rate 100 times": _optimised(start, learning_rate=0.1),
        SHIFTED: start,
    }


def main() -> int:
    """Do what was asked."""
    asked = _parse()
    if asked.what == "one":
        _one(asked)
        return 0
    if asked.what == "run":
        _run(asked)
    sys.stdout.write(_report(asked.out))
    return 0


def _run(asked: argparse.Namespace) -> None:
    asked.out.mkdir(parents=True, exist_ok=True)
    _shifted_copy(asked.project, asked.out / "shifted")
    commands = []
    for seed in asked.seeds:
        for number in range(len(arms(Recipe()))):
            for rescue in (False, True)[: 2 if number >= _FIRST_BAD else 1]:
                one = ["--project", str(asked.project), "--out", str(asked.out), "--minutes", str(asked.minutes)]
                one += ["--seeds", str(seed), "--arm", str(number), *(["--rescue"] if rescue else [])]
                commands.append([sys.executable, "-m", "tests.benchmarks.collapse", "one", *one])
    with ThreadPoolExecutor(asked.jobs) as pool:
        list(pool.map(lambda command: subprocess.run(command, check=False), commands))


def _shifted_copy(source: Path, target: Path) -> None:
    """Copy a project and shift its training masks against the images."""
    if target.exists():
        return
    half = target.with_name("half-made")
    shutil.rmtree(half, ignore_errors=True)
    shutil.copytree(source, half, ignore=shutil.ignore_patterns("runs", "predictions", "cache"))
    with Project.open(half) as project:
        for case in project.cases():
            if case.part is Part.TRAIN:
                _shift(project, case)
    half.rename(target)


def _shift(project: Project, case: Case) -> None:
    mask = project.mask(case.id)
    project.save_mask(
        case.id,
        Mask(labels=np.roll(mask.labels, 40, axis=(1, 2)), grid=mask.grid),
        author="benchmark",
        origin="shifted",
    )


def _one(asked: argparse.Namespace) -> None:
    start = Recipe(budget=Budget(minutes=asked.minutes), machine=Machine(threads=1, seed=asked.seeds[0]))
    name = list(arms(start))[asked.arm]
    recipe = _optimised(arms(start)[name], rescue=asked.rescue)
    file = asked.out / f"{asked.arm}-{asked.seeds[0]}-{'rescue' if asked.rescue else 'plain'}.json"
    if file.exists():
        return
    events: list[RunEvent] = []
    folder = file.with_suffix("")
    folder.mkdir(parents=True, exist_ok=True)
    # Processor minutes: other work on the machine takes nothing away from a run.
    wall, time.monotonic = time.monotonic, time.process_time
    try:
        with Project.open(asked.out / "shifted" if name == SHIFTED else asked.project, read_only=True) as project:
            train(project, recipe, folder, report=events.append, stop=StopSignal())
    finally:
        time.monotonic = wall
    validations = [event for event in events if isinstance(event, Validated)]
    answer = {
        "arm": name,
        "seed": asked.seeds[0],
        "rescue": asked.rescue,
        "steps": next(event.step for event in reversed(events) if isinstance(event, RunEnded)),
        "dice": validations[-1].dice,
        "average_precision": validations[-1].average_precision,
        "prevalence": validations[-1].true_fraction,
        # The last one measures the best weights; the one before, the last weights.
        "last_average_precision": validations[-2].average_precision if len(validations) > 1 else math.nan,
        "alarms": [[event.step, event.kind.value] for event in events if isinstance(event, Alarm)],
        "rescued": [event.sentence for event in events if isinstance(event, Rescued)],
    }
    file.write_text(json.dumps(answer, indent=1))
    sys.stderr.write(f"{json.dumps(answer)}\n")


def _report(out: Path) -> str:
    """Return the tables as Markdown."""
    results = [json.loads(file.read_text()) for file in sorted(out.glob("*-*.json"))]
    lines = [
        "| run | seed by seed: Dice of the kept model, plain | alarms | with rescue | rescues |",
        "|---|---|---|---|---|",
    ]
    for name in arms(Recipe()):
        plain, rescued = (
            [one for one in results if one["arm"] == name and one["rescue"] is on] for on in (False, True)
        )
        alarms = [", ".join(sorted({kind for _, kind in one["alarms"]})) or "none" for one in plain]
        lines.append(
            f"| {name} | {_each(plain)} | {'; '.join(alarms)} | {_each(rescued)} "
            f"| {', '.join(str(len(one['rescued'])) for one in rescued)} |"
        )
    plain = [one for one in results if not one["rescue"]]
    table = {(gone, told): 0 for gone in (True, False) for told in (True, False)}
    for one in plain:
        gone = not one["last_average_precision"] >= _NOTHING_FOUND * one["prevalence"]
        table[gone, any(kind == "collapsed to background" for _, kind in one["alarms"])] += 1
    lines += [
        "",
        "| | collapse alarm | none |",
        "|---|---|---|",
        f"| last weights find nothing | {table[True, True]} | {table[True, False]} |",
        f"| they find something | {table[False, True]} | {table[False, False]} |",
    ]
    return "\n".join(lines) + "\n"


def _each(results: list[dict[str, Any]]) -> str:
    return ", ".join(f"{one['dice']:.3f}" for one in sorted(results, key=lambda one: one["seed"]))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", choices=("run", "one", "report"))
    parser.add_argument("--project", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--minutes", type=float, default=1.5, help="processor minutes on one thread")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--arm", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--rescue", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
