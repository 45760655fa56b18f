"""The toolbox of Annotate: which tool, what it paints, how large, how tolerant."""

from __future__ import annotations

import dataclasses
from enum import StrEnum

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtGui import QColor, QIcon, QPixmap
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QGridLayout,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.actions import Actions
from app.theme import SPACE_1, SPACE_2
from app.viewer.brushes import LARGEST, SMALLEST, Brush
from app.viewer.overlay_table import OverlayStyle
from app.viewer.scan_pictures import Shown
from segcore.scans.volume import BACKGROUND, FOREGROUND, UNLABELLED


class ToolName(StrEnum):
    """The tools; each has an action ``annotate.<name>``."""

    NAVIGATE = "navigate"
    BRUSH = "brush"
    ERASER = "eraser"
    LASSO = "lasso"
    FILL = "fill"


class ToolControls(QWidget):
    """What the left button does.

    Signals
    -------
    toolChosen()
        Another tool.
    changed()
        Another label, size or tolerance.
    """

    toolChosen = Signal()
    changed = Signal()

    def __init__(self, actions: Actions, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._actions = actions
        self.tool = ToolName.NAVIGATE
        self.label = QComboBox()
        for text, value in (("Lesion", FOREGROUND), ("Background", BACKGROUND), ("Unlabelled", UNLABELLED)):
            self.label.addItem(text, value)
        self._show_colours(OverlayStyle())
        self.label.setAccessibleName("Label to paint")
        self.label.setToolTip(
            "What is painted. Unlabelled voxels carry no loss and no metric. Shift, or the right button, erases"
        )
        self.radius = QDoubleSpinBox()
        self.radius.setRange(SMALLEST, LARGEST)
        self.radius.setDecimals(1)
        self.radius.setSingleStep(0.5)
        self.radius.setAccessibleName("Radius of the brush")
        self.radius.setToolTip("Keys [ and ], or Shift and the wheel")
        self.unit = QComboBox()
        self.unit.addItem("mm", True)
        self.unit.addItem("voxels", False)
        self.unit.setAccessibleName("Unit of the radius")
        self.through = QCheckBox("Through slices (3D)")
        self.through.setToolTip("The brush is a ball and the fill goes through slices; otherwise one slice only")
        self.tolerance = QDoubleSpinBox()
        self.tolerance.setRange(0.0, 1e9)
        self.tolerance.setKeyboardTracking(False)
        self.tolerance.setAccessibleName("Tolerance of the fill")
        self.tolerance.setToolTip(
            "Fill takes connected voxels whose value differs by at most this much from where you click"
        )
        self._lay_out()
        self._connect()
        self.show_brush(Brush())
        self.set_tool(ToolName.NAVIGATE)

    def _lay_out(self) -> None:
        grid = QGridLayout()
        grid.setSpacing(SPACE_1)
        for number, tool in enumerate(ToolName):
            button = QToolButton()
            button.setDefaultAction(self._actions.action(f"annotate.{tool.value}"))
            button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
            button.setObjectName(f"tool-{tool.value}")
            button.setSizePolicy(button.sizePolicy().Policy.Expanding, button.sizePolicy().Policy.Fixed)
            grid.addWidget(button, number // 2, number % 2)
        form = QFormLayout()
        form.setSpacing(SPACE_1)
        form.setContentsMargins(0, 0, 0, 0)
        form.addRow("Label", self.label)
        size = QGridLayout()
        size.setSpacing(SPACE_1)
        size.addWidget(self.radius, 0, 0)
        size.addWidget(self.unit, 0, 1)
        form.addRow("Radius", size)
        form.addRow("Tolerance", self.tolerance)
        form.addRow("", self.through)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE_2)
        layout.addLayout(grid)
        layout.addLayout(form)

    def _connect(self) -> None:
        for tool in ToolName:
            self._actions.action(f"annotate.{tool.value}").triggered.connect(lambda _=False, t=tool: self.set_tool(t))
        for signal in (self.label.currentIndexChanged, self.radius.valueChanged, self.unit.currentIndexChanged):
            signal.connect(lambda *_: self.changed.emit())
        self.through.toggled.connect(lambda _: self.changed.emit())
        for id, steps in (("annotate.larger", 1), ("annotate.smaller", -1)):
            self._actions.action(id).triggered.connect(lambda _=False, s=steps: self.step_radius(s))
        self._actions.action("annotate.label").triggered.connect(lambda _=False: self._next_label())

    # What is chosen

    def set_tool(self, tool: ToolName) -> None:
        """Take another tool into the hand."""
        self.tool = tool
        for known in ToolName:
            self._actions.action(f"annotate.{known.value}").setChecked(known is tool)
        paints = tool in (ToolName.BRUSH, ToolName.ERASER)
        self.radius.setEnabled(paints)
        self.unit.setEnabled(paints)
        self.tolerance.setEnabled(tool is ToolName.FILL)
        self.through.setEnabled(paints or tool is ToolName.FILL)
        self.label.setEnabled(tool is not ToolName.ERASER)
        self.toolChosen.emit()

    @property
    def value(self) -> int:
        """The mask value that is painted."""
        return BACKGROUND if self.tool is ToolName.ERASER else int(self.label.currentData())

    @property
    def brush(self) -> Brush:
        """The brush as it is set."""
        return Brush(radius=self.radius.value(), in_mm=bool(self.unit.currentData()), is_ball=self.through.isChecked())

    def set_label(self, value: int) -> None:
        """Paint another label."""
        self.label.setCurrentIndex(self.label.findData(value))

    def show_brush(self, brush: Brush) -> None:
        """Set size, unit and form."""
        with QSignalBlocker(self.radius), QSignalBlocker(self.unit), QSignalBlocker(self.through):
            self.radius.setValue(brush.radius)
            self.unit.setCurrentIndex(self.unit.findData(brush.in_mm))
            self.through.setChecked(brush.is_ball)
        self.changed.emit()

    def step_radius(self, steps: int) -> None:
        """Make the brush larger, or smaller."""
        self.show_brush(self.brush.stepped(steps))

    def _next_label(self) -> None:
        self.label.setCurrentIndex((self.label.currentIndex() + 1) % self.label.count())

    def _show_colours(self, style: OverlayStyle) -> None:
        for row, colour in enumerate((style.mask, (90, 96, 104), style.unlabelled)):
            self.label.setItemIcon(row, _swatch(QColor(*colour)))

    def scan_changed(self, shown: Shown | None, why_not: str) -> None:
        """Fit another scan; `why_not` says why it must not be painted on, or is empty."""
        self.setEnabled(shown is not None)
        for tool in ToolName:
            if tool is not ToolName.NAVIGATE:
                self._actions.enable(f"annotate.{tool.value}", not why_not, why_not)
        if why_not and self.tool is not ToolName.NAVIGATE:
            self.set_tool(ToolName.NAVIGATE)
        if shown is None:
            return
        self._show_colours(shown.style)
        flat, calibrated = shown.grid.is_2d, shown.grid.calibrated
        self.through.setVisible(not flat)
        self.unit.setEnabled(calibrated)
        brush = dataclasses.replace(self.brush, is_ball=self.brush.is_ball and not flat)
        if not calibrated and brush.in_mm:
            brush = dataclasses.replace(brush, in_mm=False, radius=max(brush.radius, 4.0))
        self.show_brush(brush)
        width = shown.presets[0].window.width
        self.tolerance.setDecimals(0 if width > 60 else 4 if width <= 2 else 2)
        self.tolerance.setSingleStep(width / 50)
        self.tolerance.setValue(width / 12)


def _swatch(colour: QColor) -> QIcon:
    picture = QPixmap(14, 14)
    picture.fill(colour)
    return QIcon(picture)
