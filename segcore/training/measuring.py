"""From predicted cases to the numbers of a validation: the threshold that suits all, and every metric at it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from segcore.annotation.packing import pack, unpack
from segcore.geometry import Box
from segcore.inference.preparation import Image
from segcore.metrics.curves import LogitHistogram, cautious_step, probability_of, quantise
from segcore.metrics.empty import mean_of_defined
from segcore.metrics.lesions import LesionScore, lesion_score
from segcore.scans.volume import Labels
from segcore.training.events import CaseScore, Validated


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

    def lesions(self, labels: Labels, threshold: int) -> LesionScore:
        """Return how many lesions are found at a threshold."""
        p, r, c = labels.shape
        steps = unpack(self.steps, Box((0, 0, 0), (p, r, c))).view(np.int8)
        return lesion_score(steps >= threshold, labels)


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
    scores = [_case_score(case, score, threshold) for case, score in zip(cases, lesions, strict=True)]
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
    lesions: Sequence[LesionScore],
    threshold: int,
    step: int,
    seconds: float,
) -> Validated:
    pooled = reduce(lambda a, b: a + b, histograms)
    counts = pooled.confusion_at(threshold)
    voxels = max(pooled.foreground + pooled.background, 1)
    return Validated(
        step=step,
        seconds=seconds,
        dice=mean_of_defined(score.dice for score in scores),
        precision=mean_of_defined(score.precision for score in scores),
        recall=mean_of_defined(score.recall for score in scores),
        pooled_dice=counts.dice,
        dice_at_half=mean_of_defined(histogram.confusion_at(0).dice for histogram in histograms),
        average_precision=pooled.average_precision(),
        lesion_f1=reduce(lambda a, b: a + b, lesions).f1,
        threshold=probability_of(threshold),
        predicted_fraction=counts.predicted_voxels / voxels,
        true_fraction=pooled.prevalence,
        soft_fraction=pooled.soft_fraction,
        foreground_probability=pooled.foreground_probability,
        skill=pooled.skill,
        is_best=False,
        cases=tuple(scores),
    )


def quality(validated: Validated) -> float:
    """Return the mean of Dice and average precision; what is undefined counts as worst, so that it blocks nothing."""
    parts = (validated.dice, validated.average_precision)
    return sum(0.0 if math.isnan(part) else part for part in parts) / 2
