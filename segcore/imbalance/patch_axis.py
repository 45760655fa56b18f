"""Where patches of one size begin along an axis, and what they hold: sums over every position, with its probability.

Three axes together give the exact mean over all patches, since the sampler draws along each on its own. Clamping at the
borders of the scan is that of `segcore.sampling.patches`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Flags = NDArray[np.bool_]
Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchAxis:
    """One axis of a scan, the part of it that the foreground spans, and the patch along it."""

    extent: int
    first: int
    last: int
    edge: int
    jitter: float

    @property
    def starts(self) -> int:
        """Number of places at which a patch may begin."""
        return max(1, self.extent - self.edge + 1)

    def clamped(self, start: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return where a patch begins that was wanted to begin at `start`, as the sampler has it."""
        return np.clip(start, 0, self.starts - 1)

    def start_chances(self) -> Numbers:
        """Return the chance of each beginning of a patch from anywhere: its middle is any voxel."""
        offset = min(int(0.5 * self.edge), self.edge - 1)
        wanted = np.arange(self.extent) - offset
        return np.bincount(self.clamped(wanted), minlength=self.starts) / self.extent

    def sums(self, values: NDArray[np.generic]) -> Numbers:
        """Return the sums over a patch at each beginning, along the first axis of `values` (the spanned part)."""
        running = np.concatenate([np.zeros((1, *values.shape[1:])), np.cumsum(values, axis=0, dtype=np.float64)])
        start = np.arange(self.starts)
        low = np.clip(start - self.first, 0, self.last - self.first)
        high = np.clip(np.minimum(start + self.edge, self.extent) - self.first, 0, self.last - self.first)
        return np.asarray(running[high] - running[low])

    def offsets(self) -> tuple[NDArray[np.int64], Numbers]:
        """Return where in the patch the voxel may lie that it was forced onto, and the chances."""
        low, high = (0.5 - self.jitter) * self.edge, (0.5 + self.jitter) * self.edge
        places = np.arange(int(low), min(int(high), self.edge - 1) + 1)
        if high <= low:
            return places[:1], np.ones(1)
        covered = np.minimum(places + 1, high) - np.maximum(places, low)
        covered[-1] = high - max(float(places[-1]), low)  # the sampler keeps the last offset inside the patch
        return places, covered / (high - low)

    def forced_means(self, values: NDArray[np.generic]) -> Numbers:
        """Return, for each voxel of the spanned part, the mean sum over the patches forced onto it."""
        sums = self.sums(values)
        places, chances = self.offsets()
        voxels = np.arange(self.first, self.last)
        # Offsets have one chance each but for the two ends, so that a running sum does for the others.
        usual = chances[1] if len(chances) > 2 else 0.0
        wanted = self.clamped(np.arange(self.first - places[-1], self.last - places[0]))
        line = sums[wanted]
        running = np.concatenate([np.zeros((1, *line.shape[1:])), np.cumsum(line, axis=0)])
        nearest, farthest = voxels - places[0], voxels - places[-1]
        base = self.first - places[-1]
        result = usual * (running[nearest - base + 1] - running[farthest - base])
        result += (chances[0] - usual) * line[nearest - base]
        if len(chances) > 1:
            result += (chances[-1] - usual) * line[farthest - base]
        return np.asarray(result)


def hit_rate(inside: Flags, axes: Sequence[PatchAxis]) -> float:
    """Return the chance that a patch from anywhere holds any of the foreground."""
    values: NDArray[np.generic] = inside
    for number, axis in enumerate(axes):
        held = axis.sums(np.moveaxis(values, number, 0)) > 0
        values = np.moveaxis(held, 0, number)
    chance = values.astype(np.float64)
    for axis in reversed(axes):
        chance = chance @ axis.start_chances()
    return float(chance)


def mean_anywhere(inside: Flags, axes: Sequence[PatchAxis]) -> float:
    """Return the mean foreground voxels in a patch from anywhere: each voxel's chance to be in it, added up."""
    total: Numbers = inside.astype(np.float64)
    for axis in reversed(axes):
        chances = axis.start_chances() @ axis.sums(np.eye(axis.last - axis.first))
        total = total @ chances
    return float(total)


def mean_forced(inside: Flags, weights: Numbers, axes: Sequence[PatchAxis]) -> float:
    """Return the mean foreground voxels in a patch that is forced onto a drawn voxel."""
    means: Numbers = inside.astype(np.float64)
    for number, axis in enumerate(axes):
        means = np.moveaxis(axis.forced_means(np.moveaxis(means, number, 0)), 0, number)
    return float(means[inside] @ weights)
