"""What a training would take: answers worked out by hand from pace and counts."""

from dataclasses import replace
from pathlib import Path

import pytest

from segcore.geometry import Grid
from segcore.projects.case import Case, Part
from segcore.training.cost import step_cost
from segcore.training.estimate import (
    Facts,
    duration_words,
    estimate,
    estimate_words,
    gather_facts,
    shortage,
    size_words,
)
from segcore.training.pace import Pace
from segcore.training.recipe import Budget, Ensemble, Machine, Network, Optimiser, Recipe
from tests.segcore.small_project import make_small_project
from tests.segcore.training.test_cohort import case

GRID = Grid.from_spacing((10, 256, 256), (5.0, 1.0, 1.0))
PACE = Pace(
    device="auto",
    threads=0,
    words="CPU, 2 threads",
    multiply_adds=1e9,
    overhead=1.25,
    when="2026-01-01T00:00:00Z",
    source="a measurement",
)


def on_grid(id: str) -> Case:
    return replace(case(id, 100, Part.TRAIN), grid=GRID, source_grid=GRID)


def facts(*paces: Pace) -> Facts:
    return Facts(train=(on_grid("a"), on_grid("b")), validation=(on_grid("c"),), width=6.0, paces=paces)


def test_time_follows_from_the_pace_and_a_budget_of_steps_from_both() -> None:
    recipe = Recipe(budget=Budget(steps=200))
    found = estimate(recipe, facts(PACE))
    each = step_cost(found.plan).multiply_adds / 1e9 * 1.25
    assert found.seconds == pytest.approx(200 * each)
    assert found.steps == 200
    thrice = estimate(replace(recipe, ensemble=Ensemble(members=3)), facts(PACE))
    assert thrice.seconds == pytest.approx(600 * each)


def test_a_budget_of_minutes_is_its_own_time_and_the_pace_says_how_many_steps() -> None:
    found = estimate(Recipe(budget=Budget(minutes=2.0)), facts(PACE))
    each = step_cost(found.plan).multiply_adds / 1e9 * 1.25
    assert found.seconds == 120.0
    assert found.steps == round(120 / each)


def test_without_a_pace_the_time_of_steps_is_not_known_and_nothing_is_made_up() -> None:
    by_steps, by_minutes = (estimate(Recipe(budget=b), facts()) for b in (Budget(steps=200), Budget(minutes=2.0)))
    assert (by_steps.seconds, by_steps.steps) == (None, 200)
    assert (by_minutes.seconds, by_minutes.steps) == (120.0, None)
    other = replace(PACE, device="cuda")
    assert estimate(Recipe(budget=Budget(steps=200)), facts(other)).seconds is None


def test_disk_is_prepared_scans_and_five_copies_of_the_weights_for_each_member() -> None:
    found = estimate(Recipe(), facts())
    weights = step_cost(found.plan).weights
    # Three scans of 10 x 256 x 256 voxels, float16 and one byte of mask each.
    assert found.disk == 3 * 10 * 256 * 256 * 3 + 5 * 4 * weights
    assert estimate(Recipe(ensemble=Ensemble(members=2)), facts()).disk - found.disk == 5 * 4 * weights
    once = replace(facts(), validation=(on_grid("a"),))
    assert estimate(Recipe(), once).disk == 2 * 10 * 256 * 256 * 3 + 5 * 4 * weights


def test_memory_grows_with_batch_patch_and_network_and_a_gpu_has_its_own() -> None:
    base = estimate(Recipe(optimiser=Optimiser(batch=2, patch=128)), facts())
    for larger in (
        Recipe(optimiser=Optimiser(batch=8, patch=128)),
        Recipe(optimiser=Optimiser(batch=2, patch=256)),
        Recipe(optimiser=Optimiser(batch=2, patch=128), network=Network(size="medium")),
    ):
        assert estimate(larger, facts()).memory > base.memory
    assert base.gpu_memory == 0
    gpu = estimate(Recipe(machine=Machine(device="cuda")), facts())
    assert gpu.gpu_memory > 5e8
    assert estimate(Recipe(), facts(), gpu_is_there=True).plan == gpu.plan


def test_the_line_says_what_is_known_and_that_the_rest_is_not() -> None:
    assert estimate_words(estimate(Recipe(budget=Budget(steps=200)), facts())).startswith(
        "Time not known yet on this device, 200 steps, "
    )
    minutes = estimate(Recipe(budget=Budget(minutes=5.0)), facts(replace(PACE, multiply_adds=1e10)))
    line = estimate_words(minutes)
    assert line.startswith("About 5 min, ")
    assert line.endswith("MB on disk.")
    assert "of memory" in line


def test_more_than_there_is_is_said() -> None:
    found = estimate(Recipe(), facts())
    assert shortage(found, memory=None, free=None) == ""
    assert shortage(found, memory=round(found.memory) + 1, free=round(found.disk) + 1) == ""
    assert "more memory than this machine has (400 MB)" in shortage(found, memory=400_000_000, free=None)
    assert "free on the project's disk (1 MB)" in shortage(found, memory=None, free=1_000_000)


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.2, "1 s"), (89.0, "89 s"), (90.0, "2 min"), (3600.0, "60 min"), (9000.0, "2.5 h")]
)
def test_times_are_said_as_people_say_them(seconds: float, words: str) -> None:
    assert duration_words(seconds) == words


def test_sizes_are_in_megabytes_or_gigabytes() -> None:
    assert [size_words(size) for size in (1e3, 35.2e6, 1.26e9)] == ["1 MB", "35 MB", "1.3 GB"]


def test_facts_come_from_the_project_and_there_are_none_without_a_lesion(tmp_path: Path) -> None:
    with make_small_project(tmp_path / "p") as project:
        known = gather_facts(project)
        assert known is not None
        assert (len(known.train), len(known.validation), known.paces) == (6, 1, ())
        assert estimate(Recipe(), known).disk > 0
    with make_small_project(tmp_path / "q", cases=3, empty=(0, 1, 2), split=False) as project:
        assert gather_facts(project) is None
