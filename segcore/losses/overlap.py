"""Losses of overlap and of counts: Dice, Jaccard, Tversky and their relatives, MCC, sensitivity-specificity, DSC++.

All are functions of a few sums over a sample or the batch: soft true positives, false positives and, for some, powers of
how wrong voxels are. Each is written as that function only; its slopes by the sums, and with them dL/dz of every voxel,
follow by differentiating a handful of numbers.

Samples (or batches) without foreground have no defined overlap and are left out: they give neither value nor gradient
unless said otherwise. Combine with a pixel loss, which handles them.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from segcore.losses.closed_form import ClosedForm, Visit
from segcore.losses.pixel import power
from segcore.losses.terms import mean_over_defined
from segcore.losses.voxels import Piece, Slope, Voxels, affine, number


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SoftCounts:
    """Sums over a sample or the batch, each (rows,) float64.

    Parameters
    ----------
    hit, alarm
        Σ p over foreground, and over background: soft true and false positives.
    front, count
        Foreground voxels; all valid voxels.
    wrong_front, wrong_back
        Σ |p − y|^power over foreground and background; equal to `missed` and `alarm` where the power is 1.
    """

    hit: Tensor
    alarm: Tensor
    front: Tensor
    count: Tensor
    wrong_front: Tensor
    wrong_back: Tensor

    @property
    def missed(self) -> Tensor:
        """Soft false negatives."""
        return self.front - self.hit

    @property
    def back(self) -> Tensor:
        """Background voxels."""
        return self.count - self.front

    @property
    def rejected(self) -> Tensor:
        """Soft true negatives."""
        return self.back - self.alarm


class CountLoss(ClosedForm):
    """A loss that is a function of `SoftCounts`.

    Parameters
    ----------
    batch
        One set of sums for the whole batch, or one per sample.
    exponent
        Power of how wrong voxels are in `wrong_front` and `wrong_back`; 0 where these are not wanted.
    """

    needs_sums = True

    def __init__(self, *, batch: bool = True, exponent: float = 0.0) -> None:
        super().__init__()
        self.by_sample, self.exponent = not batch, exponent

    @abstractmethod
    def of(self, counts: SoftCounts) -> Tensor:
        """Return the loss of each row, (rows,); finite, also where it is not defined."""

    def defined(self, counts: SoftCounts) -> Tensor:
        """Return for which rows it is defined, (rows,); the loss is the mean over these."""
        return counts.front > 0

    def sums(self, piece: Piece) -> Sequence[Tensor]:
        hit = torch.dot(piece.p, piece.y)
        result = [hit, piece.p.sum() - hit]
        if self.exponent:
            wrong = power(piece, self.exponent)
            front = torch.dot(wrong, piece.y)
            result += [front, wrong.sum() - front]
            piece.give_back(wrong)
        return result

    def prepare(self, voxels: Voxels, sums: Tensor) -> tuple[Tensor, Visit]:
        front, count = voxels.front, voxels.count
        if not self.by_sample and len(sums) > 1:  # another loss of the sum goes by sample
            sums, front, count = sums.sum(0, keepdim=True), front.sum(0, keepdim=True), count.sum(0, keepdim=True)
        value, slopes = self.slopes(sums, front, count)
        return value, _CountVisit(slopes.to(voxels.work), self.exponent)

    def slopes(self, sums: Tensor, front: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
        """Return the loss and its slopes by the sums, (rows, number of sums), by differentiating these few numbers."""
        with torch.enable_grad():
            leaf = sums.detach().clone().requires_grad_()
            more = leaf[:, 2:] if self.exponent else leaf
            counts = SoftCounts(
                hit=leaf[:, 0],
                alarm=leaf[:, 1],
                front=front,
                count=count,
                wrong_front=more[:, 0],
                wrong_back=more[:, 1],
            )
            value = mean_over_defined(self.of(counts), self.defined(counts))
            (slopes,) = torch.autograd.grad(value, leaf)
        return value.detach(), slopes


class _CountVisit:
    """dL/dz from the slopes by the sums, (rows, 2 or 4): q (a y + b (1 − y)) and, with a power e, ∓ e w^e (1 − w)."""

    def __init__(self, slopes: Tensor, exponent: float) -> None:
        self._rows = [[number(slope) for slope in row] for row in slopes]
        self._exponent = exponent

    def __call__(self, piece: Piece) -> tuple[None, Slope]:
        by_hit, by_alarm, *others = self._rows[piece.row if len(self._rows) > 1 else 0]
        slope = affine(piece.y, by_hit - by_alarm, by_alarm, out=piece.new())
        slope = torch.ops.aten.sigmoid_backward.grad_input(slope, piece.p, grad_input=slope)
        if others:
            steep = power(piece, self._exponent)
            torch.addcmul(steep, steep, piece.wrong, value=-1, out=steep)
            weights = affine(piece.y, -others[0] - others[1], others[1], out=piece.new()).mul_(self._exponent)
            slope.addcmul_(steep, weights)
        return None, Slope(array=slope)


class Tversky(CountLoss):
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
        super().__init__(batch=batch)
        self.alpha, self.beta, self.kappa = alpha, beta, kappa
        self.smooth_numerator, self.smooth_denominator = smooth_numerator, smooth_denominator

    def missing(self, counts: SoftCounts) -> Tensor:
        """Return 1 − TI of each row, without cancelling near a perfect overlap."""
        lost = self.alpha * counts.alarm + self.beta * counts.missed
        below = counts.hit + lost + self.smooth_denominator
        return (lost + self.smooth_denominator - self.smooth_numerator) / below

    def of(self, counts: SoftCounts) -> Tensor:
        missing = self.missing(counts)
        return missing if self.kappa == 1.0 else missing.clamp_min(self.FLOOR) ** self.kappa

    def defined(self, counts: SoftCounts) -> Tensor:
        if self.smooth_numerator > 0:
            return counts.count > 0
        return counts.front > 0

    def slopes(self, sums: Tensor, front: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
        """Return loss and slopes: by hits −(1 − TI (1 − β)) / below, by false alarms α TI / below, both times κ's.

        Written out, since it is the loss most used and the general way costs a tenth of a millisecond.
        """
        if type(self).of is not Tversky.of:
            return super().slopes(sums, front, count)
        hit, alarm = sums[:, 0], sums[:, 1]
        lost = self.alpha * alarm + self.beta * (front - hit)
        below = hit + lost + self.smooth_denominator
        missing = (lost + self.smooth_denominator - self.smooth_numerator) / below
        index = 1 - missing
        by_hit, by_alarm = (index * (1 - self.beta) - 1) / below, self.alpha * index / below
        chain = (count > 0 if self.smooth_numerator > 0 else front > 0).to(sums.dtype)
        chain = chain / chain.sum().clamp_min(1)
        if self.kappa == 1.0:
            return (missing * chain).sum(), torch.stack([by_hit * chain, by_alarm * chain], dim=1)
        floored = missing.clamp_min(self.FLOOR)
        value = (floored**self.kappa * chain).sum()
        chain = chain * self.kappa * floored ** (self.kappa - 1) * (missing > self.FLOOR)
        return value, torch.stack([by_hit * chain, by_alarm * chain], dim=1)


class Dice(Tversky):
    """1 − (2 I + s_n) / (S + T + s_d); Milletari et al. 2016."""

    def __init__(self, *, smooth_numerator: float = 0.0, smooth_denominator: float = 1e-5, batch: bool = True) -> None:
        super().__init__(smooth_numerator=smooth_numerator / 2, smooth_denominator=smooth_denominator / 2, batch=batch)


class Jaccard(Tversky):
    """1 − (I + s_n) / (S + T − I + s_d)."""

    def __init__(self, *, smooth_numerator: float, smooth_denominator: float, batch: bool) -> None:
        super().__init__(
            alpha=1.0, beta=1.0, smooth_numerator=smooth_numerator, smooth_denominator=smooth_denominator, batch=batch
        )


class LogCoshDice(Dice):
    """ln cosh(1 − D) (Jadon 2020): a smaller step while the overlap is bad, a vanishing one when it is good."""

    def of(self, counts: SoftCounts) -> Tensor:
        missing = self.missing(counts)
        return torch.log(torch.cosh(missing))


class LogDice(Dice):
    """(−ln D)^γ (Wong et al. 2018), D kept within 1e-4 of 0 and 1, where the slope is infinite."""

    FLOOR = 1e-4

    def __init__(self, *, gamma: float, **overlap: float | bool) -> None:
        super().__init__(**overlap)  # type: ignore[arg-type]
        self.gamma = gamma

    def of(self, counts: SoftCounts) -> Tensor:
        overlap = (1 - self.missing(counts)).clamp(self.FLOOR, 1 - self.FLOOR)
        return (-torch.log(overlap)) ** self.gamma


class SquaredDice(CountLoss):
    """1 − (2 I + s_n) / (Σ p² + T + s_d), the denominator of Milletari et al. 2016."""

    def __init__(self, *, smooth_numerator: float, smooth_denominator: float, batch: bool) -> None:
        super().__init__(batch=batch, exponent=2.0)
        self.smooth_numerator, self.smooth_denominator = smooth_numerator, smooth_denominator

    def of(self, counts: SoftCounts) -> Tensor:
        # Σ p² = T − 2 FN + Σ_fg (1 − p)² + Σ_bg p².
        squares = counts.front - 2 * counts.missed + counts.wrong_front + counts.wrong_back
        below = squares + counts.front + self.smooth_denominator
        return 1 - (2 * counts.hit + self.smooth_numerator) / below

    def defined(self, counts: SoftCounts) -> Tensor:
        return counts.count > 0 if self.smooth_numerator > 0 else counts.front > 0


class GeneralizedDice(CountLoss):
    """1 − 2 Σ w I / Σ w (S + T) over both classes with w = 1 / T² (Sudre et al. 2017).

    Without foreground both classes weigh the same, so that false alarms still cost.
    """

    def of(self, counts: SoftCounts) -> Tensor:
        front, back = counts.front, counts.back
        of_front = 1 / front.clamp_min(1) ** 2
        of_back = 1 / back.clamp_min(1) ** 2
        of_front = torch.where(front > 0, of_front, of_back)
        of_back = torch.where(back > 0, of_back, of_front)
        # What is lost rather than what is found, so that nothing cancels near a perfect overlap.
        lost = counts.alarm + counts.missed
        together = of_front * (counts.hit + counts.alarm + front) + of_back * (counts.rejected + counts.missed + back)
        return (of_front + of_back) * lost / together.clamp_min(1e-12)

    def defined(self, counts: SoftCounts) -> Tensor:
        return counts.count > 0


class Matthews(CountLoss):
    """1 − (N I − S T) / √(S (N − S) T (N − T)), the soft MCC (Abhishek and Hamarneh 2021), from shares of the voxels.

    Not defined with one class only.
    """

    #: Least product under the root, of shares.
    FLOOR = 1e-12

    def of(self, counts: SoftCounts) -> Tensor:
        n = counts.count.clamp_min(1)
        hit, s, t = counts.hit / n, (counts.hit + counts.alarm) / n, counts.front / n
        spread = (s * (1 - s) * t * (1 - t)).clamp_min(self.FLOOR**2)
        return 1 - (hit - s * t) / spread.sqrt()

    def defined(self, counts: SoftCounts) -> Tensor:
        return (counts.front > 0) & (counts.back > 0)


class SensitivitySpecificity(CountLoss):
    """r Σ_fg (1 − p)² / T + (1 − r) Σ_bg p² / (N − T) (Brosch et al. 2015); a class that is not there adds nothing."""

    def __init__(self, *, r: float, batch: bool) -> None:
        super().__init__(batch=batch, exponent=2.0)
        self.r = r

    def of(self, counts: SoftCounts) -> Tensor:
        missed = counts.wrong_front / counts.front.clamp_min(1)
        alarms = counts.wrong_back / counts.back.clamp_min(1)
        return self.r * missed + (1 - self.r) * alarms

    def defined(self, counts: SoftCounts) -> Tensor:
        return counts.count > 0


class DicePlusPlus(CountLoss):
    """Dice in which errors count |p − y|^γ (Yeung et al. 2023): confident errors cost, doubt hardly does."""

    def __init__(self, *, gamma: float, smooth_numerator: float, smooth_denominator: float, batch: bool) -> None:
        super().__init__(batch=batch, exponent=gamma)
        self.smooth_numerator, self.smooth_denominator = smooth_numerator, smooth_denominator

    def of(self, counts: SoftCounts) -> Tensor:
        errors = counts.wrong_front + counts.wrong_back + self.smooth_denominator
        above = errors - self.smooth_numerator
        return above / (2 * counts.hit + errors)

    def defined(self, counts: SoftCounts) -> Tensor:
        return counts.count > 0 if self.smooth_numerator > 0 else counts.front > 0


class FocalTverskyOfBoth(CountLoss):
    """mean of (1 − mTI_bg)^a and (1 − mTI_fg)^(1 − γ), the region half of the unified focal loss (Yeung et al. 2022).

    mTI = I / (I + δ FN + (1 − δ) FP) of each class; a is 1 in the asymmetric form, 1 − γ in the symmetric one. Defined on
    empty samples by the background's half.
    """

    FLOOR = 1e-7

    def __init__(self, *, delta: float, gamma: float, asymmetric: bool, batch: bool) -> None:
        super().__init__(batch=batch)
        self.delta, self.gamma, self.asymmetric = delta, gamma, asymmetric

    def of(self, counts: SoftCounts) -> Tensor:
        front = self._missing(counts.hit, counts.missed, counts.alarm)
        back = self._missing(counts.rejected, counts.alarm, counts.missed)
        front = front.clamp_min(self.FLOOR) ** (1 - self.gamma)
        if not self.asymmetric:
            back = back.clamp_min(self.FLOOR) ** (1 - self.gamma)
        return (front + back) / 2

    def slopes(self, sums: Tensor, front: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
        """Return loss and slopes, written out: of each class (lost' · whole − lost · whole') / whole², times its power's."""
        hit, alarm = sums[:, 0], sums[:, 1]
        missed, rejected = front - hit, count - front - alarm
        near, far = self.delta, 1 - self.delta
        # Of each class: hits, what is lost, and the slopes of both by hits and by false alarms.
        of_front = (hit, near * missed + far * alarm, (1.0, -near), (0.0, far))
        of_back = (rejected, near * alarm + far * missed, (0.0, -far), (-1.0, near))
        defined = (count > 0).to(sums.dtype)
        share = defined / (2 * defined.sum().clamp_min(1))
        value, by_hit, by_alarm = torch.zeros_like(share), torch.zeros_like(share), torch.zeros_like(share)
        for (right, lost, along_hit, along_alarm), plain in ((of_front, False), (of_back, self.asymmetric)):
            whole = (right + lost).clamp_min(self.FLOOR)
            missing = lost / whole
            floored = missing if plain else missing.clamp_min(self.FLOOR)
            exponent = 1.0 if plain else 1 - self.gamma
            value = value + floored**exponent
            steep = exponent * floored ** (exponent - 1) / whole
            if not plain:
                steep = steep * (missing > self.FLOOR)
            by_hit = by_hit + steep * (along_hit[1] - missing * sum(along_hit))
            by_alarm = by_alarm + steep * (along_alarm[1] - missing * sum(along_alarm))
        return (value * share).sum(), torch.stack([by_hit * share, by_alarm * share], dim=1)

    def _missing(self, hit: Tensor, missed: Tensor, alarm: Tensor) -> Tensor:
        lost = self.delta * missed + (1 - self.delta) * alarm
        return lost / (hit + lost).clamp_min(1e-7)

    def defined(self, counts: SoftCounts) -> Tensor:
        return counts.count > 0
