"""What a rarer class does to every loss: a population of pixels, predictors of known quality, a slider for the prevalence."""

from __future__ import annotations

import math

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSlider,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from app.theme import SPACE_1, SPACE_2, SPACE_3, Tokens
from app.train.explorer_words import with_smoothing
from app.train.loss_table import LossTable, three_figures
from app.train.prevalence_plots import PrevalencePlots, loss_icon
from app.train.ten_pixels import SMOOTHINGS
from app.widgets.wording import one_in, percent
from segcore.imbalance.pixel_losses import PIXEL_LOSSES, Options
from segcore.imbalance.rare_population import (
    DECENT,
    PIXELS,
    PREVALENCE,
    Predictor,
    Skill,
    hard_dice,
    judge_population,
    predict,
)

#: Steps of the slider per factor of ten.
_PER_DECADE = 20
_DECADES = round(math.log10(PREVALENCE.high / PREVALENCE.low))
_COUNTS = (1e4, 1e5, 1e6, 1e7, 1e8)
_WORDS = {
    Predictor.UNTRAINED: ("untrained network (0.5 everywhere)", "Pull on an untrained network"),
    Predictor.CONSTANT: ("constant prevalence", "Pull on a constant prediction"),
    Predictor.ALL_BACKGROUND: ("'all background' (0.001 everywhere)", "Pull on 'all background'"),
    Predictor.DECENT: ("decent prediction", "Pull on a decent prediction"),
}
_TABLE = (Predictor.CONSTANT, Predictor.ALL_BACKGROUND, Predictor.DECENT, Predictor.PERFECT)


class RareClass(QWidget):
    """The tab "Rare class"."""

    def __init__(self, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._project: float | None = None
        self._tokens = tokens
        self.table = LossTable(
            "Losses of a population with a rare class",
            (
                ("Constant", "Loss of a predictor that says the prevalence everywhere."),
                ("All background", "Loss of a predictor that says 0.001 everywhere."),
                ("Decent", "Loss of the decent prediction, as said above."),
                ("Perfect", "Loss of the perfect prediction."),
                (
                    "Room left",
                    "How far the loss can fall from the constant to the perfect prediction, compared with the same at "
                    "a prevalence of 10 %.",
                ),
                ("Decent, 0 to 1", "The decent prediction between the constant (0) and the perfect one (1)."),
            ),
        )
        self.plots = PrevalencePlots(tokens)
        self.note = QLabel()
        self.note.setWordWrap(True)
        self.note.setProperty("role", "hint")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE_3, SPACE_2, SPACE_3, SPACE_2)
        layout.setSpacing(SPACE_2)
        layout.addLayout(self._make_prevalence_row())
        layout.addLayout(self._make_skill_row())
        layout.addWidget(self.table)
        layout.addWidget(self.note)
        layout.addLayout(self._make_predictor_row())
        layout.addWidget(self.plots, 1)
        self._dress_rows()
        self.table.itemChanged.connect(self._row_ticked)
        self.show_project(None)
        self._show_curves()

    def _make_prevalence_row(self) -> QHBoxLayout:
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, _DECADES * _PER_DECADE)
        self.slider.setPageStep(_PER_DECADE)
        self.slider.setObjectName("explorer-prevalence")
        self.slider.setAccessibleName("Prevalence")
        self.slider.setToolTip("How rare the class is, from 1 in 10 to 1 in 100,000.")
        self.slider.setValue(_position(PREVALENCE.default))
        self.figure = QLabel()
        self.figure.setMinimumWidth(280)
        self.project_button = QPushButton()
        self.project_button.setObjectName("explorer-project")
        self.project_button.setProperty("role", "link")
        self.count = QComboBox()
        self.count.setObjectName("explorer-pixels")
        self.count.setAccessibleName("Number of pixels")
        for number in _COUNTS:
            self.count.addItem(f"{number:,.0f} pixels", number)
        self.count.setCurrentIndex(_COUNTS.index(PIXELS.default))
        row = QHBoxLayout()
        row.setSpacing(SPACE_2)
        caption = QLabel("How rare")
        caption.setBuddy(self.slider)
        for widget in (caption, self.slider, self.figure, self.project_button, self.count):
            row.addWidget(widget, 1 if widget is self.slider else 0)
        self.slider.valueChanged.connect(self.refresh)
        self.count.currentIndexChanged.connect(self._show_curves)
        self.project_button.clicked.connect(self._go_to_project)
        return row

    def _make_skill_row(self) -> QHBoxLayout:
        """What "decent" means, and the smoothing: the false alarms are a rim of background taken for lesion."""
        self.found, self.wrong, self.sure = QDoubleSpinBox(), QDoubleSpinBox(), QDoubleSpinBox()
        self.smoothing = QComboBox()
        for smoothing, words in SMOOTHINGS:
            self.smoothing.addItem(words, smoothing)
        row = QHBoxLayout()
        row.setSpacing(SPACE_1)
        for box, name, caption, (low, high, value, step), tooltip in (
            (
                self.found,
                "skill-found",
                "Decent: finds",
                (0.0, 1.0, DECENT.found, 0.05),
                "Share of lesion pixels found.",
            ),
            (
                self.wrong,
                "skill-wrong",
                "false per lesion pixel",
                (0.0, 10.0, DECENT.false_per_lesion, 0.1),
                "Background pixels taken for lesion, for each lesion pixel: a rim of false alarms.",
            ),
            (self.sure, "skill-sure", "sure", (0.51, 0.999, DECENT.sure, 0.05), "The probability it gives to both."),
        ):
            box.setRange(low, high)
            box.setDecimals(3 if box is self.sure else 2)
            box.setValue(value)
            box.setSingleStep(step)
            box.setToolTip(tooltip)
            self._put(row, box, name, caption)
            box.valueChanged.connect(self._show_curves)
        self.dice = QLabel()
        self.dice.setMinimumWidth(80)
        row.addWidget(self.dice)
        row.addStretch(1)
        self._put(row, self.smoothing, "rare-smoothing", "Smoothing")
        self.smoothing.setToolTip("Of Dice and Tversky.")
        self.smoothing.currentIndexChanged.connect(self._show_curves)
        return row

    def _put(self, row: QHBoxLayout, widget: QWidget, name: str, caption: str) -> None:
        widget.setObjectName(name)
        widget.setAccessibleName(caption)
        label = QLabel(caption)
        label.setBuddy(widget)
        row.addWidget(label)
        row.addWidget(widget)
        row.addSpacing(SPACE_2)

    @property
    def skill(self) -> Skill:
        """What "decent" means now."""
        return Skill(found=self.found.value(), false_per_lesion=self.wrong.value(), sure=self.sure.value())

    @property
    def options(self) -> Options:
        """The settings as they stand."""
        smoothing: tuple[float, float] = SMOOTHINGS[self.smoothing.currentIndex()][0]
        return with_smoothing(Options(), smoothing)

    def _make_predictor_row(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(SPACE_2)
        self.value_of = self._make_predictors("Value of a", Predictor.DECENT, row)
        self.share_of = self._make_predictors("Pull on a", Predictor.UNTRAINED, row)
        return row

    def _make_predictors(self, caption: str, chosen: Predictor, row: QHBoxLayout) -> QComboBox:
        box = QComboBox()
        box.setAccessibleName(caption)
        for predictor, (words, _) in _WORDS.items():
            box.addItem(words, predictor)
        box.setCurrentIndex(box.findData(chosen))
        box.currentIndexChanged.connect(self._show_curves)
        label = QLabel(caption)
        label.setBuddy(box)
        row.addWidget(label)
        row.addWidget(box, 1)
        return box

    def _dress_rows(self) -> None:
        for row, loss in enumerate(PIXEL_LOSSES):
            cell = self.table.item(row, 0) or QTableWidgetItem()
            if not cell.flags() & Qt.ItemFlag.ItemIsUserCheckable:
                cell.setCheckState(Qt.CheckState.Checked)
            cell.setFlags(cell.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            cell.setIcon(loss_icon(row, self._tokens))
            cell.setText(loss.label.replace("weight", f"{Options().weight:g}"))

    # What the dialog calls

    def show_project(self, prevalence: float | None) -> None:
        """Mark the project's own prevalence; None without a project or without foreground."""
        self._project = prevalence
        self.project_button.setVisible(prevalence is not None)
        if prevalence is not None:
            self.project_button.setText(f"This project: {percent(prevalence)}")
            self.project_button.setToolTip(
                "Puts the slider there." if self._is_in_range() else "Outside this slider's range."
            )
            self.project_button.setEnabled(self._is_in_range())
        self.refresh()

    def apply_tokens(self, tokens: Tokens) -> None:
        """Take the colours of a theme."""
        self._tokens = tokens
        self._dress_rows()
        self.plots.apply_tokens(tokens)

    @property
    def prevalence(self) -> float:
        """The prevalence that the slider stands for."""
        value = PREVALENCE.high * 10 ** (-self.slider.value() / _PER_DECADE)
        return min(PREVALENCE.high, max(PREVALENCE.low, value))

    def refresh(self) -> None:
        """Show the table for the prevalence of the slider."""
        pi, pixels = self.prevalence, float(self.count.currentData())
        share_of = Predictor(self.share_of.currentData())
        options, skill = self.options, self.skill
        dice = hard_dice(predict(Predictor.DECENT, prevalence=pi, pixels=pixels, skill=skill))
        self.dice.setText("Dice –" if math.isnan(dice) else f"Dice {dice:.2f}")
        for row, loss in enumerate(PIXEL_LOSSES):
            judged = judge_population(loss, options, prevalence=pi, pixels=pixels, skill=skill)
            common = judge_population(loss, options, prevalence=PREVALENCE.high, pixels=pixels, skill=skill)
            for place, predictor in enumerate(_TABLE):
                self.table.show_number(row, place + 1, three_figures(judged.values[predictor]))
            self.table.show_number(row, 5, f"{percent(judged.room / common.room)}")
            self.table.show_number(row, 6, f"{judged.normalised(Predictor.DECENT):.2f}")
            self.table.show_share(row, judged.shares[share_of])
        self.figure.setText(f"<b>{percent(pi)}</b>  ({one_in(pi)}), {pi * pixels:,.0f} lesion pixels")
        self.slider.setAccessibleDescription(percent(pi))
        self.note.setText(self._words(pi, pixels))
        self.plots.mark(pi, self._project if self._is_in_range() else None)

    def _words(self, pi: float, pixels: float) -> str:
        cross_entropy = judge_population(PIXEL_LOSSES[0], Options(), prevalence=pi, pixels=pixels)
        silent = cross_entropy.values[Predictor.ALL_BACKGROUND]
        share = cross_entropy.shares[Predictor.UNTRAINED]
        return (
            f"At {percent(pi)} a network that finds nothing has a cross-entropy of only {three_figures(silent)}, and at "
            f"its start {percent(share)} of the pull comes from lesions. A low average error says how rare the class is, "
            "not how good the model is."
        )

    def _show_curves(self) -> None:
        value_of, share_of = Predictor(self.value_of.currentData()), Predictor(self.share_of.currentData())
        name = _WORDS[value_of][0].partition(" (")[0]
        titles = (f"Loss of the {name}, on each loss's own scale", _WORDS[share_of][1])
        self.plots.show_curves(
            float(self.count.currentData()), value_of, share_of, titles, options=self.options, skill=self.skill
        )
        self.refresh()

    def _row_ticked(self, item: QTableWidgetItem) -> None:
        if item.column() == 0:
            self.plots.show_loss(item.row(), item.checkState() is Qt.CheckState.Checked)

    def _go_to_project(self) -> None:
        if self._project is not None:
            self.slider.setValue(_position(self._project))

    def _is_in_range(self) -> bool:
        return self._project is not None and PREVALENCE.low <= self._project <= PREVALENCE.high


def _position(prevalence: float) -> int:
    return round(math.log10(PREVALENCE.high / prevalence) * _PER_DECADE)
