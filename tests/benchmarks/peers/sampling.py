"""How MONAI, TorchIO and nnU-Net draw patches, each as a function that draws some and stacks them.

nnU-Net's loader is the one for arrays in memory; with its compressed files it is slower by half.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

Images = Sequence[NDArray[np.float32]]  # (1, planes, rows, columns) each
Masks = Sequence[NDArray[np.uint8]]  # (planes, rows, columns) each
Draw = Callable[[], object]


def monai_sampler(images: Images, masks: Masks, *, edge: int, drawn: int, share: float) -> tuple[Draw, int]:
    """Return `RandCropByPosNegLabeld` with indices kept, four patches a call, and the bytes of these indices a volume."""
    transforms: Any = importlib.import_module("monai.transforms")
    indexed = transforms.FgBgToIndicesd("label")
    items = [
        indexed({"image": torch.from_numpy(image), "label": torch.from_numpy(mask[None])})
        for image, mask in zip(images, masks, strict=True)
    ]
    kept = sum(np.asarray(item[f"label_{kind}_indices"]).nbytes for item in items for kind in ("fg", "bg"))
    crop = transforms.RandCropByPosNegLabeld(
        ["image", "label"],
        label_key="label",
        spatial_size=(edge,) * 3,
        pos=share,
        neg=1 - share,
        num_samples=4,
        fg_indices_key="label_fg_indices",
        bg_indices_key="label_bg_indices",
    )
    rng = np.random.default_rng(2)

    def draw() -> None:
        patches = [patch for _ in range(drawn // 4) for patch in crop(items[int(rng.integers(len(items)))])]
        torch.stack([patch["image"].as_tensor() for patch in patches])
        torch.stack([patch["label"].as_tensor() for patch in patches])

    return draw, kept // len(items)


def torchio_sampler(images: Images, masks: Masks, *, edge: int, share: float) -> Draw:
    """Return `LabelSampler`, eight patches of one volume a call."""
    tio: Any = importlib.import_module("torchio")
    subjects = [
        tio.Subject(
            image=tio.ScalarImage(tensor=torch.from_numpy(image)),
            label=tio.LabelMap(tensor=torch.from_numpy(mask[None])),
        )
        for image, mask in zip(images, masks, strict=True)
    ]
    sampler = tio.LabelSampler(edge, "label", label_probabilities={0: 1 - share, 1: share})
    rng = np.random.default_rng(3)

    def draw() -> None:
        patches = list(sampler(subjects[int(rng.integers(len(subjects)))], 8))
        torch.stack([patch["image"].data for patch in patches])
        torch.stack([patch["label"].data for patch in patches])

    return draw


def nnunet_sampler(images: Images, masks: Masks, *, edge: int, share: float) -> tuple[Draw, int]:
    """Return nnU-Net's loader over arrays, two patches a call, and the bytes of its index a volume."""
    loading: Any = importlib.import_module("nnunetv2.training.dataloading.data_loader")
    preprocessing: Any = importlib.import_module("nnunetv2.preprocessing.preprocessors.default_preprocessor")
    find = preprocessing.DefaultPreprocessor._sample_foreground_locations
    places = [{"class_locations": find(mask[None].astype(np.int16), [1])} for mask in masks]

    class Labels:
        all_labels, has_ignore_label = [1], False

    class Arrays:
        identifiers = tuple(map(str, range(len(images))))

        @staticmethod
        def load_case(identifier: str) -> tuple[object, object, None, object]:
            number = int(identifier)
            return images[number], masks[number][None], None, places[number]

    np.random.seed(0)
    shape = (edge,) * 3
    loader = loading.nnUNetDataLoader(
        Arrays, 2, shape, shape, Labels, oversample_foreground_percent=share, probabilistic_oversampling=True
    )
    return loader.generate_train_batch, places[0]["class_locations"][1].nbytes
