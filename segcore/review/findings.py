"""Findings: the lesions that a prediction proposes, one by one, most certain first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segcore.errors import SettingProblem
from segcore.geometry import Box, Grid
from segcore.metrics.curves import STEPS_PER_LOGIT
from segcore.review.extent import longest_extent_mm
from segcore.review.predictions import Byte, Steps
from segcore.scans.components import label_lesions

#: More findings than this are not listed: nobody reads them, and the threshold is then too low to mean anything.
MOST_FINDINGS = 5000

_BYTES = np.arange(256, dtype=np.uint8).view(np.int8).astype(np.float64)
#: Probability of each int8 step, looked up by its byte: σ((q + ½) / 10), since steps are rounded down.
_PROBABILITY = 1.0 / (1.0 + np.exp(-(_BYTES + 0.5) / STEPS_PER_LOGIT))


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One lesion proposed by a model at a threshold.

    Parameters
    ----------
    number
        1, 2, 3, ... in the order of `findings_of`.
    box
        Bounding box on the case's grid.
    voxels, volume_ml
        Size.
    longest_mm
        Largest distance between outer corners of two of its voxels; see `segcore.review.extent`.
    peak_probability, mean_probability
        Over its voxels, 0..1.
    disagreement
        Mean over its voxels of how much an ensemble's members disagree, 0..1; NaN for a single network.
    centre
        Its voxel (plane, row, column) nearest to the centre of mass: always inside the finding, so that a viewer
        that jumps there shows it.
    """

    number: int
    box: Box
    voxels: int
    volume_ml: float
    longest_mm: float
    peak_probability: float
    mean_probability: float
    disagreement: float
    centre: tuple[int, int, int]


class Findings(tuple[Finding, ...]):
    """The findings of one prediction, as a tuple that also knows how many were left out.

    Attributes
    ----------
    total
        How many there are at this threshold, listed or not, apart from those below the smallest size.
    too_small
        How many were left out because they have fewer voxels than was asked for.
    """

    total: int
    too_small: int

    def __new__(cls, listed: Iterable[Finding], *, total: int, too_small: int) -> Findings:
        """Make the tuple and keep the counts."""
        findings = super().__new__(cls, listed)
        findings.total = total
        findings.too_small = too_small
        return findings

    @property
    def notice(self) -> str:
        """What a person must be told about what is not listed; empty where everything is."""
        if self.total <= len(self):
            return ""
        return (
            f"There are {self.total} findings at this threshold; the {len(self)} with the highest mean probability are "
            "listed. Raise the threshold to see fewer."
        )


def findings_of(
    steps: Steps,
    step: int,
    grid: Grid,
    *,
    min_voxels: int = 1,
    most: int = MOST_FINDINGS,
    disagreement: Byte | None = None,
) -> Findings:
    """Return the connected components of ``steps >= step``, sorted by falling mean probability.

    Parameters
    ----------
    steps
        (planes, rows, columns) int8 logits in steps of 0.1, as kept by `segcore.review.predictions`.
    step
        Threshold in the same unit.
    grid
        The case's grid, of the same shape.
    min_voxels
        Components with fewer voxels are left out.
    most
        At most this many are returned; `Findings.notice` then says so.
    disagreement
        Where the members of an ensemble disagree, uint8 on the same grid.

    Raises
    ------
    SettingProblem
        If the prediction does not lie on the grid.
    """
    if steps.shape != grid.shape:
        raise SettingProblem(
            f"a prediction of {steps.shape} does not lie on a scan of {grid.shape}", remedy="predict the case again"
        )
    flags = np.asarray(steps) >= step
    box = Box.around(flags)
    if box is None:
        return Findings((), total=0, too_small=0)
    components, count = label_lesions(flags[box.slices])
    within = np.asarray(disagreement)[box.slices] if disagreement is not None else None
    parts = _Parts(np.asarray(steps)[box.slices], components, count, within)
    big_enough = np.flatnonzero(parts.sizes >= min_voxels)
    # Ties in probability: the larger one first, then the order in the scan, so that lists are reproducible.
    order = big_enough[np.lexsort((big_enough, -parts.sizes[big_enough], -parts.means[big_enough]))]
    return Findings(_listed(parts, order[:most], box, grid), total=len(order), too_small=count - len(order))


class _Parts:
    """The voxels of all components, sorted by component, with what can be measured on all at once."""

    def __init__(self, steps: Steps, components: NDArray[np.int32], count: int, disagreement: Byte | None) -> None:
        places = np.flatnonzero(components)
        owners = components.ravel()[places]
        places = places[np.argsort(owners, kind="stable")]
        self.voxels = np.stack(np.unravel_index(places, components.shape), axis=1).astype(np.int32)
        self.sizes = np.bincount(owners, minlength=count + 1)[1:]
        self.starts = np.concatenate([[0], np.cumsum(self.sizes)])
        probabilities = _PROBABILITY[steps.ravel()[places].view(np.uint8)]
        self.means = self._sums(probabilities) / self.sizes
        self.peaks = np.maximum.reduceat(probabilities, self.starts[:-1])
        self.disagreements = np.full(count, np.nan)
        if disagreement is not None:
            self.disagreements = self._sums(disagreement.ravel()[places] / 255.0) / self.sizes

    def _sums(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.add.reduceat(values, self.starts[:-1], axis=0))

    def centres(self, spacing: tuple[float, float, float]) -> NDArray[np.int32]:
        """Return (count, 3): for each component its voxel nearest to its centre of mass, the first of equals."""
        middles = self._sums(self.voxels.astype(np.float64)) / self.sizes[:, None]
        off = (self.voxels - np.repeat(middles, self.sizes, axis=0)) * np.array(spacing)
        distance = (off**2).sum(axis=1)
        nearest = np.repeat(np.minimum.reduceat(distance, self.starts[:-1]), self.sizes)
        hits = np.flatnonzero(distance <= nearest)
        first = hits[np.searchsorted(hits, self.starts[:-1])]
        centres: NDArray[np.int32] = self.voxels[first]
        return centres

    def boxes(self) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Return the first and last voxel (count, 3) of each component's bounding box."""
        low = np.minimum.reduceat(self.voxels, self.starts[:-1], axis=0)
        return low, np.maximum.reduceat(self.voxels, self.starts[:-1], axis=0)


def _listed(parts: _Parts, order: NDArray[np.int64], within: Box, grid: Grid) -> list[Finding]:
    low, high = parts.boxes()
    centres = parts.centres(grid.spacing)
    corner = np.array(within.start)
    listed = []
    for number, part in enumerate(order.tolist(), start=1):
        voxels = parts.voxels[parts.starts[part] : parts.starts[part + 1]]
        listed.append(
            Finding(
                number=number,
                box=Box(_triple(low[part] + corner), _triple(high[part] + corner + 1)),
                voxels=len(voxels),
                volume_ml=len(voxels) * grid.voxel_volume_ml,
                longest_mm=longest_extent_mm(voxels, grid),
                peak_probability=float(parts.peaks[part]),
                mean_probability=float(parts.means[part]),
                disagreement=float(parts.disagreements[part]),
                centre=_triple(centres[part] + corner),
            )
        )
    return listed


def _triple(voxel: NDArray[np.int64]) -> tuple[int, int, int]:
    p, r, c = voxel.tolist()
    return (p, r, c)
