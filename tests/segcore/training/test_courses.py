"""What a form draws over the run is what the run does."""

from typing import cast

import pytest

from segcore.losses import build_terms
from segcore.losses.mixture import Sum
from segcore.training.courses import MINING_FROM, ratio_at, shares_over_run, weights_over_run
from segcore.training.recipe import LossTerm, Sampling


def test_a_weight_grows_along_a_line_over_its_share_of_the_run() -> None:
    steady, growing = weights_over_run((LossTerm(name="dice_ce", weight=2.0), LossTerm(name="boundary", ramp=0.5)))

    assert (steady.label, set(steady.values)) == ("Dice + cross-entropy (default)", {2.0})
    assert growing.values[25] == pytest.approx(0.5)
    assert growing.values[50:] == (1.0,) * 51
    assert growing.values[0] == pytest.approx(0.002)


@pytest.mark.parametrize("number", [0, 1, 13, 50, 80, 100])
def test_the_loss_of_a_run_has_the_weights_that_are_drawn(number: int) -> None:
    terms = (LossTerm(name="dice", weight=0.5), LossTerm(name="boundary", weight=3.0, ramp=0.8))
    built = cast(Sum, build_terms(terms))
    built.progress = number / 100

    drawn = [course.values[number] for course in weights_over_run(terms)]
    assert [weight for weight, _ in built.weighted()] == pytest.approx(drawn)


def test_shares_of_patches_are_drawn_as_the_sampler_forces_them() -> None:
    assert shares_over_run(Sampling(method="uniform")) == ()
    (steady,) = shares_over_run(Sampling(method="foreground", ratio=0.4))
    assert set(steady.values) == {0.4}
    fading = Sampling(method="per_lesion", ratio=0.7, ratio_fades=True, later_ratio=0.1)
    (moving,) = shares_over_run(fading)
    assert [moving.values[n] for n in (0, 15, 30, 100)] == pytest.approx([0.7, 0.4, 0.1, 0.1])
    assert moving.values[22] == ratio_at(fading, 0.22)
    (kept,) = shares_over_run(Sampling(method="undersampled", empties_per_foreground=3.0))
    assert set(kept.values) == {0.25}


def test_hard_negatives_come_in_once_the_model_is_asked_for_its_false_alarms() -> None:
    lesions, alarms = shares_over_run(Sampling(method="hard_negative", ratio=0.9, hard_share=0.2))
    begins = round(100 * MINING_FROM)
    assert (alarms.values[begins - 1], alarms.values[begins]) == (0.0, pytest.approx(0.1))  # what 0.9 leaves
    assert all(a + b <= 1 for a, b in zip(lesions.values, alarms.values, strict=True))
