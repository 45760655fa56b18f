"""What is odd about one mask, measured: kept per case in the cache, so that only a changed mask is looked at again.

Nothing is judged here: whether a lesion of two voxels is a slip of the brush depends on the other cases
(`segcore.imbalance.suspects`).
"""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segcore.geometry import Box, Grid
from segcore.imbalance.alignment import Alignment, best_alignment
from segcore.imbalance.kept import kept
from segcore.imbalance.twins import fingerprint
from segcore.projects.case import Case
from segcore.projects.project import Project
from segcore.scans.body import air_level, finite
from segcore.scans.components import label_lesions
from segcore.scans.volume import FOREGROUND, Mask, Volume

Place = tuple[int, int, int]
#: 2: blocks of the fingerprint are rounded.
_VERSION = 2
#: Of each kind of trait, so many places are kept per case.
_MOST = 40
#: Lesions of more voxels are no specks, whatever the others are like.
MOST_SPECK = 12
#: Where the body is, is looked at on at most so many voxels along each edge.
_BODY_EDGE = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """A place and what was measured there.

    Parameters
    ----------
    place
        (plane, row, column), a voxel of what is meant.
    measured
        See the field of `CaseTraits` that holds the spot.
    voxels
        Size of the lesion (or hole).
    """

    place: Place
    measured: float
    voxels: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseTraits:
    """What was measured in one case.

    Parameters
    ----------
    sizes
        Voxels of each lesion.
    specks
        Lesions of at most `MOST_SPECK` voxels; measured: their voxels.
    holes
        Background enclosed by a lesion; measured: its share of the filled lesion. In one plane for images of one plane,
        else in space.
    thin
        Lesions in a single plane that has neighbours on both sides; measured: how many planes they are wide.
    borders
        Lesions that touch the first or last row or column; measured: voxels that do.
    outside
        Lesions outside the body; measured: the share of their voxels that is.
    alignment
        Where the mask fits best.
    picture
        `segcore.imbalance.twins.fingerprint`, base 64.
    version
        Of the way it was measured.
    """

    case: str
    sizes: tuple[int, ...]
    specks: tuple[Spot, ...]
    holes: tuple[Spot, ...]
    thin: tuple[Spot, ...]
    borders: tuple[Spot, ...]
    outside: tuple[Spot, ...]
    alignment: Alignment | None
    picture: str
    version: int = _VERSION

    @property
    def fingerprint(self) -> NDArray[np.int8]:
        """The fingerprint as an array."""
        return np.frombuffer(base64.b64decode(self.picture), np.int8)


def case_traits(project: Project, case: Case) -> CaseTraits:
    """Return the traits of one case, from the cache where its scan and mask have not changed."""
    return kept(
        project,
        case,
        CaseTraits,
        _VERSION,
        lambda: measure_traits(case.id, project.scan(case.id), project.mask(case.id)),
        folder="traits",
    )


def measure_traits(case: str, volume: Volume, mask: Mask) -> CaseTraits:
    """Return the traits of a scan and its mask, which lie on one grid."""
    from scipy import ndimage  # noqa: PLC0415 - half a second that the start of the window must not pay

    components, count = label_lesions(mask.labels == FOREGROUND)
    sizes = np.bincount(components.reshape(-1), minlength=count + 1)[1:] if count else np.zeros(0, np.int64)
    boxes = [_box_of(found) for found in ndimage.find_objects(components)]
    lesions = _Lesions(components=components, sizes=sizes, boxes=boxes)
    return CaseTraits(
        case=case,
        sizes=tuple(sizes.tolist()),
        specks=_kept(
            Spot(place=lesions.place(n), measured=float(sizes[n]), voxels=int(sizes[n]))
            for n in np.flatnonzero(sizes <= MOST_SPECK).tolist()
        ),
        holes=_kept(_holes(lesions)),
        thin=_kept(_thin(lesions, mask.grid)),
        borders=_kept(_borders(lesions)),
        outside=_kept(_outside(lesions, volume)),
        alignment=best_alignment(volume, mask),
        picture=base64.b64encode(fingerprint(volume).tobytes()).decode("ascii"),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Lesions:
    """(planes, rows, columns) numbers of lesions, and their sizes and boxes in that order."""

    components: NDArray[np.int32]
    sizes: NDArray[np.int64]
    boxes: list[Box]

    def flags(self, number: int) -> NDArray[np.bool_]:
        """The lesion in its box."""
        return np.asarray(self.components[self.boxes[number].slices] == number + 1)

    def place(self, number: int) -> Place:
        """A voxel of the lesion, near its middle."""
        return _near_middle(self.flags(number), self.boxes[number])


def _box_of(found: tuple[slice, slice, slice]) -> Box:
    p, r, c = found
    return Box((p.start, r.start, c.start), (p.stop, r.stop, c.stop))


def _near_middle(flags: NDArray[np.bool_], box: Box) -> Place:
    where = np.argwhere(flags)
    nearest = where[((where - where.mean(axis=0)) ** 2).sum(axis=1).argmin()]
    p, r, c = (int(a + b) for a, b in zip(nearest, box.start, strict=True))
    return (p, r, c)


def _kept(spots: Iterable[Spot]) -> tuple[Spot, ...]:
    return tuple(sorted(spots, key=lambda spot: -spot.measured)[:_MOST])


def _holes(lesions: _Lesions) -> list[Spot]:
    from scipy import ndimage  # noqa: PLC0415 - see above

    found = []
    for number, box in enumerate(lesions.boxes):
        if lesions.sizes[number] < 8:
            continue  # too few to enclose anything
        flags = lesions.flags(number)
        # An image of one plane is filled by rows and columns; in space only what is closed on all sides is a hole.
        one_plane = lesions.components.shape[0] == 1
        filled = ndimage.binary_fill_holes(
            flags, ndimage.generate_binary_structure(2, 1)[np.newaxis] if one_plane else None
        )
        inner = filled & (lesions.components[box.slices] == 0)
        cavities, count = ndimage.label(inner)
        for hole in range(1, count + 1):
            here = cavities == hole
            voxels = int(np.count_nonzero(here))
            share = voxels / int(np.count_nonzero(filled))
            found.append(Spot(place=_near_middle(here, box), measured=share, voxels=voxels))
    return found


def _thin(lesions: _Lesions, grid: Grid) -> list[Spot]:
    """Return lesions in one inner plane, with how many planes they are wide."""
    planes = grid.shape[0]
    found = []
    for number, box in enumerate(lesions.boxes):
        if planes > 2 and box.shape[0] == 1 and 0 < box.start[0] < planes - 1:
            # The diameter of a disc of that area: a long thread is no wide lesion.
            area = float(lesions.sizes[number]) * grid.spacing[1] * grid.spacing[2]
            across = 2 * math.sqrt(area / math.pi) / grid.spacing[0]
            found.append(Spot(place=lesions.place(number), measured=across, voxels=int(lesions.sizes[number])))
    return found


def _borders(lesions: _Lesions) -> list[Spot]:
    """Return lesions at the first or last row or column."""
    shape = lesions.components.shape
    found = []
    for number, box in enumerate(lesions.boxes):
        edges: list[tuple[int, int]] = []
        for axis in (1, 2):
            edges += [(axis, 0)] * (box.start[axis] == 0) + [(axis, -1)] * (box.stop[axis] == shape[axis])
        if not edges:
            continue
        flags = lesions.flags(number)
        touching = np.zeros_like(flags)
        for axis, side in edges:
            at: list[slice | int] = [slice(None)] * 3
            at[axis] = side
            touching[tuple(at)] |= flags[tuple(at)]
        spot = Spot(
            place=_near_middle(touching, box),
            measured=float(np.count_nonzero(touching)),
            voxels=int(lesions.sizes[number]),
        )
        found.append(spot)
    return found


def _outside(lesions: _Lesions, volume: Volume) -> list[Spot]:
    """Return lesions of which at least half lies in the air around the body."""
    from scipy import ndimage  # noqa: PLC0415 - see above

    if not lesions.boxes:
        return []
    steps = [max(1, math.ceil(n / _BODY_EDGE)) for n in volume.grid.shape]
    thin = tuple(slice(None, None, step) for step in steps)
    body = np.zeros([math.ceil(n / s) for n, s in zip(volume.grid.shape, steps, strict=True)], np.bool_)
    for channel in volume.voxels:
        sample = finite(channel[thin])
        body |= sample > air_level(sample)
    # Dark places inside are no air: each plane is closed over small gaps and filled.
    for plane in body:
        closed = ndimage.binary_closing(np.pad(plane, 3), np.ones((5, 5), np.bool_))[3:-3, 3:-3]
        plane |= ndimage.binary_fill_holes(closed | plane)
    found = []
    for number, box in enumerate(lesions.boxes):
        where = np.argwhere(lesions.flags(number)) + box.start
        in_air = ~body[tuple((where // steps).T)]
        share = float(in_air.mean())
        if share >= 0.5:
            p, r, c = (int(v) for v in where[int(in_air.argmax())])
            found.append(Spot(place=(p, r, c), measured=share, voxels=int(lesions.sizes[number])))
    return found
