"""Recipes that are worth a try beside the advised one, and for each the number that brings it to mind.

None of them was better than the advised recipe on every set (docs/evidence/default-recipe.md), which is why they are not
part of it; on data of their kind each may be. A trial tells.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from segcore.imbalance.statistics import ProjectStatistics, ratio_words
from segcore.training.advisor import EXTREME, FEW_CASES, FEW_LESIONS, MILD, SPREAD, percent, size_spread
from segcore.training.recipe import FOLDS, Ensemble, LossTerm, Recipe

#: Lesions that are so much longer than round ones of their size are threads: cracks and vessels, not blobs. Between the
#: 4.0 of confluent MS lesions and the 10 of cracks.
THREAD = 6.0
#: A companion grows in over this share of the run, when there is something to refine.
_RAMP = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternative:
    """A recipe worth a try.

    Parameters
    ----------
    choice, because, value
        As in `segcore.training.advisor.Reason`.
    recipe
        The advised recipe with this change.
    """

    choice: str
    because: str
    value: str
    recipe: Recipe


Idea = Callable[[Recipe, ProjectStatistics], Alternative | None]


def alternatives(advised: Recipe, statistics: ProjectStatistics) -> tuple[Alternative, ...]:
    """Return what is worth a try on data like these, most promising first."""
    if not statistics.lesions:
        return ()
    found = [idea(advised, statistics) for idea in IDEAS]
    return tuple(one for one in found if one is not None)


def _threads(recipe: Recipe, s: ProjectStatistics) -> Alternative | None:
    if not s.elongation > THREAD:  # also where it is not known
        return None
    return Alternative(
        choice="Skeleton recall beside the loss",
        because="Lesions are threads: covering their centre lines without gaps matters more than the last voxel of width.",
        value=f"{s.elongation:.0f} times as long as a round lesion of their size is wide",
        recipe=_with_companion(recipe, "skeleton_recall", 1.0, name="Skeleton recall"),
    )


def _each_lesion(recipe: Recipe, s: ProjectStatistics) -> Alternative | None:
    spread = size_spread(s)
    if s.lesions_per_case < 2 or spread < SPREAD:
        return None
    return Alternative(
        choice="Dice per lesion beside the loss",
        because="Every lesion then weighs the same, however small: it finds more of the small ones at the same Dice.",
        value=f"large lesions are {spread:.0f} times the small ones, {s.lesions_per_case:.0f} in a case",
        recipe=_with_companion(recipe, "cc_dice", 0.5, name="Dice per lesion"),
    )


def _hardest(recipe: Recipe, s: ProjectStatistics) -> Alternative | None:
    if s.prevalence >= MILD or any(term.name == "dice_top_k" for term in recipe.loss):
        return None
    return Alternative(
        choice="Dice + hardest voxels",
        because="Most background is learnt at once; only the hardest voxels then go on counting.",
        value=f"{percent(s.prevalence)} foreground ({ratio_words(s.prevalence)})",
        recipe=replace(recipe, name="Hardest voxels", loss=(LossTerm(name="dice_top_k"),)),
    )


def _false_alarms(recipe: Recipe, s: ProjectStatistics) -> Alternative | None:
    if s.prevalence >= EXTREME:
        return None
    return Alternative(
        choice="Sampling: hard negatives",
        because="So rare a structure drowns in false alarms: a fifth of the patches then come from where they are raised.",
        value=f"{percent(s.prevalence)} foreground ({ratio_words(s.prevalence)})",
        recipe=replace(recipe, name="Hard negatives", sampling=replace(recipe.sampling, method="hard_negative")),
    )


def _copies(recipe: Recipe, s: ProjectStatistics) -> Alternative | None:
    if s.lesions >= FEW_LESIONS:
        return None
    return Alternative(
        choice="Copy lesions between scans",
        because="The network then sees the few lesions in many surroundings; look at the preview in Train first.",
        value=f"{s.lesions} lesions",
        recipe=replace(recipe, name="Copied lesions", synthesis=replace(recipe.synthesis, method="copy_paste")),
    )


def _patients(recipe: Recipe, s: ProjectStatistics) -> Alternative | None:
    """An ensemble whose members leave out other patients: as many as there are patients with lesions, three to five."""
    members = min(5, s.groups)
    if len(s.cases) >= FEW_CASES or members < 3:
        return None
    return Alternative(
        choice=f"{members} networks that leave out other patients",
        because="With few cases one network depends on which it saw; their mean is steadier, and all patients are used.",
        value=f"{len(s.cases)} cases of {s.groups} patients",
        recipe=replace(recipe, name="Ensemble", ensemble=Ensemble(members=members, differ_in=FOLDS)),
    )


#: Most promising first.
IDEAS: tuple[Idea, ...] = (_threads, _each_lesion, _false_alarms, _copies, _patients, _hardest)


def _with_companion(recipe: Recipe, loss: str, weight: float, *, name: str) -> Recipe:
    return replace(recipe, name=name, loss=(*recipe.loss[:3], LossTerm(name=loss, weight=weight, ramp=_RAMP)))
