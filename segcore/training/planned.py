"""What a training of a recipe would choose for a project, asked before any training."""

from __future__ import annotations

from segcore.errors import NotEnoughData
from segcore.imbalance.vanishing import Resolution
from segcore.projects.case import Case, Part
from segcore.projects.project import Project
from segcore.training.cohort import lesion_width
from segcore.training.recipe import Recipe
from segcore.training.sizing import Sizes, choose_sizes


def training_cases(project: Project) -> tuple[Case, ...]:
    """Return the cases that a training learns from: complete or confirmed empty, of the training part or of none."""
    ready = [case for case in project.cases() if case.state.is_trainable]
    return tuple(case for case in ready if case.part in (Part.TRAIN, None))


def planned_width(project: Project) -> float:
    """Return how many voxels the median lesion of the training cases is across; 1 without any."""
    return lesion_width(project, training_cases(project))


def planned_sizes(project: Project, recipe: Recipe, *, width: float | None = None, on_gpu: bool = False) -> Sizes:
    """Return patch, batch and resolution of a training.

    Parameters
    ----------
    width
        `planned_width`, where it is known: measuring it takes a moment.

    Raises
    ------
    NotEnoughData
        If there is no case to train on.
    """
    cases = training_cases(project)
    if not cases:
        raise NotEnoughData("no training case is complete", remedy="mark cases complete, or change the split")
    return choose_sizes(recipe, cases, width=planned_width(project) if width is None else width, on_gpu=on_gpu)


def planned_resolution(project: Project, recipe: Recipe) -> Resolution:
    """Return what scans are brought to; errors as `planned_sizes`."""
    sizes = planned_sizes(project, recipe)
    return Resolution(spacing=sizes.target_spacing, shrink=sizes.shrink)
