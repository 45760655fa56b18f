"""Alarms: the known ways in which training on a rare class goes wrong, with measured numbers and remedies."""

from __future__ import annotations

from segcore.training.events import Alarm, AlarmKind, StepsDone, Validated

#: Collapse: predicted mass below this share of the true mass and mean probability on foreground below that, twice in a
#: row. From 60 toy runs (5 of 5 collapses caught, no false alarm): IMBALANCE 4.2.
COLLAPSE_MASS, COLLAPSE_PROBABILITY = 0.1, 0.02
#: Foreground's share of the gradient below which the background has it all, for this many reports in a row.
LEAST_SHARE, SHARE_REPORTS = 0.05, 40
#: Average precision at which a Dice near 0 at probability 0.5 is a matter of the threshold only.
RANKING_LEARNT, DICE_AT_HALF = 0.1, 0.02


class Watch:
    """Looks at every report and validation of a run; each kind of alarm is raised once until it has passed."""

    def __init__(self) -> None:
        self._collapsed = 0
        self._dominated = 0
        self._raised: set[AlarmKind] = set()

    def after_steps(self, event: StepsDone) -> tuple[Alarm, ...]:
        """Return the alarms that follow from a report."""
        self._dominated = self._dominated + 1 if event.gradient_share < LEAST_SHARE else 0
        wrong = self._dominated >= SHARE_REPORTS
        alarm = Alarm(
            step=event.step,
            kind=AlarmKind.MAJORITY_DOMINATED,
            measured=event.gradient_share,
            limit=LEAST_SHARE,
            sentence=f"Only {100 * event.gradient_share:.1f} % of the gradient comes from lesions.",
            remedy="Use Dice + cross-entropy, raise the foreground share, and start from the prevalence.",
        )
        return self._once(alarm, wrong)

    def after_validation(self, event: Validated, *, warm: bool) -> tuple[Alarm, ...]:
        """Return the alarms that follow from a validation; `warm` is whether the warm-up is over."""
        mass = event.soft_fraction / event.true_fraction if event.true_fraction else 1.0
        gone = mass < COLLAPSE_MASS and event.foreground_probability < COLLAPSE_PROBABILITY
        self._collapsed = self._collapsed + 1 if gone and warm else 0
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
                "Stop, then train with Dice + cross-entropy without smoothing above, a foreground share of 0.5, "
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
                f"{event.average_precision:.2f}."
            ),
            remedy=f"Nothing to do: the fitted threshold {event.threshold:.2f} is used.",
        )
        only_threshold = event.average_precision >= RANKING_LEARNT and event.dice_at_half < DICE_AT_HALF
        return (*self._once(collapse, self._collapsed >= 2), *self._once(threshold, only_threshold))

    def _once(self, alarm: Alarm, wrong: bool) -> tuple[Alarm, ...]:
        if not wrong:
            self._raised.discard(alarm.kind)
            return ()
        if alarm.kind in self._raised:
            return ()
        self._raised.add(alarm.kind)
        return (alarm,)
