import pytest
import torch

from segcore.augmentation.transforms import Augmenter, _blurred, _gamma
from segcore.training.recipe import Augmentation

OFF = {"flips": False, "rotation": 0.0, "scaling": 0.0, "noise": 0.0, "blur": 0.0, "gamma": 0.0}


def augmenter(seed: int = 0, **settings: object) -> Augmenter:
    chosen = Augmentation(**{**OFF, **settings})  # type: ignore[arg-type]
    return Augmenter(chosen, spacing=(3.0, 1.0, 1.0), generator=torch.Generator().manual_seed(seed))


def patches(dims: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
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
    before = images.clone()
    settings = {"flips": True, "rotation": 40.0, "scaling": 0.3, "noise": 0.2, "blur": 1.0, "gamma": 0.5}
    first, second = augmenter(3, **settings)(images, labels), augmenter(3, **settings)(images, labels)
    assert torch.equal(first[0], second[0])
    assert torch.equal(first[1], second[1])
    assert first[0].shape == images.shape
    assert set(first[1].unique().tolist()) <= {0.0, 1.0, 255.0}
    assert torch.isfinite(first[0]).all()
    assert torch.equal(images, before)
    assert not torch.equal(augmenter(4, **settings)(images, labels)[0], first[0])


def test_flips_move_image_and_labels_together() -> None:
    images, labels = patches()
    images = labels.repeat(1, 2, 1, 1).clone()
    new_images, new_labels = augmenter(flips=True)(images, labels)
    assert torch.equal(new_images[:, :1], new_labels)
    assert not torch.equal(new_labels, labels)


def test_rotation_moves_image_and_labels_together_and_keeps_unknown_unknown() -> None:
    _, labels = patches()
    images = (labels == 1).float().repeat(1, 2, 1, 1)
    new_images, new_labels = augmenter(rotation=30.0, scaling=0.2)(images, labels)
    known = new_labels != 255
    agreement = ((new_images[:, :1] >= 0.5) == (new_labels == 1))[known].float().mean()
    assert agreement == 1.0
    assert (new_labels == 255).any()


def test_a_rotation_by_ninety_degrees_is_exact() -> None:
    made = augmenter(rotation=0.001)
    matrix = made._matrix(2, torch.Size((10, 20)))
    assert torch.allclose(matrix[:, :2], torch.eye(2), atol=1e-3)
    made = augmenter(rotation=90.0)
    square = made._matrix(2, torch.Size((16, 16)))[:, :2]
    assert torch.allclose(square @ square.T, torch.eye(2), atol=1e-5)
    oblong = made._matrix(2, torch.Size((10, 20)))[:, :2]
    assert abs(float(torch.det(oblong))) == pytest.approx(1.0, abs=1e-5)


def test_blur_keeps_the_mean_and_gamma_keeps_the_range() -> None:
    image = torch.rand(1, 2, 16, 16)
    constant = torch.full((1, 1, 5, 9, 9), 3.0)
    assert torch.allclose(_blurred(constant, 0.8), constant, atol=1e-5)
    assert _blurred(image, 1.0).std() < image.std()
    changed = _gamma(image, 1.5)
    assert changed.amin() == pytest.approx(float(image.amin()), abs=1e-6)
    assert changed.amax() == pytest.approx(float(image.amax()), abs=1e-6)
    assert torch.allclose(_gamma(constant, 1.5), constant)
