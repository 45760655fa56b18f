"""Strokes drawn over a slice that are no mask: they are vectors and belong to one slice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QPainter, QPen


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One stroke.

    Parameters
    ----------
    axis, index
        The slice that shows it.
    places
        (plane, row, column) in voxels along it.
    colour
        (red, green, blue), 0..255.
    """

    axis: int
    index: int
    places: tuple[tuple[float, float, float], ...]
    colour: tuple[int, int, int]


def paint_marks(
    painter: QPainter,
    marks: Sequence[Mark],
    axis: int,
    index: int,
    place_of: Callable[[tuple[float, float, float]], QPointF],
) -> None:
    """Paint those marks that lie on a slice; a single place is a dot."""
    shown = [mark for mark in marks if (mark.axis, mark.index) == (axis, index)]
    if not shown:
        return
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    for mark in shown:
        points = [place_of(place) for place in mark.places]
        points = points if len(points) > 1 else [*points, *(point + QPointF(0.1, 0.0) for point in points)]
        for colour, width in ((QColor(0, 0, 0, 170), 5.0), (QColor(*mark.colour), 3.0)):
            painter.setPen(
                QPen(colour, width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin)
            )
            painter.drawPolyline(points)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
