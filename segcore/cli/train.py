"""examples:
rareseg train my-project --minutes 10
rareseg train my-project --loss focal_tversky --sampling per_lesion --set sampling.ratio=0.4 --steps 500 --seed 1
rareseg train my-project --loss dice_ce+boundary --set loss.boundary.ramp=0.5
"""

from __future__ import annotations

import argparse
import dataclasses
import math
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from segcore.cli.output import Output
from segcore.engine.messages import TrainJob
from segcore.engine.worker import train_recorded
from segcore.errors import Cancelled, NotEnoughData
from segcore.projects.project import Project
from segcore.training.cautions import cautions
from segcore.training.estimate import Facts, estimate, estimate_words, gather_facts
from segcore.training.events import Alarm, MemberStarted, Noticed, Preparing, RunEvent, StepsDone, Validated
from segcore.training.recipe import FOLDS, LossTerm, Recipe
from segcore.training.recipe_files import read_recipe, recipe_with
from segcore.training.record import new_run_id, read_events, read_run
from segcore.training.situation import situation_of_project
from segcore.training.stopping import StopSignal


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("project", type=Path, help="folder of the project")
    parser.add_argument(
        "--dry-run", action="store_true", help="say what it would take and what is dangerous; nothing is trained"
    )
    add_recipe_arguments(parser)


def add_recipe_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what changes a recipe."""
    parser.add_argument("--recipe", type=Path, help="recipe file (TOML); the other options change it")
    parser.add_argument("--loss", help="name of a loss, or several joined by +; see rareseg losses")
    parser.add_argument("--sampling", help="name of a sampler; see rareseg samplers")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="one setting, e.g. sampling.ratio=0.3"
    )
    parser.add_argument("--minutes", type=float, help="train for this long")
    parser.add_argument("--steps", type=int, help="train for this many steps instead")
    parser.add_argument("--seed", type=int)
    several = parser.add_mutually_exclusive_group()
    several.add_argument("--members", type=int, help="train an ensemble of so many seeds, averaged")
    several.add_argument("--folds", type=int, help="train an ensemble whose members leave out other patients")
    parser.add_argument("--device", help="auto, cpu, cuda or mps")
    parser.add_argument("--threads", type=int, help="CPU threads; 0 takes all cores")


def recipe_from(arguments: argparse.Namespace) -> Recipe:
    """Return the recipe that the arguments describe; errors as `recipe_with`."""
    recipe = read_recipe(arguments.recipe) if arguments.recipe else Recipe()
    if arguments.loss:
        recipe = dataclasses.replace(recipe, loss=tuple(LossTerm(name=name) for name in arguments.loss.split("+")))
    plain = (
        ("sampling.method", arguments.sampling),
        ("budget.minutes", arguments.minutes),
        ("budget.steps", arguments.steps),
        ("machine.seed", arguments.seed),
        ("ensemble.members", arguments.members or arguments.folds),
        ("ensemble.differ_in", FOLDS if arguments.folds else None),
        ("machine.device", arguments.device),
        ("machine.threads", arguments.threads),
    )
    for name, value in plain:
        if value is not None:
            recipe = recipe_with(recipe, f"{name}={value}")
    if arguments.minutes is not None and arguments.steps is None:
        recipe = recipe_with(recipe, "budget.steps=0")
    for assignment in arguments.set:
        recipe = recipe_with(recipe, assignment)
    recipe.check()
    return recipe


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Train, tell, and answer with the kept model."""
    recipe = recipe_from(arguments)
    with Project.open(arguments.project, read_only=True) as project:
        folder = project.folder
        dangers = cautions(recipe, situation_of_project(project))
        facts = gather_facts(project) if arguments.dry_run else None
    for danger in dangers:
        output.progress(f"CAUTION: {danger.sentence} Remedy: {danger.mend}.")
    told = [{"name": known.name, "sentence": known.sentence, "mend": known.mend} for known in dangers]
    if arguments.dry_run:
        return _answer_estimate(recipe, facts, told, output)
    result = {**train_and_tell(folder, recipe, output), "cautions": told}
    measured = result["validation"]
    output.answer(
        result,
        [
            f"run {result['run']}: {result['steps']} steps in {result['seconds']:.0f} s",
            f"validation: Dice {_number(measured['dice'])}, average precision {_number(measured['ap'])}, "
            f"threshold {measured['threshold']:.2f}",
            f"model: {result['model']}",
        ],
    )
    return 0


def _answer_estimate(recipe: Recipe, facts: Facts | None, told: list[dict[str, str]], output: Output) -> int:
    """Answer with what a training would take."""
    if facts is None:
        raise NotEnoughData("no training case has a lesion", remedy="annotate lesions, or change the split")
    found = estimate(recipe, facts)
    answer = {
        "seconds": found.seconds,
        "steps": found.steps,
        "memory_bytes": round(found.memory),
        "gpu_memory_bytes": round(found.gpu_memory),
        "disk_bytes": round(found.disk),
        "based_on": found.pace.source if found.pace is not None else "",
        "patch": found.plan.patch,
        "batch": found.plan.batch,
    }
    output.answer({"estimate": answer, "cautions": told}, [estimate_words(found)])
    return 0


def train_and_tell(project: Path, recipe: Recipe, output: Output) -> dict[str, Any]:
    """Train in this process and return the result of the command; Ctrl+C stops and keeps the best model."""
    run_id = new_run_id(recipe)
    stop = StopSignal()
    with stopping_on_interrupt(stop, output, "stopping; the best model is kept"):
        model = train_recorded(TrainJob(project=str(project), run=run_id, recipe=recipe), _Teller(output), stop)
    if model is None:
        raise Cancelled
    record = read_run(model.parent)
    events = read_events(model.parent)
    best = record.best if record is not None else None
    return {
        "run": run_id,
        "model": model,
        "steps": record.steps if record else 0,
        "seconds": record.seconds if record else 0.0,
        "validation": {
            "dice": best.dice if best else float("nan"),
            "ap": best.average_precision if best else float("nan"),
            "precision": best.precision if best else float("nan"),
            "recall": best.recall if best else float("nan"),
            "lesion_f1": best.lesion_f1 if best else float("nan"),
            "threshold": best.threshold if best else 0.5,
        },
        "alarms": [event for event in events if isinstance(event, Alarm)],
    }


class _Teller:
    """Tells a run's events as lines, steps every few seconds only."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._last = -10.0

    def __call__(self, event: RunEvent) -> None:
        if isinstance(event, StepsDone):
            if event.seconds - self._last >= 10:
                self._last = event.seconds
                self._output.progress(
                    f"step {event.step}: loss {event.loss:.3f}, gradient from lesions {100 * event.gradient_share:.0f} %, "
                    f"{event.remaining_seconds:.0f} s remain"
                )
        elif isinstance(event, Validated):
            self._output.progress(
                f"step {event.step}: Dice {_number(event.dice)}, precision {_number(event.precision)}, "
                f"recall {_number(event.recall)}, average precision {_number(event.average_precision)} on "
                f"{len(event.cases)} whole validation scans{' (best so far)' if event.is_best else ''}"
            )
        elif isinstance(event, Preparing):
            if event.done == event.total:
                self._output.progress(f"{event.total} scans are prepared")
        elif isinstance(event, MemberStarted):
            self._last = -10.0
            left_out = f", validated on patients {', '.join(event.held_out)}" if event.held_out else ""
            self._output.progress(f"member {event.member} of {event.members}, seed {event.seed}{left_out}")
        elif isinstance(event, Alarm):
            self._output.progress(f"ALARM: {event.sentence} {event.remedy}")
        elif isinstance(event, Noticed):
            self._output.progress(event.sentence)


@contextmanager
def stopping_on_interrupt(stop: StopSignal, output: Output, words: str) -> Iterator[None]:
    """Let Ctrl+C end the work at the next batch or tile, and say so in `words`."""

    def wish(*_: object) -> None:
        output.progress(words)
        stop.stop()

    before = signal.signal(signal.SIGINT, wish)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _number(value: float) -> str:
    return "undefined" if math.isnan(value) else f"{value:.3f}"
