"""One plot over training steps: lines, bands, values under the mouse, zoom, and files."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence

import pyqtgraph as pg
from PySide6.QtCore import QPoint, QPointF, QSize, Qt, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QMenu, QWidget

from app.theme import Tokens
from app.train.curves import Curve, RunCurves
from app.train.plot_specs import PlotSpec
from app.train.still_axis import StillAxis

_ROUND = (1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0)
#: Of a plot, px: as it likes to be, and at least.
_WIDTH, HEIGHT = 400, 220
_LEAST_WIDTH, _LEAST_HEIGHT = 260, 170


class Plot(pg.PlotWidget):  # type: ignore[misc] # pyqtgraph is untyped
    """What all plots of a run have in common: colours, a menu with files, zoom back to everything.

    Signals
    -------
    exportAsked(str)
        The plot is wanted as a file: ``"png"``, ``"svg"`` or ``"csv"``.
    """

    exportAsked = Signal(str)

    def __init__(self, title: str, tooltip: str, x: str, y: str = "", parent: QWidget | None = None) -> None:
        axes = {side: StillAxis(side) for side in ("left", "bottom")}
        super().__init__(parent, title=title, axisItems=axes)
        self.title = title
        self.setToolTip(f"{tooltip}\nWheel and drag zoom and move; the menu (right button) saves the plot.")
        self.setAccessibleName(title)
        self.setAccessibleDescription(tooltip)
        self.setMenuEnabled(False)
        self.setLabel("bottom", x)
        if y:
            self.setLabel("left", y)
        self.showGrid(x=True, y=True, alpha=0.15)
        self.setMinimumSize(_LEAST_WIDTH, _LEAST_HEIGHT)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(self._open_menu)
        self.getPlotItem().hideButtons()
        self._unit_range = False
        self._follows = True
        self.getPlotItem().vb.sigRangeChangedManually.connect(self._moved_by_hand)

    def _moved_by_hand(self, *_: object) -> None:
        self._follows = False

    def sizeHint(self) -> QSize:
        """Wide enough to read, low enough for three rows."""
        return QSize(_WIDTH, HEIGHT)

    def use_unit_range(self) -> None:
        """Show 0 to 1, and a little beyond, on the vertical axis."""
        self._unit_range = True
        self.setYRange(0.0, 1.0)
        self.setLimits(yMin=-0.05, yMax=1.05)

    def menu(self) -> QMenu:
        """Return a new menu of what can be done with the plot."""
        menu = QMenu(self)
        menu.addAction("Show everything").triggered.connect(self.show_everything)
        menu.addSeparator()
        for kind in ("png", "svg", "csv"):
            action = menu.addAction(f"Save as {kind.upper()}…")
            action.triggered.connect(lambda _=False, kind=kind: self.exportAsked.emit(kind))
            menu.addAction(action)
        return menu

    def _open_menu(self, at: QPoint) -> None:
        menu = self.menu()
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(self.mapToGlobal(at))

    def show_everything(self, _checked: bool = False) -> None:
        """Take back zoom and move."""
        self._follows = True
        self.enableAutoRange()
        if self._unit_range:
            self.setYRange(0.0, 1.0)

    def apply_tokens(self, tokens: Tokens) -> None:
        """Take the colours of a theme."""
        item = self.getPlotItem()
        self.setBackground(QColor(tokens.surface))
        item.setTitle(self.title, color=tokens.text, size="10pt")
        for side in ("left", "bottom"):
            axis = item.getAxis(side)
            axis.setPen(pg.mkPen(tokens.border))
            axis.setTextPen(pg.mkPen(tokens.muted))
        if item.legend is not None:
            item.legend.setLabelTextColor(tokens.text)
            for _, label in item.legend.items:
                label.setText(label.text)  # it does not take the colour up by itself
            item.legend.setBrush(pg.mkBrush(veil(tokens.surface, 130)))

    def rows(self, run: RunCurves) -> list[list[str]]:
        """Return the numbers behind the plot as a table with a heading."""
        raise NotImplementedError


class CurvePlot(Plot):
    """The curves of a `PlotSpec`."""

    def __init__(self, spec: PlotSpec, parent: QWidget | None = None) -> None:
        super().__init__(spec.title, spec.tooltip, "step", parent=parent)
        self.spec = spec
        self._run = RunCurves()
        self._right = 0.0
        self._drawn: dict[str, tuple[int, float]] = {}
        item = self.getPlotItem()
        item.setLogMode(y=spec.logarithmic)
        if spec.logarithmic:
            item.getAxis("left").setStyle(maxTextLevel=0)  # powers of ten only: the others would overlap
        if spec.unit_range:
            self.use_unit_range()
        if len(spec.lines) > 1:
            self.addLegend(offset=(6, 4), labelTextSize="8pt", verSpacing=-6)
        self._bands: dict[str, tuple[pg.PlotDataItem, pg.PlotDataItem, pg.FillBetweenItem]] = {}
        self.lines: dict[str, pg.PlotDataItem] = {}
        for line in spec.lines:
            if line.band:
                edges = (pg.PlotDataItem([], []), pg.PlotDataItem([], []))
                fill = pg.FillBetweenItem(*edges)
                for part in (*edges, fill):
                    self.addItem(part)
                self._bands[line.curve] = (*edges, fill)
            self.lines[line.curve] = self.plot([], [], name=line.legend, connect="finite")
        item.setDownsampling(auto=True, mode="peak")
        item.setClipToView(True)
        self._cursor = pg.InfiniteLine(angle=90)
        self._cursor.hide()
        self.addItem(self._cursor, ignoreBounds=True)
        self.readout = pg.TextItem(anchor=(1, 0))
        self.readout.setParentItem(item.vb)
        self.readout.hide()
        self.scene().sigMouseMoved.connect(self._hover)

    def apply_tokens(self, tokens: Tokens) -> None:
        """Take the colours of a theme."""
        super().apply_tokens(tokens)
        series = (tokens.accent, tokens.warning, tokens.success, tokens.info, tokens.danger)
        for line in self.spec.lines:
            colour = series[line.colour % len(series)]
            item = self.lines[line.curve]
            item.setPen(pg.mkPen(colour, width=2 if line.marked else 1))
            if line.marked:
                item.setSymbol("o")
                item.setSymbolSize(5)
                item.setSymbolBrush(colour)
                item.setSymbolPen(None)
            if line.curve in self._bands:
                low, high, fill = self._bands[line.curve]
                low.setPen(None)
                high.setPen(None)
                fill.setBrush(pg.mkBrush(veil(colour, 45)))
        self._cursor.setPen(pg.mkPen(tokens.muted))
        self.readout.setColor(tokens.text)
        self.readout.fill = pg.mkBrush(veil(tokens.surface, 230))

    def draw(self, run: RunCurves) -> None:
        """Draw what the run holds now; lines that have not grown since are left as they are."""
        if run is not self._run:
            self._run, self._drawn = run, {}
        self._make_room()
        for line in self.spec.lines:
            curve = run.curves[line.curve]
            state = (len(curve.x), curve.x[-1] if curve.x else 0.0)
            if self._drawn.get(line.curve) == state:
                continue
            self._drawn[line.curve] = state
            _set(self.lines[line.curve], curve.x, self._shown(curve.y))
            if line.curve in self._bands:
                self._draw_band(line.curve, curve)

    def _draw_band(self, name: str, curve: Curve) -> None:
        """Shade between the bounds; where there is none, the band has no width."""
        low, high, _ = self._bands[name]
        for part, side in ((low, "low"), (high, "high")):
            bound = self._run.curves[f"{name}_{side}"]
            _set(part, bound.x, [mean if math.isnan(y) else y for y, mean in _pairs(bound, curve)])

    def _make_room(self) -> None:
        """Let the steps end at a round number that is not passed soon: drawing new axes costs more than the lines."""
        last = max(
            (self._run.curves[line.curve].x[-1] for line in self.spec.lines if self._run.curves[line.curve].x),
            default=0,
        )
        right = round_above(last)
        if self._follows and right != self._right:
            self._right = right
            self.setXRange(0.0, right, padding=0.01)

    def show_everything(self, checked: bool = False) -> None:
        """Take back zoom and move."""
        super().show_everything(checked)
        self._right = 0.0
        self._make_room()

    def _shown(self, y: Sequence[float]) -> Sequence[float]:
        return [v if v > 0 else math.nan for v in y] if self.spec.logarithmic else y

    # Values under the mouse

    def _hover(self, at: QPointF) -> None:
        box = self.getPlotItem().vb
        inside = box.sceneBoundingRect().contains(at)
        words = self.words_at(float(box.mapSceneToView(at).x())) if inside else ""
        self._cursor.setVisible(bool(words))
        self.readout.setVisible(bool(words))
        if words:
            self._cursor.setPos(box.mapSceneToView(at).x())
            self.readout.setText(words)
            self.readout.setPos(box.width() - 4, 4)

    def words_at(self, step: float) -> str:
        """Return the values of all curves nearest to a step, one a line; "" where there is none."""
        found = []
        nearest = math.nan
        for line in self.spec.lines:
            curve = self._run.curves[line.curve]
            place = _nearest(curve.x, step)
            if place is None or math.isnan(curve.y[place]):
                continue
            nearest = curve.x[place]
            found.append(f"{line.legend} {curve.y[place]:.4g}{self._interval(line.curve, place)}")
        return "\n".join([f"step {nearest:g}", *found]) if found else ""

    def _interval(self, name: str, place: int) -> str:
        low, high = self._run.curves.get(f"{name}_low"), self._run.curves.get(f"{name}_high")
        if low is None or high is None or place >= len(low.y) or math.isnan(low.y[place]):
            return ""
        return f" ({low.y[place]:.2f} to {high.y[place]:.2f})"

    def leaveEvent(self, event: object) -> None:
        """Show no values any more."""
        super().leaveEvent(event)
        self._cursor.hide()
        self.readout.hide()

    def rows(self, run: RunCurves) -> list[list[str]]:
        """Return the numbers behind the plot as a table with a heading."""
        names = [line.curve for line in self.spec.lines]
        names += [f"{line.curve}_{side}" for line in self.spec.lines if line.band for side in ("low", "high")]
        table: dict[float, dict[str, str]] = {}
        for name in names:
            for x, y in zip(run.curves[name].x, run.curves[name].y, strict=True):
                table.setdefault(x, {})[name] = f"{y:.6g}" if math.isfinite(y) else ""
        body = [[f"{x:g}", *(table[x].get(name, "") for name in names)] for x in sorted(table)]
        return [["step", *names], *body]


def round_above(value: float) -> float:
    """Return a round number at or above a value, less than a quarter away; 1 for less than 1."""
    if value <= 1:
        return 1.0
    unit = 10.0 ** math.floor(math.log10(value))
    return next(mark * unit for mark in _ROUND if mark * unit >= value * (1 - 1e-9))


def _set(item: pg.PlotDataItem, x: Sequence[float], y: Sequence[float]) -> None:
    """Give a line its points; none where no value is a number, which pyqtgraph cannot find the bounds of."""
    known = any(math.isfinite(v) for v in y)
    item.setData(x if known else [], y if known else [])


def _pairs(bound: Curve, curve: Curve) -> list[tuple[float, float]]:
    return list(zip(bound.y, curve.y, strict=False))


def _nearest(x: Sequence[float], at: float) -> int | None:
    """Return the place of the value nearest to `at` in rising `x`; None where there is none."""
    if not x:
        return None
    place = bisect_left(x, at)
    if place == 0:
        return 0
    if place == len(x) or at - x[place - 1] <= x[place] - at:
        return place - 1
    return place


def veil(colour: str, opacity: int) -> QColor:
    """Return a colour that can be seen through; `opacity` is 0..255."""
    see_through = QColor(colour)
    see_through.setAlpha(opacity)
    return see_through
