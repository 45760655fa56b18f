"""Annotation time and strokes: counted with each stroke, kept over versions of the project's tables."""

import csv
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from segcore.errors import UnknownName
from segcore.projects.case import CaseState, Work
from segcore.projects.exporting import export_work
from segcore.projects.project import Project
from segcore.scans.volume import Labels, Mask
from tests.segcore.projects.conftest import GRID, AddCase, MakeEdit


def paint(project: Project, make_edit: MakeEdit, *, author: str, seconds: float = 0.0, counts: bool = True) -> None:
    labels: Labels = project.mask("p1").labels
    at = int((labels == 1).any(axis=(0, 1)).sum()) + 4
    project.record_edit("p1", make_edit(labels, (3, 10, at)), author=author, seconds=seconds, counts=counts)


def test_time_and_strokes_of_all_persons_add_up_and_undo_is_no_stroke(
    project: Project, add_case: AddCase, make_edit: MakeEdit
) -> None:
    add_case(project)
    add_case(project, "p2")
    assert project.work() == {}
    paint(project, make_edit, author="A", seconds=12.5)
    paint(project, make_edit, author="B", seconds=2.0)
    paint(project, make_edit, author="B", seconds=1.0, counts=False)
    project.add_seconds("p1", 4.5, author="A")
    project.add_seconds("p2", 3.0, author="A")
    assert project.work() == {"p1": Work(seconds=20.0, strokes=2), "p2": Work(seconds=3.0, strokes=0)}
    assert project.work_on("p1") == project.work()["p1"]
    assert project.work_on("nobody") == Work()
    project.remove_case("p2", author="A")
    assert set(project.work()) == {"p1"}
    with pytest.raises(UnknownName):
        project.add_seconds("p2", 1.0, author="A")


def age(folder: Path) -> None:
    """Make the database what RareSeg wrote before it knew of work."""
    connection = sqlite3.connect(folder / "project.db")
    connection.execute("DROP TABLE work")
    connection.execute("PRAGMA user_version=1")
    connection.commit()
    connection.close()


def test_a_project_of_the_first_version_is_read_as_it_is_and_brought_up_to_date_for_writing(
    tmp_path: Path, add_case: AddCase, make_edit: MakeEdit
) -> None:
    folder = tmp_path / "p"
    with Project.create(folder) as project:
        add_case(project)
        labels = project.mask("p1").labels
        project.record_edit("p1", make_edit(labels, (3, 10, 10)), author="A")
    age(folder)
    with Project.open(folder, read_only=True) as project:
        assert project.work() == {}
        assert project.work_on("p1") == Work()
        assert np.array_equal(project.mask("p1").labels, labels)
    with Project.open(folder) as project:
        assert project.work() == {}
        assert np.array_equal(project.mask("p1").labels, labels)
        paint(project, make_edit, author="A", seconds=1.0)
        assert project.work() == {"p1": Work(seconds=1.0, strokes=1)}
    with Project.open(folder, read_only=True) as project:
        assert project.work()["p1"].strokes == 1


def test_a_new_project_and_one_brought_up_to_date_have_the_same_tables(tmp_path: Path) -> None:
    def tables(folder: Path) -> set[str]:
        connection = sqlite3.connect(folder / "project.db")
        found = {
            " ".join(row[0].split()) for row in connection.execute("SELECT sql FROM sqlite_master WHERE sql != ''")
        }
        connection.close()
        return found

    Project.create(tmp_path / "new").close()
    Project.create(tmp_path / "old").close()
    age(tmp_path / "old")
    assert tables(tmp_path / "new") != tables(tmp_path / "old")
    Project.open(tmp_path / "old").close()
    assert tables(tmp_path / "new") == tables(tmp_path / "old")


def test_the_table_holds_a_line_for_each_case(project: Project, add_case: AddCase, tmp_path: Path) -> None:
    mask = Mask.empty(GRID)
    mask.labels[2, 3:5, 3:5] = 1
    add_case(project, mask=mask, state=CaseState.COMPLETE)
    add_case(project, "p2")
    project.add_seconds("p1", 61.26, author="A")
    file = export_work(project, ["p1", "p2"], tmp_path / "out")
    with file.open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert rows[0] == {
        "case": "p1",
        "state": "complete",
        "part": "",
        "foreground_voxels": "4",
        "volume_ml": "0.012",  # four voxels of 3 mm³
        "lesions": "1",
        "seconds": "61.3",
        "strokes": "0",
    }
    assert (rows[1]["case"], rows[1]["seconds"], rows[1]["strokes"]) == ("p2", "0.0", "0")
