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

from segcore.losses.arithmetic import affine, entropy_sum, nearer_end
from segcore.losses.terms import working_type

#: Voxels of a piece for each CPU thread, at most: a megabyte, so that some of them fit into the caches. Smaller ones cost
#: more in calls than they save (measured from 2^15 to 2^19).
_PIECE = 64 * 4099
#: A small batch is cut into this many pieces, so that the arrays of a piece are little beside the batch.
_LEAST_PIECES = 3
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
        Valid voxels of each row, and foreground among them.
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
        self.step = _PIECE_ON_GPU
        if on_cpu:
            self.step = min(_PIECE * torch.get_num_threads(), logits.numel() // _LEAST_PIECES + 1)
        self.step = min(self.step, self._z.shape[1])
        self.count = [float(self._z.shape[1])] * rows
        if self._m is not None:
            self.count = _counted(self._m)
            if sum(self.count) == self._m.numel():
                self._m = None  # nothing is ignored
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
        scratch = _scratch_for(self.work, self._z.device, self.step)
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

    @property
    def _per_row(self) -> int:
        return -(-self._z.shape[1] // self.step)

    @property
    def extent(self) -> tuple[int, int]:
        """(rows, voxels of a row)."""
        return self._z.shape[0], self._z.shape[1]

    @property
    def inverse_count(self) -> float:
        """1 / valid voxels of the batch."""
        return 1 / max(sum(self.count), 1.0)

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


class _Scratch:
    """Arrays that the pieces of a walk share, made when they are first asked for."""

    def __init__(self, work: torch.dtype, device: torch.device, length: int) -> None:
        self.work, self.device, self.length = work, device, length
        self._arrays: list[Tensor] = []

    def array(self, number: int, length: int) -> Tensor:
        """Return the first `length` of an array."""
        if number == len(self._arrays):
            self._arrays.append(torch.empty(self.length, dtype=self.work, device=self.device))
        array = self._arrays[number]
        return array if length == self.length else array[:length]


_KEPT = threading.local()


def _scratch_for(work: torch.dtype, device: torch.device, length: int) -> _Scratch:
    """Return arrays for pieces; on a CPU they stay with this thread from call to call, a few megabytes in all.

    Memory that is asked for anew is filled with zeros by the system first, which costs more than the arithmetic. Batches
    of several sizes take turns (deep supervision): the arrays of the largest serve all.
    """
    kept: _Scratch | None = getattr(_KEPT, "scratch", None)
    if device.type == "cpu" and kept is not None and kept.work is work and kept.length >= length:
        return kept
    made = _Scratch(work, device, length)
    if device.type == "cpu":
        _KEPT.scratch = made
    return made


def _counted(flags: Tensor, among: Tensor | None = None) -> list[float]:
    """Return how many flags are 1 in each row, or how many of those in `among` are.

    Exact: a piece has fewer than 2^24 voxels, to which float32 counts.
    """
    most = 1 << 23
    parts = torch.split(flags, most, dim=1)
    if among is None:
        counts = [part.sum(1) for part in parts]
    else:
        both = zip(parts, torch.split(among, most, dim=1), strict=True)
        counts = [torch.einsum("rv,rv->r", part.float(), other.float()) for part, other in both]
    totals: list[float] = torch.stack(counts).sum(0, dtype=torch.float64).tolist()
    return totals


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
        scratch: _Scratch,
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
        self._taken += 1
        return self._scratch.array(self._taken - 1, self.span.stop - self.span.start)

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

    def error(self, *, scale: float, front: float, back: float) -> Slope:
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
        for place, (weight, slope) in enumerate(others, start=1):
            slope.add_to(total, self.y, weight, out=self._place if place == len(others) else total)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Slope:
    """dL/dz of a piece: `array` (n,) times `scale`, times `front` on foreground and `back` on background."""

    array: Tensor
    scale: float = 1.0
    front: float = 1.0
    back: float = 1.0

    @classmethod
    def by_s(cls, array: Tensor, *, scale: float = 1.0, front: float = 1.0, back: float = 1.0) -> Slope:
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

    def add_to(self, total: Tensor, y: Tensor, weight: float, *, out: Tensor) -> None:
        """Write `total` and weight · dL/dz to `out`, which may be `total` itself."""
        factor = weight * self.scale
        if self.front == self.back:
            torch.add(total, self.array, alpha=factor * self.back, out=out)
            return
        total.add_(self.array, alpha=factor * self.back)
        torch.addcmul(total, self.array, y, value=factor * (self.front - self.back), out=out)
