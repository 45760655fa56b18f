"""Starting, pausing and following a trial in the engine process."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from app.background import Background, EngineJob
from app.session import Session
from app.trials.progress import TrialProgress
from segcore.engine.messages import EngineDied, JobFailed, Message, Stop, TrialJob
from segcore.errors import EngineProblem
from segcore.trials.events import TrialEvent
from segcore.trials.folder import TrialFolder


class TrialControl(QObject):
    """One trial at a time.

    Signals
    -------
    changed()
        The trial told something, or began, or ended.
    ended(str)
        The trial of this id is finished or paused.
    failed(object)
        The error that broke it; what was finished is kept.
    """

    changed = Signal()
    ended = Signal(str)
    failed = Signal(object)

    def __init__(self, session: Session, background: Background, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session, self._background = session, background
        self._job: EngineJob | None = None
        self.progress: TrialProgress | None = None
        self.is_pausing = False

    @property
    def is_running(self) -> bool:
        """Whether a trial is going on."""
        return self._job is not None

    @property
    def trial(self) -> str:
        """Id of the trial that goes on or went on last; empty for none."""
        return self.progress.trial.plan.id if self.progress is not None else ""

    def start(self, trial: TrialFolder) -> None:
        """Begin a trial, or go on with it."""
        project = self._session.project
        if self._job is not None or project is None:
            return
        self.progress, self.is_pausing = TrialProgress(trial), False
        self.progress.sentence = "Starting the engine…"
        self._job = self._background.start_engine(TrialJob(project=str(project.folder), trial=trial.plan.id))
        self._job.messagesArrived.connect(self._take)
        self._job.finished.connect(self._finished)
        self.changed.emit()

    def pause(self) -> None:
        """End at the next batch or tile; everything finished is kept, and `start` goes on from there."""
        if self._job is not None and not self.is_pausing:
            self.is_pausing = True
            self._job.send(Stop())
            self.changed.emit()

    def _take(self, messages: tuple[Message, ...]) -> None:
        for message in messages:
            if isinstance(message, JobFailed | EngineDied):
                self.failed.emit(EngineProblem(message.sentence.rstrip(".")))
            elif isinstance(message, TrialEvent) and self.progress is not None:
                self.progress.add(message)
        self.changed.emit()

    def _finished(self) -> None:
        # The job is deleted by `Background`, which made it.
        self._job, self.is_pausing = None, False
        if self.progress is not None:
            self.progress = _as_on_disk(self.progress)
        self.changed.emit()
        self.ended.emit(self.trial)


def _as_on_disk(known: TrialProgress) -> TrialProgress:
    """Return the progress as the folder tells it, which is what a restart would show; the last sentence stays."""
    fresh = TrialProgress(known.trial)
    fresh.sentence = known.sentence
    return fresh
