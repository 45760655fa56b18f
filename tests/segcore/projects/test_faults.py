"""What goes wrong with disks, folders and files: a sentence, an intact project, and a way on."""

import mmap
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest

from segcore.annotation.edits import MaskEdit
from segcore.errors import CannotSave, ProjectDamaged, ProjectLocked, ProjectReadOnly, ProjectTooNew
from segcore.geometry import Grid
from segcore.projects import schema
from segcore.projects.case import Case, CaseState
from segcore.projects.project import Project, restore_backup
from segcore.scans.volume import Mask

GRID = Grid.from_spacing((6, 20, 30), (3.0, 1.0, 1.0))
AddCase = Callable[..., Case]
MakeEdit = Callable[..., MaskEdit]
Nobody = Callable[[], AbstractContextManager[None]]


# Loaded now: a person without rights could not read the standard library of root's Python.
assert mmap


def copy_as_after_a_crash(project: Project, folder: Path, *, shared_memory: bool) -> None:
    """Copy an open project as it lies on the disk now, with its write-ahead log."""
    shutil.copytree(project.folder, folder)
    (folder / "writer.lock").unlink()
    assert (folder / "project.db-wal").stat().st_size > 0
    if not shared_memory:
        (folder / "project.db-shm").unlink()


def make_read_only(folder: Path) -> None:
    for path in [*folder.rglob("*"), folder]:
        path.chmod(0o555 if path.is_dir() else 0o444)


def listing(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# Read-only folders


def test_a_project_in_a_read_only_folder_opens_for_reading_and_stays_untouched(
    open_folder: Path, add_case: AddCase, two_voxels: Mask, without_rights: Nobody
) -> None:
    folder = open_folder / "project"
    with Project.create(folder) as project:
        add_case(project, mask=two_voxels, state=CaseState.COMPLETE)
    make_read_only(folder)
    before = listing(folder)
    with without_rights(), Project.open(folder) as project:
        assert project.read_only
        assert project.mask("p1").labels.sum() == 2
        assert project.scan("p1").voxels.max() == 3599
        assert project.thumbnail("p1").ndim == 3
        for change in (
            lambda: project.set_note("p1", "x"),
            lambda: project.save_mask("p1", two_voxels, author="me", origin="annotation"),
            lambda: add_case(project, "p2"),
            lambda: project.remove_case("p1", author="me"),
        ):
            with pytest.raises(ProjectReadOnly, match="reading only"):
                change()
    assert listing(folder) == before


@pytest.mark.parametrize("shared_memory", [True, False])
def test_strokes_still_in_the_log_are_seen_in_a_read_only_copy(
    open_folder: Path,
    project: Project,
    add_case: AddCase,
    make_edit: MakeEdit,
    without_rights: Nobody,
    shared_memory: bool,
) -> None:
    add_case(project)
    project.record_edit("p1", make_edit(project.mask("p1").labels), author="me")
    folder = open_folder / "copy"
    copy_as_after_a_crash(project, folder, shared_memory=shared_memory)
    make_read_only(folder)
    with without_rights(), Project.open(folder) as copy:
        assert copy.read_only
        assert copy.mask("p1").labels.sum() == 7


def test_a_reader_opens_a_closed_project_and_then_sees_what_a_writer_commits(
    tmp_path: Path, add_case: AddCase, make_edit: MakeEdit
) -> None:
    with Project.create(tmp_path / "p") as project:
        add_case(project)
    with Project.open(tmp_path / "p", read_only=True) as reader:
        assert not (tmp_path / "p" / "writer.lock").exists()
        with Project.open(tmp_path / "p") as writer:
            writer.record_edit("p1", make_edit(writer.mask("p1").labels), author="me")
            assert reader.mask("p1").labels.sum() == 7
        assert reader.mask("p1").labels.sum() == 7


def test_a_folder_that_cannot_be_written_to_makes_no_project(open_folder: Path, without_rights: Nobody) -> None:
    open_folder.chmod(0o555)
    with without_rights(), pytest.raises(CannotSave, match="read-only"):
        Project.create(open_folder / "project")
    assert list(open_folder.iterdir()) == []


def test_a_right_lost_in_mid_session_is_said_and_the_import_works_again_afterwards(
    open_folder: Path, add_case: AddCase, without_rights: Nobody
) -> None:
    open_folder.chmod(0o777)
    with without_rights(), Project.create(open_folder / "project") as project:
        add_case(project, "a")
        scans = project.folder / "scans"
        scans.chmod(0o555)
        with pytest.raises(CannotSave, match="read-only"):
            add_case(project, "b")
        assert [case.id for case in project.cases()] == ["a"]
        scans.chmod(0o755)
        assert add_case(project, "b").id == "b"


# Drives without shared memory, full disks


@pytest.mark.parametrize("refusal", ["cannot be made", "cannot be written to"])
def test_a_drive_without_shared_memory_gets_a_rollback_journal(
    tmp_path: Path, add_case: AddCase, make_edit: MakeEdit, refusal: str
) -> None:
    folder = tmp_path / "p"
    with Project.create(folder) as project:
        add_case(project)
    memory = folder / "project.db-shm"
    if refusal == "cannot be made":
        memory.symlink_to(tmp_path / "nowhere" / "at all")
    else:
        memory.mkdir()
    for expected in (7, 14):
        with Project.open(folder) as project:
            assert project._store.rows("PRAGMA journal_mode")[0][0] == "delete"
            assert project._store.rows("PRAGMA synchronous")[0][0] == 3
            centre = (3, 10, 2 * expected)
            project.record_edit("p1", make_edit(project.mask("p1").labels, centre), author="me")
            with Project.open(folder, read_only=True) as reader:
                assert reader.mask("p1").labels.sum() == expected
    memory.unlink() if memory.is_symlink() else memory.rmdir()
    with Project.open(folder) as project:
        assert project._store.rows("PRAGMA journal_mode")[0][0] == "wal"
        assert project.mask("p1").labels.sum() == 14


_UNTIL_FULL = """
import sys
from pathlib import Path
import numpy as np
from segcore.annotation.edits import MaskEdit
from segcore.errors import CannotSave
from segcore.geometry import Box, Grid
from segcore.projects.case import CaseState
from segcore.projects.project import Project
from segcore.scans.volume import Volume

drive = Path(sys.argv[1])
filler = drive / "filler"
filler.write_bytes(bytes(400_000))
grid = Grid.from_spacing((4, 100, 100))
case = dict(group="g", volume=Volume(voxels=np.zeros((1, *grid.shape), np.int16), grid=grid, channels=("image",)),
            source_grid=grid, source_suffix=".nii", sources=(), mask=None, state=CaseState.UNLABELLED)
rng = np.random.default_rng(0)
box = Box((0, 0, 0), grid.shape)
labels = np.zeros(grid.shape, np.uint8)
with Project.create(drive / "p") as project:
    project.add_case(id="a", **case)
    done = 0
    try:
        while done < 10_000:
            after = rng.choice([0, 1], grid.shape).astype(np.uint8)
            edit = MaskEdit(label="Brush", box=box, before=labels, after=after)
            project.record_edit("a", edit, author="me")
            labels, done = after, done + 1
    except CannotSave as error:
        print(error)
    try:
        project.add_case(id="b", **case)
    except CannotSave as error:
        print(error)
    assert np.array_equal(project.mask("a").labels, labels)
    assert [c.id for c in project.cases()] == ["a"]
    filler.unlink()
    project.record_edit("a", edit, author="me")
    project.add_case(id="b", **case)
    assert np.array_equal(project.mask("a").labels, after)
    assert project.verify_audit().ok
with Project.open(drive / "p") as project:
    assert np.array_equal(project.mask("a").labels, after)
    assert len(project.cases()) == 2
"""


def test_on_a_disk_that_is_really_full_nothing_is_lost_and_saving_works_once_there_is_room(tmp_path: Path) -> None:
    drive = tmp_path / "drive"
    drive.mkdir()
    mount = f'mount -t tmpfs -o size=1500k none "{drive}"'
    if (
        not shutil.which("unshare")
        or subprocess.run(["unshare", "-rm", "sh", "-c", mount], capture_output=True).returncode
    ):
        pytest.skip("no small disk can be made here: it takes Linux and the right to mount in a namespace")
    script = f'{mount} && exec "{sys.executable}" -c "$SCRIPT" "{drive}"'
    answer = subprocess.run(
        ["unshare", "-rm", "sh", "-c", script],
        capture_output=True,
        text=True,
        env={**os.environ, "SCRIPT": _UNTIL_FULL, "PYTHONPATH": str(Path(__file__).parents[3])},
    )
    assert answer.returncode == 0, answer.stderr
    sentences = answer.stdout.splitlines()
    assert sentences == [
        "p: the disk is full, so it was not saved; free some space and try again.",
        "scan.npy: the disk is full, so it was not saved; free some space and try again.",
    ]


# Damage, backups, versions


def test_a_damaged_page_is_found_at_opening_and_the_backup_put_in_its_place(
    tmp_path: Path, add_case: AddCase, two_voxels: Mask
) -> None:
    folder = tmp_path / "p"
    with Project.create(folder) as project:
        for number in range(40):
            add_case(project, f"p{number}", mask=two_voxels, state=CaseState.COMPLETE)
    Project.open(folder).close()
    file = folder / "project.db"
    healthy = file.read_bytes()
    page = 4096
    for number in range(1, len(healthy) // page):
        file.write_bytes(healthy[: number * page] + b"\xff" * page + healthy[(number + 1) * page :])
        with pytest.raises(ProjectDamaged, match="Restore backup"):
            Project.open(folder).close()
    kept = restore_backup(folder)
    assert kept.read_bytes() != healthy
    with Project.open(folder) as project:
        assert len(project.cases()) == 40
        assert project.mask("p7").labels.sum() == 2
        assert project.verify_audit().ok


def test_a_missing_database_is_said_and_can_be_restored(tmp_path: Path, add_case: AddCase) -> None:
    folder = tmp_path / "p"
    with Project.create(folder) as project:
        add_case(project)
    (folder / "project.backup.db").unlink()
    os.replace(folder / "project.db", tmp_path / "elsewhere.db")
    with pytest.raises(ProjectDamaged, match="your own backup"):
        Project.open(folder)
    with pytest.raises(ProjectDamaged, match="no backup"):
        restore_backup(folder)
    os.replace(tmp_path / "elsewhere.db", folder / "project.db")
    Project.open(folder).close()
    (folder / "project.db").unlink()
    restore_backup(folder)
    with Project.open(folder) as project:
        assert [case.id for case in project.cases()] == ["p1"]


def test_a_damaged_backup_is_not_put_in_place_and_a_live_project_is_not_replaced(
    tmp_path: Path, add_case: AddCase
) -> None:
    folder = tmp_path / "p"
    with Project.create(folder) as project:
        add_case(project)
        with pytest.raises(ProjectLocked):
            restore_backup(folder)
    before = (folder / "project.db").read_bytes()
    (folder / "project.backup.db").write_bytes(b"\0" * 9000)
    with pytest.raises(ProjectDamaged):
        restore_backup(folder)
    assert (folder / "project.db").read_bytes() == before
    assert not (folder / "writer.lock").exists()


def test_the_backup_is_made_anew_only_after_a_change(tmp_path: Path, add_case: AddCase) -> None:
    folder = tmp_path / "p"
    backup = folder / "project.backup.db"
    with Project.create(folder) as project:
        add_case(project)
    Project.open(folder).close()
    first = backup.stat()
    Project.open(folder).close()
    assert backup.stat().st_ino == first.st_ino
    with Project.open(folder) as project:
        project.set_note("p1", "seen")
    Project.open(folder).close()
    assert backup.stat().st_ino != first.st_ino
    assert not [path.name for path in folder.iterdir() if path.name.endswith(".part")]


def test_a_backup_that_cannot_be_made_does_not_keep_the_project_closed(
    tmp_path: Path, add_case: AddCase, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "p"
    with Project.create(folder) as project:
        add_case(project)
    (folder / ".project.backup.db.part").mkdir()
    with Project.open(folder) as project:
        project.set_note("p1", "still here")
    assert "No backup of the project was made" in caplog.text


def test_an_older_database_is_brought_up_to_date_once_and_its_backup_is_the_old_one(
    tmp_path: Path, add_case: AddCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "p"
    with Project.create(folder) as project:
        add_case(project)
    now = schema.SCHEMA_VERSION
    monkeypatch.setattr(schema, "SCHEMA_VERSION", now + 1)
    monkeypatch.setattr(schema, "READABLE_FROM", now + 1)
    colour = "ALTER TABLE cases ADD COLUMN colour TEXT NOT NULL DEFAULT 'red'"
    monkeypatch.setattr(schema, "MIGRATIONS", {now: (colour,)})
    with pytest.raises(ProjectReadOnly, match="older version"):
        Project.open(folder, read_only=True)
    with Project.open(folder) as project:
        assert project._store.rows("SELECT colour FROM cases")[0][0] == "red"
    with Project.open(folder, read_only=True) as project:
        assert [case.id for case in project.cases()] == ["p1"]
    monkeypatch.setattr(schema, "SCHEMA_VERSION", now)
    monkeypatch.setattr(schema, "READABLE_FROM", 1)
    with pytest.raises(ProjectTooNew, match="update RareSeg"):
        Project.open(folder)
    restore_backup(folder)
    with Project.open(folder) as project:
        assert [case.id for case in project.cases()] == ["p1"]


def test_a_migration_that_fails_half_way_leaves_the_old_version(
    tmp_path: Path, add_case: AddCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "p"
    with Project.create(folder) as project:
        add_case(project)
    with monkeypatch.context() as patch:
        now = schema.SCHEMA_VERSION
        patch.setattr(schema, "SCHEMA_VERSION", now + 1)
        patch.setattr(schema, "MIGRATIONS", {now: ("ALTER TABLE cases ADD COLUMN colour TEXT", "NONSENSE")})
        with pytest.raises(Exception, match="NONSENSE"):
            Project.open(folder)
    with Project.open(folder) as project:
        assert "colour" not in project._store.rows("SELECT * FROM cases")[0].keys()  # noqa: SIM118


def test_a_crash_in_the_middle_of_creating_can_be_repeated(tmp_path: Path) -> None:
    folder = tmp_path / "p"
    folder.mkdir()
    (folder / "project.db").touch()
    with Project.create(folder) as project:
        assert project.cases() == ()


# Working copies


def test_a_working_copy_that_is_cut_off_or_replaced_is_said(project: Project, add_case: AddCase) -> None:
    add_case(project)
    file = project.folder / "scans" / "p1" / "scan.npy"
    whole = file.read_bytes()
    for content in (b"", whole[:60], whole[:-10], b"text"):
        file.write_bytes(content)
        with pytest.raises(ProjectDamaged, match="working copy of p1 is missing or cut off"):
            project.scan("p1")
    np.save(file, np.zeros((1, 6, 20, 31), np.int16))
    with pytest.raises(ProjectDamaged, match="not what was imported"):
        project.scan("p1")
    file.unlink()
    with pytest.raises(ProjectDamaged, match="import it again"):
        project.scan("p1")


def test_a_database_of_strangers_does_not_lead_out_of_the_project(project: Project, add_case: AddCase) -> None:
    add_case(project)
    victim = project.folder.parent / "victim"
    victim.mkdir()
    with project._store.transaction() as connection:
        connection.execute("UPDATE cases SET id = '../../victim'")
    with pytest.raises(ProjectDamaged, match="leads out of its folder"):
        project.scan("../../victim")
    with pytest.raises(ProjectDamaged, match="leads out of its folder"):
        project.remove_case("../../victim", author="me")
    assert victim.is_dir()
