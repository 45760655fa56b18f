"""Predicting a whole prepared image by overlapping tiles of the size the network was trained on.

Tiles are blended with separable Gaussian weights, so that the sum of the weights is an outer product of three short
vectors: the only arrays of the image's size are the logits themselves and nothing is rounded below float32.

Overlapping tiles are what costs: with half of each covered by its neighbours, a block is computed eight times. Where
lesions are rare, nearly all of that is spent on tissue that no tile takes for a lesion. A *closer look* takes the few
tiles that cover everything first, and of the others only those that show a place where the first ones see something:
there, every voxel gets exactly what all tiles together would have given it.
"""

from __future__ import annotations

import itertools
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
    closer_above: float | None = None,
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
    closer_above
        Logit above which a place is looked at by all tiles; the others are looked at by as few as cover them. None: all
        places by all tiles.
    stop
        Called before every tile; may raise.
    report
        Called with (done, total) tiles; the total is lower in a second call where a closer look needs fewer.
    """
    extents = (image.shape[1], image.shape[2], image.shape[3])
    shape = (1, patch[1], patch[2]) if flat else patch
    starts = [tile_starts(n, size, overlap) for n, size in zip(extents, shape, strict=True)]
    if flat:
        starts[0] = list(range(extents[0]))
    places = _places(starts)
    first = set(_places([*map(covering, starts, shape)])) if closer_above is not None else set(places)
    blend = _Blend(extents, [gaussian_line(n) for n in shape], starts if len(first) == len(places) else None)
    network.eval()
    done = 0

    def look(wanted: Sequence[Triple]) -> None:
        nonlocal done
        answers = _answers(network, image, patch, wanted, flat=flat, device=device, flips=flips, stop=stop)
        for chosen, group in answers:
            for place, answer in zip(chosen, group, strict=True):
                blend.add(answer, place)
            done += len(chosen)
            if report is not None:
                report(done, total)

    total = len(places)
    look([place for place in places if place in first])
    rest = [place for place in places if place not in first]
    if rest and closer_above is not None:
        seen = blend.logits() > closer_above
        rest = [place for place in rest if seen[_inside(place, shape, extents)].any()]
        total = len(first) + len(rest)
        look(rest)
    return blend.logits()


def _places(starts: Sequence[Sequence[int]]) -> list[Triple]:
    return [(plane, row, column) for plane, row, column in itertools.product(*starts)]


def covering(starts: Sequence[int], size: int) -> list[int]:
    """Return some of `starts`, as few as evenly cover all that all of them cover."""
    widest = max((b - a for a, b in itertools.pairwise(starts)), default=size)
    chosen = list(starts[:: max(1, size // widest)])
    return chosen if chosen[-1] == starts[-1] else [*chosen, starts[-1]]


class _Blend:
    """The weighted sum of tiles' logits, and of their weights.

    Parameters
    ----------
    lines
        Weights along each axis of a tile.
    starts
        Where tiles begin along each axis, if all of them are added: the sum of weights is a product of lines then.
    """

    def __init__(
        self, extents: Triple, lines: Sequence[NDArray[np.float32]], starts: Sequence[Sequence[int]] | None
    ) -> None:
        self._weights, self._lines, self._starts = _outer(lines), lines, starts
        self._total = np.zeros(extents, dtype=np.float32)
        self._sum = np.zeros(extents, dtype=np.float32) if starts is None else None

    def add(self, logits: NDArray[np.float32], start: Triple) -> None:
        """Take in a tile's logits."""
        _add(self._total, logits * self._weights, start)
        if self._sum is not None:
            _add(self._sum, self._weights, start)

    def logits(self) -> Image:
        """Return the weighted mean; where all tiles are added it is made in place, once."""
        if self._sum is not None:
            return np.asarray(self._total / self._sum, dtype=np.float32)
        for axis, (line, begins, extent) in enumerate(
            zip(self._lines, self._starts or (), self._total.shape, strict=True)
        ):
            along = [-1 if a == axis else 1 for a in range(3)]
            self._total /= _sum_of_lines(line, begins, extent).reshape(along)
        return self._total


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


def _inside(start: Triple, size: Sequence[int], extents: Triple) -> tuple[slice, slice, slice]:
    """Return the part of an image that a tile covers."""
    p, r, c = (slice(max(a, 0), min(a + n, extent)) for a, n, extent in zip(start, size, extents, strict=True))
    return p, r, c


def _add(total: Image, weighted: Image, start: Triple) -> None:
    here = _inside(start, weighted.shape, (total.shape[0], total.shape[1], total.shape[2]))
    there = tuple(slice(span.start - a, span.stop - a) for span, a in zip(here, start, strict=True))
    total[here] += weighted[there]
