"""What a run tells: typed events, in order, appended to the run's record and sent to whoever watches.

Fractions are 0..1, times are seconds since the run started, steps count optimiser updates.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from segcore.metrics.calibration import ReliabilityBin
from segcore.metrics.lesion_sizes import SizeBin
from segcore.metrics.precision_recall import Interval, PrCurve

#: F-beta of validations: recall counts as twice as important as precision.
BETA = 2.0


class EndReason(StrEnum):
    """Why a run ended."""

    FINISHED = "finished"
    STOPPED = "stopped"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    WINDOW_CLOSED = "window closed"


class AlarmKind(StrEnum):
    """What an alarm is about."""

    COLLAPSED = "collapsed to background"
    MAJORITY_DOMINATED = "dominated by the background"
    NOT_A_NUMBER = "loss is not a number"
    THRESHOLD = "threshold"
    NO_FOREGROUND = "no foreground in the batches"
    UNLEARNING = "un-learning"
    OVERFITTING = "overfitting the lesions"
    NOTHING_LEARNT = "nothing learnt"
    NO_GRADIENT = "no gradient from lesions"
    OVER_PREDICTING = "predicting far too much"


@dataclass(frozen=True, slots=True, kw_only=True)
class Preparing:
    """The data are being cropped, resampled and normalised; `done` of `total` cases are ready."""

    done: int
    total: int
    case: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Noticed:
    """Something the person should know about the data or the plan; the run goes on."""

    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted:
    """Training begins.

    Parameters
    ----------
    run
        Id of the run, also the name of its folder.
    time
        UTC, ISO 8601.
    device
        In words, e.g. ``"CPU, 2 threads"``.
    network
        In words, e.g. ``"2D U-Net, 0.4 million weights"``.
    total_steps, total_seconds
        The budget; exactly one of them is not None.
    train_cases, validation_cases
        Number of cases.
    prevalence
        Foreground fraction over the training scans.
    sampled_prevalence
        Foreground fraction in sampled patches, as measured before the first step (sets the initial bias).
    """

    run: str
    time: str
    device: str
    network: str
    total_steps: int | None
    total_seconds: float | None
    train_cases: int
    validation_cases: int
    prevalence: float
    sampled_prevalence: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberStarted:
    """The next member of an ensemble is trained; the events that follow are its own.

    Parameters
    ----------
    member, members
        Which of how many, counted from 1.
    seed
        Its seed.
    held_out
        Patients it is validated on; empty where the split decides.
    resumed
        It goes on from its checkpoint.
    """

    member: int
    members: int
    seed: int
    held_out: tuple[str, ...]
    resumed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StepsDone:
    """Means over the steps since the last such event (at most a few per second).

    Parameters
    ----------
    step
        Steps done so far.
    seconds
        Since the start.
    loss
        Training loss.
    gradient_share
        Share of Σ|dL/dlogit| that comes from foreground voxels.
    predicted_fraction, true_fraction
        Mean predicted probability and true foreground fraction over the sampled voxels.
    patches_with_foreground
        Achieved share of patches that hold foreground.
    learning_rate
        Current.
    patches_per_second
        Throughput.
    remaining_seconds
        Estimate until the budget is used up.
    skill
        1 − cross-entropy / H(prevalence), both over the sampled voxels, whatever the loss is: 0 is as good as a constant;
        NaN where no voxel, or every one, was foreground.
    asked_share, forced_share
        Share of patches that were to be drawn on lesions, and that were.
    hard_share, pasted_share
        Share of patches that were drawn where false alarms were raised, and that received a pasted lesion.
    batches_without_foreground, dead_batches
        Share of batches without any foreground, and of those with some, in which none of the gradient came from it.
    foreground_logit
        Mean logit over sampled foreground voxels; NaN without.
    loading, augmenting, learning, validating
        Shares of the time since the last report that went into drawing patches, augmentation, forward and backward
        passes, and validation.
    """

    step: int
    seconds: float
    loss: float
    gradient_share: float
    predicted_fraction: float
    true_fraction: float
    patches_with_foreground: float
    learning_rate: float
    patches_per_second: float
    remaining_seconds: float
    skill: float = math.nan
    asked_share: float = math.nan
    forced_share: float = math.nan
    hard_share: float = math.nan
    pasted_share: float = math.nan
    batches_without_foreground: float = math.nan
    dead_batches: float = math.nan
    foreground_logit: float = math.nan
    loading: float = math.nan
    augmenting: float = math.nan
    learning: float = math.nan
    validating: float = math.nan


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseScore:
    """Metrics of one whole validation or test case at the operating threshold.

    ``dice``, ``precision``, ``recall`` and ``lesion_f1`` are NaN where undefined (nothing there and nothing
    predicted); such cases are counted as true negatives and left out of means.
    """

    case: str
    dice: float
    precision: float
    recall: float
    lesion_f1: float
    predicted_voxels: int
    true_voxels: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Validated:
    """Whole validation scans were predicted at true prevalence.

    Parameters
    ----------
    dice, precision, recall
        Means over cases at `threshold`.
    pooled_dice
        Over all voxels of all cases together at `threshold`.
    dice_at_half
        Mean over cases at probability 0.5.
    average_precision
        Over all voxels of all cases together; compare with the prevalence.
    lesion_f1
        Lesion-wise F1 by any overlap, pooled over cases; NaN where undefined.
    threshold
        Operating threshold on the probability, fitted on these cases.
    predicted_fraction, true_fraction
        Predicted at `threshold` and true foreground fraction over all voxels.
    soft_fraction
        Mean predicted probability over all voxels.
    foreground_probability
        Mean predicted probability over true foreground voxels.
    skill
        1 − BCE / H(prevalence); 0 is as good as a constant, negative is worse.
    is_best
        Whether these weights are the best so far and were kept.
    cases
        Per case.
    f_beta
        Mean over cases of F-beta with `BETA`, which counts a missed voxel as worse than a false one.
    dice_interval, precision_interval, recall_interval, f_beta_interval, average_precision_interval
        95 % intervals over cases; None in records of earlier versions.
    sizes
        Lesion recall from the smallest to the largest quarter of lesions.
    false_positives_per_case
        Predicted lesions that touch no true one.
    curve
        Precision over recall; None without foreground.
    reliability, calibration_error, brier_skill
        See `segcore.metrics.calibration`.
    foreground_logit, background_logit
        Mean logit over true foreground and background voxels.
    took
        Seconds.
    """

    step: int
    seconds: float
    dice: float
    precision: float
    recall: float
    pooled_dice: float
    dice_at_half: float
    average_precision: float
    lesion_f1: float
    threshold: float
    predicted_fraction: float
    true_fraction: float
    soft_fraction: float
    foreground_probability: float
    skill: float
    is_best: bool
    cases: tuple[CaseScore, ...]
    f_beta: float = math.nan
    dice_interval: Interval | None = None
    precision_interval: Interval | None = None
    recall_interval: Interval | None = None
    f_beta_interval: Interval | None = None
    average_precision_interval: Interval | None = None
    sizes: tuple[SizeBin, ...] = ()
    false_positives_per_case: float = math.nan
    curve: PrCurve | None = None
    reliability: tuple[ReliabilityBin, ...] = ()
    calibration_error: float = math.nan
    brier_skill: float = math.nan
    foreground_logit: float = math.nan
    background_logit: float = math.nan
    took: float = math.nan


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseShown:
    """The prediction of the watched validation case, as the network is now, lies in a file.

    Parameters
    ----------
    file
        Relative to the project's folder; logits in steps of 0.1, see `segcore.training.exhibits`.
    threshold_step
        Operating threshold in steps of 0.1.
    dice
        Of this case at that threshold.
    """

    step: int
    case: str
    file: str
    threshold_step: int
    dice: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchShown:
    """The patches of a step, with masks, predictions and origins, lie in a file relative to the project's folder."""

    step: int
    file: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointSaved:
    """The run's state is on disk: after a crash it goes on from here."""

    step: int
    best: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """Something goes wrong in a known way.

    Parameters
    ----------
    kind
        See `AlarmKind`.
    measured, limit
        The number that fired and the number it was held against.
    sentence
        What is going on, in words, with the numbers.
    remedy
        What to do about it.
    """

    step: int
    kind: AlarmKind
    measured: float
    limit: float
    sentence: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rescued:
    """The best weights were reloaded and a remedy applied, as asked for in the recipe or by a person."""

    step: int
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjusted:
    """A person changed a setting while the run went on."""

    step: int
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnded:
    """The run is over and, unless it was cancelled, its best model lies in the run's ``model`` folder."""

    step: int
    seconds: float
    reason: EndReason
    best_step: int
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFailed:
    """The run broke. `kept` says what is still there."""

    sentence: str
    remedy: str
    kept: str


RunEvent: TypeAlias = (
    Preparing
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
)
