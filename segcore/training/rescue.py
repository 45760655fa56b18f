"""Which weights a rescued run goes on from."""

from __future__ import annotations

from pathlib import Path

import torch

from segcore.inference.folders import present_folder
from segcore.inference.model import load_model
from segcore.networks.build import build_network
from segcore.networks.unet import NetworkDescription, UNet
from segcore.training.convergence import RANKING_LEARNT


def weights_to_go_on_from(
    model: Path, description: NetworkDescription, *, device: torch.device, seed: int
) -> tuple[UNet, bool]:
    """Return a network, and whether it has learnt anything: the best so far, or a new one where that ranks nothing.

    Parameters
    ----------
    model
        Folder of the best model; need not be there.
    seed
        Of the weights of a new network.
    """
    torch.manual_seed(seed)
    network = build_network(description).to(device)
    if not present_folder(model).is_dir():
        return network, False
    best = load_model(model, device)
    if not best.facts.scores.average_precision >= RANKING_LEARNT:
        return network, False
    network.load_state_dict(best.networks[0].state_dict())
    return network, True
