import itertools

import pytest
import torch
from torch import Tensor

from segcore.losses import build_loss
from segcore.losses.gradients import (
    class_share,
    cross_entropy_gradient,
    focal_gradient,
    tversky_gradient,
)

S = 1e-5


def example(seed: int = 0, shape: tuple[int, ...] = (3, 1, 6, 7)) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    z = 4 * torch.randn(shape, generator=generator, dtype=torch.float64)
    y = (torch.rand(shape, generator=generator) < 0.2).double()
    m = (torch.rand(shape, generator=generator) < 0.9).double()
    return z, y, m


def measured(name: str, parameters: dict[str, float], z: Tensor, y: Tensor, m: Tensor) -> Tensor:
    leaf = z.clone().requires_grad_()
    build_loss(name, **parameters)(leaf, y, m).backward()
    assert leaf.grad is not None
    return leaf.grad


CLOSED = [
    ("bce", {}, lambda z, y, m: cross_entropy_gradient(z, y, m)),
    (
        "weighted_bce",
        {"positive_weight": 7.0},
        lambda z, y, m: cross_entropy_gradient(z, y, m, positive_weight=7.0),
    ),
    (
        "dice",
        {"smooth_denominator": S},
        lambda z, y, m: tversky_gradient(z, y, m, alpha=0.5, beta=0.5, smooth_denominator=S / 2),
    ),
    (
        "dice",
        {"smooth_numerator": 1.0, "smooth_denominator": 1.0},
        lambda z, y, m: tversky_gradient(z, y, m, alpha=0.5, beta=0.5, smooth_numerator=0.5, smooth_denominator=0.5),
    ),
    ("jaccard", {}, lambda z, y, m: tversky_gradient(z, y, m, alpha=1.0, beta=1.0)),
    ("tversky", {}, lambda z, y, m: tversky_gradient(z, y, m, alpha=0.3, beta=0.7)),
    ("focal_tversky", {}, lambda z, y, m: tversky_gradient(z, y, m, alpha=0.3, beta=0.7, kappa=0.75)),
    ("focal", {}, lambda z, y, m: focal_gradient(z, y, m, gamma=2.0, alpha=0.75)),
    ("focal", {"gamma": 0.5, "alpha": 0.0}, lambda z, y, m: focal_gradient(z, y, m, gamma=0.5, alpha=0.0)),
]


@pytest.mark.parametrize(("name", "parameters", "closed"), CLOSED, ids=[f"{n}-{p}" for n, p, _ in CLOSED])
@pytest.mark.parametrize("seed", range(3))
def test_closed_forms_agree_with_autograd_to_rounding(name: str, parameters: dict, closed: object, seed: int) -> None:
    z, y, m = example(seed)
    expected = measured(name, parameters, z, y, m)
    assert expected.abs().max() > 1e-4
    assert torch.allclose(closed(z, y, m), expected, rtol=0, atol=1e-12)  # type: ignore[operator]


@pytest.mark.parametrize(("name", "parameters", "closed"), CLOSED, ids=[f"{n}-{p}" for n, p, _ in CLOSED])
def test_closed_forms_agree_on_empty_and_ignored_batches(name: str, parameters: dict, closed: object) -> None:
    z, y, m = example()
    for target, valid in ((torch.zeros_like(y), m), (y, torch.zeros_like(m))):
        if parameters.get("smooth_numerator"):
            continue
        expected = measured(name, parameters, z, target, valid)
        assert torch.allclose(closed(z, target, valid), expected, rtol=0, atol=1e-12)  # type: ignore[operator]


def test_losses_push_foreground_up_and_background_down_so_that_shares_add() -> None:
    z, y, m = example()
    for name in ("bce", "weighted_bce", "dice", "tversky", "focal", "jaccard", "top_k"):
        gradient = measured(name, {}, z, y, m)
        assert (gradient[(y > 0)] <= 0).all(), name
        assert (gradient[(y == 0)] >= 0).all(), name
    parts = [class_share(measured(name, {}, z, y, m), y, m) for name in ("dice", "bce")]
    whole = class_share(measured("dice_ce", {}, z, y, m), y, m)
    assert whole.foreground == pytest.approx(sum(p.foreground for p in parts), abs=1e-12)
    assert whole.background == pytest.approx(sum(p.background for p in parts), abs=1e-12)


@pytest.mark.parametrize("prevalence", [0.1, 0.01, 0.001])
def test_shares_at_the_start_are_those_of_the_table(prevalence: float) -> None:
    count = 10_000
    y = torch.zeros(1, 1, count, dtype=torch.float64)
    y[..., : int(count * prevalence)] = 1
    m = torch.ones_like(y)
    half = torch.zeros_like(y)
    prior = torch.full_like(y, torch.logit(torch.tensor(prevalence, dtype=torch.float64)).item())
    # IMBALANCE 4.1: at p = 0.5 cross-entropy's share is the prevalence; at p = prevalence it is a half, whatever it is.
    assert class_share(cross_entropy_gradient(half, y, m), y).share == pytest.approx(prevalence, abs=1e-12)
    assert class_share(cross_entropy_gradient(prior, y, m), y).share == pytest.approx(0.5, abs=1e-12)
    both = cross_entropy_gradient(prior, y, m) + tversky_gradient(prior, y, m, alpha=0.5, beta=0.5)
    # 4/7 in the limit; at ten percent a little less.
    assert class_share(both, y).share == pytest.approx(4 / 7, abs=5e-3)


def test_the_share_of_dice_follows_its_formula() -> None:
    z, y, _ = example()
    p = torch.sigmoid(z)
    q = p * (1 - p)
    gradient = measured("dice", {"smooth_denominator": 1e-8}, z, y, torch.ones_like(y))
    dice = 2 * (p * y).sum() / (p.sum() + y.sum())
    front, back = (2 - dice) * (q * y).sum(), dice * (q * (1 - y)).sum()
    assert class_share(gradient, y).share == pytest.approx(float(front / (front + back)), abs=1e-9)


def test_the_empty_share_is_that_of_samples_without_foreground() -> None:
    gradient = torch.ones(2, 1, 1, 2)
    target = torch.tensor([1.0, 0, 0, 0]).reshape(2, 1, 1, 2)
    share = class_share(gradient, target)
    assert (share.foreground, share.background, share.empty) == (1.0, 3.0, 2.0)
    ignored = class_share(gradient, target, torch.tensor([0.0, 1, 1, 1]).reshape(2, 1, 1, 2))
    assert (ignored.foreground, ignored.empty) == (0.0, 4.0)


def test_no_gradient_has_no_share() -> None:
    for dtype, count in itertools.product((torch.float32, torch.bfloat16), (1, 3)):
        share = class_share(torch.zeros(count, 1, 2, 2, dtype=dtype), torch.ones(count, 1, 2, 2))
        assert share.share == 0.0
