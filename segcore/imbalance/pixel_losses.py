"""Values and gradients of losses on `Pixels`, in closed form: what a loss rewards, before anything is trained.

Notation as in `segcore.losses.terms`: p probability, y target, N pixels, S Σp, T Σy, I Σpy, q = p (1 − p). The gradient is
that by the logit, dL/dz, of one pixel of each group. The formulas are those of `segcore.losses` (tests hold the two
together), and besides them the soft MCC and the mistake of weighting every pixel alike.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from segcore.imbalance.pixels import Judgement, Numbers, Pixels, judgement

#: torch's ``binary_cross_entropy`` on probabilities cuts logarithms off here; so a probability of 0 costs 100.
LEAST_LOG = -100.0


class Reduction(StrEnum):
    """What the sum over pixels is divided by."""

    PIXELS = "pixels"
    WEIGHTS = "weights"
    SUM = "sum"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a person can turn.

    Parameters
    ----------
    weight
        Of the foreground in weighted cross-entropy, and of every pixel in the mistaken one.
    reduction
        Of cross-entropies and focal loss.
    smooth_numerator, smooth_denominator
        Of Dice and Tversky, in pixels, as written in Dice: (2 I + s_n) / (S + T + s_d).
    gamma, alpha
        Of the focal loss; an `alpha` of 0 weighs both classes with 1.
    false_positive_cost, false_negative_cost
        α and β of Tversky.
    """

    weight: float = 10.0
    reduction: Reduction = Reduction.PIXELS
    smooth_numerator: float = 1.0
    smooth_denominator: float = 1.0
    gamma: float = 2.0
    alpha: float = 0.25
    false_positive_cost: float = 0.3
    false_negative_cost: float = 0.7


def cross_entropy(pixels: Pixels, options: Options) -> Judgement:
    """−y ln p − (1 − y) ln(1 − p); dL/dz = p − y."""
    return _reduced(pixels, np.ones_like(pixels.target), options.reduction)


def scaled_cross_entropy(pixels: Pixels, options: Options) -> Judgement:
    """Cross-entropy with the same weight on EVERY pixel, as ``weight=torch.tensor([w])`` does: no class weight."""
    return _reduced(pixels, np.full_like(pixels.target, options.weight), options.reduction)


def weighted_cross_entropy(pixels: Pixels, options: Options) -> Judgement:
    """Cross-entropy with foreground pixels weighted w times, as ``pos_weight`` does."""
    return _reduced(pixels, 1 + (options.weight - 1) * pixels.target, options.reduction)


def fully_weighted_cross_entropy(pixels: Pixels, options: Options) -> Judgement:
    """Cross-entropy with w = (N − T) / T: both classes weigh the same; not defined without foreground."""
    if not pixels.foreground > 0:
        return _undefined(pixels)
    weight = (pixels.total - pixels.foreground) / pixels.foreground
    return _reduced(pixels, 1 + (weight - 1) * pixels.target, options.reduction)


def focal(pixels: Pixels, options: Options) -> Judgement:
    """α_t (1 − p_t)^γ ℓ (Lin et al. 2017)."""
    y = pixels.target
    weights = np.where(y > 0, options.alpha, 1 - options.alpha) if options.alpha else np.ones_like(y)
    wrong = np.abs(y - pixels.probability)
    log_right = _log_right(pixels)
    slope = wrong**options.gamma * (options.gamma * (1 - wrong) * log_right - wrong)
    below = _divisor(pixels, weights, options.reduction)
    value = float((pixels.count * weights * wrong**options.gamma * np.abs(log_right)).sum()) / below
    return judgement(pixels, value, weights * (2 * y - 1) * slope / below)


def dice(pixels: Pixels, options: Options) -> Judgement:
    """1 − (2 I + s_n) / (S + T + s_d) (Milletari et al. 2016)."""
    return _overlap(pixels, alpha=0.5, beta=0.5, options=options)


def tversky(pixels: Pixels, options: Options) -> Judgement:
    """1 − (I + s_n/2) / (I + α FP + β FN + s_d/2) (Salehi et al. 2017); α = β = 0.5 is Dice."""
    return _overlap(pixels, alpha=options.false_positive_cost, beta=options.false_negative_cost, options=options)


def matthews(pixels: Pixels, options: Options) -> Judgement:
    """1 − (N I − S T) / √(S (N − S) T (N − T)), the soft MCC (Abhishek and Hamarneh 2021).

    With only one class in the target it is not defined; a prediction of 0 everywhere (or of 1) correlates with nothing.
    """
    n, s, t = pixels.total, pixels.predicted, pixels.foreground
    if not 0 < t < n:
        return _undefined(pixels)
    if not 0 < s < n:
        return judgement(pixels, 1.0, np.zeros_like(pixels.target))
    p, y = pixels.probability, pixels.target
    root = math.sqrt(s) * math.sqrt(n - s) * math.sqrt(t) * math.sqrt(n - t)
    correlation = (n * pixels.overlap - s * t) / root
    slope = (n * y - t) / root - correlation * (n - 2 * s) / (2 * s * (n - s))
    return judgement(pixels, 1 - correlation, -slope * p * (1 - p))


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelLoss:
    """A loss that can be looked at.

    Parameters
    ----------
    name
        Stable name.
    label
        What a table calls it.
    judge
        Gives its value and gradient.
    """

    name: str
    label: str
    judge: Callable[[Pixels, Options], Judgement]


PIXEL_LOSSES = (
    PixelLoss(name="bce", label="Cross-entropy (BCE)", judge=cross_entropy),
    PixelLoss(name="scaled_bce", label="BCE × weight on all pixels", judge=scaled_cross_entropy),
    PixelLoss(name="weighted_bce", label="BCE, lesion × weight", judge=weighted_cross_entropy),
    PixelLoss(name="balanced_bce", label="BCE, both classes alike", judge=fully_weighted_cross_entropy),
    PixelLoss(name="focal", label="Focal", judge=focal),
    PixelLoss(name="dice", label="Soft Dice", judge=dice),
    PixelLoss(name="tversky", label="Tversky 0.3 / 0.7", judge=tversky),
    PixelLoss(name="mcc", label="Soft MCC", judge=matthews),
)


def _reduced(pixels: Pixels, weights: Numbers, reduction: Reduction) -> Judgement:
    below = _divisor(pixels, weights, reduction)
    value = float((pixels.count * weights * np.abs(_log_right(pixels))).sum()) / below
    return judgement(pixels, value, weights * (pixels.probability - pixels.target) / below)


def _divisor(pixels: Pixels, weights: Numbers, reduction: Reduction) -> float:
    if reduction is Reduction.SUM:
        return 1.0
    return float((pixels.count * weights).sum()) if reduction is Reduction.WEIGHTS else pixels.total


def _log_right(pixels: Pixels) -> Numbers:
    """Return ln p_t: of p on foreground, of 1 − p on background, not below `LEAST_LOG`."""
    p = pixels.probability
    floor = math.exp(LEAST_LOG)
    # log1p keeps the loss of a background pixel at p = 1e-9, which 1 − p would round away.
    on_background = np.log1p(-np.minimum(p, 1 - 1e-16))
    certain = np.where(p >= 1, LEAST_LOG, on_background)
    return np.where(pixels.target > 0, np.log(np.maximum(p, floor)), certain)


def _overlap(pixels: Pixels, *, alpha: float, beta: float, options: Options) -> Judgement:
    p, y = pixels.probability, pixels.target
    above = pixels.overlap + options.smooth_numerator / 2
    false_positive = float((pixels.count * p * (1 - y)).sum())
    false_negative = float((pixels.count * (1 - p) * y).sum())
    below = pixels.overlap + alpha * false_positive + beta * false_negative + options.smooth_denominator / 2
    if not below > 0 or (pixels.foreground <= 0 and options.smooth_numerator <= 0):
        return _undefined(pixels)
    index = above / below
    slope = np.where(y > 0, -(1 - (1 - beta) * index), alpha * index)
    return judgement(pixels, 1 - index, slope * p * (1 - p) / below)


def _undefined(pixels: Pixels) -> Judgement:
    return judgement(pixels, math.nan, np.zeros_like(pixels.target))
