"""Where the lesions are: built once per mask, so that drawing a patch costs nothing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segcore.geometry import Box
from segcore.scans.components import label_lesions
from segcore.scans.volume import FOREGROUND, Labels

Voxels = NDArray[np.int32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LesionIndex:
    """The foreground voxels of one mask, grouped by lesion.

    Parameters
    ----------
    voxels
        (n, 3) int32 (plane, row, column), lesion after lesion.
    offsets
        (lesions + 1,) where each lesion starts in `voxels`.
    """

    voxels: Voxels
    offsets: NDArray[np.int64]

    @classmethod
    def build(cls, labels: Labels) -> LesionIndex:
        """Return the index of a mask (planes, rows, columns) uint8."""
        front = labels == FOREGROUND
        box = Box.around(front)
        if box is None:
            return cls(voxels=np.zeros((0, 3), np.int32), offsets=np.zeros(1, np.int64))
        components, count = label_lesions(np.ascontiguousarray(front[box.slices]))
        where = np.argwhere(components).astype(np.int32)
        owner = components[tuple(where.T)]
        order = np.argsort(owner, kind="stable")
        offsets = np.searchsorted(owner[order], np.arange(1, count + 2))
        return cls(voxels=where[order] + np.array(box.start, np.int32), offsets=offsets.astype(np.int64))

    @property
    def lesions(self) -> int:
        """Number of lesions."""
        return len(self.offsets) - 1

    @property
    def sizes(self) -> NDArray[np.int64]:
        """(lesions,) voxels of each lesion."""
        return np.diff(self.offsets)

    def draw(self, rng: np.random.Generator, size_exponent: float | None) -> Voxels:
        """Return one foreground voxel (3,).

        Parameters
        ----------
        size_exponent
            None: every voxel alike, so large lesions come more often. τ: a lesion with probability ~ size^τ, then one of
            its voxels.
        """
        if size_exponent is None:
            picked: Voxels = self.voxels[rng.integers(len(self.voxels))]
            return picked
        weights = self.sizes.astype(np.float64) ** size_exponent
        lesion = rng.choice(self.lesions, p=weights / weights.sum())
        member: Voxels = self.voxels[rng.integers(self.offsets[lesion], self.offsets[lesion + 1])]
        return member
