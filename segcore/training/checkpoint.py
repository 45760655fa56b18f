"""The state of a run on disk, so that it goes on exactly where it was: tensors as safetensors, the rest as JSON."""

from __future__ import annotations

import base64
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from segcore.errors import UnreadableFile
from segcore.records import decode, encode
from segcore.storage import flush_folder, saving

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
    validations
        How many there were.
    sampler
        State of the sampler's random generator, as JSON.
    augmenter
        State of the augmentation's generator, base64.
    """

    step: int
    seconds: float
    best_score: float
    best_step: int
    validations: int
    sampler: str
    augmenter: str


def save_checkpoint(
    folder: Path, network: nn.Module, averaged: nn.Module, optimiser: torch.optim.Optimizer, progress: Progress
) -> None:
    """Replace the checkpoint in `folder` by the present state; the old or the new one is there, never a mix.

    Raises
    ------
    CannotSave
        If the disk is full or read-only.
    """
    tensors: dict[str, Tensor] = {f"network.{name}": value for name, value in network.state_dict().items()}
    tensors |= {f"averaged.{name}": value for name, value in averaged.state_dict().items()}
    for number, state in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{number}.{name}": torch.as_tensor(value) for name, value in state.items()}
    temporary = folder.with_name(f".{folder.name}-{uuid4().hex[:8]}")
    old = folder.with_name(f".{folder.name}-old")
    with saving(folder):
        try:
            temporary.mkdir(parents=True)
            save_file(
                {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()},
                temporary / _TENSORS,
            )
            (temporary / _FACTS).write_text(json.dumps(encode(progress)), "utf-8")
            flush_folder(temporary)
            shutil.rmtree(old, ignore_errors=True)
            if folder.exists():
                folder.rename(old)
            temporary.rename(folder)
            flush_folder(folder.parent)
            shutil.rmtree(old, ignore_errors=True)
        except SafetensorError as error:
            raise OSError(28, "No space left on device") from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def load_checkpoint(
    folder: Path, network: nn.Module, averaged: nn.Module, optimiser: torch.optim.Optimizer
) -> Progress:
    """Put the state in `folder` into the given objects and return where the run was.

    Raises
    ------
    UnreadableFile
        If there is no checkpoint, or it is damaged or of another network.
    """
    old = folder.with_name(f".{folder.name}-old")
    if not folder.exists() and old.exists():
        old.rename(folder)
    try:
        tensors = load_file(folder / _TENSORS)
        progress: Progress = decode(Progress, json.loads((folder / _FACTS).read_text("utf-8")))
        network.load_state_dict(_part(tensors, "network."))
        averaged.load_state_dict(_part(tensors, "averaged."))
        optimiser.load_state_dict(_optimiser_state(tensors, optimiser))
    except (OSError, SafetensorError, ValueError, RuntimeError, KeyError) as error:
        raise UnreadableFile(folder, "the checkpoint is missing or damaged", remedy="start the run anew") from error
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
