"""A training step as runs take it, and what of it is not the network: loader, random changes, metrics, gradient by class.

A small project of synthetic scans with rare lesions, 2-D and 3-D, the plan and the loss that a recipe of defaults gets, one
thread. Goals: loader and metrics together below 5 % of a step, the gradient's share by class below 2 %.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch

from segcore.geometry import Grid
from segcore.projects.case import CaseState, Part
from segcore.projects.project import Project
from segcore.scans.volume import Mask, Volume
from segcore.training import learner, meter, run, stream
from segcore.training.recipe import Budget, Machine, Network, Recipe
from segcore.training.stopping import StopSignal
from tests.benchmarks.measuring import answer, table

SHAPES = {"2d": (24, 256, 256), "3d": (96, 128, 128)}
STEPS, WARM, LESION = 24, 4, 7
GOALS = {"loader": 0.05, "gradient by class": 0.02}
#: What is timed within a step: owner, name, and what it is called here.
PARTS: tuple[tuple[Any, str, str], ...] = (
    (stream.PatchStream, "next_batch", "drawing patches"),
    (stream.PatchStream, "augmented", "random changes"),
    (meter.Meter, "add", "metrics"),
    (learner, "class_share", "gradient by class"),
)


def main() -> int:
    """Measure and print one JSON object."""
    torch.set_num_threads(1)
    result = {dimensions: _measured(dimensions) for dimensions in SHAPES}
    rows = []
    for dimensions, facts in result.items():
        rows.append([dimensions, *(f"{100 * facts[name]:.1f} %" for _, _, name in PARTS), f"{facts['seconds']:.2f} s"])
    head = ["network", *(name for _, _, name in PARTS), "a step"]
    return answer({"training": result, "goals": GOALS}, name="training", markdown=table(head, rows))


def _measured(dimensions: str) -> dict[str, float]:
    """Return seconds of a step, and the share of each part."""
    spent: dict[str, list[float]] = defaultdict(list)
    recipe = Recipe(
        network=Network(dimensions=dimensions, size="small"),
        budget=Budget(steps=STEPS),
        machine=Machine(threads=1, seed=0),
    )
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        project = stack.enter_context(_project(Path(folder) / "project", SHAPES[dimensions]))
        for owner, name, words in PARTS:
            stack.enter_context(patch.object(owner, name, _timed(getattr(owner, name), spent[words])))
        step = _timed(run.Run._take_step, spent["step"])
        stack.enter_context(patch.object(run.Run, "_take_step", step))
        stack.enter_context(patch.object(run.Run, "_is_validation_due", lambda _: False))
        (Path(folder) / "run").mkdir()
        one = run.Run(project, recipe, Path(folder) / "run", lambda _: None, StopSignal(), ())
        for words in spent:
            spent[words].clear()
        meter_of_run = meter.Meter(one._schedule)
        for _ in range(STEPS):
            one._take_step(meter_of_run)
    seconds = float(np.mean(spent["step"][WARM:]))
    return {"seconds": seconds} | {words: float(np.mean(spent[words][WARM:])) / seconds for _, _, words in PARTS}


def _timed(function: Callable[..., Any], spent: list[float]) -> Callable[..., Any]:
    def call(*arguments: object, **settings: object) -> object:
        began = time.process_time()
        try:
            return function(*arguments, **settings)
        finally:
            spent.append(time.process_time() - began)

    return call


def _project(folder: Path, shape: tuple[int, int, int]) -> Project:
    """Return a project of eight scans, each with three lesions."""
    project = Project.create(folder)
    grid = Grid.from_spacing(shape, (1.0, 1.0, 1.0))
    for number in range(8):
        rng = np.random.default_rng(number)
        voxels, mask = rng.normal(100, 8, shape), Mask.empty(grid)
        for _ in range(3):
            start = [int(rng.integers(0, extent - LESION)) for extent in shape]
            where = tuple(slice(a, a + LESION) for a in start)
            mask.labels[where] = 1
            voxels[where] += 50
        project.add_case(
            id=f"case{number}",
            group=f"patient{number}",
            volume=Volume(voxels=voxels[np.newaxis].astype(np.int16), grid=grid, channels=("image",)),
            source_grid=grid,
            source_suffix=".nii.gz",
            sources=(f"case{number}.nii.gz",),
            mask=mask,
            state=CaseState.COMPLETE,
        )
    project.set_parts({f"case{n}": Part.VALIDATION if n == 0 else Part.TRAIN for n in range(8)})
    return project


if __name__ == "__main__":
    sys.exit(main())
