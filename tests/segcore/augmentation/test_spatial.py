import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from segcore.augmentation.spatial import _image_seen, _labels_seen, moved, sampling_grid, turning


def ball(shape: tuple[int, int, int], spacing: tuple[float, float, float], radius_mm: float) -> Tensor:
    axes = [(torch.arange(n) - (n - 1) / 2) * s for n, s in zip(shape, spacing, strict=True)]
    p, r, c = torch.meshgrid(*axes, indexing="ij")
    return (p**2 + r**2 + c**2 <= radius_mm**2).float()[None, None]


def test_a_quarter_turn_is_exact() -> None:
    image = torch.arange(36.0).reshape(1, 1, 6, 6)
    labels = (image % 5 == 0).float()
    matrix = turning([math.pi / 2], 1.0, (6, 6), (1.0, 1.0))[None]
    new_image, new_labels = moved(image, labels, matrix)
    expected = torch.rot90(image, 1, (2, 3))
    assert torch.allclose(new_image, expected, atol=1e-4)
    assert torch.equal(new_labels, torch.rot90(labels, 1, (2, 3)))


def test_turning_nothing_changes_nothing() -> None:
    image = torch.randn(2, 3, 5, 6, 7)
    labels = torch.randint(0, 2, (2, 1, 5, 6, 7)).float()
    labels[:, :, 0] = 255
    matrix = turning([0.0, 0.0, 0.0], 1.0, (5, 6, 7), (3.0, 1.0, 0.5))
    new_image, new_labels = moved(image, labels, torch.stack([matrix, matrix]))
    assert torch.allclose(new_image, image, atol=1e-4)
    assert torch.equal(new_labels, labels)


def test_a_ball_in_thick_slices_stays_a_ball_in_millimetres() -> None:
    shape, spacing = (16, 48, 48), (3.0, 1.0, 1.0)
    labels = ball(shape, spacing, 14.0)

    def overlap(angles: list[float], assumed: tuple[float, float, float]) -> float:
        _, new = moved(labels, labels, turning(angles, 1.0, shape, assumed)[None])
        return float(2 * ((new == 1) & (labels == 1)).sum() / ((new == 1).sum() + labels.sum()))

    for angles in ([0.6, 0.0, 0.0], [0.0, 0.5, 0.0], [0.4, -0.5, 0.3]):
        assert overlap(angles, spacing) > 0.94
    assert overlap([0.0, 0.5, 0.0], (1.0, 1.0, 1.0)) < 0.85


def test_magnification_enlarges_by_its_cube() -> None:
    shape, spacing = (40, 40, 40), (1.0, 1.0, 1.0)
    labels = ball(shape, spacing, 9.0)
    _, new = moved(labels, labels, turning([0.0, 0.0, 0.0], 1.25, shape, spacing)[None])
    assert float((new == 1).sum() / labels.sum()) == pytest.approx(1.25**3, rel=0.03)


def test_what_comes_from_beyond_the_patch_is_unlabelled_and_repeats_the_edge() -> None:
    image, labels = torch.full((1, 1, 10, 10), 2.0), torch.zeros(1, 1, 10, 10)
    new_image, new_labels = moved(image, labels, turning([0.0], 0.5, (10, 10), (1.0, 1.0))[None])
    assert torch.allclose(new_image, image)
    assert int((new_labels == 0).sum()) == 25
    assert int((new_labels == 255).sum()) == 75


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("magnification", [0.7, 1.0, 1.3])
def test_the_smallest_lesion_never_vanishes_and_does_not_grow(dims: int, magnification: float) -> None:
    generator = torch.Generator().manual_seed(dims)
    count, edge = 300, 15
    labels = torch.zeros(count, 1, *([edge] * dims))
    for number in range(count):
        # Within a third of the middle, so that no turn carries it out of the patch.
        place = torch.randint(5, 10, (dims,), generator=generator).tolist()
        labels[(number, 0, *place)] = 1
    angles = (torch.rand(count, 3, generator=generator) * 2 - 1) * 0.7
    matrices = torch.stack(
        [turning(a[: 1 if dims == 2 else 3].tolist(), magnification, [edge] * dims, [1.0] * dims) for a in angles]
    )
    _, new = moved(torch.zeros_like(labels), labels, matrices)
    voxels = (new == 1).flatten(1).sum(1)
    assert int(voxels.min()) >= 1
    # Where one voxel is the least that can be left, the mean lies above the exact volume, but not by much.
    exact = magnification**dims
    assert exact * 0.85 <= float(voxels.float().mean()) <= max(exact, 1.0) * 1.35


def test_a_large_lesion_keeps_its_volume() -> None:
    labels = ball((1, 64, 64), (1.0, 1.0, 1.0), 14.0)[:, :, 0]
    matrices = torch.stack([turning([angle], 1.0, (64, 64), (1.0, 1.0)) for angle in (0.1, 0.35, 0.8, -0.5)])
    _, new = moved(labels.repeat(4, 1, 1, 1), labels.repeat(4, 1, 1, 1), matrices)
    assert ((new == 1).flatten(1).sum(1) / labels.sum() - 1).abs().max() < 0.02


@given(
    st.lists(st.floats(-3.2, 3.2), min_size=3, max_size=3),
    st.floats(0.6, 1.6),
    st.tuples(st.integers(1, 9), st.integers(2, 11), st.integers(2, 12)),
    st.integers(0, 10_000),
)
@settings(max_examples=60, deadline=None)
def test_labels_of_a_turned_block_are_those_of_sampling_every_voxel(
    angles: list[float], magnification: float, shape: tuple[int, int, int], seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    labels = (torch.rand(1, 1, *shape, generator=generator) < 0.02).float()
    matrix = turning(angles, magnification, shape, (2.0, 1.0, 1.0))
    grid = functional.affine_grid(matrix[None].float(), [1, 1, *shape], align_corners=False)
    assert torch.allclose(sampling_grid(matrix, shape, device=torch.device("cpu")), grid, atol=1e-5)
    seen = functional.grid_sample(labels - 255, grid, mode="nearest", align_corners=False) + 255
    ours = _labels_seen(labels, matrix)
    # Voxels that lie on the border of two to rounding may fall on either side.
    position = (grid + 1) / 2 * torch.tensor(shape).flip(0)
    certain = ((position - position.round()).abs() > 1e-3).all(-1)[:, None]
    assert torch.equal(ours[certain], seen[certain])


@given(st.lists(st.floats(-0.5, 0.5), min_size=3, max_size=3), st.floats(0.7, 1.4))
@settings(max_examples=40, deadline=None)
def test_a_turned_block_is_interpolated_as_well_in_two_passes_as_in_one(angles: list[float], zoom: float) -> None:
    shape, spacing = (14, 30, 26), (2.0, 1.0, 1.0)
    matrix = turning(angles, zoom, shape, spacing)

    def waves(x: Tensor, y: Tensor, z: Tensor) -> Tensor:
        return torch.sin(2.0 * x + 0.3) + torch.cos(1.5 * y - 1.0 * x) + torch.sin(1.0 * z + 1.2 * y)

    z, y, x = torch.meshgrid(*[(2 * torch.arange(n) + 1) / n - 1 for n in shape], indexing="ij")
    image = waves(x, y, z)[None, None]
    grid = functional.affine_grid(matrix[None].float(), [1, 1, *shape], align_corners=False)
    truth = waves(*grid[0].unbind(-1))
    once = functional.grid_sample(image, grid, padding_mode="border", align_corners=False)[0, 0]
    ours = _image_seen(image, matrix)[0, 0]
    inside = (grid[0].abs() < 0.8).all(-1)
    if not bool(inside.any()):
        return
    error_once = float((once - truth)[inside].abs().mean())
    assert float((ours - truth)[inside].abs().mean()) < 1.5 * error_once + 2e-3


def test_a_block_of_several_channels_is_turned_channel_by_channel_and_a_straight_one_is_exact() -> None:
    block = torch.randn(1, 3, 6, 9, 8)
    still = turning([0.0, 0.0, 0.0], 1.0, (6, 9, 8), (1.0, 1.0, 1.0))
    assert torch.allclose(_image_seen(block, still), block, atol=1e-5)
    turned = turning([0.4, 0.2, -0.3], 1.2, (6, 9, 8), (1.0, 1.0, 1.0))
    each = torch.cat([_image_seen(block[:, n : n + 1], turned) for n in range(3)], dim=1)
    assert torch.allclose(_image_seen(block, turned), each, atol=1e-6)


def test_a_block_on_its_side_is_interpolated_along_all_axes_at_once() -> None:
    block = torch.randn(1, 1, 8, 8, 8)
    side = turning([0.0, math.pi / 2, 0.0], 1.0, (8, 8, 8), (1.0, 1.0, 1.0))
    grid = functional.affine_grid(side[None].float(), [1, 1, 8, 8, 8], align_corners=False)
    expected = functional.grid_sample(block, grid, padding_mode="border", align_corners=False)
    assert torch.allclose(_image_seen(block, side), expected, atol=1e-4)
