"""Connected components of the foreground: what the project calls lesions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segcore.geometry import Box
from segcore.scans.volume import Labels

Components = NDArray[np.int32]
#: Voxels that are looked at at a time.
_PIECE = 1 << 18


def box_of(labels: Labels, value: int) -> Box | None:
    """Return the bounding box of the voxels of one label, or None where there are none; nothing is copied."""
    box: Box | None = None
    planes, rows, columns = labels.shape
    step = max(1, _PIECE // columns)
    for plane in range(planes):
        for top in range(0, rows, step):
            piece = labels[plane, top : top + step]
            inner = Box.around((piece == value)[None]) if piece.max() else None
            if inner is not None:
                (_, first, left), (_, last, right) = inner.start, inner.stop
                found = Box((plane, top + first, left), (plane + 1, top + last, right))
                box = found if box is None else box.union(found)
    return box


def label_lesions(foreground: NDArray[np.bool_]) -> tuple[Components, int]:
    """Return the components of `foreground`, 26-connected in 3-D and 8-connected in one plane.

    Parameters
    ----------
    foreground
        (planes, rows, columns) flags.

    Returns
    -------
    components, count
        (planes, rows, columns) int32, 0 where there is none, else 1..count.
    """
    from scipy import ndimage  # noqa: PLC0415 - half a second that the start of the window must not pay

    result = np.zeros(foreground.shape, dtype=np.int32)
    box = Box.around(foreground)
    if box is None:
        return result, 0
    count = ndimage.label(foreground[box.slices], structure=np.ones((3, 3, 3)), output=result[box.slices])
    return result, int(count)


def count_lesions(foreground: NDArray[np.bool_]) -> int:
    """Return the number of components; see `label_lesions`. Works on the bounding box only."""
    from scipy import ndimage  # noqa: PLC0415 - see above

    box = Box.around(foreground)
    if box is None:
        return 0
    _, count = ndimage.label(foreground[box.slices], structure=np.ones((3, 3, 3)))
    return int(count)
