"""Distances between surfaces, millimetres; on the box around both masks, so small lesions cost little in large scans."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from segcore.geometry import Box, Grid

Flags = NDArray[np.bool_]
Distances = NDArray[np.float64]


def surface_distances(a: Flags, b: Flags, spacing: tuple[float, float, float]) -> tuple[Distances, Distances] | None:
    """Return the distances from each surface voxel of `a` to the surface of `b`, and the reverse.

    A surface voxel has a neighbour (6 in 3-D, 4 in one plane) outside the mask or the scan. None if either is empty.
    """
    from scipy import ndimage  # noqa: PLC0415 - half a second that the start of the window must not pay

    if not a.any() or not b.any():
        return None
    box = Box.around(a | b)
    if box is None:
        return None
    a, b = a[box.slices], b[box.slices]
    structure = ndimage.generate_binary_structure(3, 1)
    if a.shape[0] == 1:
        structure[0] = structure[2] = False
    edge_a = a & ~ndimage.binary_erosion(a, structure)
    edge_b = b & ~ndimage.binary_erosion(b, structure)
    to_a = ndimage.distance_transform_edt(~edge_a, sampling=spacing)
    to_b = ndimage.distance_transform_edt(~edge_b, sampling=spacing)
    return to_b[edge_a], to_a[edge_b]


def hd95_mm(a: Flags, b: Flags, grid: Grid) -> float:
    """Return the larger of the two 95th percentiles of surface distances.

    Both empty: NaN (undefined). One empty: the diagonal of the scan, so that a miss is never left out of a mean.
    """
    if not a.any() and not b.any():
        return math.nan
    found = surface_distances(a, b, grid.spacing)
    if found is None:
        return float(np.linalg.norm(np.array(grid.shape) * np.array(grid.spacing)))
    return float(max(np.percentile(found[0], 95), np.percentile(found[1], 95)))


def normalised_surface_dice(a: Flags, b: Flags, grid: Grid, tolerance_mm: float | None = None) -> float:
    """Return the share of both surfaces that lies within a tolerance of the other (Nikolov et al. 2021).

    Parameters
    ----------
    tolerance_mm
        None takes one voxel (the largest in-plane spacing).

    Both empty: NaN. One empty: 0.
    """
    if not a.any() and not b.any():
        return math.nan
    found = surface_distances(a, b, grid.spacing)
    if found is None:
        return 0.0
    limit = max(grid.spacing[1:]) if tolerance_mm is None else tolerance_mm
    near = sum(int(np.count_nonzero(side <= limit + 1e-9)) for side in found)
    return near / (found[0].size + found[1].size)
