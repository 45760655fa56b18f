"""Losses for which it matters how wrong a voxel is compared with the others: top-k, GHM, Lovász, pairs."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from segcore.losses.arithmetic import entropy_sum
from segcore.losses.closed_form import ClosedForm, Sums, Visit
from segcore.losses.terms import Loss
from segcore.losses.voxels import NEVER, Piece, Slope, Voxels


class TopK(ClosedForm):
    """Mean of the k largest ℓ over valid voxels (Wu et al. 2016).

    k is `share` of the valid voxels, but at least ten times the foreground voxels, so that the whole foreground and its
    hardest surroundings always fit in. Voxels that tie at the border share the places that are left.
    """

    PER_FOREGROUND = 10

    def __init__(self, *, share: float) -> None:
        super().__init__()
        self.share = share

    def prepare(self, voxels: Voxels, sums: Sums) -> tuple[float, Visit]:
        count, front = int(sum(voxels.count)), int(sum(voxels.front))
        wanted = min(max(math.ceil(self.share * count), self.PER_FOREGROUND * front, 1), max(count, 1))
        border, above, tied = _ranked(_wrongness(voxels).flatten(), wanted)
        left = wanted - above
        value = left / wanted * _softplus(border)

        def visit(piece: Piece) -> tuple[Tensor, Slope]:
            # ℓ rises with s: whoever is not chosen need only say never.
            s = torch.ops.aten.threshold.out(piece.s, border, -NEVER, out=piece.new())
            w = torch.sigmoid(s, out=piece.new())
            total = entropy_sum(s, w, piece.new())
            at_border = piece.s == border
            if bool(at_border.any()):
                w.add_(at_border, alpha=left / tied * float(torch.sigmoid(torch.tensor(border))))
            return total / wanted, Slope.by_s(w, scale=1 / wanted)

        return value, visit


def _wrongness(voxels: Voxels) -> Tensor:
    """Return s of every voxel, (rows, voxels)."""
    result = voxels.room()
    for piece in voxels.pieces():
        result[piece.row, piece.span] = piece.s
    return result


def _ranked(values: Tensor, k: int) -> tuple[float, int, int]:
    """Return the k-th largest of `values` (n,), how many are larger, and how many are equal; `values` is used up.

    numpy selects several times as fast as torch on a CPU.
    """
    if values.device.type == "cpu":
        array = values.numpy()
        place = len(array) - k
        array.partition(place)
        border = array[place]
        return float(border), int(np.count_nonzero(array[place:] > border)), int(np.count_nonzero(array == border))
    border = float(torch.topk(values, k).values[-1])
    return border, int((values > border).sum()), int((values == border).sum())


def _softplus(s: float) -> float:
    return max(s, 0.0) + math.log1p(math.exp(-abs(s)))


class GradientHarmonised(ClosedForm):
    """GHM-C (Li et al. 2019): ℓ weighted by how few voxels are as wrong as this one, in `bins` classes of |p − y|.

    Weights N / (filled bins · voxels in the bin) are constants of the gradient. No running mean over batches, so that a
    run that is stopped and resumed goes on alike.
    """

    needs_sums = True

    def __init__(self, *, bins: int) -> None:
        super().__init__()
        self.bins = bins

    def _bin(self, piece: Piece) -> Tensor:
        return (piece.wrong * self.bins).long().clamp_max_(self.bins - 1)

    def sums(self, piece: Piece) -> list[Tensor]:
        counted = torch.zeros(self.bins, dtype=torch.float64, device=piece.z.device)
        counted.index_add_(0, self._bin(piece), piece.valid.double())
        return list(counted.unbind())

    def prepare(self, voxels: Voxels, sums: Sums) -> tuple[float, Visit]:
        counted = [sum(column) for column in zip(*sums, strict=True)]
        filled = max(sum(count > 0 for count in counted), 1)
        weights = torch.tensor([1 / (filled * max(count, 1)) for count in counted], dtype=voxels.work)

        def visit(piece: Piece) -> tuple[Tensor, Slope]:
            here = weights.to(piece.z.device)[self._bin(piece)]
            return torch.dot(here, piece.entropy), Slope.by_s(here.mul_(piece.wrong))

        return 0.0, visit


class Lovasz(ClosedForm):
    """Σ relu(e_(i)) ΔJ_i over all valid voxels of the batch, e = 1 + s, sorted falling (Berman et al. 2018)."""

    def prepare(self, voxels: Voxels, sums: Sums) -> tuple[float, Visit]:
        s = _wrongness(voxels).flatten()
        y = voxels.whole_y.flatten()
        # What is right by a margin adds nothing and sorts last: most of the background need not be sorted at all.
        places = torch.nonzero(s > -1).flatten()
        ordered, order = _sorted_falling(s[places])
        places = places[order]
        steps = _jaccard_steps(y[places], sum(voxels.front))
        value = float(torch.dot(ordered.double() + 1, steps))
        slopes = torch.zeros_like(s)
        slopes[places] = steps.to(s.dtype)

        def visit(piece: Piece) -> tuple[None, Slope]:
            return None, Slope.by_s(piece.of(slopes))

        return value, visit


def _sorted_falling(values: Tensor) -> tuple[Tensor, Tensor]:
    """Return values (n,) in falling order and where each was; numpy sorts several times as fast as torch on a CPU."""
    if values.device.type != "cpu":
        ordered, order = torch.sort(values, descending=True)
        return ordered, order
    order = torch.from_numpy(np.argsort(-values.numpy()))
    return values[order], order


def _jaccard_steps(sorted_target: Tensor, total: float) -> Tensor:
    """Return the increments of the Jaccard loss when voxels turn wrong one after another, (n,) float64.

    Parameters
    ----------
    sorted_target
        (n,) the voxels with an error, worst first.
    total
        Foreground voxels, also those without an error.
    """
    # Counts are exact in float64; float32 stops counting at 16.7 million voxels.
    found = sorted_target.double().cumsum(0)
    wrong = torch.arange(1, sorted_target.numel() + 1, device=sorted_target.device, dtype=torch.float64) - found
    loss = 1 - (total - found) / (total + wrong)
    return torch.diff(loss, prepend=loss.new_zeros(1))


class PairwiseRanking(Loss):
    """mean of max(0, m − (z_f − z_b))² over pairs of foreground and background: a surrogate of the area under ROC.

    Of each class at most `MOST` voxels take part: all foreground or an even choice of it, and of the background half
    the hardest and half an even choice, so that the result depends on nothing but the batch. 0 without pairs.
    """

    MOST = 1024

    def __init__(self, *, margin: float) -> None:
        super().__init__()
        self.margin = margin

    def value(self, z: Tensor, y: Tensor, m: Tensor) -> Tensor:
        front, back = z[(y > 0) & (m > 0)], z[(y == 0) & (m > 0)]
        if not len(front) or not len(back):
            return (z * 0).sum()
        front = front.sort(descending=True).values
        back = back.sort(descending=True).values
        front = front[_evenly(len(front), self.MOST)]
        hardest, others = back[: self.MOST // 2], back[self.MOST // 2 :]
        back = torch.cat([hardest, others[_evenly(len(others), self.MOST // 2)]])
        short = (self.margin - front[:, None] + back[None, :]).clamp_min(0)
        return (short**2).mean()


def _evenly(count: int, most: int) -> Tensor:
    """Return at most `most` places among `count`, evenly spread."""
    if count <= most:
        return torch.arange(count)
    return torch.linspace(0, count - 1, most, dtype=torch.float64).round().long()
