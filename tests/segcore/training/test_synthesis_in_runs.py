from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from segcore.projects.case import Part
from segcore.projects.project import Project
from segcore.training.events import EndReason, Noticed, RunEnded, RunEvent, RunStarted, Validated
from segcore.training.recipe import Budget, Machine, Optimiser, Recipe, Synthesis
from segcore.training.recipe_files import read_recipe, recipe_with, write_recipe
from segcore.training.recorded import train_in_folder
from segcore.training.stopping import PausingSignal, StopSignal
from tests.segcore.small_project import make_small_project

RECIPE = Recipe(
    synthesis=Synthesis(method="copy_paste", rate=0.8),
    budget=Budget(steps=6, validations=3),
    machine=Machine(device="cpu", threads=1, seed=5),
    optimiser=Optimiser(patch=48, batch=4),
)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_small_project(tmp_path / "project")


def train(
    project: Project, recipe: Recipe, name: str, *, pause_at: int = 0, resume: bool = False
) -> tuple[Path | None, list[RunEvent]]:
    events: list[RunEvent] = []
    stop = PausingSignal() if pause_at else StopSignal()

    def tell(event: RunEvent) -> None:
        events.append(event)
        if isinstance(event, Validated) and event.step == pause_at:
            stop.stop()

    folder = project.runs_folder / name
    return train_in_folder(project, recipe, folder, tell=tell, stop=stop, resume=resume), events


def test_the_record_says_what_was_copied_from_whom_and_never_from_held_out_cases(project: Project) -> None:
    _, events = train(project, RECIPE, "r1")

    words = [event.sentence for event in events if isinstance(event, Noticed)]
    bank = next(sentence for sentence in words if "are copied into patches" in sentence)
    train_ids = sorted(case.id for case in project.cases() if case.part is Part.TRAIN and case.foreground_voxels)
    assert bank.endswith(f"copied into patches: {', '.join(train_ids)}.")
    count = int(next(sentence for sentence in words if "received a pasted lesion" in sentence).split()[0])
    assert 0 < count <= 24


def test_pasted_lesions_count_in_the_prevalence_that_the_network_starts_from(project: Project) -> None:
    plain, pasted = (
        next(e for e in train(project, recipe, name)[1] if isinstance(e, RunStarted)).sampled_prevalence
        for recipe, name in ((replace(RECIPE, synthesis=Synthesis()), "off"), (RECIPE, "on"))
    )
    assert pasted > plain


def test_a_paused_run_with_synthesis_ends_with_the_same_weights(project: Project) -> None:
    whole, expected = train(project, RECIPE, "whole")
    broken, events = train(project, RECIPE, "broken", pause_at=2)
    assert broken is None
    assert isinstance(events[-1], RunEnded)
    assert events[-1].reason is EndReason.PAUSED

    resumed, later = train(project, RECIPE, "broken", resume=True)

    assert whole is not None
    assert resumed is not None
    first, second = load_file(whole / "weights.safetensors"), load_file(resumed / "weights.safetensors")
    assert all(torch.equal(value, second[name]) for name, value in first.items())
    last = [[e.sentence for e in told if isinstance(e, Noticed)][-1] for told in (expected, later)]
    assert last[0] == last[1]  # the count of pasted lesions goes on too


def test_off_is_the_default_and_changes_nothing(project: Project, tmp_path: Path) -> None:
    assert not Recipe().synthesis.is_on
    _, events = train(project, replace(RECIPE, synthesis=Synthesis(rate=0.8)), "off")
    assert not any("copied" in event.sentence for event in events if isinstance(event, Noticed))


def test_synthesis_is_set_by_name_and_recipes_without_it_are_still_read(tmp_path: Path) -> None:
    recipe = recipe_with(recipe_with(Recipe(), "synthesis.method=copy_paste"), "synthesis.rate=0.25")
    assert (recipe.synthesis.is_on, recipe.synthesis.rate) == (True, 0.25)
    file = tmp_path / "recipe.toml"
    write_recipe(file, recipe)
    assert read_recipe(file) == recipe
    text = file.read_text("utf-8")
    start = text.index("[synthesis]")
    file.write_text(text[:start] + text[text.index("[", start + 1) :], "utf-8")
    assert read_recipe(file).synthesis == Synthesis()
