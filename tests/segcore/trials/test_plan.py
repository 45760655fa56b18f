"""Plans of trials: what is refused, what is repeated, what a trial depends on."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from segcore.errors import NotEnoughData, SettingProblem, UnknownName
from segcore.projects.case import Part
from segcore.projects.project import Project
from segcore.training.recipe import LossTerm, Machine, Recipe
from segcore.trials.folder import TrialFolder, TrialState, earlier_looks, list_trials
from segcore.trials.plan import READY_PLANS, Arm, TrialPlan, data_digest, make_plan, ready_plan
from tests.segcore.small_project import make_small_project

ARMS = (Arm(name="one", recipe=Recipe()), Arm(name="two", recipe=Recipe(loss=(LossTerm(name="bce"),))))
NOON = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with make_small_project(tmp_path / "p", cases=4, edge=32) as made:
        yield made


def planned(project: Project, *, arms: tuple[Arm, ...] = ARMS, seeds: tuple[int, ...] = (0, 1)) -> TrialPlan:
    return make_plan(project, name="Two losses", arms=arms, seeds=seeds, steps=50, at=NOON)


def test_a_plan_names_every_run_and_trains_all_arms_of_a_seed_before_the_next(project: Project) -> None:
    plan = planned(project)

    assert plan.id == "20260102-120000-two-losses"
    assert [(run.arm, run.seed) for run in plan.runs] == [(0, 0), (1, 0), (0, 1), (1, 1)]
    assert len({run.id for run in plan.runs}) == 4
    assert [case.case for case in plan.test] == ["case1"]


def test_a_run_has_its_arms_recipe_with_the_trials_budget_and_its_own_seed(project: Project) -> None:
    recipe = replace(ARMS[1].recipe, machine=Machine(device="cpu", threads=1, seed=77))
    plan = planned(project, arms=(ARMS[0], Arm(name="two", recipe=recipe)))

    made = plan.recipe_of(plan.runs[3])

    assert (made.budget.steps, made.machine.seed, made.machine.threads) == (50, 1, 1)
    assert made.loss == ARMS[1].recipe.loss


@pytest.mark.parametrize(
    ("arms", "seeds", "steps", "words"),
    [
        (ARMS[:1], (0,), 50, "a trial of 1 recipes"),
        ((ARMS[0], ARMS[0]), (0,), 50, "two recipes are called 'one'"),
        (ARMS, (), 50, "seeds of a trial must differ"),
        (ARMS, (1, 1), 50, "seeds of a trial must differ"),
        (ARMS, (0,), 0, "a budget of 0 steps"),
    ],
)
def test_a_trial_that_compares_nothing_is_refused(
    project: Project, arms: tuple[Arm, ...], seeds: tuple[int, ...], steps: int, words: str
) -> None:
    with pytest.raises(SettingProblem, match=words):
        make_plan(project, name="x", arms=arms, seeds=seeds, steps=steps)


def test_a_project_without_test_cases_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with (
        make_small_project(tmp_path / "p", cases=4, edge=32, split=False) as project,
        pytest.raises(NotEnoughData, match="split the cases by patient"),
    ):
        planned(project)


def test_ready_plans_change_what_they_say_and_nothing_else() -> None:
    start = Recipe(machine=Machine(device="cpu", threads=1))

    classics = ready_plan("classics").arms(start)
    sampling = ready_plan("sampling").arms(start)

    assert [arm.recipe.loss[0].name for arm in classics] == ["bce", "weighted_bce", "dice"]
    assert {arm.recipe.sampling for arm in classics} == {start.sampling}
    assert [arm.recipe.sampling.method for arm in sampling] == ["uniform", "foreground", "undersampled"]
    assert {arm.recipe.loss for arm in sampling} == {start.loss}
    assert all(arm.recipe.machine == start.machine for arm in (*classics, *sampling))
    for plan in READY_PLANS:
        for arm in plan.arms(start):
            arm.recipe.check()


def test_an_unknown_plan_is_told_with_those_there_are() -> None:
    with pytest.raises(UnknownName, match="classics"):
        ready_plan("classic")


def test_the_data_of_a_trial_change_with_masks_and_split_only(project: Project) -> None:
    before = data_digest(project)

    project.set_note("case2", "looked at")
    assert data_digest(project) == before
    project.set_parts({"case2": Part.TEST})
    assert data_digest(project) != before
    project.set_parts({"case2": Part.TRAIN})
    assert data_digest(project) == before
    mask = project.mask("case2")
    mask.labels[0, :2, :2] = 1
    project.save_mask("case2", mask, author="me", origin="annotation")
    assert data_digest(project) != before


def test_a_trial_is_found_again_and_is_unfinished_until_it_was_carried_out(project: Project) -> None:
    plan = planned(project)
    TrialFolder.create(project.folder, plan)

    found = list_trials(project.folder)

    assert [trial.plan for trial in found] == [plan]
    assert found[0].state is TrialState.UNFINISHED
    assert earlier_looks(project.folder, plan) == 0


def test_a_damaged_trial_does_not_hide_the_others(project: Project) -> None:
    plan = planned(project)
    TrialFolder.create(project.folder, plan)
    broken = project.folder / "trials" / "broken"
    broken.mkdir()
    (broken / "trial.json").write_text("{", "utf-8")

    assert [trial.plan.id for trial in list_trials(project.folder)] == [plan.id]
