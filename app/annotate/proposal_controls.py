"""Controls of what is shown in blue: whose it is, from which probability on, and what strokes make of it."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QSizePolicy,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from app.actions import Actions
from app.widgets.action_button import ActionButton
from segcore.annotation.combining import Combination
from segcore.annotation.seeded import SeedMethod
from segcore.metrics.curves import probability_of

#: The slider spans these steps of 0.1 logit, as in Review.
_REACH = 60
NOTHING = "nothing"


class ProposalControls(QWidget):
    """What is shown in blue, and what to do with it.

    Signals
    -------
    sourceChosen(str)
        Another proposal: `NOTHING`, ``"model:<id>"`` or ``"version:<number>"``.
    stepChanged(int)
        The threshold was moved.
    """

    sourceChosen = Signal(str)
    stepChanged = Signal(int)

    def __init__(self, actions: Actions, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.source = QComboBox()
        self.source.setObjectName("proposal-source")
        self.source.setAccessibleName("Shown in blue")
        self.source.setToolTip("A model's prediction of this case, or an earlier version of its mask, shown in blue")
        self.source.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(-_REACH, _REACH)
        self.slider.setAccessibleName("Threshold of what is shown in blue")
        self.slider.setToolTip("Probability from which a voxel counts as lesion; the outline follows at once")
        self.words = QLabel()
        self.words.setProperty("role", "small")
        self.use = QPushButton("Use it")
        self.use.setObjectName("proposal-use")
        self.use.setToolTip("On the slice in hand; with 'Through planes (3D)' on the whole mask")
        menu = QMenu(self)
        menu.setToolTipsVisible(True)
        for how in Combination:
            menu.addAction(actions.action(f"annotate.combine-{how.value}"))
        self.use.setMenu(menu)
        self.method = QComboBox()
        self.method.setAccessibleName("How strokes become a lesion")
        self.method.setToolTip("The random walker is surer and slower; growing from seeds takes a moment")
        for method in SeedMethod:
            self.method.addItem(method.value.capitalize(), method.value)
        self.preview, self.accept, self.discard = (
            ActionButton(actions.action(f"annotate.{id}"), main=id == "accept")
            for id in ("preview", "accept", "discard")
        )
        self._lay_out()
        self.source.activated.connect(lambda _: self.sourceChosen.emit(str(self.source.currentData())))
        self.slider.valueChanged.connect(self._moved)

    def _lay_out(self) -> None:
        first = QHBoxLayout()
        first.addWidget(self.source, 1)
        first.addWidget(self.use)
        self._threshold = QWidget()
        second = QHBoxLayout(self._threshold)
        second.setContentsMargins(0, 0, 0, 0)
        second.addWidget(self.slider, 1)
        second.addWidget(self.words)
        self._seeds = QWidget()
        third = QHBoxLayout(self._seeds)
        third.setContentsMargins(0, 0, 0, 0)
        third.addWidget(self.method, 1)
        third.addWidget(self.preview)
        self._decision = QWidget()
        fourth = QHBoxLayout(self._decision)
        fourth.setContentsMargins(0, 0, 0, 0)
        fourth.addWidget(self.accept, 1)
        fourth.addWidget(self.discard, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(first)
        for part in (self._threshold, self._seeds, self._decision):
            column.addWidget(part)

    @property
    def seed_method(self) -> SeedMethod:
        """How strokes become a lesion."""
        return SeedMethod(str(self.method.currentData()))

    def offer(self, sources: list[tuple[str, str]], chosen: str) -> None:
        """Offer proposals, (words, id) each, besides nothing."""
        self.source.clear()
        self.source.addItem("Nothing", NOTHING)
        for words, id in sources:
            self.source.addItem(words, id)
        self.source.setCurrentIndex(max(0, self.source.findData(chosen)))

    def show_step(self, step: int | None) -> None:
        """Show a proposal's threshold; None hides it, where there is none to choose."""
        self._threshold.setVisible(step is not None)
        self.slider.blockSignals(True)
        self.slider.setValue(step or 0)
        self.slider.blockSignals(False)
        self._say()

    def show_parts(self, *, seeds: bool, decision: bool) -> None:
        """Show the controls of strokes, and the decision about what they found."""
        self._seeds.setVisible(seeds)
        self._decision.setVisible(decision)

    def _moved(self, step: int) -> None:
        self._say()
        self.stepChanged.emit(step)

    def _say(self) -> None:
        self.words.setText(f"p ≥ {probability_of(self.slider.value()):.2f}")
