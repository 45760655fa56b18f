"""Measuring the pace with the run's own code."""

from pathlib import Path

import pytest

from segcore.errors import Cancelled
from segcore.training import pacing
from segcore.training.pace import pace_for, paces_of
from segcore.training.pacing import measure_pace
from segcore.training.recipe import Machine, Optimiser, Recipe
from tests.segcore.small_project import make_small_project

RECIPE = Recipe(optimiser=Optimiser(batch=2, patch=32), machine=Machine(device="cpu", threads=1))


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pacing, "_SECONDS", 0.1)


def test_a_measurement_is_kept_for_the_device_that_was_asked_for(tmp_path: Path) -> None:
    with make_small_project(tmp_path / "p") as project:
        pace = measure_pace(project, RECIPE, check=lambda: None)
        assert pace.multiply_adds > 1e6
        assert (pace.device, pace.words, pace.source) == ("cpu", "CPU, 1 thread", "a measurement")
        assert pace_for(RECIPE.machine, paces_of(project, project.cases(), width=5.0)) == pace


def test_it_can_be_cancelled(tmp_path: Path) -> None:
    def check() -> None:
        raise Cancelled

    with make_small_project(tmp_path / "p") as project:
        with pytest.raises(Cancelled):
            measure_pace(project, RECIPE, check=check)
        assert paces_of(project, project.cases(), width=5.0) == ()
