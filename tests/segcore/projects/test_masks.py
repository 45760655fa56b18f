import threading
from collections.abc import Callable

import numpy as np
import pytest

from segcore.annotation.edits import MaskEdit
from segcore.errors import ProjectDamaged, RareSegError, SettingProblem, UnknownName
from segcore.geometry import Box, Grid
from segcore.projects.case import Case, CaseState
from segcore.projects.project import Project
from segcore.scans.volume import Mask

GRID = Grid.from_spacing((6, 20, 30), (3.0, 1.0, 1.0))
AddCase = Callable[..., Case]
MakeEdit = Callable[..., MaskEdit]


def change(project: Project, query: str, *values: object) -> None:
    with project._store.transaction() as connection:
        connection.execute(query, values)


def test_undone_and_redone_strokes_are_journalled_too(project: Project, add_case: AddCase, make_edit: MakeEdit) -> None:
    add_case(project)
    edit = make_edit(project.mask("p1").labels)
    first = project.record_edit("p1", edit, author="me")
    assert project.record_edit("p1", edit.reversed(), author="me") == first + 1
    assert project.case("p1").foreground_voxels == 0
    assert project.mask("p1").labels.sum() == 0
    project.record_edit("p1", edit, author="me")
    assert project.mask("p1").labels.sum() == project.case("p1").foreground_voxels == 7


def test_counts_follow_each_stroke(project: Project, add_case: AddCase, make_edit: MakeEdit) -> None:
    add_case(project)
    labels = project.mask("p1").labels
    seen = []
    for centre, value in (((3, 10, 10), 1), ((3, 10, 11), 1), ((3, 10, 10), 255), ((3, 10, 11), 0)):
        project.record_edit("p1", make_edit(labels, centre, value), author="me")
        case = project.case("p1")
        seen.append((case.foreground_voxels, case.labelled_voxels, case.lesions))
    # Two balls of 7 one voxel apart share 2; the third ball turns its 7 to unlabelled, the fourth makes 2 of them background.
    assert seen == [(7, 3600, 1), (12, 3600, 1), (5, 3593, 1), (0, 3595, 0)]
    assert (np.count_nonzero(labels == 1), 3600 - np.count_nonzero(labels == 255)) == (0, 3595)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (CaseState.UNLABELLED, CaseState.DRAFT),
        (CaseState.CONFIRMED_EMPTY, CaseState.DRAFT),
        (CaseState.COMPLETE, CaseState.COMPLETE),
        (CaseState.FLAGGED, CaseState.FLAGGED),
    ],
)
def test_the_first_stroke_begins_a_case(
    project: Project, add_case: AddCase, make_edit: MakeEdit, before: CaseState, after: CaseState
) -> None:
    add_case(project, state=before)
    project.record_edit("p1", make_edit(project.mask("p1").labels), author="me")
    assert project.case("p1").state is after
    assert ("state set" in [entry.action for entry in project.audit()]) == (before is not after)


def test_a_stroke_that_does_not_fit_is_refused_and_nothing_is_recorded(
    project: Project, add_case: AddCase, make_edit: MakeEdit
) -> None:
    add_case(project)
    good = make_edit(project.mask("p1").labels)
    with pytest.raises(UnknownName, match="p1"):
        project.record_edit("p2", good, author="me")
    zeros, ones = np.zeros((1, 2, 2), np.uint8), np.ones((1, 2, 2), np.uint8)
    for box, before, after in (
        (Box((5, 19, 29), (6, 21, 31)), zeros, ones),
        (Box((-1, 0, 0), (0, 2, 2)), zeros, ones),
        (Box((0, 0, 0), (1, 2, 3)), zeros, ones),
        (Box((0, 0, 0), (1, 2, 2)), zeros, ones * np.uint8(7)),
        (Box((0, 0, 0), (1, 2, 2)), zeros.astype(np.int16), ones),
    ):
        with pytest.raises(SettingProblem):
            project.record_edit("p1", MaskEdit(label="Brush", box=box, before=before, after=after), author="me")
    assert project.unsaved_strokes("p1") == 0
    assert project.case("p1").state is CaseState.UNLABELLED


def test_folded_strokes_stay_until_the_version_after(project: Project, add_case: AddCase, make_edit: MakeEdit) -> None:
    def strokes() -> int:
        return int(project._store.rows("SELECT COUNT(*) FROM strokes")[0][0])

    add_case(project)
    labels = project.mask("p1").labels
    for column in (5, 10, 15):
        project.record_edit("p1", make_edit(labels, (3, 10, column)), author="me")
    project.save_mask("p1", project.mask("p1"), author="me", origin="annotation")
    assert (strokes(), project.unsaved_strokes("p1")) == (3, 0)
    project.record_edit("p1", make_edit(labels, (3, 10, 20)), author="me")
    project.save_mask("p1", project.mask("p1"), author="me", origin="annotation")
    assert (strokes(), project.unsaved_strokes("p1")) == (1, 0)
    project.save_mask("p1", project.mask("p1"), author="me", origin="annotation")
    assert (strokes(), project.unsaved_strokes("p1")) == (0, 0)
    project.record_edit("p1", make_edit(labels, (3, 10, 25)), author="me")
    assert project.unsaved_strokes("p1") == 1
    assert np.array_equal(project.mask("p1").labels, labels)


def test_strokes_of_one_case_do_not_touch_another(project: Project, add_case: AddCase, make_edit: MakeEdit) -> None:
    for id in ("a", "b"):
        add_case(project, id)
    project.record_edit("a", make_edit(project.mask("a").labels), author="me")
    project.save_mask("b", project.mask("b"), author="me", origin="annotation")
    project.save_mask("b", project.mask("b"), author="me", origin="annotation")
    assert (project.mask("a").labels.sum(), project.mask("b").labels.sum()) == (7, 0)


def test_restoring_a_version_keeps_the_strokes_since_the_newest_as_a_version(
    project: Project, add_case: AddCase, make_edit: MakeEdit, two_voxels: Mask
) -> None:
    add_case(project, mask=two_voxels, state=CaseState.COMPLETE)
    labels = project.mask("p1").labels
    project.record_edit("p1", make_edit(labels), author="me")
    project.restore_mask("p1", 1, author="me")
    assert [(v.number, v.origin, v.foreground_voxels) for v in project.mask_versions("p1")] == [
        (1, "import", 2),
        (2, "annotation", 9),
        (3, "restored", 2),
    ]
    assert np.array_equal(project.mask_version("p1", 2).labels, labels)


def test_a_mask_that_does_not_lie_on_the_grid_is_refused(project: Project, add_case: AddCase) -> None:
    add_case(project)
    shifted = GRID.affine.copy()
    shifted[0, 3] += 5.0
    for grid in (Grid.from_spacing((6, 20, 31), (3.0, 1.0, 1.0)), Grid(GRID.shape, shifted)):
        with pytest.raises(SettingProblem, match="grid"):
            project.save_mask("p1", Mask.empty(grid), author="me", origin="annotation")
    with pytest.raises(SettingProblem, match="0, 1 and 255"):
        project.save_mask("p1", Mask.empty(GRID, value=7), author="me", origin="annotation")
    assert project.mask_versions("p1") == ()


def test_confirmed_empty_means_empty_however_it_is_said(project: Project, add_case: AddCase, two_voxels: Mask) -> None:
    with pytest.raises(SettingProblem, match="2 foreground voxels"):
        add_case(project, mask=two_voxels, state=CaseState.CONFIRMED_EMPTY)
    assert project.cases() == ()
    add_case(project, mask=Mask.empty(GRID), state=CaseState.CONFIRMED_EMPTY)
    with pytest.raises(SettingProblem, match="2 foreground voxels"):
        project.save_mask("p1", two_voxels, author="me", origin="annotation", state=CaseState.CONFIRMED_EMPTY)
    project.save_mask("p1", two_voxels, author="me", origin="annotation")
    assert project.case("p1").state is CaseState.DRAFT
    project.save_mask("p1", Mask.empty(GRID), author="me", origin="annotation", state=CaseState.CONFIRMED_EMPTY)
    assert project.case("p1").state is CaseState.CONFIRMED_EMPTY


def test_the_trail_links_the_versions_of_a_mask_by_hash(project: Project, add_case: AddCase, two_voxels: Mask) -> None:
    add_case(project, mask=Mask.empty(GRID), state=CaseState.CONFIRMED_EMPTY)
    project.save_mask("p1", two_voxels, author="me", origin="annotation")
    project.save_mask("p1", Mask.empty(GRID), author="me", origin="annotation")
    added, first, second = project.audit()
    assert added.after == first.before != first.after == second.before
    assert second.after == first.before


def test_labels_that_cannot_be_read_are_said_and_an_older_version_can_be_restored(
    project: Project, add_case: AddCase, make_edit: MakeEdit, two_voxels: Mask
) -> None:
    add_case(project, mask=two_voxels, state=CaseState.COMPLETE)
    project.save_mask("p1", Mask.empty(GRID), author="me", origin="annotation")
    project.record_edit("p1", make_edit(project.mask("p1").labels), author="me")
    change(project, "UPDATE masks SET labels = x'00' WHERE number = 2")
    with pytest.raises(ProjectDamaged, match=r"version 2 of the mask of p1 .*restore an earlier version"):
        project.mask("p1")
    project.restore_mask("p1", 1, author="me")
    assert project.mask("p1").labels.sum() == 2


@pytest.mark.parametrize(
    ("column", "value"),
    [("box", "[0, 0, 0, 9, 9, 9]"), ("box", "[0]"), ("box", "{}"), ("after", b"\x00"), ("before", b"")],
)
def test_a_stroke_that_cannot_be_read_is_said(
    project: Project, add_case: AddCase, make_edit: MakeEdit, column: str, value: object
) -> None:
    add_case(project)
    project.record_edit("p1", make_edit(project.mask("p1").labels), author="me")
    change(project, f"UPDATE strokes SET {column} = ?", value)
    with pytest.raises(ProjectDamaged, match="a stroke on p1"):
        project.mask("p1")


def test_changes_made_together_are_durable_together_or_not_at_all(
    project: Project, add_case: AddCase, two_voxels: Mask
) -> None:
    add_case(project)

    def accept_and_fail() -> None:
        with project.together():
            project.save_mask("p1", two_voxels, author="me", origin="accepted prediction", state=CaseState.COMPLETE)
            project.log("prediction accepted", author="me", case="p1")
            raise RuntimeError("in between")

    with pytest.raises(RuntimeError, match="in between"):
        accept_and_fail()
    assert project.mask_versions("p1") == ()
    assert [entry.action for entry in project.audit()] == ["case added"]
    with project.together():
        project.save_mask("p1", two_voxels, author="me", origin="accepted prediction", state=CaseState.COMPLETE)
        project.log("prediction accepted", author="me", case="p1")
    assert [entry.action for entry in project.audit()] == ["case added", "mask saved", "prediction accepted"]
    assert project.verify_audit().ok


def test_strokes_and_readers_in_several_threads_do_not_disturb_each_other(
    project: Project, add_case: AddCase, make_edit: MakeEdit
) -> None:
    for id in ("a", "b", "c"):
        add_case(project, id)
    failures: list[Exception] = []

    def work(id: str) -> None:
        try:
            labels = project.mask(id).labels
            for column in range(2, 28):
                project.record_edit(id, make_edit(labels, (3, 10, column), 1 + 254 * (column % 2)), author=id)
                if column % 5 == 0:
                    project.save_mask(id, project.mask(id), author=id, origin="annotation")
                    project.thumbnail(id)
            if not np.array_equal(project.mask(id).labels, labels):
                failures.append(AssertionError(id))
        except (RareSegError, AssertionError) as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(id,)) for id in ("a", "b", "c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert project.verify_audit().ok
    for case in project.cases():
        assert case.foreground_voxels == project.mask(case.id).foreground_voxels
