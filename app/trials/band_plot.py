"""Learning curves of a trial's arms: a line for the mean over seeds, a band from the lowest to the highest seed."""

from __future__ import annotations

from collections.abc import Sequence

import pyqtgraph as pg
from PySide6.QtCore import QTimer
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.theme import Tokens
from segcore.trials.curves import Band
from segcore.trials.report import CURVE_LABEL

#: Redraws per second at most, whatever arrives.
REDRAW_MS = 400
_BAND_ALPHA = 45


class BandPlot(QWidget):
    """Draws the latest bands that it was given, on a timer and only while it can be seen."""

    def __init__(self, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._plot = pg.PlotWidget(title=CURVE_LABEL)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._plot)
        self._names: tuple[str, ...] = ()
        self._bands: tuple[Band, ...] = ()
        self._tokens = tokens
        self._is_dirty = True
        self._plot.setMenuEnabled(False)
        self._plot.setLabel("bottom", "step")
        self._plot.showGrid(x=True, y=True, alpha=0.15)
        self._plot.setYRange(0.0, 1.0)
        self._plot.setLimits(yMin=-0.05, yMax=1.05)
        self.setMinimumHeight(180)
        self.setToolTip("Line: mean over seeds. Band: lowest to highest seed. Whole validation scans, never patches.")
        self._legend = self._plot.addLegend(offset=(8, 8), labelTextSize="8pt")
        self.apply_tokens(tokens)
        self._timer = QTimer(self)
        self._timer.setInterval(REDRAW_MS)
        self._timer.timeout.connect(self.redraw_if_needed)
        self._timer.start()

    def apply_tokens(self, tokens: Tokens) -> None:
        """Take the colours of a theme."""
        self._tokens = tokens
        self._plot.setBackground(QColor(tokens.surface))
        self._plot.getPlotItem().setTitle(CURVE_LABEL, color=tokens.text, size="10pt")
        for side in ("left", "bottom"):
            axis = self._plot.getPlotItem().getAxis(side)
            axis.setPen(pg.mkPen(tokens.border))
            axis.setTextPen(pg.mkPen(tokens.muted))
        self._legend.setLabelTextColor(tokens.text)
        self._is_dirty = True

    def show_bands(self, names: Sequence[str], bands: Sequence[Band]) -> None:
        """Show other curves; the next tick of the timer draws them."""
        self._names, self._bands, self._is_dirty = tuple(names), tuple(bands), True

    def redraw_if_needed(self) -> None:
        """Draw once if anything changed since the last time and the plot can be seen."""
        if not self._is_dirty or not self.isVisible():
            return
        self._is_dirty = False
        self._plot.clear()
        for number, (name, band) in enumerate(zip(self._names, self._bands, strict=True)):
            self._draw(name, band, QColor(arm_colours(self._tokens)[number % len(arm_colours(self._tokens))]))

    def _draw(self, name: str, band: Band, colour: QColor) -> None:
        steps = [float(step) for step in band.steps]
        thin = pg.mkPen(None)
        low = self._plot.plot(steps, list(band.low), pen=thin)
        high = self._plot.plot(steps, list(band.high), pen=thin)
        veil = QColor(colour)
        veil.setAlpha(_BAND_ALPHA)
        if len(steps) > 1:
            self._plot.addItem(pg.FillBetweenItem(low, high, brush=pg.mkBrush(veil)))
        symbol = "o" if len(steps) == 1 else None
        self._plot.plot(
            steps, list(band.mean), pen=pg.mkPen(colour, width=2), name=name, symbol=symbol, symbolBrush=colour
        )


def arm_colours(tokens: Tokens) -> tuple[str, ...]:
    """Return the colours of arms in a theme."""
    return (tokens.accent, tokens.warning, tokens.success, tokens.info, tokens.danger, tokens.muted)
