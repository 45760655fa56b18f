"""What every loss promises, whatever comes: hypothesis chooses shapes, types, prevalences and how extreme the logits are."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from segcore.losses import LOSSES, build_loss
from segcore.losses.voxels import Voxels

NAMES = [entry.name for entry in LOSSES]
TYPES = [torch.float64, torch.float32, torch.bfloat16, torch.float16]
SHAPES = st.tuples(st.integers(1, 3), st.just(1), *[st.integers(1, 9)] * 2) | st.tuples(
    st.integers(1, 2), st.just(1), *[st.integers(1, 5)] * 3
)


@pytest.mark.parametrize("name", NAMES)
@given(
    shape=SHAPES,
    dtype=st.sampled_from(TYPES),
    largest=st.sampled_from([0.0, 0.1, 3.0, 30.0, 1e4]),
    prevalence=st.sampled_from([0.0, 0.1, 0.5, 1.0]),
    known=st.sampled_from([None, 0.0, 0.5, 1.0]),
    seed=st.integers(0, 10_000),
)
@settings(max_examples=25, deadline=None)
def test_value_and_gradient_are_finite_and_silent_where_nothing_is_known(
    name: str,
    shape: tuple[int, ...],
    dtype: torch.dtype,
    largest: float,
    prevalence: float,
    known: float | None,
    seed: int,
) -> None:
    generator = torch.Generator().manual_seed(seed)
    z = (largest * (2 * torch.rand(shape, generator=generator) - 1)).clamp(-1e4, 1e4).to(dtype).requires_grad_()
    y = (torch.rand(shape, generator=generator) < prevalence).float()
    m = None if known is None else (torch.rand(shape, generator=generator) < known).float()
    value = build_loss(name)(z, y, m)
    value.backward()
    assert value.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert math.isfinite(value.item())
    assert z.grad is not None
    assert z.grad.dtype == dtype
    assert torch.isfinite(z.grad).all()
    if m is not None:
        assert (z.grad[m == 0] == 0).all()


@pytest.mark.parametrize("logit", [-8.0, -4.0, 3.0])
def test_ten_true_positives_among_sixteen_million_voxels_are_summed_to_five_digits(logit: float) -> None:
    z = torch.full((1, 1, 4096, 4096), logit)
    y = torch.zeros_like(z)
    y[0, 0, 2000, 7:17] = 1
    voxels = Voxels(z, y, None, by_sample=False)
    assert voxels.front == [10.0]
    hit = sum(float(torch.dot(piece.p, piece.y)) for piece in voxels.pieces(by_p=True))
    assert hit == pytest.approx(10 / (1 + math.exp(-logit)), rel=1e-6)
