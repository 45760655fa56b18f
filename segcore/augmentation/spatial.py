"""Rotation and scaling of image and labels together, in millimetres, without losing the smallest lesions."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from segcore.scans.volume import FOREGROUND, UNLABELLED


def turning(angles: Sequence[float], magnification: float, shape: Sequence[int], spacing: Sequence[float]) -> Tensor:
    """Return the (dims, dims + 1) matrix for `affine_grid` that turns and enlarges a patch about its middle.

    Parameters
    ----------
    angles
        Radians: one for 2-D; in the plane, and two tilts out of it, for 3-D.
    magnification
        Above 1 makes lesions larger.
    shape, spacing
        Extents in voxels and mm per voxel along (row, column) or (plane, row, column). Shapes are kept in millimetres,
        not in voxels, so that a ball stays a ball in thick slices.
    """
    dims = len(shape)
    linear = torch.eye(dims, dtype=torch.float64)
    for angle, (a, b) in zip(angles, [(0, 1), (0, 2), (1, 2)], strict=False):
        turn = torch.eye(dims, dtype=torch.float64)
        turn[a, a] = turn[b, b] = math.cos(angle)
        turn[a, b], turn[b, a] = -math.sin(angle), math.sin(angle)
        linear = linear @ turn
    # affine_grid counts (x, y[, z]) in units of half the patch.
    extent = torch.tensor([n * s for n, s in zip(shape, spacing, strict=True)], dtype=torch.float64).flip(0)
    scaled = linear / magnification * extent[None, :] / extent[:, None]
    return torch.cat([scaled, torch.zeros(dims, 1, dtype=torch.float64)], dim=1)


def moved(images: Tensor, labels: Tensor, matrices: Tensor) -> tuple[Tensor, Tensor]:
    """Return patches seen through `matrices`.

    Images are interpolated linearly, and their edge is repeated beyond the patch. Labels take the nearest voxel and are
    unlabelled beyond the patch, since nobody knows what is there; a foreground voxel that lands inside the patch without
    any foreground beside it is put where it lands, so that no lesion vanishes between the voxels.

    Parameters
    ----------
    images
        (N, channels, *spatial) float32.
    labels
        (N, 1, *spatial) float32 with values 0, 1 and 255.
    matrices
        (N, dims, dims + 1) float64 from `turning`: from new to old coordinates.
    """
    grid = functional.affine_grid(matrices.to(images), [len(images), 1, *images.shape[2:]], align_corners=False)
    new_images = functional.grid_sample(images, grid, padding_mode="border", align_corners=False)
    # Shifted so that the zeros beyond the patch mean unlabelled.
    new_labels = functional.grid_sample(labels - UNLABELLED, grid, mode="nearest", align_corners=False) + UNLABELLED
    _put_back(labels, new_labels, matrices)
    return new_images, new_labels


def _put_back(labels: Tensor, new_labels: Tensor, matrices: Tensor) -> None:
    """Set the foreground voxels of `labels` that left no trace in `new_labels`."""
    where = torch.nonzero(labels[:, 0] == FOREGROUND)
    if not len(where):
        return
    sample, voxel = where[:, 0], where[:, 1:]
    extent = torch.tensor(labels.shape[2:], device=labels.device, dtype=torch.float32)
    old = ((2 * voxel + 1) / extent - 1).flip(1)
    backwards = torch.linalg.inv(matrices[:, :, :-1]).to(old)
    new = torch.einsum("nij,nj->ni", backwards[sample], old).flip(1)
    landing = torch.floor((new + 1) / 2 * extent).long()
    inside = ((landing >= 0) & (landing < extent)).all(dim=1)
    places = (sample[inside], torch.zeros_like(sample[inside]), *landing[inside].unbind(1))
    # Only at the landing places: a maximum over every neighbourhood would take longer than turning the patch.
    flags = functional.pad(new_labels[:, 0] == FOREGROUND, [1, 1] * (labels.ndim - 2))
    lost = torch.ones_like(places[0], dtype=torch.bool)
    for offset in itertools.product((0, 1, 2), repeat=labels.ndim - 2):
        beside = [axis + step for axis, step in zip(places[2:], offset, strict=True)]
        lost &= ~flags[(places[0], *beside)]
    new_labels[tuple(axis[lost] for axis in places)] = float(FOREGROUND)
