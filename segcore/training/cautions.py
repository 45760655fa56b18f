"""Dangerous choices in a recipe, told before the run: what, why, and the change that mends it. Needs no torch.

The rules are a table, as the advisor's are; those about losses lie in `loss_cautions`. A rule whose numbers are not known
(NaN) keeps silent, unless it speaks of the recipe alone.
"""

from __future__ import annotations

import math
from dataclasses import replace

from segcore.training.loss_cautions import LOSS_RULES, NOT_RARE
from segcore.training.recipe import Optimiser, Recipe, Sampling
from segcore.training.situation import Caution, Rule, Situation

#: Uniform patches of which fewer hold a lesion teach hardly anything about lesions.
_SELDOM = 0.2
#: Below this prevalence uniform patches are dangerous where the chance itself was not measured.
_VERY_RARE = 0.002
#: Lesions of fewer voxels vanish when they are blurred, shrunk, or looked at in a sixteenth of the resolution.
TINY_VOXELS = 20.0
_LARGEST_RATE = 1e-2
_LARGEST_PATCH = {True: 320, False: 96}


def cautions(recipe: Recipe, situation: Situation) -> tuple[Caution, ...]:
    """Return every danger that a recipe is in, most consequential first."""
    found = []
    for rule in RULES:
        sentence = rule.says(recipe, situation)
        if sentence:
            found.append(
                Caution(name=rule.name, sentence=sentence, mend=rule.mend, mended=rule.change(recipe, situation))
            )
    return tuple(found)


def _uniform(recipe: Recipe, situation: Situation) -> str:
    if recipe.sampling.method != "uniform":
        return ""
    if situation.hit_rate < _SELDOM:
        return (
            f"Uniform patches: {100 * situation.hit_rate:.2g} % of them would hold a lesion, so most steps teach nothing "
            "about lesions."
        )
    if math.isnan(situation.hit_rate) and situation.prevalence < _VERY_RARE:
        return (
            f"Uniform patches: at {100 * situation.prevalence:.2g} % foreground few of them would hold a lesion, so most "
            "steps teach nothing about lesions."
        )
    return ""


def _draw_foreground(recipe: Recipe, situation: Situation) -> Recipe:
    ratio = max(recipe.sampling.ratio, 0.33)
    return replace(recipe, sampling=replace(recipe.sampling, method="foreground", ratio=ratio))


def _uses_ratio(recipe: Recipe) -> bool:
    return recipe.sampling.method in ("foreground", "per_lesion", "case_weighted", "hard_negative")


def _always_a_lesion(recipe: Recipe, situation: Situation) -> str:
    if not _uses_ratio(recipe) or recipe.sampling.ratio < 0.95:
        return ""
    return (
        "Every patch holds a lesion: the network learns that there always is one, and raises false alarms in scans "
        "without any."
    )


def _hardly_a_lesion(recipe: Recipe, situation: Situation) -> str:
    if not _uses_ratio(recipe) or recipe.sampling.ratio >= 0.1 or not situation.prevalence < NOT_RARE:
        return ""
    return (
        f"Only {100 * recipe.sampling.ratio:.2g} % of the patches are drawn around lesions, and at "
        f"{100 * situation.prevalence:.2g} % foreground the others seldom hold one."
    )


def _half_of_them(recipe: Recipe, situation: Situation) -> Recipe:
    return replace(recipe, sampling=replace(recipe.sampling, ratio=0.5))


def _in_the_middle(recipe: Recipe, situation: Situation) -> str:
    if recipe.sampling.method == "uniform" or recipe.sampling.jitter > 0.05:
        return ""
    return "Lesions lie in the middle of their patches: the network learns the place instead of the lesion."


def _across(voxels: float, *, flat: bool) -> float:
    """Return the diameter of a disc or ball of that many voxels."""
    return 2 * math.sqrt(voxels / math.pi) if flat else (6 * voxels / math.pi) ** (1 / 3)


def _patch_too_small(recipe: Recipe, situation: Situation) -> str:
    across = _across(situation.large_voxels, flat=situation.flat)
    if not 0 < recipe.optimiser.patch < across:
        return ""
    return (
        f"Patches of {recipe.optimiser.patch} voxels are smaller than large lesions ({across:.0f} voxels across): such a "
        "patch is all lesion, and its border is never seen whole."
    )


def _larger_patch(recipe: Recipe, situation: Situation) -> Recipe:
    wanted = 16 * math.ceil(4 * _across(situation.large_voxels, flat=situation.flat) / 16)
    edge = min(wanted, _LARGEST_PATCH[situation.flat])
    # Where even the largest patch is too small, the automatic choice is as good as any.
    return replace(recipe, optimiser=replace(recipe.optimiser, patch=edge if edge > recipe.optimiser.patch else 0))


def _deep_and_tiny(recipe: Recipe, situation: Situation) -> str:
    if not recipe.optimiser.deep_supervision or not situation.middle_voxels < TINY_VOXELS:
        return ""
    return (
        f"Deep supervision with a median lesion of {situation.middle_voxels:.0f} voxels: at the coarse levels such a "
        "lesion is one voxel that stands for hundreds, and what they teach is too large."
    )


def _wiped_out(recipe: Recipe, situation: Situation) -> str:
    strong = recipe.augmentation
    if not situation.middle_voxels < TINY_VOXELS or (strong.blur <= 1.0 and strong.scaling <= 0.35):
        return ""
    what = "Blur above 1 voxel" if strong.blur > 1.0 else f"Scaling down to {1 - strong.scaling:.2g} times"
    return f"{what} wipes out lesions of a few voxels (the median one has {situation.middle_voxels:.0f})."


def _gentler(recipe: Recipe, situation: Situation) -> Recipe:
    now = recipe.augmentation
    return replace(recipe, augmentation=replace(now, blur=min(now.blur, 0.4), scaling=min(now.scaling, 0.2)))


def _starts_from_half(recipe: Recipe, situation: Situation) -> str:
    if recipe.optimiser.prior_bias or not situation.prevalence < NOT_RARE:
        return ""
    return (
        "The network starts from 'half of everything is lesion': its first hundreds of steps teach it that lesions are "
        "rare, and some runs never come back from that."
    )


def _too_fast(recipe: Recipe, situation: Situation) -> str:
    if recipe.optimiser.learning_rate <= _LARGEST_RATE:
        return ""
    return (
        f"A learning rate of {recipe.optimiser.learning_rate:g} is far above what AdamW takes: the network is likely to "
        "collapse to 'all background' in the first steps."
    )


RULES: tuple[Rule, ...] = (
    *LOSS_RULES,
    Rule(name="uniform_sampling", says=_uniform, mend="Draw patches around lesions", change=_draw_foreground),
    Rule(name="hardly_a_lesion", says=_hardly_a_lesion, mend="Draw half of them around lesions", change=_half_of_them),
    Rule(name="always_a_lesion", says=_always_a_lesion, mend="Draw half of them anywhere", change=_half_of_them),
    Rule(
        name="no_prior",
        says=_starts_from_half,
        mend="Start from the prevalence",
        change=lambda recipe, _: replace(recipe, optimiser=replace(recipe.optimiser, prior_bias=True)),
    ),
    Rule(
        name="learning_rate",
        says=_too_fast,
        mend=f"Set it to {Optimiser().learning_rate:g}",
        change=lambda recipe, _: replace(
            recipe, optimiser=replace(recipe.optimiser, learning_rate=Optimiser().learning_rate)
        ),
    ),
    Rule(name="patch_too_small", says=_patch_too_small, mend="Enlarge the patch", change=_larger_patch),
    Rule(
        name="deep_supervision_and_tiny_lesions",
        says=_deep_and_tiny,
        mend="Turn deep supervision off",
        change=lambda recipe, _: replace(recipe, optimiser=replace(recipe.optimiser, deep_supervision=False)),
    ),
    Rule(name="tiny_lesions_wiped_out", says=_wiped_out, mend="Make it gentler", change=_gentler),
    Rule(
        name="in_the_middle",
        says=_in_the_middle,
        mend=f"Set the jitter to {Sampling().jitter:g}",
        change=lambda recipe, _: replace(recipe, sampling=replace(recipe.sampling, jitter=Sampling().jitter)),
    ),
)
