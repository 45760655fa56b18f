"""Steps of the optimisers, held to torch's."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from segcore.imbalance.pixel_losses import PIXEL_LOSSES, Options, PixelLoss
from segcore.imbalance.pixels import EXAMPLES, TEN_TARGETS, Pixels, make_pixels
from segcore.imbalance.steps import Optimiser, after_steps, logits_of, mean_probability

BASE = make_pixels(EXAMPLES[0].probability, TEN_TARGETS)


def named(name: str) -> PixelLoss:
    return next(loss for loss in PIXEL_LOSSES if loss.name == name)


def by_torch(
    pixels: Pixels, optimiser: Optimiser, *, rate: float, steps: int, factor: float, shared: bool
) -> np.ndarray:  # type: ignore[type-arg]
    z = torch.tensor(logits_of(pixels.probability))
    y = torch.tensor(pixels.target)
    moved = torch.zeros(1 if shared else len(z), dtype=torch.float64, requires_grad=True)
    kind = torch.optim.SGD if optimiser is Optimiser.SGD else torch.optim.Adam
    torch_optimiser = kind([moved], lr=rate)
    for _ in range(steps):
        torch_optimiser.zero_grad()
        (factor * functional.binary_cross_entropy_with_logits(z + moved, y)).backward()
        torch_optimiser.step()
    return torch.sigmoid(z + moved).detach().numpy()


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("steps", [1, 7])
@pytest.mark.parametrize("optimiser", list(Optimiser))
@pytest.mark.parametrize(("name", "factor"), [("bce", 1.0), ("scaled_bce", 10.0)])
def test_steps_are_those_of_torch(name: str, factor: float, optimiser: Optimiser, steps: int, shared: bool) -> None:
    found = after_steps(named(name), BASE, Options(), optimiser, rate=0.3, steps=steps, shared=shared)
    expected = by_torch(BASE, optimiser, rate=0.3, steps=steps, factor=factor, shared=shared)
    assert found.probability == pytest.approx(expected, rel=1e-9)


def test_a_factor_on_the_whole_loss_lengthens_the_steps_of_sgd_and_changes_nothing_with_adam() -> None:
    def lesion(name: str, optimiser: Optimiser) -> float:
        after = after_steps(named(name), BASE, Options(), optimiser, rate=0.1, steps=1, shared=False)
        return float(logits_of(after.probability)[9] - logits_of(BASE.probability)[9])

    assert lesion("scaled_bce", Optimiser.SGD) == pytest.approx(10 * lesion("bce", Optimiser.SGD))
    assert lesion("scaled_bce", Optimiser.ADAM) == pytest.approx(lesion("bce", Optimiser.ADAM), rel=1e-6)


def test_a_shared_bias_goes_where_the_background_wants_it_with_plain_cross_entropy() -> None:
    half = make_pixels((0.5,) * 10, TEN_TARGETS)
    plain = after_steps(named("bce"), half, Options(), Optimiser.SGD, rate=1.0, steps=1, shared=True)
    balanced = after_steps(named("balanced_bce"), half, Options(), Optimiser.SGD, rate=1.0, steps=1, shared=True)
    # Nine pull down by 0.05 each, one up by 0.05: b = −0.4.
    assert plain.probability == pytest.approx([1 / (1 + np.exp(0.4))] * 10)
    assert balanced.probability == pytest.approx([0.5] * 10)


def test_certain_pixels_stay_finite_and_means_are_by_class() -> None:
    zeros = make_pixels((0.0,) * 10, TEN_TARGETS)
    after = after_steps(named("bce"), zeros, Options(), Optimiser.ADAM, rate=0.5, steps=3, shared=False)
    assert np.isfinite(after.probability).all()
    assert mean_probability(BASE, lesion=True) == 0.6
    assert mean_probability(BASE, lesion=False) == pytest.approx(1.25 / 9)
    assert np.isnan(mean_probability(make_pixels((0.1,), (0.0,)), lesion=True))
