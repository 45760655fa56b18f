"""Deep supervision: the decoder's coarse levels must say where lesions are, too."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from segcore.losses.terms import Loss


class DeepSupervision(nn.Module):
    """Heads on the coarse levels, and the loss over all levels; used in training only, never part of a model.

    Each level counts half of the next finer one (Isensee et al. 2021, doi:10.1038/s41592-020-01008-z). Targets are
    max-pooled: a lesion of one voxel is still there at every level, where nearest-neighbour resampling would lose it.

    Parameters
    ----------
    widths
        Channels of each level's features, coarsest first.
    dimensions
        2 or 3.
    prior_logit
        What an untrained head says.
    """

    def __init__(self, widths: Sequence[int], dimensions: int, *, prior_logit: float) -> None:
        super().__init__()
        convolution = nn.Conv2d if dimensions == 2 else nn.Conv3d
        heads = [convolution(width, 1, 1) for width in widths]
        for head in heads:
            nn.init.normal_(head.weight, std=0.01)
            if head.bias is not None:
                nn.init.constant_(head.bias, prior_logit)
        self.heads = nn.ModuleList(heads)

    def forward(self, loss: Loss, logits: Tensor, features: Sequence[Tensor], target: Tensor, valid: Tensor) -> Tensor:
        """Return the weighted mean of the loss over the levels.

        Parameters
        ----------
        logits, target, valid
            (N, 1, *spatial) at full resolution.
        features
            (N, width, *spatial / stride) of each level, coarsest first.
        """
        total: Tensor = loss(logits, target, valid)
        weights, weight = 1.0, 1.0
        for head, feature in zip(reversed(self.heads), reversed(features), strict=True):
            weight /= 2
            weights += weight
            total = total + weight * loss(head(feature), *pooled(target, valid, feature.shape[2:]))
        return total / weights


def pooled(target: Tensor, valid: Tensor, shape: torch.Size) -> tuple[Tensor, Tensor]:
    """Return target and valid (N, 1, *spatial) at a coarser `shape`: foreground where any voxel below is foreground."""
    pool = functional.adaptive_max_pool2d if len(shape) == 2 else functional.adaptive_max_pool3d
    return pool(target * valid, list(shape)), pool(valid, list(shape))
