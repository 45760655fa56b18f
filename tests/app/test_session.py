from collections.abc import Callable
from pathlib import Path

import pytest

from app.session import Session
from app.settings import Settings
from segcore.annotation.edits import MaskEdit
from segcore.errors import NotAProject, ProjectReadOnly, SettingProblem
from segcore.geometry import Box
from segcore.projects.case import CaseState, Part
from segcore.projects.project import Project

MakeProject = Callable[..., Project]


def test_without_a_project_there_are_no_cases_and_a_sentence_says_so(session: Session) -> None:
    assert session.cases() == ()
    with pytest.raises(NotAProject, match="no project is open; open or create one"):
        _ = session.opened


def test_an_opened_project_is_remembered_and_announced(session: Session, settings: Settings, tmp_path: Path) -> None:
    heard: list[str] = []
    session.projectChanged.connect(lambda: heard.append("project"))
    session.create(tmp_path / "a", "A")
    session.create(tmp_path / "b", "B")
    assert heard == ["project", "project"]
    assert settings.recent_projects == (tmp_path / "b", tmp_path / "a")
    session.close()
    assert heard == ["project"] * 3
    assert session.project is None


def test_a_failed_open_keeps_the_present_project(session: Session, tmp_path: Path) -> None:
    session.create(tmp_path / "a")
    present = session.project
    (tmp_path / "nothing").mkdir()
    with pytest.raises(NotAProject):
        session.open(tmp_path / "nothing")
    assert session.project is present


def test_states_are_set_for_all_or_for_none(session: Session, make_project: MakeProject) -> None:
    session.adopt(make_project(cases=3, states=(CaseState.CONFIRMED_EMPTY, CaseState.COMPLETE)))
    changed: list[str] = []
    session.caseChanged.connect(changed.append)
    with pytest.raises(SettingProblem, match="case-1"):
        session.set_state(["case-0", "case-1"], CaseState.CONFIRMED_EMPTY)
    session.set_state(["case-0", "case-2"], CaseState.FLAGGED)
    assert changed == ["case-0", "case-2"]
    states = [case.state for case in session.cases()]
    assert states == [CaseState.FLAGGED, CaseState.COMPLETE, CaseState.FLAGGED]


def test_many_changes_are_announced_once(session: Session, make_project: MakeProject) -> None:
    session.adopt(make_project(cases=25, planes=1, edge=12))
    heard: list[str] = []
    session.caseChanged.connect(heard.append)
    session.casesChanged.connect(lambda: heard.append("all"))
    session.set_group([case.id for case in session.cases()], "P")
    assert heard == ["all"]


def test_a_changed_mask_changes_the_counts(session: Session, make_project: MakeProject) -> None:
    project = make_project(cases=2)
    session.adopt(project)
    before = session.case("case-0")
    assert before is not None
    mask = project.mask("case-0")
    box = Box((1, 0, 0), (2, 3, 3))
    edit = MaskEdit(
        label="Brush", box=box, before=mask.labels[box.slices].copy(), after=mask.labels[box.slices] * 0 + 1
    )
    edit.apply(mask.labels)
    project.record_edit("case-0", edit, author="x")
    project.save_mask("case-0", mask, author="x", origin="annotation")
    session.notify_mask("case-0")
    after = session.case("case-0")
    assert after is not None
    assert after.foreground_voxels - before.foreground_voxels == 9


def test_the_split_is_stored_with_the_reviewers_name(session: Session, make_project: MakeProject) -> None:
    session.adopt(make_project(cases=2))
    session.set_parts({"case-0": Part.TRAIN, "case-1": Part.TEST})
    assert [case.part for case in session.cases()] == [Part.TRAIN, Part.TEST]
    assert session.opened.audit()[-1].author == "Dr. Test"


def test_removing_the_current_case_leaves_none_current(session: Session, make_project: MakeProject) -> None:
    session.adopt(make_project(cases=2))
    session.set_current_case("case-0")
    session.remove_cases(["case-0"])
    assert session.current_case == ""
    assert [case.id for case in session.cases()] == ["case-1"]


def test_a_read_only_project_refuses_changes(session: Session, make_project: MakeProject) -> None:
    folder = make_project(cases=1).folder
    session.open(folder, read_only=True)
    assert not session.is_writable
    with pytest.raises(ProjectReadOnly):
        session.set_state(["case-0"], CaseState.FLAGGED)


def test_settings_answer_defaults_for_what_they_cannot_read(settings: Settings) -> None:
    settings.store("speed", "fast")
    assert (settings.number("speed", 2.0), settings.flag("sound", True), settings.theme) == (2.0, True, "dark")


def test_recent_projects_that_are_gone_are_left_out(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    settings.remember_project(tmp_path / "gone")
    settings.remember_project(tmp_path / "here")
    assert settings.recent_projects == (tmp_path / "here",)
