"""From a recipe and the data to concrete numbers: dimensions, patch, batch, spacing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from segcore.inference.prepared_grid import Preparation
from segcore.networks.description import PRESENT_DESIGN, NetworkDescription
from segcore.projects.case import Case
from segcore.projects.project import Project
from segcore.training.cohort import lesion_width
from segcore.training.recipe import Recipe
from segcore.training.sizing import choose_sizes


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a training does in numbers.

    Parameters
    ----------
    patch
        (planes, rows, columns) that a training step sees, context planes included.
    batch
        Patches per step.
    flat
        2-D network with neighbouring planes as channels.
    spacing
        Of the prepared grid, mm; relative where uncalibrated.
    """

    network: NetworkDescription
    preparation: Preparation
    patch: tuple[int, int, int]
    batch: int
    flat: bool
    spacing: tuple[float, float, float]


def make_plan(recipe: Recipe, cases: Sequence[Case], *, width: float, on_gpu: bool) -> Plan:
    """Return the plan.

    Parameters
    ----------
    cases
        Training cases.
    width
        Of the median lesion in the training cases, voxels across at its thickest.
    on_gpu
        Whether there is a GPU to fill.
    """
    sizes = choose_sizes(recipe, cases, width=width, on_gpu=on_gpu)
    channels = cases[0].channels
    return Plan(
        network=NetworkDescription(
            dimensions=2 if sizes.flat else 3,
            channels=len(channels) * (sizes.patch[0] if sizes.flat else 1),
            size=recipe.network.size,
            design=PRESENT_DESIGN,
        ),
        preparation=Preparation(channels=channels, spacing=sizes.target_spacing, shrink=sizes.shrink),
        patch=sizes.patch,
        batch=sizes.batch,
        flat=sizes.flat,
        spacing=sizes.spacing,
    )


def plan_run(
    project: Project, recipe: Recipe, cases: Sequence[Case], *, on_gpu: bool, notice: Callable[[str], None]
) -> Plan:
    """Return the plan of a run on training `cases`, and say what a person would wonder about."""
    plan = make_plan(recipe, cases, width=lesion_width(project, cases), on_gpu=on_gpu)
    if plan.preparation.shrink > 1:
        notice(f"The images are shrunk {plan.preparation.shrink} times for training; masks keep their full size.")
    return plan
