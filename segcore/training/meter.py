"""Means over the steps since the last report: a few reports a second, however fast the steps are."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum

import torch
from torch import Tensor
from torch.nn import functional

from segcore.sampling.kinds import PatchKind
from segcore.sampling.patches import Batch
from segcore.training.events import StepsDone
from segcore.training.learner import StepResult
from segcore.training.schedule import Schedule

#: Reports per second at most.
PER_SECOND = 4
#: Below this sum of |dL/dlogit| over foreground voxels, which losses keep near 1, lesions do not pull at all.
_DEAD = 1e-7


class Work(Enum):
    """What a run spends its time on."""

    LOADING = 0
    AUGMENTING = 1
    LEARNING = 2
    VALIDATING = 3


class Meter:
    """Collects what each step showed, and where the time went."""

    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule
        self._last, self._has_told = time.monotonic(), False
        self._spent = dict.fromkeys(Work, 0.0)
        self._clear()

    def _clear(self) -> None:
        self._steps = self._patches = self._with_some = self._dead = 0
        self._loss = self._share = self._with_foreground = 0.0
        self._asked = self._forced = self._hard = self._pasted = 0.0
        #: Sums over voxels: probability, foreground, labelled, cross-entropy, logit of foreground.
        self._sums = [0.0] * 5
        self._rate = 0.0
        self._spent = dict.fromkeys(Work, 0.0)

    @contextmanager
    def timing(self, work: Work) -> Iterator[None]:
        """Count the time inside the block as spent on `work`."""
        began = time.monotonic()
        try:
            yield
        finally:
            self._spent[work] += time.monotonic() - began

    def add(
        self,
        batch: Batch,
        result: StepResult,
        target: Tensor,
        valid: Tensor,
        *,
        rate: float,
        asked: float,
        correction: float = 0.0,
    ) -> None:
        """Take in one step.

        Parameters
        ----------
        asked
            Share of patches on lesions that was asked for.
        correction
            Added to logits, so that they speak about the sampled prevalence whatever the loss favours.
        """
        self._steps += 1
        self._patches += len(batch.images)
        self._loss += result.loss
        self._share += result.share.share
        z = result.logits.float() + correction
        front = target * valid
        entropy = functional.binary_cross_entropy_with_logits(z, target, weight=valid, reduction="sum")
        raw = torch.sigmoid(result.logits.float()) * valid
        sums = torch.stack([raw.sum(), front.sum(), valid.sum(), entropy, (z * front).sum()]).tolist()
        self._sums = [a + b for a, b in zip(self._sums, sums, strict=True)]
        some = sums[1] > 0
        self._with_some += some
        self._dead += some and result.share.foreground < _DEAD
        self._with_foreground += batch.share_with_foreground
        self._asked += asked
        self._forced += batch.share_of(PatchKind.LESION)
        self._hard += batch.share_of(PatchKind.HARD_NEGATIVE)
        self._pasted += sum(batch.pasted) / len(batch.images)
        self._rate = rate

    def due(self, step: int, seconds: float) -> StepsDone | None:
        """Return a report if it is time, and begin anew."""
        elapsed = time.monotonic() - self._last
        # The first step is told at once, also that of a run that goes on.
        if not self._steps or (elapsed < 1 / PER_SECOND and self._has_told):
            return None
        self._has_told = True
        predicted, true, voxels, entropy, front = self._sums
        n, wall = self._steps, max(elapsed, 1e-6)
        event = StepsDone(
            step=step,
            seconds=seconds,
            loss=self._loss / n,
            gradient_share=self._share / n,
            predicted_fraction=predicted / max(voxels, 1.0),
            true_fraction=true / max(voxels, 1.0),
            patches_with_foreground=self._with_foreground / n,
            learning_rate=self._rate,
            patches_per_second=self._patches / wall,
            remaining_seconds=self._schedule.remaining(step, seconds),
            skill=_skill(entropy, true, voxels),
            asked_share=self._asked / n,
            forced_share=self._forced / n,
            hard_share=self._hard / n,
            pasted_share=self._pasted / n,
            batches_without_foreground=1 - self._with_some / n,
            dead_batches=self._dead / self._with_some if self._with_some else 0.0,
            foreground_logit=front / true if true else math.nan,
            loading=min(1.0, self._spent[Work.LOADING] / wall),
            augmenting=min(1.0, self._spent[Work.AUGMENTING] / wall),
            learning=min(1.0, self._spent[Work.LEARNING] / wall),
            validating=min(1.0, self._spent[Work.VALIDATING] / wall),
        )
        self._last = time.monotonic()
        self._clear()
        return event


def _skill(entropy: float, true: float, voxels: float) -> float:
    """Return 1 − cross-entropy / entropy of the prevalence; NaN without both classes."""
    if not 0 < true < voxels:
        return math.nan
    pi = true / voxels
    constant = -pi * math.log(pi) - (1 - pi) * math.log1p(-pi)
    return 1 - entropy / voxels / constant
