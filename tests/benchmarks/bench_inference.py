"""Predicting a whole brain MR with a trained network's shape: ours against MONAI's sliding window where it is installed.

A head of 1 mm: an ellipsoid in air, 182 x 218 x 182; 2-D network of the default size on slices with their neighbours.
Ours takes the patch that its plan gives to such slices, 224 x 192, and tiles as validations and predictions do; MONAI
takes the same network with windows of 192 x 192, as its plain recipe has them, and an overlap of 0.5.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from segcore.inference.sliding_window import predict_image
from segcore.networks.build import build_network
from segcore.networks.unet import PRESENT_DESIGN, NetworkDescription
from tests.benchmarks.measuring import answer, medians

SHAPE, PATCH, WINDOW, ROUNDS = (182, 218, 182), (3, 224, 192), (192, 192), 3


def main() -> int:
    """Measure and print one JSON object."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    description = NetworkDescription(dimensions=2, channels=3, size="small", design=PRESENT_DESIGN)
    network = build_network(description).eval()
    grid = np.indices(SHAPE) - np.array(SHAPE)[:, None, None, None] / 2
    head = ((grid / (np.array(SHAPE)[:, None, None, None] * 0.42)) ** 2).sum(axis=0) < 1
    image = np.where(head, np.random.default_rng(0).normal(0, 1, SHAPE), -4)[None].astype(np.float32)
    contestants: dict[str, Callable[[], object]] = {
        f"ours, overlap {overlap}": functools.partial(
            predict_image, network, image, PATCH, flat=True, device=torch.device("cpu"), overlap=overlap
        )
        for overlap in (0.25, 0.5)
    }
    if importlib.util.find_spec("monai"):
        contestants["MONAI, overlap 0.5"] = _monai(network, image)
    seconds = medians(contestants, rounds=ROUNDS)
    return answer({"seconds": {name: round(value, 2) for name, value in seconds.items()}})


def _monai(network: torch.nn.Module, image: np.ndarray[Any, Any]) -> Callable[[], object]:
    window: Any = importlib.import_module("monai.inferers").sliding_window_inference
    x = torch.from_numpy(np.pad(image[0], ((1, 1), (0, 0), (0, 0)), mode="edge"))
    slices = torch.stack([x[:-2], x[1:-1], x[2:]], dim=1)

    def predict() -> None:
        with torch.inference_mode():
            for part in torch.split(slices, 8):
                window(part, WINDOW, 4, network, overlap=0.5, mode="gaussian")

    return predict


if __name__ == "__main__":
    sys.exit(main())
