from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segcore.errors import OutOfRange, UnknownName
from segcore.ranges import Choice, Range, Switch, check_settings, setting, settings_of

RATIO = Range(low=0.0, high=1.0, default=0.5)
COUNT = Range(low=1, high=8, default=2, whole=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    ratio: float = setting(RATIO, label="Ratio", help="How much.")
    count: int = setting(COUNT, label="Count", help="How many.")
    kind: str = setting(Choice(options=(("a", "First"), ("b", "Second")), default="a"), label="Kind", help="Which.")
    on: bool = setting(Switch(default=True), label="On", help="Whether.")
    free: str = "not a setting"


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_a_range_accepts_exactly_the_numbers_between_its_limits(value: float) -> None:
    if 0.0 <= value <= 1.0:
        assert RATIO.check("ratio", value) == value
    else:
        with pytest.raises(OutOfRange, match="ratio is"):
            RATIO.check("ratio", value)


def test_a_whole_range_refuses_a_fraction_and_returns_an_int() -> None:
    assert COUNT.check("count", 3.0) == 3
    with pytest.raises(OutOfRange):
        COUNT.check("count", 2.5)


def test_a_range_with_a_default_outside_itself_cannot_be_made() -> None:
    with pytest.raises(OutOfRange):
        Range(low=0, high=1, default=2)


def test_a_choice_answers_an_unknown_name_with_the_known_ones() -> None:
    with pytest.raises(UnknownName, match="a, b"):
        Choice(options=(("a", "First"), ("b", "Second")), default="a").check("kind", "c")


def test_a_form_can_be_made_from_the_fields() -> None:
    assert [(s.name, s.label) for s in settings_of(Example)] == [
        ("ratio", "Ratio"),
        ("count", "Count"),
        ("kind", "Kind"),
        ("on", "On"),
    ]
    assert Example() == Example(ratio=0.5, count=2, kind="a", on=True)
    assert isinstance(Example().count, int)


def test_a_field_outside_its_domain_is_named() -> None:
    check_settings(Example())
    with pytest.raises(OutOfRange, match="ratio is 2"):
        check_settings(Example(ratio=2.0))
