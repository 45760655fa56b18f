"""Losses that look at lesions one by one, or at their skeletons: blob, CC-DiceCE, clDice, skeleton recall.

Lesions, cells and skeletons of the target are found on the CPU for each batch, after augmentation. All are auxiliaries:
they say little or nothing where there is no lesion.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy import ndimage
from skimage.morphology import skeletonize
from torch import Tensor
from torch.nn import functional

from segcore.losses.mapped import Flags, Map, components_of, mapped
from segcore.losses.terms import Loss, cross_entropy

#: Added to sums that are divided by, in voxels.
_SMOOTH = 1e-5


def lesion_numbers(y: Tensor) -> tuple[Tensor, int]:
    """Return for each voxel its lesion's number, counted through all samples from 1, 0 on background; and how many."""
    return _numbered(y, spread=False)


def nearest_lesion_numbers(y: Tensor) -> tuple[Tensor, int]:
    """Return for each voxel the number of the lesion nearest to it; 0 in samples without one; and how many there are."""
    return _numbered(y, spread=True)


def _numbered(y: Tensor, *, spread: bool) -> tuple[Tensor, int]:
    flags = y.detach()[:, 0].cpu().numpy() > 0.5
    result = np.zeros(flags.shape, dtype=np.int64)
    total = 0
    for number, sample in enumerate(flags):
        labels, count = components_of(sample)
        if not count:
            continue
        if spread and not sample.all():
            nearest = ndimage.distance_transform_edt(~sample, return_distances=False, return_indices=True)
            labels = labels[tuple(nearest)]
        result[number] = np.where(labels > 0, labels + total, 0)
        total += count
    return torch.from_numpy(result)[:, None].to(y.device), total


def _sums_by(numbers: Tensor, count: int, values: Tensor) -> Tensor:
    """Return sums of `values` over voxels of each number, (count + 1,)."""
    return values.new_zeros(count + 1).index_add(0, numbers.flatten(), values.flatten())


def _dice_and_entropy(p: Tensor, z: Tensor, y: Tensor, m: Tensor) -> Tensor:
    """Return Dice loss over the batch (0 without foreground) plus the mean cross-entropy."""
    entropy = (cross_entropy(z, y) * m).sum() / m.sum().clamp_min(1.0)
    front = y.sum()
    lost = (p * (1 - y)).sum() + ((m - p) * y).sum()
    dice = torch.where(front > 0, lost / ((p * y).sum() * 2 + lost + _SMOOTH), torch.zeros_like(lost))
    return dice + entropy


class Blob(Loss):
    """2 L + mean over lesions of L where no other lesion is (Kofler et al. 2023), L = Dice + cross-entropy.

    The reference multiplies logits by the mask, so that masked voxels still say 0.5; here they are left out of the sums.
    Every false alarm is charged to every lesion.
    """

    GLOBAL = 2.0

    def __init__(self, *, blob_weight: float) -> None:
        super().__init__()
        self.blob_weight = blob_weight

    def value(self, z: Tensor, y: Tensor, m: Tensor) -> Tensor:
        p = torch.sigmoid(z) * m
        whole = self.GLOBAL * _dice_and_entropy(p, z, y, m)
        numbers, count = lesion_numbers(y)
        if not count:
            return whole
        entropy = cross_entropy(z, y) * m
        # Number 0 is the background, which every lesion's domain shares.
        hit, loss, size = (_sums_by(numbers, count, values) for values in (p, entropy, m))
        dice = 1 - 2 * hit[1:] / (hit[1:] + hit[0] + size[1:] + _SMOOTH)
        each = (loss[1:] + loss[0]) / (size[1:] + size[0])
        return whole + self.blob_weight * (dice + each).mean()


class ComponentDice(Loss):
    """L + λ · mean over lesions of L in each lesion's cell, L = Dice + cross-entropy (CC-DiceCE, arXiv:2511.17146).

    A cell holds the voxels that are nearest to its lesion: every false alarm is charged once, to the nearest lesion, and
    every lesion counts the same, however small.
    """

    def __init__(self, *, cell_weight: float) -> None:
        super().__init__()
        self.cell_weight = cell_weight

    def value(self, z: Tensor, y: Tensor, m: Tensor) -> Tensor:
        p = torch.sigmoid(z) * m
        whole = _dice_and_entropy(p, z, y, m)
        cells, count = nearest_lesion_numbers(y)
        if not count:
            return whole
        entropy = cross_entropy(z, y) * m
        hit, said, front, loss, size = (_sums_by(cells, count, v)[1:] for v in (p * y, p, y, entropy, m))
        dice = 1 - 2 * hit / (said + front + _SMOOTH)
        return whole + self.cell_weight * (dice + loss / size.clamp_min(1.0)).mean()


class CenterlineDice(Loss):
    """(1 − α) Dice + α clDice (Shit et al. 2021): whether centre lines are covered, and false ones avoided.

    Parameters
    ----------
    iterations
        Erosions; at least the largest radius in voxels.
    alpha
        Share of clDice.
    smooth
        Added to both sides of precision and sensitivity.
    """

    def __init__(self, *, iterations: int, alpha: float, smooth: float = _SMOOTH) -> None:
        super().__init__()
        self.iterations, self.alpha, self.smooth = int(iterations), alpha, smooth

    def value(self, z: Tensor, y: Tensor, m: Tensor) -> Tensor:
        p = torch.sigmoid(z) * m
        front = y.sum()
        if not float(front):
            return (p * 0).sum()
        lost = (p * (1 - y)).sum() + ((m - p) * y).sum()
        dice = lost / (2 * (p * y).sum() + lost + self.smooth)
        return (1 - self.alpha) * dice + self.alpha * self.centre_lines(p, y)

    def centre_lines(self, p: Tensor, y: Tensor) -> Tensor:
        """Return 1 − clDice of probabilities and target (N, 1, *spatial)."""
        of_p, of_y = soft_skeleton(p, self.iterations), soft_skeleton(y, self.iterations)
        precision = ((of_p * y).sum() + self.smooth) / (of_p.sum() + self.smooth)
        sensitivity = ((of_y * p).sum() + self.smooth) / (of_y.sum() + self.smooth)
        return 1 - 2 * precision * sensitivity / (precision + sensitivity)


def soft_skeleton(values: Tensor, iterations: int) -> Tensor:
    """Return what opening takes away, collected over erosions; values 0..1 of (N, 1, *spatial)."""
    skeleton = functional.relu(values - _opened(values))
    for _ in range(iterations):
        values = _eroded(values)
        thin = functional.relu(values - _opened(values))
        skeleton = skeleton + functional.relu(thin - skeleton * thin)
    return skeleton


def _eroded(values: Tensor) -> Tensor:
    dims = values.ndim - 2
    pool = functional.max_pool2d if dims == 2 else functional.max_pool3d
    result: Tensor | None = None
    for axis in range(dims):
        kernel = [3 if a == axis else 1 for a in range(dims)]
        padding = [1 if a == axis else 0 for a in range(dims)]
        along = -pool(-values, kernel, 1, padding)
        result = along if result is None else torch.minimum(result, along)
    return values if result is None else result


def _opened(values: Tensor) -> Tensor:
    pool = functional.max_pool2d if values.ndim == 4 else functional.max_pool3d
    return pool(_eroded(values), 3, 1, 1)


class SkeletonRecall(Loss):
    """1 − Σ p k / Σ k over the target's skeleton k, widened twice within the target (Kirchhoff et al. 2024)."""

    def value(self, z: Tensor, y: Tensor, m: Tensor) -> Tensor:
        lines = mapped(y[:, 0], widened_skeleton)[:, None] * m
        total = lines.sum()
        if not float(total):
            return (z * 0).sum()
        return 1 - (torch.sigmoid(z) * lines).sum() / total


def widened_skeleton(sample: Flags) -> Map:
    """Return the skeleton of a sample, dilated twice and kept inside it, as 0 and 1."""
    lines = np.asarray(skeletonize(sample)) > 0
    wide = ndimage.binary_dilation(lines, iterations=2) if lines.any() else lines
    return (wide & sample).astype(np.float32)
