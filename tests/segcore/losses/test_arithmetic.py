import math

import pytest
import torch

from segcore.losses.arithmetic import affine, entropy_sum, log_rest_sum, nearer_end


def test_the_sum_of_logarithms_loses_nothing() -> None:
    for count in (1, 7, 8, 1000):
        shares = 0.5 * 10 ** (
            -12 * torch.rand(count, dtype=torch.float64, generator=torch.Generator().manual_seed(count))
        )
        expected = (-shares).log1p().sum().item()
        assert log_rest_sum(shares.clone()).item() == pytest.approx(expected, rel=1e-13)
    tiny = torch.full((4096,), 1e-20)
    assert log_rest_sum(tiny).item() == pytest.approx(-4096e-20, rel=1e-6)
    halves = torch.full((4096,), 0.5)
    assert log_rest_sum(halves).item() == pytest.approx(4096 * math.log(0.5), rel=1e-6)


def test_the_sum_of_entropies_is_right_for_voxels_that_are_sure_and_right_or_sure_and_wrong() -> None:
    s = torch.tensor([-1e4, -30.0, -1.0, 0.0, 2.0, 30.0, 1e4], dtype=torch.float64)
    each = [0.0, math.exp(-30), math.log1p(math.exp(-1)), math.log(2), 2 + math.log1p(math.exp(-2)), 30.0, 1e4]
    p = torch.sigmoid(s)
    assert entropy_sum(s, p, torch.empty_like(s)).item() == pytest.approx(sum(each), rel=1e-14)
    y = torch.tensor([0, 0, 1, 0, 1, 0, 0], dtype=torch.float64)
    assert entropy_sum(s, p, torch.empty_like(s), y=y).item() == pytest.approx(each[2] + each[4], rel=1e-14)


def test_small_steps() -> None:
    x = torch.tensor([0.0, 0.25, 1.0])
    assert affine(x, -2.0, 1.0, out=torch.empty(3)).tolist() == [1.0, 0.5, -1.0]
    assert nearer_end(x, out=torch.empty(3)).tolist() == [0.0, 0.25, 0.0]
