"""The Lovász hinge: the convex extension of the Jaccard loss on sorted hinge errors (Berman et al. 2018)."""

from __future__ import annotations

import torch
from torch import Tensor

from segcore.losses.terms import Loss


class Lovasz(Loss):
    """Σ relu(e_(i)) ΔJ_i over all valid voxels of the batch, e = 1 − z (2y − 1), sorted falling."""

    def value(self, z: Tensor, y: Tensor, m: Tensor) -> Tensor:
        keep = m > 0
        logits, target = z[keep], y[keep]
        if logits.numel() == 0:
            return (z * 0).sum()
        errors = 1 - logits * (2 * target - 1)
        total = target.sum(dtype=torch.float64)
        # What is right by a margin adds nothing and sorts last: most of the background need not be sorted at all.
        wrong = errors > 0
        ordered, order = torch.sort(errors[wrong], descending=True)
        return torch.dot(ordered, _jaccard_steps(target[wrong][order], total))


def _jaccard_steps(sorted_target: Tensor, total: Tensor) -> Tensor:
    """Return the increments of the Jaccard loss when voxels turn wrong one after another, (n,).

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
    return torch.diff(loss, prepend=loss.new_zeros(1)).to(sorted_target.dtype)
