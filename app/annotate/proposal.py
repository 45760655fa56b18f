"""What is shown in blue beside the mask and can be taken over: a model's prediction, another version, what strokes found."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from segcore.geometry import Box
from segcore.metrics.curves import STEPS_PER_LOGIT
from segcore.scans.volume import FOREGROUND, Labels

Steps = NDArray[np.int8]
#: Steps of what is certain, either way.
_SURE = 100


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Proposal:
    """A mask that somebody or something proposes.

    Parameters
    ----------
    name
        For undo and for people: "Prediction of nnU", "Version 3", "Strokes".
    steps
        (planes, rows, columns) int8 on the case's grid: logits in steps of 0.1.
    step
        Foreground is where ``steps >= step``.
    """

    name: str
    steps: Steps
    step: int

    def at(self, step: int) -> Proposal:
        """Return the proposal at another threshold."""
        return replace(self, step=step)

    def flags(self, box: Box) -> NDArray[np.bool_]:
        """Return where it proposes foreground inside a box of the scan."""
        return np.asarray(self.steps[box.slices] >= self.step)

    def probability(self, box: Box) -> NDArray[np.float32]:
        """Return how probable foreground is inside a box, so that the threshold in use lies at one half."""
        logits = (self.steps[box.slices].astype(np.float32) + 0.5 - self.step) / STEPS_PER_LOGIT
        return np.asarray(1.0 / (1.0 + np.exp(-logits)), dtype=np.float32)


def of_labels(name: str, labels: Labels) -> Proposal:
    """Return another mask as a proposal; its threshold does not matter."""
    return Proposal(name=name, steps=np.where(labels == FOREGROUND, np.int8(_SURE), np.int8(-_SURE)), step=0)


def of_probability(name: str, box: Box, probability: NDArray[np.float32], shape: tuple[int, int, int]) -> Proposal:
    """Return probabilities inside a box as a proposal for the whole scan: nothing outside the box."""
    steps = np.full(shape, -_SURE, dtype=np.int8)
    least = 1.0 / (1.0 + math.exp(_SURE / STEPS_PER_LOGIT))
    sure = np.clip(probability.astype(np.float64), least, 1.0 - least)
    steps[box.slices] = np.floor(STEPS_PER_LOGIT * np.log(sure / (1.0 - sure)) + 1e-6).clip(-_SURE, _SURE)
    return Proposal(name=name, steps=steps, step=0)
