"""Losses whose gradient has a closed form: value and dL/dz in one or two walks over the voxels.

Autograd would keep every array on the way (four to twenty times the logits). Here the voxels are walked through in pieces
that stay in the processor's cache; the gradient is the only array of the logits' size. Losses of a sum share what they
need of each piece, so that Dice and cross-entropy together cost one sigmoid.
"""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from segcore.losses.terms import Loss, working_type

#: Voxels of a piece for each CPU thread: half a megabyte, so that some of them fit into the caches. Smaller ones cost more
#: in calls than they save (measured from 2^14 to 2^20).
_PIECE = 32 * 4099
#: Voxels of a piece on a GPU, where each piece costs a dozen launches.
_PIECE_ON_GPU = 1 << 24
#: Logit of ignored voxels: their probability is exactly 0, and so is every loss of them.
_NEVER = 1e4


class Voxels:
    """A batch as rows of voxels: one row for each sample where a loss reduces by sample, else a single one.

    Parameters
    ----------
    logits, target
        (N, 1, *spatial).
    valid
        Same shape, 0 or 1; None means all.

    Attributes
    ----------
    count, front
        (rows,) float64: valid voxels, and foreground among them.
    step
        Voxels of a piece.
    shape
        (N, *spatial) of the batch.
    """

    def __init__(self, logits: Tensor, target: Tensor, valid: Tensor | None, *, by_sample: bool) -> None:
        self.work = working_type(logits)
        self.shape = (logits.shape[0], *logits.shape[2:])
        rows = logits.shape[0] if by_sample else 1
        self._z, self._y = logits.reshape(rows, -1), target.reshape(rows, -1)
        self._m = None if valid is None else valid.reshape(rows, -1)
        length = self._z.shape[1]
        on_cpu = logits.device.type == "cpu"
        self.step = _PIECE * torch.get_num_threads() if on_cpu else min(_PIECE_ON_GPU, length)
        if self._m is None:
            self.count = torch.full((rows,), float(length), dtype=torch.float64, device=logits.device)
            self.front = _counted(self._y)
        else:
            self.count = _counted(self._m)
            self.front = _counted(self._y * self._m)

    def z(self, row: int, span: slice) -> Tensor:
        """Return the logits of a piece; those of ignored voxels say never."""
        z = self._z[row, span].to(self.work)
        if self._m is None:
            return z
        m = self._m[row, span].to(self.work)
        return torch.addcmul((m - 1) * _NEVER, z, m)

    def y(self, row: int, span: slice) -> Tensor:
        """Return the target of a piece, 0 at ignored voxels."""
        y = self._y[row, span].to(self.work)
        return y if self._m is None else y * self._m[row, span].to(self.work)

    def valid(self, row: int, span: slice) -> Tensor | None:
        """Return which voxels of a piece count; None for all."""
        return None if self._m is None else self._m[row, span].to(self.work)

    def pieces(self, kept: Tensor | None = None) -> Iterator[Piece]:
        """Yield all voxels piece by piece; `kept` (rows, voxels) holds probabilities from an earlier walk."""
        rows, length = self._z.shape
        step = self.step
        scratch = _scratch_for(self.work, self._z.device, step)
        for row in range(rows):
            for first in range(0, length, step):
                yield Piece(self, row, slice(first, min(first + step, length)), kept, scratch)

    @property
    def extent(self) -> tuple[int, int]:
        """(rows, voxels of a row)."""
        return self._z.shape[0], self._z.shape[1]

    def whole(self, what: Callable[[int, slice], Tensor]) -> Tensor:
        """Return all of `self.z`, `self.y` as (N, *spatial)."""
        rows, length = self.extent
        return torch.stack([what(row, slice(0, length)) for row in range(rows)]).reshape(self.shape)


_KEPT = threading.local()


def _scratch_for(work: torch.dtype, device: torch.device, length: int) -> list[Tensor]:
    """Return this thread's arrays for pieces; on a CPU they stay from call to call, a few megabytes in all.

    Memory that is asked for anew is filled with zeros by the system first, which costs more than the arithmetic.
    """
    if device.type != "cpu":
        return []
    key = (work, length)
    if getattr(_KEPT, "key", None) != key:
        _KEPT.key, _KEPT.arrays = key, []
    arrays: list[Tensor] = _KEPT.arrays
    return arrays


def _counted(flags: Tensor) -> Tensor:
    """Return how many flags are 1 in each row, (rows,) float64; exact, since float32 counts up to 2^24."""
    parts = [part.sum(1) for part in torch.split(flags, 1 << 24, dim=1)]
    return torch.stack(parts).sum(0, dtype=torch.float64)


class Piece:
    """Some voxels of one row, (n,), and what losses need of them, each computed when first asked for.

    With s = z (1 − 2 y), the logit of being wrong: w = σ(s) = |p − y|, ℓ = softplus(s). Nothing cancels in these.

    Parameters
    ----------
    scratch
        Arrays that the pieces of a walk share: fresh memory for each would cost more than the arithmetic.
    """

    def __init__(self, voxels: Voxels, row: int, span: slice, kept: Tensor | None, scratch: list[Tensor]) -> None:
        self._voxels, self.row, self.span, self._kept = voxels, row, span, kept
        self._scratch, self._taken = scratch, 0

    def new(self) -> Tensor:
        """Return an array (n,) to be written to; it belongs to this piece until the next one is walked to."""
        if self._taken == len(self._scratch):
            self._scratch.append(self._voxels.count.new_empty(self._voxels.step, dtype=self._voxels.work))
        self._taken += 1
        return self._scratch[self._taken - 1][: self.span.stop - self.span.start]

    @cached_property
    def z(self) -> Tensor:
        """Logits."""
        return self._voxels.z(self.row, self.span)

    @cached_property
    def y(self) -> Tensor:
        """Target."""
        return self._voxels.y(self.row, self.span)

    @cached_property
    def p(self) -> Tensor:
        """Probabilities."""
        return torch.sigmoid(self.z, out=self.new()) if self._kept is None else self._kept[self.row, self.span]

    @cached_property
    def q(self) -> Tensor:
        """P (1 − p)."""
        return torch.addcmul(self.p, self.p, self.p, value=-1, out=self.new())

    @cached_property
    def difference(self) -> Tensor:
        """P − y."""
        return torch.sub(self.p, self.y, out=self.new())

    @cached_property
    def s(self) -> Tensor:
        """Logits of being wrong; those of ignored voxels, which are background, say never."""
        return torch.addcmul(self.z, self.z, self.y, value=-2, out=self.new())

    @cached_property
    def sign(self) -> Tensor:
        """1 on background, −1 on foreground: ds/dz."""
        return torch.mul(self.y, -2, out=self.new()).add_(1)

    @cached_property
    def wrong(self) -> Tensor:
        """W = |p − y|."""
        return torch.sigmoid(self.s, out=self.new())

    @cached_property
    def entropy(self) -> Tensor:
        """ℓ, the cross-entropy of each voxel."""
        far = torch.clamp_min(self.s, 0, out=self.new())
        return far.add_(self.nearness().log1p_())

    def nearness(self) -> Tensor:
        """Return e^−|z| in an array of its own."""
        near = torch.abs(self.z, out=self.new())
        return torch.exp(near.neg_(), out=near)

    @cached_property
    def valid(self) -> Tensor:
        """Which voxels count."""
        m = self._voxels.valid(self.row, self.span)
        return torch.ones_like(self.z) if m is None else m

    def of(self, whole: Tensor) -> Tensor:
        """Return this piece of an array of the batch's size, as a copy."""
        return self.new().copy_(whole.reshape(self._voxels.extent)[self.row, self.span])


#: The piece's part of the value (None where the value is known already), and dL/dz (n,) in an array of its own.
Visit = Callable[[Piece], tuple[Tensor | None, Tensor]]


class ClosedForm(Loss):
    """A loss with a closed form; several are evaluated together by `evaluate`."""

    #: Whether it reduces by sample.
    by_sample = False
    #: Whether `sums` gives anything.
    needs_sums = False

    def sums(self, piece: Piece) -> Sequence[Tensor]:
        """Return what must be summed over a row before any gradient is known."""
        return ()

    @abstractmethod
    def prepare(self, voxels: Voxels, sums: Tensor) -> tuple[Tensor, Visit]:
        """Return the part of the value that is known from the sums, and what is to be done with each piece.

        Parameters
        ----------
        sums
            (rows, number of sums) float64.
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
    first_walk = any(term.needs_sums for _, term in terms)
    sums = _sums(terms, voxels, kept) if first_walk else [voxels.count.new_zeros(len(voxels.count), 0) for _ in terms]
    values: list[Tensor] = []
    visits: list[tuple[float, Visit]] = []
    for (weight, term), known in zip(terms, sums, strict=True):
        value, visit = term.prepare(voxels, known)
        values.append(weight * value)
        visits.append((weight, visit))
    for piece in voxels.pieces(kept if first_walk else None):
        slope: Tensor | None = None
        for weight, visit in visits:
            part, mine = visit(piece)
            if part is not None:
                values.append(weight * part.double())
            # Slopes are arrays of their own: the first one collects the others.
            slope = (mine.mul_(weight) if weight != 1 else mine) if slope is None else slope.add_(mine, alpha=weight)
        if kept is not None and slope is not None:
            kept[piece.row, piece.span] = slope
    total = torch.stack(values).sum()
    return total.to(voxels.work), None if kept is None else kept.reshape(logits.shape)


def _sums(terms: Weighted, voxels: Voxels, kept: Tensor | None) -> list[Tensor]:
    """Walk over all voxels once; leaves their probabilities in `kept`."""
    rows = len(voxels.count)
    found: list[list[Tensor]] = [[] for _ in terms]
    places: list[int] = []
    for piece in voxels.pieces():
        places.append(piece.row)
        for mine, (_, term) in zip(found, terms, strict=True):
            if term.needs_sums:
                mine.extend(term.sums(piece))
        if kept is not None:
            kept[piece.row, piece.span] = piece.p
    at = torch.tensor(places, device=voxels.count.device)
    result = []
    for mine in found:
        by_piece = (
            torch.stack(mine).double().reshape(len(places), -1) if mine else voxels.count.new_zeros(len(places), 0)
        )
        whole = by_piece.new_zeros(rows, by_piece.shape[1])
        result.append(whole.index_add_(0, at, by_piece))
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
        return gradient.mul_(upstream).to(logits.dtype), None, None, None


def log1p_sum(values: Tensor) -> Tensor:
    """Return Σ ln(1 + v) for v in 0..1, scalar; `values` (n,) is used up.

    Thirty-two factors are multiplied before one logarithm is taken, in the form (1 + a)(1 + b) − 1 = a + b + a b, which
    loses nothing where v is small. Four times as fast as a logarithm of each.
    """
    tail = len(values) % 32
    rest = values[len(values) - tail :].log1p().sum() if tail else values.new_zeros(())
    left = values[: len(values) - tail]
    for _ in range(5 if len(left) else 0):
        half = len(left) // 2
        a, b = left[:half], left[half:]
        torch.addcmul(a, a, b, out=a)
        left = a.add_(b)
    return rest + (left.log1p().sum() if len(left) else rest.new_zeros(()))
