import dataclasses
import math

import pytest

from segcore.imbalance.statistics import ProjectStatistics, Quantiles
from segcore.training.advisor import advise
from segcore.training.alternatives import alternatives
from segcore.training.recipe import FOLDS
from tests.segcore.training.test_advisor import ORDINARY


def names(**changes: object) -> list[str]:
    statistics: ProjectStatistics = dataclasses.replace(ORDINARY, **changes)  # type: ignore[arg-type]
    found = alternatives(advise(statistics).recipe, statistics)
    for one in found:
        one.recipe.check()
        assert one.recipe != advise(statistics).recipe
        assert one.because.endswith(".")
        assert any(sign.isdigit() for sign in one.value)
    return [one.recipe.name for one in found]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ["Hardest voxels"]),
        ({"prevalence": 0.2}, []),
        ({"elongation": 14.0}, ["Skeleton recall", "Hardest voxels"]),
        ({"elongation": 2.0}, ["Hardest voxels"]),
        ({"elongation": math.nan}, ["Hardest voxels"]),
        (
            {"sizes_voxels": Quantiles(low=5.0, middle=50.0, high=500.0)},
            ["Dice per lesion", "Hardest voxels"],
        ),
        ({"prevalence": 0.00005}, ["Hard negatives"]),  # the hardest voxels are advised already
        ({"lesions": 20}, ["Copied lesions", "Hardest voxels"]),
        ({"cases": ORDINARY.cases[:10], "groups": 4}, ["Ensemble", "Hardest voxels"]),
        ({"cases": ORDINARY.cases[:2], "groups": 2}, ["Hardest voxels"]),
        ({"lesions": 0}, []),
    ],
)
def test_what_is_worth_a_try_follows_from_a_number(changes: dict[str, object], expected: list[str]) -> None:
    assert names(**changes) == expected


def test_companions_grow_in_beside_the_advised_loss() -> None:
    statistics = dataclasses.replace(ORDINARY, elongation=14.0)
    recipe = alternatives(advise(statistics).recipe, statistics)[0].recipe
    assert [(term.name, term.weight, term.ramp) for term in recipe.loss] == [
        ("dice_ce", 1.0, 0.0),
        ("skeleton_recall", 1.0, 0.1),
    ]


def test_an_ensemble_has_no_more_members_than_patients() -> None:
    statistics = dataclasses.replace(ORDINARY, cases=ORDINARY.cases[:9], groups=4)
    ensemble = alternatives(advise(statistics).recipe, statistics)[0].recipe.ensemble
    assert (ensemble.members, ensemble.differ_in) == (4, FOLDS)
