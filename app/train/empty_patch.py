"""The card of the empty patch: which losses punish a false alarm where there is no lesion."""

from __future__ import annotations

import math

from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from app.theme import SPACE_1, SPACE_2, SPACE_3
from app.train.explorer_words import with_smoothing
from app.train.loss_table import LossTable, three_figures
from app.train.ten_pixels import SMOOTHINGS
from segcore.catalog.losses import LOSSES
from segcore.imbalance.empty_patch import BELIEVED, FALSE_ALARM, PATCH_PIXELS, judge_empty
from segcore.imbalance.pixel_losses import PIXEL_LOSSES, Options

_PULL = 3


class EmptyPatchCard(QWidget):
    """The tab "Empty patch"."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.table = LossTable(
            "Losses on a patch without a lesion",
            (
                ("Nothing predicted", "The loss where 0.001 is predicted everywhere."),
                ("One false alarm", f"The loss with {FALSE_ALARM} pixels predicted at {BELIEVED:g}."),
                ("Pull on it", "Σ|gradient| on the pixels of the false alarm, compared with cross-entropy's."),
                ("What happens to it", "Whether the false alarm is pushed down."),
            ),
            share=False,
        )
        self.smoothing = QComboBox()
        self.smoothing.setObjectName("empty-smoothing")
        self.smoothing.setAccessibleName("Smoothing of Dice and Tversky")
        for smoothing, words in SMOOTHINGS:
            self.smoothing.addItem(words, smoothing)
        self.smoothing.setCurrentIndex(len(SMOOTHINGS) - 1)
        self.smoothing.currentIndexChanged.connect(self.refresh)
        explanation = QLabel(
            f"A patch of {PATCH_PIXELS:,} pixels without any lesion, and a false alarm of {FALSE_ALARM} pixels in it. Most "
            "patches of a rare class are like this: a loss that says nothing there lets false alarms grow, so give it a "
            "companion that does."
        )
        explanation.setWordWrap(True)
        explanation.setProperty("role", "hint")
        silent = [entry.label for entry in LOSSES if entry.needs_companion]
        self.note = QLabel(f"<b>Need a companion</b> in RareSeg, and the form says so: {', '.join(silent)}.")
        self.note.setWordWrap(True)
        self.note.setProperty("role", "small")
        row = QHBoxLayout()
        row.setSpacing(SPACE_1)
        caption = QLabel("Smoothing of Dice and Tversky")
        caption.setBuddy(self.smoothing)
        row.addWidget(caption)
        row.addWidget(self.smoothing)
        row.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE_3, SPACE_2, SPACE_3, SPACE_2)
        layout.setSpacing(SPACE_2)
        layout.addLayout(row)
        layout.addWidget(explanation)
        layout.addWidget(self.table)
        layout.addWidget(self.note)
        layout.addStretch(1)
        self.refresh()

    def refresh(self) -> None:
        """Compute everything anew."""
        smoothing: tuple[float, float] = SMOOTHINGS[self.smoothing.currentIndex()][0]
        options = with_smoothing(Options(), smoothing)
        usual = judge_empty(PIXEL_LOSSES[0], options).pull
        for row, loss in enumerate(PIXEL_LOSSES):
            found = judge_empty(loss, options)
            self.table.show_number(row, 1, three_figures(found.silent))
            self.table.show_number(row, 2, three_figures(found.alarmed))
            self.table.show_number(row, _PULL, f"{found.pull / usual:.3g} ×" if found.pushed else "none")
            self.table.show_number(row, _PULL + 1, _words(found.pushed, found.alarmed, found.pull / usual))


def _words(pushed: bool, value: float, pull: float) -> str:
    if math.isnan(value):
        return "nothing: not defined without a lesion"
    if not pushed:
        return "nothing: no pull"
    return "pushed down" if pull >= 0.1 else "hardly pushed"
