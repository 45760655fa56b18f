"""What a run has told so far, as numbers ready to plot. Pure: no widget, no file."""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass, field

from segcore.metrics.lesion_sizes import SIZE_BINS
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
    RunEvent,
    RunFailed,
    RunStarted,
    StepsDone,
    Validated,
)

#: Points kept per curve; beyond this every second one is dropped, so memory stays flat however long a run is.
MOST_POINTS = 2000


@dataclass(slots=True)
class Curve:
    """One line of a plot: x are training steps."""

    x: list[float] = field(default_factory=list)
    y: list[float] = field(default_factory=list)

    def add(self, x: float, y: float) -> None:
        """Append a point; a curve that has grown too long is thinned by half."""
        self.x.append(x)
        self.y.append(y)
        if len(self.x) > MOST_POINTS:
            self.x, self.y = self.x[::2], self.y[::2]


#: Lines of the log that are kept; twice as many at most.
MOST_LINES = 2000
#: Curves with an interval over cases: `<name>_low` and `<name>_high` go with them.
INTERVAL_CURVES = ("dice", "precision", "recall", "f_beta", "average_precision")
#: Curves measured on whole validation scans: field of `Validated`.
VALIDATION_CURVES = (
    *INTERVAL_CURVES,
    "lesion_f1",
    "skill",
    "false_positives_per_case",
    "brier_skill",
    "calibration_error",
)
#: Lesion recall from the smallest to the largest quarter.
SIZE_CURVES = tuple(f"size_{quarter + 1}" for quarter in range(SIZE_BINS))
#: Curves measured on training patches: field of `StepsDone`.
STEP_CURVES = (
    "loss",
    "gradient_share",
    "predicted_fraction",
    "true_fraction",
    "learning_rate",
    "patches_with_foreground",
    "asked_share",
    "forced_share",
    "hard_share",
    "pasted_share",
    "batches_without_foreground",
    "dead_batches",
    "patches_per_second",
    "loading",
    "augmenting",
    "learning",
    "validating",
)
_BOUNDS = tuple(f"{name}_{side}" for name in INTERVAL_CURVES for side in ("low", "high"))


class RunCurves:
    """Collects the events of one run; the same for a live run and for a replay."""

    def __init__(self) -> None:
        names = (*VALIDATION_CURVES, *SIZE_CURVES, *STEP_CURVES, *_BOUNDS, "patch_skill", "validated_fraction")
        self.curves: dict[str, Curve] = {name: Curve() for name in names}
        self.started: RunStarted | None = None
        self.preparing: Preparing | None = None
        self.latest_steps: StepsDone | None = None
        self.latest_validation: Validated | None = None
        self.best: Validated | None = None
        self.alarms: list[Alarm] = []
        self.ended: RunEnded | RunFailed | None = None
        self.log: list[str] = []
        self.dropped_lines = 0
        self.case: CaseShown | None = None
        self.batch: BatchShown | None = None
        self.member: MemberStarted | None = None

    def add(self, event: RunEvent) -> None:
        """Take in one event; an event that belongs to no plot only reaches the log."""
        if isinstance(event, StepsDone):
            self._add_steps(event)
        elif isinstance(event, Validated):
            self._add_validation(event)
        elif isinstance(event, Preparing):
            self.preparing = event
        elif isinstance(event, RunStarted):
            self._add_start(event)
        elif isinstance(event, MemberStarted):
            self._add_member(event)
        elif isinstance(event, CaseShown):
            self.case = event
        elif isinstance(event, BatchShown):
            self.batch = event
        elif not isinstance(event, CheckpointSaved):
            self._add_word(event)
        if len(self.log) > 2 * MOST_LINES:
            self.dropped_lines += len(self.log) - MOST_LINES
            del self.log[:-MOST_LINES]

    def _add_member(self, event: MemberStarted) -> None:
        """Begin new curves: those of the next member of an ensemble; the log and the best numbers stay."""
        self.member = event
        if not event.resumed:
            for curve in self.curves.values():
                curve.x.clear()
                curve.y.clear()
            self.alarms.clear()
            self.latest_steps = None
        left_out = f"; validated on patients {', '.join(event.held_out)}" if event.held_out else ""
        self.log.append(f"Member {event.member} of {event.members}, seed {event.seed}{left_out}")

    def _add_steps(self, event: StepsDone) -> None:
        if self.latest_steps is not None and event.step <= self.latest_steps.step:
            self._forget_from(event.step)
        self.latest_steps = event
        for name in STEP_CURVES:
            self.curves[name].add(event.step, getattr(event, name))
        self.curves["patch_skill"].add(event.step, event.skill)

    def _forget_from(self, step: int) -> None:
        """Take back what a run told that went on from a checkpoint before it: steps rise in every curve."""
        for curve in self.curves.values():
            kept = bisect_left(curve.x, step)
            del curve.x[kept:], curve.y[kept:]

    def _add_validation(self, event: Validated) -> None:
        self.latest_validation = event
        if event.is_best:
            self.best = event
        known = self.curves["dice"].x
        if known and event.step <= known[-1]:  # the kept model, measured once more when the run ends
            self.log.append(
                f"The kept model, of step {event.step}: Dice {event.dice:.3f}, average precision "
                f"{event.average_precision:.3f} on {len(event.cases)} validation scans"
            )
            return
        self._add_points(event)
        self.log.append(
            f"Step {event.step}: Dice {event.dice:.3f}, average precision {event.average_precision:.3f} on "
            f"{len(event.cases)} validation scans{' (best so far, kept)' if event.is_best else ''}"
        )

    def _add_points(self, event: Validated) -> None:
        for name in VALIDATION_CURVES:
            self.curves[name].add(event.step, getattr(event, name))
        for name in INTERVAL_CURVES:
            interval = getattr(event, f"{name}_interval")
            self.curves[f"{name}_low"].add(event.step, interval.low if interval else math.nan)
            self.curves[f"{name}_high"].add(event.step, interval.high if interval else math.nan)
        for quarter, name in enumerate(SIZE_CURVES):
            self.curves[name].add(event.step, event.sizes[quarter].recall if quarter < len(event.sizes) else math.nan)
        self.curves["validated_fraction"].add(event.step, event.predicted_fraction)

    def _add_start(self, event: RunStarted) -> None:
        self.started, self.ended = event, None
        self.log.append(
            f"{event.network} on {event.device}; {event.train_cases} training and {event.validation_cases} "
            f"validation scans; foreground is {percent(event.prevalence)} of the scans and "
            f"{percent(event.sampled_prevalence)} of the patches"
        )

    def _add_word(self, event: Alarm | Noticed | Rescued | Adjusted | RunEnded | RunFailed) -> None:
        if isinstance(event, Alarm):
            self.alarms.append(event)
            self.log.append(f"Step {event.step}: {event.sentence} {event.remedy}")
            return
        if isinstance(event, Rescued):
            self.alarms.clear()  # they were answered
        if isinstance(event, RunEnded | RunFailed):
            self.ended = event
        self.log.append(event.sentence)

    @property
    def progress(self) -> float:
        """Share of the budget that is used up, 0..1."""
        if isinstance(self.ended, RunEnded):
            return 1.0
        if self.started is None or self.latest_steps is None:
            return 0.0 if self.member is None else (self.member.member - 1) / self.member.members
        steps = self.latest_steps
        if self.member is not None:
            whole = steps.seconds + steps.remaining_seconds
            return min(1.0, steps.seconds / whole) if whole > 0 else 0.0
        if self.started.total_steps:
            return min(1.0, steps.step / self.started.total_steps)
        if self.started.total_seconds:
            return min(1.0, steps.seconds / self.started.total_seconds)
        return 0.0


def percent(fraction: float) -> str:
    """Return a small fraction in words, e.g. ``"0.16 % (1:625)"``."""
    if not fraction > 0:
        return "0 %"
    ratio = f"1:{round(1 / fraction):,}".replace(",", " ")
    return f"{100 * fraction:.2g} % ({ratio})"


def clock(seconds: float) -> str:
    """Return a duration in words, e.g. ``"4 min 05 s"``."""
    whole = max(0, round(seconds))
    hours, rest = divmod(whole, 3600)
    minutes, seconds_left = divmod(rest, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {seconds_left:02d} s" if minutes else f"{seconds_left} s"
