"""What a threshold on the intensity alone achieves: the bar that a trained model has to clear."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segcore.metrics.confusion import Confusion, confusion_of
from segcore.scans.volume import FOREGROUND, UNLABELLED, Mask, Volume

_LEVELS = 1024
_REACH = 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class IntensityRule:
    """Foreground is where one channel, as a robust z-score over its own case, lies beyond a threshold."""

    channel: int
    bright: bool
    threshold: float


def normalised(channel: NDArray[Any]) -> NDArray[np.float32]:
    """Return the robust z-score of a channel over the voxels above its minimum: (v − median) / (1.4826 MAD)."""
    values = np.nan_to_num(channel.astype(np.float32))
    body = values[values > values.min()]
    if body.size == 0:
        return np.zeros_like(values)
    middle = np.median(body)
    spread = 1.4826 * np.median(np.abs(body - middle)) or float(body.std()) or 1.0
    return np.asarray((values - middle) / spread, dtype=np.float32)


def fit_intensity_rule(cases: Iterable[tuple[Volume, Mask]]) -> IntensityRule:
    """Return the channel, side and threshold with the best pooled Dice over `cases`."""
    counts: dict[int, NDArray[np.int64]] = {}
    for volume, mask in cases:
        known = mask.labels != UNLABELLED
        front = (mask.labels == FOREGROUND)[known]
        for number in range(len(volume.channels)):
            score = normalised(volume.voxels[number])[known]
            bins = np.clip((score + _REACH) * (_LEVELS / (2 * _REACH)), 0, _LEVELS - 1).astype(np.int64)
            found = np.bincount(bins + front * _LEVELS, minlength=2 * _LEVELS).reshape(2, _LEVELS)
            counts[number] = counts.get(number, np.zeros((2, _LEVELS), np.int64)) + found
    best = (-1.0, IntensityRule(channel=0, bright=True, threshold=0.0))
    for number, table in counts.items():
        for bright in (True, False):
            ordered = table[:, ::-1] if bright else table
            fp, tp = ordered.cumsum(axis=1)
            dice = 2 * tp / np.maximum(tp + fp + table[1].sum(), 1)
            place = int(dice.argmax())
            edge = _LEVELS - 1 - place if bright else place + 1
            if dice[place] > best[0]:
                threshold = edge * 2 * _REACH / _LEVELS - _REACH
                best = (float(dice[place]), IntensityRule(channel=number, bright=bright, threshold=threshold))
    return best[1]


def apply_intensity_rule(rule: IntensityRule, volume: Volume, mask: Mask) -> Confusion:
    """Return how the rule does on one case."""
    score = normalised(volume.voxels[rule.channel])
    predicted = score >= rule.threshold if rule.bright else score < rule.threshold
    return confusion_of(predicted, mask.labels)
