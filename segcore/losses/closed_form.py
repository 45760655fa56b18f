"""Losses whose gradient has a closed form: value and dL/dz in one or two walks over the voxels.

Autograd would keep every array on the way (four to twenty times the logits). Here the voxels are walked through in
pieces, see `segcore.losses.voxels`; the gradient is the only array of the logits' size. Losses of a sum share what they
need of each piece, so that Dice and cross-entropy together cost one sigmoid.
"""

from __future__ import annotations

import itertools
from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from segcore.losses.terms import Loss
from segcore.losses.voxels import Piece, Slope, Voxels

#: What was summed over each row in the first walk, (rows, number of sums).
Sums = Sequence[Sequence[float]]
#: The piece's part of the value (None where the value is known already), and its slope.
Visit = Callable[[Piece], tuple[Tensor | None, Slope]]


class ClosedForm(Loss):
    """A loss with a closed form; several are evaluated together by `evaluate`."""

    #: Whether it reduces by sample.
    by_sample = False
    #: Whether its gradient is known only after a first walk over all voxels.
    needs_sums = False

    def sums(self, piece: Piece) -> Sequence[Tensor]:
        """Return what is summed over a row in the first walk, if any loss of the sum needs one."""
        return ()

    @abstractmethod
    def prepare(self, voxels: Voxels, sums: Sums) -> tuple[float, Visit]:
        """Return the part of the value that is known before, and what is to be done with each piece.

        Parameters
        ----------
        sums
            Of each row; none where there was no first walk.
        """

    def forward(self, logits: Tensor, target: Tensor, valid: Tensor | None = None) -> Tensor:
        """Return the loss; see `Loss`."""
        return closed_form_value([(1.0, self)], logits, target, valid)

    def value(self, z: Tensor, y: Tensor, m: Tensor) -> Tensor:
        return closed_form_value([(1.0, self)], z, y, m)


Weighted = Sequence[tuple[float, ClosedForm]]


def closed_form_value(terms: Weighted, logits: Tensor, target: Tensor, valid: Tensor | None) -> Tensor:
    """Return Σ λ L, differentiable once; the arguments are those of a `Loss`."""
    with torch.autocast(logits.device.type, enabled=False):
        return cast(Tensor, _Function.apply(logits, target, valid, terms))  # type: ignore[no-untyped-call]


def evaluate(
    terms: Weighted, logits: Tensor, target: Tensor, valid: Tensor | None, *, with_gradient: bool
) -> tuple[Tensor, Tensor | None]:
    """Return Σ λ L and its gradient by the logits, (N, 1, *spatial) in the working type."""
    voxels = Voxels(logits, target, valid, by_sample=any(term.by_sample for _, term in terms))
    kept = torch.empty(voxels.extent, dtype=voxels.work, device=logits.device) if with_gradient else None
    two_walks = any(term.needs_sums for _, term in terms)
    sums = _sums(terms, voxels, kept) if two_walks else [[[] for _ in voxels.count] for _ in terms]
    voxels.lend(None if two_walks else kept)
    before, visits = 0.0, list[tuple[float, Visit]]()
    for (weight, term), known in zip(terms, sums, strict=True):
        value, visit = term.prepare(voxels, known)
        before += weight * value
        visits.append((weight, visit))
    parts: list[Tensor] = []
    for piece in voxels.pieces(kept, by_p=two_walks, known=two_walks):
        slopes = []
        for weight, visit in visits:
            part, slope = visit(piece)
            if part is not None:
                parts.append(part.double() * weight)
            slopes.append((weight, slope))
        piece.write_gradient(slopes)
    total = torch.tensor(before, dtype=torch.float64, device=logits.device)
    if parts:
        total += torch.stack(parts).sum()
    return total.to(voxels.work), None if kept is None else kept.reshape(logits.shape)


def _sums(terms: Weighted, voxels: Voxels, kept: Tensor | None) -> list[list[list[float]]]:
    """Walk over all voxels once; leaves their probabilities in `kept`, and waits for the device once."""
    found: list[Tensor] = []
    rows: list[int] = []
    widths: list[int] = []
    for piece in voxels.pieces(kept, by_p=True):
        here = [term.sums(piece) for _, term in terms]
        found += itertools.chain.from_iterable(here)
        rows.append(piece.row)
        widths = [len(mine) for mine in here]
    numbers = iter(torch.stack(found).tolist())
    result = [[[0.0] * width for _ in voxels.count] for width in widths]
    for row in rows:
        for mine, width in zip(result, widths, strict=True):
            mine[row] = [total + next(numbers) for total in mine[row]] if width else []
    return result


class _Function(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor, target: Tensor, valid: Tensor | None, terms: Weighted) -> Tensor:
        value, gradient = evaluate(terms, logits, target, valid, with_gradient=ctx.needs_input_grad[0])
        ctx.gradient, ctx.terms = gradient, terms
        ctx.save_for_backward(logits, target, valid)
        return value

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None, None, None]:
        logits, target, valid = ctx.saved_tensors
        # Handed on, not copied; who asks a second time waits for it a second time.
        gradient, ctx.gradient = ctx.gradient, None
        if gradient is None:
            _, gradient = evaluate(ctx.terms, logits, target, valid, with_gradient=True)
        # Nearly always 1; on a GPU it is not waited for.
        if upstream.device.type != "cpu" or float(upstream) != 1:
            gradient = gradient.mul_(upstream)
        return gradient.to(logits.dtype), None, None, None
