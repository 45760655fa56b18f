"""Validation on whole scans at true prevalence, on the scans' own grids; never on patches."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn

from segcore.annotation.packing import pack, unpack
from segcore.geometry import Box
from segcore.inference.preparation import restore_logits
from segcore.inference.sliding_window import count_tiles, predict_image
from segcore.projects.project import Project
from segcore.scans.volume import Labels
from segcore.training.events import Validated
from segcore.training.measuring import MeasuredCase, quality, summarise
from segcore.training.plan import Plan
from segcore.training.prepared import PreparedCase
from segcore.training.schedule import SHARE_AT_END

#: Overlap of tiles while training goes on, and for the numbers that stay.
OVERLAP_IN_RUN, OVERLAP_AT_END = 0.25, 0.5


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
    measured
        The predicted cases.
    """

    validated: Validated
    threshold_step: int
    score: float
    cases: int
    took: float
    measured: tuple[MeasuredCase, ...] = ()


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
        self.correction = correction
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
        predicted: list[MeasuredCase] = []
        for number in range(min(most, len(self._cases))):
            if predicted and time.monotonic() - began > within:
                break
            predicted.append(self._predict(network, number, overlap))
        validated, threshold = summarise(predicted, self._labels, step=step, seconds=seconds)
        took = time.monotonic() - began
        return Result(
            validated=replace(validated, took=took),
            threshold_step=threshold,
            score=quality(validated),
            cases=len(predicted),
            took=took,
            measured=tuple(predicted),
        )

    @property
    def telling_case(self) -> str:
        """Id of the first case that holds foreground, else of the first; what is predicted first is watched for free."""
        holding = (case.id for case in self._cases if case.index.foreground_voxels)
        return next(holding, self._cases[0].id if self._cases else "")

    def __contains__(self, id: str) -> bool:
        return any(case.id == id for case in self._cases)

    def shape_of(self, id: str) -> tuple[int, int, int]:
        """Return (planes, rows, columns) of a case's scan."""
        return self._cases[self._number(id)].placement.scan_shape

    def predict(self, network: nn.Module, id: str, *, overlap: float) -> MeasuredCase:
        """Predict one case."""
        return self._predict(network, self._number(id), overlap)

    def _number(self, id: str) -> int:
        return next(number for number, case in enumerate(self._cases) if case.id == id)

    def _labels(self, number: int) -> Labels:
        return unpack(self._references[number], Box((0, 0, 0), self._cases[number].placement.scan_shape))

    def _predict(self, network: nn.Module, number: int, overlap: float) -> MeasuredCase:
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
        restored = restore_logits(logits, case.placement) + np.float32(self.correction)
        return MeasuredCase.of(case.id, restored, self._labels(number))


def seconds_for(validator: Validator, overlap: float, most: int, *, took: float, in_run: int) -> float:
    """Return what validating the first `most` cases will take, judged by the last validation of `in_run` cases."""
    known = validator.tiles(overlap=OVERLAP_IN_RUN, most=in_run)
    return took * validator.tiles(overlap=overlap, most=most) / max(known, 1)


def reserve_for(validator: Validator, result: Result, *, total: float) -> float:
    """Return the seconds of `total` to keep for measuring the best model, and one more validation before that."""
    at_end = seconds_for(validator, OVERLAP_AT_END, len(validator), took=result.took, in_run=result.cases)
    return min(min(at_end, SHARE_AT_END * total) + result.took, 0.2 * total)


def measures_at_end(validator: Validator, *, took: float, in_run: int, total: float | None) -> tuple[float, int]:
    """Return overlap and number of cases for the last validation, such that it keeps to its share of the minutes.

    Parameters
    ----------
    took, in_run
        Seconds and cases of the last validation in the run.
    total
        Seconds of the run; None where it is measured in steps, and everything is looked at.
    """
    everything = len(validator)
    if total is None:
        return OVERLAP_AT_END, everything
    limit = SHARE_AT_END * total
    for overlap in (OVERLAP_AT_END, OVERLAP_IN_RUN):
        if seconds_for(validator, overlap, everything, took=took, in_run=in_run) <= 1.2 * limit:
            return overlap, everything
    most = everything
    while most > in_run and seconds_for(validator, OVERLAP_IN_RUN, most, took=took, in_run=in_run) > limit:
        most -= 1
    return OVERLAP_IN_RUN, most
