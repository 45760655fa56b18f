import math

import pytest
import torch

from segcore.errors import UnknownName
from segcore.networks.build import build_network
from segcore.networks.unet import FIRST_DESIGN, MULTIPLE, PRESENT_DESIGN, NetworkDescription, describe

DESIGNS = pytest.mark.parametrize("design", [FIRST_DESIGN, PRESENT_DESIGN])


def description(
    dimensions: int = 2, channels: int = 3, size: str = "small", design: int = PRESENT_DESIGN
) -> NetworkDescription:
    return NetworkDescription(dimensions=dimensions, channels=channels, size=size, design=design)


@DESIGNS
@pytest.mark.parametrize(("dimensions", "spatial"), [(2, (32, 48)), (3, (16, 32, 16))])
def test_logits_have_the_shape_of_the_patch_and_one_channel(
    dimensions: int, spatial: tuple[int, ...], design: int
) -> None:
    network = build_network(description(dimensions, design=design))

    assert network(torch.randn(2, 3, *spatial)).shape == (2, 1, *spatial)


@DESIGNS
@pytest.mark.parametrize("dimensions", [2, 3])
def test_the_prior_is_what_an_untrained_network_predicts(dimensions: int, design: int) -> None:
    network = build_network(description(dimensions, design=design)).eval()
    network.set_prior(math.log(0.001 / 0.999))

    with torch.inference_mode():
        probability = torch.sigmoid(network(torch.randn(1, 3, *(2 * MULTIPLE,) * dimensions)))

    assert float(probability.mean()) == pytest.approx(0.001, rel=0.3)


@DESIGNS
def test_every_weight_gets_a_gradient(design: int) -> None:
    network = build_network(description(design=design))

    network(torch.randn(2, 3, 32, 32)).square().mean().backward()

    silent = [name for name, p in network.named_parameters() if p.grad is None or not bool(p.grad.abs().sum() > 0)]
    assert silent == []


@DESIGNS
def test_a_single_voxel_changes_the_logit_at_its_own_place_most(design: int) -> None:
    """The branch at full resolution lets lesions of one voxel through."""
    torch.manual_seed(0)
    network = build_network(description(channels=1, design=design)).eval()
    x = torch.randn(1, 1, 64, 64)
    changed = x.clone()
    changed[0, 0, 20, 33] += 3

    with torch.inference_mode():
        difference = (network(changed) - network(x)).abs()[0, 0]

    row, column = divmod(int(difference.argmax()), 64)
    assert abs(row - 20) <= 1
    assert abs(column - 33) <= 1


@DESIGNS
def test_sizes_grow(design: int) -> None:
    weights = [build_network(description(size=size, design=design)).weights for size in ("small", "medium", "large")]

    assert weights == sorted(weights)
    assert weights[0] < 1_000_000


def test_an_unknown_size_is_answered_with_the_known_ones() -> None:
    with pytest.raises(UnknownName, match="large, medium, small"):
        build_network(description(size="giant"))


def test_the_description_in_words_names_dimensions_and_weights() -> None:
    network = build_network(description(3))

    assert describe(network, description(3)) == f"small 3D U-Net, {network.weights / 1e6:.2g} million weights"


def test_a_description_without_a_design_is_of_the_first_one_so_that_old_models_open() -> None:
    old = build_network(NetworkDescription(dimensions=2, channels=1, size="small"))

    assert old.weights != build_network(description(channels=1)).weights


def test_an_unknown_design_is_answered_with_the_known_ones() -> None:
    with pytest.raises(UnknownName, match="1, 2"):
        build_network(description(design=9))
