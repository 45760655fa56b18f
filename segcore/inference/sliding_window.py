"""Predicting a whole prepared image by overlapping tiles of the size the network was trained on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from segcore.inference.preparation import OUTSIDE_LOGIT, Image

#: Tiles per call of the network: more only costs memory on a CPU (measured by peers: batching is 1.24 times slower).
_TILES = {"cpu": 1, "cuda": 16, "mps": 4}


def tile_starts(extent: int, size: int, overlap: float) -> list[int]:
    """Return where tiles begin along one axis so that all is covered; one centred tile where the axis is shorter."""
    if extent <= size:
        return [-((size - extent) // 2)]
    step = max(1, int(size * (1 - overlap)))
    count = -(-(extent - size) // step) + 1
    return [round(i * (extent - size) / (count - 1)) for i in range(count)]


def gaussian_weights(shape: Sequence[int]) -> NDArray[np.float32]:
    """Return separable weights with σ = 1/8 of each extent, 1 in the middle (Isensee et al. 2021); never 0."""
    result: NDArray[Any] = np.ones((1,) * len(shape))
    for axis, size in enumerate(shape):
        offsets = (np.arange(size) - (size - 1) / 2) / (size / 8)
        line = np.exp(-0.5 * offsets**2) if size > 1 else np.ones(1)
        result = result * line.reshape([-1 if a == axis else 1 for a in range(len(shape))])
    return result.astype(np.float32)


def predict_image(
    network: nn.Module,
    image: Image,
    patch: tuple[int, int, int],
    *,
    flat: bool,
    device: torch.device,
    overlap: float = 0.5,
    flips: bool = False,
    stop: Callable[[], None] | None = None,
) -> Image:
    """Return logits (planes, rows, columns) float32 for a prepared image (channels, planes, rows, columns).

    Parameters
    ----------
    patch
        Extents of a training patch; for `flat` networks the planes are the context.
    overlap
        Share of a tile that its neighbour covers too.
    flips
        Average over mirrored copies along rows and columns (and planes in 3-D).
    stop
        Called before every tile; may raise.
    """
    extents = image.shape[1:]
    total = np.zeros(extents, dtype=np.float32)
    weight = np.zeros(extents, dtype=np.float32)
    shape = (1, *patch[1:]) if flat else patch
    weights = gaussian_weights(shape)
    places = [
        (p, r, c)
        for p in (range(extents[0]) if flat else tile_starts(extents[0], patch[0], overlap))
        for r in tile_starts(extents[1], patch[1], overlap)
        for c in tile_starts(extents[2], patch[2], overlap)
    ]
    at_once = _TILES.get(device.type, 1)
    network.eval()
    with torch.inference_mode():
        for first in range(0, len(places), at_once):
            if stop is not None:
                stop()
            chosen = places[first : first + at_once]
            tiles = np.stack([_tile(image, place, patch, flat=flat) for place in chosen])
            answers = _logits(network, tiles, flat=flat, device=device, flips=flips)
            for place, answer in zip(chosen, answers, strict=True):
                _add(total, weight, answer, weights, place)
    return np.where(weight > 0, total / np.maximum(weight, 1e-12), np.float32(OUTSIDE_LOGIT)).astype(np.float32)


def _tile(image: Image, start: tuple[int, int, int], patch: tuple[int, int, int], *, flat: bool) -> Image:
    """Return (channels, *patch) cut out at `start`, continued at the borders by their own values."""
    begin = (start[0] - patch[0] // 2, start[1], start[2]) if flat else start
    index = [
        np.clip(np.arange(a, a + n), 0, extent - 1) for a, n, extent in zip(begin, patch, image.shape[1:], strict=True)
    ]
    rows, columns = index[1], index[2]
    part = image[:, index[0]]
    if rows[0] + len(rows) - 1 == rows[-1] and columns[0] + len(columns) - 1 == columns[-1]:
        return np.asarray(part[:, :, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
    return np.asarray(part[:, :, rows][:, :, :, columns])


def to_network(images: Tensor, *, flat: bool) -> Tensor:
    """Return patches as the network wants them: 2-D networks get (N, channels x planes, rows, columns)."""
    return images.flatten(1, 2) if flat else images


def _logits(
    network: nn.Module, tiles: NDArray[np.float32], *, flat: bool, device: torch.device, flips: bool
) -> NDArray[np.float32]:
    x = to_network(torch.from_numpy(tiles), flat=flat).to(device)
    axes = list(range(2, x.ndim))
    variants: list[list[int]] = [[]]
    if flips:
        variants += [[a] for a in axes] + [axes]
    answer = torch.stack([network(x.flip(v)).flip(v) if v else network(x) for v in variants]).mean(0)
    result: NDArray[np.float32] = answer.float().cpu().numpy()
    return result if flat else result[:, 0]


def _add(total: Image, weight: Image, answer: Image, weights: Image, start: tuple[int, int, int]) -> None:
    here, there = [], []
    for a, n, extent in zip(start, answer.shape, total.shape, strict=True):
        low, high = max(a, 0), min(a + n, extent)
        here.append(slice(low, high))
        there.append(slice(low - a, high - a))
    to, of = (here[0], here[1], here[2]), (there[0], there[1], there[2])
    total[to] += answer[of] * weights[of]
    weight[to] += weights[of]
