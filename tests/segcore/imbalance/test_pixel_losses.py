"""The explorer's arithmetic against printed numbers, the losses that train, torch's own and finite differences."""

import dataclasses
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from segcore.errors import SettingProblem
from segcore.imbalance.pixel_losses import PIXEL_LOSSES, Options, PixelLoss, Reduction
from segcore.imbalance.pixels import EXAMPLES, TEN_TARGETS, Pixels, make_pixels
from segcore.losses import build_loss
from segcore.losses.gradients import class_share

LOSS = {loss.name: loss for loss in PIXEL_LOSSES}
TEN = {example.name: make_pixels(example.probability, TEN_TARGETS) for example in EXAMPLES}
NAMES = ("base", "improved", "missed", "zeros", "constant")
AS_IN_THE_EXAMPLE = Options(weight=10.0, smooth_numerator=1.0, smooth_denominator=1.0)
#: As `segcore.losses` is trained by default, so that both can be compared.
PLAIN = Options(smooth_numerator=0.0, smooth_denominator=1e-5, alpha=0.75)

#: The worked example, to five digits, worked out with torch on probabilities.
PRINTED = [
    ("bce", Reduction.PIXELS, (0.18805, 0.05524, 0.49344, 10.0, 0.32508)),
    ("scaled_bce", Reduction.PIXELS, (1.88054, 0.55241, 4.93443, 100.0, 3.25083)),
    ("weighted_bce", Reduction.PIXELS, (0.64780, 0.25607, 4.63810, 100.0, 2.39741)),
    ("weighted_bce", Reduction.WEIGHTS, (0.34095, 0.13477, 2.44110, 52.63158, 1.26179)),
    ("dice", Reduction.PIXELS, (0.42857, 0.16667, 0.56223, 0.50000, 0.60000)),
]


@pytest.mark.parametrize(("name", "reduction", "values"), PRINTED, ids=[f"{n}-{r}" for n, r, _ in PRINTED])
def test_the_ten_pixels_give_the_printed_five_digits(
    name: str, reduction: Reduction, values: tuple[float, ...]
) -> None:
    options = dataclasses.replace(AS_IN_THE_EXAMPLE, reduction=reduction)
    assert [round(LOSS[name].judge(TEN[example], options).value, 5) for example in NAMES] == list(values)


@pytest.mark.parametrize(
    ("name", "shares"), [("bce", (24, 38, 76)), ("weighted_bce", (76, 86, 97)), ("dice", (37, 43, 10))]
)
def test_the_lesion_pixel_has_the_printed_share_of_the_gradient(name: str, shares: tuple[int, ...]) -> None:
    judged = [LOSS[name].judge(TEN[example], AS_IN_THE_EXAMPLE) for example in NAMES[:3]]
    assert [round(100 * found.share) for found in judged] == list(shares)


def test_a_weight_on_every_pixel_multiplies_the_loss_and_changes_no_share() -> None:
    for example in NAMES:
        plain, scaled = (LOSS[name].judge(TEN[example], AS_IN_THE_EXAMPLE) for name in ("bce", "scaled_bce"))
        assert scaled.value == pytest.approx(10 * plain.value, rel=1e-14)
        assert scaled.pull == pytest.approx(10 * plain.pull, rel=1e-14)
        assert scaled.share == pytest.approx(plain.share, rel=1e-14)


def test_divided_by_its_weights_a_weight_on_every_pixel_is_plain_cross_entropy() -> None:
    options = Options(reduction=Reduction.WEIGHTS)
    plain, scaled = (LOSS[name].judge(TEN["base"], options).value for name in ("bce", "scaled_bce"))
    assert scaled == pytest.approx(plain, rel=1e-14)


def test_without_smoothing_an_empty_mask_no_longer_looks_almost_as_good() -> None:
    rough = Options(smooth_numerator=0.0, smooth_denominator=0.0)
    values = [round(LOSS["dice"].judge(TEN[example], rough).value, 3) for example in NAMES]
    assert values == [0.579, 0.245, 0.985, 1.0, 0.9]


def test_true_zeros_pull_on_nothing_in_dice_and_on_the_lesion_alone_in_cross_entropy() -> None:
    assert math.isnan(LOSS["dice"].judge(TEN["zeros"], AS_IN_THE_EXAMPLE).share)
    assert LOSS["bce"].judge(TEN["zeros"], AS_IN_THE_EXAMPLE).share == 1.0
    assert LOSS["bce"].judge(TEN["zeros"], AS_IN_THE_EXAMPLE).gradient.tolist() == [0.0] * 9 + [-0.1]


# Against torch

TORCH: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "bce": functional.binary_cross_entropy,
    "scaled_bce": lambda p, y: functional.binary_cross_entropy(p, y, weight=torch.tensor([10.0]).double()),
    "weighted_bce": lambda p, y: functional.binary_cross_entropy(p, y, weight=1 + 9 * y),
}


@pytest.mark.parametrize("name", TORCH)
@pytest.mark.parametrize("example", NAMES)
def test_cross_entropies_are_those_of_torch_on_probabilities(name: str, example: str) -> None:
    pixels = TEN[example]
    expected = TORCH[name](torch.from_numpy(pixels.probability), torch.from_numpy(pixels.target)).item()
    assert LOSS[name].judge(pixels, AS_IN_THE_EXAMPLE).value == pytest.approx(expected, rel=1e-12)


TRAINED = [
    ("bce", "bce", {}, PLAIN),
    ("weighted_bce", "weighted_bce", {"positive_weight": 7.0}, dataclasses.replace(PLAIN, weight=7.0)),
    ("focal", "focal", {"gamma": 2.0, "alpha": 0.75}, PLAIN),
    ("focal", "focal", {"gamma": 0.5, "alpha": 0.0}, dataclasses.replace(PLAIN, gamma=0.5, alpha=0.0)),
    ("dice", "dice", {}, PLAIN),
    ("dice", "dice", {"smooth_numerator": 1.0, "smooth_denominator": 1.0}, AS_IN_THE_EXAMPLE),
    # The smoothing is written as in Dice, of which Tversky's denominator is half.
    ("tversky", "tversky", {"smooth_denominator": 5e-6}, PLAIN),
    ("tversky", "tversky", {"smooth_numerator": 0.5, "smooth_denominator": 0.5}, AS_IN_THE_EXAMPLE),
]


@pytest.mark.parametrize(("name", "trained", "parameters", "options"), TRAINED)
@pytest.mark.parametrize("seed", range(3))
def test_value_gradient_and_share_are_those_of_the_loss_that_trains(
    name: str, trained: str, parameters: dict[str, float], options: Options, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    z = (3 * torch.randn((1, 1, 40), generator=generator, dtype=torch.float64)).requires_grad_()
    y = (torch.rand((1, 1, 40), generator=generator) < 0.2).double()
    loss = build_loss(trained, **parameters)(z, y)
    loss.backward()
    assert z.grad is not None
    pixels = make_pixels(torch.sigmoid(z).flatten().tolist(), y.flatten().tolist())
    judged = LOSS[name].judge(pixels, options)
    assert judged.value == pytest.approx(loss.item(), rel=1e-12)
    np.testing.assert_allclose(judged.gradient, z.grad.flatten().numpy(), rtol=1e-9, atol=1e-15)
    assert judged.share == pytest.approx(class_share(z.grad, y).share, rel=1e-9)


# Against finite differences, for every loss, MCC included

COUNTED = make_pixels((0.1, 0.7, 0.2, 0.9, 0.4), (0, 0, 1, 1, 0), (30, 4, 2, 5, 11))


def moved(pixels: Pixels, group: int, step: float) -> Pixels:
    """Split one pixel off a group and move its logit."""
    p = pixels.probability[group]
    shifted = 1 / (1 + math.exp(-(math.log(p / (1 - p)) + step)))
    counts = pixels.count.copy()
    counts[group] -= 1
    return make_pixels([*pixels.probability, shifted], [*pixels.target, pixels.target[group]], [*counts.tolist(), 1.0])


@pytest.mark.parametrize("loss", PIXEL_LOSSES, ids=lambda loss: loss.name)
@pytest.mark.parametrize("reduction", Reduction)
def test_the_gradient_of_every_loss_is_its_slope(loss: PixelLoss, reduction: Reduction) -> None:
    options = dataclasses.replace(AS_IN_THE_EXAMPLE, reduction=reduction)
    step = 1e-5
    slopes = [
        (loss.judge(moved(COUNTED, g, step), options).value - loss.judge(moved(COUNTED, g, -step), options).value)
        / (2 * step)
        for g in range(5)
    ]
    np.testing.assert_allclose(loss.judge(COUNTED, options).gradient, slopes, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("loss", PIXEL_LOSSES, ids=lambda loss: loss.name)
def test_a_group_of_pixels_is_as_good_as_the_pixels_one_by_one(loss: PixelLoss) -> None:
    counts = COUNTED.count.astype(int)
    single = make_pixels(np.repeat(COUNTED.probability, counts).tolist(), np.repeat(COUNTED.target, counts).tolist())
    grouped, each = loss.judge(COUNTED, Options()), loss.judge(single, Options())
    assert grouped.value == pytest.approx(each.value, rel=1e-12)
    assert grouped.foreground_pull == pytest.approx(each.foreground_pull, rel=1e-12)
    assert grouped.background_pull == pytest.approx(each.background_pull, rel=1e-12)


@given(
    st.lists(st.tuples(st.floats(0, 1), st.sampled_from((0.0, 1.0))), min_size=1, max_size=12),
    st.sampled_from(PIXEL_LOSSES),
    st.sampled_from(((1.0, 1.0), (0.0, 1.0), (0.0, 1e-5), (0.0, 0.0))),
)
def test_whatever_is_dragged_the_numbers_are_finite_or_said_to_be_undefined(
    pixels: list[tuple[float, float]], loss: PixelLoss, smoothing: tuple[float, float]
) -> None:
    judged = loss.judge(
        make_pixels([p for p, _ in pixels], [y for _, y in pixels]),
        Options(smooth_numerator=smoothing[0], smooth_denominator=smoothing[1]),
    )
    assert np.isfinite(judged.gradient).all()
    assert not math.isinf(judged.value)
    assert math.isnan(judged.share) or 0 <= judged.share <= 1
    if math.isnan(judged.value):
        targets = [y for _, y in pixels]
        assert not judged.gradient.any()
        assert 1 not in targets or 0 not in targets or smoothing[0] == 0


def test_a_loss_that_needs_foreground_says_so_where_there_is_none() -> None:
    empty = make_pixels((0.1, 0.2), (0, 0))
    plain = Options(smooth_numerator=0.0, smooth_denominator=1e-5)
    undefined = [loss.name for loss in PIXEL_LOSSES if math.isnan(loss.judge(empty, plain).value)]
    assert undefined == ["balanced_bce", "dice", "tversky", "mcc"]


@pytest.mark.parametrize(
    ("p", "y", "n"),
    [
        ((0.1,), (0, 1), None),
        ((1.1,), (0,), None),
        ((math.nan,), (0,), None),
        ((0.1,), (0.5,), None),
        ((0.1,), (0,), (-1,)),
        ((), (), None),
    ],
)
def test_what_is_no_pixel_is_refused_with_a_sentence(
    p: tuple[float, ...], y: tuple[float, ...], n: tuple[float, ...] | None
) -> None:
    with pytest.raises(SettingProblem):
        make_pixels(p, y, n)
