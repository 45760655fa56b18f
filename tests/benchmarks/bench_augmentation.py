"""Random changes of nnU-Net's chain to batches of patches, against nnU-Net's own and MONAI's transforms where installed.

One channel and a label with some lesions, batches of 8 patches of 256² and of 2 of 96³, one thread. Ours turns 80 % of the
patches by default; for the comparison also as many as nnU-Net does, 36 %. The limit is copying image and label.
"""

from __future__ import annotations

import itertools
import sys
import warnings
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from segcore.augmentation import transforms
from segcore.augmentation.transforms import Augmenter
from segcore.training.recipe import Augmentation
from tests.benchmarks.measuring import answer, installed, table, timed
from tests.benchmarks.peers.augmentation import Chain, monai_chain, nnunet_chain

#: Edges of patches, and how many are in a batch.
BATCHES = {(256, 256): 8, (96, 96, 96): 2}
#: Random changes cost what they happen to be: so many batches a call.
BATCHES_PER_CALL, ROUNDS = 6, 7
COPYING = "copying (limit)"
LIKE_NNUNET, BY_DEFAULT = "ours, 36 % turned", "ours, 80 % turned"
GOAL = "twice the better peer"
WHOLE_CHAIN = Augmentation(brightness=0.25, contrast=0.25, low_resolution=1.0, rotation=30.0, scaling=0.3)


def main() -> int:
    """Measure and print one JSON object."""
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    result: dict[str, dict[str, float]] = {}
    for shape, size in BATCHES.items():
        contestants = _contestants(shape, size)
        timings = timed(contestants, reference=COPYING, rounds=ROUNDS, sample=0)
        patches = size * BATCHES_PER_CALL
        result["x".join(map(str, shape))] = {name: round(patches / one.seconds, 1) for name, one in timings.items()}
    names = list(dict.fromkeys(itertools.chain.from_iterable(result.values())))
    rows = [[name, *(rates.get(name) for rates in result.values())] for name in names]
    return answer(
        {"patches_per_second": result, "goal": GOAL},
        name="augmentation",
        markdown=table(["chain", *(f"{name}, patches a second" for name in result)], rows),
    )


def _contestants(shape: tuple[int, ...], size: int) -> dict[str, Callable[[], object]]:
    images, labels = _patches(shape, size)
    result: dict[str, Callable[[], object]] = {
        COPYING: _repeated(lambda: (images.clone(), labels.clone())),
        LIKE_NNUNET: _repeated(_ours(images, labels, turned=0.36)),
        BY_DEFAULT: _repeated(_ours(images, labels, turned=transforms.P_SPATIAL)),
    }
    if installed("nnunetv2", for_what="augmentations"):
        chain, larger = nnunet_chain(shape)
        result["nnU-Net"] = _repeated(_one_by_one(chain, *_patches(larger, size)))
    if installed("monai", for_what="augmentations"):
        result["MONAI"] = _repeated(_one_by_one(monai_chain(shape), images, labels))
    return result


def _patches(shape: Sequence[int], size: int) -> tuple[Tensor, Tensor]:
    """Return noise with a few lesions of six voxels' width, (size, 1, *shape)."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.zeros(size, 1, *shape)
    for sample, _ in itertools.product(range(size), range(4)):
        start = [int(torch.randint(0, n - 6, (1,), generator=generator)) for n in shape]
        labels[(sample, 0, *(slice(a, a + 6) for a in start))] = 1
    return torch.randn(size, 1, *shape, generator=generator) + labels, labels


def _repeated(once: Callable[[], object]) -> Callable[[], object]:
    def run() -> None:
        for _ in range(BATCHES_PER_CALL):
            once()

    return run


def _ours(images: Tensor, labels: Tensor, *, turned: float) -> Callable[[], object]:
    augmenter = Augmenter(WHOLE_CHAIN, spacing=(1.0, 1.0, 1.0), generator=torch.Generator().manual_seed(0))

    def augment() -> None:
        before, transforms.P_SPATIAL = transforms.P_SPATIAL, turned
        augmenter(images, labels)
        transforms.P_SPATIAL = before

    return augment


def _one_by_one(chain: Chain, images: Tensor, labels: Tensor) -> Callable[[], object]:
    def augment() -> None:
        for image, label in zip(images, labels, strict=True):
            chain(image, label)

    return augment


if __name__ == "__main__":
    sys.exit(main())
