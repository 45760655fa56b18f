"""What every number means where a mask is empty, stated once and shown beside the numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable

CONVENTIONS = (
    "Reference and prediction both empty: Dice, IoU, precision, recall, lesion F1, HD95 and NSD are undefined and left "
    "out of means; the case counts as a true negative.",
    "Reference empty, prediction not: Dice and IoU are 0 and count.",
    "Prediction empty, reference not: Dice, IoU and recall are 0, HD95 is the scan's diagonal, NSD is 0.",
    "Unlabelled voxels are left out of every number. Lesions match by any overlap, 26-connected (8 in 2-D).",
)


def mean_of_defined(values: Iterable[float]) -> float:
    """Return the mean of the values that are not NaN; NaN where none is."""
    defined = [value for value in values if not math.isnan(value)]
    return sum(defined) / len(defined) if defined else math.nan
