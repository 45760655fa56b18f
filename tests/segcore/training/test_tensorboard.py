"""Event files, held to the published format by a reader of its own and to bytes that TensorFlow is known to write."""

import math
import struct
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from segcore.training.events import MemberStarted, Noticed
from segcore.training.recipe import Budget, Ensemble, Machine, Optimiser, Recipe
from segcore.training.recorded import train_in_folder
from segcore.training.stopping import StopSignal
from segcore.training.tensorboard import EventFile, crc32c, masked, record, scalars_event
from tests.app.train_events import steps, validated
from tests.segcore.small_project import make_small_project


def fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """Yield (number, value) of a protocol buffer message: numbers for varints, bytes for the rest."""
    at = 0

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(data):
        key = varint()
        if key & 7 == 0:
            yield key >> 3, varint()
        else:
            size = {1: 8, 2: -1, 5: 4}[key & 7]
            size = varint() if size < 0 else size
            yield key >> 3, data[at : at + size]
            at += size


def records(file: Path) -> Iterator[bytes]:
    """Yield the data of each record, checking both sums."""
    data, at = file.read_bytes(), 0
    while at < len(data):
        (length,) = struct.unpack("<Q", data[at : at + 8])
        assert data[at + 8 : at + 12] == masked(data[at : at + 8])
        body = data[at + 12 : at + 12 + length]
        assert data[at + 12 + length : at + 16 + length] == masked(body)
        yield body
        at += 16 + length


def scalars(file: Path) -> list[tuple[int, dict[str, float]]]:
    found = []
    for number, body in enumerate(records(file)):
        event = dict(fields(body))
        assert struct.unpack("<d", event[1])[0] > 1e9  # seconds since 1970
        if number == 0:
            assert event[3] == b"brain.Event:2"
            continue
        values = [dict(fields(value)) for _, value in fields(event[5])]
        found.append((event[2], {v[1].decode(): struct.unpack("<f", v[2])[0] for v in values}))
    return found


@pytest.mark.parametrize(
    ("data", "sum_"),
    [
        (b"123456789", 0xE3069283),
        (b"\x00" * 32, 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
    ],
)
def test_checksums_are_those_of_the_standard(data: bytes, sum_: int) -> None:
    assert crc32c(data) == sum_  # RFC 3720, appendix B.4


def test_the_first_record_begins_as_tensorflow_writes_it(tmp_path: Path) -> None:
    EventFile(tmp_path)

    (file,) = tmp_path.iterdir()
    assert file.name.startswith("events.out.tfevents.")
    assert file.read_bytes()[:13] == b'\x18\x00\x00\x00\x00\x00\x00\x00\xa3\x7fK"\x09'


def test_numbers_come_back_under_their_tags_and_what_is_no_number_is_left_out(tmp_path: Path) -> None:
    board = EventFile(tmp_path)
    board.add(replace(steps(300), skill=math.nan))
    board.add(Noticed(sentence="no numbers"))
    board.add(validated(300))

    (file,) = tmp_path.iterdir()
    (first, train), (second, validation) = scalars(file)
    assert (first, second) == (300, 300)
    assert train["train/loss"] == 1.0
    assert train["train/learning_rate"] == pytest.approx(1e-3)
    assert "train/skill" not in train
    assert validation["validation/dice"] == pytest.approx(0.42)
    assert validation["validation/false_positives_per_case"] == 2.5


def test_members_of_an_ensemble_have_tags_of_their_own(tmp_path: Path) -> None:
    board = EventFile(tmp_path)
    board.add(MemberStarted(member=2, members=3, seed=1, held_out=(), resumed=False))
    board.add(steps(1))

    (file,) = tmp_path.iterdir()
    assert "member 2/train/loss" in scalars(file)[0][1]


def test_a_large_step_and_a_long_record_are_framed_right(tmp_path: Path) -> None:
    body = scalars_event(2e9, 3_000_000_000, {"x" * 300: 1.5})
    (tmp_path / "one").write_bytes(record(body))

    (again,) = records(tmp_path / "one")
    event = dict(fields(again))
    assert event[2] == 3_000_000_000
    assert dict(fields(dict(fields(event[5]))[1]))[1] == b"x" * 300


@pytest.mark.parametrize("members", [1, 2])
def test_a_run_writes_them_where_its_recipe_asks_for_them(tmp_path: Path, members: int) -> None:
    recipe = Recipe(
        budget=Budget(steps=2, validations=2),
        machine=Machine(device="cpu", threads=1, tensorboard=True),
        optimiser=Optimiser(patch=32, batch=2),
        ensemble=Ensemble(members=members),
    )
    with make_small_project(tmp_path / "p", cases=5) as project:
        folder = project.runs_folder / "r1"
        train_in_folder(project, recipe, folder, tell=lambda _: None, stop=StopSignal())
        plain = project.runs_folder / "r2"
        without = replace(recipe, machine=replace(recipe.machine, tensorboard=False), ensemble=Ensemble())
        train_in_folder(project, without, plain, tell=lambda _: None, stop=StopSignal())

    files = list(folder.rglob("events.out.tfevents.*"))
    assert [file.parent.name for file in files] == ["tensorboard"]
    tags = {tag for _, values in scalars(files[0]) for tag in values}
    assert ("validation/dice" if members == 1 else "member 2/validation/dice") in tags
    assert list(plain.rglob("events.out.tfevents.*")) == []
