"""The bar above a viewer: layout, measuring, playing, layers, 3D, lesions."""

from __future__ import annotations

from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QSpinBox, QToolButton, QWidget

from app.actions import Actions
from app.theme import SPACE_1, SPACE_3, set_icon
from app.viewer.cine import FASTEST, SLOWEST, USUAL
from app.viewer.layers_panel import LayersPanel

_BUTTONS = (
    ("three", "one", "beside"),
    ("ruler", "angle", "ellipse", "measure-clear"),
    ("hide", "layers"),
    ("play", "speed"),
    ("lesions", "surface"),
)


class ViewerBar(QWidget):
    """Buttons of the commands of a viewer, and what was reached last in words."""

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
        self.layers.clicked.connect(self._open_layers)
        self.speed = QSpinBox()
        self.speed.setRange(SLOWEST, FASTEST)
        self.speed.setValue(USUAL)
        self.speed.setSuffix("/s")
        self.speed.setAccessibleName("Slices per second")
        self.speed.setToolTip("How many slices per second are played")
        self.words = QLabel()
        self.words.setObjectName("viewer-words")
        self.words.setProperty("role", "small")
        self.words.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.words.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(SPACE_1)
        for number, group in enumerate(_BUTTONS):
            if number:
                row.addSpacing(SPACE_3)
            for name in group:
                row.addWidget(self._button(name))
        row.addWidget(self.words, 1)

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

    def _open_layers(self) -> None:
        self._panel.adjustSize()
        self._panel.move(self.layers.mapToGlobal(QPoint(0, self.layers.height() + 2)))
        self._panel.show()
        self._panel.kind.setFocus()
