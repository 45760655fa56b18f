"""The longest diameter of a lesion, millimetres."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segcore.geometry import Grid

#: Up to this many voxels all pairs are compared at once: faster than looking for those that can be left out.
_FEW = 60
#: Up to this many candidates all pairs are compared; beyond it, the extremes along many directions.
_EXACT = 1500
_DIRECTIONS = 400


def longest_extent_mm(voxels: NDArray[np.int32], grid: Grid) -> float:
    """Return the largest distance between outer corners of two of the voxels.

    Corners rather than centres, so that a lesion of one voxel is as long as that voxel and not 0 mm. In a scan of one
    plane the thickness does not count. Exact up to some thousand surface voxels, within 0.5 % below the true length
    beyond that.

    Parameters
    ----------
    voxels
        (n, 3) int32 (plane, row, column) of one component in the order of the scan, n ≥ 1.
    grid
        Gives the spacing.
    """
    spacing = np.array(grid.spacing)
    extra = np.ones(3)
    if grid.is_2d:
        extra[0] = 0.0
    if len(voxels) <= _FEW:
        return _longest(voxels, voxels, spacing, extra)
    candidates = _ends_of_rows(voxels)
    # The farthest point from anywhere, along a line of voxels, is one of its two ends: the others can go.
    for axis in (1, 0):
        candidates = _line_ends(candidates, axis)
    if len(candidates) > _EXACT:
        candidates = _extremes(candidates, spacing)
    return max(
        _longest(candidates[first : first + 256], candidates, spacing, extra)
        for first in range(0, len(candidates), 256)
    )


def _longest(
    some: NDArray[np.int32], others: NDArray[np.int32], spacing: NDArray[np.float64], extra: NDArray[np.float64]
) -> float:
    apart = (np.abs(some[:, None] - others[None]) + extra) * spacing
    return float(np.sqrt(np.einsum("ijk,ijk->ij", apart, apart).max()))


def _ends_of_rows(voxels: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return the first and last voxel of every line along columns; voxels are in the order of the scan."""
    new_line = np.any(voxels[1:, :2] != voxels[:-1, :2], axis=1)
    return _ends(voxels, new_line)


def _ends(ordered: NDArray[np.int32], new_line: NDArray[np.bool_]) -> NDArray[np.int32]:
    ends = np.concatenate([[True], new_line]) | np.concatenate([new_line, [True]])
    kept: NDArray[np.int32] = ordered[ends]
    return kept


def _line_ends(voxels: NDArray[np.int32], axis: int) -> NDArray[np.int32]:
    """Return the first and last voxel of every line along `axis`."""
    if len(voxels) < 3:
        return voxels
    a, b = (other for other in range(3) if other != axis)
    ordered = voxels[np.lexsort((voxels[:, axis], voxels[:, b], voxels[:, a]))]
    new_line = np.any(np.diff(ordered[:, (a, b)], axis=0) != 0, axis=1)
    return _ends(ordered, new_line)


def _extremes(voxels: NDArray[np.int32], spacing: NDArray[np.float64]) -> NDArray[np.int32]:
    """Return the voxels that lie farthest along any of many evenly spread directions (a Fibonacci half sphere)."""
    number = np.arange(_DIRECTIONS) + 0.5
    height = number / _DIRECTIONS
    turn = np.pi * (1 + np.sqrt(5)) * number
    flat = np.sqrt(1 - height**2)
    directions = np.stack([height, flat * np.cos(turn), flat * np.sin(turn)])
    along = (voxels * spacing) @ directions
    chosen = np.unique(np.concatenate([along.argmax(axis=0), along.argmin(axis=0)]))
    kept: NDArray[np.int32] = voxels[chosen]
    return kept
