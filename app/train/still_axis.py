"""An axis that is drawn once and then copied, as long as nothing about it changes."""

from __future__ import annotations

import math

import pyqtgraph as pg
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPaintEngine, QPainter, QPixmap
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

#: Least distance of numbers on a logarithmic axis, px.
_BETWEEN = 24


class StillAxis(pg.AxisItem):  # type: ignore[misc] # pyqtgraph is untyped
    """Keeps its ticks, numbers and grid as pixels.

    pyqtgraph plays them back stroke by stroke at each painting: 7 ms an axis, seven tenths of what a plot costs.
    """

    def __init__(self, orientation: str) -> None:
        super().__init__(orientation)
        self.enableAutoSIPrefix(False)  # rewriting the label lays the whole plot out anew
        self._pixels = QPixmap()
        self._drawn: object = None
        self._place = QRectF()

    def logTickValues(
        self, low: float, high: float, size: float, ticks: object
    ) -> list[tuple[float | None, list[float]]]:
        """Return powers of ten with numbers, and what lies between without; 1, 2 and 5 where there is but one power."""
        decades = range(math.floor(low), math.ceil(high) + 1)
        inside = {k: [d + math.log10(k) for d in decades if low <= d + math.log10(k) <= high] for k in range(1, 10)}
        powers = inside[1]
        if len(powers) < 2:
            powers = sorted(inside[1] + inside[2] + inside[5])
        step = max(1, -(-len(powers) // max(1, int(size // _BETWEEN))))
        return [(None, powers[::step]), (None, sorted(value for k in range(2, 10) for value in inside[k]))]

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None) -> None:
        """Copy the pixels; draw them where they are out of date, and strokes where no pixels are wanted."""
        engine, device = painter.paintEngine(), painter.device()
        if engine is None or device is None or engine.type() != QPaintEngine.Type.Raster:
            super().paint(painter, option, widget)
            return
        place, ratio = self.boundingRect(), device.devicePixelRatioF()
        known = self.picture is not None and self.picture is self._drawn
        if not known or place != self._place or self._pixels.devicePixelRatioF() != ratio:
            self._draw(place, ratio, option, widget)
        painter.drawPixmap(place.topLeft(), self._pixels)

    def _draw(self, place: QRectF, ratio: float, option: QStyleOptionGraphicsItem, widget: QWidget | None) -> None:
        size = (place.size() * ratio).toSize()
        self._pixels = QPixmap(max(size.width(), 1), max(size.height(), 1))
        self._pixels.setDevicePixelRatio(ratio)
        self._pixels.fill(Qt.GlobalColor.transparent)
        painter = QPainter(self._pixels)
        painter.translate(-place.topLeft())
        super().paint(painter, option, widget)
        painter.end()
        self._drawn, self._place = self.picture, place
