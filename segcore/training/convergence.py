"""Alarms: the known ways in which training on a rare class goes wrong, with measured numbers and remedies."""

from __future__ import annotations

import math

from segcore.training.events import Alarm, AlarmKind, StepsDone, Validated

#: Collapse: predicted mass below this share of the true mass and mean probability on foreground below that, twice in a
#: row. From 60 toy runs (5 of 5 collapses caught, no false alarm): IMBALANCE 4.2.
COLLAPSE_MASS, COLLAPSE_PROBABILITY = 0.1, 0.02
#: Foreground's share of the gradient below which the background has it all, for this many reports in a row.
LEAST_SHARE, SHARE_REPORTS = 0.05, 40
#: Average precision at which a Dice near 0 at probability 0.5 is a matter of the threshold only.
RANKING_LEARNT, DICE_AT_HALF = 0.1, 0.02
#: Share of patches with foreground below which too little of it is seen, for as many reports in a row.
LEAST_PATCHES = 0.02
#: Share of the budget before which a validation says nothing about collapse, and nothing about the threshold.
WARM, SETTLED = 0.1, 0.4
#: Validations in a row that must show the same.
_TWICE = 2


class Watch:
    """Looks at every report and validation of a run; each kind of alarm is raised once until it has passed."""

    def __init__(self) -> None:
        self._in_a_row: dict[AlarmKind, int] = {}
        self._raised: set[AlarmKind] = set()

    def after_steps(self, event: StepsDone) -> tuple[Alarm, ...]:
        """Return the alarms that follow from a report."""
        dominated = Alarm(
            step=event.step,
            kind=AlarmKind.MAJORITY_DOMINATED,
            measured=event.gradient_share,
            limit=LEAST_SHARE,
            sentence=f"Only {100 * event.gradient_share:.1f} % of the gradient comes from lesions.",
            remedy="Use Dice + cross-entropy, raise the foreground share, and start from the prevalence.",
        )
        unseen = Alarm(
            step=event.step,
            kind=AlarmKind.NO_FOREGROUND,
            measured=event.patches_with_foreground,
            limit=LEAST_PATCHES,
            sentence=f"Only {100 * event.patches_with_foreground:.1f} % of the patches hold a lesion.",
            remedy="Choose a sampling that looks for lesions, with a foreground share of 0.3 or more.",
        )
        return (
            *self._judge(dominated, wrong=event.gradient_share < LEAST_SHARE, times=SHARE_REPORTS),
            *self._judge(unseen, wrong=event.patches_with_foreground < LEAST_PATCHES, times=SHARE_REPORTS),
        )

    def after_validation(self, event: Validated, *, progress: float) -> tuple[Alarm, ...]:
        """Return the alarms that follow from a validation at a share `progress` of the budget."""
        mass = event.soft_fraction / event.true_fraction if event.true_fraction > 0 else math.nan
        collapse = Alarm(
            step=event.step,
            kind=AlarmKind.COLLAPSED,
            measured=event.foreground_probability,
            limit=COLLAPSE_PROBABILITY,
            sentence=(
                f"The network predicts {mass:.2f} times the true foreground and gives lesion voxels a mean probability "
                f"of {event.foreground_probability:.3f}: it has collapsed to 'all background'."
            ),
            remedy=(
                "Stop, then train with Dice + cross-entropy with a smoothing of 0, a foreground share of 0.5, "
                "starting from the prevalence, at a third of the learning rate."
            ),
        )
        threshold = Alarm(
            step=event.step,
            kind=AlarmKind.THRESHOLD,
            measured=event.dice_at_half,
            limit=DICE_AT_HALF,
            sentence=(
                f"At probability 0.5 Dice is {event.dice_at_half:.3f}, but the ranking is learnt: average precision "
                f"is {event.average_precision:.2f}."
            ),
            remedy=f"Nothing to do: the fitted threshold of {event.threshold:.3g} is used.",
        )
        # NaN compares as False: what is undefined raises no alarm.
        gone = mass < COLLAPSE_MASS and event.foreground_probability < COLLAPSE_PROBABILITY
        shifted = event.average_precision >= RANKING_LEARNT and event.dice_at_half < DICE_AT_HALF
        return (
            *self._judge(collapse, wrong=gone and progress >= WARM, times=_TWICE),
            *self._judge(threshold, wrong=shifted and progress >= SETTLED, times=_TWICE),
        )

    def _judge(self, alarm: Alarm, *, wrong: bool, times: int) -> tuple[Alarm, ...]:
        count = self._in_a_row.get(alarm.kind, 0) + 1 if wrong else 0
        self._in_a_row[alarm.kind] = count
        if count == 0:
            self._raised.discard(alarm.kind)
        if count < times or alarm.kind in self._raised:
            return ()
        self._raised.add(alarm.kind)
        return (alarm,)


def not_a_number(step: int) -> Alarm:
    """Return the alarm for a loss or gradient that is not a number."""
    return Alarm(
        step=step,
        kind=AlarmKind.NOT_A_NUMBER,
        measured=math.nan,
        limit=math.inf,
        sentence="The loss is no longer a number, so the run ended at its last good weights.",
        remedy="Try a learning rate ten times smaller.",
    )
