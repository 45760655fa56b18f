"""Ten pixels to play with: change a prediction and see what every loss says of it, and where it pulls."""

from __future__ import annotations

import math

from PySide6.QtWidgets import QComboBox, QDoubleSpinBox, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from app.theme import SPACE_1, SPACE_2, SPACE_3
from app.train.explorer_words import normalised_words, pull_words, smoothing_trap, weight_trap, with_smoothing
from app.train.loss_table import LossTable, five_digits, three_figures
from app.train.pixel_column import PixelColumn
from segcore.imbalance.pixel_losses import PIXEL_LOSSES, Options, Reduction
from segcore.imbalance.pixels import EXAMPLES, TEN_TARGETS, Example, Pixels, make_pixels

#: Smoothing above and below the fraction of Dice, and what the choice is called.
SMOOTHINGS = (
    ((1.0, 1.0), "1 above and below"),
    ((0.0, 1.0), "none above, 1 below"),
    ((1e-5, 1e-5), "0.00001 above and below"),
    ((0.0, 1e-5), "none above, 0.00001 below (RareSeg)"),
)
REDUCTIONS = (
    (Reduction.PIXELS, "number of pixels"),
    (Reduction.WEIGHTS, "sum of the weights"),
    (Reduction.SUM, "nothing (sum)"),
)
#: The examples that have a column of their own; the last one, a constant, is a button only.
_SHOWN = EXAMPLES[:4]
_YOURS = len(_SHOWN) + 1


class TenPixels(QWidget):
    """The tab "Ten pixels"."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.columns = [PixelColumn(number + 1) for number in range(len(TEN_TARGETS))]
        self.table = LossTable(
            "Losses on ten pixels",
            (
                *((example.label, "This example's loss with the settings above.") for example in _SHOWN),
                ("Yours", "The loss of the ten pixels above."),
                (
                    "0 to 1",
                    "Yours on the loss's own scale: 0 is the prediction that says the share of lesion pixels everywhere, "
                    "1 the perfect one, below 0 is worse. Only these can be compared between losses.",
                ),
                ("Σ|gradient|", "How hard the loss pulls on all ten pixels together."),
            ),
        )
        self.note = QLabel()
        self.weight_note, self.smoothing_note = QLabel(), QLabel()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE_3, SPACE_2, SPACE_3, SPACE_2)
        layout.setSpacing(SPACE_2)
        layout.addLayout(self._make_examples())
        strip = QHBoxLayout()
        strip.setSpacing(SPACE_2)
        for column in self.columns:
            column.changed.connect(self.refresh)
            strip.addWidget(column, 1)
        layout.addLayout(strip, 1)
        layout.addWidget(self.note)
        layout.addLayout(self._make_settings())
        layout.addWidget(self.table)
        for label, role in ((self.note, "hint"), (self.weight_note, "small"), (self.smoothing_note, "small")):
            label.setWordWrap(True)
            label.setProperty("role", role)
        layout.addWidget(self.weight_note)
        layout.addWidget(self.smoothing_note)
        self.table.selectRow(0)
        self.table.itemSelectionChanged.connect(self._show_pulls)
        self.show_example(EXAMPLES[0])

    def _make_examples(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(SPACE_2)
        row.addWidget(QLabel("Nine pixels of background, one of lesion. Start from"))
        for example in EXAMPLES:
            button = QPushButton(example.label)
            button.setObjectName(f"example-{example.name}")
            button.setToolTip("Puts these ten predictions and the original targets into the bars.")
            button.clicked.connect(lambda _=False, example=example: self.show_example(example))
            row.addWidget(button)
        row.addStretch(1)
        return row

    def _make_settings(self) -> QHBoxLayout:
        self.weight = QDoubleSpinBox()
        self.weight.setRange(1.0, 1000.0)
        self.weight.setDecimals(1)
        self.weight.setValue(Options().weight)
        self.weight.setObjectName("explorer-weight")
        self.reduction = QComboBox()
        self.reduction.setObjectName("explorer-reduction")
        for reduction, words in REDUCTIONS:
            self.reduction.addItem(words, reduction)
        self.smoothing = QComboBox()
        self.smoothing.setObjectName("explorer-smoothing")
        for smoothing, words in SMOOTHINGS:
            self.smoothing.addItem(words, smoothing)
        row = QHBoxLayout()
        row.setSpacing(SPACE_1)
        for caption, widget in (
            ("Weight", self.weight),
            ("Cross-entropies and focal divided by", self.reduction),
            ("Smoothing of Dice and Tversky", self.smoothing),
        ):
            label = QLabel(caption)
            label.setBuddy(widget)
            widget.setAccessibleName(caption)
            row.addWidget(label)
            row.addWidget(widget)
            row.addSpacing(SPACE_3)
        row.addStretch(1)
        self.weight.valueChanged.connect(self.refresh)
        self.reduction.currentIndexChanged.connect(self.refresh)
        self.smoothing.currentIndexChanged.connect(self.refresh)
        return row

    def show_example(self, example: Example) -> None:
        """Put an example into the bars, with the targets that belong to it."""
        for column, probability, target in zip(self.columns, example.probability, TEN_TARGETS, strict=True):
            column.show_pixel(probability, lesion=target > 0)
        self.refresh()

    def pixels(self) -> Pixels:
        """Return the pixels as they stand."""
        return make_pixels(
            [column.probability for column in self.columns], [float(column.lesion) for column in self.columns]
        )

    def options(self) -> Options:
        """Return the settings as they stand."""
        smoothing: tuple[float, float] = SMOOTHINGS[self.smoothing.currentIndex()][0]
        reduction = REDUCTIONS[self.reduction.currentIndex()][0]
        return with_smoothing(Options(weight=self.weight.value(), reduction=reduction), smoothing)

    def refresh(self) -> None:
        """Compute everything anew; takes a few milliseconds."""
        pixels, options = self.pixels(), self.options()
        for row, loss in enumerate(PIXEL_LOSSES):
            for place, example in enumerate(_SHOWN):
                judged = loss.judge(make_pixels(example.probability, TEN_TARGETS), options)
                self.table.show_number(row, place + 1, five_digits(judged.value))
            yours = loss.judge(pixels, options)
            self.table.show_number(row, _YOURS, five_digits(yours.value))
            self.table.show_number(row, _YOURS + 1, normalised_words(loss, pixels, options))
            self.table.show_number(row, _YOURS + 2, three_figures(yours.pull))
            self.table.show_share(row, yours.share)
        self.weight_note.setText(weight_trap(pixels, options))
        self.smoothing_note.setText(smoothing_trap(options))
        self._show_pulls()

    def _show_pulls(self) -> None:
        pixels, loss = self.pixels(), self.table.loss
        judged = loss.judge(pixels, self.options())
        hardest = float(abs(judged.gradient).max())
        for column, slope in zip(self.columns, judged.gradient, strict=True):
            # Down the slope: a network that follows the gradient raises what has a negative one.
            column.show_pull(-float(slope) / hardest if hardest > 0 else 0.0)
        self.note.setText(pull_words(loss.label, pixels, judged.share, defined=not math.isnan(judged.value)))
