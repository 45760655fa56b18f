import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from segcore.errors import OutOfRange, UnknownName
from segcore.losses import LOSSES, build_loss, build_terms
from segcore.losses.gradients import class_share
from segcore.training.recipe import LossTerm

NAMES = [entry.name for entry in LOSSES]
#: These want a margin, or reach zero only in the limit, or go below it.
NEVER_ZERO = ("lovasz", "bce_lovasz", "exponential_log", "boundary")
PERFECT = [name for name in NAMES if name not in NEVER_ZERO]
#: Their maps are made from the prediction, or their voxels chosen by it: constants of the gradient, but not of the value.
CHOSEN = ("hausdorff_dt", "ghm")


def example(seed: int = 0, shape: tuple[int, ...] = (3, 1, 6, 7)) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    z = torch.randn(shape, generator=generator, dtype=torch.float64)
    y = (torch.rand(shape, generator=generator) < 0.2).double()
    m = (torch.rand(shape, generator=generator) < 0.9).double()
    return z, y, m


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["usual", "empty", "full", "ignored", "huge", "one voxel"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_value_and_gradient_are_finite_whatever_comes(name: str, kind: str, dtype: torch.dtype) -> None:
    z, y, m = example(shape=(1, 1, 1, 1) if kind == "one voxel" else (3, 1, 6, 7))
    if kind == "empty":
        y = torch.zeros_like(y)
    if kind == "full":
        y = torch.ones_like(y)
    if kind == "ignored":
        m = torch.zeros_like(m)
    if kind == "huge":
        z = torch.sign(z) * 1e4
    z = z.to(dtype).requires_grad_()
    value = build_loss(name)(z, y, m)
    value.backward()
    assert value.shape == ()
    assert value.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert torch.isfinite(value)
    assert z.grad is not None
    assert torch.isfinite(z.grad).all()


@pytest.mark.parametrize("name", NAMES)
def test_ignored_voxels_change_neither_value_nor_gradient(name: str) -> None:
    z, y, m = example()
    other_z, other_y = torch.where(m > 0, z, z + 50), torch.where(m > 0, y, 1 - y)
    z.requires_grad_()
    other_z.requires_grad_()
    loss = build_loss(name)
    first, second = loss(z, y, m), loss(other_z, other_y, m)
    first.backward()
    second.backward()
    assert first.item() == pytest.approx(second.item(), abs=1e-12)
    assert z.grad is not None
    assert other_z.grad is not None
    assert torch.allclose(z.grad, other_z.grad, atol=1e-12)
    assert (z.grad[m == 0] == 0).all()


@pytest.mark.parametrize("name", NAMES)
def test_the_order_of_samples_does_not_matter(name: str) -> None:
    z, y, m = example()
    order = torch.tensor([2, 0, 1])
    loss = build_loss(name)
    assert loss(z, y, m).item() == pytest.approx(loss(z[order], y[order], m[order]).item(), abs=1e-12)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in CHOSEN])
def test_gradients_agree_with_finite_differences(name: str) -> None:
    z, y, m = example(3, (2, 1, 3, 4))
    loss = build_loss(name)
    assert torch.autograd.gradcheck(lambda x: loss(x, y, m), (z.requires_grad_(),), atol=1e-6)


@pytest.mark.parametrize("name", PERFECT)
def test_a_perfect_prediction_costs_almost_nothing(name: str) -> None:
    _, y, _ = example()
    assert build_loss(name)(200 * y - 100, y).item() == pytest.approx(0, abs=2e-3)


@pytest.mark.parametrize("entry", LOSSES, ids=NAMES)
def test_an_empty_patch_does_what_the_catalogue_says(entry: object) -> None:
    z = torch.zeros(1, 1, 8, 8, dtype=torch.float64, requires_grad=True)
    build_loss(entry.name)(z, torch.zeros_like(z)).backward()  # type: ignore[attr-defined]
    assert z.grad is not None
    silent = float(z.grad.abs().sum()) == 0
    assert silent == (entry.needs_companion and entry.name != "lovasz")  # type: ignore[attr-defined]
    assert float(z.grad.sum()) >= 0


def test_identities() -> None:
    z, y, m = example()

    def value(name: str, **parameters: float) -> float:
        return float(build_loss(name, **parameters)(z, y, m))

    dice = value("dice")
    assert value("tversky", alpha=0.5, beta=0.5) == pytest.approx(dice, abs=1e-6)
    assert value("jaccard") == pytest.approx(2 * dice / (1 + dice), abs=1e-6)
    assert value("focal_tversky", kappa=1.0) == pytest.approx(value("tversky"), abs=1e-12)
    assert value("focal", gamma=0.0, alpha=0.0) == pytest.approx(value("bce"), abs=1e-12)
    assert value("f_beta", beta=1.0, smooth_denominator=5e-6) == pytest.approx(dice, abs=1e-12)
    assert value("focal", gamma=0.0, alpha=0.5) == pytest.approx(0.5 * value("bce"), abs=1e-12)
    assert value("top_k", share=1.0) == pytest.approx(value("bce"), abs=1e-12)
    assert value("weighted_bce", positive_weight=1.0) == pytest.approx(value("bce"), abs=1e-12)
    assert value("dice_ce") == pytest.approx(dice + value("bce"), abs=1e-12)


def test_pixel_losses_agree_with_torch() -> None:
    z, y, _ = example()
    assert build_loss("bce")(z, y).item() == pytest.approx(F.binary_cross_entropy_with_logits(z, y).item(), abs=1e-14)
    weight = torch.tensor(7.0, dtype=torch.float64)
    expected = F.binary_cross_entropy_with_logits(z, y, pos_weight=weight)
    assert build_loss("weighted_bce", positive_weight=7.0)(z, y).item() == pytest.approx(expected.item(), abs=1e-14)


def test_lovasz_on_a_hand_made_case() -> None:
    # Errors 1 - z(2y-1) are 0.5 (y=1), 2 (y=0), 0 (y=0); sorted 2, .5, 0. Jaccard loss after each: 1/2, 1, 1.
    z = torch.tensor([0.5, 1.0, -1.0]).reshape(1, 1, 1, 3)
    y = torch.tensor([1.0, 0.0, 0.0]).reshape(1, 1, 1, 3)
    assert build_loss("lovasz")(z, y).item() == pytest.approx(2 * 0.5 + 0.5 * 0.5)


def test_ten_voxels_in_sixteen_million_are_counted_right_in_float32() -> None:
    z = torch.full((1, 1, 4096, 4096), -4.0)
    y = torch.zeros_like(z)
    y[0, 0, 5, 5:15] = 1
    p = 1 / (1 + math.exp(4.0))
    n = z.numel()
    expected = 1 - 2 * 10 * p / (n * p + 10)
    assert build_loss("dice")(z, y).item() == pytest.approx(expected, abs=1e-7)
    z.requires_grad_()
    build_loss("dice")(z, y).backward()
    assert z.grad is not None
    u = n * p + 10
    dice = 2 * 10 * p / u
    assert z.grad[0, 0, 5, 5].item() == pytest.approx(-(2 - dice) * p * (1 - p) / u, rel=1e-4)


TARGET = torch.tensor([0.0] * 9 + [1.0], dtype=torch.float64)
PREDICTIONS = {
    "base": [0.1, 0.2, 0.15, 0.05, 0.1, 0.25, 0.12, 0.08, 0.2, 0.6],
    "improved": [0.01, 0.02, 0.03, 0.04, 0.05, 0.01, 0.02, 0.04, 0.1, 0.8],
    "missed": [0.01, 0.02, 0.03, 0.04, 0.05, 0.01, 0.02, 0.04, 0.1, 0.01],
}


@pytest.mark.parametrize(
    ("loss", "parameters", "expected"),
    [
        ("bce", {}, (0.18805, 0.05524, 0.49344)),
        ("weighted_bce", {"positive_weight": 10.0}, (0.64780, 0.25607, 4.63810)),
        ("dice", {"smooth_numerator": 1.0, "smooth_denominator": 1.0}, (0.42857, 0.16667, 0.56223)),
    ],
)
def test_the_ten_pixels_of_the_source_are_reproduced_to_five_digits(
    loss: str, parameters: dict[str, float], expected: tuple[float, ...]
) -> None:
    for prediction, value in zip(PREDICTIONS.values(), expected, strict=True):
        z = torch.logit(torch.tensor(prediction, dtype=torch.float64)).reshape(1, 1, 1, 10)
        assert build_loss(loss, **parameters)(z, TARGET.reshape(1, 1, 1, 10)).item() == pytest.approx(value, abs=6e-6)


def test_a_scalar_weight_on_all_pixels_is_no_class_weight() -> None:
    shares = []
    for factor, name, parameters in (
        (1.0, "bce", {}),
        (10.0, "bce", {}),
        (1.0, "weighted_bce", {"positive_weight": 10.0}),
    ):
        z = torch.logit(torch.tensor(PREDICTIONS["base"], dtype=torch.float64)).reshape(1, 1, 1, 10).requires_grad_()
        (factor * build_loss(name, **parameters)(z, TARGET.reshape(1, 1, 1, 10))).backward()
        assert z.grad is not None
        shares.append(class_share(z.grad, TARGET.reshape(1, 1, 1, 10)).share)
    assert shares[0] == pytest.approx(0.242, abs=5e-4)
    assert shares[1] == pytest.approx(shares[0])
    assert shares[2] == pytest.approx(0.762, abs=5e-4)


def test_shifts_of_summed_cross_entropies_are_those_of_their_summed_weights() -> None:
    both = build_terms(
        (LossTerm(name="weighted_bce", weight=2.0, parameters=(("positive_weight", 10.0),)), LossTerm(name="bce"))
    )
    assert both.log_prior_shift == pytest.approx(math.log((2 * 10 + 1) / 3))
    with_dice = build_terms((LossTerm(name="weighted_bce"), LossTerm(name="dice")))
    assert with_dice.log_prior_shift == 0.0


@pytest.mark.parametrize("name", ["bce", "weighted_bce", "balanced_ce"])
def test_the_best_constant_lies_by_the_shift_above_the_logit_of_the_prevalence(name: str) -> None:
    y = torch.zeros(1, 1, 100, dtype=torch.float64)
    y[..., :5] = 1
    loss = build_loss(name, prevalence=0.05)
    best = math.log(0.05 / 0.95) + loss.log_prior_shift
    z = torch.full_like(y, best, requires_grad=True)
    loss(z, y).backward()
    # A constant is best where the pulls of both classes cancel.
    assert z.grad is not None
    assert float(z.grad.sum()) == pytest.approx(0.0, abs=1e-15)
    assert float(z.grad.abs().sum()) > 0.01


def test_lovasz_is_the_same_as_with_every_voxel_sorted() -> None:
    z, y, _ = example(5, (2, 1, 20, 20))
    z = (3 * z).requires_grad_()
    value = build_loss("lovasz")(z, y)
    value.backward()
    errors = (1 - z.detach() * (2 * y - 1)).flatten()
    order = errors.argsort(descending=True)
    expected, before, found, false = 0.0, 0.0, 0, 0
    total = int(y.sum())
    for number in order.tolist():
        found += int(y.flatten()[number])
        false += 1 - int(y.flatten()[number])
        now = 1 - (total - found) / (total + false)
        expected += max(float(errors[number]), 0.0) * (now - before)
        before = now
    assert value.item() == pytest.approx(expected, abs=1e-12)
    assert z.grad is not None
    assert ((z.grad != 0).flatten() <= (errors > 0)).all()


def test_top_k_keeps_ten_times_the_foreground_however_small_the_share() -> None:
    z = torch.zeros(1, 1, 1000, dtype=torch.float64)
    z[..., :200] = 3.0 + torch.arange(200) / 1000
    y = torch.zeros_like(z)
    y[..., 900:910] = 1
    z.requires_grad_()
    build_loss("top_k", share=0.001)(z, y).backward()
    assert z.grad is not None
    assert int((z.grad != 0).sum()) == 100


def test_the_automatic_weight_is_the_root_of_the_ratio_and_its_shift_is_known() -> None:
    loss = build_loss("weighted_bce", prevalence=0.01)
    assert loss.log_prior_shift == pytest.approx(math.log(math.sqrt(99)))
    full = build_loss("weighted_bce", prevalence=0.1, ratio_power=1.0)
    assert full.class_weights == pytest.approx((9.0, 1.0))
    assert build_loss("weighted_bce", prevalence=0.001, ratio_power=1.0).class_weights == (30.0, 1.0)
    assert build_loss("dice").log_prior_shift == 0
    assert build_terms((LossTerm(name="weighted_bce"),), prevalence=0.01).log_prior_shift == loss.log_prior_shift


def test_terms_are_summed_with_their_weights() -> None:
    z, y, m = example()
    both = build_terms(
        (LossTerm(name="dice", weight=2.0), LossTerm(name="focal", weight=0.5, parameters=(("gamma", 1.0),)))
    )
    expected = 2 * build_loss("dice")(z, y, m) + 0.5 * build_loss("focal", gamma=1.0)(z, y, m)
    assert both(z, y, m).item() == pytest.approx(expected.item())


def test_wrong_names_and_values_are_answered_with_what_is_right() -> None:
    with pytest.raises(UnknownName, match="did you mean 'dice'"):
        build_loss("dise")
    with pytest.raises(UnknownName, match="smooth_numerator"):
        build_loss("dice", smoth=1.0)
    with pytest.raises(OutOfRange, match="gamma is -1"):
        build_loss("focal", gamma=-1.0)
