"""Losses against those of MONAI, segmentation_models.pytorch and nnU-Net, values and gradients.

Each peer is asked where it is installed; docs/evidence/speed.md says how to install them all beside each other.
"""

import importlib
import importlib.util
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from segcore.losses import build_loss
from segcore.losses.instances import CenterlineDice
from tests.benchmarks.peers.losses import smp_package

pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture
def monai() -> Any:
    return pytest.importorskip("monai.losses", reason="MONAI is not installed: its values are not compared")


@pytest.fixture
def smp() -> Any:
    if importlib.util.find_spec("segmentation_models_pytorch") is None:
        pytest.skip("segmentation_models.pytorch is not installed: its values are not compared")
    return smp_package()


@pytest.fixture
def nnunet() -> Any:
    pytest.importorskip("nnunetv2", reason="nnU-Net is not installed: its values are not compared")
    return importlib.import_module("nnunetv2.training.loss.dice")


def example(shape: tuple[int, ...] = (1, 1, 20, 24)) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(4)
    z = 2 * torch.randn(shape, generator=generator, dtype=torch.float64) - 1
    y = torch.zeros(shape, dtype=torch.float64)
    y[:, :, 4:9, 5:12] = 1
    y[:, :, 14:16, 2:20] = 1
    return z, y


def test_dice_and_tversky(monai: Any) -> None:
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


def test_focal(monai: Any) -> None:
    z, y = example()
    theirs = monai.FocalLoss(gamma=2.0, alpha=0.75)(z, y)
    assert build_loss("focal")(z, y).item() == pytest.approx(theirs.item(), abs=1e-7)  # theirs is in float32


def test_centre_lines(monai: Any) -> None:
    z, y = example()
    p = torch.sigmoid(z)
    theirs = monai.SoftclDiceLoss(iter_=3, smooth_nr=1.0, smooth_dr=1.0, smooth=1e-12)(p, y)
    ours = CenterlineDice(iterations=3, alpha=1.0, smooth=1.0).centre_lines(p, y)
    assert ours.item() == pytest.approx(theirs.item(), abs=1e-9)


def test_hausdorff_distance(monai: Any) -> None:
    z, y = example()
    theirs = monai.HausdorffDTLoss(alpha=2.0, sigmoid=True)(z, y)
    # Theirs is in voxels, ours in shares of the longest edge, here 24.
    assert build_loss("hausdorff_dt")(z, y).item() * 24**2 == pytest.approx(theirs.item(), rel=1e-6)


def test_asymmetric_unified_focal_on_probabilities(monai: Any) -> None:
    z, y = example()
    p = torch.sigmoid(z)
    two = torch.cat([1 - p, p], dim=1)
    theirs = monai.AsymmetricUnifiedFocalLoss(to_onehot_y=True, gamma=0.5, delta=0.6, weight=0.5)(two, y)
    settings = {"gamma": 0.5, "delta": 0.6, "batch": False}
    ours = build_loss("asymmetric_unified_focal", share=0.5, **settings)(z, y)
    # The authors sum the two classes of the pixel half, MONAI takes their mean.
    pixels = build_loss("asymmetric_unified_focal", share=1.0, **settings)(z, y)
    assert (ours - 0.25 * pixels).item() == pytest.approx(theirs.item(), rel=1e-4)


def assert_alike(
    ours: Callable[[Tensor], Tensor], theirs: Callable[[Tensor], Tensor], z: Tensor, *, abs: float
) -> None:
    """Values and gradients agree to `abs`."""
    values, gradients = [], []
    for loss in (ours, theirs):
        leaf = z.clone().requires_grad_()
        value = loss(leaf)
        value.backward()
        values.append(value.item())
        gradients.append(leaf.grad)
    assert values[0] == pytest.approx(values[1], abs=abs)
    assert gradients[0] is not None
    assert torch.allclose(gradients[0], gradients[1], atol=abs)


def test_generalised_dice_of_two_classes(monai: Any) -> None:
    z, y = example()
    both = monai.GeneralizedDiceLoss(smooth_nr=0.0, smooth_dr=1e-12, batch=True)
    sides = torch.cat([1 - y, y], dim=1)

    def theirs(x: Tensor) -> Tensor:
        p = torch.sigmoid(x)
        result: Tensor = both(torch.cat([1 - p, p], dim=1), sides)
        return result

    assert_alike(lambda x: build_loss("generalized_dice")(x, y), theirs, z, abs=1e-6)


def test_dice_with_cross_entropy(monai: Any) -> None:
    z, y = example((2, 1, 20, 24))
    theirs = monai.DiceCELoss(sigmoid=True, batch=True, smooth_nr=0.0, smooth_dr=1e-5)
    assert_alike(lambda x: build_loss("dice_ce")(x, y), lambda x: theirs(x, y), z, abs=1e-9)


def test_lovasz_of_each_image(smp: Any) -> None:
    # Theirs is taken image by image, ours over the batch: one image is both.
    z, y = example()
    theirs = smp.LovaszLoss(mode="binary", per_image=False)
    z, y = z.float(), y.float()
    assert_alike(lambda x: build_loss("lovasz")(x, y), lambda x: theirs(x, y), z, abs=1e-6)


def test_matthews_correlation(smp: Any) -> None:
    z, y = example()
    theirs = smp.MCCLoss(eps=0.0)
    assert_alike(lambda x: build_loss("mcc")(x, y), lambda x: theirs(torch.sigmoid(x), y), z, abs=1e-9)


def test_jaccard_dice_and_tversky(smp: Any) -> None:
    z, y = example()
    exact = {"smooth_numerator": 0.0, "smooth_denominator": 1e-8}
    for name, theirs, more in (
        ("jaccard", smp.JaccardLoss(mode="binary", eps=0.0), {}),
        ("dice", smp.DiceLoss(mode="binary", eps=0.0), {}),
        ("tversky", smp.TverskyLoss(mode="binary", eps=0.0, alpha=0.3, beta=0.7), {"alpha": 0.3, "beta": 0.7}),
    ):
        ours = build_loss(name, **exact, **more)
        assert_alike(lambda x, ours=ours: ours(x, y), lambda x, theirs=theirs: theirs(x, y), z, abs=1e-7)


def test_focal_without_class_weights(smp: Any) -> None:
    z, y = example()
    theirs = smp.FocalLoss(mode="binary", gamma=2.0)
    assert_alike(lambda x: build_loss("focal", alpha=0.0)(x, y), lambda x: theirs(x, y), z, abs=1e-9)


def test_focal_is_the_formula_of_torchvision() -> None:
    # Of torchvision.ops.sigmoid_focal_loss, written out, since no torchvision fits every torch.
    z, y = example()

    def theirs(x: Tensor, alpha: float = 0.75, gamma: float = 2.0) -> Tensor:
        p = torch.sigmoid(x)
        entropy = functional.binary_cross_entropy_with_logits(x, y, reduction="none")
        right = p * y + (1 - p) * (1 - y)
        return ((alpha * y + (1 - alpha) * (1 - y)) * entropy * (1 - right) ** gamma).mean()

    assert_alike(lambda x: build_loss("focal", gamma=2.0, alpha=0.75)(x, y), theirs, z, abs=1e-12)


def test_memory_efficient_soft_dice(nnunet: Any) -> None:
    # Theirs is minus Dice, with the smoothing on both sides.
    z, y = example((2, 1, 20, 24))
    settings = {"batch_dice": True, "do_bg": True, "smooth": 1.0, "ddp": False}
    theirs = nnunet.MemoryEfficientSoftDiceLoss(apply_nonlin=torch.sigmoid, **settings)
    ours = build_loss("dice", smooth_numerator=1.0, smooth_denominator=1.0)
    assert_alike(lambda x: ours(x, y), lambda x: 1 + theirs(x, y), z, abs=1e-7)


def test_the_hardest_tenth(nnunet: Any) -> None:
    robust = importlib.import_module("nnunetv2.training.loss.robust_ce_loss")
    z, y = example((1, 1, 40, 40))
    y = torch.zeros_like(y)
    y[..., 4, 4:6] = 1  # so little that ten times it is no more than a tenth of the voxels
    z = z.float()
    two = robust.TopKLoss(k=10)
    ours = build_loss("top_k", share=0.1)
    assert_alike(
        lambda x: ours(x, y), lambda x: two(torch.cat([torch.zeros_like(x), x], dim=1), y.float()), z, abs=1e-6
    )
