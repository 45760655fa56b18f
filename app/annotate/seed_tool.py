"""Strokes that say inside or outside; from them the lesion is worked out."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from app.annotate.hand import Bench, HandTool, Place, Touch
from app.viewer.marks import Mark
from segcore.annotation.scribbles import Scribble

_INSIDE_COLOUR, _OUTSIDE_COLOUR = (240, 228, 66), (204, 121, 167)


class Strokes(QObject):
    """The strokes drawn so far on one case.

    Signals
    -------
    changed()
        There is one more, or one less.
    """

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.drawn: list[Scribble] = []

    def add(self, scribble: Scribble) -> None:
        """Keep a finished stroke."""
        self.drawn.append(scribble)
        self.changed.emit()

    def take_back(self) -> None:
        """Drop the last one."""
        if self.drawn:
            self.drawn.pop()
            self.changed.emit()

    def clear(self) -> bool:
        """Drop all; whether there were any."""
        were = bool(self.drawn)
        self.drawn.clear()
        self.changed.emit()
        return were


class SeedTool(HandTool):
    """Draws strokes; with Shift they say "no lesion"."""

    def __init__(self, bench: Bench, strokes: Strokes) -> None:
        super().__init__(bench)
        self._strokes = strokes
        self._places: list[Place] = []
        self._touch: Touch | None = None
        strokes.changed.connect(self._show)

    def press(self, touch: Touch) -> None:
        if self._bench.labels is not None:
            self._touch, self._places = touch, [touch.place]
            self._show()

    def move(self, touch: Touch) -> None:
        if self._touch is not None:
            self._places.append(touch.place)
            self._show()

    def release(self, touch: Touch) -> None:
        finished = self._scribble()
        self._touch, self._places = None, []
        if finished is not None:
            self._strokes.add(finished)

    def _scribble(self) -> Scribble | None:
        if self._touch is None:
            return None
        return Scribble(axis=self._touch.axis, places=tuple(self._places), inside=not self._touch.erases)

    def take_back(self) -> None:
        self._strokes.take_back()

    def cancel(self) -> bool:
        """Drop the stroke that is being drawn; finished ones stay until they are dropped by themselves."""
        self._touch, self._places = None, []
        self._show()
        return False

    def _show(self) -> None:
        now = self._scribble()
        drawn = [*self._strokes.drawn, *([now] if now is not None else [])]
        self._bench.view.set_marks(tuple(_mark(scribble) for scribble in drawn))


def _mark(scribble: Scribble) -> Mark:
    return Mark(
        axis=scribble.axis,
        index=scribble.index,
        places=scribble.places,
        colour=_INSIDE_COLOUR if scribble.inside else _OUTSIDE_COLOUR,
    )
