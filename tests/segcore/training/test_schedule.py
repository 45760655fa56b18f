import pytest
from hypothesis import given
from hypothesis import strategies as st

from segcore.training.recipe import Budget, Optimiser, Recipe
from segcore.training.schedule import WARM_UP, Schedule


def by_steps(steps: int = 1000, validations: int = 10) -> Schedule:
    return Schedule(
        Recipe(budget=Budget(steps=steps, validations=validations), optimiser=Optimiser(learning_rate=0.01))
    )


def by_minutes(minutes: float = 5.0, validations: int = 10) -> Schedule:
    return Schedule(Recipe(budget=Budget(minutes=minutes, validations=validations)))


def validated_at(schedule: Schedule, *, took: float, until: float) -> list[float]:
    """Play a run of one step a second, where each validation takes `took` seconds."""
    times, seconds, ended = [], 0.0, 0.0
    while seconds < until:
        if schedule.wants_validation(int(seconds), seconds, done=len(times), took=took, last=ended):
            times.append(seconds)
            seconds += took
            ended = seconds
        seconds += 1.0
    return times


def test_the_rate_warms_up_peaks_and_falls_to_a_hundredth() -> None:
    schedule = by_steps()

    assert schedule.learning_rate(0.0) == pytest.approx(0.001)
    assert schedule.learning_rate(WARM_UP) == pytest.approx(0.01)
    assert schedule.learning_rate(0.5) == pytest.approx(0.0053, rel=0.1)
    assert schedule.learning_rate(1.0) == pytest.approx(0.0001)


@given(st.floats(0, 1))
def test_the_rate_is_never_above_the_peak_nor_zero(progress: float) -> None:
    assert 0 < by_steps().learning_rate(progress) <= 0.01 * (1 + 1e-12)


def test_a_budget_of_steps_validates_early_then_evenly_and_at_the_end() -> None:
    schedule = by_steps(1000, 4)

    marks = [n for n in range(1, 1001) if schedule.wants_validation(n, 0.0, done=0, took=0.0, last=0.0)]

    assert marks == [60, 250, 500, 750, 1000]


def test_progress_by_steps_does_not_look_at_the_clock() -> None:
    assert by_steps().progress(250, 1e9) == 0.25


def test_the_first_validation_of_five_minutes_comes_within_a_quarter_of_a_minute() -> None:
    times = validated_at(by_minutes(), took=2.0, until=300)

    assert times[0] <= 15
    assert 8 <= len(times) <= 11


def test_slow_validations_are_thinned_to_their_share() -> None:
    times = validated_at(by_minutes(), took=12.0, until=300)

    assert len(times) * 12.0 <= 0.15 * 300


def test_the_reserve_ends_the_training_early_enough() -> None:
    schedule = by_minutes(5)
    schedule.reserve = 30.0

    assert schedule.progress(0, 270.0) == 1.0
    assert schedule.remaining(0, 270.0) == pytest.approx(30.0)
