import json
import mmap
import os
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from segcore.annotation.edits import MaskEdit, Stroke
from segcore.annotation.shapes import ball
from segcore.errors import (
    CannotSave,
    NotAProject,
    ProjectDamaged,
    ProjectLocked,
    ProjectReadOnly,
    ProjectTooNew,
    SettingProblem,
    UnknownName,
)
from segcore.geometry import Box, Grid
from segcore.projects.case import Case, CaseState, Part
from segcore.projects.project import Project, restore_backup
from segcore.scans.volume import Mask, Volume

GRID = Grid.from_spacing((6, 20, 30), (3.0, 1.0, 1.0))


def a_volume(value: int = 0, channels: tuple[str, ...] = ("image",)) -> Volume:
    voxels = np.zeros((len(channels), *GRID.shape), dtype=np.int16)
    voxels[..., 5:10, 5:10] = 100 + value
    return Volume(voxels=voxels, grid=GRID, channels=channels)


def a_mask(*boxes: Box) -> Mask:
    mask = Mask.empty(GRID)
    for box in boxes:
        mask.labels[box.slices] = 1
    return mask


def add(project: Project, id: str = "p1", mask: Mask | None = None, state: CaseState = CaseState.COMPLETE) -> Case:
    return project.add_case(
        id=id,
        group=id,
        volume=a_volume(),
        source_grid=GRID,
        source_suffix=".nii.gz",
        sources=(f"{id}.nii.gz",),
        mask=mask,
        state=state,
    )


def an_edit(labels: np.ndarray, centre: tuple[int, int, int], value: int = 1) -> MaskEdit:
    stroke = Stroke(labels, "Brush")
    p, r, c = centre
    stroke.paint(Box((p - 1, r - 1, c - 1), (p + 2, r + 2, c + 2)), np.array(ball((1.0, 1.0, 1.0))), value)
    edit = stroke.finish()
    assert edit is not None
    return edit


def test_a_case_comes_back_with_its_scan_mask_and_counts(tmp_path: Path) -> None:
    box = Box((1, 2, 3), (2, 4, 6))
    with Project.create(tmp_path / "ä project") as project:
        add(project, mask=a_mask(box, Box((4, 10, 10), (5, 11, 11))))
    with Project.open(tmp_path / "ä project") as project:
        (case,) = project.cases()
        assert (case.foreground_voxels, case.labelled_voxels, case.lesions) == (7, 3600, 2)
        assert case.volume_ml == pytest.approx(7 * 3 / 1000)
        assert np.array_equal(project.scan("p1").voxels, a_volume().voxels)
        assert project.scan("p1").voxels.dtype == np.int16
        assert project.mask("p1").labels.sum() == 7
        assert case.grid.matches(GRID)


def test_a_working_copy_is_memory_mapped_and_cannot_be_changed(tmp_path: Path) -> None:
    with Project.create(tmp_path / "p") as project:
        add(project)
        voxels = project.scan("p1").voxels
        with pytest.raises(ValueError, match="read-only"):
            voxels[0, 0, 0, 0] = 1


def test_ids_are_safe_on_every_system_and_unique(tmp_path: Path) -> None:
    with Project.create(tmp_path / "p") as project:
        ids = [add(project, id=name).id for name in ("../../etc/passwd", "CON", "Scan 1", "scan 1", "ä" * 300, " . ")]
        assert len({id.casefold() for id in ids}) == 6
        assert ids[1] == "_CON"
        assert all((tmp_path / "p" / "scans" / id).resolve().parent == (tmp_path / "p" / "scans") for id in ids)
        assert [c.id for c in project.cases()] == ids


def test_a_journalled_stroke_is_there_after_a_restart_without_saving(tmp_path: Path) -> None:
    with Project.create(tmp_path / "p") as project:
        add(project, state=CaseState.UNLABELLED)
        labels = project.mask("p1").labels
        project.record_edit("p1", an_edit(labels, (3, 10, 10)), author="me")
        assert project.case("p1").state is CaseState.DRAFT
        assert project.case("p1").foreground_voxels == 7
    with Project.open(tmp_path / "p") as project:
        assert np.array_equal(project.mask("p1").labels, labels)
        assert project.unsaved_strokes("p1") == 1
        version = project.save_mask("p1", project.mask("p1"), author="me", origin="annotation")
        assert (version.number, version.foreground_voxels) == (1, 7)
        assert project.unsaved_strokes("p1") == 0
        assert project.case("p1").lesions == 1
        project.record_edit("p1", an_edit(project.mask("p1").labels, (3, 10, 10), value=0), author="me")
        assert project.mask("p1").labels.sum() == 0


def test_all_versions_of_a_mask_are_kept_and_can_be_restored(tmp_path: Path) -> None:
    with Project.create(tmp_path / "p") as project:
        add(project, mask=a_mask(Box((0, 0, 0), (1, 1, 2))))
        project.save_mask("p1", a_mask(Box((0, 0, 0), (1, 1, 5))), author="Dr. X", origin="annotation")
        project.restore_mask("p1", 1, author="Dr. Y")
        assert [(v.number, v.author, v.origin, v.foreground_voxels) for v in project.mask_versions("p1")] == [
            (1, "import", "import", 2),
            (2, "Dr. X", "annotation", 5),
            (3, "Dr. Y", "restored", 2),
        ]
        assert project.mask("p1").labels.sum() == 2
        with pytest.raises(UnknownName):
            project.mask_version("p1", 9)


def test_a_case_with_foreground_cannot_be_confirmed_empty(tmp_path: Path) -> None:
    with Project.create(tmp_path / "p") as project:
        add(project, mask=a_mask(Box((0, 0, 0), (1, 1, 2))))
        with pytest.raises(SettingProblem, match="erase"):
            project.set_state("p1", CaseState.CONFIRMED_EMPTY, author="me")
        project.set_state("p1", CaseState.FLAGGED, author="me")
        assert project.case("p1").state is CaseState.FLAGGED


def test_groups_notes_and_the_split_are_stored(tmp_path: Path) -> None:
    with Project.create(tmp_path / "p") as project:
        add(project, "a")
        add(project, "b")
        project.set_group("a", "patient 1")
        project.set_note("a", "faint; ask again")
        project.set_parts({"a": Part.TRAIN, "b": Part.TEST})
    with Project.open(tmp_path / "p") as project:
        a, b = project.cases()
        assert (a.group, a.note, a.part, b.part) == ("patient 1", "faint; ask again", Part.TRAIN, Part.TEST)


def test_a_removed_case_is_gone_but_its_trail_stays(tmp_path: Path) -> None:
    with Project.create(tmp_path / "p") as project:
        add(project)
        project.remove_case("p1", author="me")
        assert project.cases() == ()
        assert not (tmp_path / "p" / "scans" / "p1").exists()
        assert [e.action for e in project.audit()] == ["case added", "case removed"]


def test_the_audit_trail_finds_an_altered_entry(tmp_path: Path) -> None:
    with Project.create(tmp_path / "p") as project:
        add(project)
        project.log("note", author="me", detail="one")
        project.log("note", author="me", detail="two")
        assert project.verify_audit().ok
        with project._store.transaction() as connection:
            connection.execute("DROP TRIGGER audit_is_never_changed")
            connection.execute("UPDATE audit SET detail = 'zwei' WHERE seq = 2")
        check = project.verify_audit()
        assert (check.ok, check.entries, check.first_bad) == (False, 3, 2)


def test_a_second_writer_is_told_who_writes_and_may_read(tmp_path: Path) -> None:
    with Project.create(tmp_path / "p") as project:
        add(project)
        with pytest.raises(ProjectLocked, match=str(os.getpid())):
            Project.open(tmp_path / "p")
        with Project.open(tmp_path / "p", read_only=True) as reader:
            assert reader.cases()[0].id == "p1"
            project.set_note("p1", "seen")
            assert reader.case("p1").note == "seen"
            with pytest.raises(ProjectReadOnly):
                reader.set_note("p1", "x")


def test_a_lock_of_a_dead_process_is_taken_over(tmp_path: Path) -> None:
    Project.create(tmp_path / "p").close()
    dead = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True, check=True
    )
    (tmp_path / "p" / "writer.lock").write_text(json.dumps({"pid": int(dead.stdout), "host": socket.gethostname()}))
    Project.open(tmp_path / "p").close()
    assert not (tmp_path / "p" / "writer.lock").exists()


def test_what_is_no_project_too_new_or_damaged_is_said(tmp_path: Path) -> None:
    with pytest.raises(NotAProject):
        Project.open(tmp_path)
    Project.create(tmp_path / "p").close()
    header = tmp_path / "p" / "project.toml"
    text = header.read_text()
    header.write_text(text.replace("format = 1", "format = 99"))
    with pytest.raises(ProjectTooNew):
        Project.open(tmp_path / "p")
    header.write_text("name = [")
    with pytest.raises(ProjectDamaged):
        Project.open(tmp_path / "p")
    header.write_text(text)
    with pytest.raises(SettingProblem, match="already holds"):
        Project.create(tmp_path / "p")


@pytest.mark.parametrize("damage", ["zero", "garbage"])
def test_a_damaged_database_is_replaced_by_its_backup_and_kept(tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "p"
    with Project.create(folder) as project:
        add(project)
    Project.open(folder).close()
    file = folder / "project.db"
    file.write_bytes(b"" if damage == "zero" else b"\0" * 8192)
    with pytest.raises(ProjectDamaged, match="Restore backup"):
        Project.open(folder)
    kept = restore_backup(folder)
    assert kept.exists()
    with Project.open(folder) as project:
        assert [case.id for case in project.cases()] == ["p1"]


def test_a_failed_write_ends_in_a_sentence_and_can_be_retried(tmp_path: Path) -> None:
    with Project.create(tmp_path / "p") as project:
        add(project)
        labels = project.mask("p1").labels
        edit = an_edit(labels, (3, 10, 10))
        pages = project._store.rows("PRAGMA page_count")[0][0]
        project._store.rows(f"PRAGMA max_page_count={pages}")
        filler = np.random.default_rng(0).integers(0, 2, GRID.shape).astype(np.uint8)
        full = Mask(labels=filler, grid=GRID)

        def save_until_full() -> None:
            for _ in range(100):
                project.save_mask("p1", full, author="me", origin="annotation")

        with pytest.raises(CannotSave, match="disk is full"):
            save_until_full()
        project._store.rows("PRAGMA max_page_count=1000000")
        project.record_edit("p1", edit, author="me")
        assert project.verify_audit().ok


def test_several_channels_are_memory_mapped_too_in_native_byte_order(tmp_path: Path) -> None:
    voxels = np.arange(2 * 3600, dtype=">i2").reshape(2, *GRID.shape)
    with Project.create(tmp_path / "p") as project:
        volume = Volume(voxels=voxels[..., ::-1], grid=GRID, channels=("FLAIR", "T1"))
        project.add_case(
            id="p1",
            group="p1",
            volume=volume,
            source_grid=GRID,
            source_suffix=".nii",
            sources=("/home/someone/Meyer/a.nii", "b.nii"),
            mask=None,
            state=CaseState.UNLABELLED,
        )
        scan = project.scan("p1")
        owner = scan.voxels.base
        while isinstance(owner, np.ndarray):
            owner = owner.base
        assert isinstance(owner, mmap.mmap)
        assert scan.voxels.dtype == np.dtype("int16")
        assert scan.voxels.dtype.isnative
        assert np.array_equal(scan.voxels, voxels[..., ::-1])
        assert project.case("p1").sources == ("a.nii", "b.nii")


def test_a_case_that_cannot_be_added_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Project.create(tmp_path / "p") as project:

        def fail(*_: object) -> None:
            raise CannotSave("p", "the disk is full")

        with monkeypatch.context() as patch:
            patch.setattr(project, "_insert_case", fail)
            with pytest.raises(CannotSave):
                add(project)
        assert project.cases() == ()
        assert list((tmp_path / "p" / "scans").iterdir()) == []


def test_what_a_crash_in_mid_import_left_does_not_change_the_id(tmp_path: Path) -> None:
    with Project.create(tmp_path / "p") as project:
        left = tmp_path / "p" / "scans" / "p1"
        left.mkdir(parents=True)
        (left / ".x.part-scan.npy").write_bytes(b"half")
        assert add(project).id == "p1"
        assert [file.name for file in left.iterdir()] == ["scan.npy"]


def test_the_content_hash_follows_voxels_mask_and_geometry(tmp_path: Path) -> None:
    with Project.create(tmp_path / "p") as project:
        add(project, "a")
        add(project, "b")
        wider = Grid.from_spacing(GRID.shape, (3.0, 1.0, 2.0))
        volume = Volume(voxels=a_volume().voxels, grid=wider, channels=("image",))
        project.add_case(
            id="c",
            group="c",
            volume=volume,
            source_grid=wider,
            source_suffix=".nii",
            sources=(),
            mask=None,
            state=CaseState.UNLABELLED,
        )
        a, b, c = (project.content_hash(id) for id in "abc")
        assert a == b != c
        assert len(set(project.scan_hashes().values())) == 1
        labels = project.mask("a").labels
        edit = an_edit(labels, (3, 10, 10))
        project.record_edit("a", edit, author="me")
        changed = project.content_hash("a")
        assert changed != a
        project.save_mask("a", project.mask("a"), author="me", origin="annotation")
        assert project.content_hash("a") == changed
        project.record_edit("a", edit.reversed(), author="me")
        assert project.content_hash("a") == a


@pytest.mark.parametrize("name", ['a "quoted" name', "back\\slash", "two\nlines", "Zürich 東京", "  ", "\udce9"])
def test_any_name_can_be_given_to_a_project(tmp_path: Path, name: str) -> None:
    with Project.create(tmp_path / "p", name=name) as project:
        assert project.name.split() == (name.replace("\udce9", "?").split() or ["Project"])
        number = project.id
    with Project.open(tmp_path / "p") as project:
        assert project.id == number


def test_a_split_that_names_an_unknown_case_changes_nothing(tmp_path: Path) -> None:
    with Project.create(tmp_path / "p") as project:
        add(project, "a")
        with pytest.raises(UnknownName, match="'b'"):
            project.set_parts({"a": Part.TRAIN, "b": Part.TEST})
        assert project.case("a").part is None


def test_the_same_scan_on_both_sides_is_a_leak_of_the_project(tmp_path: Path) -> None:
    with Project.create(tmp_path / "p") as project:
        add(project, "a")
        add(project, "b")
        project.set_parts({"a": Part.TRAIN, "b": Part.TEST})
        assert project.leaks() == ("The same scan is in two parts: a, b.",)
        project.set_parts({"b": None})
        assert project.leaks() == ()


def test_the_audit_trail_cannot_be_changed_through_the_store_and_holds_no_names(tmp_path: Path) -> None:
    with Project.create(tmp_path / "p") as project:
        add(project)
        project.set_group("p1", "Meyer, Hans", author="Dr. X")
        project.set_parts({"p1": Part.TRAIN}, author="Dr. X")
        for query in ("UPDATE audit SET author = 'nobody'", "DELETE FROM audit"):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"), project._store.transaction() as connection:
                connection.execute(query)
        assert [(e.seq, e.author, e.action, e.case, e.detail) for e in project.audit()] == [
            (1, "import", "case added", "p1", ""),
            (2, "Dr. X", "group set", "p1", ""),
            (3, "Dr. X", "split set", "", "train 1"),
        ]
        assert project.verify_audit().ok


def test_an_entry_taken_out_of_the_trail_is_found(tmp_path: Path) -> None:
    with Project.create(tmp_path / "p") as project:
        for number in range(5):
            project.log(f"note {number}", author="me")
        with project._store.transaction() as connection:
            connection.execute("DROP TRIGGER audit_is_never_shortened")
            connection.execute("DELETE FROM audit WHERE seq = 3")
        check = project.verify_audit()
        assert (check.ok, check.entries, check.first_bad) == (False, 4, 4)


def test_cases_are_listed_without_reading_a_voxel(tmp_path: Path) -> None:
    with Project.create(tmp_path / "p") as project:
        for number in range(20):
            add(project, f"p{number}")
        for folder in (tmp_path / "p" / "scans").iterdir():
            (folder / "scan.npy").unlink()
        assert [case.id for case in project.cases()] == [f"p{number}" for number in range(20)]


def test_every_change_is_flushed_to_disk_before_it_is_acknowledged(tmp_path: Path) -> None:
    with Project.create(tmp_path / "p") as project:
        assert project._store.rows("PRAGMA journal_mode")[0][0] == "wal"
        assert project._store.rows("PRAGMA synchronous")[0][0] == 2  # FULL
