"""Random changes to batches of patches, on their device: flips, rotation and scaling, and of their values."""

from __future__ import annotations

import math
from typing import Protocol

import torch
from torch import Generator, Tensor

from segcore.augmentation.intensity import blurred, coarsened, contrasted, noise_like, stretched
from segcore.augmentation.spatial import moved, turning

#: Share of the patches that each change is applied to. As in nnU-Net (Isensee et al. 2021), rounded; but turned and scaled
#: are most patches, not a third, which helps with few cases (docs/evidence/default-recipe.md).
P_SPATIAL, P_NOISE, P_BLUR, P_GAMMA = 0.8, 0.2, 0.2, 0.3
P_BRIGHTNESS, P_CONTRAST, P_LOW_RESOLUTION = 0.15, 0.15, 0.125
#: Narrowest Gaussian that is drawn, in voxels.
_SHARPEST = 0.2


class AugmentationSettings(Protocol):
    """See `segcore.training.recipe.Augmentation`."""

    @property
    def flips(self) -> bool: ...  # noqa: D102
    @property
    def rotation(self) -> float: ...  # noqa: D102
    @property
    def scaling(self) -> float: ...  # noqa: D102
    @property
    def noise(self) -> float: ...  # noqa: D102
    @property
    def blur(self) -> float: ...  # noqa: D102
    @property
    def gamma(self) -> float: ...  # noqa: D102
    @property
    def brightness(self) -> float: ...  # noqa: D102
    @property
    def contrast(self) -> float: ...  # noqa: D102
    @property
    def low_resolution(self) -> float: ...  # noqa: D102


class Augmenter:
    """Changes batches at random; reproducible from its generator.

    Which patches are changed and how is drawn first; only those are touched, so that the others keep their exact voxels
    and cost nothing.

    Parameters
    ----------
    settings
        How much of what.
    spacing
        Of the prepared grid (plane, row, column), mm, so that a rotated lesion keeps its shape in millimetres.
    generator
        Torch's, on the CPU: parameters are drawn there, so that every device gets the same ones.
    """

    def __init__(
        self, settings: AugmentationSettings, *, spacing: tuple[float, float, float], generator: Generator
    ) -> None:
        self._settings = settings
        self._spacing = spacing
        self._generator = generator

    def __call__(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return changed copies of the same shapes.

        Parameters
        ----------
        images
            (N, channels, *spatial) float32, normalised to about mean 0 and standard deviation 1. In 2-D with context,
            neighbouring planes are channels and are turned together.
        labels
            (N, 1, *spatial) float32 with values 0, 1 and 255; spatial is (rows, columns) or (planes, rows, columns).
        """
        images, labels = images.clone(), labels.clone()
        self._turn(images, labels)
        if self._settings.flips:
            self._flip(images, labels)
        self._change_intensity(images)
        return images, labels

    def _uniform(self, low: float, high: float) -> float:
        return low + (high - low) * float(torch.rand(1, generator=self._generator))

    def _chosen(self, size: int, share: float) -> list[int]:
        drawn = torch.rand(size, generator=self._generator)
        chosen: list[int] = torch.nonzero(drawn < share).flatten().tolist()
        return chosen

    def _turn(self, images: Tensor, labels: Tensor) -> None:
        if self._settings.rotation == 0 and self._settings.scaling == 0:
            return
        chosen = self._chosen(len(images), P_SPATIAL)
        if chosen:
            matrices = torch.stack([self._drawn_turn(images.shape[2:]) for _ in chosen])
            device = _turning_device(images)
            new_images, new_labels = moved(images[chosen].to(device), labels[chosen].to(device), matrices)
            images[chosen], labels[chosen] = new_images.to(images.device), new_labels.to(images.device)

    def _drawn_turn(self, shape: torch.Size) -> Tensor:
        spacing = self._spacing[-len(shape) :]
        most = math.radians(self._settings.rotation)
        angles = [self._uniform(-most, most)]
        if len(shape) == 3:
            # A thin slab is tilted less: turned far out of its plane, it would show little but what lies beyond it.
            depth, height, width = (n * s for n, s in zip(shape, spacing, strict=True))
            tilt = most * min(1.0, depth / max(height, width))
            angles += [self._uniform(-tilt, tilt), self._uniform(-tilt, tilt)]
        scaling = self._settings.scaling
        magnification = math.exp(self._uniform(math.log1p(-scaling), math.log1p(scaling)))
        return turning(angles, magnification, shape, spacing)

    def _flip(self, images: Tensor, labels: Tensor) -> None:
        axes = [self._chosen(len(images), 0.5) for _ in range(images.ndim - 2)]
        for number in range(len(images)):
            flipped = [axis for axis, chosen in enumerate(axes, start=1) if number in chosen]
            if flipped:
                images[number], labels[number] = images[number].flip(flipped), labels[number].flip(flipped)

    def _change_intensity(self, images: Tensor) -> None:
        chosen = self._settings
        size = len(images)
        if chosen.blur > 0:
            spacing = self._spacing[-(images.ndim - 2) :]
            ratios = [min(spacing) / along for along in spacing]
            for number in self._chosen(size, P_BLUR):
                sigma = self._uniform(min(_SHARPEST, chosen.blur), chosen.blur)
                images[number] = blurred(images[number], [sigma * ratio for ratio in ratios])
        if chosen.low_resolution > 0:
            coarsest = 1 + chosen.low_resolution
            for number in self._chosen(size, P_LOW_RESOLUTION):
                factor = self._uniform(1.0, coarsest)
                images[number] = coarsened(images[number], self._isotropically(factor, images.ndim - 2))
        if chosen.gamma > 0:
            for number in self._chosen(size, P_GAMMA):
                images[number] = contrasted(images[number], math.exp(self._uniform(-chosen.gamma, chosen.gamma)))
        self._stretch(images)
        if chosen.noise > 0:
            for number in self._chosen(size, P_NOISE):
                strength = self._uniform(0.0, chosen.noise)
                images[number].add_(noise_like(images[number], self._generator), alpha=strength)

    def _stretch(self, images: Tensor) -> None:
        """Scale all values, and stretch them about their mean."""
        brightness, contrast = self._settings.brightness, self._settings.contrast
        if brightness > 0:
            for number in self._chosen(len(images), P_BRIGHTNESS):
                images[number].mul_(self._uniform(1 - brightness, 1 + brightness))
        if contrast > 0:
            for number in self._chosen(len(images), P_CONTRAST):
                images[number] = stretched(images[number], self._uniform(1 - contrast, 1 + contrast))

    def _isotropically(self, factor: float, dims: int) -> list[float]:
        """Return factors along each axis: along coarse axes less, so that voxels grow towards cubes."""
        spacing = self._spacing[-dims:]
        return [max(1.0, factor * min(spacing) / along) for along in spacing]


def _turning_device(images: Tensor) -> torch.device:
    """Return where patches are turned: where they are, but Apple's GPUs have no interpolation of blocks."""
    return torch.device("cpu") if images.device.type == "mps" and images.ndim == 5 else images.device
