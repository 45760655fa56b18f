"""Losses of overlap: Dice, Jaccard, Tversky and focal Tversky.

Samples (or batches) without foreground have no defined overlap and are left out: they give neither value nor gradient
unless `smooth_numerator` is above 0. Combine with a pixel loss, which handles them.
"""

from __future__ import annotations

import torch
from torch import Tensor

from segcore.losses.terms import Loss, mean_over_defined, spatial_sums


class Tversky(Loss):
    """(1 − TI)^κ with TI = (I + s_n) / (I + α FP + β FN + s_d); Salehi et al. 2017, Abraham and Khan 2019.

    Parameters
    ----------
    alpha, beta
        Weights of false positives and of false negatives; 0.5 and 0.5 are Dice, 1 and 1 Jaccard.
    kappa
        Exponent; 1 is plain Tversky.
    smooth_numerator, smooth_denominator
        s_n and s_d, in voxels.
    batch
        One overlap for the whole batch, or one per sample.
    """

    #: 1 − TI is floored here before a power below 1, whose slope at 0 is infinite.
    FLOOR = 1e-4

    def __init__(
        self,
        *,
        alpha: float = 0.5,
        beta: float = 0.5,
        kappa: float = 1.0,
        smooth_numerator: float = 0.0,
        smooth_denominator: float = 1e-5,
        batch: bool = True,
    ) -> None:
        super().__init__()
        self.alpha, self.beta, self.kappa = alpha, beta, kappa
        self.smooth_numerator, self.smooth_denominator, self.batch = smooth_numerator, smooth_denominator, batch

    def value(self, z: Tensor, y: Tensor, m: Tensor) -> Tensor:
        p = torch.sigmoid(z) * m
        overlap = spatial_sums(p * y, batch=self.batch)
        # Summed as such: S − I would lose the few true positives among millions of voxels in float32.
        false_positive = spatial_sums(p * (1 - y), batch=self.batch)
        false_negative = spatial_sums((1 - p) * y, batch=self.batch)
        # 1 − (I + s_n) / below, without cancelling near a perfect overlap.
        lost = self.alpha * false_positive + self.beta * false_negative
        below = overlap + lost + self.smooth_denominator
        missing = (lost + self.smooth_denominator - self.smooth_numerator) / below
        if self.kappa != 1.0:
            missing = missing.clamp_min(self.FLOOR) ** self.kappa
        present = spatial_sums(y, batch=self.batch) > 0
        defined = present | (self.smooth_numerator > 0) & (spatial_sums(m, batch=self.batch) > 0)
        return mean_over_defined(missing, defined)


class Dice(Tversky):
    """1 − (2 I + s_n) / (S + T + s_d); Milletari et al. 2016."""

    def __init__(self, *, smooth_numerator: float, smooth_denominator: float, batch: bool) -> None:
        super().__init__(smooth_numerator=smooth_numerator / 2, smooth_denominator=smooth_denominator / 2, batch=batch)


class Jaccard(Tversky):
    """1 − (I + s_n) / (S + T − I + s_d)."""

    def __init__(self, *, smooth_numerator: float, smooth_denominator: float, batch: bool) -> None:
        super().__init__(
            alpha=1.0, beta=1.0, smooth_numerator=smooth_numerator, smooth_denominator=smooth_denominator, batch=batch
        )
