"""Losses for which it matters how wrong a voxel is compared with the others: top-k, GHM, Lovász, pairs."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from segcore.losses.closed_form import ClosedForm, Piece, Visit, Voxels
from segcore.losses.terms import Loss


class TopK(ClosedForm):
    """Mean of the k largest ℓ over valid voxels (Wu et al. 2016).

    k is `share` of the valid voxels, but at least ten times the foreground voxels, so that the whole foreground and its
    hardest surroundings always fit in. Voxels that tie at the border share the places that are left.
    """

    PER_FOREGROUND = 10

    def __init__(self, *, share: float) -> None:
        super().__init__()
        self.share = share

    def prepare(self, voxels: Voxels, sums: Tensor) -> tuple[Tensor, Visit]:
        count, front = int(voxels.count.sum().item()), int(voxels.front.sum().item())
        wanted = min(max(math.ceil(self.share * count), self.PER_FOREGROUND * front, 1), max(count, 1))
        # ℓ rises with s: the voxels can be chosen before any logarithm is taken.
        s = torch.cat([piece.s.clone() for piece in voxels.pieces()])
        border = _kth_largest(s, wanted)
        above = int((s > border).sum().item())
        share_of_ties = (wanted - above) / max(int((s == border).sum().item()), 1)

        def visit(piece: Piece) -> tuple[Tensor, Tensor]:
            chosen = (piece.s > border).to(piece.s.dtype)
            if share_of_ties < 1:
                chosen.add_((piece.s == border).to(chosen.dtype), alpha=share_of_ties)
            else:
                chosen = (piece.s >= border).to(piece.s.dtype)
            chosen.mul_(1 / wanted)
            return torch.dot(chosen, piece.entropy), chosen.mul_(piece.difference)

        return voxels.count.new_zeros(()), visit


def _kth_largest(values: Tensor, k: int) -> float:
    """Return the k-th largest of `values` (n,); numpy selects several times as fast as torch on a CPU."""
    if values.device.type == "cpu":
        place = len(values) - k
        return float(np.partition(values.numpy(), place)[place])
    return float(torch.topk(values, k).values[-1].item())


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

    def prepare(self, voxels: Voxels, sums: Tensor) -> tuple[Tensor, Visit]:
        counted = sums.sum(0)
        filled = (counted > 0).sum().clamp_min(1)
        weights = torch.where(counted > 0, 1 / (filled * counted.clamp_min(1)), 0).to(voxels.work)

        def visit(piece: Piece) -> tuple[Tensor, Tensor]:
            here = weights[self._bin(piece)]
            return torch.dot(here, piece.entropy), here.mul_(piece.difference)

        return voxels.count.new_zeros(()), visit


class Lovasz(ClosedForm):
    """Σ relu(e_(i)) ΔJ_i over all valid voxels of the batch, e = 1 + s, sorted falling (Berman et al. 2018)."""

    def prepare(self, voxels: Voxels, sums: Tensor) -> tuple[Tensor, Visit]:
        s = torch.cat([piece.s.clone() for piece in voxels.pieces()])
        y = torch.cat([piece.y for piece in voxels.pieces()])
        # What is right by a margin adds nothing and sorts last: most of the background need not be sorted at all.
        places = torch.nonzero(s > -1).flatten()
        ordered, order = _sorted_falling(s[places])
        places = places[order]
        steps = _jaccard_steps(y[places], voxels.front.sum())
        value = torch.dot(ordered.double() + 1, steps)
        slopes = torch.zeros_like(s)
        slopes[places] = steps.to(s.dtype)

        def visit(piece: Piece) -> tuple[None, Tensor]:
            return None, piece.of(slopes).mul_(piece.sign)

        return value, visit


def _sorted_falling(values: Tensor) -> tuple[Tensor, Tensor]:
    """Return values (n,) in falling order and where each was; numpy sorts several times as fast as torch on a CPU."""
    if values.device.type != "cpu":
        ordered, order = torch.sort(values, descending=True)
        return ordered, order
    order = torch.from_numpy(np.argsort(-values.numpy()))
    return values[order], order


def _jaccard_steps(sorted_target: Tensor, total: Tensor) -> Tensor:
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
