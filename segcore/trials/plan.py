"""What a trial compares: arms (recipes), seeds and a budget, on one split; and the ready-made plans."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from segcore.errors import NotEnoughData, SettingProblem, UnknownName
from segcore.projects.case import Part
from segcore.projects.project import Project
from segcore.training.recipe import LossTerm, Recipe

FORMAT = 1
MOST_ARMS, MOST_SEEDS = 12, 20
#: Seeds below which a difference may be luck of the start.
FEWEST_SEEDS = 3
DEFAULT_STEPS = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One of the recipes that are compared; its seed and budget are the trial's."""

    name: str
    recipe: Recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class TestCase:
    """A case of the test part with its patient."""

    __test__ = False  # not a test of pytest's

    case: str
    group: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialPlan:
    """Everything that decides a trial's result.

    Parameters
    ----------
    id
        Also the name of its folder.
    created
        UTC, ISO 8601.
    arms
        At least two, with different names; the first is what the others are usually held against.
    seeds
        Every arm is trained with each of them.
    steps
        Optimiser steps of every run: equal work, whatever the machine does beside it.
    test
        The cases that are measured once, at the end.
    data
        Digest of every case's scan, mask, state and part: a trial goes on only on the data it was begun with.
    """

    format: int = FORMAT
    id: str
    name: str
    created: str
    arms: tuple[Arm, ...]
    seeds: tuple[int, ...]
    steps: int
    test: tuple[TestCase, ...]
    data: str

    @property
    def runs(self) -> tuple[TrialRun, ...]:
        """All runs in the order in which they are trained: every arm once, then the next seed."""
        return tuple(
            TrialRun(id=f"{self.id}-a{arm + 1}-s{seed}", arm=arm, seed=seed)
            for seed in self.seeds
            for arm in range(len(self.arms))
        )

    def recipe_of(self, run: TrialRun) -> Recipe:
        """Return the recipe of a run: its arm's, with the trial's budget and the run's seed."""
        recipe = self.arms[run.arm].recipe
        return dataclasses.replace(
            recipe,
            name=f"{self.arms[run.arm].name}, seed {run.seed}",
            budget=dataclasses.replace(recipe.budget, steps=self.steps),
            machine=dataclasses.replace(recipe.machine, seed=run.seed),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRun:
    """One training of a trial: its id (also its folder and its model's id), index of its arm, and seed."""

    id: str
    arm: int
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadyPlan:
    """A plan to choose by name.

    Parameters
    ----------
    changes
        Per arm: its name, a loss ("" leaves the recipe's), a sampling method ("" leaves the recipe's).
    """

    name: str
    label: str
    help: str
    changes: tuple[tuple[str, str, str], ...]

    def arms(self, recipe: Recipe) -> tuple[Arm, ...]:
        """Return the arms that this plan makes of a recipe."""
        return tuple(Arm(name=name, recipe=_changed(recipe, loss, method)) for name, loss, method in self.changes)


def _changed(recipe: Recipe, loss: str, method: str) -> Recipe:
    if loss:
        recipe = dataclasses.replace(recipe, loss=(LossTerm(name=loss),))
    if method:
        recipe = dataclasses.replace(recipe, sampling=dataclasses.replace(recipe.sampling, method=method))
    return recipe


READY_PLANS: tuple[ReadyPlan, ...] = (
    ReadyPlan(
        name="classics",
        label="The three classics",
        help="The losses everybody compares first: every voxel alike, lesions weighted, and overlap.",
        changes=(
            ("Cross-entropy", "bce", ""),
            ("Weighted cross-entropy", "weighted_bce", ""),
            ("Dice", "dice", ""),
        ),
    ),
    ReadyPlan(
        name="sampling",
        label="Sampling",
        help="The same loss on patches as they come, on patches that look for lesions, and with empty patches thrown away.",
        changes=(
            ("As it is", "", "uniform"),
            ("Lesions oversampled", "", "foreground"),
            ("Background undersampled", "", "undersampled"),
        ),
    ),
    ReadyPlan(
        name="losses",
        label="Losses",
        help="The default against its two strongest rivals and a loss that forgives false alarms.",
        changes=(
            ("Dice + cross-entropy", "dice_ce", ""),
            ("Dice + hardest voxels", "dice_top_k", ""),
            ("Dice + focal", "dice_focal", ""),
            ("Tversky", "tversky", ""),
        ),
    ),
)


def ready_plan(name: str) -> ReadyPlan:
    """Return a ready plan.

    Raises
    ------
    UnknownName
        With the names there are.
    """
    for plan in READY_PLANS:
        if plan.name == name:
            return plan
    raise UnknownName("trial plan", name, [plan.name for plan in READY_PLANS])


def make_plan(
    project: Project,
    *,
    name: str,
    arms: Sequence[Arm],
    seeds: Sequence[int],
    steps: int,
    at: datetime | None = None,
) -> TrialPlan:
    """Return the plan of a trial on the project as it is now.

    Raises
    ------
    SettingProblem
        If there are fewer than two arms, two of the same name, or seeds or steps out of range.
    NotEnoughData
        If there are no training, validation or test cases to compare on.
    """
    _check(arms, seeds, steps)
    test = tuple(
        TestCase(case=case.id, group=case.group)
        for case in project.cases()
        if case.part is Part.TEST and case.state.is_trainable
    )
    parts = {case.part for case in project.cases() if case.state.is_trainable}
    if not test or Part.TRAIN not in parts:
        raise NotEnoughData(
            "a trial needs complete cases in the training part and in the test part",
            remedy="split the cases by patient (Data, or 'rareseg split')",
        )
    moment = at or datetime.now(UTC)
    word = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")[:30].lower() or "trial"
    return TrialPlan(
        id=f"{moment.strftime('%Y%m%d-%H%M%S')}-{word}",
        name=name,
        created=moment.isoformat(timespec="seconds"),
        arms=tuple(arms),
        seeds=tuple(seeds),
        steps=steps,
        test=test,
        data=data_digest(project),
    )


def _check(arms: Sequence[Arm], seeds: Sequence[int], steps: int) -> None:
    names = [arm.name for arm in arms]
    if not 2 <= len(arms) <= MOST_ARMS:
        raise SettingProblem(f"a trial of {len(arms)} recipes", remedy=f"compare 2 to {MOST_ARMS}")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise SettingProblem(f"two recipes are called {twice!r}", remedy="rename one of them")
    if not 1 <= len(set(seeds)) == len(seeds) <= MOST_SEEDS:
        raise SettingProblem("the seeds of a trial must differ", remedy=f"use 1 to {MOST_SEEDS} different seeds")
    if not 1 <= steps <= 10_000_000:
        raise SettingProblem(f"a budget of {steps} steps", remedy="use 1 to 10000000")
    for arm in arms:
        arm.recipe.check()


def data_digest(project: Project) -> str:
    """Return a digest of what a trial depends on: scans, masks, states and parts of all cases that take part."""
    digest = hashlib.blake2b(digest_size=16)
    for case in sorted(project.cases(), key=lambda case: case.id):
        if case.state.is_trainable:
            digest.update(f"{case.id}\t{case.part}\t{case.group}\t{project.content_hash(case.id)}\n".encode())
    return digest.hexdigest()
