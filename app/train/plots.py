"""The live plots of a run: one scrolling grid, drawn one plot at a time on a timer, never per event."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtGui import QPixmap, QResizeEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QScrollArea, QWidget

from app.theme import Tokens
from app.train.curve_plot import CurvePlot
from app.train.curves import RunCurves
from app.train.curves_file import export_plot
from app.train.latest_plots import PrPlot, ReliabilityPlot
from app.train.plot_specs import PLOTS

#: One plot is drawn so often, ms, whatever arrives: a plot takes 5 ms to paint, and each is a second old at most.
TICK_MS = 70
#: A column of plots is at least so wide, a row so high, px.
_COLUMN, _ROW = 400, 220


class LivePlots(QScrollArea):
    """All plots of one run, kept up to date by a timer while they are visible."""

    def __init__(self, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._run = RunCurves()
        curves = [CurvePlot(spec) for spec in PLOTS]
        self.pr, self.reliability = PrPlot(), ReliabilityPlot()
        self.plots: list[CurvePlot | PrPlot | ReliabilityPlot] = [
            curves[0],
            self.pr,
            curves[1],
            curves[2],
            self.reliability,
            *curves[3:],
        ]
        self._grid = QWidget()
        self._layout = QGridLayout(self._grid)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(8)
        self._columns = 0
        for plot in self.plots:
            plot.exportAsked.connect(partial(self._export, plot))
        self._arrange(2)
        self.setWidget(self._grid)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName("Plots of the run")
        self.apply_tokens(tokens)
        self._stale = set(self.plots)
        self._drawn = dict.fromkeys(self.plots, 0)
        self._next = 0
        self._timer = QTimer(self)
        self._timer.setInterval(TICK_MS)
        self._timer.timeout.connect(self._draw_next)
        self._timer.start()

    @property
    def redraws(self) -> int:
        """How often the plot was drawn that was drawn most often."""
        return max(self._drawn.values())

    def minimumSizeHint(self) -> QSize:
        """One column and one row."""
        return QSize(_COLUMN, _ROW)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Take as many columns as there is room for."""
        super().resizeEvent(event)
        self._arrange(max(1, min(4, self.viewport().width() // _COLUMN)))

    def _arrange(self, columns: int) -> None:
        if columns == self._columns:
            return
        self._columns = columns
        for place, plot in enumerate(self.plots):
            self._layout.addWidget(plot, place // columns, place % columns)
        rows = -(-len(self.plots) // columns)
        for row in range(len(self.plots)):
            self._layout.setRowMinimumHeight(row, _ROW if row < rows else 0)
        for column in range(4):
            self._layout.setColumnStretch(column, int(column < columns))

    def apply_tokens(self, tokens: Tokens) -> None:
        """Take the colours of a theme."""
        for plot in self.plots:
            plot.apply_tokens(tokens)

    def show_run(self, run: RunCurves) -> None:
        """Show another run; call it, or `mark_changed`, when it grows."""
        self._run = run
        self.mark_changed()

    def mark_changed(self) -> None:
        """Say that the run has new numbers; the timer draws them in turn."""
        self._stale.update(self.plots)

    def _draw_next(self) -> None:
        """Draw the next plot that is out of date and can be seen; all at once would take longer than a frame."""
        if not self._stale or not self.isVisible():
            return
        for further in range(len(self.plots)):
            place = (self._next + further) % len(self.plots)
            plot = self.plots[place]
            if plot in self._stale and not plot.viewport().visibleRegion().isEmpty():
                plot.draw(self._run)
                self._drawn[plot] += 1
                self._stale.discard(plot)
                self._next = place + 1
                return

    def draw_now(self) -> None:
        """Draw everything, for a picture."""
        for plot in self.plots:
            plot.draw(self._run)

    def picture(self) -> QPixmap:
        """Return all plots as one picture."""
        self.draw_now()
        return self._grid.grab()

    def _export(self, plot: CurvePlot | PrPlot | ReliabilityPlot, kind: str) -> None:
        plot.draw(self._run)
        export_plot(self, plot, self._run, kind)
