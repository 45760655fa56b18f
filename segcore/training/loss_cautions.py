"""Choices of loss that often fail with rare lesions, as data: why, and what to change (IMBALANCE 1 and 3.1)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from segcore.catalog.companion_losses import COMPANION_LOSSES
from segcore.catalog.entry import find
from segcore.catalog.losses import LOSSES
from segcore.training.recipe import MOST_TERMS, LossTerm, Recipe
from segcore.training.situation import Rule, Situation

#: From this prevalence on lesions are not rare, and what is said here does not matter.
NOT_RARE = 0.05
_COMPANIONS = tuple(entry.name for entry in COMPANION_LOSSES)
#: Terms that measure distances: their values dwarf the others' while the network still guesses.
_DISTANCES = ("boundary", "hausdorff_dt")
#: A lesion weight of at least this share of the full ratio undoes the start from the prevalence.
_NEARLY_FULL = 0.25
_NOTICED_SMOOTHING = 0.01


def value_of(term: LossTerm, name: str) -> float | bool | str | None:
    """Return a parameter of a term, the catalogue's default where it is not set, None where the loss has none."""
    given = dict(term.parameters)
    if name in given:
        return given[name]
    known = {item.name: item.domain.default for item in find("loss", term.name, LOSSES).parameters}
    return known.get(name)


def number_of(term: LossTerm, name: str) -> float:
    """Return a number of a term; NaN where the loss has no such parameter."""
    value = value_of(term, name)
    return float(value) if isinstance(value, int | float) else math.nan


def with_parameter(recipe: Recipe, name: str, value: float | bool, *, of: Callable[[LossTerm], bool]) -> Recipe:
    """Return the recipe with a parameter set in every term that `of` picks."""
    terms = tuple(
        replace(term, parameters=tuple(sorted({**dict(term.parameters), name: value}.items()))) if of(term) else term
        for term in recipe.loss
    )
    return replace(recipe, loss=terms)


def _label(term: LossTerm) -> str:
    return find("loss", term.name, LOSSES).label


def _labels(recipe: Recipe, of: Callable[[LossTerm], bool]) -> str:
    return " and ".join(_label(term) for term in recipe.loss if of(term))


def _needs_companion(term: LossTerm) -> bool:
    return find("loss", term.name, LOSSES).needs_companion


def _rare(situation: Situation) -> bool:
    """Whether lesions are rare; what is not known counts as rare, for that is what people come with."""
    return not situation.prevalence >= NOT_RARE


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %"


# Terms that must not be alone


def _companion_alone(recipe: Recipe, situation: Situation) -> str:
    if not all(term.name in _COMPANIONS for term in recipe.loss):
        return ""
    return (
        f"{_labels(recipe, lambda _: True)} alone: nothing says whether a patch holds a lesion at all. Losses of borders, "
        "lines and ranking are made to refine what another loss has found."
    )


def _lead_with_dice_ce(recipe: Recipe, situation: Situation) -> Recipe:
    kept = recipe.loss[: MOST_TERMS - 1]
    grown = tuple(replace(term, weight=min(term.weight, 0.5), ramp=term.ramp or 0.5) for term in kept)
    return replace(recipe, loss=(LossTerm(name="dice_ce"), *grown))


def _region_alone(recipe: Recipe, situation: Situation) -> str:
    if not all(_needs_companion(term) for term in recipe.loss) or all(term.name in _COMPANIONS for term in recipe.loss):
        return ""
    if recipe.sampling.method != "uniform" and recipe.sampling.ratio >= 1:
        return ""
    empty = "" if math.isnan(situation.empty_share) else f"; {_percent(situation.empty_share)} of the cases are empty"
    return (
        f"With {_labels(recipe, lambda _: True)} alone there is no usable gradient on patches without a lesion, so that "
        f"false alarms there cost nothing{empty}."
    )


def _add_cross_entropy(recipe: Recipe, situation: Situation) -> Recipe:
    return replace(recipe, loss=(*recipe.loss[: MOST_TERMS - 1], LossTerm(name="bce")))


def _distance_at_once(term: LossTerm) -> bool:
    return term.name in _DISTANCES and term.ramp == 0


def _distance_from_the_start(recipe: Recipe, situation: Situation) -> str:
    if len(recipe.loss) < 2 or not any(map(_distance_at_once, recipe.loss)):
        return ""
    return (
        f"{_labels(recipe, _distance_at_once)} counts in full from the first step, when predictions are far from every "
        "border: its large values drown the losses beside it."
    )


def _grow_distances(recipe: Recipe, situation: Situation) -> Recipe:
    terms = tuple(replace(term, ramp=0.5) if _distance_at_once(term) else term for term in recipe.loss)
    if all(term.ramp > 0 for term in terms):
        terms = (
            replace(terms[0], ramp=0.0) if terms[0].name not in _DISTANCES else LossTerm(name="dice_ce"),
            *terms[1:],
        )
    return replace(recipe, loss=terms)


def _generalised_alone(recipe: Recipe, situation: Situation) -> str:
    if not _rare(situation) or any(term.name != "generalized_dice" for term in recipe.loss):
        return ""
    return (
        "Generalised Dice alone weighs a rare class by the inverse square of its size, which makes it jump from patch to "
        "patch (0.01 Dice where plain Dice reached 0.84, Loss Odyssey)."
    )


# Parameters that push the wrong way


def _smooth(term: LossTerm) -> bool:
    return number_of(term, "smooth_numerator") >= _NOTICED_SMOOTHING


def _smoothing_above(recipe: Recipe, situation: Situation) -> str:
    if not any(map(_smooth, recipe.loss)):
        return ""
    return (
        f"{_labels(recipe, _smooth)} with smoothing above the fraction rewards an empty prediction: small lesions are "
        "given up while the loss falls."
    )


def _no_smoothing(recipe: Recipe, situation: Situation) -> Recipe:
    return with_parameter(recipe, "smooth_numerator", 0.0, of=_smooth)


def _by_patch(term: LossTerm) -> bool:
    return value_of(term, "batch") is False


def _patch_by_patch(recipe: Recipe, situation: Situation) -> str:
    if not any(map(_by_patch, recipe.loss)) or recipe.sampling.ratio >= 1:
        return ""
    return (
        f"{_labels(recipe, _by_patch)} is measured patch by patch: on a patch without a lesion it is a constant or a "
        "cliff, and a lesion of few voxels makes it jump."
    )


def _whole_batch(recipe: Recipe, situation: Situation) -> Recipe:
    return with_parameter(recipe, "batch", True, of=_by_patch)


def _light_lesions(term: LossTerm) -> bool:
    """Whether a lesion voxel weighs less than a background voxel."""
    alpha = number_of(term, "alpha") if term.name in ("focal", "dice_focal") else math.nan
    return (
        0 < alpha < 0.5
        or (term.name == "combo" and number_of(term, "class_weight") < 0.5)
        or (term.name in ("unified_focal", "asymmetric_unified_focal") and number_of(term, "delta") < 0.5)
        or (term.name == "weighted_bce" and 0 < number_of(term, "positive_weight") < 1)
    )


def _lesions_weigh_less(recipe: Recipe, situation: Situation) -> str:
    if not _rare(situation) or not any(map(_light_lesions, recipe.loss)):
        return ""
    return (
        f"{_labels(recipe, _light_lesions)} gives a lesion voxel less weight than a background voxel, although there "
        "are far fewer of them."
    )


_HEAVIER = {
    "focal": ("alpha", 0.75),
    "dice_focal": ("alpha", 0.75),
    "combo": ("class_weight", 0.5),
    "unified_focal": ("delta", 0.6),
    "asymmetric_unified_focal": ("delta", 0.6),
    "weighted_bce": ("positive_weight", 0.0),
}


def _weigh_lesions_more(recipe: Recipe, situation: Situation) -> Recipe:
    for name, (parameter, value) in _HEAVIER.items():
        recipe = with_parameter(
            recipe,
            parameter,
            value,
            of=lambda term, name=name: term.name == name and _light_lesions(term),  # type: ignore[misc]
        )
    return recipe


def _cheap_misses(term: LossTerm) -> bool:
    tversky = term.name in ("tversky", "focal_tversky") and number_of(term, "alpha") > number_of(term, "beta")
    return tversky or (term.name == "f_beta" and number_of(term, "beta") < 1)


def _misses_cost_less(recipe: Recipe, situation: Situation) -> str:
    if not _rare(situation) or not any(map(_cheap_misses, recipe.loss)):
        return ""
    return (
        f"{_labels(recipe, _cheap_misses)} charges less for a missed voxel than for a false one: with rare lesions the "
        "cheapest answer is then to find nothing."
    )


def _misses_cost_more(recipe: Recipe, situation: Situation) -> Recipe:
    recipe = with_parameter(recipe, "beta", 1.5, of=lambda term: term.name == "f_beta" and _cheap_misses(term))
    wrong = [term.name for term in recipe.loss if _cheap_misses(term)]
    recipe = with_parameter(recipe, "alpha", 0.3, of=lambda term: term.name in wrong)
    return with_parameter(recipe, "beta", 0.7, of=lambda term: term.name in wrong)


def _blind(term: LossTerm) -> bool:
    return term.name in ("focal", "dice_focal") and number_of(term, "gamma") > 3


def _focus_too_sharp(recipe: Recipe, situation: Situation) -> str:
    if not _rare(situation) or not any(map(_blind, recipe.loss)):
        return ""
    return (
        f"{_labels(recipe, _blind)} with a focus above 3 ignores a lesion voxel as soon as its probability is above a "
        "half: it stays half found."
    )


def _softened(term: LossTerm) -> bool:
    return number_of(term, "epsilon") < 0


def _softens(recipe: Recipe, situation: Situation) -> str:
    if not _rare(situation) or not any(map(_softened, recipe.loss)):
        return ""
    return (
        "Poly-1 with a punishment below 0 pulls less on voxels that the network is unsure about, and rare lesions are "
        "what it is unsure about."
    )


# Two corrections of the same thing


def _sampled_ratio(situation: Situation) -> float:
    prevalence = situation.prevalence
    return (1 - prevalence) / prevalence if 0 < prevalence < 1 else math.inf


def _fully_weighted(situation: Situation) -> Callable[[LossTerm], bool]:
    heavy = _NEARLY_FULL * _sampled_ratio(situation)
    return lambda term: term.name == "weighted_bce" and number_of(term, "positive_weight") >= max(heavy, 30.0)


def _weight_and_prior(recipe: Recipe, situation: Situation) -> str:
    heavy = [term for term in recipe.loss if _fully_weighted(situation)(term)]
    if not heavy or not recipe.optimiser.prior_bias:
        return ""
    weight = number_of(heavy[0], "positive_weight")
    return (
        f"A lesion weight of {weight:g} is about the whole ratio of background to lesion, and starting from the "
        "prevalence corrects for the same thing: together the network starts by seeing lesions everywhere, and finds "
        "many that are none."
    )


def _square_root(recipe: Recipe, situation: Situation) -> Recipe:
    return with_parameter(recipe, "positive_weight", 0.0, of=_fully_weighted(situation))


LOSS_RULES: tuple[Rule, ...] = (
    Rule(
        name="companion_alone",
        says=_companion_alone,
        mend="Put Dice + cross-entropy first",
        change=_lead_with_dice_ce,
    ),
    Rule(name="region_alone", says=_region_alone, mend="Add cross-entropy", change=_add_cross_entropy),
    Rule(
        name="distance_from_the_start",
        says=_distance_from_the_start,
        mend="Let it grow over half of the run",
        change=_grow_distances,
    ),
    Rule(
        name="generalised_dice_alone",
        says=_generalised_alone,
        mend="Take Dice + cross-entropy",
        change=lambda recipe, _: replace(recipe, loss=(LossTerm(name="dice_ce"),)),
    ),
    Rule(name="smoothing_above", says=_smoothing_above, mend="Set smoothing above to 0", change=_no_smoothing),
    Rule(name="patch_by_patch", says=_patch_by_patch, mend="Measure over the whole batch", change=_whole_batch),
    Rule(
        name="lesions_weigh_less",
        says=_lesions_weigh_less,
        mend="Give lesions the larger weight",
        change=_weigh_lesions_more,
    ),
    Rule(name="misses_cost_less", says=_misses_cost_less, mend="Charge more for misses", change=_misses_cost_more),
    Rule(
        name="focus_too_sharp",
        says=_focus_too_sharp,
        mend="Set the focus to 2",
        change=lambda recipe, _: with_parameter(recipe, "gamma", 2.0, of=_blind),
    ),
    Rule(
        name="softened",
        says=_softens,
        mend="Set the punishment to 1",
        change=lambda recipe, _: with_parameter(recipe, "epsilon", 1.0, of=_softened),
    ),
    Rule(
        name="full_weight_and_prior",
        says=_weight_and_prior,
        mend="Take the square root of the ratio",
        change=_square_root,
    ),
)
