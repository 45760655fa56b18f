"""Where the lesions are: built once per mask, so that drawing a patch costs nothing however large the scan."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from segcore.geometry import Box
from segcore.scans.components import label_lesions
from segcore.scans.volume import FOREGROUND, UNLABELLED, Labels

Voxel: TypeAlias = tuple[int, int, int]
Chances: TypeAlias = NDArray[np.float64]
Positions: TypeAlias = NDArray[np.signedinteger[Any]]

#: Voxels kept per lesion; a larger one is thinned evenly, which changes where patches fall by less than a voxel.
MOST_PER_LESION = 65_536
#: Numbers before the offsets in a packed index: shape, labelled box, lesions.
_HEAD = 10
#: Voxels looked at together: a mask is nearly all zero, so eight bytes are compared at once.
_WORD = 8
#: A mask in whose bounding box foreground is rarer than one in so many is grouped by neighbours, not voxel by voxel.
_SPARSE = 50


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LesionIndex:
    """The foreground voxels of one mask, grouped by lesion.

    Parameters
    ----------
    shape
        (planes, rows, columns) of the mask.
    flat
        (n,) int32 positions in the flattened mask (int64 beyond 2³¹ voxels), lesion after lesion, rising in each.
    offsets
        (lesions + 1,) int64; lesion i owns ``flat[offsets[i]:offsets[i + 1]]``.
    sizes
        (lesions,) int64 true sizes in voxels, also of lesions that were thinned.
    labelled
        Bounding box of the voxels that are not unlabelled.
    """

    shape: tuple[int, int, int]
    flat: Positions
    offsets: NDArray[np.int64]
    sizes: NDArray[np.int64]
    labelled: Box

    @classmethod
    def build(cls, labels: Labels, *, most_per_lesion: int = MOST_PER_LESION) -> LesionIndex:
        """Return the index of a mask (planes, rows, columns) uint8, which may be memory-mapped."""
        shape = (int(labels.shape[0]), int(labels.shape[1]), int(labels.shape[2]))
        found, all_known = _foreground_positions(labels)
        labelled = Box((0, 0, 0), shape)
        if not all_known:
            labelled = Box.around(np.asarray(labels) != UNLABELLED) or Box((0, 0, 0), (0, 0, 0))
        owner, count = _owners(found, shape)
        order = np.argsort(owner, kind="stable")
        edges = np.searchsorted(owner[order], np.arange(1, count + 2)).astype(np.int64)
        members = [_thinned(found[order[a:b]], most_per_lesion) for a, b in itertools.pairwise(edges)]
        kind: type[np.signedinteger[Any]] = np.int32 if labels.size <= np.iinfo(np.int32).max else np.int64
        return cls(
            shape=shape,
            flat=np.concatenate(members).astype(kind) if members else np.zeros(0, kind),
            offsets=np.cumsum([0, *(len(m) for m in members)], dtype=np.int64),
            sizes=np.diff(edges),
            labelled=labelled,
        )

    def packed(self) -> Positions:
        """Return all of it as one array, for a file that can be memory-mapped: shape, box, offsets, sizes, positions."""
        head = [*self.shape, *self.labelled.start, *self.labelled.stop, self.lesions]
        parts = (np.asarray(head), self.offsets, self.sizes, self.flat)
        return np.concatenate([np.asarray(part, dtype=self.flat.dtype) for part in parts])

    @classmethod
    def unpacked(cls, packed: Positions) -> LesionIndex:
        """Return the index that `packed` holds; its positions stay where they are, on disk if that is mapped.

        Raises
        ------
        ValueError
            If it is cut short or holds something else.
        """
        head = [int(number) for number in packed[:_HEAD]]
        lesions = head[-1] if len(head) == _HEAD else -1
        lengths = [_HEAD, lesions + 1, lesions]
        ends = np.cumsum(lengths)
        offsets, sizes, flat = packed[ends[0] : ends[1]], packed[ends[1] : ends[2]], packed[ends[2] :]
        if lesions < 0 or len(offsets) != lesions + 1 or len(flat) != offsets[-1]:
            raise ValueError("not a lesion index")
        return cls(
            shape=(head[0], head[1], head[2]),
            flat=flat,
            offsets=offsets.astype(np.int64),
            sizes=sizes.astype(np.int64),
            labelled=Box((head[3], head[4], head[5]), (head[6], head[7], head[8])),
        )

    @property
    def lesions(self) -> int:
        """Number of lesions."""
        return len(self.sizes)

    @property
    def foreground_voxels(self) -> int:
        """Number of foreground voxels in the mask."""
        return int(self.sizes.sum())

    def chances(self, size_exponent: float) -> Chances:
        """Return (lesions,) running sums of probabilities ~ size^τ, for `draw`.

        τ = 1 draws every voxel alike, so that large lesions come more often; 0 draws every lesion alike.
        """
        weights = self.sizes.astype(np.float64) ** size_exponent
        return np.asarray(np.cumsum(weights) / weights.sum())

    def draw(self, rng: np.random.Generator, chances: Chances) -> Voxel:
        """Return a foreground voxel (plane, row, column): a lesion by its chance, then one of its voxels."""
        lesion = min(int(np.searchsorted(chances, rng.random(), side="right")), self.lesions - 1)
        return self.place_of(int(self.flat[rng.integers(self.offsets[lesion], self.offsets[lesion + 1])]))

    def place_of(self, position: int) -> Voxel:
        """Return the (plane, row, column) of a position in the flattened mask."""
        plane, rest = divmod(position, self.shape[1] * self.shape[2])
        row, column = divmod(rest, self.shape[2])
        return plane, row, column


def _foreground_positions(labels: Labels) -> tuple[NDArray[np.int64], bool]:
    """Return where foreground is in the flattened mask, rising, and whether every voxel is labelled."""
    flat = np.ascontiguousarray(labels).reshape(-1)
    whole = flat.size // _WORD * _WORD
    words = np.flatnonzero(flat[:whole].view(np.uint64) != 0)  # four times as fast as of the words themselves
    if words.size > whole // _WORD // 4:
        # Mostly unlabelled or foreground: nothing to skip.
        return np.flatnonzero(flat == FOREGROUND), bool((flat != UNLABELLED).all())
    nearby = (words[:, None] * _WORD + np.arange(_WORD)).reshape(-1)
    candidates = np.concatenate([nearby, np.arange(whole, flat.size)])
    values = flat[candidates]
    return np.asarray(candidates[values == FOREGROUND], dtype=np.int64), bool((values != UNLABELLED).all())


def _owners(found: NDArray[np.int64], shape: tuple[int, int, int]) -> tuple[NDArray[np.int32], int]:
    """Return the lesion, 1..count, of each position, and the count; lesions are numbered by their first voxel."""
    if found.size == 0:
        return np.zeros(0, np.int32), 0
    where = np.stack(np.unravel_index(found, shape))
    low = where.min(axis=1, keepdims=True)
    box = where.max(axis=1) - low[:, 0] + 1
    if found.size * _SPARSE < math.prod(box.tolist()):
        return _owners_of_few(where - low, box)
    inside = tuple(where - low)
    flags = np.zeros(tuple(where.max(axis=1) - low[:, 0] + 1), dtype=np.bool_)
    flags[inside] = True
    components, count = label_lesions(flags)
    return components[inside], count


def _owners_of_few(where: NDArray[np.int64], box: NDArray[np.int64]) -> tuple[NDArray[np.int32], int]:
    """Return the same from (3, n) places in raster order, by their neighbours instead of in the whole box."""
    from scipy import sparse  # noqa: PLC0415 - half a second that the start of the window must not pay
    from scipy.sparse import csgraph  # noqa: PLC0415 - see above

    # A border of one voxel: a step beyond an edge never meets a voxel at the opposite one.
    plane, row = int((box[1] + 2) * (box[2] + 2)), int(box[2] + 2)
    keys = np.array([plane, row, 1]) @ (where + 1)
    # Runs of voxels along a row, in raster order; runs touch where one, moved to the other's row, overlaps it within one.
    first = np.flatnonzero(np.diff(keys, prepend=-9) != 1)
    last = np.append(first[1:], len(keys)) - 1
    begins, ends = keys[first], keys[last]
    pairs = [np.zeros((2, 0), np.int64)]
    for reach in (row, plane - row, plane, plane + row):
        low = np.searchsorted(ends, begins + reach - 1)
        high = np.searchsorted(begins, ends + reach + 1, side="right")
        count = np.maximum(high - low, 0)
        one = np.repeat(np.arange(len(first)), count)
        other = np.arange(len(one)) - np.repeat(np.cumsum(count) - count, count) + np.repeat(low, count)
        pairs.append(np.stack([one, other]))
    left, right = np.concatenate(pairs, axis=1)
    graph = sparse.coo_matrix((np.ones(len(left), np.bool_), (left, right)), shape=(len(first), len(first)))
    count_of_lesions, owner = csgraph.connected_components(graph, directed=False)
    return np.repeat(owner.astype(np.int32) + 1, last - first + 1), int(count_of_lesions)


def _thinned(positions: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    if len(positions) <= most:
        return positions
    return positions[np.linspace(0, len(positions) - 1, most).round().astype(np.int64)]
