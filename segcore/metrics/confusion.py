"""Counts of right and wrong voxels, and the metrics that follow from them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segcore.scans.volume import FOREGROUND, UNLABELLED, Labels


def _ratio(above: float, below: float) -> float:
    return above / below if below else math.nan


@dataclass(frozen=True, slots=True, kw_only=True)
class Confusion:
    """True and false positives and negatives, as voxel counts; unlabelled voxels are in none of them.

    Every metric is NaN where it is undefined (0 / 0): see `segcore.metrics.empty`.
    """

    tp: int
    fp: int
    fn: int
    tn: int

    def __add__(self, other: Confusion) -> Confusion:
        return Confusion(tp=self.tp + other.tp, fp=self.fp + other.fp, fn=self.fn + other.fn, tn=self.tn + other.tn)

    @property
    def dice(self) -> float:
        """2 TP / (2 TP + FP + FN)."""
        return _ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn)

    @property
    def iou(self) -> float:
        """TP / (TP + FP + FN)."""
        return _ratio(self.tp, self.tp + self.fp + self.fn)

    @property
    def precision(self) -> float:
        """TP / (TP + FP)."""
        return _ratio(self.tp, self.tp + self.fp)

    @property
    def recall(self) -> float:
        """TP / (TP + FN)."""
        return _ratio(self.tp, self.tp + self.fn)

    def f_beta(self, beta: float) -> float:
        """(1 + β²) TP / ((1 + β²) TP + β² FN + FP); β above 1 favours recall."""
        square = beta * beta
        return _ratio((1 + square) * self.tp, (1 + square) * self.tp + square * self.fn + self.fp)

    @property
    def mcc(self) -> float:
        """Matthews correlation coefficient."""
        below = math.sqrt(self.tp + self.fp) * math.sqrt(self.tp + self.fn)
        below *= math.sqrt(self.tn + self.fp) * math.sqrt(self.tn + self.fn)
        return _ratio(float(self.tp) * self.tn - float(self.fp) * self.fn, below)

    @property
    def true_voxels(self) -> int:
        """Foreground of the reference."""
        return self.tp + self.fn

    @property
    def predicted_voxels(self) -> int:
        """Foreground of the prediction."""
        return self.tp + self.fp


def confusion_of(predicted: NDArray[np.bool_], labels: Labels) -> Confusion:
    """Return the counts for a prediction against labels of the same shape; 255 is left out."""
    valid = labels != UNLABELLED
    front = labels == FOREGROUND
    tp = int(np.count_nonzero(predicted & front))
    fp = int(np.count_nonzero(predicted & valid)) - tp
    fn = int(np.count_nonzero(front)) - tp
    return Confusion(tp=tp, fp=fp, fn=fn, tn=int(np.count_nonzero(valid)) - tp - fp - fn)
