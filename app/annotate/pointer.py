"""Which tool is in the hand, and what mouse, pen and keys tell it."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QTabletEvent

from app.actions import Actions
from app.annotate.brush_tools import BrushTool
from app.annotate.hand import Bench, HandTool, Place, Touch
from app.annotate.outline_tools import BoxTool, CutTool, LassoTool, LivewireTool, PolygonTool
from app.annotate.point_tools import FillTool, FindingTool, NavigateTool, TraceTool
from app.annotate.seed_tool import SeedTool, Strokes
from app.annotate.tools import Tool

_PEN = (QEvent.Type.TabletPress, QEvent.Type.TabletMove, QEvent.Type.TabletRelease)
_ALIVE = (
    *_PEN,
    QEvent.Type.MouseMove,
    QEvent.Type.MouseButtonPress,
    QEvent.Type.MouseButtonRelease,
    QEvent.Type.Wheel,
    QEvent.Type.KeyPress,
)
#: Steps of the crosshair on the screen, by action: further down, further across.
_STEPS = {"up": (-1, 0), "down": (1, 0), "left": (0, -1), "right": (0, 1)}


class Pointer(QObject):
    """Routes events to the tool in the hand.

    Signals
    -------
    alive()
        A person is at work.
    """

    alive = Signal()

    def __init__(self, bench: Bench, actions: Actions, strokes: Strokes, parent: QObject) -> None:
        super().__init__(parent)
        self._bench = bench
        self._pressure = 1.0
        self.tools: dict[Tool, HandTool] = {
            Tool.NAVIGATE: NavigateTool(bench),
            Tool.BRUSH: BrushTool(bench),
            Tool.ADAPTIVE: BrushTool(bench, adaptive=True),
            Tool.FILL: FillTool(bench),
            Tool.TRACE: TraceTool(bench),
            Tool.POLYGON: PolygonTool(bench),
            Tool.LASSO: LassoTool(bench),
            Tool.BOX: BoxTool(bench),
            Tool.LIVEWIRE: LivewireTool(bench),
            Tool.CUT: CutTool(bench),
            Tool.SEEDS: SeedTool(bench, strokes),
            Tool.FINDING: FindingTool(bench),
        }
        self._last = bench.controls.tool
        view = bench.view
        view.pressed.connect(lambda axis, place, event: self.hand.press(self._touch(axis, place, event)))
        view.moved.connect(lambda axis, place, event: self.hand.move(self._touch(axis, place, event)))
        view.released.connect(lambda axis, place, event: self.hand.release(self._touch(axis, place, event)))
        view.doubleClicked.connect(lambda axis, place, event: self.hand.double_click(self._touch(axis, place, event)))
        view.cursorMoved.connect(lambda: self.hand.looked_elsewhere())
        for axis, pane in enumerate(view.panes):
            pane.hovered.connect(partial(self._hovered, axis))
            pane.installEventFilter(self)
        bench.controls.changed.connect(self._tool_changed)
        for id, doing in (
            ("take-back", lambda: self.hand.take_back()),
            ("use", self.use),
            ("use-erasing", partial(self.use, erases=True)),
            *((f"cursor-{name}", partial(self.step, *way)) for name, way in _STEPS.items()),
        ):
            actions.action(f"annotate.{id}").triggered.connect(lambda _=False, do=doing: do())

    @property
    def hand(self) -> HandTool:
        """The tool in the hand; nothing but looking where there is no scan, or the mask may not be changed."""
        tool = self._bench.controls.tool
        return self.tools[tool if self._bench.labels is not None else Tool.NAVIGATE]

    def _touch(self, axis: int, place: Place, event: QMouseEvent) -> Touch:
        erases = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        return Touch(axis=axis, place=place, erases=erases, pressure=self._pressure)

    def _hovered(self, axis: int, p: float, r: float, c: float) -> None:
        if self._bench.view.volume is not None:
            self.hand.hover(Touch(axis=axis, place=(p, r, c)))

    def _tool_changed(self) -> None:
        if self._bench.controls.tool is not self._last:
            self.tools[self._last].cancel()
            self._last = self._bench.controls.tool

    def cancel(self) -> bool:
        """Drop what the tool in the hand is drawing; whether there was something."""
        return self.tools[self._bench.controls.tool].cancel()

    # The keyboard

    def use(self, *, erases: bool = False) -> None:
        """Use the tool at the crosshair, in the pane in hand: as a click there."""
        view = self._bench.view
        if view.volume is None:
            return
        p, r, c = view.crosshair
        touch = Touch(axis=view.axis_in_hand, place=(float(p), float(r), float(c)), erases=erases)
        self.hand.press(touch)
        self.hand.release(touch)

    def step(self, down: int, across: int) -> None:
        """Move the crosshair by a voxel on the slice in hand, as the screen shows it."""
        view = self._bench.view
        plane = self._bench.plane(view.axis_in_hand)
        if plane is None:
            return
        p, r, c = view.crosshair
        row, column = plane.to_screen((float(p), float(r), float(c)))
        further = plane.to_voxel(view.crosshair[plane.axis], row + down, column + across)
        view.set_crosshair((round(further[0]), round(further[1]), round(further[2])))

    # Pens

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Note how hard a pen presses (Qt makes mouse events of its own from a pen's), and that somebody is there."""
        if event.type() in _PEN and isinstance(event, QTabletEvent):
            self._pressure = event.pressure() if event.type() != QEvent.Type.TabletRelease else 1.0
        if event.type() in _ALIVE:
            self.alive.emit()
        return event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent) and self._steps_aside(event)

    def _steps_aside(self, event: QKeyEvent) -> bool:
        """Move the crosshair by the keys Left and Right, which a pane itself does not know (up and down scroll)."""
        across = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(event.key()))
        if across is None or event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier:
            return False
        self.step(0, across)
        return True
