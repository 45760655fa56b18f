"""What to change in a recipe when an alarm was raised: the list of symptoms and remedies as data (IMBALANCE 4.3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from segcore.training.events import AlarmKind
from segcore.training.recipe import LossTerm, Recipe

_LEAST_RATE = 1e-6
_FOREGROUND_SHARE = 0.5
#: Methods that look for lesions.
_LOOKING = ("foreground", "per_lesion", "case_weighted", "hard_negative")


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """A change of recipe.

    Parameters
    ----------
    words
        What is changed, as a person reads it on a button's tooltip.
    change
        Makes the changed recipe.
    """

    words: str
    change: Callable[[Recipe], Recipe]


def _robust_loss(recipe: Recipe) -> Recipe:
    return replace(recipe, loss=(LossTerm(name="dice_ce", parameters=(("batch", True), ("smooth_numerator", 0.0))),))


def _look_for_lesions(recipe: Recipe) -> Recipe:
    method = recipe.sampling.method if recipe.sampling.method in _LOOKING else "foreground"
    ratio = max(recipe.sampling.ratio, _FOREGROUND_SHARE)
    return replace(recipe, sampling=replace(recipe.sampling, method=method, ratio=ratio))


def _from_the_prevalence(recipe: Recipe) -> Recipe:
    return replace(recipe, optimiser=replace(recipe.optimiser, prior_bias=True))


def _slower(recipe: Recipe, factor: float) -> Recipe:
    rate = max(recipe.optimiser.learning_rate / factor, _LEAST_RATE)
    return replace(recipe, optimiser=replace(recipe.optimiser, learning_rate=rate))


#: The threshold alarm has no remedy: the fitted threshold is used anyway.
REMEDIES: Mapping[AlarmKind, Remedy] = {
    AlarmKind.COLLAPSED: Remedy(
        words="Dice + cross-entropy without smoothing, foreground share of 0.5, start from the prevalence, a third of "
        "the learning rate",
        change=lambda recipe: _slower(_from_the_prevalence(_look_for_lesions(_robust_loss(recipe))), 3.0),
    ),
    AlarmKind.MAJORITY_DOMINATED: Remedy(
        words="Dice + cross-entropy without smoothing, foreground share of 0.5, start from the prevalence",
        change=lambda recipe: _from_the_prevalence(_look_for_lesions(_robust_loss(recipe))),
    ),
    AlarmKind.NO_FOREGROUND: Remedy(
        words="a sampling that looks for lesions, with a foreground share of 0.5", change=_look_for_lesions
    ),
    AlarmKind.NOT_A_NUMBER: Remedy(words="a tenth of the learning rate", change=lambda recipe: _slower(recipe, 10.0)),
}
