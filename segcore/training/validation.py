"""Validation on whole scans at true prevalence, on the scans' own grids; never on patches."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
import torch
from torch import nn

from segcore.annotation.packing import pack, unpack
from segcore.geometry import Box
from segcore.inference.preparation import restore_logits
from segcore.inference.sliding_window import count_tiles, predict_image
from segcore.metrics.curves import LogitHistogram, best_mean_step, probability_of, quantise
from segcore.metrics.empty import mean_of_defined
from segcore.metrics.lesions import LesionScore, lesion_score
from segcore.projects.project import Project
from segcore.scans.volume import Labels
from segcore.training.events import CaseScore, Validated
from segcore.training.plan import Plan
from segcore.training.prepared import PreparedCase


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A validation.

    Parameters
    ----------
    validated
        The event's numbers.
    threshold_step
        Operating threshold in steps of 0.1 logit.
    score
        Decides which weights are best: mean of Dice and average precision; undefined counts as worst.
    cases
        How many cases were predicted.
    took
        Seconds.
    """

    validated: Validated
    threshold_step: int
    score: float
    cases: int
    took: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Predicted:
    """One case at no threshold yet: compressed, since all of them wait for the threshold that suits all."""

    id: str
    histogram: LogitHistogram
    steps: bytes


class Validator:
    """Predicts validation cases with given weights and measures them on their scans' own grids.

    The masks are those of the start of the run, however much is annotated meanwhile.

    Parameters
    ----------
    cases
        Prepared; in an order of which every beginning is a fair sample.
    correction
        Added to logits; see `segcore.inference.model.ModelFacts`.
    check
        Called before every tile; raises to end.
    """

    def __init__(
        self,
        project: Project,
        cases: Sequence[PreparedCase],
        plan: Plan,
        *,
        device: torch.device,
        correction: float,
        check: Callable[[], None],
    ) -> None:
        self._cases = tuple(cases)
        self._references = [pack(project.mask(case.id).labels) for case in cases]
        self._plan = plan
        self._device = device
        self._correction = np.float32(correction)
        self._check = check

    def __len__(self) -> int:
        return len(self._cases)

    def tiles(self, *, overlap: float, most: int) -> int:
        """Return how many tiles the first `most` cases take."""
        return sum(
            count_tiles(case.labels.shape, self._plan.patch, flat=self._plan.flat, overlap=overlap)
            for case in self._cases[:most]
        )

    def run(
        self,
        network: nn.Module,
        *,
        step: int,
        seconds: float,
        overlap: float,
        most: int,
        within: float = math.inf,
    ) -> Result:
        """Predict cases and return what was measured.

        Parameters
        ----------
        most
            The first so many cases are looked at.
        within
            Seconds after which no further case is begun.
        """
        began = time.monotonic()
        predicted: list[_Predicted] = []
        for number in range(min(most, len(self._cases))):
            if predicted and time.monotonic() - began > within:
                break
            predicted.append(self._predict(network, number, overlap))
        threshold = best_mean_step([case.histogram for case in predicted])
        lesions = [self._lesions(number, case, threshold) for number, case in enumerate(predicted)]
        scores = [_case_score(case, score, threshold) for case, score in zip(predicted, lesions, strict=True)]
        histograms = [case.histogram for case in predicted]
        validated = _summary(histograms, scores, lesions, threshold, step, seconds)
        return Result(
            validated=validated,
            threshold_step=threshold,
            score=_quality(validated),
            cases=len(predicted),
            took=time.monotonic() - began,
        )

    def _labels(self, number: int) -> Labels:
        return unpack(self._references[number], Box((0, 0, 0), self._cases[number].placement.scan_shape))

    def _predict(self, network: nn.Module, number: int, overlap: float) -> _Predicted:
        case = self._cases[number]
        logits = predict_image(
            network,
            case.image,
            self._plan.patch,
            flat=self._plan.flat,
            device=self._device,
            overlap=overlap,
            stop=self._check,
        )
        restored = restore_logits(logits, case.placement) + self._correction
        histogram = LogitHistogram()
        histogram.add(restored, self._labels(number))
        return _Predicted(id=case.id, histogram=histogram, steps=pack(quantise(restored).view(np.uint8)))

    def _lesions(self, number: int, case: _Predicted, threshold: int) -> LesionScore:
        labels = self._labels(number)
        whole = Box((0, 0, 0), self._cases[number].placement.scan_shape)
        return lesion_score(unpack(case.steps, whole).view(np.int8) >= threshold, labels)


def _case_score(case: _Predicted, lesions: LesionScore, threshold: int) -> CaseScore:
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


def _quality(validated: Validated) -> float:
    """Return the mean of Dice and average precision; what is undefined counts as worst, so that it blocks nothing."""
    parts = (validated.dice, validated.average_precision)
    return sum(0.0 if math.isnan(part) else part for part in parts) / 2
