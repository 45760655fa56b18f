"""What crosses the process boundary: one JSON object per line, each a frozen dataclass named here.

The client writes one `Job` and then `Control` messages to the engine's standard input; the engine writes `Message`
lines to its standard output. Arrays never cross: they travel through files in the project. When the engine's standard
input closes, its window is gone: it stops, keeps the best model, and ends.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from segcore.training.events import (
    Adjusted,
    Alarm,
    BatchShown,
    CaseShown,
    CheckpointSaved,
    MemberStarted,
    Noticed,
    Preparing,
    Rescued,
    RunEnded,
    RunFailed,
    RunStarted,
    StepsDone,
    Validated,
)
from segcore.training.recipe import Recipe
from segcore.training.steering import Adjust, Rescue, ShowBatch, WatchCase
from segcore.trials.events import TrialCaseTested, TrialEnded, TrialRunStarted, TrialRunTold, TrialStarted


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainJob:
    """Train `recipe` on the project at `project`; the run's folder is ``runs/<run>`` in it.

    ``resume`` goes on from the run's last checkpoint instead of starting anew.
    """

    project: str
    run: str
    recipe: Recipe
    resume: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictJob:
    """Predict cases of a project with a model folder; results go to ``predictions/<model id>/`` in the project."""

    project: str
    model: str
    cases: tuple[str, ...]
    flips: bool = False
    device: str = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialJob:
    """Carry out, or go on with, the trial whose plan lies in ``trials/<trial>`` of a project; `Stop` pauses it."""

    project: str
    trial: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeJob:
    """Ask which devices torch can use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchesJob:
    """Make patches of a project's training scans as training would change them; see `segcore.training.patch_preview`."""

    project: str
    recipe: Recipe
    examples: int
    variants: int
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PaceJob:
    """Measure how fast this machine would train a recipe; see `segcore.training.pacing`."""

    project: str
    recipe: Recipe


Job: TypeAlias = TrainJob | PredictJob | TrialJob | ProbeJob | PatchesJob | PaceJob


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """End at the next batch or tile; keep the best model and all finished predictions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel:
    """End at the next batch or tile; discard the run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """End at the next batch with the state saved: resuming gives what an unbroken run would have given."""


Control: TypeAlias = Stop | Cancel | Pause | Adjust | Rescue | WatchCase | ShowBatch


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineReady:
    """torch is imported; ``devices`` are pairs (name for recipes, words), best first."""

    devices: tuple[tuple[str, str], ...]
    versions: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CasePredicted:
    """One case is predicted and saved; ``done`` of ``total``."""

    case: str
    seconds: float
    foreground_fraction: float
    done: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFailed:
    """One case could not be predicted; the others go on."""

    case: str
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionsEnded:
    """All cases of a `PredictJob` were dealt with, or it was stopped."""

    done: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobProgress:
    """What a short job is doing; ``done`` of ``total``."""

    done: int
    total: int
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchesMade:
    """A `PatchesJob` is done; its files lie in ``folder``, to be read with `segcore.training.patch_examples`."""

    folder: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PaceMeasured:
    """A `PaceJob` is done, its answer kept in the project's cache; ``device`` in words."""

    device: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobCancelled:
    """A short job was cancelled; there is nothing to show."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFailed:
    """The whole job broke; ``sentence`` is fit for a person, ``detail`` goes to the log."""

    sentence: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineDied:
    """Made by the client when the process ends without saying so.

    ``code`` is the exit code, negative for a signal, as in `subprocess`.
    """

    code: int
    sentence: str
    detail: str


Message: TypeAlias = (
    EngineReady
    | CasePredicted
    | CaseFailed
    | PredictionsEnded
    | JobProgress
    | PatchesMade
    | PaceMeasured
    | JobCancelled
    | JobFailed
    | EngineDied
    | Preparing
    | Noticed
    | MemberStarted
    | RunStarted
    | StepsDone
    | Validated
    | CaseShown
    | BatchShown
    | CheckpointSaved
    | Alarm
    | Rescued
    | Adjusted
    | RunEnded
    | RunFailed
    | TrialStarted
    | TrialRunStarted
    | TrialRunTold
    | TrialCaseTested
    | TrialEnded
)
