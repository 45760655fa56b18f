"""All metrics of one case, and their means."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

from segcore.metrics.confusion import confusion_of
from segcore.metrics.empty import mean_of_defined
from segcore.metrics.lesions import lesion_score
from segcore.metrics.surface import hd95_mm, normalised_surface_dice
from segcore.scans.volume import FOREGROUND, UNLABELLED, Mask


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseMetrics:
    """Metrics of one case; NaN where undefined (see `segcore.metrics.empty.CONVENTIONS`)."""

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


def evaluate_pair(predicted: Mask, reference: Mask) -> CaseMetrics:
    """Return the metrics of a predicted mask against a reference on the same grid."""
    known = reference.labels != UNLABELLED
    flags = (predicted.labels == FOREGROUND) & known
    truth = reference.labels == FOREGROUND
    counts = confusion_of(flags, reference.labels)
    lesions = lesion_score(flags, reference.labels)
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
