"""What a trial tells while it goes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from segcore.training.events import RunEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialStarted:
    """A trial begins or goes on; ``finished`` of ``total`` runs were trained before."""

    trial: str
    finished: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRunStarted:
    """A run of the trial begins, or goes on from its checkpoint."""

    run: str
    resumed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRunTold:
    """What a run of the trial tells."""

    run: str
    event: RunEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialCaseTested:
    """A test case was predicted and measured with a run's model; ``done`` of ``total`` over all runs."""

    run: str
    case: str
    dice: float
    done: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialEnded:
    """Nothing more comes; ``finished`` says whether the results are complete."""

    trial: str
    finished: bool
    sentence: str


TrialEvent: TypeAlias = TrialStarted | TrialRunStarted | TrialRunTold | TrialCaseTested | TrialEnded
