"""Dangerous recipes: told with a reason, mended by one change."""

import math

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from segcore.catalog.losses import LOSSES
from segcore.ranges import Choice, Range, Setting, settings_of
from segcore.training.cautions import RULES, cautions
from segcore.training.recipe import Augmentation, LossTerm, Optimiser, Recipe, Sampling
from segcore.training.recipe_files import recipe_with
from segcore.training.situation import Situation

TINY = Situation(prevalence=0.0005, empty_share=0.3, hit_rate=0.05, middle_voxels=12.0, large_voxels=60.0)
LARGE = Situation(prevalence=0.02, empty_share=0.0, hit_rate=0.6, middle_voxels=4000.0, large_voxels=10_000.0)


def told(recipe: Recipe, situation: Situation) -> list[str]:
    return [caution.name for caution in cautions(recipe, situation)]


DANGERS = [
    ("uniform_sampling", Recipe(sampling=Sampling(method="uniform")), TINY, "5 % of them would hold a lesion"),
    ("hardly_a_lesion", Recipe(sampling=Sampling(ratio=0.05)), TINY, "Only 5 % of the patches"),
    ("always_a_lesion", Recipe(sampling=Sampling(ratio=1.0)), TINY, "there always is one"),
    ("no_prior", Recipe(optimiser=Optimiser(prior_bias=False)), TINY, "half of everything is lesion"),
    ("learning_rate", Recipe(optimiser=Optimiser(learning_rate=0.1)), TINY, "0.1 is far above"),
    # A disc of 10,000 voxels is 2 √(10,000 / π) = 113 voxels across.
    ("patch_too_small", Recipe(optimiser=Optimiser(patch=96)), LARGE, "(113 voxels across)"),
    (
        "deep_supervision_and_tiny_lesions",
        Recipe(optimiser=Optimiser(deep_supervision=True)),
        TINY,
        "median lesion of 12 voxels",
    ),
    ("tiny_lesions_wiped_out", Recipe(augmentation=Augmentation(blur=1.5)), TINY, "Blur above 1 voxel"),
    ("in_the_middle", Recipe(sampling=Sampling(jitter=0.0)), TINY, "in the middle of their patches"),
]


@pytest.mark.parametrize(("name", "recipe", "situation", "words"), DANGERS, ids=[danger[0] for danger in DANGERS])
def test_a_danger_is_told_with_its_number_and_mended_by_its_change(
    name: str, recipe: Recipe, situation: Situation, words: str
) -> None:
    (caution,) = cautions(recipe, situation)
    assert (caution.name, words in caution.sentence) == (name, True)
    assert caution.mend
    assert told(caution.mended, situation) == []


@pytest.mark.parametrize("situation", [Situation(), TINY, LARGE], ids=["unknown", "tiny", "large"])
def test_the_default_recipe_is_in_no_danger(situation: Situation) -> None:
    assert told(Recipe(), situation) == []


def test_rules_that_need_a_number_keep_silent_without_it() -> None:
    recipe = Recipe(
        sampling=Sampling(method="uniform"),
        augmentation=Augmentation(blur=1.5),
        optimiser=Optimiser(patch=32, deep_supervision=True, prior_bias=False),
    )
    assert told(recipe, Situation()) == []
    assert told(recipe, Situation(prevalence=0.0005)) == ["uniform_sampling", "no_prior"]


def test_the_patch_grows_to_four_lesions_or_as_large_as_it_may() -> None:
    (caution,) = cautions(Recipe(optimiser=Optimiser(patch=96)), LARGE)
    assert caution.mended.optimiser.patch == 320
    small = Situation(large_voxels=math.pi * 20**2)  # 40 voxels across: four times that is 160
    (caution,) = cautions(Recipe(optimiser=Optimiser(patch=32)), small)
    assert caution.mended.optimiser.patch == 160


def test_names_and_mends_are_unique_and_plain() -> None:
    names = [rule.name for rule in RULES]
    assert len(set(names)) == len(names)
    assert all(rule.mend and not rule.mend.endswith(".") for rule in RULES)


def values(item: Setting) -> st.SearchStrategy[float | bool | str]:
    if isinstance(item.domain, Choice):
        return st.sampled_from(item.domain.names)
    if isinstance(item.domain, Range):
        return st.sampled_from((item.domain.low, item.domain.default, item.domain.high))
    return st.booleans()


@st.composite
def terms(draw: st.DrawFn) -> LossTerm:
    entry = draw(st.sampled_from(LOSSES))
    chosen = {item.name: draw(values(item)) for item in entry.parameters if draw(st.booleans())}
    return LossTerm(name=entry.name, ramp=draw(st.sampled_from((0.0, 0.5))), parameters=tuple(sorted(chosen.items())))


@st.composite
def recipes(draw: st.DrawFn) -> Recipe:
    first = draw(terms())
    others = draw(st.lists(terms(), max_size=3))
    recipe = Recipe(loss=(LossTerm(name=first.name, parameters=first.parameters), *others))
    for section in ("sampling", "augmentation", "optimiser"):
        for item in settings_of(getattr(recipe, section)):
            if item.name not in ("batch",) and draw(st.booleans()):
                recipe = recipe_with(recipe, f"{section}.{item.name}={draw(values(item))}")
    return recipe


@hypothesis_settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(recipe=recipes(), situation=st.sampled_from((Situation(), TINY, LARGE)))
def test_pressing_every_mend_ends_in_a_recipe_without_danger(recipe: Recipe, situation: Situation) -> None:
    for _ in range(len(RULES) + 1):
        found = cautions(recipe, situation)
        if not found:
            break
        recipe = found[0].mended
        recipe.check()
        assert found[0].name not in told(recipe, situation)
    assert told(recipe, situation) == []
