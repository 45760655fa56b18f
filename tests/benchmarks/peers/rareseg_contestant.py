"""RareSeg as a contestant of another end-to-end benchmark: a function that trains on arrays and returns predictors.

    python bench_e2e.py ... --extra rareseg=tests.benchmarks.peers.rareseg_contestant:train_on_arrays

Nothing is set by hand: the recipe is the advisor's. A model after 2 minutes is that of a run of 2 minutes, since a run
plans its learning rate for its budget; runs follow each other, each with its own share of the clock.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from segcore.imbalance.statistics import measure
from segcore.inference.devices import choose_device
from segcore.inference.model import load_model
from segcore.inference.predict import predict_volume
from segcore.metrics.curves import quantise
from segcore.projects.importing import plan_import, run_import
from segcore.projects.project import Project
from segcore.projects.splitting import split_by_group
from segcore.scans.formats.table import read_volume
from segcore.training.advisor import advise
from segcore.training.events import RunEnded, RunEvent
from segcore.training.loop import train
from segcore.training.recipe import Budget, Machine, Recipe
from segcore.training.stopping import StopSignal

Item = tuple[str, NDArray[np.float32], NDArray[np.uint8]]
Predict = Callable[[NDArray[np.float32]], NDArray[np.bool_]]
#: Names of one patient's slices share their first characters in the sets of the benchmark.
_PATIENT = 3
#: Share of the training cases' patients that set the threshold and choose the weights.
_VALIDATION = 0.2


def train_on_arrays(
    items: Sequence[Item],
    *,
    budget_s: float,
    threads: int,
    seed: int,
    snapshot_s: Sequence[float],
    workdir: str,
    clock: Callable[[], float],
) -> list[tuple[float, int, Predict]]:
    """Return (seconds, steps, predictor) of a run for each snapshot's time, and of one for the whole budget.

    Parameters
    ----------
    items
        Name, image (rows, columns), and mask of the same shape, 0 and 1.
    clock
        Seconds; what a run's minutes are measured with.
    """
    folder = Path(workdir) / "rareseg"
    with Project.create(folder / "project") as project:
        _fill(project, items, folder / "files")
        found = []
        for seconds in [*(s for s in snapshot_s if s < budget_s), budget_s]:
            start = Recipe(budget=Budget(minutes=seconds / 60), machine=Machine(threads=threads, seed=seed))
            recipe = replace(advise(measure(project), start=start).recipe, machine=start.machine, budget=start.budget)
            run = folder / f"run-{seconds:.0f}"
            run.mkdir()
            found.append((seconds, _trained(project, recipe, run, clock), _predictor(run / "model", folder)))
    return found


def _fill(project: Project, items: Sequence[Item], files: Path) -> None:
    for part in ("images", "masks"):
        (files / part).mkdir(parents=True)
    for name, image, mask in items:
        tifffile.imwrite(files / "images" / f"{name}.tif", image.astype(np.float32))
        Image.fromarray((mask > 0).astype(np.uint8) * 255).save(files / "masks" / f"{name}.png")
    (files / "groups.csv").write_text("case,group\n" + "".join(f"{n},{_patient(n, items)}\n" for n, _, _ in items))
    plan = plan_import([files / "images"], masks=[files / "masks"], groups=files / "groups.csv")
    run_import(project, plan)
    project.set_parts(split_by_group(project.cases(), fractions=(1 - _VALIDATION, _VALIDATION, 0.0)))


def _patient(name: str, items: Sequence[Item]) -> str:
    """The first characters, unless all names share them."""
    return name[:_PATIENT] if len({n[:_PATIENT] for n, _, _ in items}) > 1 else name


def _trained(project: Project, recipe: Recipe, folder: Path, clock: Callable[[], float]) -> int:
    events: list[RunEvent] = []
    wall, time.monotonic = time.monotonic, clock
    try:
        train(project, recipe, folder, report=events.append, stop=StopSignal())
    finally:
        time.monotonic = wall
    return next(event.step for event in reversed(events) if isinstance(event, RunEnded))


def _predictor(folder: Path, scratch: Path) -> Predict:
    model = load_model(folder, choose_device("cpu"))

    def predict(image: NDArray[np.float32]) -> NDArray[np.bool_]:
        file = scratch / "one.tif"
        tifffile.imwrite(file, image.astype(np.float32))
        logits = predict_volume(model, read_volume(file), device=model.device)
        return np.asarray(quantise(logits)[0] >= model.facts.step)

    return predict
