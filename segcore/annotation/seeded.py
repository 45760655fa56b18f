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
FloatArray = NDArray[np.float64]
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
    """Give each voxel to the stroke that reaches it over the lowest steps between neighbours.

    That is a minimum spanning forest rooted in the strokes (Cousty et al. 2009, doi:10.1109/TPAMI.2008.173): a watershed
    whose border lies between voxels, where one of the gradient would put it a voxel to either side.
    """
    from scipy import sparse  # noqa: PLC0415 - half a second that the start of the window must not pay
    from scipy.sparse.csgraph import connected_components, minimum_spanning_tree  # noqa: PLC0415 - see above

    marks = around.seeds.ravel().copy()
    if around.prior is not None:  # what the model is sure of counts as a stroke
        known = around.prior.ravel()
        marks[(marks == 0) & (known > 0.9)] = INSIDE
        marks[(marks == 0) & (known < 0.1)] = OUTSIDE
    seeded, count = np.flatnonzero(marks), marks.size
    ends, others, rises, _ = _neighbours(around)
    steps = np.abs(rises) / max(float(np.abs(rises).max(initial=0.0)), 1e-6) + _THINNEST
    # One more node, closer to every stroke than anything else: the forest is a tree through it.
    rows = np.concatenate([ends, np.full(seeded.size, count)])
    columns = np.concatenate([others, seeded])
    weights = np.concatenate([steps, np.full(seeded.size, _THINNEST / 10)])
    tree = minimum_spanning_tree(sparse.coo_matrix((weights, (rows, columns)), shape=(count + 1, count + 1)).tocsr())
    _, trees = connected_components(tree[:count, :count], directed=False)
    kind = np.zeros(int(trees.max(initial=0)) + 1, dtype=np.int8)
    kind[trees[seeded]] = marks[seeded]
    return np.asarray((kind[trees] == INSIDE).reshape(around.values.shape), dtype=np.float32)


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
        matrix, right = matrix.astype(np.float32), right.astype(np.float32)
        diagonal = matrix.diagonal()
        scale = sparse.diags((1.0 / np.where(diagonal > 0, diagonal, 1.0)).astype(np.float32))
        found, _ = cg(
            matrix,
            right,
            x0=first.astype(np.float32),
            rtol=_TOLERANCE,
            maxiter=_MOST_ROUNDS,
            M=scale,
            callback=lambda _: check(),
        )
        result[free] = np.clip(found, 0.0, 1.0)
    return np.asarray(result.reshape(shape), dtype=np.float32)


def _laplacian(around: Neighbourhood) -> Any:
    """Return the graph's Laplacian: how easily a walk steps between neighbours, by grey value and distance."""
    from scipy import sparse  # noqa: PLC0415 - see above

    ends, others, rises, lengths = _neighbours(around)
    count, shortest = around.values.size, min(around.spacing)
    weights = (np.exp(-_BETA * (rises / _contrast(around)) ** 2) + _THINNEST) * (shortest / lengths) ** 2
    joined = sparse.coo_matrix((weights, (ends, others)), shape=(count, count)).tocsr()
    joined = joined + joined.T
    return sparse.diags(np.asarray(joined.sum(axis=1)).ravel()).tocsr() - joined


def _neighbours(around: Neighbourhood) -> tuple[NDArray[np.int32], NDArray[np.int32], FloatArray, FloatArray]:
    """Return all pairs of voxels that share a face: both flat indices, how grey values rise, how far they are, mm."""
    index = np.arange(around.values.size, dtype=np.int32).reshape(around.values.shape)
    ends, others, rises, lengths = [], [], [], []
    for axis, step in enumerate(around.spacing):
        rise = np.diff(around.values.astype(np.float64), axis=axis).ravel()
        turned = np.moveaxis(index, axis, 0)
        ends.append(np.moveaxis(turned[:-1], 0, axis).ravel())
        others.append(np.moveaxis(turned[1:], 0, axis).ravel())
        rises.append(rise)
        lengths.append(np.full(rise.size, step))
    return np.concatenate(ends), np.concatenate(others), np.concatenate(rises), np.concatenate(lengths)


def _contrast(around: Neighbourhood) -> float:
    """Return how much grey values differ between inside and outside strokes, at least as much as they vary anyway."""
    inside, outside = around.values[around.seeds == INSIDE], around.values[around.seeds == OUTSIDE]
    spread = float(around.values.std())
    between = abs(float(inside.mean()) - float(outside.mean())) if inside.size and outside.size else 0.0
    return max(between, spread, 1e-6)
