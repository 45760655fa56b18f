"""Measuring how fast this machine would train a recipe: a few real steps on made-up patches, with the run's own code."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

from segcore.augmentation.transforms import Augmenter
from segcore.inference.devices import choose_device, device_words
from segcore.inference.memory import enough_memory
from segcore.inference.sliding_window import to_network
from segcore.losses import build_terms
from segcore.networks.build import build_network
from segcore.projects.audit import now
from segcore.projects.project import Project
from segcore.training.cohort import gather_cohort, lesion_width
from segcore.training.cost import step_cost
from segcore.training.learner import Learner
from segcore.training.pace import USUAL_OVERHEAD, Pace, keep_pace
from segcore.training.plan import Plan, make_plan
from segcore.training.probe import measured
from segcore.training.recipe import Recipe

#: Measured after two steps that warm up: for this long, at least so many.
_SECONDS, _LEAST_STEPS = 4.0, 3
_PREVALENCE = 0.02


def measure_pace(project: Project, recipe: Recipe, *, check: Callable[[], None]) -> Pace:
    """Measure, keep the result in the project's cache, and return it.

    Parameters
    ----------
    check
        Called before each step; raises to end.

    Raises
    ------
    NotEnoughData, EngineProblem, CannotSave
        Each in one sentence.
    """
    recipe.check()
    train = gather_cohort(project, lambda _: None).train
    device = choose_device(recipe.machine.device)
    if recipe.machine.threads:
        torch.set_num_threads(recipe.machine.threads)
    plan = make_plan(recipe, train, width=lesion_width(project, train), on_gpu=device.type != "cpu")
    with enough_memory("to train this recipe", remedy="choose a smaller patch, batch or network"):
        seconds = _seconds_per_step(recipe, plan, device, check)
    pace = Pace(
        device=recipe.machine.device,
        threads=recipe.machine.threads,
        words=device_words(device),
        multiply_adds=step_cost(plan).multiply_adds / seconds,
        overhead=USUAL_OVERHEAD,
        when=now(),
        source="a measurement",
    )
    keep_pace(project.cache_folder, pace)
    return pace


def _seconds_per_step(recipe: Recipe, plan: Plan, device: torch.device, check: Callable[[], None]) -> float:
    network = build_network(plan.network).to(device)
    numerics = measured(network, plan, device, check=check).numerics
    loss = build_terms(recipe.loss, prevalence=_PREVALENCE)
    learner = Learner(network, loss, recipe.optimiser, prior=_PREVALENCE, numerics=numerics)
    generator = torch.Generator().manual_seed(0)
    augmenter = Augmenter(recipe.augmentation, spacing=plan.spacing, generator=generator)
    shape = plan.patch[1:] if plan.flat else plan.patch
    images = torch.randn((plan.batch, plan.network.channels, *shape), generator=generator).to(device)
    labels = (torch.rand((plan.batch, 1, *shape), generator=generator) < _PREVALENCE).float().to(device)

    def step() -> None:
        check()
        x, target = augmenter(images, labels)
        learner.step(to_network(x, flat=False), target, torch.ones_like(target), rate=1e-4)

    for _ in range(2):
        step()
    began, steps = time.perf_counter(), 0
    while steps < _LEAST_STEPS or time.perf_counter() - began < _SECONDS:
        step()  # ends with numbers read from the device, so that a GPU has finished
        steps += 1
    return (time.perf_counter() - began) / steps
