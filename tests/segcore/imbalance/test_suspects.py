from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from segcore.errors import Cancelled
from segcore.geometry import Grid
from segcore.imbalance.suspects import SuspectKind, Suspicions, find_suspects, speck_limit
from segcore.projects.case import CaseState, Part
from segcore.projects.project import Project
from segcore.scans.volume import Mask, Volume
from tests.segcore.small_project import make_small_project

EDGE = 80


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """Twelve patients, each with two bright discs of radius 7 in a body on air, masks as they should be."""
    with Project.create(tmp_path / "project") as made:
        for number in range(12):
            add(made, f"case{number:02}", number)
        yield made


def scan_and_mask(number: int, planes: int = 3) -> tuple[Volume, Mask]:
    rng = np.random.default_rng(number)
    grid = Grid.from_spacing((planes, EDGE, EDGE))
    rows, columns = np.mgrid[:EDGE, :EDGE]
    # Large blobs of other tissue, so that one scan differs from the next.
    tissue = np.kron(rng.normal(100, 12, (8, 8)), np.ones((10, 10)))
    voxels = rng.normal(0, 5, grid.shape) + tissue
    voxels[:, :6], voxels[:, -6:] = 0, 0
    mask = Mask.empty(grid)
    for middle in ((25, 25 + number), (55, 50 - number)):
        disc = (rows - middle[0]) ** 2 + (columns - middle[1]) ** 2 <= 49
        mask.labels[:, disc] = 1
        voxels[:, disc] += 70
    return Volume(voxels=voxels.astype(np.int16)[np.newaxis], grid=grid, channels=("image",)), mask


def add(project: Project, id: str, number: int, *, state: CaseState = CaseState.COMPLETE, empty: bool = False) -> None:
    volume, mask = scan_and_mask(number)
    project.add_case(
        id=id,
        group=id,
        volume=volume,
        source_grid=volume.grid,
        source_suffix=".nii.gz",
        sources=(),
        mask=Mask.empty(volume.grid) if empty else mask,
        state=state,
    )


def damage(project: Project, id: str, change: Sequence[tuple[object, int]]) -> None:
    mask = project.mask(id)
    for where, value in change:
        mask.labels[where] = value  # type: ignore[index]
    project.save_mask(id, mask, author="a", origin="annotation")


def kinds(found: Suspicions) -> list[tuple[str, SuspectKind]]:
    return [(suspect.case, suspect.kind) for suspect in found.found]


def test_masks_as_they_should_be_raise_no_suspicion(project: Project) -> None:
    found = find_suspects(project)
    assert (found.found, found.usual, found.checked) == ((), (), 12)


@pytest.mark.parametrize(
    ("where", "value", "kind", "place"),
    [
        (np.s_[1, 40, 40], 1, SuspectKind.SPECK, (1, 40, 40)),
        (np.s_[1, 25, 28], 0, SuspectKind.HOLE, (1, 25, 28)),
        (np.s_[1, 60:70, 5:15], 1, SuspectKind.ONE_PLANE, (1, 64, 9)),
        (np.s_[1:, 30:40, 76:], 1, SuspectKind.BORDER, (1, 34, 79)),
        (np.s_[:, 1:5, 30:40], 1, SuspectKind.OUTSIDE, (0, 1, 30)),
    ],
)
def test_a_damaged_mask_is_found_at_its_place(
    project: Project, where: object, value: int, kind: SuspectKind, place: tuple[int, int, int]
) -> None:
    damage(project, "case03", [(where, value)])
    (suspect,) = find_suspects(project).found
    assert (suspect.case, suspect.kind, suspect.place) == ("case03", kind, place)
    assert suspect.what.endswith(".")
    assert suspect.remedy.endswith(".")


def test_a_moved_mask_is_found_with_the_way_back(project: Project) -> None:
    mask = project.mask("case05")
    moved = Mask(labels=np.roll(mask.labels, (6, -3), (1, 2)), grid=mask.grid)
    project.save_mask("case05", moved, author="a", origin="annotation")
    (suspect,) = find_suspects(project).found
    assert (suspect.case, suspect.kind) == ("case05", SuspectKind.SHIFTED)
    assert "6 voxels up and 3 voxels right" in suspect.what
    assert suspect.measured == pytest.approx(45**0.5)


def test_a_mistake_made_with_all_masks_is_found_in_each(project: Project) -> None:
    for case in project.cases():
        mask = project.mask(case.id)
        moved = Mask(labels=np.roll(mask.labels, 7, 1), grid=mask.grid)
        project.save_mask(case.id, moved, author="a", origin="annotation")
    assert kinds(find_suspects(project)) == [(case.id, SuspectKind.SHIFTED) for case in project.cases()]


def test_the_same_scan_in_two_parts_is_named_with_both(project: Project) -> None:
    add(project, "copy", 4)
    project.set_parts({case.id: Part.TEST if case.id == "copy" else Part.TRAIN for case in project.cases()})
    (suspect,) = find_suspects(project).found
    assert (suspect.kind, suspect.case, suspect.other, suspect.measured) == (SuspectKind.DUPLICATE, "copy", "case04", 1)
    assert "one in train, one in test" in suspect.what


def test_the_same_picture_of_another_type_is_a_duplicate_too(project: Project) -> None:
    volume, mask = scan_and_mask(4)
    brighter = Volume(voxels=(volume.voxels * 1.7 + 12).astype(np.float32), grid=volume.grid, channels=("image",))
    project.add_case(
        id="again", group="again", volume=brighter, source_grid=volume.grid, source_suffix=".nii.gz", sources=(),
        mask=mask, state=CaseState.COMPLETE,
    )  # fmt: skip
    (suspect,) = find_suspects(project).found
    assert (suspect.kind, suspect.case, suspect.other) == (SuspectKind.DUPLICATE, "again", "case04")
    assert "same picture" in suspect.what


def test_an_empty_mask_is_suspect_where_the_case_is_complete_but_not_where_it_is_confirmed(project: Project) -> None:
    add(project, "forgotten", 20, empty=True)
    add(project, "healthy", 21, empty=True, state=CaseState.CONFIRMED_EMPTY)
    assert kinds(find_suspects(project)) == [("forgotten", SuspectKind.EMPTY)]


def test_a_case_without_a_mask_is_not_looked_at(project: Project) -> None:
    add(project, "new", 22, empty=True, state=CaseState.UNLABELLED)
    assert find_suspects(project).checked == 12


def test_what_most_cases_show_is_said_once(project: Project) -> None:
    for case in project.cases()[:9]:
        damage(project, case.id, [(np.s_[:, 30:40, 76:], 1)])
    found = find_suspects(project)
    assert found.found == ()
    assert [(one.kind, one.cases, one.of) for one in found.usual] == [(SuspectKind.BORDER, 9, 12)]


def test_graver_suspects_come_first(project: Project) -> None:
    damage(project, "case01", [(np.s_[1, 40, 40], 1), (np.s_[:, 1:5, 30:40], 1)])
    add(project, "copy", 4)
    assert [kind for _, kind in kinds(find_suspects(project))] == [
        SuspectKind.DUPLICATE,
        SuspectKind.OUTSIDE,
        SuspectKind.SPECK,
    ]


def test_where_small_lesions_are_usual_none_is_a_speck() -> None:
    assert speck_limit([1, 2, 4, 9, 30, 80, 200, 500, 1, 3, 2000]) < 1
    assert speck_limit([100] * 20) == pytest.approx(100)
    assert speck_limit([100, 100]) == 0


def test_it_tells_how_far_it_is_and_can_be_stopped(tmp_path: Path) -> None:
    news: list[tuple[int, int, str]] = []

    def stop() -> None:
        if len(news) == 2:
            raise Cancelled

    with make_small_project(tmp_path / "small", cases=4) as small:
        with pytest.raises(Cancelled):
            find_suspects(small, report=lambda *one: news.append(one), stop=stop)
        assert news == [(0, 4, "case0"), (1, 4, "case1")]
