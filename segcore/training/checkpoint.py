"""The state of a run on disk, so that it goes on exactly where it was: tensors as safetensors, the rest as JSON."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from segcore.errors import SettingProblem, UnreadableFile
from segcore.inference.folders import present_folder, replaced_folder, save_tensors
from segcore.records import decode, encode
from segcore.training.learner import Learner
from segcore.training.numerics import PLAIN, Numerics

_TENSORS, _FACTS = "state.safetensors", "state.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where a run is.

    Parameters
    ----------
    step, seconds
        Done so far.
    best_score, best_step
        Of the kept model; the score is -1 while there is none.
    validations, validated_step, validated_at, validation_took
        How many validations there were; the step and time of the last one, and the seconds it took.
    in_run
        Cases that validations in the run look at.
    sampler
        State of the sampler's random generator, as JSON.
    augmenter
        State of the augmentation's generator, base64.
    pasted
        Lesions that were pasted into patches.
    hard, looked
        The hard negatives known, as JSON ("" for none), and how many looks were taken for them.
    recipe, rescues, begun
        The recipe in force, as JSON ("" for that of the record), how often the run was rescued, and the share of the
        budget at which the learning rate began its course.
    stale
        Validations since the best one.
    watched
        The validation case that is shown.
    numerics, scale, scale_age
        In which numbers steps are computed; in float16 the scale of the gradients, and the steps since it changed.
    """

    step: int
    seconds: float
    best_score: float
    best_step: int
    validations: int
    validated_step: int
    validated_at: float
    validation_took: float
    in_run: int
    sampler: str
    augmenter: str
    pasted: int = 0
    hard: str = ""
    looked: int = 0
    recipe: str = ""
    rescues: int = 0
    begun: float = 0.0
    stale: int = 0
    watched: str = ""
    numerics: Numerics = PLAIN
    scale: float = 0.0
    scale_age: int = 0


def save_checkpoint(folder: Path, learner: Learner, progress: Progress) -> None:
    """Replace the checkpoint in `folder` by the present state; the old or the new one is there, never a mix.

    Raises
    ------
    CannotSave
        If the disk is full or read-only.
    """
    tensors: dict[str, Tensor] = {f"network.{name}": value for name, value in learner.network.state_dict().items()}
    tensors |= {f"averaged.{name}": value for name, value in learner.averaged.state_dict().items()}
    if learner.deep:
        tensors |= {f"deep.{name}": value for name, value in learner.deep.state_dict().items()}
    for number, state in learner.optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{number}.{name}": torch.as_tensor(value) for name, value in state.items()}
    scaling = learner.scaler.state_dict() if learner.scaler else {"scale": 0.0, "_growth_tracker": 0}
    progress = replace(
        progress, numerics=learner.numerics, scale=scaling["scale"], scale_age=int(scaling["_growth_tracker"])
    )
    with replaced_folder(folder) as new:
        save_tensors(tensors, new / _TENSORS)
        (new / _FACTS).write_text(json.dumps(encode(progress)), "utf-8")


def load_checkpoint(folder: Path, learner: Learner) -> Progress:
    """Put the state in `folder` into the learner and return where the run was.

    Raises
    ------
    UnreadableFile
        If there is no checkpoint, or it is damaged or of another network.
    """
    folder = present_folder(folder)
    try:
        tensors = load_file(folder / _TENSORS)
        progress: Progress = decode(Progress, json.loads((folder / _FACTS).read_text("utf-8")))
        learner.network.load_state_dict(_part(tensors, "network."))
        learner.averaged.load_state_dict(_part(tensors, "averaged."))
        if learner.deep:
            learner.deep.load_state_dict(_part(tensors, "deep."))
        learner.optimiser.load_state_dict(_optimiser_state(tensors, learner.optimiser))
    except (OSError, SafetensorError, SettingProblem, ValueError, RuntimeError, KeyError) as error:
        raise UnreadableFile(folder, "the checkpoint is missing or damaged", remedy="start the run anew") from error
    learner.use(progress.numerics)
    if learner.scaler and progress.scale:
        known = {"scale": progress.scale, "_growth_tracker": progress.scale_age}
        learner.scaler.load_state_dict({**learner.scaler.state_dict(), **known})
    learner.steps = progress.step
    return progress


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _optimiser_state(tensors: dict[str, Tensor], optimiser: torch.optim.Optimizer) -> dict[str, Any]:
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in _part(tensors, "optimiser.").items():
        number, _, field = name.partition(".")
        state.setdefault(int(number), {})[field] = value
    return {"state": state, "param_groups": optimiser.state_dict()["param_groups"]}


def pack_generator(generator: torch.Generator) -> str:
    """Return the state of a torch generator as text."""
    return base64.b64encode(generator.get_state().numpy().tobytes()).decode("ascii")


def unpack_generator(generator: torch.Generator, text: str) -> None:
    """Put a state written by `pack_generator` into a generator."""
    generator.set_state(torch.from_numpy(np.frombuffer(base64.b64decode(text), dtype=np.uint8).copy()))
