"""Brush and adaptive brush in the hand."""

from __future__ import annotations

from app.annotate.hand import Bench, HandTool, Touch
from app.annotate.tools import BrushStroke


class BrushTool(HandTool):
    """Paints a disc in the plane or a ball through planes along the way of the mouse.

    Parameters
    ----------
    adaptive
        Whether it stops at edges.
    """

    def __init__(self, bench: Bench, *, adaptive: bool = False) -> None:
        super().__init__(bench)
        self._adaptive = adaptive
        self._stroke: BrushStroke | None = None

    def press(self, touch: Touch) -> None:
        bench, labels, grid = self._bench, self._bench.labels, self._bench.grid
        if labels is None or grid is None:
            return
        self._stroke = BrushStroke(
            labels,
            bench.controls.brush,
            grid,
            touch.axis,
            bench.ink(erases=touch.erases),
            bench.controls.limits(bench.channel) if not self._adaptive else None,
            bench.follow() if self._adaptive else None,
        )
        self.move(touch)

    def move(self, touch: Touch) -> None:
        if self._stroke is None:
            return
        pressure = touch.pressure if self._bench.controls.pressure.isChecked() else 1.0
        box = self._stroke.to(touch.place, pressure)
        if box is not None:
            self._bench.view.refresh(box)

    def release(self, touch: Touch) -> None:
        stroke, self._stroke = self._stroke, None
        if stroke is not None:
            self._bench.editor.keep(stroke.finish())

    def cancel(self) -> bool:
        """Finish the stroke: what is painted is seen already."""
        stroke, self._stroke = self._stroke, None
        if stroke is not None:
            self._bench.editor.keep(stroke.finish())
        return stroke is not None
