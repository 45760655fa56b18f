"""Counting lesions found and missed: the unit that a reader cares about."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segcore.scans.components import label_lesions
from segcore.scans.volume import FOREGROUND, UNLABELLED, Labels


@dataclass(frozen=True, slots=True, kw_only=True)
class LesionScore:
    """Lesions by the any-overlap rule: one common voxel is enough. Metrics are NaN where undefined.

    Parameters
    ----------
    true_lesions, found
        Components of the reference, and how many of them the prediction touches.
    predicted_lesions, false_positives
        Components of the prediction, and how many of them touch no true lesion.
    """

    true_lesions: int
    found: int
    predicted_lesions: int
    false_positives: int

    def __add__(self, other: LesionScore) -> LesionScore:
        return LesionScore(
            true_lesions=self.true_lesions + other.true_lesions,
            found=self.found + other.found,
            predicted_lesions=self.predicted_lesions + other.predicted_lesions,
            false_positives=self.false_positives + other.false_positives,
        )

    @property
    def recall(self) -> float:
        """Share of true lesions that were found."""
        return self.found / self.true_lesions if self.true_lesions else math.nan

    @property
    def precision(self) -> float:
        """Share of predicted lesions that touch a true one."""
        if not self.predicted_lesions:
            return math.nan
        return (self.predicted_lesions - self.false_positives) / self.predicted_lesions

    @property
    def f1(self) -> float:
        """Harmonic mean of the two; 0 where lesions were missed and nothing was predicted, or the reverse."""
        if not self.true_lesions and not self.predicted_lesions:
            return math.nan
        if not self.found or self.false_positives == self.predicted_lesions:
            return 0.0
        return 2 * self.recall * self.precision / (self.recall + self.precision)


@dataclass(frozen=True, slots=True, kw_only=True)
class LesionDetail:
    """A score, and for each true lesion how many voxels it has and whether it was found."""

    score: LesionScore
    sizes: tuple[int, ...]
    found: tuple[bool, ...]


def lesion_score(predicted: NDArray[np.bool_], labels: Labels) -> LesionScore:
    """Return the score of a prediction against labels of the same shape.

    Predicted voxels where the reference is unlabelled are left out.
    """
    return lesion_detail(predicted, labels).score


def lesion_detail(predicted: NDArray[np.bool_], labels: Labels) -> LesionDetail:
    """Return the score as `lesion_score` does, lesion by lesion."""
    predicted = predicted & (labels != UNLABELLED)
    front = labels == FOREGROUND
    true_of, true_count = label_lesions(front)
    predicted_of, predicted_count = label_lesions(predicted)
    both = predicted & front
    found = np.zeros(true_count + 1, dtype=bool)
    found[true_of[both]] = True
    score = LesionScore(
        true_lesions=true_count,
        found=int(found[1:].sum()),
        predicted_lesions=predicted_count,
        false_positives=predicted_count - int(np.unique(predicted_of[both]).size),
    )
    sizes = np.bincount(true_of[front], minlength=true_count + 1)[1:]
    return LesionDetail(
        score=score, sizes=tuple(int(size) for size in sizes), found=tuple(bool(flag) for flag in found[1:])
    )
