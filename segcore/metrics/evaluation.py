"""All metrics of one case, and their means."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

from segcore.metrics.confusion import confusion_of
from segcore.metrics.empty import mean_of_defined
from segcore.metrics.lesions import lesion_score
from segcore.metrics.matching import Instances, brats_lesion_dice, cell_dice, panoptic_score
from segcore.metrics.surface import assd_mm, hd95_mm, normalised_surface_dice
from segcore.scans.volume import FOREGROUND, UNLABELLED, Mask


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseMetrics:
    """Metrics of one case; NaN where undefined (see `segcore.metrics.empty.CONVENTIONS`).

    Parameters
    ----------
    lesion_f1, lesion_recall, lesion_precision
        By any overlap.
    lesion_f1_iou, panoptic_quality
        One to one, at an overlap over union of at least 0.5.
    brats_lesion_dice
        Lesion-wise Dice of BraTS 2023.
    cell_dice
        Mean Dice over the cells of lesions.
    """

    dice: float
    iou: float
    precision: float
    recall: float
    lesion_f1: float
    lesion_recall: float
    lesion_precision: float
    false_positives: int
    hd95_mm: float
    nsd: float
    predicted_ml: float
    true_ml: float
    # Later than the first trials, whose records do not have them.
    mcc: float = math.nan
    assd_mm: float = math.nan
    lesion_f1_iou: float = math.nan
    panoptic_quality: float = math.nan
    brats_lesion_dice: float = math.nan
    cell_dice: float = math.nan


def evaluate_pair(predicted: Mask, reference: Mask) -> CaseMetrics:
    """Return the metrics of a predicted mask against a reference on the same grid."""
    known = reference.labels != UNLABELLED
    flags = (predicted.labels == FOREGROUND) & known
    truth = reference.labels == FOREGROUND
    counts = confusion_of(flags, reference.labels)
    lesions = lesion_score(flags, reference.labels)
    panoptic = panoptic_score(Instances.of(flags, reference.labels))
    millilitres = reference.grid.voxel_volume_ml
    return CaseMetrics(
        dice=counts.dice,
        iou=counts.iou,
        precision=counts.precision,
        recall=counts.recall,
        lesion_f1=lesions.f1,
        lesion_recall=lesions.recall,
        lesion_precision=lesions.precision,
        false_positives=lesions.false_positives,
        hd95_mm=hd95_mm(flags, truth, reference.grid),
        nsd=normalised_surface_dice(flags, truth, reference.grid),
        predicted_ml=counts.predicted_voxels * millilitres,
        true_ml=counts.true_voxels * millilitres,
        mcc=counts.mcc,
        assd_mm=assd_mm(flags, truth, reference.grid),
        lesion_f1_iou=panoptic.recognition,
        panoptic_quality=panoptic.quality,
        # Its rule speaks of mm³, which an image without a known voxel size does not have.
        brats_lesion_dice=brats_lesion_dice(flags, reference.labels, voxel_mm3=1000 * millilitres)
        if reference.grid.calibrated
        else math.nan,
        cell_dice=cell_dice(flags, reference.labels, spacing=reference.grid.spacing),
    )


def mean_metrics(cases: Sequence[CaseMetrics]) -> dict[str, float]:
    """Return the mean of each metric over the cases in which it is defined, by name; NaN where none is."""
    return {
        field.name: mean_of_defined(float(getattr(case, field.name)) for case in cases)
        for field in dataclasses.fields(CaseMetrics)
    }


def undefined_counts(cases: Sequence[CaseMetrics]) -> dict[str, int]:
    """Return in how many cases each metric was undefined, by name."""
    return {
        field.name: sum(math.isnan(float(getattr(case, field.name))) for case in cases)
        for field in dataclasses.fields(CaseMetrics)
    }
