"""What a person may turn while a run goes on: foreground share, learning rate, patience; each change is recorded."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QDoubleSpinBox, QHBoxLayout, QLabel, QPushButton, QSpinBox, QVBoxLayout, QWidget

from app.theme import SPACE_2
from segcore.training.recipe import Recipe
from segcore.training.steering import Adjust


class RunDials(QWidget):
    """Three dials and a button.

    Signals
    -------
    changeAsked(object)
        The run shall go on with this `Adjust`.
    """

    changeAsked = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._recipe = Recipe()
        self._ratio = QDoubleSpinBox()
        self._ratio.setObjectName("dial-ratio")
        self._ratio.setRange(0.0, 1.0)
        self._ratio.setSingleStep(0.05)
        self._rate = QDoubleSpinBox()
        self._rate.setObjectName("dial-rate")
        self._rate.setDecimals(6)
        self._rate.setRange(1e-6, 0.1)
        self._rate.setStepType(QDoubleSpinBox.StepType.AdaptiveDecimalStepType)
        self._patience = QSpinBox()
        self._patience.setObjectName("dial-patience")
        self._patience.setRange(0, 1000)
        self._patience.setSpecialValueText("off")
        self._patience.setSuffix(" validations")
        self._apply = QPushButton("Apply")
        self._apply.setObjectName("dial-apply")
        self._apply.setToolTip("The running training takes them up at its next step.")
        self._apply.clicked.connect(self._ask)
        self._hint = QLabel()
        self._hint.setProperty("role", "hint")
        self._hint.setWordWrap(True)
        row = QHBoxLayout()
        for words, dial in (
            ("Foreground share", self._ratio),
            ("Learning rate (peak)", self._rate),
            ("End after no better", self._patience),
        ):
            label = QLabel(words)
            label.setBuddy(dial)
            row.addWidget(label)
            row.addWidget(dial)
            row.addSpacing(SPACE_2)
        row.addWidget(self._apply)
        row.addStretch(1)
        column = QVBoxLayout(self)
        column.addWidget(self._hint)
        column.addLayout(row)
        column.addStretch(1)
        self.follow(None)

    def follow(self, recipe: Recipe | None) -> None:
        """Show what a run that has just started runs with; None where there is none."""
        live = recipe is not None
        for dial in (self._ratio, self._rate, self._patience, self._apply):
            dial.setEnabled(live)
        self._hint.setText(
            "Changes count from the next step on and stand in the run's record; it is then no longer a run of its recipe."
            if live
            else "No training is running."
        )
        if recipe is not None:
            self._recipe = recipe
            self._ratio.setValue(recipe.sampling.ratio)
            self._rate.setValue(recipe.optimiser.learning_rate)
            self._patience.setValue(recipe.budget.patience)

    def _ask(self) -> None:
        ratio, rate, patience = self._ratio.value(), self._rate.value(), self._patience.value()
        known = self._recipe
        change = Adjust(
            ratio=ratio if abs(ratio - known.sampling.ratio) > 1e-9 else None,
            learning_rate=rate if abs(rate - known.optimiser.learning_rate) > 1e-9 else None,
            patience=patience if patience != known.budget.patience else None,
        )
        if change != Adjust():
            self.changeAsked.emit(change)
