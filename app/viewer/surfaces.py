"""Surfaces of lesions and of the body in millimetres, for the 3D view. Pure; runs in the background."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segcore.geometry import Box, Grid
from segcore.scans.components import label_lesions
from segcore.scans.volume import FOREGROUND, Labels, Volume

Floats = NDArray[np.float32]

#: Longest edge, in voxels, at which surfaces are made: the screen shows no more.
_LESION_EDGE, _BODY_EDGE = 320, 112
#: Between air and fat, Hounsfield units.
_CT_BODY = -300.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Surface:
    """The points of a surface.

    Parameters
    ----------
    points
        (n, 3) float32, LPS millimetres (voxels times spacing, where the file states none).
    normals
        (n, 3) float32 of length 1, pointing outwards.
    apart
        Largest distance of neighbouring points, mm.
    owners
        (n,) int32: number of the lesion that each point belongs to, by falling volume from 1; 0 for the body.
    """

    points: Floats
    normals: Floats
    apart: float
    owners: NDArray[np.int32]

    @classmethod
    def empty(cls) -> Surface:
        """Return the surface of nothing."""
        nothing = np.zeros((0, 3), dtype=np.float32)
        return cls(points=nothing, normals=nothing, apart=1.0, owners=np.zeros(0, dtype=np.int32))


def lesion_surface(flags: NDArray[np.bool_], grid: Grid) -> Surface:
    """Return the surface of flagged voxels; owners are their components by falling size, as the lesion table has them."""
    box = Box.around(flags)
    if box is None:
        return Surface.empty()
    inside = flags[box.slices]
    components, count = label_lesions(inside)
    sizes = np.bincount(components.ravel(), minlength=count + 1)[1:]
    ranks = np.zeros(count + 1, dtype=np.int32)
    ranks[1 + np.argsort(-sizes, kind="stable")] = np.arange(1, count + 1)
    step = max(1, -(-max(inside.shape) // _LESION_EDGE))
    field = np.pad(inside, 1).astype(np.float32)
    voxels, normals = _march(field, 0.5, step)
    voxels -= 1.0
    nearest = tuple(np.clip(np.round(voxels[:, k] - 0.6 * normals[:, k]), 0, inside.shape[k] - 1) for k in range(3))
    owners = ranks[components[tuple(at.astype(np.intp) for at in nearest)]]
    return _in_world(voxels + np.array(box.start), normals, step, grid, owners)


def body_surface(volume: Volume, channel: int) -> Surface:
    """Return the outline of the largest thing in a scan that is brighter than its surroundings.

    CT: above −300 HU; else Otsu's threshold (1979, doi:10.1109/TSMC.1979.4310076), halved, of the values that are not the
    lowest, so that dark tissue belongs to the body too.
    """
    # scipy and scikit-image take half a second to import, and most people never open this view.
    from scipy.ndimage import binary_fill_holes, gaussian_filter, label  # noqa: PLC0415
    from skimage.filters import threshold_otsu  # noqa: PLC0415

    voxels = volume.voxels[channel]
    steps = tuple(max(1, -(-n // _BODY_EDGE)) for n in voxels.shape)
    small = np.asarray(voxels[tuple(slice(None, None, step) for step in steps)]).astype(np.float32)
    small = np.nan_to_num(small, nan=float(np.nanmin(small)) if np.isfinite(small).any() else 0.0)
    if min(small.shape) < 2 or small.max() <= small.min():
        return Surface.empty()
    inside = small > _body_threshold(voxels.dtype, small, threshold_otsu)
    components, count = label(inside)
    if count == 0:
        return Surface.empty()
    largest = components == 1 + int(np.argmax(np.bincount(components.ravel())[1:]))
    solid = np.pad(binary_fill_holes(largest), 2)
    scaled = Grid(small.shape, grid_affine(volume.grid, steps), volume.grid.calibrated)
    points, normals = _march(gaussian_filter(solid.astype(np.float32), 0.8), 0.5, 1)
    return _in_world(points - 2.0, normals, 1, scaled, np.zeros(len(points), dtype=np.int32))


def _body_threshold(kind: np.dtype[Any], small: Floats, otsu: Any) -> float:
    if kind.kind == "i" and float(small.min()) <= -500:
        return _CT_BODY
    low = float(small.min())
    return low + (float(otsu(small[small > low])) - low) / 2


def grid_affine(grid: Grid, steps: tuple[int, ...]) -> NDArray[np.float64]:
    """Return the affine of every n-th voxel of a grid."""
    affine = grid.affine.copy()
    affine[:3, :3] *= np.array(steps, dtype=np.float64)
    return affine


def flags_of(labels: Labels) -> NDArray[np.bool_]:
    """Return which voxels of a mask are lesion."""
    return np.asarray(labels == FOREGROUND)


def _march(field: Floats, level: float, step: int) -> tuple[Floats, Floats]:
    from skimage.measure import marching_cubes  # noqa: PLC0415 - half a second to import

    if min(field.shape) < 2 * step + 1:
        step = 1
    points, _, normals, _ = marching_cubes(field, level, step_size=step, allow_degenerate=False)
    return points.astype(np.float32), normals.astype(np.float32)


def _in_world(voxels: Floats, normals: Floats, step: int, grid: Grid, owners: NDArray[np.int32]) -> Surface:
    linear = grid.affine[:3, :3]
    points = voxels @ linear.T + grid.affine[:3, 3]
    # Normals go with the inverse transpose, or they would lean on anisotropic grids.
    turned = normals @ np.linalg.inv(linear)
    turned /= np.maximum(np.linalg.norm(turned, axis=1, keepdims=True), 1e-12)
    return Surface(
        points=points.astype(np.float32),
        normals=turned.astype(np.float32),
        apart=float(max(grid.spacing)) * step,
        owners=owners,
    )
