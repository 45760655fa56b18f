"""What a training would take, before it is started: time, memory, disk. Needs no torch.

Time follows from the pace of the last run or measurement; memory and disk from counting. The constants were fitted to
runs of this program, and docs/evidence/estimates.md says how far off the answers were.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from segcore.errors import NotEnoughData
from segcore.projects.case import Case
from segcore.projects.project import Project
from segcore.training.cohort import gather_cohort, lesion_width
from segcore.training.cost import StepCost, step_cost
from segcore.training.pace import Pace, pace_for, paces_of
from segcore.training.plan import Plan, make_plan
from segcore.training.recipe import Recipe

#: An engine with torch and the other libraries, bytes.
_ENGINE = 450e6
#: Memory of a step on the processor over what it keeps of the forward pass: gradients, and copies in other orders.
_STEP_FACTOR = {2: 1.75, 3: 4.0}
#: Copies of the weights: network, running mean, gradients, two moments of the optimiser.
_COPIES = 5
#: Of a validation scan: the image as float32 and its logits, twice.
_SCAN_BYTES = 12
#: A GPU's own context, bytes, and its step over what it keeps.
_CONTEXT, _GPU_FACTOR = 500e6, 1.5
#: On disk: the checkpoint (network, running mean, two moments) and the model.
_STORED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What an estimate needs to know of a project; gathered once, good for every recipe.

    Parameters
    ----------
    train, validation
        Cases by role.
    width
        Of the median lesion, voxels.
    paces
        Newest first.
    """

    train: tuple[Case, ...]
    validation: tuple[Case, ...]
    width: float
    paces: tuple[Pace, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What a training would take.

    Parameters
    ----------
    seconds, steps
        Of the whole training and of one network; None where no pace is known.
    memory, gpu_memory
        At most at once, bytes; the latter 0 on a processor.
    disk
        For prepared scans, checkpoint and model, bytes.
    pace
        What the time rests on.
    plan
        Patch, batch and network.
    """

    seconds: float | None
    steps: int | None
    memory: float
    gpu_memory: float
    disk: float
    pace: Pace | None
    plan: Plan


def gather_facts(project: Project) -> Facts | None:
    """Return what estimates need; reads a few masks. None where nothing could be trained."""
    try:
        cohort = gather_cohort(project, lambda _: None)
    except NotEnoughData:
        return None
    width = lesion_width(project, cohort.train)
    return Facts(
        train=cohort.train,
        validation=cohort.validation,
        width=width,
        paces=paces_of(project, cohort.train, width=width),
    )


def estimate(recipe: Recipe, facts: Facts, *, gpu_is_there: bool = False) -> Estimate:
    """Return what a training of `recipe` would take.

    Parameters
    ----------
    gpu_is_there
        Whether the device "auto" is a GPU.
    """
    on_gpu = recipe.machine.device in ("cuda", "mps") or (recipe.machine.device == "auto" and gpu_is_there)
    plan = make_plan(recipe, facts.train, width=facts.width, on_gpu=on_gpu)
    cost = step_cost(plan)
    pace = pace_for(recipe.machine, facts.paces)
    seconds, steps = _time(recipe, cost, pace)
    scans = (*facts.train, *facts.validation)
    largest = max(_prepared_voxels(case, plan) for case in scans)
    memory, gpu_memory = _memory(plan, cost, largest, on_gpu=on_gpu)
    channels = len(plan.preparation.channels)
    prepared = sum(_prepared_voxels(case, plan) for case in _once(scans)) * (2 * channels + 1)
    return Estimate(
        seconds=seconds,
        steps=steps,
        memory=memory,
        gpu_memory=gpu_memory,
        disk=prepared + recipe.ensemble.members * _STORED * 4 * cost.weights,
        pace=pace,
        plan=plan,
    )


def _once(cases: Sequence[Case]) -> tuple[Case, ...]:
    """Return each case once: with a single patient the same cases serve for training and validation."""
    return tuple({case.id: case for case in cases}.values())


def _time(recipe: Recipe, cost: StepCost, pace: Pace | None) -> tuple[float | None, int | None]:
    members, budget = recipe.ensemble.members, recipe.budget
    each = cost.multiply_adds / pace.multiply_adds * pace.overhead if pace is not None else None
    if budget.steps:
        return (None if each is None else members * budget.steps * each), budget.steps
    return members * budget.minutes * 60, None if each is None else max(1, round(budget.minutes * 60 / each))


def _memory(plan: Plan, cost: StepCost, largest: int, *, on_gpu: bool) -> tuple[float, float]:
    weights, kept = 4.0 * _COPIES * cost.weights, 4.0 * cost.activations
    scan = float(_SCAN_BYTES * largest * len(plan.preparation.channels))
    if on_gpu:
        return _ENGINE + scan, _CONTEXT + weights + _GPU_FACTOR * kept
    return _ENGINE + scan + weights + _STEP_FACTOR[plan.network.dimensions] * kept, 0.0


def _prepared_voxels(case: Case, plan: Plan) -> int:
    """Return the voxels of a case on the training grid; what is cut off around the body is not known and counted."""
    spacing = plan.preparation.spacing
    voxels = float(math.prod(case.grid.shape))
    if plan.preparation.shrink > 1:
        return math.ceil(voxels / plan.preparation.shrink**2)
    if spacing is not None and case.grid.calibrated:
        voxels *= math.prod(case.grid.spacing) / math.prod(spacing)
    return math.ceil(voxels)


def estimate_words(found: Estimate) -> str:
    """Return an estimate in one line for a person."""
    parts = []
    if found.seconds is None:
        parts.append("time not known yet on this device")
    else:
        parts.append(f"about {duration_words(found.seconds)}")
    if found.steps is not None:
        parts.append(f"{_about(found.steps):,} steps" if found.pace is not None else f"{found.steps:,} steps")
    parts.append(f"{size_words(found.memory)} of memory")
    if found.gpu_memory:
        parts.append(f"{size_words(found.gpu_memory)} on the GPU")
    parts.append(f"{size_words(found.disk)} on disk")
    line = ", ".join(parts)
    return f"{line[0].upper()}{line[1:]}."


def shortage(found: Estimate, *, memory: int | None, free: int | None) -> str:
    """Return a sentence where an estimate is more than there is, "" where not.

    Parameters
    ----------
    memory, free
        Of the machine, and on the project's disk, bytes; None where it is not known.
    """
    if memory is not None and found.memory > memory:
        return f"That is more memory than this machine has ({size_words(memory)}): choose a smaller patch or batch."
    if free is not None and found.disk > free:
        return f"That is more than what is free on the project's disk ({size_words(free)}): make room first."
    return ""


def _about(number: int) -> int:
    """Return a number to two figures."""
    digits = max(0, len(str(number)) - 2)
    return round(number, -digits)


def duration_words(seconds: float) -> str:
    """Return a time as a person says it."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 90 * 60:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"


def size_words(size: float) -> str:
    """Return bytes in MB or GB."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{max(1, round(size / 1e6))} MB"
