"""What a tool in the hand is, and what it works with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.annotate.ink import Ink
from app.annotate.long_edits import LongEdits
from app.annotate.mask_editor import MaskEditor
from app.annotate.proposal import Proposal
from app.annotate.tool_controls import ToolControls
from app.annotate.tools import FollowEdges
from app.viewer.plane_geometry import PlaneGeometry
from app.viewer.scan_view import ScanView
from segcore.annotation.operations import Scope
from segcore.geometry import Grid
from segcore.scans.volume import Labels, Volume

Place = tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Touch:
    """One event of mouse, pen or keyboard over a pane.

    Parameters
    ----------
    axis
        Of the pane.
    place
        (plane, row, column) in voxels.
    erases
        Whether Shift is held.
    pressure
        Of a pen, 0..1; a mouse presses fully.
    """

    axis: int
    place: Place
    erases: bool = False
    pressure: float = 1.0

    @property
    def voxel(self) -> tuple[int, int, int]:
        """The voxel that was touched; may lie outside the scan."""
        p, r, c = (round(v) for v in self.place)
        return (p, r, c)


class Bench:
    """What tools work with.

    Parameters
    ----------
    proposal
        What is shown in blue now, or None.
    """

    def __init__(
        self,
        view: ScanView,
        editor: MaskEditor,
        controls: ToolControls,
        long_edits: LongEdits,
        proposal: Callable[[], Proposal | None],
    ) -> None:
        self.view, self.editor, self.controls, self.long_edits = view, editor, controls, long_edits
        self.proposal = proposal

    @property
    def labels(self) -> Labels | None:
        """The mask, where it may be changed now."""
        return self.editor.labels if self.editor.may_edit else None

    @property
    def grid(self) -> Grid | None:
        """Of the scan."""
        return self.view.volume.grid if self.view.volume is not None else None

    @property
    def channel(self) -> NDArray[np.generic]:
        """The voxels by which tools judge: the shown channel; of a photograph green, where contrast is best."""
        volume = self.view.volume
        return np.zeros((0, 0, 0), np.uint8) if volume is None else judged(volume, self.view.channel)

    def ink(self, *, erases: bool = False) -> Ink:
        """What is painted now; the ground where Shift erases."""
        ground = self.editor.ground
        if erases:
            return Ink(value=ground, ground=ground)
        wanted = self.proposal() if self.controls.paints_proposal else None
        return Ink(value=self.controls.paint_value, ground=ground, proposal=wanted)

    def follow(self) -> FollowEdges:
        """What the adaptive brush follows."""
        return FollowEdges(voxels=self.channel, tolerance=self.controls.tolerance)

    def plane(self, axis: int) -> PlaneGeometry | None:
        """The geometry of a pane."""
        return self.view.panes[axis].geometry_of

    def scope(self, *, axis: int | None = None, whole: bool | None = None) -> Scope:
        """The slice in hand (or of another axis), or the whole mask where tools go through planes."""
        here = self.view.axis_in_hand if axis is None else axis
        through = self.controls.brush.three_d if whole is None else whole
        grid = self.grid
        return Scope(
            axis=here,
            index=-1 if through else self.view.crosshair[here],
            spacing=grid.spacing if grid is not None else (1.0, 1.0, 1.0),
            ground=self.editor.ground,
        )


def judged(volume: Volume, channel: int) -> NDArray[np.generic]:
    """Return the channel by which tools judge."""
    return np.asarray(volume.voxels[1 if volume.is_photograph else channel])


class HandTool:
    """A tool: told of presses, moves and keys. Those that a tool does not know do nothing."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    def press(self, touch: Touch) -> None:
        """The button, the pen or the key "use the tool" goes down."""

    def move(self, touch: Touch) -> None:
        """It moves while it is down."""

    def release(self, touch: Touch) -> None:
        """It goes up."""

    def double_click(self, touch: Touch) -> None:
        """A second press at the same place; the first one was told as press and release."""

    def hover(self, touch: Touch) -> None:
        """The mouse moves without a button."""

    def close(self) -> None:
        """Finish what is being drawn (Enter)."""

    def take_back(self) -> None:
        """Take the last step back (Backspace)."""

    def looked_elsewhere(self) -> None:
        """Another slice is shown."""

    def cancel(self) -> bool:
        """Drop what is being drawn (Esc, another tool, slice or case); whether there was something."""
        return False
