"""One lesion becomes two: at its waist, or along a drawn cut."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segcore.annotation.edits import MaskEdit
from segcore.annotation.operations import Scope, front_edit
from segcore.annotation.shapes import line
from segcore.geometry import Box
from segcore.scans.components import label_lesions
from segcore.scans.volume import FOREGROUND, Labels

Flags = NDArray[np.bool_]
#: Depths at which a waist is looked for, at most.
_DEPTHS = 48


def split_lesion(labels: Labels, scope: Scope, voxel: tuple[int, int, int]) -> MaskEdit | None:
    """Split the lesion that a voxel belongs to at its waist, into its two most distinct parts.

    Peeled layer by layer, a lesion with a waist falls apart; of all depths at which it does, that counts where the
    smaller part reaches deepest beyond the waist. A watershed then gives each voxel to a part, and the smaller part gives
    up those that touch the other, so that they are two lesions. None where there is no lesion, or it has no waist.
    """
    found = _lesion_at(labels, scope, voxel)
    if found is None:
        return None
    box, lesion = found
    parts = _two_parts(lesion, scope.sampling)
    if parts is None:
        return None
    front = labels[box.slices] == FOREGROUND
    return front_edit("Split lesion", labels, box, front & ~_seam(parts), scope.ground)


def cut_lesions(
    labels: Labels, scope: Scope, points: NDArray[np.float64], *, through_planes: bool = False
) -> MaskEdit | None:
    """Cut what a drawn line crosses: its voxels are taken out of the foreground.

    Parameters
    ----------
    scope
        A slice.
    points
        (n, 2) of the line in voxels along the slice's two axes, in voxel order.
    through_planes
        Cut every slice along the axis in which the crossed lesions lie, not only this one.
    """
    plane_shape = tuple(n for axis, n in enumerate(labels.shape) if axis != scope.axis)
    drawn = line(points, (plane_shape[0], plane_shape[1]))
    box = scope.of(labels)
    flat = np.expand_dims(drawn, scope.axis)
    front = labels[box.slices] == FOREGROUND
    if not (front & flat).any():
        return None
    if through_planes:
        # Only the lesions that the line crosses here: others may lie behind it.
        whole = Scope(axis=scope.axis, index=-1, spacing=scope.spacing).near(labels, 0.0)
        if whole is None:  # cannot be: the line crosses foreground
            return None
        components, _ = label_lesions(labels[whole.slices] == FOREGROUND)
        inner = tuple(
            slice(a, b) for i, (a, b) in enumerate(zip(whole.start, whole.stop, strict=True)) if i != scope.axis
        )
        shown = np.take(components, scope.index - whole.start[scope.axis], axis=scope.axis)
        crossed = np.unique(shown[drawn[inner] & (shown > 0)])
        box, front = whole, components > 0
        flat = np.expand_dims(drawn[inner], scope.axis) & np.isin(components, crossed)
    return front_edit("Cut", labels, box, front & ~flat, scope.ground)


def _lesion_at(labels: Labels, scope: Scope, voxel: tuple[int, int, int]) -> tuple[Box, Flags] | None:
    if not all(0 <= v < n for v, n in zip(voxel, labels.shape, strict=True)) or labels[voxel] != FOREGROUND:
        return None
    box = scope.near(labels, 0.0)
    if box is None or not all(a <= v < b for a, v, b in zip(box.start, voxel, box.stop, strict=True)):
        return None
    components, _ = label_lesions(labels[box.slices] == FOREGROUND)
    at = tuple(v - a for v, a in zip(voxel, box.start, strict=True))
    lesion = components == components[at]
    inner = Box.around(lesion)
    if inner is None:  # cannot be: the voxel is foreground
        return None
    p, r, c = (slice(a + o, b + o) for a, b, o in zip(inner.start, inner.stop, box.start, strict=True))
    return Box((p.start, r.start, c.start), (p.stop, r.stop, c.stop)), lesion[inner.slices]


def _two_parts(lesion: Flags, sampling: tuple[float, ...]) -> NDArray[np.int32] | None:
    """Return 1 and 2 for the voxels of the larger and the smaller part, or None where the lesion has no waist."""
    from scipy import ndimage  # noqa: PLC0415 - half a second that the start of the window must not pay
    from skimage.segmentation import watershed  # noqa: PLC0415 - see above

    depth = ndimage.distance_transform_edt(np.pad(lesion, 1), sampling=sampling)[1:-1, 1:-1, 1:-1]
    levels = np.unique(depth[lesion])
    best: tuple[float, NDArray[np.int32]] = (0.0, np.zeros(lesion.shape, dtype=np.int32))
    for level in levels[:: max(1, levels.size // _DEPTHS)]:
        components, count = label_lesions(depth > level)
        if count < 2:
            continue
        peaks = np.asarray(ndimage.maximum(depth, components, range(1, count + 1)))
        order = np.argsort(peaks)[::-1]
        reach = float(peaks[order[1]]) - float(level)
        if reach > best[0]:
            markers = np.zeros(lesion.shape, dtype=np.int32)
            markers[components == order[0] + 1] = 1
            markers[components == order[1] + 1] = 2
            best = (reach, markers)
    if best[0] <= 0:
        return None
    parts = np.asarray(watershed(-depth, best[1], mask=lesion, connectivity=np.ones((3, 3, 3))), dtype=np.int32)
    if np.count_nonzero(parts == 1) < np.count_nonzero(parts == 2):
        parts = np.where(parts > 0, 3 - parts, 0).astype(np.int32)
    return parts


def _seam(parts: NDArray[np.int32]) -> Flags:
    """Return the voxels of the smaller part that touch the larger one, corners included."""
    from scipy import ndimage  # noqa: PLC0415 - see above

    return np.asarray((parts == 2) & ndimage.binary_dilation(parts == 1, structure=np.ones((3, 3, 3))))
