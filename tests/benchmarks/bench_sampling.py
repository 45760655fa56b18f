"""Drawing patches, against copying the same number of voxels, and against MONAI, TorchIO and nnU-Net where installed.

64³ patches from 20 volumes of 256 x 256 x 160 with 0.05 % foreground, a third of them on foreground, one thread. What is
drawn is checked, too: the share of patches with foreground.
"""

from __future__ import annotations

import functools
import sys
import time
import warnings
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
from tests.benchmarks.measuring import answer, installed, table, timed
from tests.benchmarks.peers.sampling import monai_sampler, nnunet_sampler, torchio_sampler

SHAPE, EDGE, VOLUMES, DRAWN, SHARE, ROUNDS = (160, 256, 256), 64, 20, 16, 1 / 3, 9
COPYING = "copying (limit)"
GOALS = {"share of copying": 0.65, "index ms": 5.0, "index MiB": 0.2}


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
    warnings.filterwarnings("ignore")
    labels = [_labels(np.random.default_rng(n)) for n in range(VOLUMES)]
    images = [np.random.default_rng(n).standard_normal((1, *SHAPE), dtype=np.float32) for n in range(VOLUMES)]
    LesionIndex.build(labels[0])  # loads what it needs
    began = time.process_time()
    indices = [LesionIndex.build(one) for one in labels]
    index_ms = 1000 * (time.process_time() - began) / VOLUMES
    ours = sum(one.packed().nbytes for one in indices) // VOLUMES
    draws: dict[str, tuple[Callable[[], object], int]] = {COPYING: (_copying(images, labels), DRAWN)}
    kept: dict[str, int] = {}
    for name, kind in (("ours, float16 as prepared", np.float16), ("ours, float32", np.float32)):
        cases = [
            Volume(image.astype(kind), mask, Box((0, 0, 0), SHAPE), index)
            for image, mask, index in zip(images, labels, indices, strict=True)
        ]
        sampler = PatchSampler(cases, (EDGE,) * 3, Sampling(ratio=SHARE), flat=False, seed=[0])
        draws[name], kept[name] = (functools.partial(sampler.draw, DRAWN), DRAWN), ours
    if installed("monai", for_what="samplers"):
        draw, kept["MONAI, indices kept"] = monai_sampler(images, labels, edge=EDGE, drawn=DRAWN, share=SHARE)
        draws["MONAI, indices kept"] = (draw, DRAWN)
    if installed("nnunetv2", for_what="samplers"):
        draw, kept["nnU-Net, arrays"] = nnunet_sampler(images, labels, edge=EDGE, share=SHARE)
        draws["nnU-Net, arrays"] = (draw, 2)
    if installed("torchio", for_what="samplers"):
        draws["TorchIO"] = (torchio_sampler(images, labels, edge=EDGE, share=SHARE), 8)
    timings = timed({name: draw for name, (draw, _) in draws.items()}, reference=COPYING, rounds=ROUNDS)
    result = {
        name: {
            "patches_per_second": round(draws[name][1] / timing.seconds),
            "share_of_copying": round(draws[name][1] / DRAWN / timing.ratio, 3),
            "index_mib_per_volume": round(kept[name] / 2**20, 3) if name in kept else None,
        }
        for name, timing in timings.items()
    }
    rows = [[name, *facts.values()] for name, facts in result.items()]
    return answer(
        {"sampling": result, "index_ms_per_volume": round(index_ms, 2), "goals": GOALS},
        name="sampling",
        markdown=f"Index: {index_ms:.1f} ms a volume.\n\n"
        + table(["sampler", "patches a second", "share of copying", "index, MiB a volume"], rows),
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


if __name__ == "__main__":
    sys.exit(main())
