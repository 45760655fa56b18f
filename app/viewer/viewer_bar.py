"""The bar above a viewer: layout, measuring, playing, layers, 3D, lesions."""

from __future__ import annotations

from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QHBoxLayout, QSpinBox, QToolButton, QWidget

from app.actions import Actions
from app.theme import SPACE_1, SPACE_2, set_icon
from app.viewer.cine import FASTEST, SLOWEST, USUAL
from app.viewer.layers_panel import LayersPanel

_BUTTONS = (
    ("three", "one", "beside"),
    ("ruler", "angle", "ellipse", "measure-clear"),
    ("hide", "layers"),
    ("play", "speed"),
    ("previous-lesion", "next-lesion", "lesions", "surface"),
)


class ViewerBar(QWidget):
    """Buttons of the commands of a viewer."""

    def __init__(self, actions: Actions, layers: LayersPanel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._actions = actions
        self._panel = layers
        self.layers = QToolButton()
        self.layers.setObjectName("viewer-layers")
        self.layers.setText("Layers")
        self.layers.setAccessibleName("Layers")
        self.layers.setToolTip("A second channel, a map of the prediction, another mask, and the colours of masks")
        self.layers.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        set_icon(self.layers, "layers")
        self.layers.setCheckable(True)
        self.layers.toggled.connect(self._show_layers)
        layers.closed.connect(lambda: self.layers.setChecked(False))
        self.speed = QSpinBox()
        self.speed.setRange(SLOWEST, FASTEST)
        self.speed.setValue(USUAL)
        self.speed.setSuffix("/s")
        self.speed.setFixedWidth(82)
        self.speed.setAccessibleName("Slices per second")
        self.speed.setToolTip("How many slices per second are played")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(SPACE_1)
        for number, group in enumerate(_BUTTONS):
            if number:
                row.addSpacing(SPACE_2)
            for name in group:
                row.addWidget(self._button(name))
        row.addStretch(1)

    def _button(self, name: str) -> QWidget:
        if name == "layers":
            return self.layers
        if name == "speed":
            return self.speed
        action = self._actions.action(f"viewer.{name}")
        button = QToolButton()
        button.setDefaultAction(action)
        button.setObjectName(f"button-{action.objectName()}")
        button.setAccessibleName(action.text())
        return button

    def _show_layers(self, on: bool) -> None:
        """Show the panel below its button, or hide it."""
        place = self._panel.parentWidget()
        if on and place is not None:
            self._panel.adjustSize()
            below = self.layers.mapTo(place, QPoint(0, self.layers.height() + 2))
            self._panel.move(max(0, min(below.x(), place.width() - self._panel.width())), below.y())
            self._panel.raise_()
            self._panel.kind.setFocus()
        self._panel.setVisible(on)
