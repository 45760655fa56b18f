"""How fast a machine was, from records and measurements."""

from pathlib import Path

import pytest

from segcore.projects.project import Project
from segcore.training.cohort import gather_cohort, lesion_width
from segcore.training.cost import step_cost
from segcore.training.events import RunStarted, StepsDone
from segcore.training.pace import Pace, keep_pace, pace_for, paces_of
from segcore.training.plan import make_plan
from segcore.training.recipe import Machine, Optimiser, Recipe
from segcore.training.record import RunWriter
from tests.segcore.small_project import make_small_project

RECIPE = Recipe(name="Earlier", optimiser=Optimiser(batch=4, patch=32), machine=Machine(threads=1))


def write_run(project: Project, name: str, recipe: Recipe, *, steps: int, seconds: float, patches: float) -> None:
    writer = RunWriter(project.runs_folder / name, recipe)
    writer.append(
        RunStarted(
            run=name,
            time=f"2026-01-0{name[-1]}T00:00:00Z",
            device="CPU, 1 thread",
            network="small 2D U-Net",
            total_steps=steps,
            total_seconds=None,
            train_cases=6,
            validation_cases=1,
            prevalence=0.01,
            sampled_prevalence=0.02,
        )
    )
    for share in (0.5, 1.0):
        writer.append(
            StepsDone(
                step=round(steps * share),
                seconds=seconds * share,
                loss=1.0,
                gradient_share=0.5,
                predicted_fraction=0.01,
                true_fraction=0.01,
                patches_with_foreground=0.5,
                learning_rate=1e-3,
                patches_per_second=patches,
                remaining_seconds=0.0,
            )
        )


def known(project: Project) -> tuple[Pace, ...]:
    train = gather_cohort(project, lambda _: None).train
    return paces_of(project, train, width=lesion_width(project, train))


def test_a_run_tells_multiply_adds_a_second_and_what_came_on_top_of_its_steps(tmp_path: Path) -> None:
    with make_small_project(tmp_path / "p") as project:
        write_run(project, "run-1", RECIPE, steps=100, seconds=60.0, patches=8.0)
        (pace,) = known(project)
        train = gather_cohort(project, lambda _: None).train
        plan = make_plan(RECIPE, train, width=lesion_width(project, train), on_gpu=False)

    # 8 patches a second are 2 batches of 4: 100 steps take 50 s, and the run took 60.
    assert pace.multiply_adds == pytest.approx(2 * step_cost(plan).multiply_adds)
    assert pace.overhead == pytest.approx(1.2)
    assert (pace.device, pace.threads, pace.words, pace.source) == ("auto", 1, "CPU, 1 thread", "the run 'Earlier'")


def test_the_newest_of_runs_and_measurements_counts_and_a_short_run_does_not(tmp_path: Path) -> None:
    with make_small_project(tmp_path / "p") as project:
        write_run(project, "run-1", RECIPE, steps=100, seconds=50.0, patches=8.0)
        write_run(project, "run-2", RECIPE, steps=100, seconds=50.0, patches=4.0)
        write_run(project, "run-3", RECIPE, steps=10, seconds=50.0, patches=400.0)
        newest = pace_for(RECIPE.machine, known(project))
        assert newest is not None
        assert newest.when == "2026-01-02T00:00:00Z"
        measured = Pace(
            device="auto",
            threads=1,
            words="CPU, 1 thread",
            multiply_adds=1e9,
            overhead=1.15,
            when="2026-02-01T00:00:00Z",
            source="a measurement",
        )
        for _ in range(25):
            keep_pace(project.cache_folder, measured)
        assert pace_for(RECIPE.machine, known(project)) == measured
        assert len((project.cache_folder / "pace.jsonl").read_text().splitlines()) == 20
        assert pace_for(Machine(threads=2), known(project)) is None


def test_a_damaged_line_is_left_out(tmp_path: Path) -> None:
    with make_small_project(tmp_path / "p") as project:
        project.cache_folder.mkdir(parents=True, exist_ok=True)
        (project.cache_folder / "pace.jsonl").write_text("{\n[]\n")
        assert known(project) == ()
