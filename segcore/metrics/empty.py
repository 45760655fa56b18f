"""What every number means where a mask is empty, stated once and shown beside the numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable

CONVENTIONS = (
    "Reference and prediction both empty: Dice, IoU, MCC, precision, recall, lesion F1, panoptic quality, HD95, ASSD and "
    "NSD are undefined and left out of means, the BraTS lesion-wise Dice is 1; the case counts as a true negative.",
    "Reference empty, prediction not: Dice, IoU and BraTS lesion-wise Dice are 0 and count; cell Dice is undefined.",
    "Prediction empty, reference not: Dice, IoU and recall are 0, HD95 and ASSD are the scan's diagonal, NSD is 0.",
    "Unlabelled voxels are left out of every number. Lesions are 26-connected (8 in 2-D) and match by any overlap; "
    "'iou' and panoptic quality match one to one from IoU 0.5; BraTS 2023 merges lesions within 3 dilations and leaves "
    "out those up to 50 mm³.",
)


def mean_of_defined(values: Iterable[float]) -> float:
    """Return the mean of the values that are not NaN; NaN where none is."""
    defined = [value for value in values if not math.isnan(value)]
    return sum(defined) / len(defined) if defined else math.nan
