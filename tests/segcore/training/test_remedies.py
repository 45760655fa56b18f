"""Every alarm that needs an action has a remedy that makes a valid recipe and changes what it says."""

from dataclasses import replace

import pytest

from segcore.losses import build_terms
from segcore.training.events import AlarmKind
from segcore.training.recipe import LossTerm, Optimiser, Recipe, Sampling
from segcore.training.remedies import REMEDIES

BAD = Recipe(
    name="Bad",
    loss=(LossTerm(name="dice", parameters=(("smooth_numerator", 1.0),)),),
    sampling=Sampling(method="uniform", ratio=0.1),
    optimiser=Optimiser(learning_rate=3e-3, prior_bias=False),
)


@pytest.mark.parametrize("kind", list(AlarmKind))
def test_every_alarm_but_that_of_the_threshold_has_a_remedy_that_can_be_trained(kind: AlarmKind) -> None:
    if kind is AlarmKind.THRESHOLD:
        assert kind not in REMEDIES
        return
    changed = REMEDIES[kind].change(BAD)

    assert changed != BAD
    changed.check()
    build_terms(changed.loss)
    assert changed.name == "Bad"


def test_the_remedy_of_a_collapse_changes_all_four_causes() -> None:
    changed = REMEDIES[AlarmKind.COLLAPSED].change(BAD)

    assert changed.loss == (LossTerm(name="dice_ce", parameters=(("batch", True), ("smooth_numerator", 0.0))),)
    assert (changed.sampling.method, changed.sampling.ratio) == ("foreground", 0.5)
    assert changed.optimiser.prior_bias
    assert changed.optimiser.learning_rate == pytest.approx(1e-3)


def test_a_sampling_that_looks_for_lesions_and_a_larger_share_are_left_alone() -> None:
    good = replace(BAD, sampling=Sampling(method="per_lesion", ratio=0.8))

    changed = REMEDIES[AlarmKind.NO_FOREGROUND].change(good)

    assert changed == good


def test_the_learning_rate_stays_within_its_range() -> None:
    slow = replace(BAD, optimiser=Optimiser(learning_rate=2e-6))

    REMEDIES[AlarmKind.NOT_A_NUMBER].change(slow).check()
