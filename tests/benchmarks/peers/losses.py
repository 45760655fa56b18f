"""The losses of MONAI, segmentation_models.pytorch and nnU-Net, each as a function of logits (N, 1, *spatial) and target.

Losses that want two channels or probabilities get them inside the call, since a training has to make them, too.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

LossOf = Callable[[Tensor, Tensor], Tensor]


def monai_losses() -> dict[str, LossOf]:
    """Return MONAI's losses."""
    m: Any = importlib.import_module("monai.losses")
    # It says that it takes logits, but applies no sigmoid.
    unified = m.AsymmetricUnifiedFocalLoss()
    return {
        "MONAI Dice": m.DiceLoss(sigmoid=True, batch=True),
        "MONAI DiceCE": m.DiceCELoss(sigmoid=True, batch=True),
        "MONAI DiceFocal": m.DiceFocalLoss(sigmoid=True, batch=True),
        "MONAI Focal": m.FocalLoss(gamma=2.0),
        "MONAI Tversky": m.TverskyLoss(sigmoid=True, alpha=0.3, beta=0.7, batch=True),
        "MONAI GeneralizedDice": m.GeneralizedDiceLoss(sigmoid=True, batch=True),
        "MONAI UnifiedFocal": lambda z, y: unified(torch.sigmoid(z), y),
        "MONAI HausdorffDT": m.HausdorffDTLoss(sigmoid=True),
    }


def smp_package() -> Any:
    """Return `segmentation_models_pytorch.losses` alone: its encoders would want a torchvision beside this torch."""
    name = "segmentation_models_pytorch"
    if name not in sys.modules:
        found = importlib.util.find_spec(name)
        if found is None or found.origin is None:
            raise ImportError(name)
        parent = types.ModuleType(name)
        parent.__spec__ = found
        parent.__path__ = [str(Path(found.origin).parent)]
        sys.modules[name] = parent
    return importlib.import_module(f"{name}.losses")


def smp_losses() -> dict[str, LossOf]:
    """Return the losses of segmentation_models.pytorch."""
    s = smp_package()
    mcc = s.MCCLoss()
    return {
        "SMP Dice": s.DiceLoss(mode="binary"),
        "SMP Focal": s.FocalLoss(mode="binary"),
        "SMP Tversky": s.TverskyLoss(mode="binary", alpha=0.3, beta=0.7),
        "SMP Lovasz": s.LovaszLoss(mode="binary"),
        "SMP MCC": lambda z, y: mcc(torch.sigmoid(z), y),
    }


def nnunet_losses() -> dict[str, LossOf]:
    """Return the losses of nnU-Net: of regions, its default of two channels, and the hardest tenth."""
    compound: Any = importlib.import_module("nnunetv2.training.loss.compound_losses")
    dice: Any = importlib.import_module("nnunetv2.training.loss.dice")
    robust: Any = importlib.import_module("nnunetv2.training.loss.robust_ce_loss")
    settings = {"batch_dice": True, "smooth": 1e-5, "ddp": False}
    both = compound.DC_and_CE_loss({**settings, "do_bg": False}, {}, dice_class=dice.MemoryEfficientSoftDiceLoss)
    top = robust.TopKLoss(k=10)
    return {
        "nnU-Net DC_and_BCE": compound.DC_and_BCE_loss({}, {**settings, "do_bg": True}),
        "nnU-Net DC_and_CE": lambda z, y: both(_two(z), y),
        "nnU-Net TopK10": lambda z, y: top(_two(z), y),
    }


def _two(z: Tensor) -> Tensor:
    """Return logits of background and foreground."""
    return torch.cat([torch.zeros_like(z), z], dim=1)
