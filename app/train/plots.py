"""The live plots: drawn from `RunCurves` on a timer, never per event."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pyqtgraph as pg
from PySide6.QtCore import QTimer
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QGridLayout, QWidget

from app.theme import Tokens
from app.train.curves import RunCurves

#: Redraws per second at most, whatever arrives. Measured: redrawing per event freezes a window for 0.4 to 2.7 s.
REDRAW_MS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class PlotSpec:
    """One plot: heading, curves as (name in `RunCurves`, legend, colour index), and its vertical axis."""

    title: str
    curves: tuple[tuple[str, str, int], ...]
    logarithmic: bool = False
    unit_range: bool = False
    tooltip: str = ""


PLOTS = (
    PlotSpec(
        title="Rare class on whole validation scans",
        curves=(
            ("dice", "Dice", 0),
            ("precision", "Precision", 1),
            ("recall", "Recall", 2),
            ("average_precision", "Average precision", 3),
            ("lesion_f1", "Lesion F1", 4),
        ),
        unit_range=True,
        tooltip="Measured on whole scans as they are, at the fitted threshold, never on patches.",
    ),
    PlotSpec(
        title="Training loss", curves=(("loss", "Loss", 0),), tooltip="Its value says little when lesions are rare."
    ),
    PlotSpec(
        title="Share of the gradient from lesions",
        curves=(("gradient_share", "Foreground share", 2),),
        unit_range=True,
        tooltip="Share of the pull on the network that comes from lesion voxels; healthy is 0.2 to 0.8.",
    ),
    PlotSpec(
        title="Foreground fraction: predicted and true",
        curves=(
            ("predicted_fraction", "Predicted in patches", 1),
            ("true_fraction", "True in patches", 2),
            ("validated_fraction", "Predicted in validation scans", 0),
        ),
        logarithmic=True,
        tooltip="A prediction far below the truth means the network is collapsing to 'all background'.",
    ),
)


class LivePlots(QWidget):
    """Four plots of one run, kept up to date by a timer while they are visible."""

    def __init__(self, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._run = RunCurves()
        self._dirty = True
        self.redraws = 0
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        self._plots: list[pg.PlotWidget] = []
        self._lines: dict[str, pg.PlotDataItem] = {}
        for place, spec in enumerate(PLOTS):
            plot = self._make_plot(spec)
            layout.addWidget(plot, place // 2, place % 2)
            self._plots.append(plot)
        layout.setRowStretch(0, 3)
        layout.setRowStretch(1, 2)
        self.apply_tokens(tokens)
        self._timer = QTimer(self)
        self._timer.setInterval(REDRAW_MS)
        self._timer.timeout.connect(self.redraw_if_needed)
        self._timer.start()

    def _make_plot(self, spec: PlotSpec) -> pg.PlotWidget:
        plot = pg.PlotWidget(title=spec.title)
        plot.setToolTip(spec.tooltip)
        plot.setMenuEnabled(False)
        plot.setLabel("bottom", "step")
        plot.showGrid(x=True, y=True, alpha=0.15)
        plot.setLogMode(y=spec.logarithmic)
        if spec.logarithmic:
            plot.getPlotItem().getAxis("left").setStyle(maxTextLevel=0)  # powers of ten only: the others would overlap
        plot.setMinimumSize(220, 140)
        if spec.unit_range:
            plot.setYRange(0.0, 1.0)
            plot.setLimits(yMin=-0.05, yMax=1.05)
        if len(spec.curves) > 1:
            plot.addLegend(offset=(8, 8), labelTextSize="8pt")
        for name, legend, _ in spec.curves:
            self._lines[name] = plot.plot([], [], name=legend, connect="finite")
        plot.getPlotItem().setDownsampling(auto=True, mode="peak")
        plot.getPlotItem().setClipToView(True)
        return plot

    def apply_tokens(self, tokens: Tokens) -> None:
        """Take the colours of a theme."""
        series = (tokens.accent, tokens.warning, tokens.success, tokens.info, tokens.danger)
        for spec, plot in zip(PLOTS, self._plots, strict=True):
            plot.setBackground(QColor(tokens.surface))
            plot.getPlotItem().setTitle(spec.title, color=tokens.text, size="10pt")
            for side in ("left", "bottom"):
                axis = plot.getPlotItem().getAxis(side)
                axis.setPen(pg.mkPen(tokens.border))
                axis.setTextPen(pg.mkPen(tokens.muted))
            if plot.getPlotItem().legend is not None:
                plot.getPlotItem().legend.setLabelTextColor(tokens.text)
                plot.getPlotItem().legend.setBrush(pg.mkBrush(_veil(tokens.surface)))
            for name, _, colour in spec.curves:
                self._lines[name].setPen(pg.mkPen(series[colour % len(series)], width=2))
                if spec is PLOTS[0] or name == "validated_fraction":
                    self._lines[name].setSymbol("o")
                    self._lines[name].setSymbolSize(5)
                    self._lines[name].setSymbolBrush(series[colour % len(series)])
                    self._lines[name].setSymbolPen(None)

    def show_run(self, run: RunCurves) -> None:
        """Show another run; call `mark_changed` when it grows."""
        self._run = run
        self.mark_changed()

    def mark_changed(self) -> None:
        """Say that the run has new numbers; the next tick of the timer draws them."""
        self._dirty = True

    def redraw_if_needed(self) -> None:
        """Draw every plot once if anything changed since the last time and the plots can be seen."""
        if not self._dirty or not self.isVisible():
            return
        self._dirty = False
        self.redraws += 1
        for spec in PLOTS:
            for name, _, _ in spec.curves:
                curve = self._run.curves[name]
                y = [v if v > 0 else math.nan for v in curve.y] if spec.logarithmic else curve.y
                self._lines[name].setData(curve.x, y)


def _veil(colour: str) -> QColor:
    """Return a colour through which lines behind a legend can just be seen."""
    veil = QColor(colour)
    veil.setAlpha(210)
    return veil
