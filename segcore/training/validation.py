"""Validation on whole scans at true prevalence, on the scans' own grids; never on patches."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
import torch
from torch import nn

from segcore.inference.preparation import Image, restore_logits
from segcore.inference.sliding_window import predict_image
from segcore.metrics.curves import LogitHistogram, best_mean_step, probability_of, quantise
from segcore.metrics.empty import mean_of_defined
from segcore.metrics.lesions import LesionScore, lesion_score
from segcore.projects.project import Project
from segcore.training.events import CaseScore, Validated
from segcore.training.plan import Plan
from segcore.training.prepared import PreparedCase


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A validation: the event's numbers and the score that decides which weights are best."""

    validated: Validated
    step_threshold: int
    score: float


class Validator:
    """Predicts validation cases with given weights and measures them.

    Parameters
    ----------
    correction
        Added to logits; see `segcore.inference.model.ModelFacts`.
    """

    def __init__(
        self,
        project: Project,
        cases: Sequence[PreparedCase],
        plan: Plan,
        *,
        device: torch.device,
        correction: float,
        stop: Callable[[], None],
    ) -> None:
        self._project = project
        self._cases = tuple(cases)
        self._plan = plan
        self._device = device
        self._correction = correction
        self._stop = stop

    def run(self, network: nn.Module, *, step: int, seconds: float, overlap: float, most: int | None = None) -> Result:
        """Predict the cases (the first `most` of them) and return what was measured."""
        cases = self._cases if most is None else self._cases[:most]
        histograms, predictions = [], []
        for case in cases:
            labels = self._project.mask(case.id).labels
            logits = self._logits(network, case, overlap)
            histogram = LogitHistogram()
            histogram.add(logits, labels)
            histograms.append(histogram)
            predictions.append((case.id, quantise(logits), labels))
        threshold = best_mean_step(histograms)
        lesions = [lesion_score(steps >= threshold, labels) for _, steps, labels in predictions]
        scores = [
            _case_score(id, histogram, score, threshold)
            for (id, _, _), histogram, score in zip(predictions, histograms, lesions, strict=True)
        ]
        validated = _summary(histograms, scores, lesions, threshold, step, seconds)
        return Result(validated=validated, step_threshold=threshold, score=_quality(validated))

    def _logits(self, network: nn.Module, case: PreparedCase, overlap: float) -> Image:
        image = np.asarray(case.image, dtype=np.float32)
        logits = predict_image(
            network,
            image,
            self._plan.patch,
            flat=self._plan.flat,
            device=self._device,
            overlap=overlap,
            stop=self._stop,
        )
        return restore_logits(logits, case.placement) + np.float32(self._correction)


def _case_score(id: str, histogram: LogitHistogram, lesions: LesionScore, threshold: int) -> CaseScore:
    counts = histogram.confusion_at(threshold)
    return CaseScore(
        case=id,
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


def _quality(validated: Validated) -> float:
    """Return what decides which weights are kept: mean of Dice and average precision; undefined counts as worst."""
    parts = (validated.dice, validated.average_precision)
    return sum(0.0 if math.isnan(part) else part for part in parts) / 2
