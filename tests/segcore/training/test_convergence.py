import math

from segcore.training.convergence import DEAD_REPORTS, LEAST_SHARE, SHARE_REPORTS, Watch, not_a_number
from segcore.training.events import AlarmKind, StepsDone, Validated


def report(
    *, share: float = 0.4, patches: float = 0.5, step: int = 100, dead: float = 0.0, logit: float = 1.0
) -> StepsDone:
    return StepsDone(
        step=step,
        seconds=1.0,
        loss=0.5,
        gradient_share=share,
        predicted_fraction=0.01,
        true_fraction=0.01,
        patches_with_foreground=patches,
        learning_rate=1e-3,
        patches_per_second=10.0,
        remaining_seconds=10.0,
        dead_batches=dead,
        foreground_logit=logit,
    )


def validation(
    *,
    soft: float = 0.001,
    probability: float = 0.5,
    half: float = 0.5,
    ap: float = 0.5,
    true: float = 0.001,
    predicted: float = 0.001,
    precision: float = 0.5,
    logit: float = 1.0,
) -> Validated:
    return Validated(
        step=100,
        seconds=1.0,
        dice=0.5,
        precision=precision,
        recall=0.5,
        pooled_dice=0.5,
        dice_at_half=half,
        average_precision=ap,
        lesion_f1=0.5,
        threshold=0.3,
        predicted_fraction=predicted,
        true_fraction=true,
        soft_fraction=soft,
        foreground_probability=probability,
        skill=0.1,
        is_best=False,
        cases=(),
        foreground_logit=logit,
    )


COLLAPSED = validation(soft=0.00005, probability=0.01, half=0.0, ap=0.01)


def kinds(watch: Watch, events: list[Validated], progress: float = 0.5) -> list[AlarmKind]:
    return [alarm.kind for event in events for alarm in watch.after_validation(event, progress=progress)]


def test_a_collapse_is_told_at_its_second_validation_and_only_once() -> None:
    assert kinds(Watch(), [COLLAPSED]) == []
    assert kinds(Watch(), [COLLAPSED] * 4) == [AlarmKind.COLLAPSED]


def test_a_collapse_is_not_told_while_the_run_warms_up() -> None:
    assert kinds(Watch(), [COLLAPSED] * 4, progress=0.05) == []


def test_a_collapse_that_passed_and_came_back_is_told_again() -> None:
    events = [COLLAPSED, COLLAPSED, validation(), COLLAPSED, COLLAPSED]

    assert kinds(Watch(), events) == [AlarmKind.COLLAPSED, AlarmKind.COLLAPSED]


def test_a_dice_of_zero_at_one_half_alone_is_a_threshold_and_no_collapse() -> None:
    calibrated_low = validation(soft=0.0009, probability=0.2, half=0.0, ap=0.3)

    assert kinds(Watch(), [calibrated_low] * 2) == [AlarmKind.THRESHOLD]
    assert kinds(Watch(), [calibrated_low] * 3, progress=0.2) == []


def test_a_healthy_run_and_one_without_any_foreground_raise_nothing() -> None:
    nothing_there = validation(soft=0.0, probability=math.nan, half=math.nan, ap=math.nan, true=0.0)

    assert kinds(Watch(), [validation()] * 5) == []
    assert kinds(Watch(), [nothing_there] * 5) == []


def test_the_background_pulling_alone_is_told_after_a_while_with_the_number() -> None:
    watch = Watch()
    alarms = [alarm for _ in range(2 * SHARE_REPORTS) for alarm in watch.after_steps(report(share=0.004))]

    (alarm,) = alarms
    assert (alarm.kind, alarm.measured, alarm.limit) == (AlarmKind.MAJORITY_DOMINATED, 0.004, LEAST_SHARE)
    assert "0.4 % of the gradient" in alarm.sentence


def test_one_good_report_starts_the_count_anew() -> None:
    watch = Watch()
    told = [watch.after_steps(report(share=0.004)) for _ in range(SHARE_REPORTS - 1)]
    told.append(watch.after_steps(report()))
    told += [watch.after_steps(report(share=0.004)) for _ in range(SHARE_REPORTS - 1)]

    assert all(alarms == () for alarms in told)


def test_batches_without_lesions_are_told() -> None:
    watch = Watch()
    alarms = [a for _ in range(SHARE_REPORTS) for a in watch.after_steps(report(patches=0.0))]

    assert [alarm.kind for alarm in alarms] == [AlarmKind.NO_FOREGROUND]


def test_a_blind_loss_is_told_by_the_batches_in_which_lesions_got_no_gradient() -> None:
    watch = Watch()
    alarms = [a for _ in range(DEAD_REPORTS) for a in watch.after_steps(report(dead=0.61))]

    (alarm,) = alarms
    assert (alarm.kind, alarm.measured) == (AlarmKind.NO_GRADIENT, 0.61)
    assert "61 % of the batches" in alarm.sentence
    assert [a for _ in range(DEAD_REPORTS) for a in Watch().after_steps(report(dead=math.nan))] == []


def test_nothing_learnt_is_told_only_when_it_is_late() -> None:
    chance = validation(ap=0.002, half=0.0)

    assert kinds(Watch(), [chance] * 4, progress=0.2) == []
    assert kinds(Watch(), [chance] * 4, progress=0.3) == [AlarmKind.NOTHING_LEARNT]
    (alarm,) = [a for watch in [Watch()] for _ in range(2) for a in watch.after_validation(chance, progress=0.5)]
    assert alarm.measured == 2.0
    assert "2.0 times the prevalence" in alarm.sentence
    assert "masks" in alarm.remedy


def test_a_common_structure_cannot_reach_three_times_its_prevalence_and_is_not_held_to_it() -> None:
    common = validation(ap=0.6, true=0.4, soft=0.4, predicted=0.4)

    assert kinds(Watch(), [common] * 4) == []


def test_unlearning_is_told_when_more_than_half_of_the_best_is_lost_twice() -> None:
    good, dip, lost = validation(ap=0.6), validation(ap=0.35), validation(ap=0.2)

    assert kinds(Watch(), [good, dip, dip, lost, good]) == []
    assert kinds(Watch(), [good, lost, lost, lost]) == [AlarmKind.UNLEARNING]
    alarm = Watch()
    told = [a for event in (good, lost, lost) for a in alarm.after_validation(event, progress=0.5)]
    assert (told[0].measured, told[0].limit) == (0.2, 0.3)


def test_lesions_learnt_by_heart_are_told_when_validation_no_longer_gains() -> None:
    def watched(precisions: list[float], train: float, found: float) -> list[AlarmKind]:
        watch = Watch()
        watch.after_steps(report(logit=train))
        return kinds(watch, [validation(ap=ap, logit=found) for ap in precisions])

    flat = [0.3, 0.3, 0.3, 0.3, 0.3]
    assert watched(flat, train=6.0, found=1.5) == [AlarmKind.OVERFITTING]
    assert watched(flat, train=4.0, found=1.5) == []
    assert watched([0.1, 0.2, 0.3, 0.4, 0.5], train=6.0, found=1.5) == []  # the gap is there, but it pays
    assert watched(flat, train=math.nan, found=1.5) == []


def test_a_flood_of_false_foreground_is_told_late_in_a_run() -> None:
    flood = validation(predicted=0.005, precision=0.1)

    assert kinds(Watch(), [flood] * 3, progress=0.3) == []
    assert kinds(Watch(), [flood] * 3) == [AlarmKind.OVER_PREDICTING]
    assert kinds(Watch(), [validation(predicted=0.005, precision=0.4)] * 3) == []


def test_a_loss_that_is_not_a_number_comes_with_advice() -> None:
    alarm = not_a_number(17)

    assert (alarm.step, alarm.kind) == (17, AlarmKind.NOT_A_NUMBER)
    assert "learning rate" in alarm.remedy
