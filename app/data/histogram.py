"""A histogram with logarithmic classes: hover or arrow keys tell the bar's numbers, a click chooses it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pyqtgraph as pg
from PySide6.QtCore import QEvent, QObject, QPointF, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from app.data.plot_dress import dress_plot, make_plot
from app.theme import SPACE_1, Tokens, current_tokens, set_role

#: Where a bar of one begins on the logarithmic axis: half a bar of one below it.
_FLOOR = math.log10(0.5)
#: More classes than this cannot all be named below the bars.
_MOST_NAMES = 13


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One class.

    Parameters
    ----------
    tick
        Below the bar.
    count
        Its height.
    words
        What hovering over it says.
    """

    tick: str
    count: int
    words: str


class Histogram(QWidget):
    """Bars side by side.

    Signals
    -------
    chosen(int)
        A bar was clicked, or Enter pressed on it.
    """

    chosen = Signal(int)

    def __init__(self, title: str, bottom: str, left: str, hint: str) -> None:
        super().__init__()
        self._hint = hint
        self._bars: tuple[Bar, ...] = ()
        self._is_logarithmic = False
        self.current = -1
        self.plot = make_plot(title, bottom, left)
        self.plot.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.plot.viewport().installEventFilter(self)
        self.plot.installEventFilter(self)
        self.plot.viewport().setMouseTracking(True)
        self.item = pg.BarGraphItem(x=[], height=[], width=0.86)
        self.plot.addItem(self.item)
        self.words = QLabel(hint)
        set_role(self.words, "small")
        self.words.setWordWrap(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE_1)
        layout.addWidget(self.plot, 1)
        layout.addWidget(self.words)
        self.apply_tokens(current_tokens())

    @property
    def bars(self) -> tuple[Bar, ...]:
        """What is shown."""
        return self._bars

    def show_bars(self, bars: Sequence[Bar]) -> None:
        """Show other bars."""
        self._bars = tuple(bars)
        self.current = -1
        self.words.setText(self._hint)
        # Every second class is named where all names would run into each other.
        step = 2 if len(self._bars) > _MOST_NAMES else 1
        ticks = [(n, bar.tick) for n, bar in enumerate(self._bars) if n % step == 0]
        self.plot.getPlotItem().getAxis("bottom").setTicks([ticks])
        self._draw()

    def set_logarithmic(self, on: bool) -> None:
        """Whether heights are logarithmic."""
        self._is_logarithmic = on
        self._draw()

    def apply_tokens(self, tokens: Tokens) -> None:
        """Take the colours of a theme."""
        dress_plot(self.plot, tokens)
        self._draw()

    def _draw(self) -> None:
        tokens = current_tokens()
        axis = self.plot.getPlotItem().getAxis("left")
        axis.setLogMode(self._is_logarithmic)
        axis.setStyle(maxTextLevel=0 if self._is_logarithmic else 2)
        axis.setTicks(
            None if self._is_logarithmic else [whole_ticks(max((bar.count for bar in self._bars), default=1))]
        )
        floor = _FLOOR if self._is_logarithmic else 0.0
        self.item.setVisible(bool(self._bars))
        if not self._bars:
            return
        tops = [self._top(bar.count) for bar in self._bars]
        brushes = [
            QColor(tokens.accent_hover if number == self.current else tokens.accent)
            for number in range(len(self._bars))
        ]
        self.item.setOpts(
            x=list(range(len(self._bars))),
            y0=[floor] * len(self._bars),
            height=[top - floor for top in tops],
            width=0.86,
            brushes=brushes,
            pens=[pg.mkPen(None)] * len(self._bars),
        )
        highest = max([*tops, self._top(1)])
        self.plot.setYRange(floor, highest + 0.06 * (highest - floor), padding=0)
        self.plot.setXRange(-0.6, len(self._bars) - 0.4, padding=0)

    def _top(self, count: int) -> float:
        if not self._is_logarithmic:
            return float(count)
        return math.log10(count) if count else _FLOOR

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Follow the pointer and the keys over the plot."""
        if isinstance(event, QMouseEvent) and watched is self.plot.viewport():
            if event.type() == QEvent.Type.MouseMove:
                self._point_at(self._bar_at(event.position()))
            elif event.type() == QEvent.Type.MouseButtonPress and self._bar_at(event.position()) >= 0:
                self.plot.setFocus()
                self.chosen.emit(self._bar_at(event.position()))
        elif event.type() == QEvent.Type.Leave and watched is self.plot.viewport():
            self._point_at(-1)
        elif isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            return self._key(Qt.Key(event.key()))
        return super().eventFilter(watched, event)

    def _key(self, key: Qt.Key) -> bool:
        steps = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}
        if key in steps and self._bars:
            self._point_at((self.current + steps[key]) % len(self._bars))
            return True
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.current >= 0:
            self.chosen.emit(self.current)
            return True
        return False

    def _bar_at(self, position: QPointF) -> int:
        place = self.plot.getPlotItem().vb.mapSceneToView(self.plot.mapToScene(position.toPoint()))
        bar = round(place.x())
        return bar if 0 <= bar < len(self._bars) else -1

    def _point_at(self, bar: int) -> None:
        if bar == self.current:
            return
        self.current = bar
        self.words.setText(self._bars[bar].words if bar >= 0 else self._hint)
        self._draw()


def whole_ticks(most: int) -> list[tuple[int, str]]:
    """Return about five round, whole numbers from 0 to `most` with their texts: half a case is no case."""
    power = 10 ** max(0, math.floor(math.log10(max(most, 1) / 5)))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power * 6 > most)
    return [(number, f"{number:,}") for number in range(0, most + 1, step)]


def doubling_classes(most: int) -> list[tuple[int, int]]:
    """Return classes 1, 2, 3 to 4, 5 to 8 and so on until `most` is in one: (first, last) of each."""
    classes, last = [(1, 1)], 1
    while last < most:
        classes.append((last + 1, 2 * last))
        last *= 2
    return classes
