"""What the first steps make of ten pixels: SGD beside Adam, every pixel by itself or one bias for all."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QComboBox, QDoubleSpinBox, QHBoxLayout, QLabel, QSpinBox, QVBoxLayout, QWidget

from app.theme import SPACE_1, SPACE_2, SPACE_3
from app.train.loss_table import LossTable
from segcore.imbalance.pixel_losses import PIXEL_LOSSES, Options
from segcore.imbalance.pixels import TEN_TARGETS, Pixels, make_pixels
from segcore.imbalance.steps import Optimiser, after_steps, logits_of, mean_probability

_STARTS = (("ten", "the ten pixels of the first tab"), ("half", "an untrained network (0.5 everywhere)"))
_MODELS = (
    (False, "each pixel by itself"),
    (True, "one bias for all pixels, as before anything is learnt"),
)
_COLUMNS = (
    (Optimiser.SGD, True, "Lesion, SGD"),
    (Optimiser.SGD, False, "Background, SGD"),
    (Optimiser.ADAM, True, "Lesion, Adam"),
    (Optimiser.ADAM, False, "Background, Adam"),
)


class StepPreview(QWidget):
    """The tab "Steps".

    Parameters
    ----------
    ten, options
        The first tab's pixels and settings, asked for whenever something is shown.
    """

    def __init__(
        self, ten: Callable[[], Pixels], options: Callable[[], Options], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._ten, self._options = ten, options
        self.table = LossTable(
            "Predictions after some steps",
            tuple((heading, "Mean prediction over these pixels after the steps.") for _, _, heading in _COLUMNS),
        )
        self.note = QLabel()
        self.note.setWordWrap(True)
        self.note.setProperty("role", "small")
        explanation = QLabel(
            "Before a network can tell pixels apart, it can only move all of them together: then the class that pulls "
            "harder wins, and with plain cross-entropy that is the background. The last column is the lesion's share of "
            "the pull at the start."
        )
        explanation.setWordWrap(True)
        explanation.setProperty("role", "hint")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE_3, SPACE_2, SPACE_3, SPACE_2)
        layout.setSpacing(SPACE_2)
        layout.addLayout(self._make_settings())
        layout.addWidget(explanation)
        layout.addWidget(self.table)
        layout.addWidget(self.note)
        layout.addStretch(1)
        self.refresh()

    def _make_settings(self) -> QHBoxLayout:
        self.start, self.model = QComboBox(), QComboBox()
        for name, words in _STARTS:
            self.start.addItem(words, name)
        for shared, words in _MODELS:
            self.model.addItem(words, shared)
        self.rate = QDoubleSpinBox()
        self.rate.setRange(0.001, 10.0)
        self.rate.setDecimals(3)
        self.rate.setValue(0.1)
        self.steps = QSpinBox()
        self.steps.setRange(1, 1000)
        self.steps.setValue(1)
        row = QHBoxLayout()
        row.setSpacing(SPACE_1)
        for name, caption, widget in (
            ("steps-start", "Start from", self.start),
            ("steps-model", "and move", self.model),
            ("steps-count", "Steps", self.steps),
            ("steps-rate", "Learning rate", self.rate),
        ):
            label = QLabel(caption)
            label.setBuddy(widget)
            widget.setObjectName(name)
            widget.setAccessibleName(caption)
            row.addWidget(label)
            row.addWidget(widget)
            row.addSpacing(SPACE_3)
        row.addStretch(1)
        self.start.currentIndexChanged.connect(self.refresh)
        self.model.currentIndexChanged.connect(self.refresh)
        self.rate.valueChanged.connect(self.refresh)
        self.steps.valueChanged.connect(self.refresh)
        return row

    def _pixels(self) -> Pixels:
        return self._ten() if self.start.currentData() == "ten" else make_pixels((0.5,) * 10, TEN_TARGETS)

    def refresh(self) -> None:
        """Compute everything anew; a thousand steps of eight losses take a fifth of a second."""
        before, options = self._pixels(), self._options()
        moved: dict[tuple[str, Optimiser], Pixels] = {}
        for row, loss in enumerate(PIXEL_LOSSES):
            for optimiser in Optimiser:
                moved[loss.name, optimiser] = after_steps(
                    loss,
                    before,
                    options,
                    optimiser,
                    rate=self.rate.value(),
                    steps=self.steps.value(),
                    shared=bool(self.model.currentData()),
                )
            for column, (optimiser, lesion, _) in enumerate(_COLUMNS, start=1):
                now = mean_probability(moved[loss.name, optimiser], lesion=lesion)
                self.table.show_number(row, column, _change(mean_probability(before, lesion=lesion), now))
            self.table.show_share(row, loss.judge(before, options).share)
        self.note.setText(self._words(before, moved, options))

    def _words(self, before: Pixels, moved: dict[tuple[str, Optimiser], Pixels], options: Options) -> str:
        def farthest(loss: str, optimiser: Optimiser) -> float:
            return float(abs(logits_of(moved[loss, optimiser].probability) - logits_of(before.probability)).max())

        sgd, adam = (
            (farthest("bce", optimiser), farthest("scaled_bce", optimiser))
            for optimiser in (Optimiser.SGD, Optimiser.ADAM)
        )
        return (
            f"<b>A factor on the whole loss is a learning rate.</b> With × {options.weight:g} on every pixel the logit "
            f"that moves most goes {sgd[1]:.3g} instead of {sgd[0]:.3g} with SGD; with Adam {adam[1]:.3g} instead of "
            f"{adam[0]:.3g}, since Adam divides every gradient by its own size. A weight on lesion pixels only changes "
            "where the steps go."
        )


def _change(before: float, now: float) -> str:
    if before != before or now != now:
        return "–"
    return f"{before:.3f} → {now:.3f}"
