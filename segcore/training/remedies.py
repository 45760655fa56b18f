"""What to change in a recipe when an alarm was raised: the list of symptoms and remedies as data (IMBALANCE 4.3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from segcore.training.events import AlarmKind
from segcore.training.recipe import LossTerm, Optimiser, Recipe

_LEAST_RATE = 1e-6
_FOREGROUND_SHARE = 0.5
#: Rotation in degrees, change of size, noise, change of contrast, and share of patches with a pasted lesion, against overfitting.
_ROTATION, _SCALING, _NOISE, _GAMMA, _PASTES = 45.0, 0.4, 0.15, 0.4, 0.5
#: Share of patches on lesions that leaves room for what is none.
_LOW_SHARE = 0.25
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
    """Divide the learning rate; one that was far too high goes to the usual one at once."""
    rate = max(min(recipe.optimiser.learning_rate / factor, Optimiser().learning_rate), _LEAST_RATE)
    return replace(recipe, optimiser=replace(recipe.optimiser, learning_rate=rate))


def _more_variety(recipe: Recipe) -> Recipe:
    """Lesions in other places and shapes: the strongest cure against learning the few there are by heart."""
    known = recipe.augmentation
    augmentation = replace(
        known,
        flips=True,
        rotation=max(known.rotation, _ROTATION),
        scaling=max(known.scaling, _SCALING),
        noise=max(known.noise, _NOISE),
        gamma=max(known.gamma, _GAMMA),
    )
    method = recipe.synthesis.method if recipe.synthesis.is_on else "copy_paste"
    synthesis = replace(recipe.synthesis, method=method, rate=max(recipe.synthesis.rate, _PASTES))
    return replace(recipe, augmentation=augmentation, synthesis=synthesis)


def _fewer_false_alarms(recipe: Recipe) -> Recipe:
    ratio = min(recipe.sampling.ratio, _LOW_SHARE)
    return replace(recipe, sampling=replace(recipe.sampling, method="hard_negative", ratio=ratio))


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
    AlarmKind.NO_GRADIENT: Remedy(
        words="Dice + cross-entropy without smoothing, start from the prevalence",
        change=lambda recipe: _from_the_prevalence(_robust_loss(recipe)),
    ),
    AlarmKind.NOTHING_LEARNT: Remedy(
        words="Dice + cross-entropy without smoothing, foreground share of 0.5, start from the prevalence, at most the "
        "usual learning rate",
        change=lambda recipe: _slower(_from_the_prevalence(_look_for_lesions(_robust_loss(recipe))), 1.0),
    ),
    AlarmKind.UNLEARNING: Remedy(words="a third of the learning rate", change=lambda recipe: _slower(recipe, 3.0)),
    AlarmKind.OVERFITTING: Remedy(
        words="stronger augmentation, and lesions pasted into half of the patches", change=_more_variety
    ),
    AlarmKind.OVER_PREDICTING: Remedy(
        words="a foreground share of 0.25 at most, and patches where false alarms were raised",
        change=_fewer_false_alarms,
    ),
    AlarmKind.NOT_A_NUMBER: Remedy(words="a tenth of the learning rate", change=lambda recipe: _slower(recipe, 10.0)),
}
