"""Livewire: the path along edges from one place of a slice to another.

The path is the cheapest way through a window of the slice, where steps along strong edges cost little (Mortensen and
Barrett 1995, doi:10.1145/218380.218442). The ways from an anchor to everywhere near it are found once; each move of the
mouse then only reads one of them off.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Place = tuple[int, int]

#: How far the search reaches around an anchor, pixels; it doubles up to the furthest, beyond which a path is straight.
_REACH, _FURTHEST = 64, 256
#: Cost of a step along the strongest edge, against 1 where there is none.
_LEAST = 0.02
#: Widths of the Gaussian whose derivative finds edges, pixels.
_SIGMA = 1.0


class Livewire:
    """Paths from an anchor on one slice.

    Parameters
    ----------
    image
        (rows, columns) of one channel, any real type; only windows of it are read.
    spacing
        Of rows and columns, mm: a step costs what it is long.
    """

    def __init__(self, image: NDArray[Any], spacing: tuple[float, float]) -> None:
        self._image = image
        least = min(spacing)
        self._sampling = (spacing[0] / least, spacing[1] / least)
        self._anchor: Place = (0, 0)
        self._reach = 0
        self._corner: Place = (0, 0)
        self._ways: Any = None

    def start(self, anchor: Place) -> None:
        """Begin paths at another place (moved into the slice)."""
        self._anchor = self._inside(anchor)
        self._search(_REACH)

    def path_to(self, place: Place) -> list[Place]:
        """Return the pixels from the anchor to a place (moved into the slice), both included; straight where far."""
        goal = self._inside(place)
        distance = max(abs(a - b) for a, b in zip(goal, self._anchor, strict=True))
        if distance >= _FURTHEST:
            return [self._anchor, goal]
        while distance >= self._reach:
            self._search(self._reach * 2)
        at = (goal[0] - self._corner[0], goal[1] - self._corner[1])
        return [(r + self._corner[0], c + self._corner[1]) for r, c in self._ways.traceback(at)]

    def _inside(self, place: Place) -> Place:
        row, column = (min(max(v, 0), n - 1) for v, n in zip(place, self._image.shape, strict=True))
        return (row, column)

    def _search(self, reach: int) -> None:
        from skimage.graph import MCP_Geometric  # noqa: PLC0415 - the start of the window must not pay for it

        self._reach = reach
        low = [max(0, a - reach) for a in self._anchor]
        high = [min(n, a + reach + 1) for a, n in zip(self._anchor, self._image.shape, strict=True)]
        self._corner = (low[0], low[1])
        costs = _LEAST + 1.0 - edge_strength(self._image[low[0] : high[0], low[1] : high[1]], self._sampling)
        self._ways = MCP_Geometric(costs, sampling=self._sampling)
        self._ways.find_costs([(self._anchor[0] - low[0], self._anchor[1] - low[1])])


def edge_strength(image: NDArray[Any], sampling: tuple[float, float] = (1.0, 1.0)) -> NDArray[np.float64]:
    """Return how strong the edge at each pixel is, 0 (none) to 1 (the strongest of the image)."""
    from scipy import ndimage  # noqa: PLC0415 - see above

    values = np.nan_to_num(np.asarray(image, dtype=np.float64))
    sigmas = [_SIGMA / step for step in sampling]
    squares = sum(
        (ndimage.gaussian_filter(values, sigmas, order=order) / step) ** 2 for order, step in _along(sampling)
    )
    strength: NDArray[np.float64] = np.sqrt(squares)
    strongest = float(strength.max(initial=0.0))
    return strength / strongest if strongest > 0 else strength


def _along(sampling: tuple[float, float]) -> tuple[tuple[tuple[int, int], float], ...]:
    return (((1, 0), sampling[0]), ((0, 1), sampling[1]))
