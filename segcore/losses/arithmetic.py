"""Arithmetic over the voxels of a piece, in as few passes as it goes."""

from __future__ import annotations

import torch
from torch import Tensor


def affine(x: Tensor, factor: float, offset: float, *, out: Tensor) -> Tensor:
    """Return factor · x + offset in `out`."""
    return torch.add(torch.tensor(offset, dtype=x.dtype, device=x.device), x, alpha=factor, out=out)


def nearer_end(p: Tensor, *, out: Tensor) -> Tensor:
    """Return min(p, 1 − p) in `out`; the same for w."""
    torch.sub(1, p, out=out)
    return torch.minimum(out, p, out=out)


def entropy_sum(s: Tensor, p: Tensor, room: Tensor, *, y: Tensor | None = None) -> Tensor:
    """Return Σ ℓ = Σ max(s, 0) − ln(1 − min(p, 1 − p)), scalar, of all voxels or of those where y is 1.

    Parameters
    ----------
    s
        (n,) logits of being wrong.
    p
        (n,) probabilities, or σ(s).
    room
        (n,) to be written to.
    """
    far = torch.clamp_min(s, 0, out=room)
    total = far.sum() if y is None else torch.dot(far, y)
    nearer = nearer_end(p, out=room)
    return total - log_rest_sum(nearer if y is None else nearer.mul_(y))


def log_rest_sum(shares: Tensor) -> Tensor:
    """Return Σ ln(1 − c) for c in 0..½, scalar; `shares` (n,) is used up.

    Eight factors are multiplied before one logarithm is taken, in the form 1 − (1 − a)(1 − b) = a + b − a b, which loses
    nothing where c is small, and little where it is ½: eight such factors leave 2^−8, which float32 still tells from 0.
    """
    tail = len(shares) % 8
    rest = shares[len(shares) - tail :].neg().log1p_().sum() if tail else shares.new_zeros(())
    left = shares[: len(shares) - tail]
    if not len(left):
        return rest
    for _ in range(3):
        half = len(left) // 2
        a, b = left[:half], left[half:]
        torch.addcmul(a, a, b, value=-1, out=a)
        left = a.add_(b)
    return rest + left.neg_().log1p_().sum()
