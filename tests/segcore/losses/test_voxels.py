import pytest
import torch
from torch import Tensor

from segcore.losses import LOSSES, build_loss, voxels
from segcore.losses.voxels import Voxels

NAMES = [entry.name for entry in LOSSES]


def example() -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    z = torch.randn(2, 1, 9, 11, generator=generator, dtype=torch.float64)
    y = (torch.rand(z.shape, generator=generator) < 0.2).double()
    return z, y, (torch.rand(z.shape, generator=generator) < 0.9).double()


def value_and_gradient(name: str, masked: bool) -> tuple[float, Tensor]:
    z, y, m = example()
    z.requires_grad_()
    value = build_loss(name)(z, y, m if masked else None)
    value.backward()
    assert z.grad is not None
    return value.item(), z.grad


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_in_how_many_pieces_a_batch_is_walked_changes_nothing(
    name: str, masked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(voxels, "_LEAST_PIECES", 1)
    whole, gradient = value_and_gradient(name, masked)
    monkeypatch.setattr(voxels, "_PIECE", 13)
    pieces, other = value_and_gradient(name, masked)
    assert pieces == pytest.approx(whole, rel=1e-12)
    assert torch.allclose(other, gradient, rtol=1e-9, atol=1e-15)


def test_counts_are_those_of_valid_voxels_by_row() -> None:
    z, y, m = example()
    by_sample = Voxels(z, y, m, by_sample=True)
    assert by_sample.count == m.flatten(1).sum(1).tolist()
    assert by_sample.front == (y * m).flatten(1).sum(1).tolist()
    assert Voxels(z, y, None, by_sample=False).count == [2 * 9 * 11]


def test_ignored_voxels_say_never_and_are_no_foreground() -> None:
    z, y, m = example()
    both = Voxels(z, y, m, by_sample=False)
    assert (both.whole_z[m[:, 0] == 0] == -voxels.NEVER).all()
    assert (both.whole_z[m[:, 0] == 1] == z[m == 1]).all()
    assert torch.equal(both.whole_y, (y * m)[:, 0])


def test_batches_of_two_sizes_in_turn_do_not_spoil_each_other() -> None:
    z, y, m = example()
    loss = build_loss("dice_focal")
    first = loss(z, y, m).item()
    loss(z[:1, :, :3], y[:1, :, :3])
    big = torch.zeros(1, 1, 400, 400, dtype=torch.float64)
    loss(big, big)
    assert loss(z, y, m).item() == first
