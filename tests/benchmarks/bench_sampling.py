"""Drawing patches, against copying the same number of voxels and against MONAI where it is installed.

64³ patches from volumes of 256 x 256 x 160 with 0.05 % foreground, a third of them on foreground, one thread.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from segcore.geometry import Box
from segcore.sampling.index import LesionIndex
from segcore.sampling.patches import PatchSampler
from segcore.scans.volume import Labels
from segcore.training.recipe import Sampling
from tests.benchmarks.measuring import answer, medians

SHAPE, EDGE, VOLUMES, DRAWN, ROUNDS = (160, 256, 256), 64, 8, 16, 9


@dataclass(frozen=True, slots=True, eq=False)
class Volume:
    """A volume as the sampler wants it."""

    image: NDArray[np.float16]
    labels: Labels
    body: Box
    index: LesionIndex


def main() -> int:
    """Measure and print one JSON object."""
    torch.set_num_threads(1)
    labels = [_labels(np.random.default_rng(n)) for n in range(VOLUMES)]
    images = [np.random.default_rng(n).standard_normal((1, *SHAPE), dtype=np.float32) for n in range(VOLUMES)]
    began = time.process_time()
    indices = [LesionIndex.build(one) for one in labels]
    index_ms = 1000 * (time.process_time() - began) / VOLUMES
    contestants: dict[str, Callable[[], object]] = {"copying": _copying(images, labels)}
    for name, kind in (("ours, float16 as prepared", np.float16), ("ours, float32", np.float32)):
        cases = [
            Volume(image.astype(kind), mask, Box((0, 0, 0), SHAPE), index)
            for image, mask, index in zip(images, labels, indices, strict=True)
        ]
        sampler = PatchSampler(cases, (EDGE,) * 3, Sampling(ratio=1 / 3), flat=False, seed=[0])
        contestants[name] = functools.partial(sampler.draw, DRAWN)
    if importlib.util.find_spec("monai"):
        contestants["MONAI, cached indices"] = _monai(images, labels)
    seconds = medians(contestants, rounds=ROUNDS)
    return answer(
        {
            "patches_per_second": {name: round(DRAWN / value) for name, value in seconds.items()},
            "share_of_copying": {name: round(seconds["copying"] / value, 2) for name, value in seconds.items()},
            "index_ms_per_volume": round(index_ms, 1),
            "index_mib_per_volume": round(sum(one.flat.nbytes for one in indices) / VOLUMES / 2**20, 3),
        }
    )


def _labels(rng: np.random.Generator) -> Labels:
    labels = np.zeros(SHAPE, np.uint8)
    grid = np.indices((13, 13, 13)) - 6
    ball = (grid**2).sum(axis=0) <= 36
    while labels.sum() < 0.0005 * labels.size:
        start = [int(rng.integers(0, extent - 13)) for extent in SHAPE]
        labels[tuple(slice(a, a + 13) for a in start)] |= ball
    return labels


def _copying(images: list[NDArray[np.float32]], labels: list[Labels]) -> Callable[[], object]:
    rng = np.random.default_rng(1)
    image, mask = np.empty((DRAWN, 1, EDGE, EDGE, EDGE), np.float32), np.empty((DRAWN, EDGE, EDGE, EDGE), np.uint8)

    def draw() -> None:
        for number in range(DRAWN):
            case = int(rng.integers(VOLUMES))
            where = tuple(slice(a, a + EDGE) for a in (int(rng.integers(0, n - EDGE + 1)) for n in SHAPE))
            np.copyto(image[number], images[case][(slice(None), *where)])
            np.copyto(mask[number], labels[case][where])

    return draw


def _monai(images: list[NDArray[np.float32]], labels: list[Labels]) -> Callable[[], object]:
    transforms = importlib.import_module("monai.transforms")
    indexed = transforms.FgBgToIndicesd("label")
    items = [
        indexed({"image": torch.from_numpy(image), "label": torch.from_numpy(mask[None])})
        for image, mask in zip(images, labels, strict=True)
    ]
    crop = transforms.RandCropByPosNegLabeld(
        ["image", "label"],
        label_key="label",
        spatial_size=(EDGE,) * 3,
        pos=1,
        neg=2,
        num_samples=4,
        fg_indices_key="label_fg_indices",
        bg_indices_key="label_bg_indices",
    )
    rng = np.random.default_rng(2)

    def draw() -> None:
        patches = [patch for _ in range(DRAWN // 4) for patch in crop(items[int(rng.integers(VOLUMES))])]
        torch.stack([patch["image"].as_tensor() for patch in patches])
        torch.stack([patch["label"].as_tensor() for patch in patches])

    return draw


if __name__ == "__main__":
    sys.exit(main())
