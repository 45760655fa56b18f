"""From a scan as it is to what a network sees, and back: crop to the body, resample, normalise.

The same code prepares training cases and new scans, and its settings travel with the model.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from segcore.errors import SettingProblem
from segcore.geometry import Box, Grid
from segcore.scans.components import label_lesions
from segcore.scans.volume import FOREGROUND, UNLABELLED, Labels, Volume

Image = NDArray[np.float32]
#: Logit given to voxels outside the body, where no network looked.
OUTSIDE_LOGIT = -12.0
#: Spacings within this ratio of the target are left as they are.
_SAME_SPACING = 1.05
_CLIP = 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Preparation:
    """How scans are prepared.

    Parameters
    ----------
    channels
        Names, in order.
    spacing
        Target (plane, row, column), mm; None leaves scans as they are.
    shrink
        Rows and columns are averaged over blocks of this many voxels (for photographs larger than their lesions need).
    """

    channels: tuple[str, ...]
    spacing: tuple[float, float, float] | None
    shrink: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where a prepared image lies in its scan: the box that was cut out, and the shape it was resampled to."""

    scan_shape: tuple[int, int, int]
    box: Box
    shape: tuple[int, int, int]


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
    if len(volume.channels) != len(preparation.channels):
        raise SettingProblem(
            f"the scan has {len(volume.channels)} channels ({', '.join(volume.channels)}) and the model wants "
            f"{len(preparation.channels)} ({', '.join(preparation.channels)})",
            remedy="give it the same channels, in the same order",
        )
    shape = volume.grid.shape
    box = body_box(volume)
    if keep is not None:
        box = box.union(keep)
    placement = Placement(scan_shape=shape, box=box, shape=_target_shape(box, volume.grid, preparation))
    channels = []
    for number in range(len(volume.channels)):
        cut = np.asarray(volume.voxels[(number, *box.slices)], dtype=np.float32)
        cut = _normalised(np.nan_to_num(cut, nan=0.0, posinf=0.0, neginf=0.0))
        channels.append(
            _shrunk(cut, preparation.shrink) if preparation.shrink > 1 else _resampled(cut, placement.shape)
        )
    return np.stack(channels), placement


def body_box(volume: Volume) -> Box:
    """Return the box of what is more than air in the first channel, the whole scan where that is not clear."""
    first = np.asarray(volume.voxels[0])
    step = max(1, first.shape[1] // 512)
    sample = np.nan_to_num(first[:, ::step, ::step].astype(np.float32))
    low, high = np.percentile(sample, (0.5, 99.5))
    whole = Box((0, 0, 0), volume.grid.shape)
    if high <= low:
        return whole
    found = Box.around(sample > low + 0.05 * (high - low))
    if found is None:
        return whole
    a, b = found.start, found.stop
    box = Box((a[0], a[1] * step, a[2] * step), (b[0], b[1] * step, b[2] * step))
    return box.padded((1, 2 * step, 2 * step)).clipped(volume.grid.shape)


def _target_shape(box: Box, grid: Grid, preparation: Preparation) -> tuple[int, int, int]:
    p, r, c = box.shape
    if preparation.shrink > 1:
        return (p, math.ceil(r / preparation.shrink), math.ceil(c / preparation.shrink))
    if preparation.spacing is None or not grid.calibrated:
        return box.shape
    target = []
    for extent, here, there in zip(box.shape, grid.spacing, preparation.spacing, strict=True):
        ratio = here / there
        same = extent == 1 or 1 / _SAME_SPACING <= ratio <= _SAME_SPACING
        target.append(extent if same else max(1, round(extent * ratio)))
    return (target[0], target[1], target[2])


def _normalised(values: Image) -> Image:
    """Return the z-score over the body (what is more than air), clipped at ±8 standard deviations."""
    sample = values[:, :: max(1, values.shape[1] // 512), :: max(1, values.shape[2] // 512)]
    low, high = np.percentile(sample, (0.5, 99.5))
    body = sample[sample > low + 0.05 * (high - low)] if high > low else sample
    kept = np.clip(body, *np.percentile(body, (0.5, 99.5))) if body.size else sample
    mean, deviation = float(kept.mean()), float(kept.std()) or 1.0
    return np.asarray(np.clip((values - mean) / deviation, -_CLIP, _CLIP), dtype=np.float32)


def _shrunk(values: Image, factor: int) -> Image:
    rows, columns = (-values.shape[1]) % factor, (-values.shape[2]) % factor
    padded = np.pad(values, ((0, 0), (0, rows), (0, columns)), mode="edge")
    blocks = padded.reshape(padded.shape[0], padded.shape[1] // factor, factor, padded.shape[2] // factor, factor)
    return np.asarray(blocks.mean(axis=(2, 4)), dtype=np.float32)


def _resampled(values: Image, shape: tuple[int, int, int]) -> Image:
    if values.shape == shape:
        return values
    whole = functional.interpolate(
        torch.from_numpy(values)[None, None], size=shape, mode="trilinear", align_corners=False
    )
    return np.asarray(whole[0, 0].numpy())


def prepare_labels(labels: Labels, placement: Placement, preparation: Preparation) -> tuple[Labels, int]:
    """Return the labels on the prepared grid, and how many lesions would have vanished.

    A lesion too small for the coarser grid is kept as the one voxel nearest to its middle, so that none vanishes.
    """
    cut = np.ascontiguousarray(labels[placement.box.slices])
    if cut.shape == placement.shape:
        return cut, 0
    if preparation.shrink > 1:
        return _shrunk_labels(cut, preparation.shrink), 0
    front = torch.from_numpy((cut == FOREGROUND).astype(np.float32))[None, None]
    share = functional.interpolate(front, size=placement.shape, mode="trilinear", align_corners=False)[0, 0].numpy()
    result = (share >= 0.5).astype(np.uint8)
    vanished = _keep_small(cut, result)
    unknown = torch.from_numpy((cut == UNLABELLED).astype(np.float32))[None, None]
    hidden = functional.interpolate(unknown, size=placement.shape, mode="nearest")[0, 0].numpy() > 0
    result[hidden & (result == 0)] = UNLABELLED
    return result, vanished


def _shrunk_labels(cut: Labels, factor: int) -> Labels:
    rows, columns = (-cut.shape[1]) % factor, (-cut.shape[2]) % factor
    padded = np.pad(cut, ((0, 0), (0, rows), (0, columns)))
    blocks = padded.reshape(padded.shape[0], padded.shape[1] // factor, factor, padded.shape[2] // factor, factor)
    front = (blocks == FOREGROUND).mean(axis=(2, 4))
    unknown = (blocks == UNLABELLED).any(axis=(2, 4))
    result: Labels = (front >= 0.5).astype(np.uint8)
    result[(front == 0) & unknown] = UNLABELLED
    _keep_small(cut, result)
    return result


def _keep_small(cut: Labels, result: Labels) -> int:
    """Put back one voxel for each lesion that has none left in `result`; returns how many."""
    components, count = label_lesions(cut == FOREGROUND)
    if not count:
        return 0
    where = np.argwhere(components)
    owner = components[tuple(where.T)]
    scale = np.array(result.shape) / np.array(cut.shape)
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
    if logits.shape != shape:
        whole = functional.interpolate(
            torch.from_numpy(logits)[None, None], size=shape, mode="trilinear", align_corners=False
        )
        logits = whole[0, 0].numpy()
    if shape == placement.scan_shape:
        return logits
    result = np.full(placement.scan_shape, OUTSIDE_LOGIT, dtype=np.float32)
    result[placement.box.slices] = logits
    return result
