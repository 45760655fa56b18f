"""In which order a person should look at predictions."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from segcore.errors import UnreadableFile
from segcore.metrics.confusion import Confusion, confusion_of
from segcore.projects.case import Case
from segcore.review.decisions import Decision
from segcore.review.predictions import Prediction, Predictions
from segcore.scans.volume import Mask

#: How far the threshold is moved to both sides to see how much the mask depends on it: ± 1 logit. Ours.
DOUBT_STEPS = 10


class WorkOrder(StrEnum):
    """What comes first."""

    DOUBT = "doubt"
    VOLUME = "volume"
    DISAGREEMENT = "disagreement"
    MEMBERS = "members"
    NAME = "name"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WorkItem:
    """One line of the worklist.

    Parameters
    ----------
    case
        The case.
    score
        What it was sorted by, larger first; 0 where it is sorted by name.
    reason
        Why it stands where it does, as one short sentence with its numbers.
    decision
        The latest decision about this model's prediction, or None.
    volume_ml
        Predicted volume at the operating threshold, millilitres; NaN where the prediction cannot be read.
    outdated
        The prediction cannot be used: it is unreadable, or the case's scan has changed since. Predict again.
    """

    case: Case
    score: float
    reason: str
    decision: Decision | None
    volume_ml: float
    outdated: bool = False


def build_worklist(
    cases: Sequence[Case],
    predictions: Predictions,
    decisions: Mapping[str, Decision],
    order: WorkOrder | str = WorkOrder.DOUBT,
    *,
    masks: Callable[[str], Mask] | None = None,
    scan_hashes: Mapping[str, str] | None = None,
) -> tuple[WorkItem, ...]:
    """Return the predicted ones of `cases`: undecided ones first, then by falling score, then by name.

    Parameters
    ----------
    decisions
        By case id; see `segcore.review.decisions.decisions_about`.
    order
        ``doubt``: how much the mask depends on the threshold. It is 1 − Dice between the masks at one logit above and
        below the operating threshold; as overlap of two readings it does not grow with the size of the lesions, unlike
        the mean entropy (Zenk et al. 2025, arXiv:2406.03323, rank cases by the disagreement of an ensemble's members;
        with a single model the threshold takes their place: ours).
        ``members``: how much an ensemble's members disagree about the case, 1 − the mean Dice between their masks.
        ``volume``: the largest predicted volume first. ``disagreement``: 1 − Dice with the case's mask as it stands.
        ``name``: as a person would sort them.
    masks
        Gives the mask of a case, as `Project.mask` does; needed for ``disagreement``.
    scan_hashes
        As `Project.scan_hashes` gives them, to notice predictions of scans that have changed.

    Raises
    ------
    ValueError
        If the order is unknown, or disagreement is asked for without `masks`.
    """
    order = WorkOrder(order)
    if order is WorkOrder.DISAGREEMENT and masks is None:
        raise ValueError("the order 'disagreement' needs masks")
    predicted = set(predictions.cases())
    items = [
        _item(case, predictions, decisions.get(case.id), order, masks, scan_hashes or {})
        for case in cases
        if case.id in predicted
    ]
    return tuple(sorted(items, key=lambda i: (i.decision is not None, not i.outdated, -i.score, _natural(i.case.id))))


def _item(
    case: Case,
    predictions: Predictions,
    decision: Decision | None,
    order: WorkOrder,
    masks: Callable[[str], Mask] | None,
    scan_hashes: Mapping[str, str],
) -> WorkItem:
    try:
        prediction = predictions.load(case.id)
    except UnreadableFile as error:
        reason = error.sentence
        return WorkItem(case=case, score=0.0, reason=reason, decision=decision, volume_ml=math.nan, outdated=True)
    made_from = prediction.facts.scan_hash
    if prediction.steps.shape != case.grid.shape or (made_from and scan_hashes.get(case.id, made_from) != made_from):
        reason = "The scan has changed since; predict it again."
        return WorkItem(case=case, score=0.0, reason=reason, decision=decision, volume_ml=math.nan, outdated=True)
    reading = _Reading(prediction, case, predictions.counts(prediction))
    if order is WorkOrder.DISAGREEMENT and masks is not None:
        score, reason = _disagreement(reading, masks(case.id))
    elif order is WorkOrder.DOUBT:
        score, reason = _doubt(reading)
    elif order is WorkOrder.MEMBERS:
        score, reason = _members(prediction)
    else:
        score = reading.volume_at(reading.step) if order is WorkOrder.VOLUME else 0.0
        reason = f"{reading.words(reading.step)} predicted."
    volume = reading.volume_at(reading.step)
    return WorkItem(case=case, score=score, reason=reason, decision=decision, volume_ml=volume)


class _Reading:
    """How many voxels of a prediction reach each step: every threshold's volume from one pass."""

    def __init__(self, prediction: Prediction, case: Case, counts: NDArray[np.int64]) -> None:
        self.prediction = prediction
        self.step = prediction.facts.step
        self._case = case
        self._reaching = counts[::-1].cumsum()[::-1]

    def voxels_at(self, step: int) -> int:
        """Return the number of voxels at or above a step."""
        return int(self._reaching[min(max(step, -128), 127) + 128])

    def volume_at(self, step: int) -> float:
        """Return their volume, millilitres."""
        return self.voxels_at(step) * self._case.grid.voxel_volume_ml

    def words(self, step: int) -> str:
        """Return the size as a person reads it: voxels where the scan has no scale."""
        if not self._case.grid.calibrated:
            return f"{self.voxels_at(step)} voxels"
        volume = self.volume_at(step)
        return f"{volume:.0f} ml" if volume >= 100 else f"{volume:.3g} ml"


def _doubt(reading: _Reading) -> tuple[float, str]:
    strict, loose = reading.step + DOUBT_STEPS, reading.step - DOUBT_STEPS
    few, many = reading.voxels_at(strict), reading.voxels_at(loose)
    if not many:
        return 0.0, "Nothing predicted, even at a lower threshold."
    # The masks are nested, so they have `few` voxels in common.
    score = 1 - 2 * few / (few + many)
    if not reading.voxels_at(reading.step):
        return score, f"Nothing predicted, but {reading.words(loose)} at a slightly lower threshold: a possible miss."
    return score, f"Between {reading.words(strict)} and {reading.words(loose)}, as the threshold moves a little."


def _members(prediction: Prediction) -> tuple[float, str]:
    facts = prediction.facts
    if facts.members < 2 or math.isnan(facts.spread):
        return 0.0, "One network made this: it has no members that could disagree."
    return facts.spread, f"Dice between the {facts.members} members' masks: {1 - facts.spread:.2f} on average."


def _disagreement(reading: _Reading, mask: Mask) -> tuple[float, str]:
    flags = np.asarray(reading.prediction.steps) >= reading.step
    counts: Confusion = confusion_of(flags, mask.labels)
    if math.isnan(counts.dice):
        return 0.0, "Prediction and mask are both empty."
    if not counts.true_voxels:
        return 1.0, f"The mask is empty, {reading.words(reading.step)} are predicted."
    if not counts.predicted_voxels:
        return 1.0, "The mask holds foreground, nothing is predicted."
    return 1 - counts.dice, f"Dice {counts.dice:.2f} with the mask; voxels too many: {counts.fp}, missed: {counts.fn}."


def _natural(name: str) -> tuple[tuple[int, int, str], ...]:
    """Return a key that sorts ``case10`` behind ``case9``."""
    pieces = re.split(r"(\d+)", name.casefold())
    return tuple((0, int(piece), "") if piece.isdecimal() else (1, 0, piece) for piece in pieces if piece)
