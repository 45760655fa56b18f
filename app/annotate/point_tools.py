"""Tools that take one click: navigate, fill, level trace, a finding."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from app.annotate.hand import HandTool, Touch
from app.annotate.tools import filled, lasso_edit, region_edit
from app.errors import report_notice
from segcore.annotation.fill import lesion_at
from segcore.annotation.tracing import level_trace
from segcore.geometry import Box


class NavigateTool(HandTool):
    """Moves the crosshair through all planes."""

    def press(self, touch: Touch) -> None:
        self._bench.view.set_crosshair(touch.voxel)

    def move(self, touch: Touch) -> None:
        self._bench.view.set_crosshair(touch.voxel)

    def double_click(self, touch: Touch) -> None:
        grid = self._bench.grid
        if grid is not None and not grid.is_2d:
            self._bench.view.toggle_single(touch.axis)


class FillTool(HandTool):
    """Takes everything that is alike and hangs together with the click."""

    def press(self, touch: Touch) -> None:
        bench = self._bench
        if bench.labels is None:
            return
        ink, channel, tolerance = bench.ink(erases=touch.erases), bench.channel, bench.controls.tolerance
        axis = None if bench.controls.brush.three_d else touch.axis

        def paint(found: tuple[Box, NDArray[np.bool_]] | None) -> None:
            labels = bench.labels
            if found is not None and labels is not None:
                bench.editor.keep(region_edit(labels, *found, ink, "Fill"))

        if axis is None:
            bench.long_edits.run("Fill", lambda _: filled(channel, touch.place, tolerance, None), paint)
        else:
            paint(filled(channel, touch.place, tolerance, axis))


#: A contour that is only shown is looked for so far around the mouse, pixels.
_SHOWN = 96
#: On slices of more pixels than this it takes so long to find that the window must not wait.
_LARGE = 1_500_000


class TraceTool(HandTool):
    """Fills the contour of the clicked grey value; it is shown while the mouse is over it."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type]
        self._axis = -1

    def hover(self, touch: Touch) -> None:
        points = _trace(self._image(touch), _SHOWN)
        if self._axis >= 0 and self._axis != touch.axis:
            self._bench.view.set_shape(self._axis, [])
        self._axis = touch.axis
        self._bench.view.set_shape(touch.axis, points)

    def press(self, touch: Touch) -> None:
        bench, plane, seen = self._bench, self._bench.plane(touch.axis), self._image(touch)
        if bench.labels is None or plane is None or seen is None:
            return
        index, ink = bench.view.crosshair[touch.axis], bench.ink(erases=touch.erases)

        def paint(points: list[tuple[float, float]]) -> None:
            if bench.labels is not None and points:
                bench.editor.keep(lasso_edit(bench.labels, plane, index, points, ink, name="Level trace"))

        if seen[0].size > _LARGE:
            bench.long_edits.run("Level trace", lambda _: _trace(seen, None), paint, slow=True)
        else:
            paint(_trace(seen, None))

    def cancel(self) -> bool:
        if self._axis >= 0:
            self._bench.view.set_shape(self._axis, [])
        self._axis = -1
        return False

    def _image(self, touch: Touch) -> tuple[NDArray[np.generic], tuple[int, int]] | None:
        """Return the slice as the screen shows it, and the pixel that is touched."""
        plane = self._bench.plane(touch.axis)
        if plane is None:
            return None
        row, column = plane.to_screen(touch.place)
        return plane.cut(self._bench.channel, self._bench.view.crosshair[touch.axis]), (round(row), round(column))


def _trace(seen: tuple[NDArray[np.generic], tuple[int, int]] | None, furthest: int | None) -> list[tuple[float, float]]:
    contour = level_trace(*seen, furthest) if seen is not None else None
    return [] if contour is None else [(float(r), float(c)) for r, c in contour]


class FindingTool(HandTool):
    """Takes the lesion under the click over from what is shown in blue; Shift takes it out of the mask."""

    def press(self, touch: Touch) -> None:
        bench, proposal = self._bench, self._bench.proposal()
        if bench.labels is None:
            return
        if proposal is None:
            report_notice(bench.view, "Nothing is shown in blue: choose a prediction or a version first.")
            return
        axis = None if bench.controls.brush.three_d else touch.axis
        ink = bench.ink(erases=touch.erases)
        name = "Remove finding" if touch.erases else "Accept finding"

        def paint(found: tuple[Box, NDArray[np.bool_]]) -> None:
            if bench.labels is not None and not found[0].is_empty:
                bench.editor.keep(region_edit(bench.labels, *found, ink, name))

        find = partial(lesion_at, proposal.steps, touch.voxel, proposal.step, axis=axis)
        bench.long_edits.run(name, lambda _: find(), paint)
