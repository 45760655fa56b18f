"""Finding lesions, whatever their outline: recall by size, and recall against false alarms (FROC)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segcore.metrics.curves import step_of
from segcore.metrics.matching import Instances
from segcore.scans.components import label_lesions
from segcore.scans.volume import FOREGROUND, UNLABELLED, Labels

#: Candidates are components at this probability; fewer voxels are noise.
CANDIDATE_PROBABILITY, CANDIDATE_VOXELS = 0.1, 2
#: False alarms per case at which FROC is averaged (van Ginneken et al. 2010, doi:10.1016/j.media.2010.05.005).
CPM_RATES = (1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8)


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeBin:
    """Lesions of similar size, and how many of them were found (any overlap).

    Parameters
    ----------
    low, high
        Smallest and largest lesion of the bin, voxels.
    """

    low: int
    high: int
    lesions: int
    found: int

    @property
    def recall(self) -> float:
        """Share that was found."""
        return self.found / self.lesions


def recall_by_size(cases: Iterable[Instances], *, bins: int = 4) -> tuple[SizeBin, ...]:
    """Return recall in `bins` bins with the same number of lesions each, smallest first, over all cases together.

    Lesions of the same size are never parted, so that there may be fewer bins.
    """
    known = list(cases)
    sizes = np.concatenate([case.true_sizes for case in known]) if known else np.zeros(0, np.int64)
    found = np.concatenate([case.found for case in known]) if known else np.zeros(0, bool)
    if not sizes.size:
        return ()
    edges = np.unique(np.quantile(sizes, np.linspace(0, 1, bins + 1)[1:-1], method="higher"))
    number = np.searchsorted(edges, sizes, side="left")
    return tuple(
        SizeBin(
            low=int(sizes[number == n].min()),
            high=int(sizes[number == n].max()),
            lesions=int((number == n).sum()),
            found=int(found[number == n].sum()),
        )
        for n in np.unique(number)
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Candidates:
    """The findings of one case with how sure the model is of each.

    Parameters
    ----------
    scores
        (findings,) the highest logit in each, steps of 0.1 as stored.
    hits
        (findings, lesions) flags: has a voxel of it.
    """

    scores: NDArray[np.int64]
    hits: NDArray[np.bool_]

    @classmethod
    def of(
        cls,
        steps: NDArray[np.int8],
        labels: Labels,
        *,
        probability: float = CANDIDATE_PROBABILITY,
        least: int = CANDIDATE_VOXELS,
    ) -> Candidates:
        """Find the candidates in quantised logits (`segcore.metrics.curves.quantise`) of a case."""
        from scipy import ndimage  # noqa: PLC0415 - half a second that the start of the window must not pay

        front = labels == FOREGROUND
        component_of, count = label_lesions((steps >= step_of(probability)) & (labels != UNLABELLED))
        lesion_of, lesions = label_lesions(front)
        sizes = np.bincount(component_of.ravel(), minlength=count + 1)
        kept = [n for n in range(1, count + 1) if sizes[n] >= least]
        scores = np.asarray(ndimage.maximum(steps, component_of, kept) if kept else [], dtype=np.int64)
        both = front & (component_of > 0)
        table = np.zeros((count + 1, lesions + 1), dtype=bool)
        table[component_of[both], lesion_of[both]] = True
        return cls(scores=scores, hits=table[kept][:, 1:])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Froc:
    """Free-response curve at falling scores, from (0, 0) on; without points where there is no lesion.

    Parameters
    ----------
    false_alarms
        (points,) mean per case.
    recall
        (points,) share of all lesions.
    """

    false_alarms: NDArray[np.float64]
    recall: NDArray[np.float64]

    def recall_at(self, rate: float) -> float:
        """Return the highest recall with at most `rate` false alarms per case; 0 if there is none, NaN if undefined."""
        if not self.recall.size:
            return math.nan
        return float(np.max(self.recall[self.false_alarms <= rate + 1e-12]))

    @property
    def cpm(self) -> float:
        """Competition performance metric: mean recall at 1/8, 1/4, 1/2, 1, 2, 4 and 8 false alarms per case."""
        return float(np.mean([self.recall_at(rate) for rate in CPM_RATES]))


def froc(cases: Sequence[Candidates]) -> Froc:
    """Return the curve over all cases together; empty without a lesion.

    A finding that touches no lesion is a false alarm; several findings in one lesion count once.
    """
    lesions = sum(case.hits.shape[1] for case in cases)
    if not lesions:
        return Froc(false_alarms=np.zeros(0), recall=np.zeros(0))
    levels = np.unique(np.concatenate([case.scores for case in cases]))[::-1]
    best = np.concatenate([_best_per_lesion(case) for case in cases])
    wrong = np.concatenate([case.scores[~case.hits.any(axis=1)] for case in cases])
    return Froc(
        false_alarms=np.array([0, *(np.count_nonzero(wrong >= level) for level in levels)]) / len(cases),
        recall=np.array([0, *(np.count_nonzero(best >= level) for level in levels)]) / lesions,
    )


def _best_per_lesion(case: Candidates) -> NDArray[np.int64]:
    """Return (lesions,) the highest score of a finding that touches each; far below all where there is none."""
    never = np.iinfo(np.int64).min
    scored = np.where(case.hits, case.scores[:, None], never)
    return np.asarray(scored.max(axis=0, initial=never))
