"""From predicted cases to the numbers of a validation: the threshold that suits all, and every metric at it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from segcore.annotation.packing import pack, unpack
from segcore.geometry import Box
from segcore.inference.preparation import Image
from segcore.metrics.calibration import calibrate
from segcore.metrics.curves import LogitHistogram, cautious_step, probability_of, quantise
from segcore.metrics.empty import mean_of_defined
from segcore.metrics.inference import bootstrap_interval
from segcore.metrics.lesion_sizes import recall_by_size
from segcore.metrics.lesions import LesionDetail, LesionScore, lesion_detail
from segcore.metrics.precision_recall import Interval, average_precision_interval, pr_curve_of
from segcore.scans.volume import Labels
from segcore.training.events import BETA, CaseScore, Validated


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MeasuredCase:
    """One case at no threshold yet: compressed, since all of them wait for the threshold that suits all."""

    id: str
    histogram: LogitHistogram
    steps: bytes

    @classmethod
    def of(cls, id: str, logits: Image, labels: Labels) -> MeasuredCase:
        """Return a case from its logits and its mask, both (planes, rows, columns) on the scan's own grid."""
        histogram = LogitHistogram()
        histogram.add(logits, labels)
        return cls(id=id, histogram=histogram, steps=pack(quantise(logits).view(np.uint8)))

    def unpacked(self, shape: tuple[int, int, int]) -> NDArray[np.int8]:
        """Return the logits in steps of 0.1, of the shape of the case's scan."""
        return unpack(self.steps, Box((0, 0, 0), shape)).view(np.int8)

    def lesions(self, labels: Labels, threshold: int) -> LesionDetail:
        """Return which lesions are found at a threshold."""
        p, r, c = labels.shape
        return lesion_detail(self.unpacked((p, r, c)) >= threshold, labels)


def summarise(
    cases: Sequence[MeasuredCase], labels_of: Callable[[int], Labels], *, step: int, seconds: float
) -> tuple[Validated, int]:
    """Return the numbers over `cases` and the operating threshold in steps of 0.1 logit, fitted on them with caution.

    Parameters
    ----------
    labels_of
        Gives the mask of the case at a place in `cases`.
    step, seconds
        When, for the event.
    """
    histograms = [case.histogram for case in cases]
    threshold = cautious_step(histograms)
    lesions = [case.lesions(labels_of(number), threshold) for number, case in enumerate(cases)]
    scores = [_case_score(case, detail.score, threshold) for case, detail in zip(cases, lesions, strict=True)]
    return _summary(histograms, scores, lesions, threshold, step, seconds), threshold


def _case_score(case: MeasuredCase, lesions: LesionScore, threshold: int) -> CaseScore:
    counts = case.histogram.confusion_at(threshold)
    return CaseScore(
        case=case.id,
        dice=counts.dice,
        precision=counts.precision,
        recall=counts.recall,
        lesion_f1=lesions.f1,
        predicted_voxels=counts.predicted_voxels,
        true_voxels=counts.true_voxels,
    )


def _summary(
    histograms: Sequence[LogitHistogram],
    scores: Sequence[CaseScore],
    lesions: Sequence[LesionDetail],
    threshold: int,
    step: int,
    seconds: float,
) -> Validated:
    pooled = reduce(lambda a, b: a + b, histograms)
    counts = pooled.confusion_at(threshold)
    voxels = max(pooled.foreground + pooled.background, 1)
    betas = [histogram.confusion_at(threshold).f_beta(BETA) for histogram in histograms]
    score = reduce(lambda a, b: a + b, (detail.score for detail in lesions))
    calibration = calibrate(pooled)
    back, front = pooled.mean_logits()
    return Validated(
        step=step,
        seconds=seconds,
        dice=mean_of_defined(score.dice for score in scores),
        precision=mean_of_defined(score.precision for score in scores),
        recall=mean_of_defined(score.recall for score in scores),
        pooled_dice=counts.dice,
        dice_at_half=mean_of_defined(histogram.confusion_at(0).dice for histogram in histograms),
        average_precision=pooled.average_precision(),
        lesion_f1=score.f1,
        threshold=probability_of(threshold),
        predicted_fraction=counts.predicted_voxels / voxels,
        true_fraction=pooled.prevalence,
        soft_fraction=pooled.soft_fraction,
        foreground_probability=pooled.foreground_probability,
        skill=pooled.skill,
        is_best=False,
        cases=tuple(scores),
        f_beta=mean_of_defined(betas),
        dice_interval=_interval([score.dice for score in scores]),
        precision_interval=_interval([score.precision for score in scores]),
        recall_interval=_interval([score.recall for score in scores]),
        f_beta_interval=_interval(betas),
        average_precision_interval=average_precision_interval(histograms),
        sizes=recall_by_size(
            [size for detail in lesions for size in detail.sizes], [hit for detail in lesions for hit in detail.found]
        ),
        false_positives_per_case=score.false_positives / max(len(lesions), 1),
        curve=pr_curve_of(pooled, threshold),
        reliability=calibration.bins,
        calibration_error=calibration.error,
        brier_skill=calibration.brier_skill,
        foreground_logit=front,
        background_logit=back,
    )


def _interval(values: Sequence[float]) -> Interval:
    low, high = bootstrap_interval(values)
    return Interval(low=low, high=high)


def quality(validated: Validated) -> float:
    """Return the mean of Dice and average precision; what is undefined counts as worst, so that it blocks nothing."""
    parts = (validated.dice, validated.average_precision)
    return sum(0.0 if math.isnan(part) else part for part in parts) / 2
