"""What changes in the course of a run by its recipe: weights of the loss, shares of the patches. Needs no torch.

The run itself asks these functions, so that what a form draws is what happens.
"""

from __future__ import annotations

from dataclasses import dataclass

from segcore.catalog.entry import find
from segcore.catalog.loss_settings import weight_at
from segcore.catalog.losses import LOSSES
from segcore.training.recipe import LossTerm, Sampling

#: Share of the run over which the foreground share moves (IMBALANCE 2, curriculum).
_FADED_AT = 0.3
#: Share of the run before which the model's false alarms say nothing yet.
MINING_FROM = 0.2
#: Points of a course; every bend lies within a per cent of the run of one.
_POINTS = 101


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """One quantity over a run.

    Parameters
    ----------
    label
        What it is.
    values
        At evenly spaced points from the first step to the last.
    """

    label: str
    values: tuple[float, ...]


def _over_the_run() -> tuple[float, ...]:
    return tuple(number / (_POINTS - 1) for number in range(_POINTS))


def weights_over_run(terms: tuple[LossTerm, ...]) -> tuple[Course, ...]:
    """Return the weight of each term of a loss."""
    return tuple(
        Course(
            label=find("loss", term.name, LOSSES).label,
            values=tuple(weight_at(term.weight, term.ramp, progress) for progress in _over_the_run()),
        )
        for term in terms
    )


def ratio_at(sampling: Sampling, progress: float) -> float:
    """Return the foreground share at a point of the run, 0..1: it moves along a line, then stays."""
    if not sampling.ratio_fades:
        return sampling.ratio
    return sampling.ratio + (sampling.later_ratio - sampling.ratio) * min(1.0, progress / _FADED_AT)


def shares_over_run(sampling: Sampling) -> tuple[Course, ...]:
    """Return which share of the patches is drawn around lesions, and around false alarms; none for uniform patches.

    The rest comes from anywhere. False alarms are drawn once the model has raised some.
    """
    points = _over_the_run()
    if sampling.method == "uniform":
        return ()
    if sampling.method == "undersampled":
        kept = 1 / (1 + sampling.empties_per_foreground)
        return (Course(label="Patches with a lesion", values=(kept,) * _POINTS),)
    ratios = tuple(ratio_at(sampling, progress) for progress in points)
    courses = [Course(label="Around lesions", values=ratios)]
    if sampling.method == "hard_negative":
        hard = tuple(
            min(sampling.hard_share, 1 - ratio) if progress >= MINING_FROM else 0.0
            for ratio, progress in zip(ratios, points, strict=True)
        )
        courses.append(Course(label="Around false alarms", values=hard))
    return tuple(courses)
