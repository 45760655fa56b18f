"""The toolbox of Annotate: tool, what is painted, brush size, tolerance."""

from __future__ import annotations

from typing import cast

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QStandardItemModel
from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.actions import Actions
from app.annotate.tools import PAINT_NAMES, PAINT_VALUES, BrushShape, Tool, ValueLimits
from app.viewer.rendering import automatic_window
from segcore.scans.volume import Volume

#: The toolbox, row by row: brushes, outlines, the rest.
_GRID = (
    ("navigate", "brush", "adaptive", "eraser", "fill", "trace"),
    ("polygon", "lasso", "box", "livewire", "cut"),
    ("seeds", "finding"),
)
_PER_ROW = 7
#: What a tool does, in a line below the toolbox.
_HINTS = {
    Tool.NAVIGATE: "Click to move the crosshair; double-click shows one plane alone.",
    Tool.BRUSH: "Drag to paint; Shift erases, Shift + wheel resizes.",
    Tool.ADAPTIVE: "Paints only what is joined to the middle and similar; Shift erases.",
    Tool.FILL: "Click: all that is joined and similar.",
    Tool.TRACE: "Click: fills the contour of this grey value.",
    Tool.POLYGON: "Click corners; double-click or Enter closes, Backspace takes one back.",
    Tool.LASSO: "Draw around it, or click corners; Enter closes, Esc drops.",
    Tool.BOX: "Drag from corner to corner.",
    Tool.LIVEWIRE: "Click along an edge; Enter closes, Backspace takes one back.",
    Tool.CUT: "Drag a line across a lesion to part it.",
    Tool.SEEDS: "Stroke inside a lesion, Shift + stroke outside; then Preview.",
    Tool.FINDING: "Click a blue lesion to take it over; Shift takes it out.",
}
_SIZED, _TOLERANT = (Tool.BRUSH, Tool.ADAPTIVE), (Tool.FILL, Tool.ADAPTIVE)


class ToolControls(QWidget):
    """What the left button does.

    Signals
    -------
    changed()
        Another tool, label or size.
    """

    changed = Signal()

    def __init__(self, actions: Actions, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._actions = actions
        self.tool = Tool.NAVIGATE
        #: What the eraser leaves: background, or unlabelled where only what is painted counts.
        self.erased = "background"
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(heading("Tools"))
        layout.addLayout(self._make_tools())
        self.hint = QLabel()
        self.hint.setObjectName("tool-hint")
        self.hint.setProperty("role", "small")
        self.hint.setWordWrap(True)
        layout.addWidget(self.hint)
        self._make_settings()
        layout.addLayout(self._lay_out_settings())
        self._connect()

    def _make_settings(self) -> None:
        self.paint = QComboBox()
        for name, text in PAINT_NAMES.items():
            self.paint.addItem(text, name)
        self.paint.setAccessibleName("Label to paint")
        self.paint.setToolTip("Unlabelled voxels carry no loss and no metric; Shift erases with any label")
        self.radius = QDoubleSpinBox()
        self.radius.setRange(0.0, 500.0)
        self.radius.setValue(3.0)
        self.radius.setDecimals(1)
        self.radius.setAccessibleName("Brush radius")
        self.radius.setToolTip("Keys [ and ], or Shift and the wheel")
        self.unit = QComboBox()
        self.unit.addItems(["mm", "voxels"])
        self.unit.setAccessibleName("Unit of the radius")
        self.unit.setToolTip("Millimetres make a true disc or ball; voxels follow the grid")
        self.pressure = QCheckBox("Pen pressure sets the size")
        self.pressure.setChecked(True)
        self.pressure.setToolTip(
            "A pen that is pressed lightly paints with a part of the radius; a mouse presses fully"
        )
        self.three_d = QCheckBox("Through planes (3D)")
        self.three_d.setToolTip("The brush is a ball, and fill, strokes and changes go through planes; else one slice")
        self.level = QDoubleSpinBox()
        self.level.setRange(0.0, 1e9)
        self.level.setDecimals(1)
        self.level.setAccessibleName("Tolerance")
        self.level.setToolTip("How much values may differ from where you click, in the scan's units")
        self.level.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def _lay_out_settings(self) -> QFormLayout:
        form = QFormLayout()
        size = QHBoxLayout()
        size.addWidget(self.radius, 1)
        size.addWidget(self.unit)
        form.addRow("Paint", self.paint)
        form.addRow("Radius", size)
        form.addRow(self.pressure)
        form.addRow(self.three_d)
        form.addRow("Tolerance", self.level)
        self._form, self._size = form, size
        self._add_limits(form)
        return form

    def _add_limits(self, form: QFormLayout) -> None:
        self.limited = QCheckBox("Brush only values from")
        self.limited.setObjectName("brush-limited")
        self.limited.setToolTip("The brush leaves out voxels of the shown channel that are darker or brighter")
        self.low, self.high = QDoubleSpinBox(), QDoubleSpinBox()
        between = QHBoxLayout()
        for spin, name in ((self.low, "Lowest value"), (self.high, "Highest value")):
            spin.setRange(-1e9, 1e9)
            spin.setDecimals(1)
            spin.setAccessibleName(name)
            spin.setToolTip("The brush paints from the lowest to the highest value, both included")
            spin.setSizePolicy(
                QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed
            )  # its range would need a wide column
            spin.setEnabled(False)
            self.limited.toggled.connect(spin.setEnabled)
            between.addWidget(spin)
        self._unmeasured: NDArray[np.generic] | None = None
        self.limited.toggled.connect(self._measure)
        form.addRow(self.limited)
        form.addRow(between)
        self._between = between

    def _make_tools(self) -> QGridLayout:
        grid = QGridLayout()
        grid.setSpacing(2)
        self._group = QButtonGroup(self)
        for number, name in enumerate(name for row in _GRID for name in row):
            action = self._actions.action(f"annotate.{name}")
            button = QToolButton()
            button.setDefaultAction(action)
            button.setAutoRaise(True)
            button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonIconOnly)
            button.setIconSize(QSize(20, 20))
            button.setAccessibleName(action.text())
            button.setAccessibleDescription(action.statusTip())
            button.setObjectName(f"tool-{name}")
            button.setFixedSize(34, 32)
            grid.addWidget(button, number // _PER_ROW, number % _PER_ROW)
        grid.setColumnStretch(_PER_ROW, 1)
        for tool in Tool:
            self._actions.action(f"annotate.{tool.value}").triggered.connect(lambda _=False, t=tool: self.set_tool(t))
        return grid

    def _connect(self) -> None:
        for signal in (
            self.paint.currentIndexChanged,
            self.radius.valueChanged,
            self.unit.currentIndexChanged,
            self.three_d.toggled,
            self.level.valueChanged,
        ):
            signal.connect(self.changed)
        self._actions.action("annotate.eraser").triggered.connect(self._erase)
        self._actions.action("annotate.larger").triggered.connect(lambda: self.change_radius(1))
        self._actions.action("annotate.smaller").triggered.connect(lambda: self.change_radius(-1))
        self._actions.action("annotate.three-d").triggered.connect(self._toggle_three_d)
        self.offer_proposal(False)
        self.set_tool(Tool.NAVIGATE)

    def set_tool(self, tool: Tool) -> None:
        """Take another tool into the hand."""
        self.tool = tool
        for known in Tool:
            self._actions.action(f"annotate.{known.value}").setChecked(known is tool)
        self.hint.setText(_HINTS[tool])
        for row, on in (
            (self._size, tool in _SIZED),
            (self.pressure, tool in _SIZED),
            (self.level, tool in _TOLERANT),
            (self.limited, tool is Tool.BRUSH),
            (self._between, tool is Tool.BRUSH),
        ):
            self._form.setRowVisible(row, on)
        self.changed.emit()

    def _erase(self) -> None:
        self.paint.setCurrentIndex(self.paint.findData(self.erased))
        self.set_tool(Tool.BRUSH)

    def _toggle_three_d(self) -> None:
        if self.three_d.isEnabled():
            self.three_d.toggle()

    @property
    def paint_value(self) -> int:
        """The mask value that is painted."""
        return PAINT_VALUES[str(self.paint.currentData())]

    @property
    def paints_proposal(self) -> bool:
        """Whether tools paint what is shown in blue, instead of a label."""
        return str(self.paint.currentData()) == "proposal"

    def offer_proposal(self, on: bool) -> None:
        """Whether there is something in blue that can be painted."""
        place = self.paint.findData("proposal")
        item = cast(QStandardItemModel, self.paint.model()).item(place)
        item.setEnabled(on)
        item.setToolTip("Inside what you draw, the mask becomes what is shown in blue")
        if not on and self.paints_proposal:
            self.paint.setCurrentIndex(self.paint.findData("lesion"))

    @property
    def brush(self) -> BrushShape:
        """The brush as it is set."""
        return BrushShape(
            radius=self.radius.value(),
            in_millimetres=self.unit.currentText() == "mm",
            three_d=self.three_d.isChecked(),
        )

    @property
    def tolerance(self) -> float:
        """Of fill and adaptive brush, in the scan's units."""
        return self.level.value()

    def limits(self, voxels: NDArray[np.generic]) -> ValueLimits | None:
        """Return which values of the shown channel the brush paints; None for all."""
        if not self.limited.isChecked():
            return None
        return ValueLimits(voxels=voxels, low=self.low.value(), high=self.high.value())

    def change_radius(self, further: int) -> None:
        """Make the brush larger or smaller by a fifth, at least half a unit."""
        now = self.radius.value()
        self.radius.setValue(max(0.0, now + further * max(0.5, round(now * 0.2, 1))))

    def scan_changed(self, volume: Volume | None, *, writable: bool) -> None:
        """Choose sizes that fit another scan."""
        self.setEnabled(volume is not None)
        for name in [tool.value for tool in Tool if tool is not Tool.NAVIGATE] + ["eraser"]:
            self._actions.enable(f"annotate.{name}", writable, "the project is open for reading only")
        if volume is None:
            return
        self.three_d.setEnabled(not volume.grid.is_2d)
        if volume.grid.is_2d:
            self.three_d.setChecked(False)
        if not volume.grid.calibrated:
            self.unit.setCurrentText("voxels")
        self.unit.setEnabled(volume.grid.calibrated)
        channel = volume.voxels[1 if volume.is_photograph else 0]
        window = automatic_window(channel)
        self.level.setValue(round(0.1 * window.width, 1))
        self.low.setValue(round(window.level, 1))
        # The highest value needs a look at every voxel, so it waits until somebody wants it.
        self._unmeasured = channel
        if self.limited.isChecked():
            self._measure()

    def _measure(self) -> None:
        """Offer the highest value of the scan, when the brush is first limited to values."""
        channel, self._unmeasured = self._unmeasured, None
        if channel is not None and self.limited.isChecked():
            self.high.setValue(round(float(channel.max()), 1))


def heading(text: str) -> QLabel:
    """Return a heading of the side column."""
    label = QLabel(text)
    label.setProperty("role", "heading")
    return label
