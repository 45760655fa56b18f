"""Tools that draw an outline on a slice first: polygon, lasso, box, livewire, and the cut, which is only a line."""

from __future__ import annotations

import numpy as np

from app.annotate.hand import Bench, HandTool, Touch
from app.annotate.tools import lasso_edit
from segcore.annotation.islands import cut_lesions
from segcore.annotation.livewire import Livewire

Point = tuple[float, float]
#: A lasso with more points than this was drawn in one go; the release closes it.
_DRAWN = 8


class OutlineTool(HandTool):
    """Collects points (row, column in screen voxels) on one slice; another slice or pane begins anew."""

    name = "Outline"

    def __init__(self, bench: Bench) -> None:
        super().__init__(bench)
        self.points: list[Point] = []
        self._axis, self._index = -1, -1
        self._erases = False

    def press(self, touch: Touch) -> None:
        point = self._point(touch)
        self._erases = touch.erases
        if self._bench.labels is None or point is None:
            return
        if (touch.axis, self._bench.view.crosshair[touch.axis]) != (self._axis, self._index):
            self.cancel()
            self._axis, self._index = touch.axis, self._bench.view.crosshair[touch.axis]
        self._add(point)
        self._show()

    def _point(self, touch: Touch) -> Point | None:
        plane = self._bench.plane(touch.axis)
        return plane.to_screen(touch.place) if plane is not None else None

    def _add(self, point: Point) -> None:
        self.points.append(point)

    def _show(self, further: list[Point] | None = None) -> None:
        """Show the outline so far, and where it would go on."""
        if self._axis >= 0:
            self._bench.view.set_shape(self._axis, [*self.points, *(further or [])])

    def hover(self, touch: Touch) -> None:
        point = self._point(touch)
        if self.points and touch.axis == self._axis and point is not None:
            self._show([point])

    def double_click(self, touch: Touch) -> None:
        if len(self._outline()) > 2:
            self.close()

    def _outline(self) -> list[Point]:
        return self.points

    def close(self) -> None:
        bench, axis, index, points = self._bench, self._axis, self._index, [*self._outline()]
        self.cancel()
        plane = bench.plane(axis) if axis >= 0 else None
        if bench.labels is None or plane is None or len(points) < 3:
            return
        # What is shown in blue may be taken over on all slices at once; a label only where it is seen.
        through = bench.controls.paints_proposal and bench.controls.brush.three_d
        ink = bench.ink(erases=self._erases)
        bench.editor.keep(lasso_edit(bench.labels, plane, index, points, ink, name=self.name, through_planes=through))

    def take_back(self) -> None:
        if self.points:
            self.points.pop()
            self._show()

    def looked_elsewhere(self) -> None:
        if self._axis >= 0 and self._bench.view.crosshair[self._axis] != self._index:
            self.cancel()

    def cancel(self) -> bool:
        was = bool(self.points)
        self.points = []
        self._show()
        self._axis, self._index = -1, -1
        return was


class PolygonTool(OutlineTool):
    """Corners by clicks."""

    name = "Polygon"


class LassoTool(OutlineTool):
    """Drawn in one go, or corners by clicks."""

    name = "Lasso"

    def move(self, touch: Touch) -> None:
        point = self._point(touch)
        if self.points and touch.axis == self._axis and point is not None:
            self._add(point)
            self._show()

    def release(self, touch: Touch) -> None:
        if touch.axis == self._axis and len(self.points) > _DRAWN:
            self.close()


class TwoPointTool(OutlineTool):
    """Dragged from one place to another, or both clicked."""

    def press(self, touch: Touch) -> None:
        if not self.points or touch.axis != self._axis:
            super().press(touch)

    def move(self, touch: Touch) -> None:
        self.hover(touch)

    def release(self, touch: Touch) -> None:
        point = self._point(touch)
        if not self.points or point is None or touch.axis != self._axis:
            return
        if self._moved(point):
            self.points.append(point)
            self.close()

    def hover(self, touch: Touch) -> None:
        point = self._point(touch)
        if self.points and touch.axis == self._axis and point is not None:
            self._bench.view.set_shape(self._axis, self._between(self.points[0], point))

    def _moved(self, point: Point) -> bool:
        return max(abs(a - b) for a, b in zip(point, self.points[0], strict=True)) >= 0.5

    def _between(self, first: Point, last: Point) -> list[Point]:
        return [first, last]


class BoxTool(TwoPointTool):
    """A rectangle from corner to corner."""

    name = "Box"

    def _outline(self) -> list[Point]:
        return self._between(*self.points)[:-1] if len(self.points) == 2 else []

    def _between(self, first: Point, last: Point) -> list[Point]:
        (a, b), (c, d) = first, last
        return [(a, b), (a, d), (c, d), (c, b), (a, b)]


class CutTool(TwoPointTool):
    """Parts a lesion along a line."""

    def close(self) -> None:
        bench, axis, points = self._bench, self._axis, [*self.points]
        self.cancel()
        plane = bench.plane(axis) if axis >= 0 else None
        if bench.labels is None or plane is None or len(points) != 2:
            return
        voxels = np.array([plane.to_voxel(0, row, column) for row, column in points])
        ends = voxels[:, [plane.down, plane.across]]
        edit = cut_lesions(
            bench.labels, bench.scope(axis=axis, whole=False), ends, through_planes=bench.controls.brush.three_d
        )
        if edit is not None:
            edit.apply(bench.labels)
        bench.editor.keep(edit)


class LivewireTool(OutlineTool):
    """Clicks are joined along edges; closing goes back along edges to the first click."""

    name = "Livewire"

    def __init__(self, bench: Bench) -> None:
        super().__init__(bench)
        self._wire: Livewire | None = None
        #: How many points each click added, for taking one back.
        self._added: list[int] = []

    def press(self, touch: Touch) -> None:
        super().press(touch)
        if self._wire is None and self.points:
            self._begin()

    def _begin(self) -> None:
        plane = self._bench.plane(self._axis)
        if plane is None:
            return
        image = plane.cut(self._bench.channel, self._index)
        self._wire = Livewire(image, (plane.row_mm, plane.column_mm))
        self._wire.start(_pixel(self.points[-1]))

    def _add(self, point: Point) -> None:
        way = self._way_to(point)
        self.points.extend(way)
        self._added.append(len(way))
        if self._wire is not None:
            self._wire.start(_pixel(self.points[-1]))

    def _way_to(self, point: Point) -> list[Point]:
        if self._wire is None or not self.points:
            return [(float(round(point[0])), float(round(point[1])))]
        return [(float(r), float(c)) for r, c in self._wire.path_to(_pixel(point))[1:]]

    def hover(self, touch: Touch) -> None:
        point = self._point(touch)
        if self.points and touch.axis == self._axis and point is not None:
            self._show(self._way_to(point))

    def _outline(self) -> list[Point]:
        return [*self.points, *self._way_to(self.points[0])] if self.points else []

    def take_back(self) -> None:
        if not self._added:
            return
        del self.points[len(self.points) - self._added.pop() :]
        if self._wire is not None and self.points:
            self._wire.start(_pixel(self.points[-1]))
        elif not self.points:
            self._wire = None
        self._show()

    def cancel(self) -> bool:
        self._wire, self._added = None, []
        return super().cancel()


def _pixel(point: Point) -> tuple[int, int]:
    return (round(point[0]), round(point[1]))
