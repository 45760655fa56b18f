"""From a scan as it is to what a network sees, and back: crop to the body, resample, normalise.

The same code prepares training cases and new scans, and its settings travel with the model.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from segcore.errors import SettingProblem
from segcore.geometry import Box, resampled_shape
from segcore.inference.prepared_grid import Placement as Placement
from segcore.inference.prepared_grid import Preparation as Preparation
from segcore.scans.body import air_level, body_box, finite
from segcore.scans.components import label_lesions
from segcore.scans.volume import FOREGROUND, UNLABELLED, Labels, Volume

Image = NDArray[np.float32]
#: Logit given to voxels outside the body, where no network looked.
OUTSIDE_LOGIT = -12.0
#: Normalised values are clipped to this many standard deviations.
_CLIP = 8.0
#: Voxels that statistics are taken from, at most (about).
_SAMPLE = 2_000_000


def prepare_volume(volume: Volume, preparation: Preparation, keep: Box | None = None) -> tuple[Image, Placement]:
    """Return the normalised image (channels, planes, rows, columns) float32 and where it lies.

    Parameters
    ----------
    volume
        In canonical axis order.
    keep
        A box that must stay inside the crop (the foreground, in training).

    Raises
    ------
    SettingProblem
        If the scan has other channels than the preparation.
    """
    order = channel_order(volume.channels, preparation.channels)
    shape = volume.grid.shape
    box = body_box(volume)
    if keep is not None:
        box = box.union(keep)
    placement = Placement(
        scan_shape=shape,
        box=box,
        shape=resampled_shape(box, volume.grid, spacing=preparation.spacing, shrink=preparation.shrink),
        shrink=preparation.shrink,
    )
    image = np.empty((len(order), *placement.shape), dtype=np.float32)
    for number, channel in enumerate(order):
        cut = _normalised(finite(volume.voxels[(channel, *box.slices)]))
        image[number] = _shrunk(cut, preparation.shrink) if preparation.shrink > 1 else resampled(cut, placement.shape)
    return image, placement


def channel_order(there: Sequence[str], wanted: Sequence[str]) -> tuple[int, ...]:
    """Return where each wanted channel is among those that are there, by name; a single channel may have any name.

    Raises
    ------
    SettingProblem
        If the channels are others, naming the difference.
    """
    if len(there) == len(wanted) == 1:
        return (0,)
    if sorted(there) == sorted(wanted):
        return tuple(there.index(name) for name in wanted)
    missing = [name for name in wanted if name not in there]
    extra = [name for name in there if name not in wanted]
    facts = [f"{', '.join(missing)} missing"] * bool(missing) + [f"{', '.join(extra)} not known to it"] * bool(extra)
    raise SettingProblem(
        f"the scan has other channels ({', '.join(there)}) than the model was trained on ({', '.join(wanted)}): "
        f"{'; '.join(facts)}",
        remedy="give it the same channels",
    )


def _thinned(values: NDArray[Any]) -> Image:
    """Return every n-th voxel along each axis, so that about `_SAMPLE` are left."""
    step = max(1, math.ceil((values.size / _SAMPLE) ** (1 / 3)))
    return finite(values[tuple(slice(None, None, step if n >= 2 * step else 1) for n in values.shape)])


def _normalised(values: Image) -> Image:
    """Return the z-score over the body (what is more than air), clipped at ±8 standard deviations; changes `values`."""
    sample = _thinned(values)
    body = sample[sample > air_level(sample)]
    kept = np.clip(body, *np.percentile(body, (0.5, 99.5))) if body.size else sample
    values -= np.float32(kept.mean(dtype=np.float64))
    values /= np.float32(kept.std(dtype=np.float64)) or np.float32(1.0)
    return np.clip(values, -_CLIP, _CLIP, out=values)


def _shrunk(values: Image, factor: int) -> Image:
    rows, columns = (-values.shape[1]) % factor, (-values.shape[2]) % factor
    padded = np.pad(values, ((0, 0), (0, rows), (0, columns)), mode="edge")
    blocks = padded.reshape(padded.shape[0], padded.shape[1] // factor, factor, padded.shape[2] // factor, factor)
    return np.asarray(blocks.mean(axis=(2, 4)), dtype=np.float32)


def resampled(values: Image, shape: tuple[int, int, int]) -> Image:
    """Return `values` (planes, rows, columns) on a grid of `shape`: means along shrinking axes, linear along others."""
    if values.shape == shape:
        return values
    whole = torch.from_numpy(values)[None, None]
    fewer = [min(n, target) for n, target in zip(values.shape, shape, strict=True)]
    if fewer != list(values.shape):
        whole = functional.interpolate(whole, size=fewer, mode="area")
    if fewer != list(shape):
        whole = functional.interpolate(whole, size=list(shape), mode="trilinear", align_corners=False)
    return np.asarray(whole[0, 0].numpy())


def prepare_labels(labels: Labels, placement: Placement, preparation: Preparation) -> tuple[Labels, int]:
    """Return the labels on the prepared grid, and how many lesions would have vanished.

    A lesion too small for the coarser grid is kept as the one voxel nearest to its middle, so that none vanishes.
    """
    cut = np.ascontiguousarray(labels[placement.box.slices])
    if cut.shape == placement.shape:
        return cut, 0
    if preparation.shrink > 1:
        return _shrunk_labels(cut, preparation.shrink)
    share = resampled((cut == FOREGROUND).astype(np.float32), placement.shape)
    result: Labels = (share >= 0.5).astype(np.uint8)
    vanished = _keep_small(cut, result)
    unknown = torch.from_numpy((cut == UNLABELLED).astype(np.float32))[None, None]
    hidden = functional.interpolate(unknown, size=placement.shape, mode="nearest")[0, 0].numpy() > 0
    result[hidden & (result == 0)] = UNLABELLED
    return result, vanished


def _shrunk_labels(cut: Labels, factor: int) -> tuple[Labels, int]:
    rows, columns = (-cut.shape[1]) % factor, (-cut.shape[2]) % factor
    padded = np.pad(cut, ((0, 0), (0, rows), (0, columns)))
    blocks = padded.reshape(padded.shape[0], padded.shape[1] // factor, factor, padded.shape[2] // factor, factor)
    front = (blocks == FOREGROUND).mean(axis=(2, 4))
    unknown = (blocks == UNLABELLED).any(axis=(2, 4))
    result: Labels = (front >= 0.5).astype(np.uint8)
    result[(front == 0) & unknown] = UNLABELLED
    return result, _keep_small(cut, result)


def _keep_small(cut: Labels, result: Labels) -> int:
    """Put back one voxel for each lesion that has none left in `result`; returns how many."""
    components, count = label_lesions(cut == FOREGROUND)
    if not count:
        return 0
    where = np.argwhere(components)
    owner = components[tuple(where.T)]
    scale = np.array(result.shape) / np.array(cut.shape)  # a fraction of a voxel off where a shrunk edge was padded
    there = np.minimum(((where + 0.5) * scale).astype(int), np.array(result.shape) - 1)
    survived = np.zeros(count + 1, dtype=bool)
    np.logical_or.at(survived, owner, result[tuple(there.T)] == FOREGROUND)
    lost = np.flatnonzero(~survived[1:]) + 1
    for lesion in lost:
        middle = there[owner == lesion].mean(axis=0).round().astype(int)
        result[tuple(middle)] = FOREGROUND
    return len(lost)


def restore_logits(logits: Image, placement: Placement) -> Image:
    """Return logits on the scan's own grid (planes, rows, columns) float32; outside the crop `OUTSIDE_LOGIT`."""
    shape = placement.box.shape
    if placement.shrink > 1:
        p, r, c = logits.shape
        whole = resampled(logits, (p, r * placement.shrink, c * placement.shrink))
        logits = whole[:, : shape[1], : shape[2]]  # the last blocks were padded
    logits = resampled(logits, shape)
    if shape == placement.scan_shape:
        return logits
    result = np.full(placement.scan_shape, OUTSIDE_LOGIT, dtype=np.float32)
    result[placement.box.slices] = logits
    return result
