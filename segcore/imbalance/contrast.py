"""How far the intensity alone tells foreground from background within a scan."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from segcore.scans.volume import BACKGROUND, FOREGROUND, Labels, Mask, Volume

#: Voxels drawn of each kind; the standard error of the area is then below 0.01.
_SAMPLE = 4000
#: So many voxels are tried for each that is wanted, before all are looked at.
_TRIES = 8


def contrast_auc(volume: Volume, mask: Mask, *, seed: int = 0) -> float:
    """Return the area under the ROC curve of the best channel's intensity, bright or dark, 0.5..1.

    Measured on voxels drawn at random from the foreground and from the background above the scan's minimum (the air
    around a patient is told from a lesion by any threshold, so it says nothing). NaN without either.

    Parameters
    ----------
    volume, mask
        On the same grid.
    seed
        Of the drawing.
    """
    rng = np.random.default_rng(seed)
    front = _drawn(np.flatnonzero(mask.labels == FOREGROUND), rng)
    areas = []
    for channel in volume.voxels:
        flat = channel.reshape(-1) if channel.flags.c_contiguous else channel.ravel()
        back = _background(mask.labels.reshape(-1), flat, rng)
        if front.size and back.size:
            area = area_under_roc(flat[front].astype(np.float64), flat[back].astype(np.float64))
            areas.append(max(area, 1 - area))
    return max(areas) if areas else math.nan


def _background(labels: Labels, values: NDArray[np.generic], rng: np.random.Generator) -> NDArray[np.intp]:
    """Return voxels drawn from the background above the minimum, both flat: by trial, or one by one where that is rare."""
    lowest = values.min()
    tries = rng.integers(labels.size, size=_TRIES * _SAMPLE)
    hits = np.unique(tries[(labels[tries] == BACKGROUND) & (values[tries] > lowest)])
    if hits.size >= _SAMPLE:
        return rng.permutation(hits)[:_SAMPLE]
    return _drawn(np.flatnonzero((labels == BACKGROUND) & (values > lowest)), rng)


def _drawn(places: NDArray[np.intp], rng: np.random.Generator) -> NDArray[np.intp]:
    return places if places.size <= _SAMPLE else rng.choice(places, _SAMPLE, replace=False)


def area_under_roc(positive: NDArray[np.float64], negative: NDArray[np.float64]) -> float:
    """Return P(positive > negative) + ½ P(equal): the Mann–Whitney statistic over the number of pairs."""
    ordered = np.sort(negative)
    below = np.searchsorted(ordered, positive, side="left")
    not_above = np.searchsorted(ordered, positive, side="right")
    return float((below + not_above).sum() / (2 * positive.size * negative.size))
