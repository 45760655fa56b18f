"""A whole population of pixels with a rare foreground, and predictors of known quality, in closed form.

The average of a loss over a million pixels needs no million pixels: a predictor gives few different probabilities, so
the expectation is a sum over groups. It shows what a rarer class does to a loss while the quality of the prediction
stays the same.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from segcore.imbalance.pixel_losses import Options, PixelLoss
from segcore.imbalance.pixels import Pixels, make_pixels
from segcore.ranges import Range

PREVALENCE = Range(low=1e-5, high=1e-1, default=1e-3, logarithmic=True)
PIXELS = Range(low=1e4, high=1e9, default=1e6, logarithmic=True)

#: What "all background" says of every pixel.
SILENT = 1e-3
#: The decent predictor: this share of the foreground is found, and as many background pixels are taken for it, which
#: makes its hard Dice at 0.5 the same number.
FOUND = 0.8
#: The probability that it gives to what it takes for foreground; missed foreground gets 1 minus that.
SURE = 0.9


class Predictor(StrEnum):
    """How the population is predicted."""

    UNTRAINED = "untrained"
    CONSTANT = "constant"
    ALL_BACKGROUND = "all_background"
    DECENT = "decent"
    PERFECT = "perfect"


@dataclass(frozen=True, slots=True, kw_only=True)
class Skill:
    """How good the decent predictor is.

    Parameters
    ----------
    found
        Share of the foreground that it takes for foreground.
    false_per_lesion
        Background pixels that it takes for foreground, for each foreground pixel: a rim of false positives.
    sure
        The probability that it gives to what it takes for foreground, above a half.
    """

    found: float = FOUND
    false_per_lesion: float = 1 - FOUND
    sure: float = SURE


DECENT = Skill()


def predict(
    predictor: Predictor, *, prevalence: float, pixels: float = PIXELS.default, skill: Skill = DECENT
) -> Pixels:
    """Return the population as a predictor sees it.

    - untrained: 0.5 everywhere;
    - constant: the prevalence everywhere, the best that a predictor can do that looks at nothing;
    - all background: 0.001 everywhere;
    - decent: as `skill` says, by default 0.9 on four fifths of the foreground and on as many background pixels as are
      missed, 0.1 on the missed fifth, and a tenth of the prevalence (at most 0.001) on all other background;
    - perfect: 1 and 0.

    Parameters
    ----------
    prevalence
        π, 1e-5..1e-1.
    pixels
        N; T = π N need not be whole.

    Raises
    ------
    OutOfRange
        For a prevalence or a number of pixels outside its range.
    """
    pi = float(PREVALENCE.check("prevalence", prevalence))
    n = float(PIXELS.check("pixels", pixels))
    front = pi * n
    if predictor is Predictor.DECENT:
        wrong = min(skill.false_per_lesion * front, n - front)
        return make_pixels(
            (skill.sure, 1 - skill.sure, skill.sure, min(SILENT, pi / 10)),
            (1, 1, 0, 0),
            (skill.found * front, (1 - skill.found) * front, wrong, n - front - wrong),
        )
    if predictor is Predictor.PERFECT:
        return make_pixels((1, 0), (1, 0), (front, n - front))
    level = {Predictor.UNTRAINED: 0.5, Predictor.CONSTANT: pi, Predictor.ALL_BACKGROUND: SILENT}[predictor]
    return make_pixels((level, level), (1, 0), (front, n - front))


def hard_dice(pixels: Pixels) -> float:
    """Return Dice of the mask at probability 0.5; NaN where neither mask nor target hold anything."""
    said = pixels.probability > 0.5
    both = float((pixels.count * said * pixels.target).sum())
    below = float((pixels.count * said).sum()) + pixels.foreground
    return 2 * both / below if below > 0 else math.nan


@dataclass(frozen=True, slots=True, kw_only=True)
class LossAtPrevalence:
    """What a loss does at one prevalence.

    Parameters
    ----------
    values, shares
        Value, and the foreground's share of the pull (NaN where nothing pulls), by predictor.
    """

    values: dict[Predictor, float]
    shares: dict[Predictor, float]

    @property
    def room(self) -> float:
        """How far the loss can fall from the constant to the perfect predictor."""
        return self.values[Predictor.CONSTANT] - self.values[Predictor.PERFECT]

    def normalised(self, predictor: Predictor) -> float:
        """Return 0 for what the constant predictor scores, 1 for the perfect one, below 0 for what is worse."""
        return (self.values[Predictor.CONSTANT] - self.values[predictor]) / self.room if self.room > 0 else math.nan


def judge_population(
    loss: PixelLoss, options: Options, *, prevalence: float, pixels: float = PIXELS.default, skill: Skill = DECENT
) -> LossAtPrevalence:
    """Return what `loss` does with every predictor; errors as `predict`."""
    judged = {
        predictor: loss.judge(predict(predictor, prevalence=prevalence, pixels=pixels, skill=skill), options)
        for predictor in Predictor
    }
    return LossAtPrevalence(
        values={predictor: found.value for predictor, found in judged.items()},
        shares={predictor: found.share for predictor, found in judged.items()},
    )
