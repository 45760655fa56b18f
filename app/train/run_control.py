"""Starting, stopping and following one training run; the state behind the Train workspace's buttons."""

from __future__ import annotations

from enum import StrEnum

from PySide6.QtCore import QObject, Signal

from app.background import Background, EngineJob
from app.session import Session
from app.train.curves import RunCurves
from segcore.engine.messages import Cancel, EngineDied, EngineReady, JobFailed, Message, Pause, Stop, TrainJob
from segcore.errors import NotEnoughData, ProjectReadOnly
from segcore.projects.case import Part
from segcore.training.events import RunEvent, RunFailed
from segcore.training.recipe import Recipe
from segcore.training.record import new_run_id
from segcore.training.steering import Adjust, Change, Rescue, adjusted, remedied


class RunState(StrEnum):
    """What the engine is doing for this workspace."""

    IDLE = "idle"
    RUNNING = "running"
    STOPPING = "stopping"
    PAUSING = "pausing"
    CANCELLING = "cancelling"


class RunControl(QObject):
    """One training at a time, in the engine process.

    Signals
    -------
    changed
        New events arrived in `curves`, or the state changed.
    ended
        The run with this id is over, well or not.
    """

    changed = Signal()
    ended = Signal(str)

    def __init__(self, session: Session, background: Background, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._background = background
        self._job: EngineJob | None = None
        self.run = ""
        self.recipe: Recipe | None = None
        self.state = RunState.IDLE
        self.curves = RunCurves()
        self.devices: tuple[tuple[str, str], ...] = ()

    def check_ready(self) -> tuple[str, ...]:
        """Return warnings about the split, or raise the sentence that forbids a start.

        Raises
        ------
        NotEnoughData
            If no project is open or no case may be trained on.
        ProjectReadOnly
            If the project is open for reading only.
        """
        project = self._session.project
        if project is None:
            raise NotEnoughData("no project is open", remedy="open or make a project first")
        if project.read_only:
            raise ProjectReadOnly(
                "the project is open for reading only", remedy="close the other window that writes to it"
            )
        ready = [case for case in project.cases() if case.state.is_trainable]
        if not any(case.foreground_voxels for case in ready):
            raise NotEnoughData(
                "no complete case has a lesion", remedy="annotate at least two cases and mark them complete (Annotate)"
            )
        parts = {case.part for case in ready}
        if Part.TRAIN not in parts:
            return ("The cases are not split into training, validation and test yet.",)
        return project.leaks()

    def start(self, recipe: Recipe, *, resume: str = "") -> None:
        """Start a new run of `recipe`, or go on with the run called `resume`."""
        self.check_ready()
        project = self._session.project
        if project is None or self.state is not RunState.IDLE:
            return
        self.run = resume or new_run_id(recipe)
        self.curves, self.recipe = RunCurves(), recipe
        self._set_state(RunState.RUNNING)
        self._job = self._background.start_engine(
            TrainJob(project=str(project.folder), run=self.run, recipe=recipe, resume=bool(resume))
        )
        self._job.messagesArrived.connect(self._take)
        self._job.finished.connect(self._job_finished)

    def stop(self) -> None:
        """End at the next batch and keep the best model."""
        if self._job is not None and self.state is RunState.RUNNING:
            self._set_state(RunState.STOPPING)
            self._job.send(Stop())

    def pause(self) -> None:
        """End at the next batch with the state saved; going on later gives what an unbroken run would have given."""
        if self._job is not None and self.state is RunState.RUNNING:
            self._set_state(RunState.PAUSING)
            self._job.send(Pause())

    def ask(self, change: Change) -> None:
        """Go on otherwise: turn a setting, or rescue the run; nothing happens where none is running."""
        if self._job is not None and self.recipe is not None and self.state is RunState.RUNNING:
            self._job.send(change)
            if isinstance(change, Adjust):
                self.recipe, _ = adjusted(self.recipe, change)
            elif isinstance(change, Rescue):
                self.recipe, _ = remedied(self.recipe, change.kind)

    def cancel(self) -> None:
        """End at the next batch and discard the model."""
        if self._job is not None and self.state in (RunState.RUNNING, RunState.STOPPING, RunState.PAUSING):
            self._set_state(RunState.CANCELLING)
            self._job.send(Cancel())

    def _set_state(self, state: RunState) -> None:
        self.state = state
        self.changed.emit()

    def _take(self, messages: tuple[Message, ...]) -> None:
        for message in messages:
            if isinstance(message, EngineReady):
                self.devices = message.devices
            else:
                event = as_run_event(message)
                if event is not None:
                    self.curves.add(event)
        self.changed.emit()

    def _job_finished(self) -> None:
        if self._job is not None:
            self._job.deleteLater()
            self._job = None
        self._set_state(RunState.IDLE)
        self.ended.emit(self.run)


def as_run_event(message: Message) -> RunEvent | None:
    """Return what a message means for a run's record: engine failures become `RunFailed`; others pass or are None."""
    if isinstance(message, EngineDied):
        return RunFailed(
            sentence=message.sentence,
            remedy="Press Resume to go on from the last checkpoint.",
            kept="The best model so far and every mask are kept.",
        )
    if isinstance(message, JobFailed):
        return RunFailed(sentence=message.sentence, remedy="", kept="")
    return message if isinstance(message, RunEvent) else None
