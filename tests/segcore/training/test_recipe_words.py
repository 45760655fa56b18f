"""Recipes in words, and the difference of two."""

from dataclasses import fields, replace

from segcore.training.recipe import Augmentation, Budget, LossTerm, Machine, Recipe, Sampling
from segcore.training.recipe_words import SECTION_TITLES, Difference, differences, term_words


def test_equal_recipes_do_not_differ_also_where_one_names_a_default() -> None:
    assert differences(Recipe(), Recipe()) == ()
    named = Recipe(loss=(LossTerm(name="dice_ce", parameters=(("batch", True),)),))
    assert differences(Recipe(), named) == ()


def test_only_what_differs_is_listed_in_the_words_of_the_form() -> None:
    first = Recipe(name="A", budget=Budget(minutes=5.0))
    second = Recipe(
        name="B",
        loss=(LossTerm(name="focal", parameters=(("gamma", 1.0),)), LossTerm(name="dice", weight=0.5, ramp=0.25)),
        sampling=Sampling(method="per_lesion"),
        augmentation=Augmentation(flips=False),
        budget=Budget(minutes=12.0),
    )
    assert differences(first, second) == (
        Difference(section="Recipe", setting="Name", first="A", second="B"),
        Difference(section="Loss", setting="Loss", first="Dice + cross-entropy (default)", second="Focal: focus 1"),
        Difference(
            section="Loss",
            setting="Loss 2",
            first="–",
            second="Soft Dice: weight 0.5, grows over 25 % of the run",
        ),
        Difference(section="Sampling", setting="Sampling", first="Foreground-oversampled", second="Per lesion"),
        Difference(section="Augmentation", setting="Flips", first="on", second="off"),
        Difference(section="Budget", setting="Minutes", first="5 min", second="12 min"),
    )


def test_every_part_of_a_recipe_is_compared() -> None:
    parts = {field.name for field in fields(Recipe)} - {"name", "loss"}
    assert {section for section, _ in SECTION_TITLES} == parts
    assert [d.setting for d in differences(Recipe(), replace(Recipe(), machine=Machine(seed=3)))] == ["Seed"]


def test_a_term_is_told_by_what_differs_from_its_defaults() -> None:
    assert term_words(LossTerm(name="tversky", parameters=(("alpha", 0.3), ("batch", False)))) == (
        "Tversky: whole batch off"
    )
