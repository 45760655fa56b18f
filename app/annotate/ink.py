"""What a tool paints with: a label, or what the proposal says there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.annotate.proposal import Proposal
from segcore.annotation.edits import Stroke
from segcore.geometry import Box
from segcore.scans.volume import BACKGROUND, FOREGROUND


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ink:
    """Paints boxes of a stroke.

    Parameters
    ----------
    value
        The label; where there is a proposal, only what it says to be lesion.
    ground
        What a proposal says to be no lesion becomes this.
    proposal
        Paint what it says instead of one label everywhere.
    """

    value: int = FOREGROUND
    ground: int = BACKGROUND
    proposal: Proposal | None = None

    @property
    def name(self) -> str:
        """What a stroke of the brush is called."""
        if self.proposal is not None:
            return self.proposal.name
        return "Brush" if self.value != self.ground else "Eraser"

    def paint(self, stroke: Stroke, box: Box, where: NDArray[np.bool_]) -> Box:
        """Paint the voxels of a box that `where` marks (the box may stick out of the mask); returns the part inside."""
        if self.proposal is None:
            return stroke.paint(box, where, self.value)
        shape = self.proposal.steps.shape
        inside = box.clipped((shape[0], shape[1], shape[2]))
        if inside.is_empty:
            return inside
        p, r, c = (slice(a - s, b - s) for a, b, s in zip(inside.start, inside.stop, box.start, strict=True))
        said, marked = self.proposal.flags(inside), where[p, r, c]
        stroke.paint(inside, marked & ~said, self.ground)
        return stroke.paint(inside, marked & said, self.value)
