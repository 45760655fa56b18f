"""Learning curves of a trial: each arm's validation figures over the steps, with the band between its seeds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from segcore.metrics.empty import mean_of_defined
from segcore.training.events import RunEvent, Validated
from segcore.training.record import read_key_events
from segcore.trials.folder import TrialFolder

#: One run's curve: (step, value) of each validation in the run.
Points = tuple[tuple[int, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """An arm's curve: at each step the mean, lowest and highest over the seeds that got there."""

    steps: tuple[int, ...]
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


def points_of(events: Iterable[RunEvent], field: str = "average_precision") -> Points:
    """Return a run's validations; the last measurement of the kept model, which repeats an earlier step, is left out."""
    found: dict[int, float] = {}
    for event in events:
        if isinstance(event, Validated):
            found.setdefault(event.step, float(getattr(event, field)))
    return tuple(sorted(found.items()))


def band_of(runs: Sequence[Points]) -> Band:
    """Return mean and range over runs at the steps of any of them; what is undefined is left out."""
    values: dict[int, list[float]] = {}
    for points in runs:
        for step, value in points:
            if value == value:  # not NaN
                values.setdefault(step, []).append(value)
    steps = tuple(sorted(values))
    return Band(
        steps=steps,
        mean=tuple(mean_of_defined(values[step]) for step in steps),
        low=tuple(min(values[step]) for step in steps),
        high=tuple(max(values[step]) for step in steps),
    )


def points_by_run(trial: TrialFolder, field: str = "average_precision") -> dict[str, Points]:
    """Return the curves of all runs that have validated, from their records."""
    found = {run.id: points_of(read_key_events(trial.run_folder(run)), field) for run in trial.plan.runs}
    return {id: points for id, points in found.items() if points}


def bands(trial: TrialFolder, points: Mapping[str, Points]) -> tuple[Band, ...]:
    """Return one band per arm."""
    return tuple(
        band_of([points[run.id] for run in trial.plan.runs if run.arm == arm and run.id in points])
        for arm in range(len(trial.plan.arms))
    )
