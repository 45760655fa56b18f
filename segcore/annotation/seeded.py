"""From a few strokes inside and outside a lesion to the lesion: random walker and growing from seeds.

The random walker (Grady 2006, doi:10.1109/TPAMI.2006.233) gives each voxel the probability that a walk from it, which
avoids edges, meets an inside stroke first. A model's probabilities join it as a prior on every voxel (Grady 2005,
doi:10.1109/CVPR.2005.239), so that a few strokes correct a prediction where they are and leave it alone elsewhere.
Written anew here because scikit-image's knows neither priors nor cancelling.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segcore.errors import SettingProblem
from segcore.geometry import Box

Seeds = NDArray[np.int8]
Probability = NDArray[np.float32]
#: Values of a seed array.
INSIDE, OUTSIDE = 1, -1

#: More voxels than this would keep a person waiting.
MOST_VOXELS = 3_000_000
#: Sharpness of edges: a step as high as the contrast between the strokes is as good as a wall.
_BETA = 40.0
_THINNEST = 1e-5
#: How strongly a prior pulls, against a neighbour of equal grey.
_PULL = 0.02
_TOLERANCE, _MOST_ROUNDS = 1e-3, 800


class SeedMethod(StrEnum):
    """How strokes become a lesion."""

    WALKER = "random walker"
    GROWING = "grow from seeds"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Neighbourhood:
    """The part of a scan that strokes speak about.

    Parameters
    ----------
    box
        Where.
    values
        (planes, rows, columns) float32 of one channel.
    seeds
        `INSIDE`, `OUTSIDE` or 0 of ``box.shape``.
    spacing
        mm; an axis of one voxel does not matter.
    prior
        Probability of foreground by a model, 0..1, of ``box.shape``; None without a model.
    """

    box: Box
    values: NDArray[np.float32]
    seeds: Seeds
    spacing: tuple[float, float, float]
    prior: Probability | None = None


def neighbourhood(
    voxels: NDArray[Any],
    seeds: Seeds,
    seeded: Box,
    spacing: tuple[float, float, float],
    *,
    axis: int | None = None,
    margin_mm: float = 10.0,
    prior: Callable[[Box], Probability] | None = None,
) -> Neighbourhood:
    """Cut the neighbourhood of some seeds out of a scan.

    Without a stroke outside and without a prior, the edge of the neighbourhood counts as outside.

    Parameters
    ----------
    seeds, seeded
        Seeds inside the box `seeded`, of its shape.
    axis
        Only the slices with seeds, perpendicular to this axis; None goes through planes.
    margin_mm
        How far around the seeds, at least; half their extent where that is more.

    Raises
    ------
    SettingProblem
        If there is no stroke inside, or the neighbourhood is too large.
    """
    if not (seeds == INSIDE).any():
        raise SettingProblem("there is no stroke inside a lesion", remedy="draw one inside, then one outside")
    room = [max(int(np.ceil(margin_mm / step)), n // 2, 3) for step, n in zip(spacing, seeded.shape, strict=True)]
    if axis is not None:
        room[axis] = 0
    box = seeded.padded((room[0], room[1], room[2])).clipped((voxels.shape[0], voxels.shape[1], voxels.shape[2]))
    if np.prod(box.shape) > MOST_VOXELS:
        raise SettingProblem("the strokes lie too far apart", remedy="do one lesion at a time")
    wide = np.zeros(box.shape, dtype=np.int8)
    inner = tuple(slice(a - s, b - s) for a, b, s in zip(seeded.start, seeded.stop, box.start, strict=True))
    wide[inner] = seeds
    known = prior(box) if prior is not None else None
    if known is None and not (wide == OUTSIDE).any():
        _seed_the_edge(wide, [a for a in range(3) if a != axis])
    values = np.nan_to_num(np.asarray(voxels[box.slices], dtype=np.float32))
    return Neighbourhood(box=box, values=values, seeds=wide, spacing=spacing, prior=known)


def _seed_the_edge(seeds: Seeds, axes: list[int]) -> None:
    for axis in axes:
        if seeds.shape[axis] < 3:
            continue
        turned = np.moveaxis(seeds, axis, 0)
        for edge in (turned[0], turned[-1]):
            edge[edge == 0] = OUTSIDE


def lesion_probability(around: Neighbourhood, method: SeedMethod, check: Callable[[], None]) -> Probability:
    """Return the probability that a voxel belongs to what the inside strokes mark.

    Parameters
    ----------
    check
        Called often; raises to cancel.
    """
    check()
    found = _grow(around) if method is SeedMethod.GROWING else _walk(around, check)
    check()
    found[around.seeds == INSIDE] = 1.0
    found[around.seeds == OUTSIDE] = 0.0
    return found


def _grow(around: Neighbourhood) -> Probability:
    """Flood from the strokes, the flattest places first (a watershed of the gradient)."""
    from scipy import ndimage  # noqa: PLC0415 - half a second that the start of the window must not pay
    from skimage.segmentation import watershed  # noqa: PLC0415 - see above

    steep: Any = np.zeros(around.values.shape, dtype=np.float32)
    for axis, step in enumerate(around.spacing):
        if around.values.shape[axis] > 1:
            steep = steep + (ndimage.sobel(around.values, axis=axis) / step) ** 2
    markers = np.where(around.seeds == OUTSIDE, 2, around.seeds).astype(np.int32)
    if around.prior is not None:  # what the model is sure of counts as a stroke
        markers[(markers == 0) & (around.prior > 0.9)] = 1
        markers[(markers == 0) & (around.prior < 0.1)] = 2
    regions = watershed(np.sqrt(steep), markers)
    return np.asarray(regions == 1, dtype=np.float32)


def _walk(around: Neighbourhood, check: Callable[[], None]) -> Probability:
    from scipy import sparse  # noqa: PLC0415 - see above
    from scipy.sparse.linalg import cg  # noqa: PLC0415 - see above

    seeds, shape = around.seeds.ravel(), around.values.shape
    laplacian = _laplacian(around)
    check()
    free = np.flatnonzero(seeds == 0)
    result = (seeds == INSIDE).astype(np.float64)
    if free.size:
        rows = laplacian[free]
        matrix, right = rows[:, free], -(rows @ result)
        # Begun where growing from the seeds ends: on plateaus that is the answer already, and only edges are left
        # (measured: a third of the rounds).
        begin = around.prior if around.prior is not None else _grow(around)
        first = begin.ravel()[free].astype(np.float64)
        check()
        if around.prior is not None:
            matrix = matrix + sparse.identity(free.size, format="csr") * _PULL
            right = right + _PULL * first
        diagonal = matrix.diagonal()
        scale = sparse.diags(1.0 / np.where(diagonal > 0, diagonal, 1.0))
        found, _ = cg(
            matrix, right, x0=first, rtol=_TOLERANCE, maxiter=_MOST_ROUNDS, M=scale, callback=lambda _: check()
        )
        result[free] = np.clip(found, 0.0, 1.0)
    return np.asarray(result.reshape(shape), dtype=np.float32)


def _laplacian(around: Neighbourhood) -> Any:
    """Return the graph's Laplacian: how easily a walk steps between neighbours, by grey value and distance."""
    from scipy import sparse  # noqa: PLC0415 - see above

    values, count = around.values.astype(np.float64), around.values.size
    index = np.arange(count, dtype=np.int32).reshape(values.shape)
    contrast, shortest = _contrast(around), min(around.spacing)
    ends: list[NDArray[np.int32]] = []
    others: list[NDArray[np.int32]] = []
    weights: list[NDArray[np.float64]] = []
    for axis, step in enumerate(around.spacing):
        if values.shape[axis] < 2:
            continue
        rise = np.diff(values, axis=axis).ravel() / contrast
        weights.append((np.exp(-_BETA * rise**2) + _THINNEST) * (shortest / step) ** 2)
        turned = np.moveaxis(index, axis, 0)
        ends.append(np.moveaxis(turned[:-1], 0, axis).ravel())
        others.append(np.moveaxis(turned[1:], 0, axis).ravel())
    if not weights:
        return sparse.csr_matrix((count, count))
    a, b, w = np.concatenate(ends), np.concatenate(others), np.concatenate(weights)
    joined = sparse.coo_matrix((w, (a, b)), shape=(count, count)).tocsr()
    joined = joined + joined.T
    return sparse.diags(np.asarray(joined.sum(axis=1)).ravel()).tocsr() - joined


def _contrast(around: Neighbourhood) -> float:
    """Return how much grey values differ between inside and outside strokes, at least as much as they vary anyway."""
    inside, outside = around.values[around.seeds == INSIDE], around.values[around.seeds == OUTSIDE]
    spread = float(around.values.std())
    between = abs(float(inside.mean()) - float(outside.mean())) if inside.size and outside.size else 0.0
    return max(between, spread, 1e-6)
