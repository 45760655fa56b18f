"""The toolbox of Annotate: tool, what is painted, brush size, tolerance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Signal
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

_TOOLS = (Tool.NAVIGATE, Tool.BRUSH, Tool.LASSO, Tool.FILL)


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
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(heading("Tools"))
        layout.addLayout(self._make_tools())
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
        self.three_d = QCheckBox("Through planes (3D)")
        self.three_d.setToolTip("The brush is a ball and the fill goes through planes; otherwise one plane only")
        self.level = QDoubleSpinBox()
        self.level.setRange(0.0, 1e9)
        self.level.setDecimals(1)
        self.level.setAccessibleName("Fill tolerance")
        self.level.setToolTip("Fill takes voxels whose value differs by at most this much from where you click")
        form = QFormLayout()
        form.addRow("Paint", self.paint)
        form.addRow("Radius", self.radius)
        form.addRow("Unit", self.unit)
        form.addRow("", self.three_d)
        form.addRow("Tolerance", self.level)
        self._add_limits(form)
        layout.addLayout(form)
        self._connect()

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
            spin.setSizePolicy(
                QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed
            )  # its range would need a wide column
            spin.setEnabled(False)
            self.limited.toggled.connect(spin.setEnabled)
            between.addWidget(spin)
        form.addRow(self.limited)
        form.addRow(between)

    def _make_tools(self) -> QGridLayout:
        grid = QGridLayout()
        self._group = QButtonGroup(self)
        for number, tool in enumerate(_TOOLS):
            action = self._actions.action(f"annotate.{tool.value}")
            button = QToolButton()
            button.setDefaultAction(action)
            button.setToolButtonStyle(button.toolButtonStyle().ToolButtonTextBesideIcon)
            button.setMinimumWidth(118)
            button.setObjectName(f"tool-{tool.value}")
            grid.addWidget(button, number // 2, number % 2)
            action.triggered.connect(lambda _=False, t=tool: self.set_tool(t))
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
        self.set_tool(Tool.NAVIGATE)

    def set_tool(self, tool: Tool) -> None:
        """Take another tool into the hand."""
        self.tool = tool
        for known in _TOOLS:
            self._actions.action(f"annotate.{known.value}").setChecked(known is tool)
        self.changed.emit()

    def _erase(self) -> None:
        self.paint.setCurrentIndex(self.paint.findData("background"))
        self.set_tool(Tool.BRUSH)

    @property
    def paint_value(self) -> int:
        """The mask value that is painted."""
        return PAINT_VALUES[str(self.paint.currentData())]

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
        """Of the fill, in the scan's units."""
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
        for tool in _TOOLS[1:]:
            self._actions.enable(f"annotate.{tool.value}", writable, "the project is open for reading only")
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
        self.high.setValue(round(float(channel.max()), 1))


def heading(text: str) -> QLabel:
    """Return a heading of the side column."""
    label = QLabel(text)
    label.setProperty("role", "heading")
    return label
