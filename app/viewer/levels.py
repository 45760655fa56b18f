"""Coarser copies of what a viewer shows, and which of them a pane needs. Pure; no widget."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segcore.geometry import Box
from segcore.scans.pyramid import mend_levels

Copies = tuple[NDArray[Any], ...]


@dataclass(slots=True, eq=False)
class Levels:
    """Coarser copies by name (scan, labels, steps, doubt), each with the array that it was made of.

    An array that has none is sampled instead, so that nothing waits for copies that are still being made.
    """

    _kept: dict[str, tuple[NDArray[Any], Copies]] = field(default_factory=dict)
    #: The mask of which copies are being made, and where it was changed meanwhile.
    _awaited: NDArray[Any] | None = None
    _missed: list[Box] = field(default_factory=list)

    @property
    def deepest(self) -> int:
        """The coarsest level of the scan; 0 where there is none."""
        return len(self._kept["scan"][1]) if "scan" in self._kept else 0

    def level_for(self, step: float) -> int:
        """Return the level to draw where `step` voxels fall on one pixel of the screen.

        The finest whose pixels are no smaller than the screen's: none of them is left out, and no lesion with it.
        """
        return min(math.ceil(math.log2(max(step, 1.0))), self.deepest)

    def has(self, name: str, source: NDArray[Any]) -> bool:
        """Whether there are copies of this array."""
        return name in self._kept and self._kept[name][0] is source

    def expect(self, labels: NDArray[np.uint8]) -> None:
        """Note what is changed in a mask from now on: copies are being made of it."""
        self._awaited, self._missed = labels, []

    def take(self, name: str, source: NDArray[Any], copies: Copies) -> None:
        """Keep copies that were made of an array; a mask's catch up with what was painted meanwhile."""
        self._kept[name] = (source, copies)
        if source is self._awaited:
            for box in self._missed:
                mend_levels(source, copies, box)
            self._awaited, self._missed = None, []

    def forget(self, name: str) -> None:
        """Drop copies of something that has changed throughout."""
        self._kept.pop(name, None)

    def at(self, name: str, source: NDArray[Any], level: int) -> NDArray[Any]:
        """Return `source` (..., rows, columns) at a level: its copy, or every so manyth pixel of it."""
        if level == 0:
            return source
        made_of, copies = self._kept.get(name, (None, ()))
        if made_of is source and level <= len(copies):
            return copies[level - 1]
        return source[..., :: 2**level, :: 2**level]

    def change(self, labels: NDArray[np.uint8], box: Box) -> None:
        """Follow a change of the mask."""
        made_of, copies = self._kept.get("labels", (None, ()))
        if made_of is labels:
            mend_levels(labels, copies, box)
        elif self._awaited is labels:
            self._missed.append(box)
