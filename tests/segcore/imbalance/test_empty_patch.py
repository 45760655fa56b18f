"""Losses on a patch without a lesion, by hand."""

import math

import pytest

from segcore.imbalance.empty_patch import BELIEVED, FALSE_ALARM, PATCH_PIXELS, judge_empty
from segcore.imbalance.pixel_losses import PIXEL_LOSSES, Options, PixelLoss

BARE = Options(smooth_numerator=0.0, smooth_denominator=1e-5)


def named(name: str) -> PixelLoss:
    return next(loss for loss in PIXEL_LOSSES if loss.name == name)


def test_cross_entropy_pushes_a_false_alarm_down_by_its_share_of_the_patch() -> None:
    found = judge_empty(named("bce"), Options())
    assert found.silent == pytest.approx(-math.log(0.999))
    assert found.alarmed > found.silent
    # dL/dz = p / N for each of the 25 pixels.
    assert found.pull == pytest.approx(FALSE_ALARM * BELIEVED / PATCH_PIXELS)
    assert found.pushed


def test_overlap_without_smoothing_says_nothing_there_and_with_smoothing_hardly_anything() -> None:
    for name in ("dice", "tversky", "mcc"):
        bare = judge_empty(named(name), BARE)
        assert math.isnan(bare.silent)
        assert (bare.pull, bare.pushed) == (0.0, False)
    smooth = judge_empty(named("dice"), Options())
    # 1 − 1 / (S + 1) with S = 65,511 × 0.001 + 25 × 0.9.
    total = (PATCH_PIXELS - FALSE_ALARM) * 0.001 + FALSE_ALARM * BELIEVED
    assert smooth.alarmed == pytest.approx(1 - 1 / (total + 1))
    assert smooth.pushed
    assert smooth.pull < judge_empty(named("bce"), Options()).pull * 2


def test_a_weight_on_lesions_changes_nothing_where_there_are_none() -> None:
    assert judge_empty(named("weighted_bce"), Options()) == judge_empty(named("bce"), Options())
    assert math.isnan(judge_empty(named("balanced_bce"), Options()).silent)
