"""Level tracing: the closed contour of one grey value around or through a place of a slice."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Contours are looked for this far around the place first; as often doubled as the contour leaves the window.
_REACH = 32


def level_trace(image: NDArray[Any], place: tuple[int, int], furthest: int | None = None) -> NDArray[np.float64] | None:
    """Return the contour through the grey value of a pixel that passes nearest to it.

    Parameters
    ----------
    image
        (rows, columns) of one channel, any real type.
    place
        (row, column).
    furthest
        Look no further than so many pixels around the place: a contour that leaves it is not looked for, so that the
        answer follows the mouse. None looks everywhere.

    Returns
    -------
    contour
        (n, 2) rows and columns, closed (the edge of the image closes what leaves it), or None where there is no
        contour: too far away, outside, on a voxel that is no number, or where everything has the same value.
    """
    rows, columns = image.shape
    if not (0 <= place[0] < rows and 0 <= place[1] < columns) or not np.isfinite(float(image[place])):
        return None
    reach = _REACH
    while True:
        low = (max(0, place[0] - reach), max(0, place[1] - reach))
        high = (min(rows, place[0] + reach + 1), min(columns, place[1] + reach + 1))
        whole = low == (0, 0) and high == (rows, columns)
        contour = _nearest(image[low[0] : high[0], low[1] : high[1]], (place[0] - low[0], place[1] - low[1]), whole)
        if contour is not None:
            return contour + np.array(low, dtype=np.float64)
        if whole or (furthest is not None and reach >= furthest):
            return None
        reach *= 2


def _nearest(window: NDArray[Any], place: tuple[int, int], whole: bool) -> NDArray[np.float64] | None:
    """Return the contour nearest to a pixel; None where it leaves a window that is not the whole image."""
    from skimage.measure import find_contours  # noqa: PLC0415 - the start of the window must not pay for it

    values = np.asarray(window, dtype=np.float64)
    lowest, highest = float(np.nanmin(values)), float(np.nanmax(values))
    if lowest == highest:
        return None
    # A hair below the value itself: a plateau of just that value has a contour then, and belongs to its inside. At the
    # lowest value, where nothing is darker, the contour is that of what is brighter.
    hair = 1e-6 * (highest - lowest)
    level = float(values[place]) - hair
    if level < lowest:
        level = lowest + hair
    # A dark frame around the window closes contours at the edge, where they would end.
    framed = np.pad(np.nan_to_num(values, nan=lowest), 1, constant_values=lowest - 1.0)
    contours = find_contours(framed, level)
    if not contours:
        return None
    at = np.array(place, dtype=np.float64) + 1.0
    # All at once: noise makes thousands of contours, and one by one they would cost more than finding them.
    distances = ((np.concatenate(contours) - at) ** 2).sum(axis=1)
    ends = np.cumsum([len(line) for line in contours])
    nearest = contours[int(np.searchsorted(ends, distances.argmin(), side="right"))]
    inner = np.clip(nearest - 1.0, 0.0, np.array(window.shape) - 1.0)
    if not whole and _touches_frame(nearest, window.shape):
        return None
    return np.asarray(inner, dtype=np.float64)


def _touches_frame(line: NDArray[np.float64], shape: tuple[int, ...]) -> bool:
    rows, columns = shape[0], shape[1]
    outside = (line[:, 0] < 1) | (line[:, 0] > rows) | (line[:, 1] < 1) | (line[:, 1] > columns)
    return bool(outside.any())
