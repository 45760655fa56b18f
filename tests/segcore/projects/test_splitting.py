from collections import Counter, defaultdict

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from segcore.errors import NotEnoughData, SettingProblem
from segcore.geometry import Grid
from segcore.projects.case import Case, CaseState, Part
from segcore.projects.splitting import leaks, split_by_group

GRID = Grid.from_spacing((1, 10, 10))


def a_case(id: str, group: str, foreground: int, part: Part | None = None) -> Case:
    return Case(
        id=id,
        group=group,
        state=CaseState.COMPLETE,
        part=part,
        channels=("image",),
        grid=GRID,
        source_grid=GRID,
        source_suffix=".png",
        sources=(),
        foreground_voxels=foreground,
        labelled_voxels=100,
        lesions=1,
    )


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 50)), min_size=1, max_size=40), st.integers(0, 99))
def test_no_patient_lies_in_two_parts_and_every_case_has_one(drawn: list[tuple[int, int]], seed: int) -> None:
    cases = [a_case(str(n), f"g{group}", foreground) for n, (group, foreground) in enumerate(drawn)]
    load: Counter[str] = Counter()
    for case in cases:
        load[case.group] += case.foreground_voxels
    full = sum(value > 0 for value in load.values())
    assume(full >= 2)
    parts = split_by_group(cases, seed=seed)
    assert parts == split_by_group(cases[::-1], seed=seed)
    assert set(parts) == {case.id for case in cases}
    of_group = defaultdict(set)
    for case in cases:
        of_group[case.group].add(parts[case.id])
    assert all(len(found) == 1 for found in of_group.values())
    assert len(set(parts.values())) == min(3, len(load))
    with_foreground = {parts[case.id] for case in cases if case.foreground_voxels}
    assert with_foreground >= {Part.TRAIN, Part.VALIDATION}
    assert (Part.TEST in with_foreground) == (full >= 3)


def test_24_patients_of_which_4_are_empty_are_spread_in_size_and_load() -> None:
    cases = [a_case(str(n), str(n), 0 if n < 4 else 10 * n) for n in range(24)]
    for seed in range(10):
        parts = split_by_group(cases, seed=seed)
        assert Counter(parts.values()) == {Part.TRAIN: 17, Part.VALIDATION: 2, Part.TEST: 5}
        load = {part: [c.foreground_voxels for c in cases if parts[c.id] is part] for part in Part}
        assert all(sum(values) > 0 for values in load.values())
        mean = {part: sum(values) / len(values) for part, values in load.items()}
        assert 0.5 < mean[Part.TEST] / mean[Part.TRAIN] < 2.0


def test_every_part_gets_foreground_where_only_three_of_24_patients_have_any() -> None:
    cases = [a_case(str(n), str(n), 50 if n < 3 else 0) for n in range(24)]
    for seed in range(20):
        parts = split_by_group(cases, seed=seed)
        assert Counter(parts.values()) == {Part.TRAIN: 17, Part.VALIDATION: 2, Part.TEST: 5}
        assert {parts[str(n)] for n in range(3)} == set(Part)


@pytest.mark.parametrize("loads", [[], [5], [0, 0, 0], [0, 7, 0]])
def test_too_few_patients_with_foreground_are_said_and_not_split(loads: list[int]) -> None:
    with pytest.raises(NotEnoughData, match="at least two patients with foreground"):
        split_by_group([a_case(str(n), str(n), load) for n, load in enumerate(loads)])


def test_several_scans_of_one_patient_count_as_one() -> None:
    with pytest.raises(NotEnoughData, match="1 of 1 patients"):
        split_by_group([a_case(str(n), "p", 5) for n in range(9)])


def test_a_part_without_a_share_stays_empty() -> None:
    parts = split_by_group([a_case(str(n), str(n), n) for n in range(10)], fractions=(0.8, 0.2, 0.0))
    assert Counter(parts.values()) == {Part.TRAIN: 8, Part.VALIDATION: 2}


def test_three_patients_give_one_to_each_part() -> None:
    parts = split_by_group([a_case(str(n), str(n), 5) for n in range(3)])
    assert sorted(parts.values()) == [Part.TEST, Part.TRAIN, Part.VALIDATION]


def test_the_seed_decides() -> None:
    cases = [a_case(str(n), str(n), n) for n in range(12)]
    assert split_by_group(cases, seed=1) == split_by_group(cases, seed=1)
    assert len({tuple(split_by_group(cases, seed=s).values()) for s in range(10)}) > 3


@pytest.mark.parametrize("fractions", [(0.5, 0.2, 0.2), (0.0, 0.5, 0.5), (1.2, -0.1, -0.1), (float("nan"), 0.5, 0.5)])
def test_shares_that_do_not_split_are_refused(fractions: tuple[float, float, float]) -> None:
    with pytest.raises(SettingProblem):
        split_by_group([a_case("a", "a", 1)], fractions=fractions)


def test_a_patient_or_a_scan_in_two_parts_is_a_leak() -> None:
    cases = [a_case("a", "p", 1, Part.TRAIN), a_case("b", "p", 1, Part.TEST), a_case("c", "q", 1, Part.VALIDATION)]
    assert leaks(cases) == ("Patient p is in test and train.",)
    assert leaks(cases[1:], hashes={"b": "x", "c": "x"}) == ("The same scan is in two parts: b, c.",)
    assert leaks(cases[1:]) == ()
