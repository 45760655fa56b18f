"""Patches shown before a run are those that a run sees."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from segcore.errors import Cancelled, NotEnoughData, UnreadableFile
from segcore.projects.project import Project
from segcore.training.cohort import gather_cohort
from segcore.training.patch_examples import read_examples, read_patch
from segcore.training.patch_preview import FOLDER, preview_patches
from segcore.training.plan import plan_run
from segcore.training.prepared import load_prepared
from segcore.training.recipe import Augmentation, Machine, Network, Optimiser, Recipe, Sampling, Synthesis
from segcore.training.stream import PatchStream
from tests.segcore.small_project import make_small_project

FLAT = Recipe(
    sampling=Sampling(ratio=1.0),
    synthesis=Synthesis(method="copy_paste", rate=1.0),
    optimiser=Optimiser(patch=32, batch=3),
    machine=Machine(seed=7),
)


def show(project: Project, recipe: Recipe, **changes: int) -> Path:
    wanted = {"examples": 3, "variants": 2, "seed": 0} | changes
    return preview_patches(project, recipe, report=lambda *_: None, check=lambda: None, **wanted)


def nothing(_: str) -> None: ...


@pytest.mark.parametrize(
    ("recipe", "planes"),
    [(FLAT, 3), (replace(FLAT, network=Network(dimensions="3d"), synthesis=Synthesis()), 40)],
    ids=["2d", "3d"],
)
def test_the_first_variant_is_what_the_first_step_of_a_run_sees(tmp_path: Path, recipe: Recipe, planes: int) -> None:
    # Six training cases: as many as a preview looks at, so that its sampler draws as a run's does.
    with make_small_project(tmp_path / "p", cases=8, planes=planes, empty=(7,)) as project:
        folder = show(project, recipe)
        train = gather_cohort(project, nothing).train
        plan = plan_run(project, recipe, train, on_gpu=False, notice=nothing)
        cases = [load_prepared(project, case.id, plan.preparation) for case in train]
        stream = PatchStream(cases, plan, recipe, seed=recipe.machine.seed)
        batch = stream.next_batch()
        images, labels = stream.augmented(batch, torch.device("cpu"))

        shown = read_examples(folder)
        assert (shown.patch, shown.flat, len(shown.examples)) == (plan.patch, plan.flat, 3)
        for place, example in enumerate(shown.examples):
            pictures, masks = read_patch(folder, example)
            assert (pictures.shape[0], masks.shape) == (3, (3, *pictures.shape[2:]))
            assert example.case == train[batch.cases[place]].id
            if plan.flat:
                middle = plan.patch[0] // 2
                assert np.array_equal(pictures[0], batch.images[place][:, middle])
                assert np.array_equal(pictures[1], images[place][:, middle].numpy())
                assert np.array_equal(masks[1], labels[place, 0].numpy().astype(np.uint8))
            else:
                planes_of = images[place].numpy()
                assert any(np.array_equal(pictures[1], planes_of[:, plane]) for plane in range(plan.patch[0]))
            assert example.foreground


def test_without_any_change_all_variants_are_the_patch_itself(tmp_path: Path) -> None:
    still = Augmentation(flips=False, rotation=0.0, scaling=0.0, noise=0.0, blur=0.0, gamma=0.0)
    with make_small_project(tmp_path / "p") as project:
        folder = show(project, replace(FLAT, augmentation=still))
        for example in read_examples(folder).examples:
            images, labels = read_patch(folder, example)
            assert np.array_equal(images[0], images[1])
            assert np.array_equal(labels[0], labels[2])


def test_another_seed_shows_other_patches_and_takes_the_place_of_the_former(tmp_path: Path) -> None:
    with make_small_project(tmp_path / "p") as project:
        first = read_patch(show(project, FLAT), read_examples(project.cache_folder / FOLDER).examples[0])[0]
        again = read_patch(show(project, FLAT), read_examples(project.cache_folder / FOLDER).examples[0])[0]
        other = read_patch(show(project, FLAT, seed=1), read_examples(project.cache_folder / FOLDER).examples[0])[0]
        assert np.array_equal(first, again)
        assert not np.array_equal(first, other)
        assert len(list((project.cache_folder / FOLDER).glob("*.npy"))) == 6


def test_patches_with_a_lesion_come_first_and_one_without_is_shown_too(tmp_path: Path) -> None:
    recipe = replace(FLAT, sampling=Sampling(ratio=0.5), synthesis=Synthesis())
    with make_small_project(tmp_path / "p", edge=128) as project:
        shown = read_examples(show(project, recipe, examples=6)).examples
    assert shown[0].foreground
    assert sum(not example.foreground for example in shown) <= 1
    assert len(shown) == 6


def test_it_can_be_cancelled_and_says_what_it_does(tmp_path: Path) -> None:
    told: list[tuple[int, int, str]] = []

    def check() -> None:
        if len(told) >= 2:
            raise Cancelled

    with make_small_project(tmp_path / "p") as project, pytest.raises(Cancelled):
        preview_patches(
            project, FLAT, examples=3, variants=2, seed=0, report=lambda *news: told.append(news), check=check
        )
    assert told == [(0, 6, "Preparing scan 1 of 6"), (1, 6, "Preparing scan 2 of 6")]


def test_a_project_without_lesions_and_files_that_are_gone_are_answered_with_a_sentence(tmp_path: Path) -> None:
    with make_small_project(tmp_path / "p", cases=3, empty=(0, 1, 2), split=False) as project:
        with pytest.raises(NotEnoughData, match="no training case has a lesion"):
            show(project, FLAT)
        with pytest.raises(UnreadableFile, match="not there any more"):
            read_examples(project.cache_folder / FOLDER)
