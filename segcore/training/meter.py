"""Means over the steps since the last report: a few reports a second, however fast the steps are."""

from __future__ import annotations

import time

import torch
from torch import Tensor

from segcore.sampling.patches import Batch
from segcore.training.events import StepsDone
from segcore.training.learner import StepResult
from segcore.training.schedule import Schedule

#: Reports per second at most.
PER_SECOND = 4


class Meter:
    """Collects what each step showed."""

    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule
        self._last = time.monotonic()
        self._clear()

    def _clear(self) -> None:
        self._steps = 0
        self._patches = 0
        self._loss = self._share = self._predicted = self._true = self._with_foreground = self._voxels = 0.0
        self._rate = 0.0

    def add(self, batch: Batch, result: StepResult, target: Tensor, valid: Tensor, rate: float) -> None:
        """Take in one step."""
        self._steps += 1
        self._patches += len(batch.images)
        self._loss += result.loss
        self._share += result.share.share
        sums = torch.stack([(torch.sigmoid(result.logits) * valid).sum(), target.sum(), valid.sum()]).tolist()
        self._predicted += sums[0]
        self._true += sums[1]
        self._voxels += sums[2]
        self._with_foreground += batch.share_with_foreground
        self._rate = rate

    def due(self, step: int, seconds: float) -> StepsDone | None:
        """Return a report if it is time, and begin anew."""
        elapsed = time.monotonic() - self._last
        if not self._steps or (elapsed < 1 / PER_SECOND and step > 1):
            return None
        event = StepsDone(
            step=step,
            seconds=seconds,
            loss=self._loss / self._steps,
            gradient_share=self._share / self._steps,
            predicted_fraction=self._predicted / max(self._voxels, 1.0),
            true_fraction=self._true / max(self._voxels, 1.0),
            patches_with_foreground=self._with_foreground / self._steps,
            learning_rate=self._rate,
            patches_per_second=self._patches / max(elapsed, 1e-6),
            remaining_seconds=self._schedule.remaining(step, seconds),
        )
        self._last = time.monotonic()
        self._clear()
        return event
