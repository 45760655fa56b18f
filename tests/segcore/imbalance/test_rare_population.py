"""The population of a million pixels against the printed table, and against pixels that are really drawn."""

import dataclasses
import math

import numpy as np
import pytest

from segcore.errors import OutOfRange
from segcore.imbalance.pixel_losses import PIXEL_LOSSES, Options, PixelLoss
from segcore.imbalance.pixels import make_pixels
from segcore.imbalance.rare_population import Predictor, Skill, hard_dice, judge_population, predict

LOSS = {loss.name: loss for loss in PIXEL_LOSSES}
PREVALENCES = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5)
CONSTANT, SILENT, DECENT = Predictor.CONSTANT, Predictor.ALL_BACKGROUND, Predictor.DECENT

#: As printed: the number of digits differs from cell to cell, and each cell is held to its own.
PRINTED = [
    ("bce", CONSTANT, (".325", ".0560", ".00791", ".00102", ".000125")),
    ("bce", SILENT, (".692", ".0701", ".00791", ".00169", ".00107")),
    ("bce", DECENT, (".101", ".0110", ".00111", ".00011", ".000011")),
    ("scaled_bce", CONSTANT, ("3.25", ".560", ".0791", ".0102", ".00125")),
    ("scaled_bce", DECENT, ("1.01", ".110", ".0111", ".0011", ".00011")),
    ("weighted_bce", SILENT, ("6.91", ".692", ".0701", ".0079", ".0017")),
    ("weighted_bce", DECENT, (".592", ".0601", ".0060", ".0006", ".00006")),
    ("balanced_bce", SILENT, ("6.22", "6.84", "6.90", "6.91", "6.91")),
    ("balanced_bce", DECENT, (".537", ".545", ".545", ".545", ".545")),
    ("focal", SILENT, (".172", ".0172", ".0017", ".00017", ".000017")),
    ("focal", DECENT, (".0373", ".0037", ".00037", ".000037", ".0000037")),
    ("dice", SILENT, (".998", ".998", ".999", ".999", ".999")),
    ("dice", DECENT, (".233", ".267", ".267", ".266", ".255")),
    ("mcc", SILENT, ("1", "1", "1", "1", "1")),
    ("mcc", DECENT, (".257", ".270", ".268", ".267", ".267")),
]


@pytest.mark.parametrize(("name", "predictor", "cells"), PRINTED, ids=[f"{n}-{p}" for n, p, _ in PRINTED])
def test_a_million_pixels_give_the_printed_table(name: str, predictor: Predictor, cells: tuple[str, ...]) -> None:
    found = [judge_population(LOSS[name], Options(), prevalence=pi).values[predictor] for pi in PREVALENCES]
    digits = [len(cell.partition(".")[2]) for cell in cells]
    assert [f"{value:.{n}f}".lstrip("0") for value, n in zip(found, digits, strict=True)] == list(cells)


@pytest.mark.parametrize(
    ("name", "percents"),
    [
        ("bce", (10, 1, 0.1, 0.01, 0.001)),
        ("weighted_bce", (53, 9, 1, 0.1, 0.01)),
        ("balanced_bce", (50, 50, 50, 50, 50)),
        ("focal", (3.6, 0.34, 0.033, 0.0033, 0.0003)),
        ("mcc", (50, 50, 50, 50, 50)),
    ],
)
def test_an_untrained_network_listens_to_the_foreground_as_little_as_printed(
    name: str, percents: tuple[float, ...]
) -> None:
    for pi, percent in zip(PREVALENCES, percents, strict=True):
        share = judge_population(LOSS[name], Options(), prevalence=pi).shares[Predictor.UNTRAINED]
        assert 100 * share == pytest.approx(percent, rel=0.12 if percent < 0.001 else 0.05)


def test_at_the_prevalence_smoothing_silences_ten_pixels_among_a_million() -> None:
    def shares(options: Options) -> list[float]:
        return [100 * judge_population(LOSS["dice"], options, prevalence=pi).shares[CONSTANT] for pi in PREVALENCES]

    assert [float(f"{share:.2g}") for share in shares(Options())] == [68.0, 67.0, 57.0, 3.8, 0.041]
    rough = Options(smooth_numerator=0.0, smooth_denominator=1e-5)
    assert [round(share) for share in shares(rough)] == [68, 67, 67, 67, 67]


def test_a_network_that_predicts_nothing_can_be_called_back_as_printed() -> None:
    rough = Options(smooth_numerator=0.0, smooth_denominator=1e-5)
    for name, percents in (("bce", [99, 91, 50, 9, 1]), ("dice", [99, 92, 67, 52, 50])):
        shares = [judge_population(LOSS[name], rough, prevalence=pi).shares[SILENT] for pi in PREVALENCES]
        assert [round(100 * share) for share in shares] == percents


@pytest.mark.parametrize("prevalence", PREVALENCES)
def test_the_decent_predictor_has_a_hard_dice_of_point_eight_however_rare_the_class(prevalence: float) -> None:
    assert hard_dice(predict(DECENT, prevalence=prevalence)) == pytest.approx(0.8, rel=1e-12)
    assert hard_dice(predict(Predictor.PERFECT, prevalence=prevalence)) == 1.0
    assert hard_dice(predict(SILENT, prevalence=prevalence)) == 0.0


@pytest.mark.parametrize("loss", PIXEL_LOSSES, ids=lambda loss: loss.name)
@pytest.mark.parametrize("prevalence", PREVALENCES)
def test_the_normalised_value_is_0_for_the_constant_and_1_for_the_perfect_predictor(
    loss: PixelLoss, prevalence: float
) -> None:
    judged = judge_population(loss, Options(), prevalence=prevalence)
    assert judged.normalised(CONSTANT) == 0.0
    assert judged.normalised(Predictor.PERFECT) == 1.0
    assert judged.values[Predictor.PERFECT] == pytest.approx(0.0, abs=1e-12)
    assert 0 < judged.normalised(DECENT) < 1


def test_the_room_of_cross_entropy_is_the_entropy_of_the_prevalence() -> None:
    for pi in PREVALENCES:
        entropy = -pi * math.log(pi) - (1 - pi) * math.log1p(-pi)
        assert judge_population(LOSS["bce"], Options(), prevalence=pi).room == pytest.approx(entropy, rel=1e-9)


@pytest.mark.parametrize("loss", PIXEL_LOSSES, ids=lambda loss: loss.name)
def test_the_expectation_is_the_loss_of_pixels_that_are_really_there(loss: PixelLoss) -> None:
    p = np.repeat((0.9, 0.1, 0.9, 1e-3), (80, 20, 20, 9880))
    y = np.repeat((1.0, 1.0, 0.0, 0.0), (80, 20, 20, 9880))
    real = loss.judge(make_pixels(p.tolist(), y.tolist()), Options())
    judged = judge_population(loss, Options(), prevalence=0.01, pixels=1e4)
    assert judged.values[DECENT] == pytest.approx(real.value, rel=1e-12)
    assert judged.shares[DECENT] == pytest.approx(real.share, rel=1e-12)


def test_without_smoothing_the_number_of_pixels_does_not_matter() -> None:
    rough = dataclasses.replace(Options(), smooth_numerator=0.0, smooth_denominator=0.0)
    for loss in PIXEL_LOSSES:
        few, many = (judge_population(loss, rough, prevalence=1e-3, pixels=n).values[DECENT] for n in (1e4, 1e8))
        assert few == pytest.approx(many, rel=1e-9)


@pytest.mark.parametrize(("prevalence", "pixels"), [(0.0, 1e6), (0.5, 1e6), (1e-3, 10.0), (math.nan, 1e6)])
def test_a_population_outside_the_ranges_is_refused(prevalence: float, pixels: float) -> None:
    with pytest.raises(OutOfRange):
        predict(CONSTANT, prevalence=prevalence, pixels=pixels)


def test_how_good_the_decent_predictor_is_can_be_said() -> None:
    # Of 1,000 lesion pixels 600 are found and 200 background pixels taken for them: Dice 1,200 / (800 + 1,000).
    skill = Skill(found=0.6, false_per_lesion=0.2, sure=0.8)
    seen = predict(Predictor.DECENT, prevalence=1e-3, pixels=1e6, skill=skill)
    assert seen.total == pytest.approx(1e6)
    assert seen.foreground == pytest.approx(1000)
    assert hard_dice(seen) == pytest.approx(1200 / 1800)
    assert seen.probability == pytest.approx([0.8, 0.2, 0.8, 1e-4])
    everything = predict(Predictor.DECENT, prevalence=0.1, pixels=1e4, skill=Skill(false_per_lesion=100.0))
    assert everything.count.min() == 0.0  # no more than all of the background
    worse = judge_population(PIXEL_LOSSES[0], Options(), prevalence=1e-3, skill=skill)
    usual = judge_population(PIXEL_LOSSES[0], Options(), prevalence=1e-3)
    assert worse.normalised(Predictor.DECENT) < usual.normalised(Predictor.DECENT)
    assert worse.values[Predictor.CONSTANT] == usual.values[Predictor.CONSTANT]
