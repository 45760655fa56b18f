"""Losses that every voxel votes in: cross-entropy, its weighted forms, focal and top-k."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from segcore.losses.terms import Loss, cross_entropy, masked_mean

#: Largest weight chosen automatically; beyond it gradients from a few voxels dominate. IMBALANCE 1.1.
LARGEST_WEIGHT = 30.0


class CrossEntropy(Loss):
    """Mean of ℓ over valid voxels."""

    class_weights = (1.0, 1.0)

    def value(self, z: Tensor, y: Tensor, m: Tensor) -> Tensor:
        return masked_mean(cross_entropy(z, y), m)


class WeightedCrossEntropy(Loss):
    """Foreground voxels count `positive_weight` times; divided by the number of voxels, not by the weights.

    Parameters
    ----------
    positive_weight
        w; 0 takes sqrt((1 − π) / π), at most 30.
    prevalence
        π in the sampled patches.
    """

    def __init__(self, *, positive_weight: float, prevalence: float) -> None:
        super().__init__()
        self.weight = positive_weight or min(math.sqrt((1 - prevalence) / prevalence), LARGEST_WEIGHT)
        self.class_weights = (self.weight, 1.0)

    def value(self, z: Tensor, y: Tensor, m: Tensor) -> Tensor:
        return masked_mean(cross_entropy(z, y) * (1 + (self.weight - 1) * y), m)


class BalancedCrossEntropy(Loss):
    """Foreground weighted by the background's share β and background by 1 − β (Xie and Tu 2015).

    β comes from the prevalence in the sampled patches, not from each image: a β of 1 on an empty image would silence it.
    """

    def __init__(self, *, prevalence: float) -> None:
        super().__init__()
        self.beta = min(max(1 - prevalence, 0.01), 0.99)
        self.class_weights = (self.beta, 1 - self.beta)

    def value(self, z: Tensor, y: Tensor, m: Tensor) -> Tensor:
        weights = self.beta * y + (1 - self.beta) * (1 - y)
        return masked_mean(cross_entropy(z, y) * weights, m)


class Focal(Loss):
    """α_t (1 − p_t)^γ ℓ (Lin et al. 2017), mean over valid voxels.

    Parameters
    ----------
    gamma
        0 is cross-entropy.
    alpha
        Weight of the foreground against 1 − α for the background; 0 weighs both with 1.
    """

    def __init__(self, *, gamma: float, alpha: float) -> None:
        super().__init__()
        self.gamma, self.alpha = gamma, alpha

    def value(self, z: Tensor, y: Tensor, m: Tensor) -> Tensor:
        entropy = cross_entropy(z, y)
        # 1 − p_t = σ(−(2y − 1) z), without cancellation near p_t = 1.
        wrong = torch.sigmoid(torch.where(y > 0, -z, z))
        focus = wrong.clamp_min(1e-12) ** self.gamma if self.gamma else torch.ones_like(wrong)
        loss = focus * entropy
        if self.alpha:
            loss = loss * torch.where(y > 0, self.alpha, 1 - self.alpha)
        return masked_mean(loss, m)


class TopK(Loss):
    """Mean of the k largest ℓ over valid voxels (Wu et al. 2016).

    k is `share` of the valid voxels, but at least ten times the foreground voxels, so that the whole foreground and its
    hardest surroundings always fit in.
    """

    PER_FOREGROUND = 10

    def __init__(self, *, share: float) -> None:
        super().__init__()
        self.share = share

    def value(self, z: Tensor, y: Tensor, m: Tensor) -> Tensor:
        entropy = cross_entropy(z, y)[m > 0]
        if entropy.numel() == 0:
            return (z * 0).sum()
        wanted = max(math.ceil(self.share * entropy.numel()), self.PER_FOREGROUND * int(y.sum().item()), 1)
        return torch.topk(entropy, min(wanted, entropy.numel()), sorted=False).values.mean()
