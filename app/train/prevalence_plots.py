"""Two plots over the prevalence: a loss between doing nothing and being perfect, and who pulls on the network.

Values of different losses never share an axis: each is first brought to its own scale, 0 for the constant predictor and
1 for the perfect one.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPen, QPixmap
from PySide6.QtWidgets import QHBoxLayout, QWidget

from app.theme import SPACE_2, Tokens
from segcore.imbalance.pixel_losses import PIXEL_LOSSES, Options
from segcore.imbalance.rare_population import PREVALENCE, LossAtPrevalence, Predictor, Skill, judge_population

_PER_DECADE = 10
#: Normalised values below this are drawn here: "much worse than a constant" needs no more room.
_LEAST = -1.0
_STYLES = (Qt.PenStyle.SolidLine, Qt.PenStyle.DashLine)
#: Order of the losses' colours; the second round is dashed.
_COLOURS = ("accent", "warning", "success", "info", "danger")


def prevalences() -> tuple[float, ...]:
    """Return the prevalences at which curves are computed, largest last."""
    low, high = math.log10(PREVALENCE.low), math.log10(PREVALENCE.high)
    steps = round((high - low) * _PER_DECADE) + 1
    return tuple(min(PREVALENCE.high, max(PREVALENCE.low, float(value))) for value in np.logspace(low, high, steps))


@lru_cache(maxsize=16)
def judged_losses(pixels: float, options: Options, skill: Skill) -> tuple[tuple[LossAtPrevalence, ...], ...]:
    """Return, for each loss, what it does at each of `prevalences`; 0.2 s for what was never asked for."""
    return tuple(
        tuple(judge_population(loss, options, prevalence=pi, pixels=pixels, skill=skill) for pi in prevalences())
        for loss in PIXEL_LOSSES
    )


def loss_pen(row: int, tokens: Tokens) -> QPen:
    """Return the line of the loss in `row`."""
    pen = QPen(QColor(getattr(tokens, _COLOURS[row % len(_COLOURS)])), 2, _STYLES[row // len(_COLOURS) % 2])
    pen.setCosmetic(True)
    return pen


def loss_icon(row: int, tokens: Tokens) -> QIcon:
    """Return a short piece of that line, for the table."""
    size = QSize(28, 12)
    picture = QPixmap(size)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    painter.setPen(loss_pen(row, tokens))
    painter.drawLine(0, size.height() // 2, size.width(), size.height() // 2)
    painter.end()
    return QIcon(picture)


class PrevalencePlots(QWidget):
    """The two plots, side by side."""

    def __init__(self, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tokens = tokens
        self._titles = ("", "")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE_2)
        self.value_plot = self._make_plot("0 = constant, 1 = perfect")
        self.value_plot.setYRange(_LEAST, 1.0)
        self.share_plot = self._make_plot("share from lesion pixels")
        self.share_plot.setYRange(0.0, 1.0)
        self.lines: dict[str, list[pg.PlotDataItem]] = {"value": [], "share": []}
        self.markers: list[tuple[pg.InfiniteLine, pg.InfiniteLine]] = []
        for kind, plot in (("value", self.value_plot), ("share", self.share_plot)):
            layout.addWidget(plot)
            here, project = pg.InfiniteLine(angle=90), pg.InfiniteLine(angle=90, label="this project")
            project.label.setPosition(0.3)
            for marker in (here, project):
                plot.addItem(marker)
            project.hide()
            self.markers.append((here, project))
            self.lines[kind] = [plot.plot([], [], connect="finite") for _ in PIXEL_LOSSES]
        self.apply_tokens(tokens)

    def _make_plot(self, caption: str) -> pg.PlotWidget:
        plot = pg.PlotWidget()
        plot.setMenuEnabled(False)
        plot.setMouseEnabled(x=False, y=False)
        plot.hideButtons()
        plot.setLabel("bottom", "prevalence")
        plot.setLabel("left", caption)
        plot.showGrid(x=True, y=True, alpha=0.15)
        plot.setLogMode(x=True)
        plot.getPlotItem().getAxis("bottom").enableAutoSIPrefix(False)
        plot.setXRange(math.log10(PREVALENCE.low), math.log10(PREVALENCE.high))
        # The rare end on the right: further right is harder.
        plot.getPlotItem().invertX(True)
        plot.setMinimumSize(240, 150)
        return plot

    def apply_tokens(self, tokens: Tokens) -> None:
        """Take the colours of a theme."""
        self._tokens = tokens
        for plot in (self.value_plot, self.share_plot):
            plot.setBackground(QColor(tokens.surface))
            for side in ("left", "bottom"):
                axis = plot.getPlotItem().getAxis(side)
                axis.setPen(pg.mkPen(tokens.border))
                axis.setTextPen(pg.mkPen(tokens.muted))
        for lines in self.lines.values():
            for row, line in enumerate(lines):
                line.setPen(loss_pen(row, tokens))
        for here, project in self.markers:
            here.setPen(pg.mkPen(tokens.text, width=1))
            project.setPen(pg.mkPen(tokens.muted, width=1, style=Qt.PenStyle.DotLine))
            project.label.setColor(QColor(tokens.text))
        self._show_titles()

    def show_curves(
        self,
        pixels: float,
        value_of: Predictor,
        share_of: Predictor,
        titles: tuple[str, str],
        *,
        options: Options,
        skill: Skill,
    ) -> None:
        """Draw the normalised value of one predictor and the foreground's share of the pull at another."""
        self._titles = titles
        for row, judged in enumerate(judged_losses(pixels, options, skill)):
            values = [max(_LEAST, found.normalised(value_of)) for found in judged]
            self.lines["value"][row].setData(prevalences(), values)
            self.lines["share"][row].setData(prevalences(), [found.shares[share_of] for found in judged])
        self._show_titles()

    def show_loss(self, row: int, visible: bool) -> None:
        """Show or hide the curves of a loss."""
        for lines in self.lines.values():
            lines[row].setVisible(visible)

    def mark(self, prevalence: float, project: float | None) -> None:
        """Mark the chosen prevalence, and the project's where there is one inside the plot."""
        for here, there in self.markers:
            here.setValue(math.log10(prevalence))
            there.setVisible(project is not None)
            if project is not None:
                there.setValue(math.log10(project))

    def _show_titles(self) -> None:
        for plot, title in zip((self.value_plot, self.share_plot), self._titles, strict=True):
            plot.getPlotItem().setTitle(title, color=self._tokens.text, size="10pt")
