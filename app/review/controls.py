"""Controls of Review: the threshold, the findings, and the decision."""

from __future__ import annotations

import math

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QPushButton,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from app.actions import Actions
from app.widgets.action_button import ActionButton
from segcore.geometry import Grid
from segcore.metrics.curves import probability_of
from segcore.review.findings import Findings

#: The slider spans these steps of 0.1 logit: probabilities 0.25 % to 99.75 %.
_REACH = 60


class ReviewControls(QWidget):
    """Right side of the Review workspace.

    Signals
    -------
    stepChanged(int)
        The threshold was moved.
    findingChosen(int)
        A finding (its place in the list) was chosen.
    doubtAsked(bool)
        Whether to show where the members of an ensemble disagree.
    """

    stepChanged = Signal(int)
    findingChosen = Signal(int)
    doubtAsked = Signal(bool)

    def __init__(self, actions: Actions, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(-_REACH, _REACH)
        self.slider.setAccessibleName("Threshold")
        self.slider.setToolTip("Probability from which a voxel counts as lesion; the outline follows at once")
        self.words = QLabel()
        self.words.setProperty("role", "small")
        self.reset = QPushButton("Fitted")
        self.reset.setToolTip("Back to the threshold that was fitted on the validation scans")
        self.doubt = QCheckBox("Where members disagree")
        self.doubt.setObjectName("review-doubt")
        self.doubt.setChecked(True)
        self.findings = QListWidget()
        self.findings.setAccessibleName("Findings")
        self.findings.setToolTip("Lesions that the model proposes, the surest first; choose one to go there")
        self.notice = QLabel()
        self.notice.setProperty("role", "small")
        self.notice.setWordWrap(True)
        self.comment = QLineEdit()
        self.comment.setPlaceholderText("Comment (no names of patients)")
        self.comment.setAccessibleName("Comment")
        self.comment.setMaxLength(500)
        self._fitted = 0
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(_heading("Threshold"))
        row = QHBoxLayout()
        row.addWidget(self.slider, 1)
        row.addWidget(self.reset)
        layout.addLayout(row)
        layout.addWidget(self.words)
        layout.addWidget(self.doubt)
        layout.addWidget(_heading("Findings"))
        layout.addWidget(self.findings, 1)
        layout.addWidget(self.notice)
        layout.addWidget(_heading("Decision"))
        layout.addWidget(self.comment)
        for number, id in enumerate(("review.accept", "review.edit", "review.reject")):
            layout.addWidget(ActionButton(actions.action(id), main=number == 0))
        self.slider.valueChanged.connect(self._moved)
        self.reset.clicked.connect(lambda: self.slider.setValue(self._fitted))
        self.findings.currentRowChanged.connect(self._chosen)
        self.doubt.toggled.connect(self.doubtAsked)
        self.show_members(1, 0.0)

    @property
    def step(self) -> int:
        """The threshold, steps of 0.1 logit."""
        return self.slider.value()

    def show_fitted(self, step: int) -> None:
        """Begin at a model's fitted threshold."""
        self._fitted = min(max(step, -_REACH), _REACH)
        self.slider.blockSignals(True)
        self.slider.setValue(self._fitted)
        self.slider.blockSignals(False)
        self._say()

    def show_members(self, members: int, spread: float) -> None:
        """Say how many networks made the prediction and how much they disagree about the case (1 − mean Dice)."""
        several = members > 1
        self.doubt.setEnabled(several)
        self.doubt.setToolTip(
            f"Magenta: where the {members} members disagree; their masks share a Dice of {1 - spread:.2f} on average"
            if several
            else "Only an ensemble has members that can disagree: train with 3 or more members"
        )

    def show_findings(self, findings: Findings | None, grid: Grid | None) -> None:
        """List findings."""
        self.findings.blockSignals(True)
        self.findings.clear()
        if findings is not None and grid is not None:
            for finding in findings:
                size = f"{finding.volume_ml:.3f} ml" if grid.calibrated else f"{finding.voxels} px"
                words = f"{finding.number}. {size} · probability {finding.mean_probability:.2f}"
                if not math.isnan(finding.disagreement):
                    doubt = f"disagree {100 * finding.disagreement:.0f} %"
                    words = f"{finding.number}. {size} · p {finding.mean_probability:.2f} · {doubt}"
                self.findings.addItem(words)
            self.notice.setText(findings.notice)
            if not findings:
                self.notice.setText("Nothing is predicted at this threshold.")
        else:
            self.notice.setText("")
        self.findings.blockSignals(False)

    def _moved(self, step: int) -> None:
        self._say()
        self.stepChanged.emit(step)

    def _say(self) -> None:
        fitted = " (fitted)" if self.step == self._fitted else f" (fitted: {probability_of(self._fitted):.3f})"
        self.words.setText(f"probability {probability_of(self.step):.3f}{fitted}")

    def _chosen(self, row: int) -> None:
        if row >= 0:
            self.findingChosen.emit(row)


def _heading(text: str) -> QLabel:
    label = QLabel(text)
    label.setProperty("role", "heading")
    return label
