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
#: Share of the batches with lesions in which none of the gradient came from them, for as many reports in a row.
MOST_DEAD, DEAD_REPORTS = 0.5, 20
#: Average precision as a multiple of the prevalence below which nothing is learnt (IMBALANCE 4.2), where that is far
#: from certainty, and the share of the budget from which that is no longer early.
LEAST_LIFT, CERTAIN, LATE = 3.0, 0.5, 0.25
#: Un-learning: average precision below this share of the best one.
LOST_SHARE = 0.5
#: Overfitting: lesions of the training patches get so many logits more than those of the validation scans (Li et al.
#: 2021, arXiv:2102.10365: under imbalance it is the foreground's logits that shift), and validations without a gain.
MOST_SHIFT, STALE, LEAST_GAIN = 3.0, 2, 0.005
#: Predicted over true foreground at the fitted threshold, and the precision that goes with it.
MOST_MASS, LEAST_PRECISION = 3.0, 0.3
#: Share of the budget before which a validation says nothing about collapse, and nothing about the threshold.
WARM, SETTLED = 0.1, 0.4
#: Validations in a row that must show the same.
_TWICE = 2


class Watch:
    """Looks at every report and validation of a run; each kind of alarm is raised once until it has passed."""

    def __init__(self) -> None:
        self._in_a_row: dict[AlarmKind, int] = {}
        self._raised: set[AlarmKind] = set()
        self._precisions: list[float] = []
        self._training_logit = math.nan

    def after_steps(self, event: StepsDone) -> tuple[Alarm, ...]:
        """Return the alarms that follow from a report."""
        self._training_logit = event.foreground_logit
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
            *self._judge(_no_gradient(event), wrong=event.dead_batches > MOST_DEAD, times=DEAD_REPORTS),
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
            *self._after_course(event, collapsed=gone, progress=progress),
        )

    def _after_course(self, event: Validated, *, collapsed: bool, progress: float) -> tuple[Alarm, ...]:
        """Return the alarms that follow from how a validation compares with those before it, and with training."""
        earlier = max(self._precisions, default=0.0)
        lately = max(self._precisions[-STALE:], default=0.0)
        before = max(self._precisions[:-STALE], default=-math.inf)
        self._precisions.append(event.average_precision)
        limit = min(LEAST_LIFT * event.true_fraction, CERTAIN)
        nothing = event.average_precision < limit and not collapsed and earlier < RANKING_LEARNT
        lost = earlier >= RANKING_LEARNT and event.average_precision < LOST_SHARE * earlier and not collapsed
        shift = self._training_logit - event.foreground_logit
        stale = max(lately, event.average_precision) < before + LEAST_GAIN
        mass = event.predicted_fraction / event.true_fraction if event.true_fraction > 0 else math.nan
        flooded = mass > MOST_MASS and event.precision < LEAST_PRECISION and not nothing
        return (
            *self._judge(_nothing_learnt(event), wrong=nothing and progress >= LATE, times=_TWICE),
            *self._judge(_unlearning(event, earlier), wrong=lost, times=_TWICE),
            *self._judge(
                _overfitting(event, shift), wrong=shift > MOST_SHIFT and stale and progress >= WARM, times=_TWICE
            ),
            *self._judge(_over_predicting(event, mass), wrong=flooded and progress >= SETTLED, times=_TWICE),
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


def _no_gradient(event: StepsDone) -> Alarm:
    return Alarm(
        step=event.step,
        kind=AlarmKind.NO_GRADIENT,
        measured=event.dead_batches,
        limit=MOST_DEAD,
        sentence=(
            f"In {100 * event.dead_batches:.0f} % of the batches that hold lesions the loss gave them no gradient at all: "
            "an overlap loss is blind once everything is called background."
        ),
        remedy="Add cross-entropy: use Dice + cross-entropy with a smoothing of 0.",
    )


def _nothing_learnt(event: Validated) -> Alarm:
    lift = event.average_precision / event.true_fraction if event.true_fraction > 0 else math.nan
    return Alarm(
        step=event.step,
        kind=AlarmKind.NOTHING_LEARNT,
        measured=lift,
        limit=LEAST_LIFT,
        sentence=(
            f"Average precision is {event.average_precision:.4f}, {lift:.1f} times the prevalence; chance is 1. The "
            "network cannot tell lesions from background."
        ),
        remedy=(
            "First see in Patches whether the masks lie on the lesions: masks shifted against their scans, or of other "
            "scans, cannot be learnt. If they do, use the usual learning rate and Dice + cross-entropy."
        ),
    )


def _unlearning(event: Validated, best: float) -> Alarm:
    return Alarm(
        step=event.step,
        kind=AlarmKind.UNLEARNING,
        measured=event.average_precision,
        limit=LOST_SHARE * best,
        sentence=(
            f"Average precision has fallen from {best:.3f} to {event.average_precision:.3f}: the network forgets the "
            "lesions, whatever the loss does."
        ),
        remedy="Go on from the best weights with a third of the learning rate.",
    )


def _overfitting(event: Validated, shift: float) -> Alarm:
    return Alarm(
        step=event.step,
        kind=AlarmKind.OVERFITTING,
        measured=shift,
        limit=MOST_SHIFT,
        sentence=(
            f"Lesions in training patches get {shift:.1f} logits more than those in validation scans, and validation no "
            "longer improves: the few training lesions are learnt by heart."
        ),
        remedy="Turn up augmentation and paste lesions into other places; more annotated lesions help most.",
    )


def _over_predicting(event: Validated, mass: float) -> Alarm:
    return Alarm(
        step=event.step,
        kind=AlarmKind.OVER_PREDICTING,
        measured=mass,
        limit=MOST_MASS,
        sentence=(
            f"{mass:.1f} times the true foreground is predicted, with a precision of {event.precision:.2f}, even at the "
            "fitted threshold."
        ),
        remedy="Draw fewer patches on lesions and more where false alarms are raised.",
    )
