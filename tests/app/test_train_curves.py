import math
from dataclasses import replace

import pytest

from app.train.curves import MOST_LINES, MOST_POINTS, Curve, RunCurves, clock, percent
from app.train.verdict import Mood, judge, pressing_alarm
from segcore.metrics.lesion_sizes import SizeBin
from segcore.metrics.precision_recall import Interval
from segcore.training.events import (
    Alarm,
    AlarmKind,
    EndReason,
    MemberStarted,
    Noticed,
    Preparing,
    RunEnded,
    RunEvent,
    RunFailed,
    RunStarted,
    StepsDone,
    Validated,
)

STARTED = RunStarted(
    run="r1",
    time="2026-01-01T00:00:00Z",
    device="CPU, 2 threads",
    network="2D U-Net",
    total_steps=200,
    total_seconds=None,
    train_cases=17,
    validation_cases=3,
    prevalence=0.001,
    sampled_prevalence=0.01,
)


def steps(step: int) -> StepsDone:
    return StepsDone(
        step=step,
        seconds=step / 2,
        loss=1.0 / (1 + step),
        gradient_share=0.5,
        predicted_fraction=0.01,
        true_fraction=0.02,
        patches_with_foreground=0.5,
        learning_rate=1e-3,
        patches_per_second=10.0,
        remaining_seconds=65.0,
    )


def validated(step: int, ap: float, *, best: bool = False, dice: float = 0.4) -> Validated:
    return Validated(
        step=step,
        seconds=float(step),
        dice=dice,
        precision=0.5,
        recall=0.6,
        pooled_dice=0.4,
        dice_at_half=0.3,
        average_precision=ap,
        lesion_f1=math.nan,
        threshold=0.35,
        predicted_fraction=0.0012,
        true_fraction=0.001,
        soft_fraction=0.001,
        foreground_probability=0.5,
        skill=0.3,
        is_best=best,
        cases=(),
    )


def run_of(*events: RunEvent) -> RunCurves:
    run = RunCurves()
    for event in events:
        run.add(event)
    return run


def test_curves_hold_what_the_events_said() -> None:
    run = run_of(STARTED, steps(10), steps(20), validated(20, 0.3, best=True))
    assert run.curves["loss"].x == [10, 20]
    assert run.curves["average_precision"].y == [0.3]
    assert run.best is not None
    assert run.best.step == 20
    assert run.progress == 0.1


def test_a_million_points_keep_a_curve_small_and_its_ends_right() -> None:
    curve = Curve()
    for x in range(100_000):
        curve.add(x, -x)
    assert len(curve.x) <= MOST_POINTS
    assert curve.x[0] == 0
    assert curve.x[-1] == 99_999
    assert all(y == -x for x, y in zip(curve.x, curve.y, strict=True))


@pytest.mark.parametrize(
    ("events", "heading", "mood"),
    [
        ((), "Starting", Mood.NEUTRAL),
        ((Preparing(done=3, total=17, case="a"),), "Preparing the scans", Mood.NEUTRAL),
        ((STARTED, steps(5)), "Warming up", Mood.NEUTRAL),
        ((STARTED, validated(20, 0.002)), "Nothing learnt yet", Mood.WARNING),
        ((STARTED, validated(20, 0.2, best=True)), "Learning", Mood.GOOD),
        ((STARTED, *(validated(20 * i, 0.3, best=i == 1) for i in range(1, 7))), "On a plateau", Mood.NEUTRAL),
        ((STARTED, *(validated(20 * i, 0.3 if i < 3 else 0.1) for i in range(1, 7))), "Un-learning", Mood.BAD),
    ],
)
def test_the_verdict_says_in_words_what_the_curves_show(events: tuple[RunEvent, ...], heading: str, mood: Mood) -> None:
    verdict = judge(run_of(*events))
    assert (verdict.heading, verdict.mood) == (heading, mood)


def test_an_alarm_is_the_verdict_until_a_better_model_is_found() -> None:
    alarm = Alarm(
        step=40, kind=AlarmKind.COLLAPSED, measured=0.01, limit=0.1, sentence="It collapsed.", remedy="Do this."
    )
    run = run_of(STARTED, validated(20, 0.2, best=True), alarm)
    assert judge(run).heading == "Collapsed to background"
    assert judge(run).sentence.startswith("The best model so far is kept (step 20, Dice 0.")
    assert pressing_alarm(run) == alarm
    run.add(validated(60, 0.4, best=True))
    assert judge(run).heading == "Learning"
    assert pressing_alarm(run) is None


def test_an_alarm_that_needs_no_action_frightens_nobody() -> None:
    alarm = Alarm(step=40, kind=AlarmKind.THRESHOLD, measured=0.0, limit=0.02, sentence="Shifted.", remedy="Nothing.")
    run = run_of(STARTED, validated(20, 0.2, best=True), alarm)

    assert pressing_alarm(run) is None
    verdict = judge(run)
    assert (verdict.heading, verdict.mood) == ("Learning, with a threshold problem", Mood.NEUTRAL)
    assert verdict.sentence == "Shifted. Nothing. There Dice is 0.400."
    assert run.log[-1] == "Step 40: Shifted. Nothing."


def test_a_gain_within_one_standard_error_of_the_cases_is_still_a_plateau() -> None:
    def rising(width: float) -> RunCurves:
        interval = Interval(low=0.3, high=0.3 + width)
        return run_of(
            STARTED,
            *(replace(validated(20 * i, 0.30 + 0.01 * i), average_precision_interval=interval) for i in range(1, 7)),
        )

    # From the second to the sixth validation average precision rises by 0.04; its standard error is width / 3.92.
    assert judge(rising(0.1)).heading == "Learning"
    assert judge(rising(0.4)).heading == "On a plateau"


def test_a_plateau_without_skill_asks_for_a_smaller_learning_rate() -> None:
    flat = [replace(validated(20 * i, 0.3), skill=0.01) for i in range(1, 7)]
    verdict = judge(run_of(STARTED, *flat))

    assert (verdict.heading, verdict.mood) == ("On a plateau", Mood.WARNING)
    assert "third of the learning rate" in verdict.sentence


def test_each_alarm_of_the_monitors_is_a_verdict_of_its_own() -> None:
    for kind in AlarmKind:
        alarm = Alarm(step=40, kind=kind, measured=1.0, limit=2.0, sentence="Measured.", remedy="Do.")
        heading = judge(run_of(STARTED, validated(20, 0.2, best=True), alarm)).heading
        assert heading == (
            "Learning, with a threshold problem" if kind is AlarmKind.THRESHOLD else kind.value.capitalize()
        )


def test_intervals_and_sizes_reach_the_curves_and_old_records_leave_gaps() -> None:
    new = replace(
        validated(20, 0.3),
        dice_interval=Interval(low=0.2, high=0.5),
        sizes=(SizeBin(low=1, high=2, lesions=4, found=1), SizeBin(low=3, high=9, lesions=4, found=4)),
    )
    run = run_of(STARTED, validated(10, 0.2), new)

    assert run.curves["dice_low"].x == [10, 20]
    assert math.isnan(run.curves["dice_low"].y[0])
    assert run.curves["dice_high"].y[1] == 0.5
    assert [run.curves[f"size_{n}"].y[1] for n in (1, 2)] == [0.25, 1.0]
    assert math.isnan(run.curves["size_3"].y[1])


def test_the_kept_model_measured_once_more_is_no_step_back_in_the_curves() -> None:
    final = replace(validated(20, 0.35, best=True), cases=())
    run = run_of(STARTED, steps(20), validated(20, 0.3, best=True), steps(40), validated(40, 0.2), final)

    assert run.curves["average_precision"].x == [20, 40]
    assert (run.best, run.latest_validation) == (final, final)
    assert run.log[-1].startswith("The kept model, of step 20")


def test_a_run_that_went_on_from_a_checkpoint_has_one_line_per_curve() -> None:
    first = (STARTED, steps(10), steps(20), validated(20, 0.3), steps(30))
    run = run_of(*first, STARTED, steps(15), validated(20, 0.4), steps(25))

    assert run.curves["loss"].x == [10, 15, 25]
    assert (run.curves["average_precision"].x, run.curves["average_precision"].y) == ([20], [0.4])


def test_a_long_log_keeps_its_newest_lines_and_memory_stays_flat() -> None:
    run = run_of(STARTED)
    for step in range(3 * MOST_LINES):
        run.add(Noticed(sentence=f"line {step}"))

    assert len(run.log) <= 2 * MOST_LINES
    assert run.log[-1] == f"line {3 * MOST_LINES - 1}"
    assert run.dropped_lines + len(run.log) == 3 * MOST_LINES + 1


def test_a_finished_run_is_summed_up_with_its_best_numbers() -> None:
    ended = RunEnded(step=200, seconds=100.0, reason=EndReason.STOPPED, best_step=20, sentence="Stopped.")
    verdict = judge(run_of(STARTED, validated(20, 0.2, best=True), ended))
    assert verdict.heading == "Run stopped"
    assert "Dice 0.400" in verdict.sentence
    assert "threshold 0.35" in verdict.sentence


def test_a_broken_run_says_what_to_do_and_what_is_kept() -> None:
    verdict = judge(
        run_of(STARTED, RunFailed(sentence="Out of memory.", remedy="Halve the batch.", kept="Step 40 is kept."))
    )
    assert verdict.sentence == "Out of memory. Halve the batch. Step 40 is kept."
    assert verdict.mood is Mood.BAD


@pytest.mark.parametrize(
    ("fraction", "words"), [(0.0, "0 %"), (0.0016, "0.16 % (1:625)"), (1e-5, "0.001 % (1:100 000)")]
)
def test_small_fractions_are_shown_as_percent_and_ratio(fraction: float, words: str) -> None:
    assert percent(fraction) == words


@pytest.mark.parametrize(("seconds", "words"), [(5, "5 s"), (65, "1 min 05 s"), (7260, "2 h 01 min")])
def test_durations_are_shown_in_words(seconds: float, words: str) -> None:
    assert clock(seconds) == words


def test_the_next_member_of_an_ensemble_begins_new_curves_and_progress_counts_over_all() -> None:
    curves = RunCurves()
    curves.add(MemberStarted(member=1, members=2, seed=0, held_out=(), resumed=False))
    curves.add(STARTED)
    curves.add(replace(steps(50), seconds=10.0, remaining_seconds=30.0))
    assert curves.progress == 0.25
    curves.add(MemberStarted(member=2, members=2, seed=1, held_out=("p1", "p2"), resumed=False))
    assert curves.curves["loss"].x == []
    assert curves.progress == 0.5
    assert curves.log[-1] == "Member 2 of 2, seed 1; validated on patients p1, p2"


def test_a_member_that_goes_on_keeps_its_curves() -> None:
    curves = RunCurves()
    curves.add(MemberStarted(member=1, members=2, seed=0, held_out=(), resumed=False))
    curves.add(steps(1))
    curves.add(MemberStarted(member=1, members=2, seed=0, held_out=(), resumed=True))
    assert len(curves.curves["loss"].x) == 1


def test_a_collapse_is_the_cause_of_the_alarms_after_it_and_stays_in_front() -> None:
    def alarm(step: int, kind: AlarmKind) -> Alarm:
        return Alarm(step=step, kind=kind, measured=0.0, limit=0.05, sentence="It is so.", remedy="Do that.")

    collapsed, dominated = alarm(30, AlarmKind.COLLAPSED), alarm(57, AlarmKind.MAJORITY_DOMINATED)
    assert pressing_alarm(run_of(collapsed, dominated)) == collapsed
    assert pressing_alarm(run_of(dominated)) == dominated
    assert pressing_alarm(run_of(collapsed, validated(40, 0.5, best=True), dominated)) == dominated
