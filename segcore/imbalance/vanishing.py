"""Lesions that a coarser grid loses, and those that the network's coarse levels cannot see: listed per case.

The arithmetic is that of the training's own preparation (`segcore.inference.preparation`), which averages along shrinking
axes and interpolates along growing ones, without torch; tests hold the two to each other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segcore.catalog.networks import MULTIPLE
from segcore.geometry import Box, resampled_shape
from segcore.imbalance.kept import kept
from segcore.imbalance.traits import Place
from segcore.projects.case import Case
from segcore.projects.project import Project
from segcore.scans.body import body_box
from segcore.scans.components import label_lesions
from segcore.scans.volume import FOREGROUND, Labels

Flags = NDArray[np.bool_]
_VERSION = 1
#: A lesion narrower than this, in rows and columns of the prepared grid, is less than a cell once it is halved.
HALF = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """The grid that scans are brought to.

    Parameters
    ----------
    spacing
        (plane, row, column), mm; None leaves scans as they are.
    shrink
        Rows and columns are averaged over blocks of this many voxels.
    """

    spacing: tuple[float, float, float] | None
    shrink: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallLesion:
    """A lesion that the prepared grid loses: none of its voxels stays foreground.

    Training keeps it as the one voxel nearest to its middle, so that it is learnt from, but its shape is gone.

    Parameters
    ----------
    place
        A voxel of it in the scan.
    voxels
        Its size in the scan.
    """

    place: Place
    voxels: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseVanishing:
    """What becomes of one case's lesions.

    Parameters
    ----------
    lost
        See `SmallLesion`, smallest first.
    narrow
        Lesions less than `HALF` voxels wide and high on the prepared grid, the lost ones too: the network sees them at
        full resolution only.
    below_stride
        Lesions less than one cell of the network's coarsest level wide and high, those above too.
    """

    case: str
    lesions: int
    lost: tuple[SmallLesion, ...]
    narrow: int
    below_stride: int
    version: int = _VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class Vanishing:
    """What becomes of the lesions of a project at one resolution.

    Parameters
    ----------
    stride
        Voxels along an edge of one cell of the network's coarsest level.
    cases
        Those with lesions; those that lose most come first.
    """

    resolution: Resolution
    stride: int
    cases: tuple[CaseVanishing, ...]

    @property
    def lesions(self) -> int:
        """Number of lesions."""
        return sum(case.lesions for case in self.cases)

    @property
    def lost(self) -> int:
        """Number of lesions that are lost."""
        return sum(len(case.lost) for case in self.cases)

    @property
    def narrow(self) -> int:
        """Number of lesions that are less than two voxels wide."""
        return sum(case.narrow for case in self.cases)

    @property
    def below_stride(self) -> int:
        """Number of lesions that are less than the coarsest cell wide."""
        return sum(case.below_stride for case in self.cases)


def find_vanishing(
    project: Project,
    cases: Sequence[Case],
    resolution: Resolution,
    *,
    report: Callable[[int, int, str], None] | None = None,
    stop: Callable[[], None] | None = None,
) -> Vanishing:
    """Return what becomes of the lesions of `cases`; unchanged cases come from the cache.

    Parameters
    ----------
    report
        Called with (done, total, case id) before each case and once at the end.
    stop
        Called before each case; raises `Cancelled` to end.
    """
    full = [case for case in cases if case.foreground_voxels]
    found = []
    for number, case in enumerate(full):
        if stop is not None:
            stop()
        if report is not None:
            report(number, len(full), case.id)
        found.append(_of_case(project, case, resolution))
    if report is not None:
        report(len(full), len(full), "")
    ranked = sorted(found, key=lambda one: (-len(one.lost), -one.narrow, -one.below_stride))
    return Vanishing(resolution=resolution, stride=MULTIPLE, cases=tuple(ranked))


def _of_case(project: Project, case: Case, resolution: Resolution) -> CaseVanishing:
    spacing = "-".join(f"{edge:g}" for edge in resolution.spacing or ())
    return kept(
        project,
        case,
        CaseVanishing,
        _VERSION,
        lambda: _measured(project, case, resolution),
        folder="vanishing",
        key=f"-{resolution.shrink}-{spacing}",
    )


def _measured(project: Project, case: Case, resolution: Resolution) -> CaseVanishing:
    labels = project.mask(case.id).labels
    box, shape = _placed(project, case, labels, resolution)
    return vanishing_of(case.id, labels, box, shape, shrink=resolution.shrink)


def _placed(project: Project, case: Case, labels: Labels, resolution: Resolution) -> tuple[Box, tuple[int, int, int]]:
    """Return what a training cuts out of the scan, and the shape it brings that to."""
    box = body_box(project.scan(case.id))
    inside = Box.around(labels == FOREGROUND)
    if inside is not None:
        box = box.union(inside)
    return box, resampled_shape(box, case.grid, spacing=resolution.spacing, shrink=resolution.shrink)


def prepared_foreground(project: Project, case: Case, resolution: Resolution) -> Flags:
    """Return where the prepared mask of a case is foreground; a lost lesion is one voxel, as in training."""
    labels = project.mask(case.id).labels
    box, shape = _placed(project, case, labels, resolution)
    front = np.ascontiguousarray(labels[box.slices] == FOREGROUND)
    if front.shape == shape:
        return front
    coarse = coarse_foreground(front, shape, shrink=resolution.shrink)
    fate = _fate(front, coarse)
    for lesion in fate.lost:
        middle = fate.there[fate.owner == lesion].mean(axis=0).round().astype(int)
        coarse[tuple(middle)] = True
    return coarse


def vanishing_of(case: str, labels: Labels, box: Box, shape: tuple[int, int, int], *, shrink: int = 1) -> CaseVanishing:
    """Return what becomes of the lesions of one mask whose `box` is brought to `shape`."""
    front = np.ascontiguousarray(labels[box.slices] == FOREGROUND)
    coarse = front if front.shape == shape else coarse_foreground(front, shape, shrink=shrink)
    fate = _fate(front, coarse)
    sizes = np.bincount(fate.owner, minlength=fate.count + 1)
    scale = np.array(shape) / np.array(front.shape)
    widest = (_edges(fate)[:, 1:] * scale[1:]).max(axis=1) if fate.count else np.zeros(0)
    lost = [
        SmallLesion(place=_middle(fate.where[fate.owner == lesion], box), voxels=int(sizes[lesion]))
        for lesion in fate.lost
    ]
    narrow = widest < HALF
    narrow[np.array(fate.lost, dtype=int) - 1] = True
    return CaseVanishing(
        case=case,
        lesions=fate.count,
        lost=tuple(sorted(lost, key=lambda one: one.voxels)),
        narrow=int(narrow.sum()),
        below_stride=int((widest < MULTIPLE).sum()),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Fate:
    """Each foreground voxel's place, place on the coarse grid and lesion (1..count), and which lesions are lost."""

    where: NDArray[np.int64]
    there: NDArray[np.int64]
    owner: NDArray[np.int32]
    count: int
    lost: tuple[int, ...]


def _fate(front: Flags, coarse: Flags) -> _Fate:
    components, count = label_lesions(front)
    where = np.argwhere(components)
    owner = components[tuple(where.T)]
    scale = np.array(coarse.shape) / np.array(front.shape)
    there = np.minimum(((where + 0.5) * scale).astype(int), np.array(coarse.shape) - 1)
    survived = np.zeros(count + 1, dtype=np.bool_)
    np.logical_or.at(survived, owner, coarse[tuple(there.T)])
    lost = (np.flatnonzero(~survived[1:]) + 1).tolist()
    return _Fate(where=where, there=there, owner=owner, count=count, lost=tuple(lost))


def _edges(fate: _Fate) -> NDArray[np.float64]:
    """Return (lesions, 3) edges of the box around each lesion, voxels."""
    low = np.full((fate.count, 3), np.iinfo(np.int64).max)
    high = np.full((fate.count, 3), -1)
    np.minimum.at(low, fate.owner - 1, fate.where)
    np.maximum.at(high, fate.owner - 1, fate.where)
    return np.asarray(high - low + 1, dtype=np.float64)


def _middle(where: NDArray[np.int64], box: Box) -> Place:
    nearest = where[((where - where.mean(axis=0)) ** 2).sum(axis=1).argmin()]
    p, r, c = (int(a + b) for a, b in zip(nearest, box.start, strict=True))
    return (p, r, c)


def coarse_foreground(front: Flags, shape: tuple[int, int, int], *, shrink: int = 1) -> Flags:
    """Return where at least half of a voxel of the coarser grid is foreground.

    Parameters
    ----------
    front
        (planes, rows, columns) flags.
    shape
        Of the result.
    shrink
        Above 1: means over blocks of so many rows and columns, padded with background at the far edges.
    """
    share = front.astype(np.float64)
    for axis, extent in enumerate(shape):
        if front.shape[axis] != extent:
            blocks = shrink if shrink > 1 and axis > 0 else 0
            share = np.moveaxis(_along(np.moveaxis(share, axis, 0), extent, blocks), 0, axis)
    # Halves stay halves whatever the order of the sums.
    return np.asarray(share >= 0.5 - 1e-9)


def _along(values: NDArray[np.float64], extent: int, blocks: int) -> NDArray[np.float64]:
    """Return values (n, ...) resampled along the first axis to (extent, ...), as torch does."""
    n = values.shape[0]
    if extent > n and not blocks:
        at = np.maximum((np.arange(extent) + 0.5) * n / extent - 0.5, 0.0)
        first = at.astype(int)
        second = np.minimum(first + 1, n - 1)
        weight = (at - first).reshape(-1, *(1,) * (values.ndim - 1))
        return np.asarray(values[first] * (1 - weight) + values[second] * weight)
    places = np.arange(extent)
    start = places * blocks if blocks else places * n // extent
    stop = np.minimum((places + 1) * blocks, n) if blocks else -(-(places + 1) * n // extent)
    sums: NDArray[np.float64] = np.concatenate([np.zeros_like(values[:1]), np.cumsum(values, axis=0)])
    width = np.full(extent, float(blocks)) if blocks else (stop - start).astype(np.float64)
    return np.asarray((sums[stop] - sums[start]) / width.reshape(-1, *(1,) * (values.ndim - 1)))


def millimetres(spacing: tuple[float, float, float] | None) -> str:
    """Return a spacing in words: columns × rows × planes, as sizes are written everywhere."""
    return "as they are" if spacing is None else " × ".join(f"{edge:.3g}" for edge in reversed(spacing)) + " mm"
