"""Changes of what is measured, not of where, of single patches: blur, gamma, noise, stretched and coarser values."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Generator, Tensor
from torch.nn import functional

#: A Gaussian narrower than this, in voxels, changes nothing that float32 images show.
_NARROWEST = 0.15


def blurred(image: Tensor, sigmas: Sequence[float]) -> Tensor:
    """Return `image` (channels, *spatial) under a Gaussian of `sigmas` voxels along each spatial axis; edges repeated."""
    for axis, sigma in enumerate(sigmas, start=1):
        if sigma < _NARROWEST or image.shape[axis] == 1:
            continue
        reach = math.ceil(3 * sigma)
        weights = [math.exp(-0.5 * (offset / sigma) ** 2) for offset in range(-reach, reach + 1)]
        padding = [0, 0] * (image.ndim - 1)
        padding[2 * (image.ndim - 1 - axis)] = padding[2 * (image.ndim - 1 - axis) + 1] = reach
        # One more leading axis: `pad` repeats edges of (N, channels, *spatial) only.
        wide = functional.pad(image[None], padding, mode="replicate")[0]
        length = image.shape[axis]
        image = wide.narrow(axis, 0, length) * (weights[0] / sum(weights))
        for number, weight in enumerate(weights[1:], start=1):
            image.add_(wide.narrow(axis, number, length), alpha=weight / sum(weights))
    return image


def contrasted(image: Tensor, exponent: float) -> Tensor:
    """Return `image` (channels, *spatial) with each channel's range mapped to 0..1, raised, and mapped back.

    Works for negative values too, as normalised scans have them; the darkest and the brightest voxel stay as they are.
    """
    axes = tuple(range(1, image.ndim))
    low = image.amin(axes, keepdim=True)
    span = (image.amax(axes, keepdim=True) - low).clamp_min(1e-6)
    return ((image - low) / span).clamp(0, 1) ** exponent * span + low


def stretched(image: Tensor, factor: float) -> Tensor:
    """Return `image` (channels, *spatial) with each channel stretched about its mean, kept within its range."""
    axes = tuple(range(1, image.ndim))
    low, high = image.amin(axes, keepdim=True), image.amax(axes, keepdim=True)
    mean = image.mean(axes, keepdim=True)
    return torch.clamp((image - mean).mul_(factor).add_(mean), low, high)


def coarsened(image: Tensor, factors: Sequence[float]) -> Tensor:
    """Return `image` (channels, *spatial) as if its voxels were so many times as large along each spatial axis."""
    shape = image.shape[1:]
    fewer = [max(1, round(extent / factor)) for extent, factor in zip(shape, factors, strict=True)]
    mode = "bilinear" if len(shape) == 2 else "trilinear"
    few = functional.interpolate(image[None], size=fewer, mode="nearest-exact")
    return functional.interpolate(few, size=tuple(shape), mode=mode, align_corners=False)[0]


def noise_like(image: Tensor, generator: Generator) -> Tensor:
    """Return standard normal noise of the shape of `image`.

    On a GPU it is drawn there, from a seed that `generator` (on the CPU) gives: a block of 96³ voxels takes a CPU 10 ms.
    """
    if image.device.type != "cpu":
        seed = int(torch.randint(2**62, (1,), generator=generator))
        generator = Generator(image.device).manual_seed(seed)
    return torch.randn(image.shape, generator=generator, device=image.device, dtype=image.dtype)
