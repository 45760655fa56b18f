"""A model's prediction over the mask that is being painted, at a threshold of one's choice."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QLabel, QSlider, QWidget

from app.errors import report_error
from app.session import Session
from app.viewer.scan_view import ScanView
from segcore.errors import RareSegError
from segcore.metrics.curves import probability_of
from segcore.review.predictions import Predictions, predicted_models
from segcore.training.record import list_runs

_NONE = "None"
_REACH = 60


class PredictionChoice(QWidget):
    """Which model's prediction is shown, and its threshold; the choice stays from case to case."""

    def __init__(self, view: ScanView, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._view, self._session = view, session
        self._case = ""
        self.model = QComboBox()
        self.model.setAccessibleName("Model whose prediction is shown")
        self.model.setToolTip("Shows what a model predicts for this case; predict cases in Review first")
        self.model.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.threshold = QSlider(Qt.Orientation.Horizontal)
        self.threshold.setRange(-_REACH, _REACH)
        self.threshold.setAccessibleName("Threshold of the prediction")
        self.threshold.setToolTip("Probability from which a voxel counts as lesion")
        self.words = QLabel()
        self.words.setProperty("role", "small")
        self.model.activated.connect(lambda _: self._show())
        self.threshold.valueChanged.connect(self._moved)
        self._say(0)

    def show_case(self, case: str) -> None:
        """Offer the models that predicted another case, and show the one that was shown before."""
        self._case = case
        chosen = self.model.currentData()
        self.model.clear()
        self.model.addItem(_NONE, "")
        project = self._session.project
        if project is not None and case:
            names = {run.id: run.recipe.name for run in list_runs(project.folder)}
            for model in predicted_models(project.predictions_folder):
                if self.predicts(case, model):
                    self.model.addItem(names.get(model, model), model)
        self.model.setCurrentIndex(max(0, self.model.findData(chosen)))
        self._show()

    def predicts(self, case: str, model: str = "") -> bool:
        """Whether there is a prediction of a case by a model (by the chosen one)."""
        project, model = self._session.project, model or str(self.model.currentData() or "")
        return bool(project is not None and model and (project.predictions_folder / model / f"{case}.json").is_file())

    def _show(self) -> None:
        model, project, volume = str(self.model.currentData() or ""), self._session.project, self._view.volume
        self.threshold.setEnabled(bool(model))
        if not model or project is None or volume is None:
            if self._view.steps is not None:
                self._view.set_prediction(None)
            return
        try:
            prediction = Predictions(project.predictions_folder / model).load(self._case)
        except RareSegError as error:
            report_error(self._view, error)
            self.model.setCurrentIndex(0)
            return
        if prediction.steps.shape != volume.grid.shape:
            self.words.setText("This prediction is of an earlier scan: predict the case again")
            return
        self.threshold.blockSignals(True)
        self.threshold.setValue(prediction.facts.step)
        self.threshold.blockSignals(False)
        self._view.set_prediction(prediction.steps, self.threshold.value())
        self._say(self.threshold.value())

    def _moved(self, step: int) -> None:
        self._say(step)
        if self._view.steps is not None:
            self._view.set_step(step)

    def _say(self, step: int) -> None:
        self.words.setText(f"probability {probability_of(step):.3f}")
