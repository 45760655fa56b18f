from pathlib import Path

import pytest

from segcore.errors import NotEnoughData
from segcore.imbalance.vanishing import Resolution
from segcore.projects.case import Part
from segcore.training.cohort import lesion_width
from segcore.training.plan import make_plan
from segcore.training.planned import planned_resolution, planned_sizes, training_cases
from segcore.training.recipe import Recipe
from tests.segcore.small_project import make_small_project


def test_the_sizes_are_those_of_the_plan_of_a_training(tmp_path: Path) -> None:
    with make_small_project(tmp_path / "project", planes=3) as project:
        cases = training_cases(project)
        sizes = planned_sizes(project, Recipe())
        plan = make_plan(Recipe(), cases, width=lesion_width(project, cases), on_gpu=False)
        resolution = planned_resolution(project, Recipe())
    assert {case.part for case in cases} == {Part.TRAIN}
    assert (sizes.patch, sizes.batch, sizes.flat) == (plan.patch, plan.batch, plan.flat)
    assert resolution == Resolution(spacing=(3.0, 1.0, 1.0), shrink=1)
    assert resolution.spacing == plan.preparation.spacing


def test_without_a_training_case_there_is_nothing_to_plan(tmp_path: Path) -> None:
    with make_small_project(tmp_path / "project", cases=3) as project:
        project.set_parts({case.id: Part.TEST for case in project.cases()})
        with pytest.raises(NotEnoughData, match="no training case is complete"):
            planned_sizes(project, Recipe())
