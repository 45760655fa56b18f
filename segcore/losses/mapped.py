"""Pixel losses whose weights are a map made from the target or the prediction: distances, sizes, borders.

Maps are made on the CPU for each batch, after augmentation, since a map that was warped with its patch is no distance any
more. Distances are in voxels. Ignored voxels count as background in a map, and have weight 0 in the loss.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from segcore.losses.closed_form import ClosedForm, Sums, Visit
from segcore.losses.voxels import Piece, Slope, Voxels
from segcore.scans.components import label_lesions

Map = NDArray[np.float32]
Flags = NDArray[np.bool_]


def mapped(voxels_y: Tensor, make: Callable[[Flags], Map]) -> Tensor:
    """Return `make` of the foreground of each sample, (N, *spatial), on the target's device."""
    flags = voxels_y.detach().cpu().numpy() > 0.5
    return torch.from_numpy(np.stack([make(sample) for sample in flags])).to(voxels_y.device)


def components_of(sample: Flags) -> tuple[NDArray[np.int32], int]:
    """Return the lesions of a sample (rows, columns) or (planes, rows, columns), numbered from 1, and how many."""
    flat = sample.ndim == 2
    labels, count = label_lesions(sample[None] if flat else sample)
    return (labels[0] if flat else labels), count


class MappedCrossEntropy(ClosedForm):
    """Σ c ℓ / N with a map c of weights, `weight` times what `make` returns, plus `offset`."""

    def __init__(self, make: Callable[[Flags], Map], *, offset: float = 0.0) -> None:
        super().__init__()
        self._make, self._offset = make, offset

    def prepare(self, voxels: Voxels, sums: Sums) -> tuple[float, Visit]:
        weights = mapped(voxels.whole_y, self._make)
        scale = voxels.inverse_count

        def visit(piece: Piece) -> tuple[Tensor, Slope]:
            here = piece.of(weights).add_(self._offset).mul_(scale)
            return torch.dot(here, piece.entropy), Slope.by_s(here.mul_(piece.wrong))

        return 0.0, visit


def between_lesions(sample: Flags, *, sigma: float) -> Map:
    """Return exp(−(d₁ + d₂)² / 2σ²), d₁ and d₂ the distances to the two nearest lesions (Ronneberger et al. 2015).

    0 where there are fewer than two lesions, and inside of lesions.
    """
    labels, count = components_of(sample)
    if count < 2:
        return np.zeros(sample.shape, dtype=np.float32)
    nearest = np.full((2, *sample.shape), np.inf, dtype=np.float32)
    for number in range(1, count + 1):
        distance = ndimage.distance_transform_edt(labels != number).astype(np.float32)
        second = np.maximum(nearest[0], distance)
        nearest[0] = np.minimum(nearest[0], distance)
        nearest[1] = np.minimum(nearest[1], second)
    result: Map = np.exp(-((nearest[0] + nearest[1]) ** 2) / (2 * sigma**2)).astype(np.float32)
    result[sample] = 0
    return result


def inverse_sizes(sample: Flags, *, largest: float) -> Map:
    """Return weights 1 / size of each voxel's lesion, the background being one more, scaled to a mean of 1.

    No weight is more than `largest` times the smallest (Shirokikh et al. 2020). A sample of one kind only has weight 1.
    """
    labels, count = components_of(sample)
    sizes = np.bincount(labels.ravel(), minlength=count + 1).astype(np.float64)
    weights = 1 / np.maximum(sizes, 1)
    there = sizes > 0
    weights = np.minimum(weights, largest * weights[there].min())
    weights *= sizes.sum() / (weights * sizes)[there].sum()
    return np.asarray(weights[labels], dtype=np.float32)


def signed_distance(sample: Flags, *, clip: float) -> Map:
    """Return distances to the border, −(d − 1) inside and +d outside, over `clip` and cut at ±1.

    0 everywhere in a sample without a border (Kervadec et al. 2019).
    """
    if not sample.any() or sample.all():
        return np.zeros(sample.shape, dtype=np.float32)
    outside = ndimage.distance_transform_edt(~sample)
    inside = ndimage.distance_transform_edt(sample) - 1
    return np.asarray(np.clip(np.where(sample, -inside, outside) / clip, -1, 1), dtype=np.float32)


def border_distance(sample: Flags) -> Map:
    """Return distances to the border on both sides, over the sample's longest edge; 0 where there is no border."""
    if not sample.any() or sample.all():
        return np.zeros(sample.shape, dtype=np.float32)
    both = ndimage.distance_transform_edt(~sample) + ndimage.distance_transform_edt(sample)
    return np.asarray(both / max(sample.shape), dtype=np.float32)


def between_weighted(*, w0: float, sigma: float) -> MappedCrossEntropy:
    """Return cross-entropy with weights 1 + w₀ exp(−(d₁ + d₂)² / 2σ²) (Ronneberger et al. 2015)."""
    return MappedCrossEntropy(lambda sample: np.float32(w0) * between_lesions(sample, sigma=sigma), offset=1.0)


def size_weighted(*, largest: float) -> MappedCrossEntropy:
    """Return cross-entropy with weights of `inverse_sizes`."""
    return MappedCrossEntropy(lambda sample: inverse_sizes(sample, largest=largest))


class Boundary(ClosedForm):
    """mean p φ with φ the signed distance to the target's border, within ±1 (Kervadec et al. 2019).

    Negative where the foreground is covered. Says nothing on a sample without foreground.
    """

    def __init__(self, *, clip: float) -> None:
        super().__init__()
        self.clip = clip

    def prepare(self, voxels: Voxels, sums: Sums) -> tuple[float, Visit]:
        distance = mapped(voxels.whole_y, lambda sample: signed_distance(sample, clip=self.clip))
        scale = voxels.inverse_count

        def visit(piece: Piece) -> tuple[Tensor, Slope]:
            here = piece.of(distance).mul_(scale)
            return torch.dot(here, piece.p), Slope(array=here.mul_(piece.q))

        return 0.0, visit


class HausdorffDistance(ClosedForm):
    """mean (p − y)² (d_p^α + d_y^α), distances to the borders of prediction and target (Karimi and Salcudean 2019).

    Distances are shares of the sample's longest edge, so that the value stays beside an overlap loss's. The prediction's
    distances are constants of the gradient.
    """

    def __init__(self, *, alpha: float) -> None:
        super().__init__()
        self.alpha = alpha

    def prepare(self, voxels: Voxels, sums: Sums) -> tuple[float, Visit]:
        of_target = mapped(voxels.whole_y, border_distance)
        of_prediction = mapped((voxels.whole_z > 0).float(), border_distance)
        weights = of_target**self.alpha + of_prediction**self.alpha
        scale = voxels.inverse_count

        def visit(piece: Piece) -> tuple[Tensor, Slope]:
            pulled = piece.of(weights).mul_(scale).mul_(piece.wrong)
            return torch.dot(pulled, piece.wrong), Slope.by_s(pulled.mul_(2).mul_(piece.q))

        return 0.0, visit
