"""Augmenting batches as training does, against MONAI's transforms where they are installed; patches per second."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import sys
from collections.abc import Callable
from typing import Any

import torch

from segcore.augmentation.transforms import Augmenter
from segcore.training.recipe import Augmentation
from tests.benchmarks.measuring import answer, medians

#: Edges of patches, and how many are in a batch.
BATCHES = {(256, 256): 8, (96, 96, 96): 2}
ROUNDS = 7


def main() -> int:
    """Measure and print one JSON object."""
    torch.set_num_threads(1)
    result: dict[str, object] = {}
    for shape, size in BATCHES.items():
        images = torch.randn(size, 1, *shape)
        labels = (torch.rand(size, 1, *shape) < 0.001).float()
        augmenter = Augmenter(Augmentation(), spacing=(1.0, 1.0, 1.0), generator=torch.Generator().manual_seed(0))
        contestants: dict[str, Callable[[], object]] = {"ours": functools.partial(augmenter, images, labels)}
        if importlib.util.find_spec("monai"):
            contestants["MONAI"] = _monai(images, labels)
        seconds = medians(contestants, rounds=ROUNDS)
        result["x".join(map(str, shape))] = {name: round(size / value, 1) for name, value in seconds.items()}
    return answer({"patches_per_second": result})


def _monai(images: torch.Tensor, labels: torch.Tensor) -> Callable[[], object]:
    t: Any = importlib.import_module("monai.transforms")
    keys, flat = ["image", "label"], images.ndim == 4
    turn = {"rotate_range": (0.52,) if flat else (0.52,) * 3, "scale_range": (0.3,) * (2 if flat else 3)}
    chain = t.Compose(
        [
            t.RandAffined(keys, prob=0.8, mode=("bilinear", "nearest"), padding_mode="border", **turn),
            *(t.RandFlipd(keys, prob=0.5, spatial_axis=axis) for axis in range(images.ndim - 2)),
            t.RandGaussianNoised("image", prob=0.15, std=0.1),
            t.RandGaussianSmoothd("image", prob=0.15, sigma_x=(0.5, 1.0), sigma_y=(0.5, 1.0), sigma_z=(0.5, 1.0)),
            t.RandAdjustContrastd("image", prob=0.3, gamma=(0.7, 1.5)),
        ]
    )

    def augment() -> None:
        done = [chain({"image": image, "label": label}) for image, label in zip(images, labels, strict=True)]
        torch.stack([one["image"].as_tensor() for one in done])

    return augment


if __name__ == "__main__":
    sys.exit(main())
