"""Losses that every voxel votes in: cross-entropy and its weighted, adjusted and focused forms.

Notation as in `segcore.losses.voxels`: w = |p − y| is how wrong a voxel is, ℓ its cross-entropy.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor

from segcore.losses.arithmetic import affine, nearer_end
from segcore.losses.closed_form import ClosedForm, Sums, Visit
from segcore.losses.voxels import Piece, Slope, Voxels

#: Largest weight chosen automatically; beyond it gradients from a few voxels dominate. IMBALANCE 1.1.
LARGEST_WEIGHT = 30.0


class CrossEntropy(ClosedForm):
    """Σ c ℓ / N with c = `front` on foreground and `back` on background; both 1 is plain cross-entropy."""

    def __init__(self, *, front: float = 1.0, back: float = 1.0) -> None:
        super().__init__()
        self.class_weights = (front, back)
        self._front, self._back = front, back

    def sums(self, piece: Piece) -> Sequence[Tensor]:
        return piece.entropy_sums(with_front=self._front != self._back)

    def prepare(self, voxels: Voxels, sums: Sums) -> tuple[float, Visit]:
        scale = voxels.inverse_count

        def slope(piece: Piece) -> Slope:
            return piece.error(scale=scale, front=self._front, back=self._back)

        if sums[0]:
            totals = [sum(column) for column in zip(*sums, strict=True)]
            value = self._back * totals[0] + (self._front - self._back) * totals[-1]
            return value * scale, lambda piece: (None, slope(piece))

        def visit(piece: Piece) -> tuple[Tensor, Slope]:
            everywhere, *on_front = self.sums(piece)
            value = self._back * everywhere
            if on_front:
                value = value + (self._front - self._back) * on_front[0]
            return value * scale, slope(piece)

        return 0.0, visit


class WeightedCrossEntropy(CrossEntropy):
    """Foreground voxels count `positive_weight` times; divided by the number of voxels, not by the weights.

    Parameters
    ----------
    positive_weight
        w; 0 takes ((1 − π) / π)^`ratio_power`, at most 30.
    ratio_power
        0.5 is the square root of the ratio, 1 the ratio.
    prevalence
        π in the sampled patches.
    """

    def __init__(self, *, positive_weight: float, ratio_power: float, prevalence: float) -> None:
        weight = positive_weight or min(((1 - prevalence) / prevalence) ** ratio_power, LARGEST_WEIGHT)
        super().__init__(front=weight)


class BalancedCrossEntropy(CrossEntropy):
    """Foreground weighted by the background's share β and background by 1 − β (Xie and Tu 2015).

    β comes from the prevalence in the sampled patches, not from each image: a β of 1 on an empty image would silence it.
    """

    def __init__(self, *, prevalence: float) -> None:
        beta = min(max(1 - prevalence, 0.01), 0.99)
        super().__init__(front=beta, back=1 - beta)


class Pointwise(ClosedForm):
    """Σ c f(w, ℓ) / N, given f and its slope by the logit of being wrong.

    Attributes
    ----------
    front, back
        c on foreground and on background.
    """

    front, back = 1.0, 1.0

    @abstractmethod
    def at(self, piece: Piece) -> tuple[Tensor, Tensor]:
        """Return f and df/ds for each voxel of a piece, both 0 at ignored voxels."""

    def prepare(self, voxels: Voxels, sums: Sums) -> tuple[float, Visit]:
        scale = voxels.inverse_count

        def visit(piece: Piece) -> tuple[Tensor, Slope]:
            value, slope = self.at(piece)
            total = value.sum() * self.back
            if self.front != self.back:
                total = total + torch.dot(value, piece.y) * (self.front - self.back)
            return total * scale, Slope.by_s(slope, scale=scale, front=self.front, back=self.back)

        return 0.0, visit


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
        self.gamma = gamma
        if alpha:
            self.front, self.back = alpha, 1 - alpha

    def at(self, piece: Piece) -> tuple[Tensor, Tensor]:
        return focused(piece, self.gamma)


class OneSidedFocal(ClosedForm):
    """δ ℓ on foreground, (1 − δ) p^γ ℓ on background: easy background falls silent, no lesion voxel does.

    The pixel half of the asymmetric unified focal loss (Yeung et al. 2022).
    """

    def __init__(self, *, gamma: float, delta: float) -> None:
        super().__init__()
        self.gamma, self.delta = gamma, delta

    def prepare(self, voxels: Voxels, sums: Sums) -> tuple[float, Visit]:
        scale, back = voxels.inverse_count, 1 - self.delta

        def visit(piece: Piece) -> tuple[Tensor, Slope]:
            value, slope = focused(piece, self.gamma)
            # f + y (δ / (1 − δ) ℓ − f): the same on both, up to 1 − δ.
            for focused_one, plain in ((value, piece.entropy), (slope, piece.wrong)):
                instead = torch.mul(plain, self.delta / back, out=piece.new()).sub_(focused_one)
                focused_one.addcmul_(instead, piece.y)
                piece.give_back(instead)
            return value.sum() * (scale * back), Slope.by_s(slope, scale=scale * back)

        return 0.0, visit


def focused(piece: Piece, gamma: float) -> tuple[Tensor, Tensor]:
    """Return w^γ ℓ and its slope w^γ (γ (1 − w) ℓ + w) for each voxel of a piece, in arrays of their own."""
    if gamma == 0:
        return piece.new().copy_(piece.entropy), piece.new().copy_(piece.wrong)
    slope = power(piece, gamma)
    value = torch.mul(slope, piece.entropy, out=piece.new())
    slope.mul_(piece.wrong).add_(value, alpha=gamma)
    return value, slope.addcmul_(value, piece.wrong, value=-gamma)


def power(piece: Piece, exponent: float) -> Tensor:
    """Return w^exponent of a piece in an array of its own.

    A general power costs as much as all else together: halves are made of products and a square root.
    """
    w, result = piece.wrong, piece.new()
    whole, half = divmod(exponent, 1)
    if half not in (0, 0.5) or not 0 < exponent < 4:
        return torch.pow(w, exponent, out=result)
    if whole >= 1 and not half:
        return _multiplied(result.copy_(w), w, int(whole) - 1)
    return _multiplied(torch.sqrt(w, out=result), w, int(whole))


def _multiplied(array: Tensor, w: Tensor, times: int) -> Tensor:
    for _ in range(times):
        array.mul_(w)
    return array


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
        s = affine(piece.sign, self._offset, 0.0, out=piece.new()).add_(piece.s)
        w = torch.sigmoid(s, out=piece.new())
        nearer = nearer_end(w, out=piece.new()).neg_().log1p_()
        return s.clamp_min_(0).sub_(nearer), w


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
        value = torch.pow(raised, self.gamma, out=piece.new()).sub_(self.FLOOR**self.gamma)
        return value, raised.pow_(self.gamma - 1).mul_(self.gamma).mul_(piece.wrong)
