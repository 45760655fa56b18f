"""What several networks say about a scan, taken together: their mean, and where they disagree."""

from __future__ import annotations

import itertools
import math

import numpy as np
from numpy.typing import NDArray

from segcore.inference.preparation import Image
from segcore.metrics.curves import quantise

Byte = NDArray[np.uint8]
#: Disagreement is kept as one byte per voxel; this stands for the most two classes allow, ln 2.
_FULL = 255


class MemberAverage:
    """Averages members as probabilities (Lakshminarayanan et al. 2017), one after the other, in float32.

    Logits must speak about the true prevalence (after prior correction): only such probabilities can be averaged.
    """

    def __init__(self) -> None:
        self._front: Image | None = None
        self._back: Image | None = None
        self._entropy: Image | None = None
        self._steps: list[NDArray[np.int8]] = []

    def add(self, logits: Image) -> None:
        """Take in a member's logits (planes, rows, columns) float32; all members' shapes are the same."""
        front, back = _sigmoid(logits), _sigmoid(-logits)
        entropy = _entropy(logits, front, back)
        if self._front is None or self._back is None or self._entropy is None:
            self._front, self._back, self._entropy = front, back, entropy
        else:
            self._front += front
            self._back += back
            self._entropy += entropy
        self._steps.append(quantise(logits))

    @property
    def members(self) -> int:
        """How many members were taken in."""
        return len(self._steps)

    def logits(self) -> Image:
        """Return the logit of the mean probability, (planes, rows, columns) float32.

        The means of p and of 1 − p are kept apart, so that neither end of the range is rounded away.
        """
        front, back = self._sums()
        return np.asarray(np.log(front) - np.log(back), dtype=np.float32)

    def disagreement(self) -> Byte:
        """Return where members disagree, (planes, rows, columns) uint8: 0 for not at all, 255 for the most possible.

        It is the mutual information between the label and the member, H(mean p) − mean H(p) (Houlsby et al. 2011),
        over ln 2: unlike the entropy it stays small where all members are alike in doubt.
        """
        if self._entropy is None:
            raise ValueError("no member was added")
        front, back = self._sums()
        p, q = front / self.members, back / self.members
        information = -p * np.log(p) - q * np.log(q) - self._entropy / self.members
        return np.asarray(np.rint(np.clip(information / math.log(2), 0, 1) * _FULL), dtype=np.uint8)

    def spread(self, step: int) -> float:
        """Return 1 − the mean Dice between the members' masks at a threshold, over all pairs; NaN for one member.

        A pair of empty masks agrees fully. (Zenk et al. 2025, arXiv:2406.03323, rank cases by this.)
        """
        masks = [steps >= step for steps in self._steps]
        sizes = [int(mask.sum()) for mask in masks]
        pairs = list(itertools.combinations(range(len(masks)), 2))
        if not pairs:
            return math.nan
        return 1 - sum(_dice(masks[a], masks[b], sizes[a] + sizes[b]) for a, b in pairs) / len(pairs)

    def _sums(self) -> tuple[Image, Image]:
        if self._front is None or self._back is None:
            raise ValueError("no member was added")
        return self._front, self._back


def _dice(a: NDArray[np.bool_], b: NDArray[np.bool_], together: int) -> float:
    return 2 * int(np.count_nonzero(a & b)) / together if together else 1.0


def _sigmoid(logits: Image) -> Image:
    """Return probabilities that are never 0: logits are cut at ±80, where float32 still holds both ends."""
    return np.asarray(1 / (1 + np.exp(-np.clip(logits, -80, 80))), dtype=np.float32)


def _entropy(logits: Image, front: Image, back: Image) -> Image:
    """Return H(p) in nats: from the logit itself, as p log p loses all digits at the ends."""
    size = np.clip(np.abs(logits), 0, 80)
    return np.asarray(np.log1p(np.exp(-size)) + size * np.minimum(front, back), dtype=np.float32)
