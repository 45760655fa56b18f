"""What is going on in a run, in one sentence a clinician can act on. Pure.

The rules follow the monitors of the training loop: alarms first (they carry measured numbers), then the curve of
average precision, which moves before Dice does and does not depend on a threshold.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from app.train.curves import RunCurves, clock
from segcore.training.events import Alarm, AlarmKind, RunEnded, RunFailed, Validated

#: Validations without a gain of `PLATEAU_GAIN` in average precision that make a plateau. Ours.
PLATEAU_VALIDATIONS = 4
PLATEAU_GAIN = 0.005
#: Skill below which a plateau is that of a network that has learnt nothing (IMBALANCE 4.2).
LEAST_SKILL = 0.05
#: Average precision as a multiple of the prevalence below which nothing has been learnt (IMBALANCE: AP lift < 3).
LIFT_OF_NOTHING = 3.0


class Mood(StrEnum):
    """How a verdict is coloured."""

    NEUTRAL = "neutral"
    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A heading of a few words, a sentence with the numbers, and a mood."""

    heading: str
    sentence: str
    mood: Mood


def judge(run: RunCurves) -> Verdict:
    """Return the verdict on a run as it stands."""
    if isinstance(run.ended, RunFailed):
        return Verdict(
            heading="The run broke",
            sentence=f"{run.ended.sentence} {run.ended.remedy} {run.ended.kept}".strip(),
            mood=Mood.BAD,
        )
    if isinstance(run.ended, RunEnded):
        return _judge_ended(run, run.ended)
    if run.started is None:
        return _judge_preparing(run)
    alarm = pressing_alarm(run)
    if alarm is not None:
        return Verdict(heading=alarm.kind.value.capitalize(), sentence=_what_is_kept(run), mood=Mood.BAD)
    verdict = _judge_learning(run)
    shifted = run.alarms and run.alarms[-1].kind is AlarmKind.THRESHOLD
    return _threshold_problem(run.alarms[-1], run) if shifted and verdict.mood is Mood.GOOD else verdict


def _threshold_problem(alarm: Alarm, run: RunCurves) -> Verdict:
    latest = run.latest_validation
    at = f" There Dice is {latest.dice:.3f}." if latest is not None else ""
    return Verdict(
        heading="Learning, with a threshold problem", sentence=f"{alarm.sentence} {alarm.remedy}{at}", mood=Mood.NEUTRAL
    )


def pressing_alarm(run: RunCurves) -> Alarm | None:
    """Return the alarm that needs somebody to do something, unless a better model was found after it.

    The latest one; but a collapse, once it is there, is the cause of the others and stays.
    """
    better = run.best.step if run.best is not None else -1
    pressing = [alarm for alarm in run.alarms if alarm.kind is not AlarmKind.THRESHOLD and alarm.step >= better]
    collapses = [alarm for alarm in pressing if alarm.kind is AlarmKind.COLLAPSED]
    return next(reversed(collapses or pressing), None)


def _what_is_kept(run: RunCurves) -> str:
    if run.best is None:
        return "There is no model to keep yet; what was measured, and what helps, stands in the alarm."
    return (
        f"The best model so far is kept (step {run.best.step}, Dice {run.best.dice:.3f}); as it is, more training will "
        "not help."
    )


def _judge_preparing(run: RunCurves) -> Verdict:
    if run.preparing is None:
        return Verdict(
            heading="Starting", sentence="The engine is starting; this takes a few seconds.", mood=Mood.NEUTRAL
        )
    done = f"{run.preparing.done} of {run.preparing.total} scans are ready."
    return Verdict(heading="Preparing the scans", sentence=f"{done} This is done once and kept.", mood=Mood.NEUTRAL)


def _judge_ended(run: RunCurves, ended: RunEnded) -> Verdict:
    if run.best is None:
        return Verdict(heading=f"Run {ended.reason.value}", sentence=ended.sentence, mood=Mood.WARNING)
    best = run.best
    alarm = pressing_alarm(run)
    learnt = best.average_precision > LIFT_OF_NOTHING * best.true_fraction
    return Verdict(
        heading=f"Run {ended.reason.value}, but {alarm.kind.value}" if alarm else f"Run {ended.reason.value}",
        sentence=(
            f"Best at step {best.step}: Dice {best.dice:.3f}, precision {best.precision:.2f}, "
            f"recall {best.recall:.2f}, average precision {best.average_precision:.3f} on whole validation scans, "
            f"at threshold {best.threshold:.2f}."
        ),
        mood=Mood.GOOD if learnt and alarm is None else Mood.WARNING,
    )


def _judge_learning(run: RunCurves) -> Verdict:
    latest = run.latest_validation
    if latest is None:
        left = f" About {clock(run.latest_steps.remaining_seconds)} remain." if run.latest_steps else ""
        return Verdict(
            heading="Warming up",
            sentence=f"The first validation on whole scans is still to come.{left}",
            mood=Mood.NEUTRAL,
        )
    lift = latest.average_precision / latest.true_fraction if latest.true_fraction else 0.0
    if lift < LIFT_OF_NOTHING:
        return Verdict(
            heading="Nothing learnt yet",
            sentence=(
                f"Average precision {latest.average_precision:.4f} is {lift:.1f} times the prevalence; chance is 1. "
                "If this lasts beyond a tenth of the budget, check that masks and scans lie on each other."
            ),
            mood=Mood.WARNING,
        )
    return _judge_course(run, latest) or Verdict(
        heading="Learning",
        sentence=(
            f"Average precision {latest.average_precision:.3f} is {lift:,.0f} times the prevalence; "
            f"Dice {latest.dice:.3f}{_spread(latest)} at threshold {latest.threshold:.2f}."
        ),
        mood=Mood.GOOD,
    )


def _spread(latest: Validated) -> str:
    interval = latest.dice_interval
    if interval is None or math.isnan(interval.low):
        return ""
    return f" (mean of other such cases: {interval.low:.2f} to {interval.high:.2f})"


def _judge_course(run: RunCurves, latest: Validated) -> Verdict | None:
    """Return a verdict on how average precision has moved; None while it rises."""
    precisions = run.curves["average_precision"].y
    if len(precisions) <= PLATEAU_VALIDATIONS:
        return None
    earlier, recent = precisions[:-PLATEAU_VALIDATIONS], precisions[-PLATEAU_VALIDATIONS:]
    if max(recent) < max(earlier) * 0.7:
        return Verdict(
            heading="Un-learning",
            sentence=(
                f"Average precision fell from {max(earlier):.3f} to {recent[-1]:.3f}. The best model is kept; "
                "stop the run and try a smaller learning rate."
            ),
            mood=Mood.BAD,
        )
    noise = _standard_error(latest)
    if max(recent) >= max(earlier) + max(PLATEAU_GAIN, noise):
        return None
    informed = not latest.skill < LEAST_SKILL
    ending = (
        "the best model is kept. More of the same will not help; other cases will, or a longer run with a smaller rate."
        if informed
        else "and the prediction is hardly better than a constant: go on with a third of the learning rate."
    )
    return Verdict(
        heading="On a plateau",
        sentence=f"Average precision has stayed near {max(precisions):.3f} for {len(recent)} validations; {ending}",
        mood=Mood.NEUTRAL if informed else Mood.WARNING,
    )


def _standard_error(latest: Validated) -> float:
    """Return the standard error over cases of the average precision; 0 where it is not known."""
    interval = latest.average_precision_interval
    if interval is None or math.isnan(interval.low):
        return 0.0
    return (interval.high - interval.low) / (2 * 1.96)
