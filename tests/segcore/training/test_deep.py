from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from segcore.losses import build_terms
from segcore.networks.build import build_network
from segcore.networks.unet import PRESENT_DESIGN, NetworkDescription
from segcore.training.deep import DeepSupervision, pooled
from segcore.training.events import StepsDone, Validated
from segcore.training.loop import train
from segcore.training.recipe import Budget, LossTerm, Machine, Optimiser, Recipe
from segcore.training.stopping import StopSignal
from tests.segcore.small_project import make_small_project


def network(dimensions: int) -> torch.nn.Module:
    description = NetworkDescription(dimensions=dimensions, channels=1, size="small", design=PRESENT_DESIGN)
    return build_network(description)


def test_a_lesion_of_one_voxel_is_there_at_every_level() -> None:
    target = torch.zeros(1, 1, 32, 32)
    target[0, 0, 17, 5] = 1
    for edge in (16, 8, 4):
        coarse, known = pooled(target, torch.ones_like(target), torch.Size((edge, edge)))
        assert coarse.sum() == 1
        assert coarse[0, 0, 17 * edge // 32, 5 * edge // 32] == 1
        assert known.all()


def test_what_is_unlabelled_is_not_foreground_and_not_known() -> None:
    target, valid = torch.ones(1, 1, 8, 8), torch.ones(1, 1, 8, 8)
    valid[..., :4, :] = 0
    coarse, known = pooled(target, valid, torch.Size((2, 2)))
    assert coarse.flatten().tolist() == [0, 0, 1, 1]
    assert known.flatten().tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize("dimensions", [2, 3])
def test_levels_count_half_of_the_next_finer_one(dimensions: int) -> None:
    unet = network(dimensions)
    x = torch.randn(2, 1, *[32] * dimensions)
    target = (torch.rand(2, 1, *[32] * dimensions) > 0.9).float()
    valid = torch.ones_like(target)
    loss = build_terms((LossTerm(name="bce"),))
    deep = DeepSupervision(unet.level_widths, dimensions, prior_logit=-2.0)
    logits, features = unet.levels(x)
    assert torch.equal(logits, unet(x))
    assert [feature.shape[2] for feature in features] == [4, 8, 16]
    value = deep(loss, logits, features, target, valid)
    each = [loss(logits, target, valid)] + [
        loss(head(feature), *pooled(target, valid, feature.shape[2:]))
        for head, feature in zip(reversed(deep.heads), reversed(features), strict=True)
    ]
    expected = sum(weight * part for weight, part in zip((1, 0.5, 0.25, 0.125), each, strict=True)) / 1.875
    assert torch.allclose(value, torch.as_tensor(expected))


def test_a_supervised_run_learns_resumes_exactly_and_leaves_an_ordinary_model(tmp_path: Path) -> None:
    project = make_small_project(tmp_path / "project")
    recipe = Recipe(
        budget=Budget(steps=6, validations=2),
        machine=Machine(device="cpu", threads=1, seed=5),
        optimiser=Optimiser(patch=32, batch=4, deep_supervision=True),
    )
    whole = train(project, recipe, project.runs_folder / "whole", report=lambda event: None, stop=StopSignal())
    stop = StopSignal()

    def pausing(event: object) -> None:
        if isinstance(event, StepsDone | Validated) and event.step >= 3:
            stop.pause()

    folder = project.runs_folder / "paused"
    train(project, recipe, folder, report=pausing, stop=stop)
    resumed = train(project, recipe, folder, report=lambda event: None, stop=StopSignal(), resume=True)
    assert whole is not None
    assert resumed is not None
    a, b = (load_file(model / "weights.safetensors") for model in (whole, resumed))
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert set(a) == set(network(2).state_dict())

    plain = replace(recipe, optimiser=replace(recipe.optimiser, deep_supervision=False))
    other = train(project, plain, project.runs_folder / "plain", report=lambda event: None, stop=StopSignal())
    assert other is not None
    c = load_file(other / "weights.safetensors")
    assert any(not torch.equal(a[name], c[name]) for name in a)
