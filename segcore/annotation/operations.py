"""Changes of a whole mask, or of one slice of it: holes, islands, growing and shrinking in millimetres, missing slices.

Each answers a `MaskEdit`, or None where nothing changes. Unlabelled voxels are never changed, since nobody has judged
them, unless only what is painted counts in the mask (`Scope.ground`).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segcore.annotation.edits import MaskEdit, edit_between
from segcore.geometry import Box
from segcore.scans.components import label_lesions
from segcore.scans.volume import BACKGROUND, FOREGROUND, UNLABELLED, Labels

Flags = NDArray[np.bool_]
#: Planes that do not see each other, mm.
_APART = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Where a change applies.

    Parameters
    ----------
    axis, index
        Of the slice; an `index` of -1 means the whole mask, in 3-D.
    spacing
        Of the grid, mm (or 1 where it is not known).
    ground
        What is no lesion: background; in a mask in which only what is painted counts, unlabelled.
    """

    axis: int
    index: int
    spacing: tuple[float, float, float]
    ground: int = BACKGROUND

    @property
    def is_slice(self) -> bool:
        """Whether only one slice is meant."""
        return self.index >= 0

    def of(self, labels: Labels) -> Box:
        """Return the box of the scope in a mask."""
        start, stop = [0, 0, 0], list(labels.shape)
        if self.is_slice:
            start[self.axis], stop[self.axis] = self.index, self.index + 1
        return Box((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]))

    def near(self, labels: Labels, millimetres: float) -> Box | None:
        """Return the box around the foreground in the scope, with so much room; None where there is no foreground."""
        whole = self.of(labels)
        inner = Box.around(labels[whole.slices] == FOREGROUND)
        if inner is None:
            return None
        room = [int(np.ceil(millimetres / step)) + 1 for step in self.spacing]
        low = [max(a + o - n, o) for a, o, n in zip(inner.start, whole.start, room, strict=True)]
        high = [min(b + o + n, e) for b, o, n, e in zip(inner.stop, whole.start, room, whole.stop, strict=True)]
        return Box((low[0], low[1], low[2]), (high[0], high[1], high[2]))

    @property
    def sampling(self) -> tuple[float, ...]:
        """Spacing by which distances are measured."""
        return tuple(_APART if self.is_slice and axis == self.axis else step for axis, step in enumerate(self.spacing))


def grow(labels: Labels, scope: Scope, millimetres: float) -> MaskEdit | None:
    """Add what is at most so far from the foreground."""
    return _on_flags("Grow", labels, scope, millimetres, lambda front: _grown(front, scope, millimetres))


def shrink(labels: Labels, scope: Scope, millimetres: float) -> MaskEdit | None:
    """Take away what is at most so far from the background; the scan's edge is no background."""
    return _on_flags("Shrink", labels, scope, 0.0, lambda front: _shrunk(front, scope, millimetres))


def close_gaps(labels: Labels, scope: Scope, millimetres: float) -> MaskEdit | None:
    """Grow, then shrink as far: gaps and dents up to twice as wide are filled."""
    return _on_flags(
        "Close gaps",
        labels,
        scope,
        2 * millimetres,
        lambda front: front | _shrunk(_grown(front, scope, millimetres), scope, millimetres),
    )


def remove_threads(labels: Labels, scope: Scope, millimetres: float) -> MaskEdit | None:
    """Shrink, then grow as far: what is thinner than twice as much disappears."""
    return _on_flags(
        "Remove threads",
        labels,
        scope,
        millimetres,
        lambda front: front & _grown(_shrunk(front, scope, millimetres), scope, millimetres),
    )


def smooth(labels: Labels, scope: Scope, millimetres: float) -> MaskEdit | None:
    """Smooth outlines by a Gaussian of so many millimetres; a lesion that would disappear stays as it is."""
    from scipy import ndimage  # noqa: PLC0415 - half a second that the start of the window must not pay

    def smoothed(front: Flags) -> Flags:
        sigmas = [0.0 if step == _APART else millimetres / step for step in scope.sampling]
        new = ndimage.gaussian_filter(front.astype(np.float32), sigmas) >= 0.5
        components, count = label_lesions(front)
        left = np.bincount(components[new], minlength=count + 1) == 0
        left[0] = False
        return np.asarray(new | left[components])

    return _on_flags("Smooth", labels, scope, 3 * millimetres, smoothed)


def fill_holes(labels: Labels, scope: Scope) -> MaskEdit | None:
    """Fill what the foreground encloses: in a slice, or in 3-D."""
    from scipy import ndimage  # noqa: PLC0415 - see above

    def filled(front: Flags) -> Flags:
        if not scope.is_slice and front.shape[0] > 1:
            return np.asarray(ndimage.binary_fill_holes(front))
        axis = scope.axis if scope.is_slice else 0
        slices = [ndimage.binary_fill_holes(one) for one in np.moveaxis(front, axis, 0)]
        return np.moveaxis(np.stack(slices), 0, axis)

    return _on_flags("Fill holes", labels, scope, 0.0, filled)


def remove_small(labels: Labels, scope: Scope, volume: float) -> MaskEdit | None:
    """Remove lesions smaller than `volume`, mm³ (voxels where the spacing is 1)."""
    voxel = float(np.prod(scope.spacing))

    def kept(front: Flags) -> Flags:
        components, count = label_lesions(front)
        sizes = np.bincount(components.ravel(), minlength=count + 1) * voxel
        return np.asarray(front & (sizes >= volume)[components])

    return _on_flags("Remove small lesions", labels, scope, 0.0, kept)


def keep_largest(labels: Labels, scope: Scope) -> MaskEdit | None:
    """Remove every lesion but the largest."""

    def kept(front: Flags) -> Flags:
        components, count = label_lesions(front)
        sizes = np.bincount(components.ravel(), minlength=count + 1)
        sizes[0] = 0
        return np.asarray(components == int(sizes.argmax()))

    return _on_flags("Keep the largest", labels, scope, 0.0, kept)


def remove_lesion(labels: Labels, scope: Scope, voxel: tuple[int, int, int]) -> MaskEdit | None:
    """Remove the lesion that a voxel belongs to, or its part in the slice."""
    at = tuple(v - a for v, a in zip(voxel, scope.of(labels).start, strict=True))
    whole = labels[scope.of(labels).slices]
    if not all(0 <= v < n for v, n in zip(at, whole.shape, strict=True)) or whole[at] != FOREGROUND:
        return None
    box = scope.near(labels, 0.0)
    if box is None:  # cannot be: the voxel is foreground
        return None
    components, _ = label_lesions(labels[box.slices] == FOREGROUND)
    here = tuple(v - a for v, a in zip(voxel, box.start, strict=True))
    return front_edit("Remove lesion", labels, box, (components > 0) & (components != components[here]), scope.ground)


def copy_slice(labels: Labels, scope: Scope, source: int) -> MaskEdit | None:
    """Add the foreground of slice `source` of the same axis to the scope's slice."""
    if not scope.is_slice or not 0 <= source < labels.shape[scope.axis]:
        return None
    box = scope.of(labels)
    other = Scope(axis=scope.axis, index=source, spacing=scope.spacing).of(labels)
    front = (labels[box.slices] == FOREGROUND) | (labels[other.slices] == FOREGROUND)
    return front_edit("Copy slice", labels, box, front, scope.ground)


def fill_between(labels: Labels, scope: Scope) -> MaskEdit | None:
    """Draw the slices that are missing between two drawn ones, along the scope's axis.

    Lesions that lie over each other in two slices, with empty slices between, are joined by the mean of their signed
    distances (Raya and Udupa 1990, doi:10.1109/42.52980); lesions beside each other are not.
    """
    whole = Scope(axis=scope.axis, index=-1, spacing=scope.spacing)
    box = whole.near(labels, 0.0)
    if box is None:
        return None
    front = np.moveaxis(labels[box.slices] == FOREGROUND, scope.axis, 0)
    steps = tuple(step for axis, step in enumerate(scope.spacing) if axis != scope.axis)
    new = front.copy()
    drawn = np.flatnonzero(front.any(axis=(1, 2)))
    for low, high in itertools.pairwise(drawn.tolist()):
        if high - low > 1:
            below, above = _over_each_other(front[low], front[high])
            if below.any():
                depths = _signed(below, steps), _signed(above, steps)
                for at in range(low + 1, high):
                    share = (at - low) / (high - low)
                    new[at] = depths[0] * (1 - share) + depths[1] * share <= 0
    return front_edit("Fill between slices", labels, box, np.moveaxis(new, 0, scope.axis), scope.ground)


def _over_each_other(below: Flags, above: Flags) -> tuple[Flags, Flags]:
    """Return of two slices the parts that overlap a part of the other."""
    parts = []
    for own, other in ((below, above), (above, below)):
        components, _ = label_lesions(own[None])
        touching = np.unique(components[0][other & own])
        parts.append(np.isin(components[0], touching[touching > 0]))
    return parts[0], parts[1]


def _signed(front: Flags, spacing: tuple[float, ...]) -> NDArray[np.float64]:
    """Return the distance to the outline, mm: negative inside."""
    from scipy import ndimage  # noqa: PLC0415 - see above

    half = min(spacing) / 2
    wide = np.pad(front, 1)
    inside = ndimage.distance_transform_edt(wide, sampling=spacing)[1:-1, 1:-1]
    outside = ndimage.distance_transform_edt(~front, sampling=spacing)
    return np.asarray(np.where(front, half - inside, outside - half))


def _grown(front: Flags, scope: Scope, millimetres: float) -> Flags:
    from scipy import ndimage  # noqa: PLC0415 - see above

    if not front.any():
        return front
    return np.asarray(ndimage.distance_transform_edt(~front, sampling=scope.sampling) <= millimetres + 1e-6)


def _shrunk(front: Flags, scope: Scope, millimetres: float) -> Flags:
    from scipy import ndimage  # noqa: PLC0415 - see above

    if front.all():
        return front
    return np.asarray(ndimage.distance_transform_edt(front, sampling=scope.sampling) > millimetres + 1e-6)


def _on_flags(name: str, labels: Labels, scope: Scope, room: float, change: Any) -> MaskEdit | None:
    box = scope.near(labels, room)
    if box is None:
        return None
    return front_edit(name, labels, box, change(labels[box.slices] == FOREGROUND), scope.ground)


def front_edit(name: str, labels: Labels, box: Box, front: Flags, ground: int = BACKGROUND) -> MaskEdit | None:
    """Return the edit after which `front` is the foreground of `box`; what was foreground and is not becomes `ground`.

    Unlabelled voxels stay as they are, unless they are the ground.
    """
    before = labels[box.slices].copy()
    after = before.copy()
    after[(before == FOREGROUND) & ~front] = ground
    after[front if ground == UNLABELLED else (before != UNLABELLED) & front] = FOREGROUND
    return edit_between(name, box, before, after)
