"""What all losses share: one signature, float32 inside, ignored voxels left out of every sum.

Notation: z logits, p = σ(z), y target, m valid; S = Σ m p, T = Σ m y, I = Σ m p y, N = Σ m.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn


class Loss(nn.Module, ABC):
    """A loss on logits.

    Call with logits (N, 1, *spatial) of any float type, target of the same shape with values 0 and 1, and optionally
    valid (same shape, 0 or 1; None means all). Returns a scalar in float32, or float64 for float64 logits. Voxels that
    are not valid change neither value nor gradient. Finite for any finite logits, also on empty, full and wholly
    ignored targets.
    """

    #: Weights of foreground and of background voxels in a cross-entropy; None for losses of any other kind.
    class_weights: tuple[float, float] | None = None
    #: How far the run is, 0..1; the training sets it before each step, and weights that grow follow it.
    progress: float = 1.0

    @property
    def log_prior_shift(self) -> float:
        """By how much the best logits lie above those of plain cross-entropy: subtract it to read probabilities.

        The logarithm of the ratio of the class weights. 0 for losses that are no cross-entropy: theirs is not known.
        """
        return 0.0 if self.class_weights is None else math.log(self.class_weights[0] / self.class_weights[1])

    def forward(self, logits: Tensor, target: Tensor, valid: Tensor | None = None) -> Tensor:
        """Return the loss; see the class."""
        work = working_type(logits)
        with torch.autocast(logits.device.type, enabled=False):
            z = logits.to(work)
            y = target.to(work)
            m = torch.ones_like(y) if valid is None else valid.to(work)
            return self.value(z, y * m, m)

    @abstractmethod
    def value(self, z: Tensor, y: Tensor, m: Tensor) -> Tensor:
        """Return the loss for logits, masked target and valid flags of one floating type."""


def working_type(logits: Tensor) -> torch.dtype:
    """Return the type that sums are taken in: float64 for float64 logits, else float32."""
    return torch.float64 if logits.dtype == torch.float64 else torch.float32


def cross_entropy(z: Tensor, y: Tensor) -> Tensor:
    """Return ℓ = softplus(z) − y z per voxel, stable for any z."""
    return nn.functional.softplus(z) - y * z
