"""How fast a machine trains: learnt from the last runs' records and from measurements, kept in the project's cache.

A pace is multiply-adds per second, so that what was seen with one recipe tells something of another. Needs no torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from segcore.errors import RareSegError
from segcore.projects.case import Case
from segcore.projects.project import Project
from segcore.records import from_line, to_line
from segcore.storage import write_text
from segcore.training.cost import step_cost
from segcore.training.events import RunStarted, StepsDone, Validated
from segcore.training.plan import make_plan
from segcore.training.recipe import Machine, Recipe
from segcore.training.record import list_runs, read_events

#: A record of fewer steps says little: the first ones warm up.
_LEAST_STEPS = 20
#: Time of a run over the time of its steps where no run says better: validations, checkpoints.
USUAL_OVERHEAD = 1.15
_OVERHEADS = (1.0, 4.0)
_FILE = "pace.jsonl"
#: Measurements that are kept.
_KEPT = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast steps were.

    Parameters
    ----------
    device, threads
        As the recipe asked for them.
    words
        The device in words.
    multiply_adds
        Per second.
    overhead
        Time of the whole run over the time of its steps, 1 or more.
    when
        UTC, ISO 8601.
    source
        In words: a run's name, or that it was measured.
    """

    device: str
    threads: int
    words: str
    multiply_adds: float
    overhead: float
    when: str
    source: str


def paces_of(project: Project, cases: Sequence[Case], *, width: float) -> tuple[Pace, ...]:
    """Return what runs and measurements say, newest first.

    Parameters
    ----------
    cases, width
        Training cases and width of their median lesion, as `make_plan` wants them: the runs are taken to have had them.
    """
    found = [*_measured(project.cache_folder), *_from_runs(project.folder, cases, width)]
    return tuple(sorted(found, key=lambda pace: pace.when, reverse=True))


def pace_for(machine: Machine, paces: Sequence[Pace]) -> Pace | None:
    """Return the newest pace with this device and number of threads, or None."""
    return next((pace for pace in paces if (pace.device, pace.threads) == (machine.device, machine.threads)), None)


def keep_pace(cache: Path, pace: Pace) -> None:
    """Add a measurement to a project's cache; errors as `write_text`."""
    kept = [*_measured(cache), pace][-_KEPT:]
    write_text(cache / _FILE, "\n".join(map(to_line, kept)) + "\n")


def _measured(cache: Path) -> list[Pace]:
    found: list[Pace] = []
    with suppress(OSError, UnicodeDecodeError):
        for line in (cache / _FILE).read_text("utf-8").splitlines():
            with suppress(RareSegError):
                found.append(from_line(Pace, line))
    return found


def _from_runs(folder: Path, cases: Sequence[Case], width: float) -> list[Pace]:
    """Return the pace of the newest run of each device and number of threads."""
    found: dict[tuple[str, int], Pace] = {}
    for record in list_runs(folder):
        machine = record.recipe.machine
        if (machine.device, machine.threads) in found or record.steps < _LEAST_STEPS:
            continue
        events = read_events(record.folder)
        started = next((event for event in events if isinstance(event, RunStarted)), None)
        if started is not None:
            plan = make_plan(record.recipe, cases, width=width, on_gpu=not started.device.startswith("CPU"))
            pace = _pace(events, started, record.recipe, step_cost(plan).multiply_adds, plan.batch)
            found[machine.device, machine.threads] = pace
    return list(found.values())


def _pace(events: Sequence[object], started: RunStarted, recipe: Recipe, multiply_adds: int, batch: int) -> Pace:
    steps = [event for event in events if isinstance(event, StepsDone)]
    per_second = float(np.median([event.patches_per_second for event in steps])) / batch
    timed = [event for event in events if isinstance(event, StepsDone | Validated)]
    whole = max(event.seconds for event in timed)
    overhead = whole * per_second / max(event.step for event in timed)
    return Pace(
        device=recipe.machine.device,
        threads=recipe.machine.threads,
        words=started.device,
        multiply_adds=multiply_adds * per_second,
        overhead=min(max(overhead, _OVERHEADS[0]), _OVERHEADS[1]),
        when=started.time,
        source=f"the run {recipe.name!r}",
    )
