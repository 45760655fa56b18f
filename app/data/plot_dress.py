"""How plots of this workspace look: colours of the theme, no menus, no dragging."""

from __future__ import annotations

import pyqtgraph as pg
from PySide6.QtGui import QColor

from app.theme import Tokens


def make_plot(title: str, bottom: str, left: str) -> pg.PlotWidget:
    """Return an empty plot that stays where it is."""
    plot = pg.PlotWidget()
    plot.setMenuEnabled(False)
    plot.setMouseEnabled(x=False, y=False)
    plot.hideButtons()
    plot.setLabel("bottom", bottom)
    plot.setLabel("left", left)
    plot.setProperty("plot-title", title)
    plot.setAccessibleName(title)
    plot.showGrid(x=False, y=True, alpha=0.15)
    plot.setMinimumSize(240, 150)
    for side in ("bottom", "left"):
        plot.getPlotItem().getAxis(side).enableAutoSIPrefix(False)
    return plot


def dress_plot(plot: pg.PlotWidget, tokens: Tokens) -> None:
    """Give a plot the colours of a theme."""
    plot.setBackground(QColor(tokens.surface))
    plot.getPlotItem().setTitle(plot.property("plot-title"), color=tokens.text, size="10pt")
    for side in ("left", "bottom"):
        axis = plot.getPlotItem().getAxis(side)
        axis.setPen(pg.mkPen(tokens.border))
        axis.setTextPen(pg.mkPen(tokens.muted))
