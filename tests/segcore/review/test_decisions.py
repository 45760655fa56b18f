from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from segcore.annotation.edits import Stroke
from segcore.errors import CannotSave, ProjectProblem, SettingProblem
from segcore.geometry import Box, Grid
from segcore.metrics.curves import probability_of
from segcore.projects.case import CaseState
from segcore.projects.project import Project
from segcore.review.decisions import Verdict, decisions, decisions_about, record_decision
from segcore.review.predictions import Prediction, PredictionFacts
from segcore.scans.volume import Mask, Volume

GRID = Grid.from_spacing((2, 6, 7), (3.0, 1.0, 1.0))


def add_case(project: Project, id: str = "p1", *, brightness: int = 0) -> None:
    voxels = np.arange(np.prod(GRID.shape), dtype=np.int16).reshape(1, *GRID.shape) + brightness
    project.add_case(
        id=id,
        group=id,
        volume=Volume(voxels=voxels.astype(np.int16), grid=GRID, channels=("image",)),
        source_grid=GRID,
        source_suffix=".nii.gz",
        sources=(f"{id}.nii.gz",),
        mask=None,
        state=CaseState.UNLABELLED,
    )


def prediction_of(project: Project, *, model: str = "run-1", case: str = "p1") -> Prediction:
    steps = np.full(GRID.shape, -50, np.int8)
    steps[0, 2, 2:6] = (10, 20, 30, 40)
    facts = PredictionFacts(model=model, case=case, step=15, seconds=1.0, scan_hash=project.scan_hashes()[case])
    return Prediction(steps=steps, facts=facts)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with Project.create(tmp_path / "project") as opened:
        add_case(opened)
        yield opened


def paint(project: Project) -> None:
    mask = project.mask("p1")
    stroke = Stroke(mask.labels, "Brush")
    stroke.paint(Box((1, 0, 0), (2, 1, 2)), np.ones((1, 1, 2), bool), 1)
    edit = stroke.finish()
    assert edit is not None
    project.record_edit("p1", edit, author="Ann")


def test_an_accepted_prediction_becomes_the_mask_and_the_case_complete(project: Project) -> None:
    prediction = prediction_of(project)
    decision = record_decision(project, prediction, Verdict.ACCEPTED, reviewer="Dr Ö. Lind", comment="clear  cut")
    assert np.array_equal(project.mask("p1").labels, prediction.steps >= 15)
    assert project.case("p1").state is CaseState.COMPLETE
    (version,) = project.mask_versions("p1")
    assert (version.author, version.origin, version.foreground_voxels) == ("Dr Ö. Lind", "accepted prediction", 3)
    assert (decision.voxels, decision.threshold) == (3, probability_of(15))
    assert decisions(project) == {("p1", "run-1"): decision}
    assert project.verify_audit().ok


def test_the_threshold_that_was_looked_at_is_the_one_that_counts(project: Project) -> None:
    decision = record_decision(project, prediction_of(project), Verdict.ACCEPTED, reviewer="Ann", step=35)
    assert project.case("p1").foreground_voxels == decision.voxels == 1


def test_an_accepted_empty_prediction_confirms_that_the_case_is_empty(project: Project) -> None:
    record_decision(project, prediction_of(project), Verdict.ACCEPTED, reviewer="Ann", step=100)
    assert project.case("p1").state is CaseState.CONFIRMED_EMPTY


def test_rejecting_touches_neither_mask_nor_state(project: Project) -> None:
    paint(project)
    before = project.mask("p1").labels
    decision = record_decision(project, prediction_of(project), Verdict.REJECTED, reviewer="Ann", comment="motion")
    assert np.array_equal(project.mask("p1").labels, before)
    assert project.case("p1").state is CaseState.DRAFT
    assert project.mask_versions("p1") == ()
    assert (decision.verdict, decision.voxels, decision.comment) == (Verdict.REJECTED, 3, "motion")


def test_strokes_before_an_acceptance_can_be_restored(project: Project) -> None:
    paint(project)
    painted = project.mask("p1").labels
    record_decision(project, prediction_of(project), Verdict.ACCEPTED, reviewer="Ann")
    assert [v.origin for v in project.mask_versions("p1")] == ["annotation", "accepted prediction"]
    assert np.array_equal(project.mask_version("p1", 1).labels, painted)


def test_an_edited_prediction_keeps_the_corrected_mask(project: Project) -> None:
    corrected = Mask.empty(GRID)
    corrected.labels[0, 0, 0] = 1
    record_decision(project, prediction_of(project), Verdict.EDITED, reviewer="Ann", mask=corrected)
    assert np.array_equal(project.mask("p1").labels, corrected.labels)
    paint(project)
    decision = record_decision(project, prediction_of(project), Verdict.EDITED, reviewer="Ann")
    assert (decision.voxels, project.unsaved_strokes("p1")) == (3, 0)
    assert [v.origin for v in project.mask_versions("p1")] == ["edited prediction"] * 2


def test_the_latest_decision_about_each_model_counts(project: Project) -> None:
    record_decision(project, prediction_of(project), Verdict.REJECTED, reviewer="Ann")
    record_decision(project, prediction_of(project, model="run-2"), Verdict.REJECTED, reviewer="Ann")
    record_decision(project, prediction_of(project), Verdict.ACCEPTED, reviewer="Bob")
    latest = decisions(project)
    assert list(latest) == [("p1", "run-2"), ("p1", "run-1")]
    assert decisions_about(project, "run-1")["p1"].reviewer == "Bob"
    assert decisions_about(project, "run-3") == {}


def test_decisions_survive_closing_the_project_and_ignore_other_entries(project: Project) -> None:
    decision = record_decision(project, prediction_of(project), Verdict.ACCEPTED, reviewer="Ann")
    project.log("prediction frobnicated", author="later version", case="p1", detail="{}")
    project.log("prediction accepted", author="later version", case="p1", detail="not json")
    project.close()
    with Project.open(project.folder, read_only=True) as again:
        assert decisions(again) == {("p1", "run-1"): decision}


def test_a_new_case_of_an_old_name_starts_without_decisions(project: Project) -> None:
    record_decision(project, prediction_of(project), Verdict.REJECTED, reviewer="Ann")
    project.remove_case("p1", author="Ann")
    add_case(project)
    assert decisions(project) == {}


def test_a_prediction_of_another_scan_is_refused(project: Project) -> None:
    prediction = prediction_of(project)
    project.remove_case("p1", author="Ann")
    add_case(project, brightness=5)
    with pytest.raises(ProjectProblem, match="predict the case again"):
        record_decision(project, prediction, Verdict.ACCEPTED, reviewer="Ann")


def test_a_decision_needs_a_name_and_only_edits_bring_a_mask(project: Project) -> None:
    prediction = prediction_of(project)
    with pytest.raises(SettingProblem, match="reviewer's name"):
        record_decision(project, prediction, Verdict.ACCEPTED, reviewer="  ")
    with pytest.raises(SettingProblem, match="no mask of its own"):
        record_decision(project, prediction, Verdict.ACCEPTED, reviewer="Ann", mask=Mask.empty(GRID))
    assert decisions(project) == {}


def test_mask_and_decision_are_kept_together_or_not_at_all(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    paint(project)
    before = project.mask("p1").labels

    def full_disk(*_: object, **__: object) -> None:
        raise CannotSave("project", "the disk is full, so it was not saved")

    monkeypatch.setattr(project, "log", full_disk)
    with pytest.raises(CannotSave):
        record_decision(project, prediction_of(project), Verdict.ACCEPTED, reviewer="Ann")
    assert np.array_equal(project.mask("p1").labels, before)
    assert project.mask_versions("p1") == ()
    assert project.case("p1").state is CaseState.DRAFT
    assert project.unsaved_strokes("p1") == 1
