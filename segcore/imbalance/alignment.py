"""Does a mask lie on what it outlines, or beside it? Every small shift is tried, by two independent signs.

A mask that was moved against its scan (a header that was read the wrong way, a crop, a flip of one voxel) has its border
on no edge of the image, and its inside looks like its surroundings; at the right place both signs return together.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segcore.geometry import Box
from segcore.scans.body import finite
from segcore.scans.volume import FOREGROUND, Mask, Volume

Voxels = NDArray[np.int64]
Values = NDArray[np.float32]
Shift = tuple[int, int, int]

#: Shifts tried along rows and columns, and along planes, voxels (of the thinned image, where it is thinned).
REACH, PLANE_REACH = 10, 3
#: Images with longer edges are thinned to this.
_MOST_EDGE = 640
#: Voxels looked at, of each kind.
_SAMPLE = 3000
#: A mask with fewer voxels says nothing about where it belongs.
LEAST_VOXELS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Alignment:
    """Where the mask of a case fits best.

    Parameters
    ----------
    shift
        (plane, row, column), voxels of the scan: by how much the mask would have to move.
    contrast_here, contrast_there
        Mean inside minus mean of the surroundings over the deviation of the neighbourhood, as drawn and after the shift;
        negative where lesions are dark.
    edge_here, edge_there
        Mean steepness of the image along the mask's border over that of its neighbourhood, as drawn and after the shift.
    """

    shift: Shift
    contrast_here: float
    contrast_there: float
    edge_here: float
    edge_there: float

    @property
    def distance(self) -> float:
        """Length of the shift, voxels."""
        return math.sqrt(sum(step * step for step in self.shift))


def best_alignment(volume: Volume, mask: Mask, *, seed: int = 0) -> Alignment | None:
    """Return where the mask fits best; None where it is too small or the image too plain to tell.

    Parameters
    ----------
    volume, mask
        On the same grid.
    seed
        Of the voxels that are looked at, where there are many.
    """
    front = mask.labels == FOREGROUND
    inside = Box.around(front)
    if inside is None or np.count_nonzero(front[inside.slices]) < LEAST_VOXELS:
        return None
    step = max(1, math.ceil(max(mask.labels.shape[1:]) / _MOST_EDGE))
    margin = (REACH + 3) * step
    box = inside.padded((PLANE_REACH + 1, margin, margin)).clipped(mask.grid.shape)
    thin = (slice(None), slice(None, None, step), slice(None, None, step))
    flags = front[box.slices][thin]
    places = _places_of(flags, np.random.default_rng(seed))
    if places is None:
        return None
    shifts = _shifts(flags.shape)
    # Of a photograph green, where contrast is best.
    channels = [1] if volume.is_photograph else range(volume.voxels.shape[0])
    found = [_fitted(finite(volume.voxels[(channel, *box.slices)][thin]), places, shifts) for channel in channels]
    fitting = [one for one in found if one is not None]
    if not fitting:
        return None
    best, _ = max(fitting, key=lambda pair: pair[1])
    p, r, c = best.shift
    return Alignment(
        shift=(p, r * step, c * step),
        contrast_here=best.contrast_here,
        contrast_there=best.contrast_there,
        edge_here=best.edge_here,
        edge_there=best.edge_there,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Places:
    """(n, 3) voxels of the mask, of its border on both sides, and of the ring around it."""

    inside: Voxels
    border: Voxels
    around: Voxels


def _places_of(flags: NDArray[np.bool_], rng: np.random.Generator) -> _Places | None:
    from scipy import ndimage  # noqa: PLC0415 - half a second that the start of the window must not pay

    within_plane = ndimage.generate_binary_structure(2, 1)[np.newaxis]
    wide = ndimage.binary_dilation(flags, np.ones((1, 3, 3), np.bool_))
    ring = ndimage.binary_dilation(wide, np.ones((1, 3, 3), np.bool_), iterations=2) & ~wide
    border = flags & ~ndimage.binary_erosion(flags, within_plane, border_value=1)
    kinds = [_drawn(np.argwhere(kind), rng) for kind in (flags, border, ring)]
    if min(map(len, kinds)) < LEAST_VOXELS // 2:
        return None
    return _Places(inside=kinds[0], border=kinds[1], around=kinds[2])


def _drawn(places: Voxels, rng: np.random.Generator) -> Voxels:
    return places if len(places) <= _SAMPLE else places[rng.choice(len(places), _SAMPLE, replace=False)]


def _shifts(shape: tuple[int, ...]) -> list[Shift]:
    planes = range(-PLANE_REACH, PLANE_REACH + 1) if shape[0] > 1 else (0,)
    within = range(-REACH, REACH + 1)
    flat = [(0, r, c) for r in within for c in within]
    return flat + [(p, r, c) for p in planes if p for r in range(-2, 3) for c in range(-2, 3)]


def _fitted(image: Values, places: _Places, shifts: list[Shift]) -> tuple[Alignment, float] | None:
    """Return the best alignment in one channel and how far it stands out, or None in a plain image."""
    spread = float(image.std(dtype=np.float64))
    if not spread > 0:
        return None
    steep = np.zeros_like(image)
    for axis in (1, 2):
        if image.shape[axis] > 1:
            steep += np.abs(np.gradient(image, axis=axis))
    usual = float(steep.mean(dtype=np.float64))
    if not usual > 0:
        return None
    contrast = (_means(image, places.inside, shifts) - _means(image, places.around, shifts)) / spread
    edge = _means(steep, places.border, shifts) / usual
    score = _standing_out(np.abs(contrast)) + _standing_out(edge)
    here, there = shifts.index((0, 0, 0)), int(score.argmax())
    return (
        Alignment(
            shift=shifts[there],
            contrast_here=float(contrast[here]),
            contrast_there=float(contrast[there]),
            edge_here=float(edge[here]),
            edge_there=float(edge[there]),
        ),
        float(score[there]),
    )


def _means(image: Values, places: Voxels, shifts: list[Shift]) -> NDArray[np.float64]:
    """Return the mean of the image at the places, after each shift; beyond the image its edge goes on."""
    last = np.array(image.shape) - 1
    return np.array([float(image[tuple(np.clip(places + shift, 0, last).T)].mean()) for shift in shifts])


def _standing_out(values: NDArray[np.float64]) -> NDArray[np.float64]:
    middle = np.median(values)
    spread = 1.4826 * float(np.median(np.abs(values - middle)))
    return np.asarray((values - middle) / (spread or 1.0))
