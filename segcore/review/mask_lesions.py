"""The lesions of a mask, and where mask and prediction disagree about lesions: what a person goes through one by one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segcore.geometry import Box, Grid
from segcore.review.findings import findings_of
from segcore.scans.components import label_lesions
from segcore.scans.volume import FOREGROUND, UNLABELLED, Labels

Voxel = tuple[int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskLesion:
    """One lesion of a mask.

    Parameters
    ----------
    number
        1, 2, 3, ... by falling volume, equal ones in the order of the scan.
    box
        Bounding box on the case's grid.
    voxels, volume_ml, longest_mm
        Size; see `segcore.review.extent` for the longest diameter.
    mean
        Mean intensity of a channel over its voxels; NaN where a voxel is not finite.
    centre
        Its voxel nearest to the centre of mass.
    """

    number: int
    box: Box
    voxels: int
    volume_ml: float
    longest_mm: float
    mean: float
    centre: Voxel


class ErrorKind(Enum):
    """How mask and prediction disagree about a lesion; the value is what a person reads."""

    MISSED = "missed lesion"
    FALSE = "false finding"


@dataclass(frozen=True, slots=True, kw_only=True)
class LesionError:
    """One lesion of the mask that no predicted voxel touches, or the reverse; the any-overlap rule, 26-connectivity."""

    kind: ErrorKind
    box: Box
    voxels: int
    centre: Voxel


def lesions_of(labels: Labels, grid: Grid, channel: NDArray[Any]) -> tuple[MaskLesion, ...]:
    """Return the lesions of a mask, the largest first (the listed ones: see `findings_of`).

    Parameters
    ----------
    labels
        (planes, rows, columns) uint8.
    grid
        Of the case.
    channel
        (planes, rows, columns) intensities of one channel, of any type.
    """
    front = labels == FOREGROUND
    box = Box.around(front)
    if box is None:
        return ()
    components, count = label_lesions(front[box.slices])
    # Only the voxels of lesions are weighed: the box of two far lesions may be most of the scan.
    inside = components > 0
    owners, values = components[inside], np.asarray(channel[box.slices])[inside].astype(np.float64)
    sums = np.bincount(owners, weights=values, minlength=count + 1)
    sizes = np.bincount(owners, minlength=count + 1)
    owned = [(_owner(components, box, lesion.centre), lesion) for lesion in findings_of(front.view(np.int8), 1, grid)]
    owned.sort(key=lambda pair: (-pair[1].voxels, pair[0]))
    lesions = []
    for number, (owner, lesion) in enumerate(owned, start=1):
        mean = float(sums[owner] / sizes[owner])
        lesions.append(
            MaskLesion(
                number=number,
                box=lesion.box,
                voxels=lesion.voxels,
                volume_ml=lesion.volume_ml,
                longest_mm=lesion.longest_mm,
                mean=mean if math.isfinite(mean) else math.nan,
                centre=lesion.centre,
            )
        )
    return tuple(lesions)


def _owner(components: NDArray[np.int32], box: Box, voxel: Voxel) -> int:
    p, r, c = (at - start for at, start in zip(voxel, box.start, strict=True))
    return int(components[p, r, c])


def errors_of(labels: Labels, predicted: NDArray[np.bool_], grid: Grid) -> tuple[LesionError, ...]:
    """Return missed lesions and false findings in the order of the scan (plane, row, column of their centres).

    Predicted voxels where the mask is unlabelled are left out, as in `segcore.metrics.lesions`.
    """
    front = labels == FOREGROUND
    predicted = predicted & (labels != UNLABELLED)
    both = front & predicted
    errors = []
    for kind, flags in ((ErrorKind.MISSED, front), (ErrorKind.FALSE, predicted)):
        alone = _untouched(flags, both)
        if alone is not None:
            errors += [
                LesionError(kind=kind, box=lesion.box, voxels=lesion.voxels, centre=lesion.centre)
                for lesion in findings_of(alone.view(np.int8), 1, grid)
            ]
    return tuple(sorted(errors, key=lambda error: error.centre))


def _untouched(flags: NDArray[np.bool_], both: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
    """Return the components of `flags` that hold no voxel of `both`; None where there are none."""
    box = Box.around(flags)
    if box is None:
        return None
    components, count = label_lesions(flags[box.slices])
    keep = np.ones(count + 1, dtype=np.bool_)
    keep[0] = False
    keep[np.unique(components[both[box.slices]])] = False
    if not keep.any():
        return None
    alone = np.zeros_like(flags)
    alone[box.slices] = keep[components]
    return alone
