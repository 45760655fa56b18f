"""What the latest validation looks like: precision over recall, and whether probabilities mean what they say."""

from __future__ import annotations

import math

import pyqtgraph as pg
from PySide6.QtWidgets import QWidget

from app.theme import Tokens
from app.train.curve_plot import Plot
from app.train.curves import RunCurves
from segcore.training.events import Validated


class LatestPlot(Plot):
    """A plot of one validation, drawn anew only when there is another one."""

    def __init__(self, title: str, tooltip: str, x: str, y: str, parent: QWidget | None = None) -> None:
        super().__init__(title, tooltip, x, y, parent)
        self.use_unit_range()
        self.setXRange(0.0, 1.0)
        self.setLimits(xMin=-0.05, xMax=1.05)
        self._drawn: Validated | None = None

    def show_everything(self, _checked: bool = False) -> None:
        """Take back zoom and move."""
        self.setXRange(0.0, 1.0)
        self.setYRange(0.0, 1.0)

    def draw(self, run: RunCurves) -> None:
        """Draw the latest validation of a run."""
        if run.latest_validation is not self._drawn:
            self._drawn = run.latest_validation
            self._draw(self._drawn)

    def _draw(self, validated: Validated | None) -> None:
        raise NotImplementedError


class PrPlot(LatestPlot):
    """Precision over recall, the operating point on it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(
            "Precision and recall at the latest validation",
            "Every threshold of the latest validation; the dot is the fitted one, the line below is chance.",
            "recall",
            "precision",
            parent,
        )
        self.curve = self.plot([], [])
        self.chance = pg.InfiniteLine(angle=0)
        self.addItem(self.chance, ignoreBounds=True)
        self.operating = self.plot([], [], pen=None, symbol="o", symbolSize=9)

    def apply_tokens(self, tokens: Tokens) -> None:
        """Take the colours of a theme."""
        super().apply_tokens(tokens)
        self.curve.setPen(pg.mkPen(tokens.accent, width=2))
        self.chance.setPen(pg.mkPen(tokens.muted, style=pg.QtCore.Qt.PenStyle.DashLine))
        self.operating.setSymbolBrush(tokens.warning)
        self.operating.setSymbolPen(pg.mkPen(tokens.surface))

    def _draw(self, validated: Validated | None) -> None:
        curve = validated.curve if validated is not None else None
        self.chance.setVisible(validated is not None)
        if validated is not None:
            self.chance.setPos(validated.true_fraction)
        self.curve.setData(curve.recall if curve else [], curve.precision if curve else [])
        known = curve is not None and not math.isnan(curve.at_precision)
        self.operating.setData(
            [curve.at_recall] if known and curve else [], [curve.at_precision] if known and curve else []
        )

    def rows(self, run: RunCurves) -> list[list[str]]:
        """Return the points of the curve."""
        curve = run.latest_validation.curve if run.latest_validation is not None else None
        points = zip(curve.recall, curve.precision, strict=True) if curve else ()
        return [["recall", "precision"], *([f"{r:.6g}", f"{p:.6g}"] for r, p in points)]


class ReliabilityPlot(LatestPlot):
    """Observed share of foreground over predicted probability; the diagonal is perfect."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(
            "Calibration at the latest validation",
            "Among voxels predicted with a probability, the share that is foreground; on the diagonal both agree. Only "
            "voxels above 0.01 count: the rest is background anyway.",
            "predicted probability",
            "share of foreground",
            parent,
        )
        self.diagonal = self.plot([0, 1], [0, 1])
        self.bins = self.plot([], [], symbol="o", symbolSize=7)

    def apply_tokens(self, tokens: Tokens) -> None:
        """Take the colours of a theme."""
        super().apply_tokens(tokens)
        self.diagonal.setPen(pg.mkPen(tokens.muted, style=pg.QtCore.Qt.PenStyle.DashLine))
        self.bins.setPen(pg.mkPen(tokens.accent, width=2))
        self.bins.setSymbolBrush(tokens.accent)
        self.bins.setSymbolPen(None)

    def _draw(self, validated: Validated | None) -> None:
        bins = validated.reliability if validated is not None else ()
        self.bins.setData([one.predicted for one in bins], [one.observed for one in bins])

    def rows(self, run: RunCurves) -> list[list[str]]:
        """Return the bins."""
        bins = run.latest_validation.reliability if run.latest_validation is not None else ()
        body = [[f"{one.predicted:.6g}", f"{one.observed:.6g}", str(one.voxels)] for one in bins]
        return [["predicted", "observed", "voxels"], *body]
