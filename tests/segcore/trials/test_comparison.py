"""What a trial's numbers allow one to say, against results worked out by hand."""

import math

import pytest

from segcore.metrics.evaluation import CaseMetrics
from segcore.training.recipe import Recipe
from segcore.trials.comparison import METRICS, TrialComparison, compare_arms
from segcore.trials.folder import TestedCase, TestedRun
from segcore.trials.plan import Arm, TestCase, TrialPlan

DICE, AVERAGE_PRECISION = METRICS[0], METRICS[2]


def plan(patients: tuple[str, ...], *, arms: int = 2, seeds: int = 1) -> TrialPlan:
    return TrialPlan(
        id="t",
        name="T",
        created="2026-01-01T00:00:00+00:00",
        arms=tuple(Arm(name=f"arm {number}", recipe=Recipe()) for number in range(arms)),
        seeds=tuple(range(seeds)),
        steps=10,
        test=tuple(TestCase(case=f"c{number}", group=patient) for number, patient in enumerate(patients)),
        data="",
    )


def metrics(dice: float) -> CaseMetrics:
    return CaseMetrics(
        dice=dice,
        iou=0.0,
        precision=0.0,
        recall=0.0,
        lesion_f1=0.0,
        lesion_recall=0.0,
        lesion_precision=0.0,
        false_positives=0,
        hd95_mm=0.0,
        nsd=0.0,
        predicted_ml=0.0,
        true_ml=0.0,
    )


def results(p: TrialPlan, dice: dict[tuple[int, int], list[float]]) -> dict[str, TestedRun]:
    """Results by (arm, seed), one Dice per case."""
    found = {}
    for run in p.runs:
        if (run.arm, run.seed) in dice:
            values = dice[run.arm, run.seed]
            cases = tuple(
                TestedCase(case=one.case, group=one.group, average_precision=0.5, metrics=metrics(value))
                for one, value in zip(p.test, values, strict=True)
            )
            found[run.id] = TestedRun(run=run.id, step=0, time="", cases=cases)
    return found


def compared(p: TrialPlan, dice: dict[tuple[int, int], list[float]]) -> TrialComparison:
    return compare_arms(p, results(p, dice), DICE)


def test_the_unit_is_the_patient_and_not_the_scan() -> None:
    """Patient A has three scans, B one: A's scans do not outvote B."""
    p = plan(("A", "A", "A", "B"))

    result = compared(p, {(0, 0): [0.9, 0.9, 0.9, 0.1], (1, 0): [0.5, 0.5, 0.5, 0.3]})

    assert result.patients == 2
    assert result.arms[0].mean == pytest.approx(0.5)  # (0.9 + 0.1) / 2, not (3 × 0.9 + 0.1) / 4
    assert result.pairs[0].comparison.difference == pytest.approx(0.1)  # (0.4 − 0.2) / 2
    assert result.pairs[0].comparison.pairs == 2


def test_seeds_are_averaged_within_a_case_and_their_spread_is_told() -> None:
    p = plan(("A", "B"), seeds=2)

    result = compared(p, {(0, 0): [0.6, 0.8], (0, 1): [0.8, 0.8], (1, 0): [0.5, 0.5], (1, 1): [0.5, 0.5]})

    assert result.cases[0].values == pytest.approx((0.7, 0.5))
    assert result.arms[0].by_seed == pytest.approx((0.7, 0.8))
    assert result.arms[0].seed_spread == pytest.approx(math.sqrt(0.005))
    assert result.pairs[0].by_seed == pytest.approx((0.2, 0.3))


def test_seven_patients_that_all_agree_show_a_difference() -> None:
    """All 2⁷ sign flips: only the observed one and its opposite are as extreme, p = 2/128."""
    p = plan(tuple("ABCDEFG"))

    result = compared(p, {(0, 0): [0.8] * 7, (1, 0): [0.7, 0.71, 0.69, 0.7, 0.72, 0.68, 0.7]})

    pair = result.pairs[0]
    assert pair.comparison.p == pytest.approx(2 / 128)
    assert pair.is_shown
    assert result.sentence(pair).startswith("arm 0 is better than arm 1: Dice differs by +0.100")


def test_the_better_arm_is_named_first_whichever_it_is() -> None:
    p = plan(tuple("ABCDEFG"))

    result = compared(p, {(0, 0): [0.7, 0.71, 0.69, 0.7, 0.72, 0.68, 0.7], (1, 0): [0.8] * 7})

    assert result.sentence(result.pairs[0]).startswith("arm 1 is better than arm 0")


def test_an_interval_across_zero_is_said_in_words() -> None:
    p = plan(tuple("ABCDEFG"))

    result = compared(p, {(0, 0): [0.8, 0.6] * 3 + [0.7], (1, 0): [0.6, 0.8] * 3 + [0.7]})

    assert not result.pairs[0].is_shown
    assert not result.pairs[0].is_hint
    assert "cannot be told apart" in result.sentence(result.pairs[0])


def test_few_patients_can_only_hint_however_large_the_difference() -> None:
    p = plan(tuple("ABCD"))

    result = compared(p, {(0, 0): [0.9, 0.8, 0.9, 0.8], (1, 0): [0.1, 0.1, 0.1, 0.1]})

    assert result.pairs[0].comparison.p == pytest.approx(2 / 16)
    assert result.pairs[0].is_hint
    assert "hint at but do not show" in result.sentence(result.pairs[0])
    assert "With 4 test patients the smallest possible p is 0.12: no difference can be shown, however large." in (
        result.cautions()
    )


def test_holm_makes_three_pairs_pay_for_three_looks() -> None:
    p = plan(tuple("ABCDEFG"), arms=3)
    spread = [0.0, 0.01, -0.01, 0.02, -0.02, 0.01, 0.0]

    result = compared(
        p,
        {(0, 0): [0.8] * 7, (1, 0): [0.7 + s for s in spread], (2, 0): [0.5 - s for s in spread]},
    )

    assert [pair.comparison.p for pair in result.pairs] == pytest.approx([2 / 128] * 3)
    assert [pair.adjusted for pair in result.pairs] == pytest.approx([6 / 128] * 3)


def test_a_case_without_a_value_is_left_out_of_its_pair_and_counted() -> None:
    p = plan(("A", "B", "C"))

    result = compared(p, {(0, 0): [math.nan, 0.6, 0.8], (1, 0): [0.5, 0.5, 0.5]})

    assert result.arms[0].undefined == 1
    assert result.arms[0].mean == pytest.approx(0.7)
    assert result.pairs[0].comparison.pairs == 2
    assert result.pairs[0].comparison.difference == pytest.approx(0.2)


def test_a_run_that_is_missing_leaves_the_other_seeds() -> None:
    p = plan(("A", "B"), seeds=2)

    result = compared(p, {(0, 0): [0.6, 0.8], (1, 0): [0.5, 0.5], (1, 1): [0.7, 0.7]})

    assert result.arms[0].mean == pytest.approx(0.7)
    assert math.isnan(result.arms[0].by_seed[1])
    assert result.arms[0].undefined == 0
    assert math.isnan(result.pairs[0].by_seed[1])


def test_a_sign_that_changes_from_seed_to_seed_is_a_caution() -> None:
    p = plan(tuple("ABCDEFG"), seeds=3)
    low, high = [0.7, 0.71, 0.69, 0.7, 0.72, 0.68, 0.7], [0.9] * 7
    dice = {(0, 0): high, (0, 1): high, (0, 2): [0.6] * 7, (1, 0): low, (1, 1): low, (1, 2): low}

    result = compared(p, dice)

    assert result.pairs[0].is_shown
    assert "Between arm 0 and arm 1 the sign of the difference changes from seed to seed." in result.cautions()


def test_too_few_seeds_and_a_single_patient_are_cautions() -> None:
    result = compared(plan(("A", "A")), {(0, 0): [0.6, 0.8], (1, 0): [0.5, 0.5]})

    assert result.cautions()[0] == "With a single test patient nothing can be said about others."
    assert "With 1 seed a difference may be luck of the start; use 3 or more." in result.cautions()
    assert "cannot be told apart" in result.sentence(result.pairs[0])


def test_cases_without_a_patient_count_as_patients_of_their_own() -> None:
    result = compared(plan(("", "", "")), {(0, 0): [0.6, 0.8, 0.7], (1, 0): [0.5, 0.5, 0.5]})

    assert result.patients == 3


def test_every_metric_takes_its_own_value() -> None:
    p = plan(("A", "B"))
    known = results(p, {(0, 0): [0.6, 0.8], (1, 0): [0.5, 0.5]})

    assert compare_arms(p, known, AVERAGE_PRECISION).arms[0].mean == pytest.approx(0.5)
    assert [metric.name for metric in METRICS] == ["dice", "lesion_f1", "average_precision", "recall", "precision"]
