"""nnU-Net's chain of random changes as nnU-Net does it, and as MONAI's transforms do it, one patch after the other."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

Chain = Callable[[Tensor, Tensor], object]  # image and label (1, *spatial) of one patch


def nnunet_chain(patch: Sequence[int]) -> tuple[Chain, tuple[int, ...]]:
    """Return nnU-Net's transforms, and the extents of the larger patch that they want to begin with."""
    sizes: Any = importlib.import_module("nnunetv2.training.data_augmentation.compute_initial_patch_size")
    trainer: Any = importlib.import_module("nnunetv2.training.nnUNetTrainer.nnUNetTrainer")
    most = math.pi if len(patch) == 2 else math.pi / 6
    turn = (-most, most)
    chain = trainer.nnUNetTrainer.get_training_transforms(np.array(patch), turn, None, tuple(range(len(patch))), False)

    def change(image: Tensor, label: Tensor) -> object:
        return chain(image=image.clone(), segmentation=label.to(torch.int16))

    return change, tuple(int(n) for n in sizes.get_patch_size(patch, turn, turn, turn, (0.85, 1.25)))


def monai_chain(patch: Sequence[int]) -> Chain:
    """Return the same operations with the same probabilities of MONAI's, without metadata, which is twice as fast."""
    data: Any = importlib.import_module("monai.data")
    t: Any = importlib.import_module("monai.transforms")
    data.set_track_meta(False)
    dims = len(patch)
    most = math.pi if dims == 2 else math.pi / 6
    keys, width = ["image", "label"], {"sigma_x": (0.5, 1), "sigma_y": (0.5, 1), "sigma_z": (0.5, 1)}
    chain = t.Compose(
        [
            t.RandAffined(
                keys,
                prob=0.36,
                rotate_range=[most] * (1 if dims == 2 else 3),
                scale_range=[(-0.3, 0.4)] * dims,
                mode=("bilinear", "nearest"),
                padding_mode="zeros",
            ),
            t.RandGaussianNoised("image", prob=0.1, std=0.3),
            t.RandGaussianSmoothd("image", prob=0.1, **width),
            t.RandScaleIntensityd("image", factors=0.25, prob=0.15),
            t.RandScaleIntensityFixedMeand("image", factors=0.25, preserve_range=True, prob=0.15),
            t.RandSimulateLowResolutiond(
                "image", prob=0.125, zoom_range=(0.5, 1.0), upsample_mode="trilinear" if dims == 3 else "bilinear"
            ),
            t.RandAdjustContrastd("image", prob=0.1, gamma=(0.7, 1.5), invert_image=True, retain_stats=True),
            t.RandAdjustContrastd("image", prob=0.3, gamma=(0.7, 1.5), retain_stats=True),
            *(t.RandFlipd(keys, prob=0.5, spatial_axis=axis) for axis in range(dims)),
        ]
    )
    return lambda image, label: chain({"image": image.clone(), "label": label})
