from dataclasses import replace
from pathlib import Path

import pytest

from segcore.errors import NotEnoughData
from segcore.geometry import Grid
from segcore.projects.case import Case, CaseState, Part
from segcore.projects.project import Project
from segcore.training.cohort import gather_cohort, lesion_width
from tests.segcore.small_project import make_small_project

GRID = Grid.from_spacing((1, 100, 100))


def case(id: str, foreground: int, part: Part | None, group: str = "", **changes: object) -> Case:
    made = Case(
        id=id,
        group=group or id,
        state=CaseState.COMPLETE if foreground else CaseState.CONFIRMED_EMPTY,
        part=part,
        channels=("image",),
        grid=GRID,
        source_grid=GRID,
        source_suffix=".png",
        sources=(f"{id}.png",),
        foreground_voxels=foreground,
        labelled_voxels=10_000,
        lesions=int(foreground > 0),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


class Cases:
    """As much of a project as choosing cases needs."""

    def __init__(self, *cases: Case) -> None:
        self._cases = cases

    def cases(self) -> tuple[Case, ...]:
        return self._cases


def gathered(*cases: Case) -> tuple[list[str], list[str], list[str]]:
    notices: list[str] = []
    cohort = gather_cohort(Cases(*cases), notices.append)  # type: ignore[arg-type]
    return [c.id for c in cohort.train], [c.id for c in cohort.validation], notices


def test_parts_of_the_split_are_kept_and_test_cases_left_alone() -> None:
    train, validation, notices = gathered(
        case("a", 10, Part.TRAIN), case("b", 10, Part.VALIDATION), case("c", 10, Part.TEST), case("d", 5, None)
    )

    assert (train, validation, notices) == (["a", "d"], ["b"], [])


def test_drafts_are_not_trained_on() -> None:
    train, _, _ = gathered(
        case("a", 10, Part.TRAIN), case("b", 10, Part.TRAIN, state=CaseState.DRAFT), case("c", 10, Part.VALIDATION)
    )

    assert train == ["a"]


def test_groups_are_held_out_whole_where_no_validation_part_is() -> None:
    cases = [case(f"{group}{n}", 10, None, group) for group in "abcde" for n in range(3)]

    train, validation, notices = gathered(*cases)

    assert {id[0] for id in train}.isdisjoint({id[0] for id in validation})
    assert len(validation) == 3
    assert "held out of training" in notices[0]


def test_a_validation_part_without_lesions_gets_some() -> None:
    train, validation, _ = gathered(
        case("a", 10, Part.TRAIN), case("b", 20, Part.TRAIN), case("empty", 0, Part.VALIDATION)
    )

    assert "empty" in validation
    assert len(validation) == 2
    assert len(train) == 1


def test_cases_with_other_channels_are_left_out_and_named() -> None:
    train, _, notices = gathered(
        case("a", 10, Part.TRAIN),
        case("b", 10, Part.TRAIN),
        case("odd", 10, Part.TRAIN, channels=("red", "green", "blue")),
        case("c", 10, Part.VALIDATION),
    )

    assert train == ["a", "b"]
    assert "odd" in notices[0]


def test_nothing_to_learn_from_is_a_sentence() -> None:
    with pytest.raises(NotEnoughData, match="no case is complete"):
        gathered(case("a", 10, Part.TRAIN, state=CaseState.UNLABELLED))
    with pytest.raises(NotEnoughData, match="all masks are background"):
        gathered(case("a", 0, Part.TRAIN), case("b", 10, Part.VALIDATION))


def test_every_beginning_of_the_validation_cases_spans_loads_and_holds_empties() -> None:
    cases = [case(f"v{n:02d}", n, Part.VALIDATION) for n in range(1, 16)]
    empties = [case(f"e{n}", 0, Part.VALIDATION) for n in range(5)]

    _, order, _ = gathered(case("t", 9, Part.TRAIN), *cases, *empties)

    assert order[0] == "v08"
    first_loads = sorted(int(id[1:]) for id in order[:4] if id.startswith("v"))
    assert first_loads == [4, 8, 12]
    assert sum(id.startswith("e") for id in order[:8]) == 2
    assert len(order) == 20


def test_the_width_is_that_of_the_median_lesion_at_its_thickest(tmp_path: Path) -> None:
    with make_small_project(tmp_path / "p", cases=3, empty=(1,)) as project:
        width = lesion_width(project, project.cases())

    assert 5 <= width <= 7  # discs of radius 3, which may touch


def test_without_lesions_there_is_still_a_width(tmp_path: Path) -> None:
    with Project.create(tmp_path / "p") as project:
        assert lesion_width(project, ()) == 1.0
