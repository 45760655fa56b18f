import math

from segcore.training.convergence import LEAST_SHARE, SHARE_REPORTS, Watch, not_a_number
from segcore.training.events import AlarmKind, StepsDone, Validated


def report(*, share: float = 0.4, patches: float = 0.5, step: int = 100) -> StepsDone:
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
    )


def validation(
    *, soft: float = 0.001, probability: float = 0.5, half: float = 0.5, ap: float = 0.5, true: float = 0.001
) -> Validated:
    return Validated(
        step=100,
        seconds=1.0,
        dice=0.5,
        precision=0.5,
        recall=0.5,
        pooled_dice=0.5,
        dice_at_half=half,
        average_precision=ap,
        lesion_f1=0.5,
        threshold=0.3,
        predicted_fraction=0.001,
        true_fraction=true,
        soft_fraction=soft,
        foreground_probability=probability,
        skill=0.1,
        is_best=False,
        cases=(),
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


def test_a_loss_that_is_not_a_number_comes_with_advice() -> None:
    alarm = not_a_number(17)

    assert (alarm.step, alarm.kind) == (17, AlarmKind.NOT_A_NUMBER)
    assert "learning rate" in alarm.remedy
