"""Random changes to batches of patches, on their device: flips, rotation and scaling, noise, blur, gamma."""

from __future__ import annotations

import math
from typing import Protocol

import torch
from torch import Generator, Tensor
from torch.nn import functional

from segcore.scans.volume import UNLABELLED

#: Share of the patches that each change is applied to.
P_SPATIAL, P_NOISE, P_BLUR, P_GAMMA = 0.35, 0.2, 0.2, 0.3


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


class Augmenter:
    """Changes batches at random; reproducible from its generator.

    Parameters
    ----------
    settings
        How much of what.
    spacing
        Of the prepared grid (plane, row, column), so that a rotated lesion keeps its shape in millimetres.
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
        """Return changed patches of the same shapes.

        Parameters
        ----------
        images
            (N, channels, *spatial) float32, normalised to about mean 0 and standard deviation 1.
        labels
            (N, 1, *spatial) float32 with values 0, 1 and 255; spatial is (rows, columns) or (planes, rows, columns).
        """
        images, labels = self._spatial(images, labels)
        if self._settings.flips:
            images, labels = self._flips(images, labels)
        return self._intensity(images), labels

    def _uniform(self, size: int, low: float, high: float) -> Tensor:
        return torch.rand(size, generator=self._generator) * (high - low) + low

    def _chosen(self, size: int, share: float) -> list[int]:
        drawn = torch.rand(size, generator=self._generator)
        return torch.nonzero(drawn < share).flatten().tolist()

    def _flips(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        for axis in range(2, images.ndim):
            chosen = self._chosen(len(images), 0.5)
            if chosen:
                images, labels = images.clone(), labels.clone()
                images[chosen] = images[chosen].flip(axis)
                labels[chosen] = labels[chosen].flip(axis)
        return images, labels

    def _spatial(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Rotate and scale the chosen patches; others are not touched, so they keep their exact voxels."""
        if self._settings.rotation == 0 and self._settings.scaling == 0:
            return images, labels
        chosen = self._chosen(len(images), P_SPATIAL)
        if not chosen:
            return images, labels
        dims = images.ndim - 2
        theta = torch.stack([self._matrix(dims, images.shape[2:]) for _ in chosen]).to(images)
        grid = functional.affine_grid(theta, [len(chosen), 1, *images.shape[2:]], align_corners=False)
        moved = functional.grid_sample(images[chosen], grid, padding_mode="border", align_corners=False)
        known = labels[chosen] != UNLABELLED
        # Linear on each class, then cut at half: a lesion of a few voxels survives more often than by nearest neighbour.
        classes = torch.cat([(labels[chosen] == 1).to(images), known.to(images)], dim=1)
        turned = functional.grid_sample(classes, grid, padding_mode="zeros", align_corners=False)
        new = torch.where(turned[:, 1:] < 0.5, float(UNLABELLED), (turned[:, :1] >= 0.5).to(images))
        images, labels = images.clone(), labels.clone()
        images[chosen], labels[chosen] = moved, new
        return images, labels

    def _matrix(self, dims: int, shape: torch.Size) -> Tensor:
        """Return the (dims, dims + 1) matrix for `affine_grid`, which wants (x, y[, z]) in units of half the patch."""
        angle = math.radians(self._settings.rotation)
        linear = torch.eye(dims)
        planes = [(0, 1)] if dims == 2 else [(0, 1), (0, 2), (1, 2)]
        for a, b in planes:
            turn = float(self._uniform(1, -angle, angle))
            rotation = torch.eye(dims)
            rotation[a, a] = rotation[b, b] = math.cos(turn)
            rotation[a, b], rotation[b, a] = -math.sin(turn), math.sin(turn)
            linear = linear @ rotation
        reach = math.log1p(self._settings.scaling)
        linear = linear * math.exp(float(self._uniform(1, -reach, reach)))
        millimetres = torch.tensor([n * s for n, s in zip(shape, self._spacing[-dims:], strict=True)]).flip(0)
        scaled = linear * millimetres[None, :] / millimetres[:, None]
        return torch.cat([scaled, torch.zeros(dims, 1)], dim=1)

    def _intensity(self, images: Tensor) -> Tensor:
        size = len(images)
        if self._settings.blur > 0:
            for number in self._chosen(size, P_BLUR):
                sigma = float(self._uniform(1, 0.2, max(self._settings.blur, 0.21)))
                images = _replaced(images, number, _blurred(images[number : number + 1], sigma))
        if self._settings.gamma > 0:
            for number in self._chosen(size, P_GAMMA):
                exponent = math.exp(float(self._uniform(1, -self._settings.gamma, self._settings.gamma)))
                images = _replaced(images, number, _gamma(images[number : number + 1], exponent))
        if self._settings.noise > 0:
            for number in self._chosen(size, P_NOISE):
                strength = float(self._uniform(1, 0.0, self._settings.noise))
                noise = torch.randn(images.shape[1:], generator=self._generator).to(images)
                images = _replaced(images, number, images[number : number + 1] + strength * noise)
        return images


def _replaced(images: Tensor, number: int, patch: Tensor) -> Tensor:
    images = images.clone()
    images[number : number + 1] = patch
    return images


def _blurred(image: Tensor, sigma: float) -> Tensor:
    """Return (1, channels, *spatial) convolved with a Gaussian along each spatial axis."""
    reach = max(1, math.ceil(3 * sigma))
    offsets = torch.arange(-reach, reach + 1, dtype=image.dtype, device=image.device)
    kernel = torch.exp(-0.5 * (offsets / sigma) ** 2)
    kernel = kernel / kernel.sum()
    for axis in range(2, image.ndim):
        moved = image.transpose(axis, -1)
        lines = moved.reshape(-1, 1, moved.shape[-1])
        padded = functional.pad(lines, (reach, reach), mode="replicate")
        image = functional.conv1d(padded, kernel.reshape(1, 1, -1)).reshape(moved.shape).transpose(axis, -1)
    return image


def _gamma(image: Tensor, exponent: float) -> Tensor:
    """Return the patch with its range mapped to 0..1, raised, and mapped back, per channel."""
    flat = image.flatten(2)
    low, high = flat.amin(2), flat.amax(2)
    shape = (*low.shape, *([1] * (image.ndim - 2)))
    low, span = low.reshape(shape), (high - low).clamp_min(1e-6).reshape(shape)
    return ((image - low) / span).clamp(0, 1) ** exponent * span + low
