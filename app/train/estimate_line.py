"""One line under the form: what the training would take, and a press that measures this machine."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QWidget

from app.theme import SPACE_2
from segcore.training.estimate import Estimate, estimate_words


class EstimateLine(QWidget):
    """See the module.

    Signals
    -------
    measureAsked
        The person wants the pace of this machine measured.
    cancelAsked
        They do not want to wait for it any more.
    """

    measureAsked = Signal()
    cancelAsked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._measuring = False
        self._line = QLabel()
        self._line.setObjectName("estimate")
        self._line.setProperty("role", "small")
        self._line.setWordWrap(True)
        self._button = QPushButton()
        self._button.setObjectName("estimate-measure")
        self._button.setProperty("role", "link")
        self._button.clicked.connect(lambda: (self.cancelAsked if self._measuring else self.measureAsked).emit())
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(SPACE_2)
        row.addWidget(self._line, 1)
        row.addWidget(self._button)
        self.show_measuring(False)
        self.show_estimate(None, "")

    def show_measuring(self, on: bool) -> None:
        """Show that this machine is being measured, or that it can be."""
        self._measuring = on
        self._button.setText("Cancel" if on else "Measure")
        self._button.setToolTip(
            "Stops measuring."
            if on
            else "Takes a few steps on this machine with made-up patches, some ten seconds, and remembers its pace."
        )
        self._button.setAccessibleName("Cancel measuring" if on else "Measure this machine's pace")
        if on:
            self._line.setText("Measuring a few steps on this machine …")

    def show_estimate(self, found: Estimate | None, shortage: str) -> None:
        """Show an estimate and what there is too little of; None hides the line."""
        self.setVisible(found is not None)
        if found is None or self._measuring:
            return
        self._line.setText(f"{estimate_words(found)} {shortage}".strip())
        source = f"Time: from {found.pace.source} on {found.pace.words}. " if found.pace is not None else ""
        self._line.setToolTip(
            f"{source}Patches of {' × '.join(map(str, found.plan.patch))} voxels, {found.plan.batch} a step. Memory and "
            "disk are counted; the guide says how far off such lines were."
        )
