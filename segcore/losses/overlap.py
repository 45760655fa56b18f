"""Losses of overlap and of counts: Dice, Jaccard, Tversky and their relatives, MCC, sensitivity-specificity, DSC++.

All are functions of a few sums over a sample or the batch: soft true positives, false positives and, for some, powers of
how wrong voxels are. Each is written as that function only, of plain numbers; its slopes by the sums, and with them dL/dz
of every voxel, follow by the complex step: f(x + ih) = f(x) + ih f'(x) for a tiny h, exact to rounding (Squire and Trapp
1998, doi:10.1137/S003614459631241X).

Samples (or batches) without foreground have no defined overlap and are left out: they give neither value nor gradient
unless said otherwise. Combine with a pixel loss, which handles them.
"""

from __future__ import annotations

import cmath
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from segcore.losses.arithmetic import affine
from segcore.losses.closed_form import ClosedForm, Sums, Visit
from segcore.losses.pixel import power
from segcore.losses.voxels import Piece, Slope, Voxels

#: h of the complex step; it is never added to anything of its own kind, so that it may be as small as numbers get.
_STEP = 1e-40


@dataclass(frozen=True, slots=True, kw_only=True)
class SoftCounts:
    """Sums over a sample or the batch; complex while slopes are taken.

    Parameters
    ----------
    hit, alarm
        Σ p over foreground, and over background: soft true and false positives.
    front, count
        Foreground voxels; all valid voxels.
    wrong_front, wrong_back
        Σ |p − y|^power over foreground and background; 0 for losses that do not want them.
    """

    hit: complex
    alarm: complex
    front: float
    count: float
    wrong_front: complex = 0.0
    wrong_back: complex = 0.0

    @property
    def missed(self) -> complex:
        """Soft false negatives."""
        return self.front - self.hit

    @property
    def back(self) -> float:
        """Background voxels."""
        return self.count - self.front

    @property
    def rejected(self) -> complex:
        """Soft true negatives."""
        return self.back - self.alarm


def at_least(value: complex, floor: float) -> complex:
    """Return the larger of both."""
    return value if value.real > floor else floor


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
    def of(self, counts: SoftCounts) -> complex:
        """Return the loss; asked for only where it is defined."""

    def defined(self, counts: SoftCounts) -> bool:
        """Return whether it is defined; the loss of a batch is the mean over the samples where it is."""
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

    def prepare(self, voxels: Voxels, sums: Sums) -> tuple[float, Visit]:
        rows = [[*known, front, count] for known, front, count in zip(sums, voxels.front, voxels.count, strict=True)]
        if not self.by_sample and len(rows) > 1:  # another loss of the sum goes by sample
            rows = [[sum(column) for column in zip(*rows, strict=True)]]
        found = [self._value_and_slopes(row) for row in rows]
        defined = max(sum(slopes is not None for _, slopes in found), 1)
        silent = [0.0] * (4 if self.exponent else 2)
        slopes_by_row = [[slope / defined for slope in slopes or silent] for _, slopes in found]
        return sum(value for value, _ in found) / defined, _CountVisit(slopes_by_row, self.exponent)

    def _value_and_slopes(self, row: list[float]) -> tuple[float, list[float] | None]:
        """Return the loss of a row and its slopes by the sums; 0 and None where it is not defined."""
        *sums, front, count = row

        def counts(along: int) -> SoftCounts:
            hit, alarm, *wrong = (value + 1j * _STEP * (number == along) for number, value in enumerate(sums))
            wrong_front, wrong_back = wrong or (0.0, 0.0)
            return SoftCounts(
                hit=hit, alarm=alarm, front=front, count=count, wrong_front=wrong_front, wrong_back=wrong_back
            )

        if not self.defined(counts(-1)):
            return 0.0, None
        stepped = [complex(self.of(counts(along))) for along in range(len(sums))]
        return stepped[0].real, [value.imag / _STEP for value in stepped]


class _CountVisit:
    """dL/dz from the slopes by the sums, 2 or 4 a row: q (a y + b (1 − y)) and, with a power e, ∓ e w^e (1 − w)."""

    def __init__(self, slopes: list[list[float]], exponent: float) -> None:
        self._rows, self._exponent = slopes, exponent

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

    def missing(self, counts: SoftCounts) -> complex:
        """Return 1 − TI, without cancelling near a perfect overlap."""
        lost = self.alpha * counts.alarm + self.beta * counts.missed
        below = counts.hit + lost + self.smooth_denominator
        return (lost + self.smooth_denominator - self.smooth_numerator) / below

    def of(self, counts: SoftCounts) -> complex:
        missing = self.missing(counts)
        return missing if self.kappa == 1.0 else at_least(missing, self.FLOOR) ** self.kappa

    def defined(self, counts: SoftCounts) -> bool:
        if self.smooth_numerator > 0:
            return counts.count > 0
        return counts.front > 0


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

    def of(self, counts: SoftCounts) -> complex:
        missing = self.missing(counts)
        return cmath.log(cmath.cosh(missing))


class LogDice(Dice):
    """(−ln D)^γ (Wong et al. 2018), D kept within 1e-4 of 0 and 1, where the slope is infinite."""

    FLOOR = 1e-4

    def __init__(self, *, gamma: float, **overlap: float | bool) -> None:
        super().__init__(**overlap)  # type: ignore[arg-type]
        self.gamma = gamma

    def of(self, counts: SoftCounts) -> complex:
        missing = 1 - at_least(1 - self.missing(counts), self.FLOOR)
        return complex(-cmath.log(1 - at_least(missing, self.FLOOR))) ** self.gamma


class SquaredDice(CountLoss):
    """1 − (2 I + s_n) / (Σ p² + T + s_d), the denominator of Milletari et al. 2016."""

    def __init__(self, *, smooth_numerator: float, smooth_denominator: float, batch: bool) -> None:
        super().__init__(batch=batch, exponent=2.0)
        self.smooth_numerator, self.smooth_denominator = smooth_numerator, smooth_denominator

    def of(self, counts: SoftCounts) -> complex:
        # Σ p² = T − 2 FN + Σ_fg (1 − p)² + Σ_bg p².
        squares = counts.front - 2 * counts.missed + counts.wrong_front + counts.wrong_back
        below = squares + counts.front + self.smooth_denominator
        return 1 - (2 * counts.hit + self.smooth_numerator) / below

    def defined(self, counts: SoftCounts) -> bool:
        return counts.count > 0 if self.smooth_numerator > 0 else counts.front > 0


class GeneralizedDice(CountLoss):
    """1 − 2 Σ w I / Σ w (S + T) over both classes with w = 1 / T² (Sudre et al. 2017).

    Without foreground both classes weigh the same, so that false alarms still cost.
    """

    def of(self, counts: SoftCounts) -> complex:
        front, back = counts.front, counts.back
        of_front = 1 / (front or back) ** 2
        of_back = 1 / (back or front) ** 2
        # What is lost rather than what is found, so that nothing cancels near a perfect overlap.
        lost = counts.alarm + counts.missed
        together = of_front * (counts.hit + counts.alarm + front) + of_back * (counts.rejected + counts.missed + back)
        return (of_front + of_back) * lost / at_least(together, 1e-12)

    def defined(self, counts: SoftCounts) -> bool:
        return counts.count > 0


class Matthews(CountLoss):
    """1 − (N I − S T) / √(S (N − S) T (N − T)), the soft MCC (Abhishek and Hamarneh 2021), from shares of the voxels.

    Not defined with one class only.
    """

    #: Least product under the root, of shares.
    FLOOR = 1e-12

    def of(self, counts: SoftCounts) -> complex:
        n = counts.count
        hit, s, t = counts.hit / n, (counts.hit + counts.alarm) / n, counts.front / n
        spread = at_least(s * (1 - s) * t * (1 - t), self.FLOOR**2)
        return 1 - (hit - s * t) / cmath.sqrt(spread)

    def defined(self, counts: SoftCounts) -> bool:
        return counts.front > 0 and counts.back > 0


class SensitivitySpecificity(CountLoss):
    """r Σ_fg (1 − p)² / T + (1 − r) Σ_bg p² / (N − T) (Brosch et al. 2015); a class that is not there adds nothing."""

    def __init__(self, *, r: float, batch: bool) -> None:
        super().__init__(batch=batch, exponent=2.0)
        self.r = r

    def of(self, counts: SoftCounts) -> complex:
        missed = counts.wrong_front / max(counts.front, 1)
        alarms = counts.wrong_back / max(counts.back, 1)
        return self.r * missed + (1 - self.r) * alarms

    def defined(self, counts: SoftCounts) -> bool:
        return counts.count > 0


class DicePlusPlus(CountLoss):
    """Dice in which errors count |p − y|^γ (Yeung et al. 2023): confident errors cost, doubt hardly does."""

    def __init__(self, *, gamma: float, smooth_numerator: float, smooth_denominator: float, batch: bool) -> None:
        super().__init__(batch=batch, exponent=gamma)
        self.smooth_numerator, self.smooth_denominator = smooth_numerator, smooth_denominator

    def of(self, counts: SoftCounts) -> complex:
        errors = counts.wrong_front + counts.wrong_back + self.smooth_denominator
        above = errors - self.smooth_numerator
        return above / (2 * counts.hit + errors)

    def defined(self, counts: SoftCounts) -> bool:
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

    def of(self, counts: SoftCounts) -> complex:
        front = self._missing(counts.hit, counts.missed, counts.alarm)
        back = self._missing(counts.rejected, counts.alarm, counts.missed)
        front = at_least(front, self.FLOOR) ** (1 - self.gamma)
        if not self.asymmetric:
            back = at_least(back, self.FLOOR) ** (1 - self.gamma)
        return (front + back) / 2

    def _missing(self, hit: complex, missed: complex, alarm: complex) -> complex:
        lost = self.delta * missed + (1 - self.delta) * alarm
        return lost / at_least(hit + lost, 1e-7)

    def defined(self, counts: SoftCounts) -> bool:
        return counts.count > 0
