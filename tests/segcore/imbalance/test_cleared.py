from pathlib import Path

import pytest

from segcore.errors import ProjectReadOnly
from segcore.imbalance.cleared import ask_again, clear_suspects, cleared_of, without_cleared
from segcore.imbalance.suspects import Suspicions, find_suspects
from segcore.projects.project import Project
from segcore.scans.volume import Mask
from tests.segcore.small_project import make_small_project


def emptied(folder: Path) -> Project:
    """Eight cases, of which two are complete though their masks hold nothing."""
    project = make_small_project(folder)
    for id in ("case0", "case1"):
        project.save_mask(id, Mask.empty(project.case(id).grid), author="a", origin="annotation")
    return project


def cases(found: Suspicions) -> list[str]:
    return [one.case for one in found.found]


def test_a_cleared_suspect_is_left_out_until_its_mask_changes(tmp_path: Path) -> None:
    with emptied(tmp_path / "project") as project:
        found = find_suspects(project)
        assert cases(found) == ["case0", "case1"]
        clear_suspects(project, found.found[:1], author="Dr. A")
        left, cleared = without_cleared(project, find_suspects(project))
        assert (cases(left), cleared) == (["case1"], 1)
        (kept,) = cleared_of(project)
        assert (kept.case, kept.kind, kept.author) == ("case0", "empty but complete", "Dr. A")
        assert (project.audit()[-1].action, project.audit()[-1].case) == ("suspect cleared", "case0")
        other = Mask.empty(project.case("case0").grid)
        other.labels[0, 0, 0] = 255
        project.save_mask("case0", other, author="a", origin="annotation")
        assert cases(without_cleared(project, find_suspects(project))[0]) == ["case0", "case1"]


def test_everything_can_be_asked_again(tmp_path: Path) -> None:
    with emptied(tmp_path / "project") as project:
        clear_suspects(project, find_suspects(project).found, author="a")
        assert without_cleared(project, find_suspects(project))[1] == 2
        ask_again(project, author="a")
        assert without_cleared(project, find_suspects(project))[1] == 0


def test_damaged_lines_are_left_out_and_a_project_for_reading_is_not_changed(tmp_path: Path) -> None:
    with emptied(tmp_path / "project") as project:
        clear_suspects(project, find_suspects(project).found[:1], author="a")
        file = project.folder / "suspects-cleared.jsonl"
        file.write_text("{\n" + file.read_text("utf-8"))
        assert len(cleared_of(project)) == 1
    with Project.open(tmp_path / "project", read_only=True) as project:
        with pytest.raises(ProjectReadOnly):
            clear_suspects(project, find_suspects(project).found, author="a")
        assert len(cleared_of(project)) == 1
