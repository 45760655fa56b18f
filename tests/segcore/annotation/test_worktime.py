import pytest

from segcore.annotation.worktime import WorkTime, in_words


def test_pauses_do_not_count_and_what_is_taken_is_not_taken_again() -> None:
    clock = WorkTime(pause=60.0)
    for moment in (100.0, 110.0, 170.0, 300.0, 305.0):
        clock.touch(moment)
    assert clock.take() == 10.0 + 60.0 + 5.0
    assert clock.take() == 0.0
    clock.touch(306.0)
    assert clock.take() == 1.0


def test_another_case_begins_anew() -> None:
    clock = WorkTime()
    clock.touch(0.0)
    clock.stop()
    clock.touch(10.0)
    assert clock.take() == 0.0


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.4, "0 s"), (59.4, "59 s"), (60, "1 min"), (3540, "59 min"), (7500, "2 h 5 min")]
)
def test_times_in_words(seconds: float, words: str) -> None:
    assert in_words(seconds) == words
