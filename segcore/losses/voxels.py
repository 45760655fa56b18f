"""A batch walked through in pieces that stay in the processor's cache, and what losses need of each piece.

With s = z (1 − 2 y), the logit of being wrong: w = σ(s) = |p − y| and the cross-entropy ℓ = softplus(s). The same formulas
hold on foreground and background then, and nothing cancels where the network is right.

One array of the batch's size is kept. Losses with a first walk leave p in it, so that few hits in millions of voxels are
summed exactly; the others w. In the end it is the gradient.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import torch
from torch import Tensor

from segcore.losses.terms import working_type

#: Voxels of a piece for each CPU thread: half a megabyte, so that some of them fit into the caches. Smaller ones cost more in calls
#: than they save (measured from 2^14 to 2^20).
_PIECE = 32 * 4099
#: Voxels of a piece on a GPU, where each piece costs a dozen launches.
_PIECE_ON_GPU = 1 << 24
#: Logit of ignored voxels: their probability is exactly 0, and so is every loss of them.
NEVER = 1e4


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
        self._room: Tensor | None = None
        on_cpu = logits.device.type == "cpu"
        self.step = _PIECE * torch.get_num_threads() if on_cpu else _PIECE_ON_GPU
        self.step = min(self.step, self._z.shape[1])
        if self._m is not None:
            self.count = _counted(self._m)
            if on_cpu and float(self.count.sum()) == self._m.numel():
                self._m = None  # nothing is ignored, and that is known without waiting
        if self._m is None:
            self.count = torch.full((rows,), float(self._z.shape[1]), dtype=torch.float64, device=logits.device)
        self.front = _counted(self._y, self._m)

    def pieces(self, kept: Tensor | None = None, *, by_p: bool = False, known: bool = False) -> Iterator[Piece]:
        """Yield all voxels piece by piece.

        Parameters
        ----------
        kept
            (rows, voxels) where p or w, and at last the gradient, are written to; None where no gradient is wanted.
        by_p
            Whether p is computed first and w from it, or w alone.
        known
            Whether an earlier walk has left p in `kept` already.
        """
        scratch = _scratch_for(self.work, self._z.device)
        parts = zip(*(self._in_pieces(whole) for whole in (self._z, self._y, self._m, kept)), strict=True)
        for number, (z, y, valid, place) in enumerate(parts):
            row, first = divmod(number, self._per_row)
            span = slice(first * self.step, min((first + 1) * self.step, self._z.shape[1]))
            yield Piece(self, row, span, scratch, _Parts(z, y, valid, place), by_p=by_p, known=known)

    def _in_pieces(self, whole: Tensor | None) -> Iterable[Any]:
        """Return a piece's share of an array (rows, voxels), piece after piece; for none, as many times None."""
        if whole is None:
            return [None] * (len(self.count) * self._per_row)
        return itertools.chain.from_iterable(torch.split(row, self.step) for row in whole.unbind(0))

    def new_scratch(self) -> Tensor:
        """Return an array for one more thing of a piece; on a CPU as large as pieces ever are, since it is kept."""
        on_cpu = self._z.device.type == "cpu"
        length = _PIECE * torch.get_num_threads() if on_cpu else self.step
        return torch.empty(length, dtype=self.work, device=self._z.device)

    @property
    def _per_row(self) -> int:
        return -(-self._z.shape[1] // self.step)

    @property
    def extent(self) -> tuple[int, int]:
        """(rows, voxels of a row)."""
        return self._z.shape[0], self._z.shape[1]

    @property
    def inverse_count(self) -> float | Tensor:
        """1 / valid voxels of the batch, as `number` gives it."""
        return number(1 / self.count.sum().clamp_min(1.0))

    def lend(self, room: Tensor | None) -> None:
        """Let `room` have an array (rows, voxels) to give away, whose content nobody needs yet."""
        self._room = room

    def room(self) -> Tensor:
        """Return an array (rows, voxels) of the working type, to be used until the pieces are visited."""
        room, self._room = self._room, None
        return torch.empty(self.extent, dtype=self.work, device=self._z.device) if room is None else room

    @property
    def whole_z(self) -> Tensor:
        """Logits (N, *spatial); those of ignored voxels say never."""
        return hidden(self._z.to(self.work), self._m).reshape(self.shape)

    @property
    def whole_y(self) -> Tensor:
        """Target (N, *spatial), 0 at ignored voxels."""
        y = self._y.to(self.work)
        return (y if self._m is None else y * self._m).reshape(self.shape)


class _Parts(NamedTuple):
    z: Tensor
    y: Tensor
    valid: Tensor | None
    place: Tensor | None


def hidden(z: Tensor, valid: Tensor | None) -> Tensor:
    """Return logits with NEVER where they are not valid, of the same type."""
    return z if valid is None else torch.addcmul((valid.to(z.dtype) - 1) * NEVER, z, valid.to(z.dtype))


_KEPT = threading.local()


def _scratch_for(work: torch.dtype, device: torch.device) -> list[Tensor]:
    """Return this thread's arrays for pieces; on a CPU they stay from call to call, a few megabytes in all.

    Memory that is asked for anew is filled with zeros by the system first, which costs more than the arithmetic.
    """
    if device.type != "cpu":
        return []
    key = (work, torch.get_num_threads())
    if getattr(_KEPT, "key", None) != key:
        _KEPT.key, _KEPT.arrays = key, []
    arrays: list[Tensor] = _KEPT.arrays
    return arrays


def number(scalar: Tensor) -> float | Tensor:
    """Return a scalar as a number on a CPU, where that is cheap; as it is on a GPU, which would have to be waited for."""
    return float(scalar) if scalar.device.type == "cpu" else scalar


def _counted(flags: Tensor, among: Tensor | None = None) -> Tensor:
    """Return how many flags are 1 in each row, (rows,) float64, or how many of those in `among` are.

    Exact: a piece has fewer than 2^24 voxels, to which float32 counts.
    """
    most = 1 << 23
    parts = torch.split(flags, most, dim=1)
    if among is None:
        counts = [part.sum(1) for part in parts]
    else:
        both = zip(parts, torch.split(among, most, dim=1), strict=True)
        counts = [torch.einsum("rv,rv->r", part.float(), other.float()) for part, other in both]
    return torch.stack(counts).sum(0, dtype=torch.float64)


class Piece:
    """Some voxels of one row, (n,), and what losses need of them, each computed when first asked for.

    Parameters
    ----------
    scratch
        Arrays that the pieces of a walk share: fresh memory for each would cost more than the arithmetic.
    parts
        This piece of logits, target, valid flags and what is kept.
    by_p, known
        See `Voxels.pieces`.
    """

    def __init__(
        self,
        voxels: Voxels,
        row: int,
        span: slice,
        scratch: list[Tensor],
        parts: _Parts,
        *,
        by_p: bool,
        known: bool,
    ) -> None:
        self._voxels, self.row, self.span, self._parts = voxels, row, span, parts
        self._by_p, self._place, self._known = by_p, parts.place, known and parts.place is not None
        self._scratch, self._taken, self._free = scratch, 0, list[Tensor]()

    def new(self) -> Tensor:
        """Return an array (n,) to be written to; it belongs to this piece until the next one is walked to."""
        if self._free:
            return self._free.pop()
        if self._taken == len(self._scratch):
            self._scratch.append(self._voxels.new_scratch())
        self._taken += 1
        array, length = self._scratch[self._taken - 1], self.span.stop - self.span.start
        return array if len(array) == length else array[:length]

    def give_back(self, array: Tensor) -> None:
        """Take back an array of `new` that is not needed any more: fewer of them stay in the cache."""
        self._free.append(array)

    @cached_property
    def z(self) -> Tensor:
        """Logits; those of ignored voxels say never."""
        return hidden(self._parts.z.to(self._voxels.work), self._parts.valid)

    @cached_property
    def y(self) -> Tensor:
        """Target, 0 at ignored voxels."""
        y, valid = self._parts.y.to(self._voxels.work), self._parts.valid
        return y if valid is None else torch.mul(y, valid, out=self.new())

    @cached_property
    def s(self) -> Tensor:
        """Logits of being wrong; those of ignored voxels, which are background, say never."""
        return torch.addcmul(self.z, self.z, self.y, value=-2, out=self.new())

    @cached_property
    def _activated(self) -> Tensor:
        """P or w, whichever is computed first."""
        if self._known and self._place is not None:
            return self._place
        return torch.sigmoid(self.z if self._by_p else self.s, out=self.new() if self._place is None else self._place)

    @cached_property
    def p(self) -> Tensor:
        """Probabilities; not to be written to."""
        return self._activated if self._by_p else torch.sigmoid(self.z, out=self.new())

    @cached_property
    def wrong(self) -> Tensor:
        """W = |p − y|; not to be written to."""
        return torch.sub(self.p, self.y, out=self.new()).abs_() if self._by_p else self._activated

    @cached_property
    def q(self) -> Tensor:
        """P (1 − p); not to be written to."""
        return torch.addcmul(self._activated, self._activated, self._activated, value=-1, out=self.new())

    def error(self, *, scale: float | Tensor, front: float, back: float) -> Slope:
        """Return the slope of `scale` ℓ weighted with `front` and `back`: p − y, weighted."""
        if self._by_p:
            difference = torch.sub(self.p, self.y, out=self.new())
            return Slope(array=difference, scale=scale, front=front, back=back)
        return Slope(array=self.wrong, scale=scale, front=-front, back=back)

    @cached_property
    def sign(self) -> Tensor:
        """1 on background, −1 on foreground: ds/dz."""
        return affine(self.y, -2.0, 1.0, out=self.new())

    @cached_property
    def entropy(self) -> Tensor:
        """ℓ = max(s, 0) − ln(1 − min(w, 1 − w)), the cross-entropy of each voxel; not to be written to."""
        nearer = nearer_end(self._activated, out=self.new()).neg_().log1p_()
        # In the place of s, which is computed once more should anybody else want it.
        result = self.s.clamp_min_(0).sub_(nearer)
        del self.s
        self.give_back(nearer)
        return result

    def entropy_sums(self, *, with_front: bool) -> list[Tensor]:
        """Return [Σ ℓ], or [Σ ℓ, Σ ℓ over foreground]: a third of the price of every voxel's ℓ."""
        room = self.new()
        totals = [entropy_sum(self.s, self._activated, room)]
        if with_front:
            totals.append(entropy_sum(self.s, self._activated, room, y=self.y))
        self.give_back(room)
        return totals

    @cached_property
    def valid(self) -> Tensor:
        """Which voxels count."""
        valid = self._parts.valid
        return torch.ones_like(self.z) if valid is None else valid.to(self._voxels.work)

    def of(self, whole: Tensor) -> Tensor:
        """Return this piece of an array of the batch's size, as a copy."""
        return self.new().copy_(whole.reshape(self._voxels.extent)[self.row, self.span])

    def write_gradient(self, slopes: Sequence[tuple[float, Slope]]) -> None:
        """Write Σ weight · slope into this piece of what is kept; p and w are gone then."""
        if self._place is None:
            return
        (weight, first), *others = slopes
        if not others:
            first.weighed(self.y, weight, into=self._place)
            return
        # Only what all losses share must not be written to yet.
        shared = any(first.array is self.__dict__.get(name) for name in ("_activated", "wrong"))
        total = first.weighed(self.y, weight, into=self.new() if shared else first.array)
        for weight, slope in others:
            slope.add_to(total, self.y, weight)
        self._place.copy_(total)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Slope:
    """dL/dz of a piece: `array` (n,) times `scale`, times `front` on foreground and `back` on background."""

    array: Tensor
    scale: float | Tensor = 1.0
    front: float = 1.0
    back: float = 1.0

    @classmethod
    def by_s(cls, array: Tensor, *, scale: float | Tensor = 1.0, front: float = 1.0, back: float = 1.0) -> Slope:
        """Return the slope whose `array` is dL/ds: s falls where z rises on foreground."""
        return cls(array=array, scale=scale, front=-front, back=back)

    def weighed(self, y: Tensor, weight: float, *, into: Tensor) -> Tensor:
        """Return weight · dL/dz in `into`, which may be the array itself."""
        if self.front == self.back:
            return torch.mul(self.array, self.scale * (weight * self.back), out=into)
        if self.back:
            torch.addcmul(self.array, self.array, y, value=self.front / self.back - 1, out=into)
            return into.mul_(self.scale * (weight * self.back))
        return torch.mul(self.array, y, out=into).mul_(self.scale * (weight * self.front))

    def add_to(self, total: Tensor, y: Tensor, weight: float) -> None:
        """Add weight · dL/dz to `total`."""
        array, scale = (self.array * self.scale, 1.0) if isinstance(self.scale, Tensor) else (self.array, self.scale)
        total.add_(array, alpha=weight * scale * self.back)
        if self.front != self.back:
            total.addcmul_(array, y, value=weight * scale * (self.front - self.back))


def affine(x: Tensor, factor: float | Tensor, offset: float | Tensor, *, out: Tensor) -> Tensor:
    """Return factor · x + offset in `out`."""
    return torch.mul(x, factor, out=out).add_(offset)


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
