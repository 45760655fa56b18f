"""Are failures seen, nothing else called one, and does the remedy help? Runs made to fail and runs that should not.

    python -m tests.benchmarks.collapse run --project FOLDER --out DIR [--seeds 0 1 2] [--minutes 1.5] [--jobs 2]
    python -m tests.benchmarks.collapse report --out DIR

Every arm is trained with each seed for the same processor minutes on one thread. Those made to fail are trained twice:
as they are, and by a person who answers every alarm as the window's button does, with its remedy, twice at most.
FOLDER is a project with a split, such as one that `tests.benchmarks.end_to_end` made. A run counts as collapsed where
its last averaged weights find nothing on the validation scans: average precision below ten times the prevalence.
The verdict is what the window says of the run, from the same events.
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

from app.train.curves import RunCurves
from app.train.verdict import judge, pressing_alarm
from segcore.errors import NotEnoughData
from segcore.projects.case import Case, Part
from segcore.projects.project import Project
from segcore.scans.volume import Mask
from segcore.training.events import Alarm, AlarmKind, Rescued, RunEnded, RunEvent, Validated
from segcore.training.loop import train
from segcore.training.recipe import Budget, LossTerm, Machine, Recipe, Sampling
from segcore.training.remedies import REMEDIES
from segcore.training.steering import MOST_RESCUES, Rescue
from segcore.training.stopping import StopSignal

#: Below so many times the prevalence, the ranking of the voxels is hardly better than chance.
_NOTHING_FOUND = 10.0
#: Alarms that say it.
_FOUND_NOTHING = (AlarmKind.COLLAPSED, AlarmKind.NOTHING_LEARNT, AlarmKind.NOT_A_NUMBER, AlarmKind.UNLEARNING)
#: Arms from here on are made to fail.
_FIRST_BAD = 4
SHIFTED, EMPTY = "masks shifted by 40 pixels", "training masks all empty"


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
        "learning rate 1000 times": _optimised(start, learning_rate=1000 * start.optimiser.learning_rate),
        SHIFTED: start,
        EMPTY: start,
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
    for name in (SHIFTED, EMPTY):
        _copy(asked.project, _folder(asked, name), empty=name == EMPTY)
    commands = []
    for seed in asked.seeds:
        for number in range(len(arms(Recipe()))):
            for clicks in (False, True)[: 2 if number >= _FIRST_BAD else 1]:
                one = ["--project", str(asked.project), "--out", str(asked.out), "--minutes", str(asked.minutes)]
                one += ["--seeds", str(seed), "--arm", str(number), *(["--clicks"] if clicks else [])]
                commands.append([sys.executable, "-m", "tests.benchmarks.collapse", "one", *one])
    with ThreadPoolExecutor(asked.jobs) as pool:
        list(pool.map(lambda command: subprocess.run(command, check=False), commands))


def _folder(asked: argparse.Namespace, name: str) -> Path:
    """Return the project that an arm is trained on."""
    copies: dict[str, Path] = {SHIFTED: asked.out / "shifted", EMPTY: asked.out / "empty"}
    return copies.get(name, asked.project)


def _copy(source: Path, target: Path, *, empty: bool) -> None:
    """Copy a project with its training masks shifted against the images, or emptied."""
    if target.exists():
        return
    half = target.with_name("half-made")
    shutil.rmtree(half, ignore_errors=True)
    shutil.copytree(source, half, ignore=shutil.ignore_patterns("runs", "predictions", "cache"))
    with Project.open(half) as project:
        for case in project.cases():
            if case.part is Part.TRAIN:
                _damage(project, case, empty=empty)
    half.rename(target)


def _damage(project: Project, case: Case, *, empty: bool) -> None:
    mask = project.mask(case.id)
    labels = np.zeros_like(mask.labels) if empty else np.roll(mask.labels, 40, axis=(1, 2))
    project.save_mask(case.id, Mask(labels=labels, grid=mask.grid), author="benchmark", origin="damaged")


class Person:
    """Watches a run as the window shows it, and presses the button of the pressing alarm where that was agreed."""

    def __init__(self, *, clicks: bool) -> None:
        self.events: list[RunEvent] = []
        self.stop = StopSignal()
        self.heading = ""
        self._left = MOST_RESCUES if clicks else 0
        self._curves = RunCurves()

    def see(self, event: RunEvent) -> None:
        """Take in an event."""
        self.events.append(event)
        self._curves.add(event)
        alarm = pressing_alarm(self._curves) if isinstance(event, Alarm) else None
        if alarm is not None:
            self.heading = self.heading or judge(self._curves).heading
            if self._left and alarm is event and alarm.kind in REMEDIES:
                self._left -= 1
                self.stop.ask(Rescue(kind=alarm.kind))

    @property
    def last_heading(self) -> str:
        """What the window says at the end."""
        return judge(self._curves).heading


def _one(asked: argparse.Namespace) -> None:
    start = Recipe(budget=Budget(minutes=asked.minutes), machine=Machine(threads=1, seed=asked.seeds[0]))
    name = list(arms(start))[asked.arm]
    file = asked.out / f"{asked.arm}-{asked.seeds[0]}-{'clicks' if asked.clicks else 'plain'}.json"
    if file.exists():
        return
    person = Person(clicks=asked.clicks)
    answer: dict[str, object] = {"arm": name, "seed": asked.seeds[0], "clicks": asked.clicks}
    folder = file.with_suffix("")
    folder.mkdir(parents=True, exist_ok=True)
    # Processor minutes: other work on the machine takes nothing away from a run.
    wall, time.monotonic = time.monotonic, time.process_time
    try:
        with Project.open(_folder(asked, name), read_only=True) as project:
            train(project, arms(start)[name], folder, report=person.see, stop=person.stop)
        answer |= _told(person)
    except NotEnoughData as error:
        answer |= {"refused": str(error)}
    finally:
        time.monotonic = wall
    shutil.rmtree(folder)
    file.write_text(json.dumps(answer, indent=1))
    sys.stderr.write(f"{json.dumps(answer)}\n")


def _told(person: Person) -> dict[str, object]:
    validations = [event for event in person.events if isinstance(event, Validated)]
    return {
        "steps": next(event.step for event in reversed(person.events) if isinstance(event, RunEnded)),
        "dice": validations[-1].dice,
        "average_precision": validations[-1].average_precision,
        "prevalence": validations[-1].true_fraction,
        # The last one measures the best weights; the one before, the last weights.
        "last_average_precision": validations[-2].average_precision if len(validations) > 1 else math.nan,
        "alarms": [[event.step, event.kind.value] for event in person.events if isinstance(event, Alarm)],
        "rescued": [event.sentence for event in person.events if isinstance(event, Rescued)],
        "heading": person.heading,
        "last_heading": person.last_heading,
    }


def _report(out: Path) -> str:
    """Return the tables as Markdown."""
    results = [json.loads(file.read_text()) for file in sorted(out.glob("*-*.json"))]
    lines = [
        "| run | Dice of the kept model, each seed | alarms | the window says at the first | with the button: Dice "
        "| remedies pressed |",
        "|---|---|---|---|---|---|",
        *(_line(name, [one for one in results if one["arm"] == name]) for name in arms(Recipe())),
    ]
    trained = [one for one in results if not one["clicks"] and "refused" not in one]
    table = {(gone, told): 0 for gone in (True, False) for told in (True, False)}
    for one in trained:
        gone = not one["last_average_precision"] >= _NOTHING_FOUND * one["prevalence"]
        table[gone, any(kind in _FOUND_NOTHING for _, kind in one["alarms"])] += 1
    lines += [
        "",
        "| | an alarm that says so | none |",
        "|---|---|---|",
        f"| last weights find nothing | {table[True, True]} | {table[True, False]} |",
        f"| they find something | {table[False, True]} | {table[False, False]} |",
    ]
    return "\n".join(lines) + "\n"


def _line(name: str, runs: list[dict[str, Any]]) -> str:
    refused = next((one["refused"] for one in runs if "refused" in one), "")
    if refused:
        return f"| {name} | not trained | | refused: {refused} | | |"
    plain, pressed = ([one for one in runs if one["clicks"] is on] for on in (False, True))
    alarms = "; ".join(", ".join(dict.fromkeys(kind for _, kind in one["alarms"])) or "none" for one in plain)
    said = "; ".join(dict.fromkeys(one["heading"] or one["last_heading"] for one in plain))
    remedies = ", ".join(str(len(one["rescued"])) for one in pressed)
    return f"| {name} | {_each(plain)} | {alarms} | {said} | {_each(pressed)} | {remedies} |"


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
    parser.add_argument("--clicks", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
