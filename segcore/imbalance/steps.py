"""What the first steps of an optimiser make of pixels, in closed form: why a factor on the whole loss changes nothing.

Two models of a network. With *free* pixels every logit is moved by its own gradient. With one *shared* bias all logits are
moved alike, by the sum: so a network that has not learnt to tell pixels apart decides between "all" and "nothing".
"""

from __future__ import annotations

from enum import StrEnum

import numpy as np

from segcore.imbalance.pixel_losses import Options, PixelLoss
from segcore.imbalance.pixels import Numbers, Pixels

#: Probabilities are kept this far from 0 and 1, where a logit is infinite.
_EDGE = 1e-12
#: As torch's Adam.
_BETAS, _EPSILON = (0.9, 0.999), 1e-8


class Optimiser(StrEnum):
    """How a gradient becomes a step."""

    SGD = "sgd"
    ADAM = "adam"


def logits_of(probability: Numbers) -> Numbers:
    """Return ln p / (1 − p), finite also at 0 and 1."""
    inside = np.clip(probability, _EDGE, 1 - _EDGE)
    return np.asarray(np.log(inside) - np.log1p(-inside), np.float64)


def after_steps(
    loss: PixelLoss,
    pixels: Pixels,
    options: Options,
    optimiser: Optimiser,
    *,
    rate: float,
    steps: int,
    shared: bool,
) -> Pixels:
    """Return the pixels after some steps down a loss's gradient.

    Parameters
    ----------
    rate
        Learning rate, > 0.
    steps
        How many.
    shared
        All logits move together, by the sum of their gradients.
    """
    z = logits_of(pixels.probability)
    moment, square = np.zeros_like(z), np.zeros_like(z)
    now = pixels
    for number in range(1, steps + 1):
        gradient = loss.judge(now, options).gradient
        if shared:
            gradient = np.full_like(z, float((pixels.count * gradient).sum()))
        if optimiser is Optimiser.SGD:
            z = z - rate * gradient
        else:
            moment = _BETAS[0] * moment + (1 - _BETAS[0]) * gradient
            square = _BETAS[1] * square + (1 - _BETAS[1]) * gradient**2
            mean, spread = moment / (1 - _BETAS[0] ** number), square / (1 - _BETAS[1] ** number)
            z = z - rate * mean / (np.sqrt(spread) + _EPSILON)
        now = Pixels(probability=1 / (1 + np.exp(-z)), target=pixels.target, count=pixels.count)
    return now


def mean_probability(pixels: Pixels, *, lesion: bool) -> float:
    """Return the mean probability over lesion or background pixels; NaN where there are none."""
    weight = pixels.count * (pixels.target if lesion else 1 - pixels.target)
    total = float(weight.sum())
    return float((weight * pixels.probability).sum()) / total if total > 0 else float("nan")
