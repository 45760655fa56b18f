"""Predicting a whole prepared image by overlapping tiles of the size the network was trained on.

Tiles are blended with separable Gaussian weights, so that the sum of the weights is an outer product of three short
vectors: the only arrays of the image's size are the logits themselves and nothing is rounded below float32.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from segcore.inference.preparation import OUTSIDE_LOGIT, Image

Triple = tuple[int, int, int]

#: Tiles per call of the network: more only costs memory on a CPU (measured: batching is 1.24 times slower).
_TILES = {"cpu": 1, "cuda": 16, "mps": 4}
#: A tile whose channels vary less than this is air (or the frame of a photograph): no network needs to look at it.
_UNIFORM = 1e-3


def tile_starts(extent: int, size: int, overlap: float) -> list[int]:
    """Return where tiles begin along one axis so that all is covered; one centred tile where the axis is shorter."""
    if extent <= size:
        return [-((size - extent) // 2)]
    step = max(1, int(size * (1 - overlap)))
    count = -(-(extent - size) // step) + 1
    return [round(i * (extent - size) / (count - 1)) for i in range(count)]


def count_tiles(extents: Triple, patch: Triple, *, flat: bool, overlap: float) -> int:
    """Return how many tiles an image of `extents` takes."""
    planes, rows, columns = (
        len(tile_starts(extent, size, overlap)) for extent, size in zip(extents, patch, strict=True)
    )
    return (extents[0] if flat else planes) * rows * columns


def gaussian_line(size: int) -> NDArray[np.float32]:
    """Return weights (size,) with σ = size / 8 about the middle (Isensee et al. 2021), never 0."""
    if size == 1:
        return np.ones(1, dtype=np.float32)
    offsets = (np.arange(size) - (size - 1) / 2) / (size / 8)
    return np.asarray(np.exp(-0.5 * offsets**2), dtype=np.float32)


def predict_image(
    network: nn.Module,
    image: NDArray[np.floating],
    patch: Triple,
    *,
    flat: bool,
    device: torch.device,
    overlap: float = 0.5,
    flips: bool = False,
    stop: Callable[[], None] | None = None,
    report: Callable[[int, int], None] | None = None,
) -> Image:
    """Return logits (planes, rows, columns) float32 for a prepared image (channels, planes, rows, columns).

    Parameters
    ----------
    image
        float16 or float32, may be memory-mapped: only tiles are read.
    patch
        Extents of a training patch; for `flat` networks the planes are the context.
    overlap
        Share of a tile that its neighbour covers too.
    flips
        Average over mirrored copies along rows and columns (and planes in 3-D).
    stop
        Called before every tile; may raise.
    report
        Called with (done, total) tiles.
    """
    extents = (image.shape[1], image.shape[2], image.shape[3])
    shape = (1, patch[1], patch[2]) if flat else patch
    lines = [gaussian_line(n) for n in shape]
    weights = _outer(lines)
    starts = [tile_starts(n, size, overlap) for n, size in zip(extents, shape, strict=True)]
    if flat:
        starts[0] = list(range(extents[0]))
    places = [(p, r, c) for p in starts[0] for r in starts[1] for c in starts[2]]
    total = np.zeros(extents, dtype=np.float32)
    network.eval()
    done = 0
    for chosen, answers in _answers(network, image, patch, places, flat=flat, device=device, flips=flips, stop=stop):
        for place, answer in zip(chosen, answers, strict=True):
            _add(total, answer * weights, place)
        done += len(chosen)
        if report is not None:
            report(done, len(places))
    for axis, (line, begins, extent) in enumerate(zip(lines, starts, extents, strict=True)):
        total /= _sum_of_lines(line, begins, extent).reshape([-1 if a == axis else 1 for a in range(3)])
    return total


def _answers(
    network: nn.Module,
    image: NDArray[np.floating],
    patch: Triple,
    places: Sequence[Triple],
    *,
    flat: bool,
    device: torch.device,
    flips: bool,
    stop: Callable[[], None] | None,
) -> Iterator[tuple[Sequence[Triple], NDArray[np.float32]]]:
    """Yield groups of places with the logits of their tiles, (n, planes, rows, columns)."""
    at_once = _TILES.get(device.type, 1)
    for first in range(0, len(places), at_once):
        if stop is not None:
            stop()
        chosen = places[first : first + at_once]
        tiles = np.stack([_tile(image, place, patch, flat=flat) for place in chosen])
        shape = (len(chosen), 1 if flat else patch[0], *patch[1:])
        if np.ptp(tiles.reshape(tiles.shape[0], tiles.shape[1], -1), axis=2).max() < _UNIFORM:
            yield chosen, np.full(shape, OUTSIDE_LOGIT, dtype=np.float32)
            continue
        # Inside, not around the loop: a generator that yields under inference mode leaves it on for its caller.
        with torch.inference_mode():
            answers = _logits(network, tiles, flat=flat, device=device, flips=flips)
        yield chosen, answers


def _outer(lines: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    p, r, c = lines
    return np.asarray(p[:, None, None] * r[None, :, None] * c[None, None, :], dtype=np.float32)


def _sum_of_lines(line: NDArray[np.float32], starts: Sequence[int], extent: int) -> NDArray[np.float32]:
    """Return (extent,) sums of the weights that fall on each voxel along one axis."""
    result = np.zeros(extent, dtype=np.float64)
    for start in starts:
        low, high = max(start, 0), min(start + len(line), extent)
        result[low:high] += line[low - start : high - start]
    return result.astype(np.float32)


def _tile(image: NDArray[np.floating], start: Triple, patch: Triple, *, flat: bool) -> Image:
    """Return (channels, *patch) float32 cut out at `start`, continued at the borders by their own values."""
    begin = (start[0] - patch[0] // 2, start[1], start[2]) if flat else start
    spans, margins = [], []
    for a, n, extent in zip(begin, patch, image.shape[1:], strict=True):
        low, high = min(max(a, 0), extent - 1), max(min(a + n, extent), 1)
        spans.append(slice(low, high))
        margins.append((low - a, a + n - high))
    part = np.asarray(image[(slice(None), *spans)], dtype=np.float32)
    if any(before or after for before, after in margins):
        part = np.pad(part, [(0, 0), *margins], mode="edge")
    return part


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
    answer = network(x)
    for variant in variants[1:]:
        answer = answer + network(x.flip(variant)).flip(variant)
    result: NDArray[np.float32] = (answer / len(variants)).float().cpu().numpy()
    return result if flat else result[:, 0]


def _add(total: Image, weighted: Image, start: Triple) -> None:
    here, there = [], []
    for a, n, extent in zip(start, weighted.shape, total.shape, strict=True):
        low, high = max(a, 0), min(a + n, extent)
        here.append(slice(low, high))
        there.append(slice(low - a, high - a))
    total[here[0], here[1], here[2]] += weighted[there[0], there[1], there[2]]
