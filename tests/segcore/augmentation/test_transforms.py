import math

import pytest
import torch
from torch import Tensor

from segcore.augmentation.transforms import P_SPATIAL, Augmenter
from segcore.training.recipe import Augmentation

OFF = {"flips": False, "rotation": 0.0, "scaling": 0.0, "noise": 0.0, "blur": 0.0, "gamma": 0.0}
ALL = {"flips": True, "rotation": 40.0, "scaling": 0.3, "noise": 0.2, "blur": 1.0, "gamma": 0.5}


def augmenter(seed: int = 0, spacing: tuple[float, float, float] = (3.0, 1.0, 1.0), **settings: object) -> Augmenter:
    chosen = Augmentation(**{**OFF, **settings})  # type: ignore[arg-type]
    return Augmenter(chosen, spacing=spacing, generator=torch.Generator().manual_seed(seed))


def patches(dims: int = 2) -> tuple[Tensor, Tensor]:
    shape = (8, 2, 24, 24) if dims == 2 else (4, 2, 8, 24, 24)
    images = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    labels = torch.zeros(shape[0], 1, *shape[2:])
    labels[..., 8:16, 8:16] = 1
    labels[..., :3] = 255
    return images, labels


def test_nothing_asked_is_nothing_changed() -> None:
    images, labels = patches()
    new_images, new_labels = augmenter()(images, labels)
    assert torch.equal(new_images, images)
    assert torch.equal(new_labels, labels)


@pytest.mark.parametrize("dims", [2, 3])
def test_shapes_values_and_seeds_hold_for_everything_at_once(dims: int) -> None:
    images, labels = patches(dims)
    before, labels_before = images.clone(), labels.clone()
    first, second = augmenter(3, **ALL)(images, labels), augmenter(3, **ALL)(images, labels)
    assert torch.equal(first[0], second[0])
    assert torch.equal(first[1], second[1])
    assert first[0].shape == images.shape
    assert first[1].shape == labels.shape
    assert set(first[1].unique().tolist()) <= {0.0, 1.0, 255.0}
    assert torch.isfinite(first[0]).all()
    assert torch.equal(images, before)
    assert torch.equal(labels, labels_before)
    assert not torch.equal(augmenter(4, **ALL)(images, labels)[0], first[0])


def test_each_setting_alone_changes_something_and_intensities_leave_labels_alone() -> None:
    images, labels = patches()
    for name, value in ALL.items():
        new_images, new_labels = augmenter(1, **{name: value})(images, labels)
        assert not torch.equal(new_images, images), name
        if name in ("noise", "blur", "gamma"):
            assert torch.equal(new_labels, labels)


@pytest.mark.parametrize("dims", [2, 3])
def test_flips_move_image_and_labels_together_along_every_axis(dims: int) -> None:
    corner = torch.zeros(64, 1, *([2] * dims))
    corner[(slice(None), 0, *([0] * dims))] = 1
    images, labels = augmenter(flips=True)(corner, corner)
    assert torch.equal(images, labels)
    assert labels.sum() == 64
    found = {tuple(place[2:]) for place in torch.nonzero(labels).tolist()}
    assert len(found) == 2**dims


def test_rotation_moves_image_and_labels_together_and_keeps_unknown_unknown() -> None:
    _, labels = patches()
    images = (labels == 1).float().repeat(1, 2, 1, 1)
    new_images, new_labels = augmenter(rotation=30.0, scaling=0.2)(images, labels)
    known = new_labels != 255
    agreement = ((new_images[:, :1] >= 0.5) == (new_labels == 1))[known].float().mean()
    assert agreement > 0.99
    assert (new_labels == 255).any()


def test_patches_that_are_not_drawn_keep_their_exact_voxels() -> None:
    images = torch.randn(400, 1, 8, 8)
    labels = torch.zeros(400, 1, 8, 8)
    new_images, _ = augmenter(rotation=90.0)(images, labels)
    touched = int((new_images != images).flatten(1).any(1).sum())
    assert touched == pytest.approx(400 * P_SPATIAL, abs=4 * math.sqrt(400 * P_SPATIAL * (1 - P_SPATIAL)))


def test_context_planes_are_turned_and_flipped_as_one() -> None:
    plane = torch.randn(16, 1, 20, 20)
    images, _ = augmenter(flips=True, rotation=45.0, scaling=0.2)(plane.repeat(1, 3, 1, 1), torch.zeros_like(plane))
    assert torch.equal(images[:, 0], images[:, 1])
    assert torch.equal(images[:, 0], images[:, 2])


def test_a_thin_slab_is_tilted_less_than_it_is_turned() -> None:
    # 4 planes of 1 mm against 40 x 40 mm: a tilt of at most a tenth of the rotation.
    made = augmenter(rotation=30.0, spacing=(1.0, 1.0, 1.0))
    for _ in range(50):
        matrix = made._drawn_turn(torch.Size((4, 40, 40)))[:, :3]
        # In millimetres the plane's normal leaves its axis by at most two tilts of 3 degrees.
        assert float(matrix[2, 2]) >= math.cos(math.radians(3.0)) ** 2 - 1e-9


def test_blur_is_weaker_across_thick_slices() -> None:
    image = torch.zeros(1, 1, 9, 9, 9)
    image[0, 0, 4, 4, 4] = 1
    images, _ = augmenter(blur=2.0, spacing=(4.0, 1.0, 1.0))(image.repeat(40, 1, 1, 1, 1), torch.zeros(40, 1, 9, 9, 9))
    blurred = images[images[:, 0, 4, 4, 4] < 0.5]
    assert len(blurred) > 2
    assert (blurred[:, 0, 3, 4, 4] < blurred[:, 0, 4, 3, 4]).all()
