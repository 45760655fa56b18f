"""The losses that MONAI has too, against MONAI; run where it is installed (`pip install monai==1.6.1`)."""

import pytest
import torch
from torch import Tensor

from segcore.losses import build_loss
from segcore.losses.instances import CenterlineDice

pytestmark = pytest.mark.filterwarnings("default")
monai = pytest.importorskip("monai.losses", reason="MONAI is not installed: its values are not compared")


def example(shape: tuple[int, ...] = (1, 1, 20, 24)) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(4)
    z = 2 * torch.randn(shape, generator=generator, dtype=torch.float64) - 1
    y = torch.zeros(shape, dtype=torch.float64)
    y[:, :, 4:9, 5:12] = 1
    y[:, :, 14:16, 2:20] = 1
    return z, y


def test_dice_and_tversky() -> None:
    z, y = example()
    theirs = monai.DiceLoss(sigmoid=True, batch=True, smooth_nr=0.0, smooth_dr=1e-5)(z, y)
    assert build_loss("dice")(z, y).item() == pytest.approx(theirs.item(), abs=1e-9)
    theirs = monai.DiceLoss(sigmoid=True, smooth_nr=1.0, smooth_dr=1.0)(z, y)
    ours = build_loss("dice", batch=False, smooth_numerator=1.0, smooth_denominator=1.0)(z, y)
    assert ours.item() == pytest.approx(theirs.item(), abs=1e-9)
    theirs = monai.DiceLoss(sigmoid=True, squared_pred=True, batch=True, smooth_nr=0.0, smooth_dr=1e-5)(z, y)
    assert build_loss("dice", squared=True)(z, y).item() == pytest.approx(theirs.item(), abs=1e-9)
    theirs = monai.TverskyLoss(sigmoid=True, alpha=0.3, beta=0.7, batch=True, smooth_nr=0.0, smooth_dr=1e-5)(z, y)
    assert build_loss("tversky")(z, y).item() == pytest.approx(theirs.item(), abs=1e-9)


def test_focal() -> None:
    z, y = example()
    theirs = monai.FocalLoss(gamma=2.0, alpha=0.75)(z, y)
    assert build_loss("focal")(z, y).item() == pytest.approx(theirs.item(), abs=1e-7)  # theirs is in float32


def test_centre_lines() -> None:
    z, y = example()
    p = torch.sigmoid(z)
    theirs = monai.SoftclDiceLoss(iter_=3, smooth_nr=1.0, smooth_dr=1.0, smooth=1e-12)(p, y)
    ours = CenterlineDice(iterations=3, alpha=1.0, smooth=1.0).centre_lines(p, y)
    assert ours.item() == pytest.approx(theirs.item(), abs=1e-9)


def test_hausdorff_distance() -> None:
    z, y = example()
    theirs = monai.HausdorffDTLoss(alpha=2.0, sigmoid=True)(z, y)
    # Theirs is in voxels, ours in shares of the longest edge, here 24.
    assert build_loss("hausdorff_dt")(z, y).item() * 24**2 == pytest.approx(theirs.item(), rel=1e-6)


def test_asymmetric_unified_focal_on_probabilities() -> None:
    z, y = example()
    p = torch.sigmoid(z)
    two = torch.cat([1 - p, p], dim=1)
    theirs = monai.AsymmetricUnifiedFocalLoss(to_onehot_y=True, gamma=0.5, delta=0.6, weight=0.5)(two, y)
    settings = {"gamma": 0.5, "delta": 0.6, "batch": False}
    ours = build_loss("asymmetric_unified_focal", share=0.5, **settings)(z, y)
    # The authors sum the two classes of the pixel half, MONAI takes their mean.
    pixels = build_loss("asymmetric_unified_focal", share=1.0, **settings)(z, y)
    assert (ours - 0.25 * pixels).item() == pytest.approx(theirs.item(), rel=1e-4)
