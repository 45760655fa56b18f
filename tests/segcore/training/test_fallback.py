"""Memory that runs out once, and a GPU that is lost."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from segcore.errors import DeviceLost, NotEnoughMemory
from segcore.inference.memory import answering_device, enough_memory
from segcore.networks.light_unet import LightUNet
from segcore.projects.project import Project
from segcore.training.events import Noticed, RunEnded, RunEvent
from segcore.training.loop import train
from segcore.training.recipe import Budget, Machine, Optimiser, Recipe
from segcore.training.stopping import StopSignal
from tests.segcore.small_project import make_small_project

RECIPE = Recipe(
    budget=Budget(steps=8, validations=2),
    machine=Machine(device="cpu", threads=1, seed=5),
    optimiser=Optimiser(patch=32, batch=4),
)
Fails = Callable[[LightUNet, torch.Tensor], str]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_small_project(tmp_path / "project")


def run(project: Project, recipe: Recipe = RECIPE, *, resume: bool = False) -> tuple[Path | None, list[RunEvent]]:
    events: list[RunEvent] = []
    folder = project.runs_folder / "r1"
    return train(project, recipe, folder, report=events.append, stop=StopSignal(), resume=resume), events


def fail(monkeypatch: pytest.MonkeyPatch, says: Fails) -> None:
    """Make the network fail with a message of the libraries' where `says` gives one."""
    forward = LightUNet.forward

    def failing(self: LightUNet, x: torch.Tensor) -> torch.Tensor:
        message = says(self, x)
        if message:
            raise RuntimeError(message)
        return forward(self, x)

    monkeypatch.setattr(LightUNet, "forward", failing)


def test_half_the_batch_is_tried_once_where_memory_runs_out_and_the_record_says_so(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail(monkeypatch, lambda network, x: "not enough memory: DefaultCPUAllocator" if len(x) > 2 else "")
    model, events = run(project)
    assert model is not None
    told = [event.sentence for event in events if isinstance(event, Noticed)]
    assert "There was not enough memory: the run goes on with half the batch (2 patches a step)." in told
    assert isinstance(events[-1], RunEnded)
    assert events[-1].step == 8


def test_a_run_that_ran_out_of_memory_in_its_middle_goes_on_from_its_checkpoint(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []

    def says(network: LightUNet, x: torch.Tensor) -> str:
        if network.training:
            sizes.append(len(x))
        return "out of memory" if network.training and sizes.count(4) > 5 and len(x) == 4 else ""

    fail(monkeypatch, says)
    model, events = run(project)
    assert model is not None
    assert isinstance(events[-1], RunEnded)
    assert events[-1].step == 8
    # Five steps and the one that failed; the checkpoint is that of the validation at step 4.
    assert sizes == [4] * 6 + [2] * 4


def test_memory_that_runs_out_again_is_answered_with_advice(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    fail(monkeypatch, lambda network, x: "out of memory")
    with pytest.raises(NotEnoughMemory, match="choose a smaller patch"):
        run(project)


def test_a_lost_gpu_keeps_the_checkpoint_and_the_run_goes_on_when_it_is_back(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = 0

    def says(network: LightUNet, x: torch.Tensor) -> str:
        nonlocal calls
        calls += network.training
        return "CUDA error: unspecified launch failure" if network.training and calls == 7 else ""

    fail(monkeypatch, says)
    with pytest.raises(DeviceLost, match="stopped answering; wait until it is back, or choose the CPU, then resume"):
        run(project)
    assert (project.runs_folder / "r1" / "checkpoint").is_dir()
    model, events = run(project, resume=True)
    assert model is not None
    assert isinstance(events[-1], RunEnded)
    assert events[-1].step == 8


def test_only_a_drivers_words_mean_a_lost_device() -> None:
    for error in (RuntimeError("shape mismatch"), ValueError("CUDA error")):
        with pytest.raises(type(error)), answering_device(remedy="wait"):
            raise error
    with pytest.raises(DeviceLost), answering_device(remedy="wait"):
        raise RuntimeError("CUDA error: device-side assert triggered")
    with (
        pytest.raises(NotEnoughMemory),
        answering_device(remedy="wait"),
        enough_memory("to train", remedy="close something"),
    ):
        raise torch.OutOfMemoryError("CUDA out of memory")
