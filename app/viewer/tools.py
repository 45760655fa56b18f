"""What the left button does in a pane. Tools know positions and voxels, neither widgets nor projects.

A tool is told where it is pressed, dragged and released; it paints through an `Easel`, which journals each finished stroke,
and says what should be drawn over the pane as a `Sketch`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from app.viewer.brushes import Brush, box_around, dabs_between
from app.viewer.plane_geometry import PlaneGeometry, Voxel
from segcore.annotation.shapes import polygon
from segcore.geometry import Box
from segcore.scans.volume import BACKGROUND

#: A press that moves further than this, in screen pixels, is a lasso and not a corner.
_LASSO_PX = 4.0


class Easel(Protocol):
    """What tools paint on."""

    @property
    def may_paint(self) -> bool:
        """Whether a stroke may begin now."""

    def begin(self, label: str) -> None:
        """Begin a stroke that the undo menu will call `label`."""

    def paint(self, box: Box, where: NDArray[np.bool_], value: int) -> None:
        """Set the marked voxels of a box, which may stick out of the scan."""

    def finish(self) -> None:
        """End the stroke: it is on disk when this returns, unless the disk refuses."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Spot:
    """Where the pointer is.

    Parameters
    ----------
    geometry, index
        The plane and the number of the slice shown.
    row, column
        Position on the picture.
    scale
        Screen pixels per picture pixel (down, across).
    erases
        Whether the person holds what turns painting into erasing.
    """

    geometry: PlaneGeometry
    index: int
    row: float
    column: float
    scale: tuple[float, float]
    erases: bool = False

    @property
    def voxel(self) -> Voxel:
        """The voxel under the pointer; may lie outside the scan."""
        return self.geometry.voxel_at(self.row, self.column, self.index)

    @property
    def is_inside(self) -> bool:
        """Whether the pointer is over the scan."""
        rows, columns = self.geometry.shape
        return 0 <= self.row < rows and 0 <= self.column < columns

    def distance_px(self, row: float, column: float) -> float:
        """Distance to a position of the picture on the screen."""
        return float(np.hypot((self.row - row) * self.scale[0], (self.column - column) * self.scale[1]))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sketch:
    """What a tool draws over the slices of one plane: an open outline (rows and columns of the picture)."""

    geometry: PlaneGeometry
    points: tuple[tuple[float, float], ...]


class Tool:
    """A tool that does nothing; what the pointer does in a pane."""

    #: Whether the right button is the tool's (to erase), not the window's.
    takes_right_button = False
    #: What to draw, if anything.
    sketch: Sketch | None = None

    def press(self, spot: Spot) -> None:
        """The button goes down."""

    def drag(self, spot: Spot) -> None:
        """The pointer moves with the button down."""

    def release(self, spot: Spot) -> None:
        """The button goes up."""

    def double_click(self, spot: Spot) -> bool:
        """The button goes down a second time; return whether that means something to the tool."""
        return False

    def accept(self) -> bool:
        """Enter was pressed; return whether that means something."""
        return False

    def cancel(self) -> bool:
        """Escape was pressed, or another tool, slice or case is coming; return whether that means something."""
        return False

    def step_back(self) -> bool:
        """Backspace was pressed; return whether that means something."""
        return False

    def stamp(self, spot: Spot) -> NDArray[np.bool_] | None:
        """Return the voxels that a press would paint around the pointer's voxel, or None."""
        return None


class NavigateTool(Tool):
    """Moves the crosshair through all planes."""

    def __init__(self, move: Callable[[Voxel], None]) -> None:
        self._move = move

    def press(self, spot: Spot) -> None:
        self._move(spot.voxel)

    def drag(self, spot: Spot) -> None:
        self._move(spot.voxel)


class BrushTool(Tool):
    """Paints dabs along the way of the pointer; the whole way is one stroke.

    Parameters
    ----------
    brush, value
        Asked when a stroke begins.
    """

    takes_right_button = True

    def __init__(self, easel: Easel, brush: Callable[[], Brush], value: Callable[[], int]) -> None:
        self._easel, self._brush, self._value = easel, brush, value
        self._last: Voxel | None = None
        self._painted = 0
        self._stamp: NDArray[np.bool_] = np.ones((1, 1, 1), dtype=bool)
        self._axes = (0.0, 0.0, 0.0)

    def press(self, spot: Spot) -> None:
        if not self._easel.may_paint:
            return
        brush = self._brush()
        self._axes = brush.semi_axes(spot.geometry.grid, spot.geometry.plane)
        self._stamp = brush.stamp(spot.geometry.grid, spot.geometry.plane)
        self._painted = BACKGROUND if spot.erases else self._value()
        self._easel.begin("Eraser" if self._painted == BACKGROUND else "Brush")
        self._last = spot.voxel
        self._dab(spot.voxel)

    def drag(self, spot: Spot) -> None:
        if self._last is None:
            return
        voxel = spot.voxel
        for dab in dabs_between(self._last, voxel, self._axes):
            self._dab(dab)
        self._last = voxel

    def release(self, spot: Spot) -> None:
        if self._last is not None:
            self._last = None
            self._easel.finish()

    def double_click(self, spot: Spot) -> bool:
        self.press(spot)
        return True

    def cancel(self) -> bool:
        if self._last is None:
            return False
        self._last = None
        self._easel.finish()
        return True

    def stamp(self, spot: Spot) -> NDArray[np.bool_] | None:
        return self._brush().stamp(spot.geometry.grid, spot.geometry.plane)

    def _dab(self, voxel: Voxel) -> None:
        self._easel.paint(box_around(voxel, self._stamp), self._stamp, self._painted)


class PolygonTool(Tool):
    """Fills an outline: drag around it (lasso), or click corners and close with Enter or a double click.

    Parameters
    ----------
    value
        Asked when the outline is closed.
    changed
        Called when the sketch changed.
    """

    takes_right_button = True

    def __init__(self, easel: Easel, value: Callable[[], int], changed: Callable[[], None]) -> None:
        self._easel, self._value, self._changed = easel, value, changed
        self._points: list[tuple[float, float]] = []
        self._spot: Spot | None = None
        self._is_lasso = False
        self._erases = False

    def press(self, spot: Spot) -> None:
        if not self._easel.may_paint:
            return
        elsewhere = self._spot is not None and (
            self._spot.geometry.plane is not spot.geometry.plane or self._spot.index != spot.index
        )
        if elsewhere:
            self.cancel()
        self._spot, self._erases = spot, spot.erases
        self._points.append((spot.row, spot.column))
        self._show()

    def drag(self, spot: Spot) -> None:
        if not self._points:
            return
        away = spot.distance_px(*self._points[-1])
        if self._is_lasso or (len(self._points) == 1 and away > _LASSO_PX):
            self._is_lasso = True
            if away >= 1.0:
                self._points.append((spot.row, spot.column))
                self._show()

    def release(self, spot: Spot) -> None:
        if self._is_lasso:
            self.accept()

    def double_click(self, spot: Spot) -> bool:
        # The first click of the two has set the last corner already.
        return self.accept() if len(self._points) >= 3 else bool(self._points)

    def accept(self) -> bool:
        spot, points, erases = self._spot, self._points, self._erases
        if spot is None:
            return False
        label = "Lasso" if self._is_lasso else "Polygon"
        self.cancel()
        if len(points) >= 3 and self._easel.may_paint:
            box, where = filled(spot.geometry, spot.index, points)
            self._easel.begin(label)
            self._easel.paint(box, where, BACKGROUND if erases else self._value())
            self._easel.finish()
        return True

    def cancel(self) -> bool:
        was_open = bool(self._points)
        self._points, self._spot, self._is_lasso, self.sketch = [], None, False, None
        if was_open:
            self._changed()
        return was_open

    def step_back(self) -> bool:
        if not self._points or self._is_lasso:
            return False
        self._points.pop()
        if self._points:
            self._show()
        else:
            self._points.append((0.0, 0.0))
            self.cancel()
        return True

    def _show(self) -> None:
        if self._spot is not None:
            self.sketch = Sketch(geometry=self._spot.geometry, points=tuple(self._points))
            self._changed()


def filled(geometry: PlaneGeometry, index: int, points: list[tuple[float, float]]) -> tuple[Box, NDArray[np.bool_]]:
    """Return box and flags of the voxels inside an outline on a slice (positions of the picture).

    The voxels that the outline goes through belong to it: else a lesion of three voxels could not be outlined at all.
    """
    corners = np.floor(np.array(points, dtype=np.float64))
    rows, columns = geometry.shape
    corners = np.clip(corners, -1.0, (float(rows), float(columns)))
    start = corners.min(axis=0).astype(int)
    extent = corners.max(axis=0).astype(int) - start + 1
    flags = polygon(corners - start, (int(extent[0]), int(extent[1])))
    return geometry.box_of((int(start[0]), int(start[1])), flags, index)


@dataclass(frozen=True, slots=True, kw_only=True)
class FillRequest:
    """A wish to fill from a voxel, in the slice of a plane or through all slices (`plane` is None)."""

    seed: Voxel
    plane: int | None
    erases: bool


class FillTool(Tool):
    """Asks for a flood fill where it is clicked; whoever owns the tool computes it, maybe in the background."""

    takes_right_button = True

    def __init__(self, easel: Easel, three_d: Callable[[], bool], ask: Callable[[FillRequest], None]) -> None:
        self._easel, self._three_d, self._ask = easel, three_d, ask

    def press(self, spot: Spot) -> None:
        if self._easel.may_paint and spot.is_inside:
            plane = None if self._three_d() else int(spot.geometry.plane)
            self._ask(FillRequest(seed=spot.voxel, plane=plane, erases=spot.erases))

    def double_click(self, spot: Spot) -> bool:
        return True
