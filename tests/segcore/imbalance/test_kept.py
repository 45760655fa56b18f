from dataclasses import dataclass
from pathlib import Path

from segcore.imbalance.kept import kept
from segcore.projects.project import Project
from tests.segcore.small_project import make_small_project


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    case: str
    number: int
    version: int = 1


def ask(project: Project, made: list[str], *, version: int = 1, key: str = "") -> list[Fact]:
    def make(case: str) -> Fact:
        made.append(case)
        return Fact(case=case, number=len(made), version=version)

    return [
        kept(project, case, Fact, version, lambda id=case.id: make(id), folder="facts", key=key)  # type: ignore[misc]
        for case in project.cases()
    ]


def test_a_case_is_measured_once_until_its_mask_the_version_or_the_key_changes(tmp_path: Path) -> None:
    made: list[str] = []
    with make_small_project(tmp_path / "project", cases=3, empty=()) as project:
        first = ask(project, made)
        assert ask(project, made) == first
        assert made == ["case0", "case1", "case2"]
        mask = project.mask("case1")
        mask.labels[0, 0, 0] = 1
        project.save_mask("case1", mask, author="a", origin="annotation")
        assert [fact.number for fact in ask(project, made)] == [1, 4, 3]
        ask(project, made, version=2)
        ask(project, made, version=2, key="-other")
    assert len(made) == 4 + 3 + 3


def test_a_damaged_note_is_made_again_and_a_project_for_reading_keeps_none(tmp_path: Path) -> None:
    made: list[str] = []
    with make_small_project(tmp_path / "project", cases=1, empty=()) as project:
        ask(project, made)
        (file,) = (project.cache_folder / "facts").iterdir()
        file.write_text("{")
        ask(project, made)
        file.unlink()
    with Project.open(tmp_path / "project", read_only=True) as project:
        ask(project, made)
        ask(project, made)
    assert len(made) == 4
    assert not file.exists()
