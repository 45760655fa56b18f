import json
import os
import signal
import socket
import subprocess
import sys
import time
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


_PAINTER = """
import sys
from pathlib import Path
import numpy as np
from segcore.annotation.edits import Stroke
from segcore.geometry import Box
from segcore.projects.project import Project

project = Project.open(Path(sys.argv[1]))
labels = project.mask("p1").labels
for number in range(100000):
    stroke = Stroke(labels, "Brush")
    r, c = divmod(number % 600, 30)
    stroke.paint(Box((number % 6, r, c), (number % 6 + 1, r + 1, c + 1)), np.ones((1, 1, 1), bool), 1 + number // 600 % 2 * 254)
    edit = stroke.finish()
    if edit is not None:
        project.record_edit("p1", edit, author="me")
    sys.stdout.write(f"{int((labels == 1).sum())} {int((labels == 255).sum())}\\n")
    sys.stdout.flush()
"""


@pytest.mark.parametrize("attempt", range(4))
def test_killing_the_process_in_mid_annotation_loses_no_acknowledged_stroke(tmp_path: Path, attempt: int) -> None:
    folder = tmp_path / "p"
    with Project.create(folder) as project:
        add(project, state=CaseState.UNLABELLED)
    painter = subprocess.Popen([sys.executable, "-c", _PAINTER, str(folder)], stdout=subprocess.PIPE, text=True)
    assert painter.stdout is not None
    lines = [painter.stdout.readline() for _ in range(3 + 7 * attempt)]
    time.sleep(0.003 * attempt)
    painter.send_signal(signal.SIGKILL)
    lines += painter.stdout.readlines()
    painter.stdout.close()
    painter.wait()
    acknowledged = int(lines[-1].split()[0]) if lines[-1].endswith("\n") else int(lines[-2].split()[0])
    with Project.open(folder) as project:
        found = int((project.mask("p1").labels == 1).sum())
        assert found - acknowledged in (0, 1)
        assert project.case("p1").foreground_voxels == found
