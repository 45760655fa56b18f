"""Who pulls on the network: the share of the gradient that comes from the foreground."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class GradientShare:
    """Sums of |dL/dz| over foreground and background voxels, and over those of samples without foreground."""

    foreground: float
    background: float
    empty: float

    @property
    def share(self) -> float:
        """Foreground's share, 0..1; 0 where there is no gradient."""
        total = self.foreground + self.background
        return self.foreground / total if total > 0 else 0.0


def class_share(gradient: Tensor, target: Tensor) -> GradientShare:
    """Return the shares for the gradient of a loss with respect to its logits.

    Parameters
    ----------
    gradient
        (N, 1, *spatial), as left by ``backward`` in ``logits.grad``.
    target
        Same shape, 0 or 1.
    """
    size = gradient.detach().abs().flatten(1).double()
    hit = target.flatten(1) > 0
    per_sample = size.sum(1)
    foreground = (size * hit).sum(1)
    empty = per_sample[~hit.any(1)].sum()
    front = float(foreground.sum())
    return GradientShare(foreground=front, background=float(per_sample.sum()) - front, empty=float(empty))
