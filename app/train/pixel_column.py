"""One pixel of the Loss explorer: its prediction as a bar that can be dragged, its target, and which way it is pulled."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSignalBlocker, QSize, Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QDoubleSpinBox, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from app.theme import SPACE_1, current_tokens

_EDGE = 6
_SHORTEST_ARROW = 8.0


class PullBar(QWidget):
    """The prediction as a bar, and beside it an arrow: where the loss pulls it, and how hard.

    Signals
    -------
    dragged(float)
        The probability under the pointer, 0..1.
    """

    dragged = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._probability, self._pull, self._lesion = 0.0, 0.0, False
        self.setMinimumHeight(72)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setCursor(Qt.CursorShape.SizeVerCursor)
        self.setToolTip("Drag to change the prediction. The arrow is the pull of the selected loss on this pixel.")

    def sizeHint(self) -> QSize:
        return QSize(70, 96)

    def show_pixel(self, probability: float, pull: float, *, lesion: bool) -> None:
        """Show a prediction, and a pull from −1 (hard down) to 1 (hard up)."""
        self._probability, self._pull, self._lesion = probability, pull, lesion
        self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() is Qt.MouseButton.LeftButton:
            self._drag(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._drag(event)

    def _drag(self, event: QMouseEvent) -> None:
        room = max(1, self.height() - 2 * _EDGE)
        share = 1 - (event.position().y() - _EDGE) / room
        self.dragged.emit(min(1.0, max(0.0, round(share, 2))))

    def paintEvent(self, event: QPaintEvent) -> None:
        tokens = current_tokens()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(tokens.border), 1))
        painter.setBrush(QColor(tokens.field))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 6, 6)
        room = self.height() - 2 * _EDGE
        tall = max(1.0, room * self._probability)
        bar = QRectF(_EDGE, _EDGE + room - tall, self.width() / 2 - _EDGE, tall)
        painter.fillRect(bar, QColor(tokens.accent if self._lesion else tokens.border_strong))
        self._draw_arrow(painter, QColor(tokens.accent if self._lesion else tokens.muted))
        painter.end()

    def _draw_arrow(self, painter: QPainter, colour: QColor) -> None:
        x, middle = self.width() * 0.76, self.height() / 2
        if abs(self._pull) < 1e-9:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colour)
            painter.drawEllipse(QPointF(x, middle), 2, 2)
            return
        up = -1.0 if self._pull > 0 else 1.0
        half = max(_SHORTEST_ARROW, abs(self._pull) * (self.height() - 2 * _EDGE)) / 2
        tip, tail = middle + up * half, middle - up * half
        painter.setPen(QPen(colour, 2))
        painter.drawLine(QPointF(x, tail), QPointF(x, tip - up * 5))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        painter.drawPolygon(
            QPolygonF([QPointF(x, tip), QPointF(x - 4.5, tip - up * 7), QPointF(x + 4.5, tip - up * 7)])
        )


class PixelColumn(QWidget):
    """Bar, number and target of one pixel.

    Signals
    -------
    changed
        The person changed the prediction or the target.
    """

    changed = Signal()

    def __init__(self, number: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._number = number
        self.bar = PullBar()
        self.field = QDoubleSpinBox()
        self.field.setRange(0.0, 1.0)
        self.field.setDecimals(3)
        self.field.setSingleStep(0.05)
        self.field.setObjectName(f"pixel-{number}")
        self.field.setMinimumWidth(76)
        self.target = QPushButton()
        self.target.setCheckable(True)
        self.target.setObjectName(f"target-{number}")
        self.target.setToolTip("What the pixel really is; press to change it.")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE_1)
        layout.addWidget(self.bar, 1)
        layout.addWidget(self.field)
        layout.addWidget(self.target)
        self.show_pixel(0.0, lesion=False)
        self.bar.dragged.connect(self.field.setValue)
        self.field.valueChanged.connect(self.changed)
        self.target.toggled.connect(self._toggled)

    @property
    def probability(self) -> float:
        """The prediction, 0..1."""
        return self.field.value()

    @property
    def lesion(self) -> bool:
        """Whether the pixel is lesion."""
        return self.target.isChecked()

    def show_pixel(self, probability: float, *, lesion: bool) -> None:
        """Show a prediction and a target, without saying that a person changed them."""
        with QSignalBlocker(self.field), QSignalBlocker(self.target):
            self.field.setValue(probability)
            self.target.setChecked(lesion)
        self._name_parts()

    def show_pull(self, pull: float) -> None:
        """Show the pull of the selected loss, −1 (hard down) to 1 (hard up)."""
        self.bar.show_pixel(self.probability, pull, lesion=self.lesion)
        direction = "not pulled" if abs(pull) < 1e-9 else "pulled up" if pull > 0 else "pulled down"
        self.field.setAccessibleDescription(direction)

    def _toggled(self) -> None:
        self._name_parts()
        self.changed.emit()

    def _name_parts(self) -> None:
        kind = "lesion" if self.lesion else "background"
        self.target.setText("lesion" if self.lesion else "backgr.")
        self.target.setAccessibleName(f"Target of pixel {self._number}: {kind}")
        self.field.setAccessibleName(f"Prediction of pixel {self._number} ({kind})")
