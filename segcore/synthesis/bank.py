"""The lesions that may be copied: those of the training cases, and nothing else."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from segcore.geometry import Box
from segcore.sampling.index import LesionIndex
from segcore.scans.volume import Labels

Flags = NDArray[np.bool_]
#: Voxels around a lesion, beyond the feather, by which its surroundings are judged. Ours.
RING = 3
#: A lesion with its margin may take at most this share of a patch's edge: a larger one would leave no room. Ours.
_LARGEST = 0.75
#: A single voxel may be an error of the pen; it is not multiplied.
_SMALLEST = 2


class Source(Protocol):
    """A training case; see `segcore.training.prepared`."""

    @property
    def image(self) -> NDArray[Any]: ...  # noqa: D102 - (channels, planes, rows, columns)
    @property
    def labels(self) -> Labels: ...  # noqa: D102 - (planes, rows, columns) uint8
    @property
    def index(self) -> LesionIndex: ...  # noqa: D102


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesion:
    """Where a lesion is: its case (index), its number in the case's `LesionIndex`, and its bounding box."""

    case: int
    number: int
    box: Box


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cutting:
    """A lesion cut out with its surroundings.

    Parameters
    ----------
    image
        (channels, planes, rows, columns) float32.
    lesion
        (planes, rows, columns): the lesion's voxels. In 2-D patches the planes beside the middle one are context.
    foreign
        Voxels that must not be taken along: other lesions and unlabelled voxels.
    case
        Index of the case it comes from.
    """

    image: NDArray[np.float32]
    lesion: Flags
    foreign: Flags
    case: int


class LesionBank:
    """The lesions of training cases, ready to be cut out.

    Parameters
    ----------
    cases
        Training cases only; validation and test cases must never get here.
    patch
        (planes, rows, columns) of the patches that receive lesions; larger lesions are left out.
    flat
        2-D patches: a lesion is cut out plane by plane, with its neighbours as context.
    margin
        Voxels around a lesion that are cut out with it.
    """

    def __init__(self, cases: Sequence[Source], patch: tuple[int, int, int], *, flat: bool, margin: int) -> None:
        self._cases, self._patch, self._flat, self._margin = cases, patch, flat, margin
        self.lesions: tuple[Lesion, ...] = tuple(
            lesion for number, case in enumerate(cases) for lesion in self._lesions_of(number, case)
        )

    def __len__(self) -> int:
        return len(self.lesions)

    @property
    def cases(self) -> tuple[int, ...]:
        """Indices of the cases that give lesions, rising."""
        return tuple(sorted({lesion.case for lesion in self.lesions}))

    def _lesions_of(self, number: int, case: Source) -> list[Lesion]:
        most = [max(1, math.floor(_LARGEST * edge)) for edge in self._patch]
        found = []
        for lesion in range(case.index.lesions):
            voxels = _voxels(case.index, lesion)
            low, high = voxels.min(axis=0), voxels.max(axis=0) + 1
            edges = high - low
            wide = edges[1] > most[1] or edges[2] > most[2] or (not self._flat and edges[0] > most[0])
            thinned = len(voxels) < case.index.sizes[lesion]
            if wide or thinned or len(voxels) < _SMALLEST:
                continue
            found.append(Lesion(case=number, number=lesion, box=Box(_triple(low), _triple(high))))
        return found

    def cut(self, lesion: Lesion, rng: np.random.Generator) -> Cutting:
        """Return a lesion with its margin; in 2-D the plane is drawn among those that it has voxels in."""
        case = self._cases[lesion.case]
        voxels = _voxels(case.index, lesion.number)
        low, high = np.array(lesion.box.start), np.array(lesion.box.stop)
        margin = np.clip((np.array(self._patch) - (high - low)) // 2, 0, self._margin)  # it must fit into a patch
        low, high = low - margin, high + margin
        if self._flat:
            low[0] = int(rng.choice(np.unique(voxels[:, 0]))) - self._patch[0] // 2
            high[0] = low[0] + self._patch[0]
            voxels = voxels[(voxels[:, 0] >= low[0]) & (voxels[:, 0] < high[0])]
        mine = np.zeros(tuple(high - low), dtype=bool)
        mine[tuple((voxels - low).T)] = True
        labels = _padded(np.asarray(case.labels), _triple(low), _triple(high))
        image = _padded(np.asarray(case.image), _triple(low), _triple(high))
        return Cutting(image=image.astype(np.float32), lesion=mine, foreign=(labels != 0) & ~mine, case=lesion.case)


def _voxels(index: LesionIndex, lesion: int) -> NDArray[np.int64]:
    """Return the (plane, row, column) of a lesion's voxels, (n, 3)."""
    flat = index.flat[index.offsets[lesion] : index.offsets[lesion + 1]]
    return np.stack(np.unravel_index(flat, index.shape), axis=1)


def _triple(voxel: NDArray[np.int64]) -> tuple[int, int, int]:
    p, r, c = voxel.tolist()
    return (p, r, c)


def _padded(values: NDArray[Any], low: Sequence[int], high: Sequence[int]) -> NDArray[Any]:
    """Return ``values[..., low:high]`` over the last three axes, its edge repeated beyond the array."""
    slices: list[Any] = []
    margins: list[tuple[int, int]] = []
    for a, b, extent in zip(low, high, values.shape[-3:], strict=True):
        inner_low, inner_high = min(max(a, 0), extent - 1), max(min(b, extent), 1)
        slices.append(slice(inner_low, inner_high))
        margins.append((max(inner_low - a, 0), max(b - inner_high, 0)))
    part = values[(..., *slices)]
    if any(before or after for before, after in margins):
        part = np.pad(part, [(0, 0)] * (values.ndim - 3) + margins, mode="edge")
    return part
