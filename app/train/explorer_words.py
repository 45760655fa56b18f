"""What the Loss explorer says in words, with the numbers of the moment. Pure."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from app.train.loss_table import five_digits, share_words
from segcore.imbalance.pixel_losses import (
    Options,
    PixelLoss,
    Reduction,
    cross_entropy,
    dice,
    scaled_cross_entropy,
    weighted_cross_entropy,
)
from segcore.imbalance.pixels import EXAMPLES, TEN_TARGETS, Pixels, make_pixels

_EXAMPLE = {example.name: make_pixels(example.probability, TEN_TARGETS) for example in EXAMPLES}
_NO_SMOOTHING = Options(smooth_numerator=0.0, smooth_denominator=0.0)


def weight_trap(pixels: Pixels, options: Options) -> str:
    """Say what a weight on all pixels does, and what one on the lesion does."""
    plain = cross_entropy(pixels, options)
    scaled = scaled_cross_entropy(pixels, options)
    weighted = weighted_cross_entropy(pixels, options)
    if options.reduction is Reduction.WEIGHTS:
        effect = f"divided by its own weights it is plain cross-entropy again ({five_digits(plain.value)})"
    else:
        effect = f"the loss is {five_digits(scaled.value)} instead of {five_digits(plain.value)}"
    return (
        f"<b>A weight on all pixels is no class weight.</b> With × {options.weight:g} on every pixel {effect}, and the "
        f"lesion's share of the pull stays {_share(scaled.share)}. At best it lengthens the steps; with Adam, which "
        f"RareSeg uses, not even that. The same weight on lesion pixels only makes the share {_share(weighted.share)}."
    )


def smoothing_trap(options: Options) -> str:
    """Say how a mask without any lesion compares with a fair prediction under the smoothing of the moment."""
    zeros, base = (dice(_EXAMPLE[name], options).value for name in ("zeros", "base"))
    bare_zeros, bare_base = (dice(_EXAMPLE[name], _NO_SMOOTHING).value for name in ("zeros", "base"))
    now = f"true zeros score {five_digits(zeros)} and 'base' {five_digits(base)}"
    if options.smooth_numerator < 0.1:
        return (
            f"<b>Smoothing.</b> Nothing (or next to nothing) is added above, so a mask without any lesion gets what it "
            f"deserves: {now}. With 1 above and below it would look almost as good as 'base'."
        )
    return (
        f"<b>A smoothing of 1 makes a useless mask look good.</b> In Dice {now}: almost as good, although nothing is "
        f"found. Without smoothing they score {five_digits(bare_zeros)} and {five_digits(bare_base)}. The fewer pixels "
        "a lesion has, the worse this is."
    )


def pull_words(label: str, pixels: Pixels, share: float, *, defined: bool) -> str:
    """Say what the arrows mean for the selected loss."""
    if not defined and pixels.foreground <= 0:
        return f"{label}: not defined without a lesion. Patches without lesions teach it nothing; it needs a companion."
    if not defined:
        return f"{label}: not defined for these pixels."
    if math.isnan(share):
        return f"{label}: no pixel is pulled anywhere; from here training cannot go on."
    return f"Arrows: where {label} pulls each prediction. {share_words(share)} of the pull comes from lesion pixels."


def normalised_words(loss: PixelLoss, pixels: Pixels, options: Options) -> str:
    """Return where a prediction lies between the constant (0) and the perfect one (1); a dash where that is not defined."""
    share = pixels.foreground / pixels.total
    constant, perfect = (
        loss.judge(make_pixels(probability.tolist(), pixels.target.tolist(), pixels.count.tolist()), options).value
        for probability in (np.full_like(pixels.target, share), pixels.target)
    )
    value = loss.judge(pixels, options).value
    room = constant - perfect
    return f"{(constant - value) / room:.2f}" if room > 0 and math.isfinite(value) else "–"


def with_smoothing(options: Options, smoothing: tuple[float, float]) -> Options:
    """Return the options with another smoothing above and below."""
    return replace(options, smooth_numerator=smoothing[0], smooth_denominator=smoothing[1])


def _share(share: float) -> str:
    return "undefined" if math.isnan(share) else share_words(share)
