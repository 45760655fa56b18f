"""Predicting cases of the project in the engine process, for the Review workspace."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from app.background import Background, EngineJob
from app.session import Session
from segcore.engine.messages import (
    CaseFailed,
    CasePredicted,
    EngineDied,
    JobFailed,
    Message,
    PredictJob,
    Stop,
)
from segcore.errors import EngineProblem
from segcore.training.record import RunRecord


class PredictControl(QObject):
    """One prediction job at a time.

    Signals
    -------
    progressed(int, int)
        Cases done and in all.
    ended()
        All cases were dealt with, or it was stopped.
    failed(object)
        An error to show: a case or the whole job could not be predicted.
    """

    progressed = Signal(int, int)
    ended = Signal()
    failed = Signal(object)

    def __init__(self, session: Session, background: Background, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._background = background
        self._job: EngineJob | None = None
        self._model = ""

    @property
    def is_running(self) -> bool:
        """Whether cases are being predicted."""
        return self._job is not None

    def start(self, run: RunRecord, cases: tuple[str, ...]) -> None:
        """Predict `cases` with the model of a run."""
        project = self._session.project
        if self._job is not None or project is None or not cases:
            return
        self._model = run.id
        self.progressed.emit(0, len(cases))
        self._job = self._background.start_engine(
            PredictJob(project=str(project.folder), model=str(run.model_folder), cases=cases)
        )
        self._job.messagesArrived.connect(self._take)
        self._job.finished.connect(self._finished)

    def stop(self) -> None:
        """End at the next tile; finished cases stay."""
        if self._job is not None:
            self._job.send(Stop())

    def _take(self, messages: tuple[Message, ...]) -> None:
        for message in messages:
            if isinstance(message, CasePredicted):
                self.progressed.emit(message.done, message.total)
            elif isinstance(message, CaseFailed | JobFailed | EngineDied):
                name = message.case if isinstance(message, CaseFailed) else "the prediction"
                self.failed.emit(EngineProblem(f"{name} failed: {message.sentence}"))

    def _finished(self) -> None:
        if self._job is not None:
            self._job.deleteLater()
            self._job = None
        self._session.predictionsChanged.emit(self._model)
        self.ended.emit()
