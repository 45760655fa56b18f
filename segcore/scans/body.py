"""Where the body is in a scan: what is more than the air around it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from segcore.geometry import Box
from segcore.scans.volume import Volume

Image = NDArray[np.float32]
#: Body is what lies this share of the range above the darkest value.
_ABOVE_AIR = 0.05


def finite(values: NDArray[Any]) -> Image:
    """Return float32 with NaN and infinities replaced by the darkest finite value, which is air."""
    result = np.array(values, dtype=np.float32)
    if np.issubdtype(values.dtype, np.integer):
        return result
    wrong = ~np.isfinite(result)
    if wrong.any():
        result[wrong] = 0.0 if wrong.all() else result[~wrong].min()
    return result


def air_level(sample: Image) -> float:
    """Return the value above which there is body; the lowest value where that is not clear."""
    low, high = np.percentile(sample, (0.5, 99.5))
    return float(low + _ABOVE_AIR * (high - low)) if high > low else float(np.nextafter(sample.min(), -np.inf))


def body_box(volume: Volume) -> Box:
    """Return the box of what is more than air in any channel, the whole scan where that is not clear."""
    shape = volume.grid.shape
    steps = [max(1, n // 512) for n in shape]
    found: Box | None = None
    for channel in volume.voxels:
        sample = finite(channel[:: steps[0], :: steps[1], :: steps[2]])
        here = Box.around(sample > air_level(sample))
        found = here if found is None or here is None else found.union(here)
    if found is None:
        return Box((0, 0, 0), shape)
    a, b = ([v * s for v, s in zip(end, steps, strict=True)] for end in (found.start, found.stop))
    margin = (1, 2 * steps[1], 2 * steps[2])
    return Box((a[0], a[1], a[2]), (b[0], b[1], b[2])).padded(margin).clipped(shape)
