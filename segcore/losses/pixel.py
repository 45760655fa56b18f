"""Losses that every voxel votes in: cross-entropy and its weighted, adjusted and focused forms.

Notation as in `segcore.losses.closed_form`: w = |p − y| is how wrong a voxel is, ℓ its cross-entropy.
"""

from __future__ import annotations

import math
from abc import abstractmethod

import torch
from torch import Tensor

from segcore.losses.closed_form import ClosedForm, Piece, Visit, Voxels, log1p_sum

#: Largest weight chosen automatically; beyond it gradients from a few voxels dominate. IMBALANCE 1.1.
LARGEST_WEIGHT = 30.0


class CrossEntropy(ClosedForm):
    """Σ c ℓ / N with c = `front` on foreground and `back` on background; both 1 is plain cross-entropy."""

    def __init__(self, *, front: float = 1.0, back: float = 1.0) -> None:
        super().__init__()
        self.class_weights = (front, back)

    def prepare(self, voxels: Voxels, sums: Tensor) -> tuple[Tensor, Visit]:
        front, back = self.class_weights or (1.0, 1.0)
        count = voxels.count.sum().clamp_min(1.0)
        scale = (1 / count).to(voxels.work)

        def visit(piece: Piece) -> tuple[Tensor, Tensor]:
            near = piece.nearness()
            far = torch.clamp_min(piece.s, 0, out=piece.new())
            slope = torch.mul(piece.difference, scale * front, out=piece.new())
            if front == back:
                return (far.sum() + log1p_sum(near)) * scale * front, slope
            on_front = torch.dot(far, piece.y) + log1p_sum(torch.mul(near, piece.y, out=piece.new()))
            everywhere = far.sum() + log1p_sum(near)
            # front on foreground, back elsewhere.
            torch.addcmul(slope, slope, torch.rsub(piece.y, 1), value=back / front - 1, out=slope)
            return (back * everywhere + (front - back) * on_front) * scale, slope

        return count.new_zeros(()), visit


class WeightedCrossEntropy(CrossEntropy):
    """Foreground voxels count `positive_weight` times; divided by the number of voxels, not by the weights.

    Parameters
    ----------
    positive_weight
        w; 0 takes sqrt((1 − π) / π), at most 30.
    prevalence
        π in the sampled patches.
    """

    def __init__(self, *, positive_weight: float, prevalence: float) -> None:
        weight = positive_weight or min(math.sqrt((1 - prevalence) / prevalence), LARGEST_WEIGHT)
        super().__init__(front=weight)


class BalancedCrossEntropy(CrossEntropy):
    """Foreground weighted by the background's share β and background by 1 − β (Xie and Tu 2015).

    β comes from the prevalence in the sampled patches, not from each image: a β of 1 on an empty image would silence it.
    """

    def __init__(self, *, prevalence: float) -> None:
        beta = min(max(1 - prevalence, 0.01), 0.99)
        super().__init__(front=beta, back=1 - beta)


class Pointwise(ClosedForm):
    """Σ f(w, ℓ) / N, given f and its slope by the logit of being wrong."""

    @abstractmethod
    def at(self, piece: Piece) -> tuple[Tensor, Tensor]:
        """Return f and df/ds for each voxel of a piece, both fresh arrays and 0 at ignored voxels."""

    def prepare(self, voxels: Voxels, sums: Tensor) -> tuple[Tensor, Visit]:
        count = voxels.count.sum().clamp_min(1.0)
        scale = (1 / count).to(voxels.work)

        def visit(piece: Piece) -> tuple[Tensor, Tensor]:
            value, slope = self.at(piece)
            return value.sum() * scale, slope.mul_(piece.sign).mul_(scale)

        return count.new_zeros(()), visit


class Focal(Pointwise):
    """α_t w^γ ℓ (Lin et al. 2017), mean over valid voxels.

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

    def at(self, piece: Piece) -> tuple[Tensor, Tensor]:
        value, slope = focused(piece, self.gamma)
        if self.alpha:
            weights = torch.mul(piece.y, 2 * self.alpha - 1, out=piece.new()).add_(1 - self.alpha)
            return value.mul_(weights), slope.mul_(weights)
        return value, slope


class OneSidedFocal(Pointwise):
    """δ ℓ on foreground, (1 − δ) p^γ ℓ on background: easy background falls silent, no lesion voxel does.

    The pixel half of the asymmetric unified focal loss (Yeung et al. 2022).
    """

    def __init__(self, *, gamma: float, delta: float) -> None:
        super().__init__()
        self.gamma, self.delta = gamma, delta

    def at(self, piece: Piece) -> tuple[Tensor, Tensor]:
        value, slope = focused(piece, self.gamma)
        on_front = torch.mul(piece.y, self.delta, out=piece.new())
        back = torch.rsub(piece.y, 1).mul_(1 - self.delta)
        value.mul_(back).addcmul_(on_front, piece.entropy)
        return value, slope.mul_(back).addcmul_(on_front, piece.wrong)


def focused(piece: Piece, gamma: float) -> tuple[Tensor, Tensor]:
    """Return w^γ ℓ and its slope w^γ (γ (1 − w) ℓ + w) for each voxel of a piece."""
    focus = power(piece, gamma)
    slope = torch.addcmul(piece.wrong, piece.wrong, piece.entropy, value=-gamma, out=piece.new())
    slope.add_(piece.entropy, alpha=gamma).mul_(focus)
    return focus.mul_(piece.entropy), slope


def power(piece: Piece, exponent: float) -> Tensor:
    """Return w^exponent of a piece in an array of its own; a general power costs as much as all else together."""
    w, result = piece.wrong, piece.new()
    if exponent == 0:
        return result.fill_(1)
    if exponent == 0.5:
        return torch.sqrt(w, out=result)
    if exponent == 1:
        return result.copy_(w)
    if exponent == 2:
        return torch.mul(w, w, out=result)
    return torch.pow(w, exponent, out=result)


class Poly1(Pointwise):
    """ℓ + ε w (Leng et al. 2022): the first coefficient of cross-entropy's series in w, changed."""

    def __init__(self, *, epsilon: float) -> None:
        super().__init__()
        self.epsilon = epsilon

    def at(self, piece: Piece) -> tuple[Tensor, Tensor]:
        w = piece.wrong
        slope = torch.mul(w, 1 + self.epsilon, out=piece.new())
        torch.addcmul(slope, w, w, value=-self.epsilon, out=slope)
        return torch.add(piece.entropy, w, alpha=self.epsilon, out=piece.new()), slope


class LogitAdjusted(Pointwise):
    """ℓ of z + τ logit π (Menon et al. 2021), predicted with z: z > 0 then aims at the mean of both classes' errors.

    Parameters
    ----------
    tau
        0 is cross-entropy; 1 takes the prevalence out of the logits altogether.
    prevalence
        π in the sampled patches.
    """

    def __init__(self, *, tau: float, prevalence: float) -> None:
        super().__init__()
        self._offset = tau * math.log(prevalence / (1 - prevalence))

    @property
    def log_prior_shift(self) -> float:
        """−τ logit π: the best logits lie by that above those of cross-entropy."""
        return -self._offset

    def at(self, piece: Piece) -> tuple[Tensor, Tensor]:
        s = torch.add(piece.z, self._offset, out=piece.new()).mul_(piece.sign)
        w = torch.sigmoid(s, out=piece.new())
        near = torch.abs(s, out=piece.new()).neg_().exp_().log1p_()
        return near.add_(s.clamp_min_(0)), w


class ExponentialEntropy(Pointwise):
    """c ℓ^γ (Wong et al. 2018), weighted by class; the other half of the exponential logarithmic loss.

    Parameters
    ----------
    gamma
        Below 1 the slope at ℓ = 0 is infinite: ℓ is raised by `FLOOR` there.
    front, back
        c on foreground and on background.
    """

    FLOOR = 1e-4

    def __init__(self, *, gamma: float, front: float, back: float) -> None:
        super().__init__()
        self.gamma, self.front, self.back = gamma, front, back

    def at(self, piece: Piece) -> tuple[Tensor, Tensor]:
        raised = torch.add(piece.entropy, self.FLOOR, out=piece.new())
        weights = torch.mul(piece.y, self.front - self.back, out=piece.new()).add_(self.back).mul_(piece.valid)
        value = (raised.pow(self.gamma) - self.FLOOR**self.gamma).mul_(weights)
        return value, raised.pow_(self.gamma - 1).mul_(self.gamma).mul_(piece.wrong).mul_(weights)
