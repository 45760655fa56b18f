"""Changes to a run while it goes on: what a person turns, and the rescue of a run that has collapsed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

from segcore.training.events import AlarmKind
from segcore.training.recipe import Recipe
from segcore.training.remedies import REMEDIES

#: Rescues that a run may make on its own; more would only eat its budget (IMBALANCE 3.1).
MOST_RESCUES = 2
#: What a run may rescue itself from.
RESCUABLE = (AlarmKind.COLLAPSED, AlarmKind.NOT_A_NUMBER)
#: Later than this share of the budget a rescue has no time to pay.
_TOO_LATE = 0.85


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjust:
    """Go on with another foreground share, learning rate or patience; None leaves as it is."""

    ratio: float | None = None
    learning_rate: float | None = None
    patience: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rescue:
    """Apply the remedy for an alarm and go on from the best weights."""

    kind: AlarmKind


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchCase:
    """Lay out the prediction of this validation case after each validation."""

    case: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowBatch:
    """Lay out the patches of the latest step."""


Change: TypeAlias = Adjust | Rescue | WatchCase | ShowBatch


def adjusted(recipe: Recipe, change: Adjust) -> tuple[Recipe, str]:
    """Return the recipe with what a person turned, and the change in words.

    Raises
    ------
    SettingProblem
        If a value is out of its range.
    """
    words = []
    if change.ratio is not None:
        words.append(f"foreground share {recipe.sampling.ratio:g} to {change.ratio:g}")
        recipe = replace(recipe, sampling=replace(recipe.sampling, ratio=change.ratio))
    if change.learning_rate is not None:
        words.append(f"learning rate {recipe.optimiser.learning_rate:g} to {change.learning_rate:g}")
        recipe = replace(recipe, optimiser=replace(recipe.optimiser, learning_rate=change.learning_rate))
    if change.patience is not None:
        words.append(f"patience {recipe.budget.patience} to {change.patience}")
        recipe = replace(recipe, budget=replace(recipe.budget, patience=change.patience))
    recipe.check()
    return recipe, f"Changed by hand: {', '.join(words)}."


def may_rescue(recipe: Recipe, kind: AlarmKind, *, rescues: int, progress: float) -> bool:
    """Whether a run rescues itself now: asked for in the recipe, not too often, not too late."""
    wanted = recipe.optimiser.rescue and kind in RESCUABLE
    return wanted and rescues < MOST_RESCUES and progress < _TOO_LATE


def remedied(recipe: Recipe, kind: AlarmKind) -> tuple[Recipe, str]:
    """Return the recipe with the remedy for an alarm, and the remedy in words; unchanged where there is none."""
    remedy = REMEDIES.get(kind)
    return (remedy.change(recipe), remedy.words) if remedy else (recipe, "the recipe as it was")
