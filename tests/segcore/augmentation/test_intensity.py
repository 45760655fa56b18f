import math

import pytest
import torch

from segcore.augmentation.intensity import blurred, coarsened, contrasted, noise_like, stretched


def test_blur_keeps_constants_and_sums_and_follows_the_gaussian() -> None:
    constant = torch.full((2, 5, 9, 9), 3.0)
    assert torch.allclose(blurred(constant, [0.8, 0.8, 0.8]), constant, atol=1e-5)
    point = torch.zeros(1, 21, 21)
    point[0, 10, 10] = 1
    spread = blurred(point, [1.5, 1.5])
    assert float(spread.sum()) == pytest.approx(1.0, abs=1e-5)
    # One step along an axis loses exp(-1 / (2 * 1.5²)).
    assert float(spread[0, 10, 11] / spread[0, 10, 10]) == pytest.approx(math.exp(-1 / 4.5), rel=1e-5)
    assert torch.allclose(spread, spread.transpose(1, 2), atol=1e-7)


def test_blur_leaves_single_planes_and_narrow_axes_alone() -> None:
    image = torch.randn(1, 1, 8, 8)
    assert torch.equal(blurred(image, [2.0, 0.05, 0.0]), image)
    before = image.clone()
    blurred(image, [0.0, 1.0, 1.0])
    assert torch.equal(image, before)


def test_contrast_keeps_each_channels_range_and_order_also_for_negative_values() -> None:
    generator = torch.Generator().manual_seed(0)  # two values must not be so near that they round to one
    image = torch.randn(2, 16, 16, generator=generator) * torch.tensor([1.0, 5.0]).reshape(2, 1, 1) - 3
    changed = contrasted(image, 1.5)
    assert torch.allclose(changed.amin((1, 2)), image.amin((1, 2)), atol=1e-5)
    assert torch.allclose(changed.amax((1, 2)), image.amax((1, 2)), atol=1e-5)
    assert torch.equal(changed.flatten(1).argsort(1), image.flatten(1).argsort(1))
    # Half of the range, squared, is a quarter of it.
    ramp = torch.tensor([[-1.0, 0.0, 1.0]])
    assert contrasted(ramp, 2.0).tolist() == [[-1.0, -0.5, 1.0]]


def test_contrast_of_a_constant_is_that_constant() -> None:
    constant = torch.full((1, 4, 4), -2.5)
    assert torch.equal(contrasted(constant, 1.4), constant)


def test_noise_is_standard_and_repeats_with_its_generator() -> None:
    image = torch.zeros(1, 100, 100)
    noise = noise_like(image, torch.Generator().manual_seed(5))
    assert torch.equal(noise, noise_like(image, torch.Generator().manual_seed(5)))
    assert float(noise.mean()) == pytest.approx(0.0, abs=0.04)
    assert float(noise.std()) == pytest.approx(1.0, abs=0.03)


def test_stretching_keeps_the_mean_and_the_range() -> None:
    image = torch.tensor([[[0.0, 1.0, 2.0, 5.0]], [[-2.0, 0.0, 0.0, 2.0]]])
    # The first channel's mean is 2: 0 and 5 would go to -1 and 6.5, beyond its range.
    assert stretched(image, 1.5).tolist() == [[[0.0, 0.5, 2.0, 5.0]], [[-2.0, 0.0, 0.0, 2.0]]]
    assert stretched(image, 0.5)[0].tolist() == [[1.0, 1.5, 2.0, 3.5]]


def test_coarser_voxels_lose_what_lies_between_them_and_keep_constants() -> None:
    stripes = torch.tensor([1.0, -1.0]).repeat(8).expand(1, 16, 16)
    coarse = coarsened(stripes, [1.0, 2.0])
    assert coarse.shape == stripes.shape
    assert float(coarse.std()) == pytest.approx(0.0, abs=1e-6)
    constant = torch.full((2, 6, 7, 8), 1.5)
    assert torch.equal(coarsened(constant, [1.0, 2.0, 3.0]), constant)
    assert torch.equal(coarsened(stripes, [1.0, 1.0]), stripes)
