"""A model folder: ``model.json`` and the weights of one network or several, nothing else, nothing that could run code."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from segcore.errors import RareSegError, UnreadableFile
from segcore.inference.folders import present_folder, replaced_folder, save_tensors
from segcore.inference.preparation import Preparation
from segcore.networks.build import build_network
from segcore.networks.unet import NetworkDescription, UNet
from segcore.records import decode, encode

FACTS = "model.json"
#: 2 has members; a model of one network is still written as 1, which earlier versions read.
FORMAT = 2


def weights_name(number: int) -> str:
    """Return the name of the file with the weights of member `number`, counted from 1."""
    return "weights.safetensors" if number == 1 else f"weights-{number}.safetensors"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """How a model did on whole validation scans, at its operating threshold."""

    dice: float
    average_precision: float
    precision: float
    recall: float
    lesion_f1: float
    cases: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberFacts:
    """How one network of a model looks at a scan; each as in `ModelFacts`."""

    network: NetworkDescription
    preparation: Preparation
    patch: tuple[int, int, int]
    correction: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """Everything about a model but its weights.

    Parameters
    ----------
    id
        Of the run that made it.
    patch
        Extents of a training patch (planes, rows, columns).
    step
        Operating threshold: foreground is where ``logits >= step / 10``, after the correction.
    correction
        Added to logits, so that they speak about the true prevalence: − ln w of the loss's class weight.
    prevalence
        Foreground fraction of the training scans.
    recipe
        As JSON, for provenance.
    train_cases
        Ids.
    versions
        Pairs (program, version).
    members
        Of an ensemble, in the order of their weights; empty for a single network, which the fields above describe.
        Those of an ensemble describe its first member.
    """

    format: int = 1
    id: str
    name: str
    created: str
    network: NetworkDescription
    preparation: Preparation
    patch: tuple[int, int, int]
    step: int
    correction: float
    prevalence: float
    scores: Scores
    recipe: str
    train_cases: tuple[str, ...]
    versions: tuple[tuple[str, str], ...]
    members: tuple[MemberFacts, ...] = ()

    @property
    def all_members(self) -> tuple[MemberFacts, ...]:
        """The members of an ensemble, or the single network as the only one."""
        alone = MemberFacts(
            network=self.network, preparation=self.preparation, patch=self.patch, correction=self.correction
        )
        return self.members or (alone,)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Model:
    """The networks of a model, one per member, with their facts, ready to predict."""

    facts: ModelFacts
    networks: tuple[UNet, ...]

    @property
    def device(self) -> torch.device:
        """Where the networks are."""
        return next(self.networks[0].parameters()).device


def save_model(folder: Path, facts: ModelFacts, *states: dict[str, torch.Tensor]) -> None:
    """Write a model folder so that the old model or the new one is there, never a mix.

    Parameters
    ----------
    states
        Weights of each member.

    Raises
    ------
    CannotSave
        If the disk is full or read-only; the old model is intact.
    """
    with replaced_folder(folder) as new:
        for number, state in enumerate(states, start=1):
            save_tensors(state, new / weights_name(number))
        (new / FACTS).write_text(json.dumps(encode(facts), indent=1, ensure_ascii=False), "utf-8")


def read_facts(folder: Path) -> ModelFacts:
    """Return the facts of a model folder.

    Raises
    ------
    UnreadableFile
        If the folder is not a model, or was written by a newer version.
    """
    file = present_folder(folder) / FACTS
    try:
        data = json.loads(file.read_text("utf-8"))
        if isinstance(data, dict) and int(data.get("format", 0)) > FORMAT:
            raise UnreadableFile(file, "the model was written by a newer version of RareSeg", remedy="update RareSeg")
        facts: ModelFacts = decode(ModelFacts, data)
    except (OSError, ValueError, TypeError) as error:
        raise UnreadableFile(
            file, "this is not a RareSeg model", remedy="choose the 'model' folder of a run"
        ) from error
    except RareSegError as error:
        if isinstance(error, UnreadableFile):
            raise
        raise UnreadableFile(file, "the model's description is damaged", remedy="export the model again") from error
    return facts


def load_model(folder: Path, device: torch.device) -> Model:
    """Return a model, single or an ensemble, with its weights on `device`.

    Raises
    ------
    UnreadableFile
        If the folder is not a model, or its weights are cut off or belong to another network.
    """
    facts, place = read_facts(folder), present_folder(folder)
    networks = tuple(
        _load_network(place / weights_name(number), member.network).to(device).eval()
        for number, member in enumerate(facts.all_members, start=1)
    )
    return Model(facts=facts, networks=networks)


def _load_network(file: Path, description: NetworkDescription) -> UNet:
    try:
        state = load_file(file)
        network = build_network(description)
        network.load_state_dict(state)
    except (OSError, SafetensorError) as error:
        raise UnreadableFile(file, "the weights are missing or cut off", remedy="export the model again") from error
    except (RuntimeError, ValueError) as error:
        raise UnreadableFile(file, "the weights belong to another network", remedy="export the model again") from error
    return network
