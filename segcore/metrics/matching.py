"""Which predicted component belongs to which lesion, under the rules that papers report; each names its source."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segcore.geometry import Box
from segcore.metrics.lesions import LesionScore
from segcore.scans.components import Components, label_lesions
from segcore.scans.volume import FOREGROUND, UNLABELLED, Labels

Flags = NDArray[np.bool_]
#: One-to-one matches need this overlap over union; panoptica's default.
LEAST_IOU = 0.5
#: The BraTS 2023 rule for gliomas: lesions nearer than this many dilations are one, smaller ones are not scored.
BRATS_DILATIONS, BRATS_LEAST_MM3 = 3, 50.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Instances:
    """Lesions and predicted components of one case, and how much each pair has in common.

    Parameters
    ----------
    true_sizes, predicted_sizes
        (lesions,) and (components,) int64 voxels.
    common
        (lesions, components) int64 voxels.
    """

    true_sizes: NDArray[np.int64]
    predicted_sizes: NDArray[np.int64]
    common: NDArray[np.int64]

    @classmethod
    def of(cls, predicted: Flags, labels: Labels) -> Instances:
        """Count; predicted voxels where the reference is unlabelled are left out."""
        predicted = predicted & (labels != UNLABELLED)
        front = labels == FOREGROUND
        box = Box.around(predicted | front)
        if box is None:
            return cls._from(np.zeros(1, np.int32), 0, np.zeros(1, np.int32), 0)
        true_of, lesions = label_lesions(front[box.slices])
        predicted_of, components = label_lesions(predicted[box.slices])
        return cls._from(true_of, lesions, predicted_of, components)

    @classmethod
    def _from(cls, true_of: Components, lesions: int, predicted_of: Components, components: int) -> Instances:
        pairs = true_of.astype(np.int64) * (components + 1) + predicted_of
        table = np.bincount(pairs.ravel(), minlength=(lesions + 1) * (components + 1))
        table = table.reshape(lesions + 1, components + 1)
        return cls(
            true_sizes=table[1:].sum(axis=1), predicted_sizes=table[:, 1:].sum(axis=0), common=table[1:, 1:].copy()
        )

    @property
    def found(self) -> Flags:
        """(lesions,) flags: one common voxel is enough."""
        return np.asarray(self.common.any(axis=1))

    @property
    def ious(self) -> NDArray[np.float64]:
        """(lesions, components) overlap over union."""
        either = self.true_sizes[:, None] + self.predicted_sizes[None, :] - self.common
        return np.asarray(self.common / np.maximum(either, 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class PanopticScore:
    """One-to-one matches; metrics are NaN where there is neither lesion nor component.

    Parameters
    ----------
    counts
        A lesion is found if it has a match.
    iou_sum
        Σ IoU over the matches.
    """

    counts: LesionScore
    iou_sum: float

    @property
    def recognition(self) -> float:
        """RQ = TP / (TP + FP/2 + FN/2), which is lesion F1 under this rule."""
        below = self.counts.true_lesions + self.counts.predicted_lesions
        return 2 * self.counts.found / below if below else math.nan

    @property
    def segmentation(self) -> float:
        """SQ: the mean IoU of matches; NaN without one."""
        return self.iou_sum / self.counts.found if self.counts.found else math.nan

    @property
    def quality(self) -> float:
        """PQ = SQ · RQ (Kirillov et al. 2019, arXiv:1801.00868); 0 where nothing matches."""
        if not self.counts.found:
            return 0.0 if self.counts.true_lesions + self.counts.predicted_lesions else math.nan
        return self.segmentation * self.recognition


def panoptic_score(instances: Instances, *, least_iou: float = LEAST_IOU) -> PanopticScore:
    """Return the one-to-one matching of largest total IoU among pairs of at least `least_iou`, in (0, 1]."""
    from scipy.optimize import linear_sum_assignment  # noqa: PLC0415 - slow to import, the window must not pay

    ious = instances.ious
    allowed = np.where(ious >= least_iou, ious, 0.0)
    rows, columns = linear_sum_assignment(allowed, maximize=True)
    matched = allowed[rows, columns]
    found = int(np.count_nonzero(matched))
    counts = LesionScore(
        true_lesions=instances.true_sizes.size,
        found=found,
        predicted_lesions=instances.predicted_sizes.size,
        false_positives=instances.predicted_sizes.size - found,
    )
    return PanopticScore(counts=counts, iou_sum=float(matched.sum()))


def brats_lesion_dice(
    predicted: Flags,
    labels: Labels,
    *,
    voxel_mm3: float,
    dilations: int = BRATS_DILATIONS,
    least_mm3: float = BRATS_LEAST_MM3,
) -> float:
    """Return the lesion-wise Dice of BraTS 2023: a missed lesion and a false alarm count as 0.

    Lesions that grow together within `dilations` steps are one. A component that touches a lesion dilated that often
    belongs to it; several may. Lesions up to `least_mm3` are not scored, and their components are no false alarms.
    Nothing to score and no false alarm: 1. Source: Saluja et al., github.com/rachitasaluja/BraTS-2023-Metrics.

    Parameters
    ----------
    voxel_mm3
        Volume of a voxel, mm³.
    """
    from scipy import ndimage  # noqa: PLC0415 - see above

    predicted = predicted & (labels != UNLABELLED)
    front = labels == FOREGROUND
    box = Box.around(predicted | front)
    if box is None:
        return 1.0
    around = _grown(box.slices, dilations + 1, labels.shape)
    predicted, front = predicted[around], front[around]
    structure = ndimage.generate_binary_structure(3, 2)
    components, count = label_lesions(predicted)
    sizes = np.bincount(components.ravel(), minlength=count + 1)
    merged, _ = label_lesions(_dilated(front, structure, dilations))
    of_lesion = merged * front
    scores, taken = [], set[int]()
    for lesion, part in enumerate(ndimage.find_objects(of_lesion), start=1):
        near = _grown(part, dilations, front.shape)
        own, there = of_lesion[near] == lesion, components[near]
        touched = {int(n) for n in np.unique(there[_dilated(own, structure, dilations)]) if n}
        taken |= touched
        true = int(own.sum())
        if true * voxel_mm3 > least_mm3:
            common = int(np.isin(there[own], list(touched)).sum())
            scores.append(2 * common / (true + sum(int(sizes[n]) for n in touched)))
    below = len(scores) + count - len(taken)
    return sum(scores) / below if below else 1.0


def _grown(part: tuple[slice, ...], by: int, shape: tuple[int, ...]) -> tuple[slice, ...]:
    return tuple(slice(max(a.start - by, 0), min(a.stop + by, n)) for a, n in zip(part, shape, strict=True))


def _dilated(flags: Flags, structure: Flags, times: int) -> Flags:
    from scipy import ndimage  # noqa: PLC0415 - see above

    return np.asarray(ndimage.binary_dilation(flags, structure, times)) if times else flags


def cell_dice(predicted: Flags, labels: Labels, *, spacing: tuple[float, float, float]) -> float:
    """Return the mean Dice over the cells of lesions: every voxel belongs to the lesion nearest to it, in mm.

    Each lesion counts the same whatever its size, and a false alarm is charged to the lesion next to it (CC-Metrics,
    Jaus et al. 2024, arXiv:2410.18684). NaN without a lesion.
    """
    from scipy import ndimage  # noqa: PLC0415 - see above

    box = Box.around((predicted | (labels == FOREGROUND)) & (labels != UNLABELLED))
    if box is None:
        return math.nan
    labels, flags = labels[box.slices], (predicted & (labels != UNLABELLED))[box.slices]
    lesion_of, lesions = label_lesions(labels == FOREGROUND)
    if not lesions:
        return math.nan
    nearest = ndimage.distance_transform_edt(
        lesion_of == 0, sampling=spacing, return_distances=False, return_indices=True
    )
    said = np.bincount(lesion_of[tuple(nearest[:, flags])], minlength=lesions + 1)[1:]
    true = np.bincount(lesion_of.ravel(), minlength=lesions + 1)[1:]
    right = np.bincount(lesion_of[flags], minlength=lesions + 1)[1:]
    return float(np.mean(2 * right / (said + true)))
