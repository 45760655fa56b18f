"""Choices of loss that often fail: when they are told, and what mends them."""

import math

import pytest

from segcore.catalog.losses import LOSSES
from segcore.training.loss_cautions import LOSS_RULES, number_of, value_of, with_parameter
from segcore.training.recipe import LossTerm, Optimiser, Recipe, Sampling
from segcore.training.situation import Rule, Situation

RARE = Situation(prevalence=0.001, empty_share=0.25, hit_rate=0.1, middle_voxels=200.0, large_voxels=900.0)
MILD = Situation(prevalence=0.2, empty_share=0.0, hit_rate=0.9, middle_voxels=9000.0, large_voxels=20_000.0)


def rule(name: str) -> Rule:
    (found,) = (known for known in LOSS_RULES if known.name == name)
    return found


def of(name: str, **parameters: float | bool) -> Recipe:
    return Recipe(loss=(LossTerm(name=name, parameters=tuple(sorted(parameters.items()))),))


DANGERS = [
    ("companion_alone", of("boundary"), "made to refine"),
    ("companion_alone", of("auc_pair"), "made to refine"),
    ("companion_alone", Recipe(loss=(LossTerm(name="hausdorff_dt"), LossTerm(name="cl_dice"))), "made to refine"),
    ("region_alone", of("dice"), "25 % of the cases are empty"),
    ("region_alone", of("tversky"), "no usable gradient on patches without a lesion"),
    ("region_alone", Recipe(loss=(LossTerm(name="lovasz"), LossTerm(name="boundary", ramp=0.5))), "no usable gradient"),
    (
        "distance_from_the_start",
        Recipe(loss=(LossTerm(name="dice_ce"), LossTerm(name="boundary"))),
        "counts in full from the first step",
    ),
    ("generalised_dice_alone", of("generalized_dice"), "inverse square"),
    ("smoothing_above", of("dice_ce", smooth_numerator=1.0), "rewards an empty prediction"),
    ("patch_by_patch", of("dice_ce", batch=False), "patch by patch"),
    ("lesions_weigh_less", of("focal", alpha=0.25), "less weight than a background voxel"),
    ("lesions_weigh_less", of("dice_focal", alpha=0.25), "less weight"),
    ("lesions_weigh_less", of("combo", class_weight=0.2), "less weight"),
    ("lesions_weigh_less", of("unified_focal", delta=0.3), "less weight"),
    ("lesions_weigh_less", of("weighted_bce", positive_weight=0.5), "less weight"),
    ("misses_cost_less", of("tversky", alpha=0.7, beta=0.3), "find nothing"),
    ("misses_cost_less", of("f_beta", beta=0.5), "find nothing"),
    ("focus_too_sharp", of("focal", gamma=4.0), "focus above 3"),
    ("softened", of("poly1", epsilon=-0.5), "below 0"),
    ("full_weight_and_prior", of("weighted_bce", positive_weight=999.0), "corrects for the same thing"),
]


@pytest.mark.parametrize(("name", "recipe", "words"), DANGERS, ids=[f"{n}-{r.loss[0].name}" for n, r, _ in DANGERS])
def test_a_danger_is_told_and_its_mend_removes_it(name: str, recipe: Recipe, words: str) -> None:
    known = rule(name)
    assert words in known.says(recipe, RARE)
    mended = known.change(recipe, RARE)
    mended.check()
    assert known.says(mended, RARE) == ""


def test_every_rule_has_an_example_above() -> None:
    assert {name for name, _, _ in DANGERS} == {known.name for known in LOSS_RULES}


@pytest.mark.parametrize("entry", LOSSES, ids=[entry.name for entry in LOSSES])
def test_the_defaults_of_every_loss_that_stands_alone_are_safe_and_the_others_are_told(entry: object) -> None:
    name = entry.name  # type: ignore[attr-defined]
    told = {known.name for known in LOSS_RULES if known.says(of(name), RARE)}
    alone = {"companion_alone", "region_alone"} if entry.needs_companion else set()  # type: ignore[attr-defined]
    expected = {"generalised_dice_alone"} if name == "generalized_dice" else alone & told
    assert told == expected
    assert len(told) == (1 if expected or entry.needs_companion else 0)  # type: ignore[attr-defined]


def test_where_lesions_are_not_rare_the_weights_are_the_persons_own_choice() -> None:
    for recipe in (of("focal", alpha=0.25), of("tversky", alpha=0.7, beta=0.3), of("generalized_dice")):
        assert [known.name for known in LOSS_RULES if known.says(recipe, MILD)] == (
            ["region_alone"] if recipe.loss[0].name == "tversky" else []
        )


def test_a_region_loss_alone_is_safe_where_every_patch_holds_a_lesion() -> None:
    recipe = Recipe(loss=(LossTerm(name="dice"),), sampling=Sampling(ratio=1.0))
    assert rule("region_alone").says(recipe, RARE) == ""
    uniform = Recipe(loss=(LossTerm(name="dice"),), sampling=Sampling(method="uniform", ratio=1.0))
    assert rule("region_alone").says(uniform, RARE) != ""


def test_a_full_weight_without_the_prior_is_one_correction_only() -> None:
    heavy = of("weighted_bce", positive_weight=999.0)
    known = rule("full_weight_and_prior")
    assert known.says(heavy, RARE)
    assert not known.says(Recipe(loss=heavy.loss, optimiser=Optimiser(prior_bias=False)), RARE)
    assert not known.says(of("weighted_bce", positive_weight=10.0), RARE)


def test_a_parameter_that_was_not_set_has_the_catalogues_default() -> None:
    assert value_of(LossTerm(name="dice_ce"), "batch") is True
    assert number_of(LossTerm(name="focal"), "alpha") == 0.75
    assert math.isnan(number_of(LossTerm(name="bce"), "alpha"))
    changed = with_parameter(of("focal", gamma=1.0), "alpha", 0.5, of=lambda term: True)
    assert changed.loss[0].parameters == (("alpha", 0.5), ("gamma", 1.0))
