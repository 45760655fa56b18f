import math

import pytest
import torch

from segcore.errors import UnknownName
from segcore.networks.unet import MULTIPLE, NetworkDescription, UNet, describe


def description(dimensions: int = 2, channels: int = 3, size: str = "small") -> NetworkDescription:
    return NetworkDescription(dimensions=dimensions, channels=channels, size=size)


@pytest.mark.parametrize(("dimensions", "spatial"), [(2, (32, 48)), (3, (16, 32, 16))])
def test_logits_have_the_shape_of_the_patch_and_one_channel(dimensions: int, spatial: tuple[int, ...]) -> None:
    network = UNet(description(dimensions))

    assert network(torch.randn(2, 3, *spatial)).shape == (2, 1, *spatial)


@pytest.mark.parametrize("dimensions", [2, 3])
def test_the_prior_is_what_an_untrained_network_predicts(dimensions: int) -> None:
    network = UNet(description(dimensions)).eval()
    network.set_prior(math.log(0.001 / 0.999))

    with torch.inference_mode():
        probability = torch.sigmoid(network(torch.randn(1, 3, *(2 * MULTIPLE,) * dimensions)))

    assert float(probability.mean()) == pytest.approx(0.001, rel=0.3)


def test_every_weight_gets_a_gradient() -> None:
    network = UNet(description())

    network(torch.randn(2, 3, 32, 32)).square().mean().backward()

    silent = [name for name, p in network.named_parameters() if p.grad is None or not bool(p.grad.abs().sum() > 0)]
    assert silent == []


def test_a_single_voxel_changes_the_logit_at_its_own_place_most() -> None:
    """The branch at full resolution lets lesions of one voxel through."""
    torch.manual_seed(0)
    network = UNet(description(channels=1)).eval()
    x = torch.randn(1, 1, 64, 64)
    changed = x.clone()
    changed[0, 0, 20, 33] += 3

    with torch.inference_mode():
        difference = (network(changed) - network(x)).abs()[0, 0]

    row, column = divmod(int(difference.argmax()), 64)
    assert abs(row - 20) <= 1
    assert abs(column - 33) <= 1


def test_sizes_grow() -> None:
    weights = [UNet(description(size=size)).weights for size in ("small", "medium", "large")]

    assert weights == sorted(weights)
    assert weights[0] < 1_000_000


def test_an_unknown_size_is_answered_with_the_known_ones() -> None:
    with pytest.raises(UnknownName, match="large, medium, small"):
        UNet(description(size="giant"))


def test_the_description_in_words_names_dimensions_and_weights() -> None:
    network = UNet(description(3))

    assert describe(network, description(3)) == f"small 3D U-Net, {network.weights / 1e6:.2g} million weights"
