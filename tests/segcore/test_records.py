import json
import math
from dataclasses import dataclass
from enum import StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segcore.engine.messages import Message, TrainJob
from segcore.errors import SettingProblem
from segcore.records import decode, encode, from_line, to_line
from segcore.training.events import Alarm, AlarmKind, CaseScore, RunEvent, Validated
from segcore.training.recipe import LossTerm, Recipe, Sampling

FLOATS = st.floats(allow_nan=False)


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True, slots=True, kw_only=True)
class Old:
    number: int
    colour: Colour = Colour.RED


def validated(dice: float) -> Validated:
    return Validated(
        step=1,
        seconds=2.0,
        dice=dice,
        precision=0.1,
        recall=0.2,
        pooled_dice=0.3,
        dice_at_half=0.0,
        average_precision=0.4,
        lesion_f1=math.inf,
        threshold=0.5,
        predicted_fraction=0.001,
        true_fraction=0.002,
        soft_fraction=0.003,
        foreground_probability=0.6,
        skill=-0.5,
        is_best=True,
        cases=(
            CaseScore(
                case="ä 1", dice=0.5, precision=1.0, recall=0.5, lesion_f1=1.0, predicted_voxels=3, true_voxels=4
            ),
        ),
    )


@given(FLOATS)
def test_an_event_comes_back_as_it_went(dice: float) -> None:
    event = validated(dice)
    assert from_line(RunEvent, to_line(event)) == event


def test_a_number_that_json_lacks_survives() -> None:
    back = from_line(RunEvent, to_line(validated(math.nan)))
    assert isinstance(back, Validated)
    assert math.isnan(back.dice)
    assert back.lesion_f1 == math.inf
    json.loads(to_line(validated(math.nan)))


def test_a_union_is_told_apart_by_its_type() -> None:
    alarm = Alarm(step=3, kind=AlarmKind.COLLAPSED, measured=0.0, limit=0.1, sentence="s", remedy="r")
    assert from_line(Message, to_line(alarm)) == alarm


def test_a_recipe_with_parameters_of_all_kinds_survives() -> None:
    recipe = Recipe(
        name="Mine",
        loss=(LossTerm(name="focal", weight=0.5, parameters=(("gamma", 2.0), ("batch", True))),),
        sampling=Sampling(ratio=0.25),
    )
    job = TrainJob(project="/p", run="r", recipe=recipe)
    assert from_line(TrainJob, to_line(job)) == job


def test_a_record_of_an_older_version_takes_defaults_and_of_a_newer_one_is_read_without_its_news() -> None:
    assert decode(Old, {"number": 3}) == Old(number=3)
    assert decode(Old, {"number": 3, "colour": "red", "unheard_of": [1]}) == Old(number=3)


@pytest.mark.parametrize(
    "line", ["", "{", "[]", '{"type":"Nothing"}', '{"type":"Alarm","step":"x"}', '{"type":"Alarm"}', "null"]
)
def test_a_damaged_line_is_refused_with_a_sentence(line: str) -> None:
    with pytest.raises(SettingProblem):
        from_line(RunEvent, line)


def test_an_enum_value_unknown_to_this_version_is_refused() -> None:
    with pytest.raises(SettingProblem, match="Colour"):
        decode(Old, {"number": 1, "colour": "green"})


def test_a_number_is_not_taken_for_a_truth_value() -> None:
    with pytest.raises(SettingProblem):
        decode(bool, 1)
    with pytest.raises(SettingProblem):
        decode(int, True)


def test_encoding_names_the_type() -> None:
    assert encode(Old(number=1)) == {"type": "Old", "number": 1, "colour": "red"}
