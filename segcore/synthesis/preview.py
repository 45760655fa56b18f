"""Pictures of what synthesis makes of a project's own scans, before any training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segcore.errors import NotEnoughData
from segcore.projects.case import Part
from segcore.projects.project import Project
from segcore.sampling.index import LesionIndex
from segcore.scans.volume import Labels
from segcore.synthesis.paste import LesionPaster, SynthesisSettings

#: Training cases that a preview reads, at most.
_MOST_CASES = 8
#: Edge of a picture, voxels; photographs of many pixels are shown in larger pieces.
_EDGE, _LARGEST_EDGE = 160, 640
#: Half the edge of what is shown around a copied lesion, voxels.
_CLOSE = 36
_TRIES_PER_EXAMPLE = 24
_SAMPLE = 200_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Example:
    """A piece of a slice before and after a lesion was copied into it.

    Parameters
    ----------
    before, after
        (channels, rows, columns) in the scan's own values.
    labels
        (rows, columns) uint8: the mask as it was.
    pasted
        (rows, columns): the copied lesion.
    source, target
        Ids of the cases.
    """

    before: NDArray[np.float32]
    after: NDArray[np.float32]
    labels: Labels
    pasted: NDArray[np.bool_]
    source: str
    target: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Scan:
    """A training scan; ``image`` has mean 0 and deviation 1 over the tissue, as in training, by ``centre`` and ``scale``."""

    id: str
    image: NDArray[Any]
    centre: NDArray[np.float32]
    scale: NDArray[np.float32]
    labels: Labels
    index: LesionIndex


def preview(
    project: Project,
    settings: SynthesisSettings,
    *,
    count: int,
    seed: int,
    report: Callable[[int, int], None] | None = None,
) -> tuple[Example, ...]:
    """Return up to `count` examples from a sample of the training cases; slices, also where training takes blocks.

    Parameters
    ----------
    seed
        Another one gives other examples.
    report
        Called with (done, total) scans that were read.

    Raises
    ------
    NotEnoughData
        If no training case has a lesion that can be copied.
    """
    rng = np.random.default_rng([seed, 5])
    scans = _read(project, rng, report)
    edge = _EDGE if max(max(scan.labels.shape[1:]) for scan in scans) <= 1024 else _LARGEST_EDGE
    patch = (1, min(edge, *(s.labels.shape[1] for s in scans)), min(edge, *(s.labels.shape[2] for s in scans)))
    paster = LesionPaster(scans, patch, settings, flat=True)
    if not len(paster.bank):
        raise NotEnoughData("the lesions are too large to be copied into a patch", remedy="leave synthesis off")
    found: list[Example] = []
    for _ in range(count * _TRIES_PER_EXAMPLE):
        if len(found) == count:
            break
        example = _example(scans, paster, patch, int(rng.integers(len(scans))), rng)
        if example is not None:
            found.append(example)
    return tuple(found)


def _read(project: Project, rng: np.random.Generator, report: Callable[[int, int], None] | None) -> list[_Scan]:
    cases = [case for case in project.cases() if case.state.is_trainable and case.part in (Part.TRAIN, None)]
    givers = [case for case in cases if case.foreground_voxels]
    if not givers:
        raise NotEnoughData("no training case has a lesion to copy", remedy="annotate lesions, or change the split")
    channels = givers[0].channels
    order = [cases[k] for k in rng.permutation(len(cases)) if cases[k].channels == channels]
    first = next(case for case in order if case.foreground_voxels)
    chosen = [first, *(case for case in order if case is not first)][:_MOST_CASES]
    scans = []
    for number, case in enumerate(chosen):
        labels = project.mask(case.id).labels
        image, centre, scale = _normalised(project.scan(case.id).voxels)
        index = LesionIndex.build(labels)
        scans.append(_Scan(id=case.id, image=image, centre=centre, scale=scale, labels=labels, index=index))
        if report is not None:
            report(number + 1, len(chosen))
    return scans


def _normalised(voxels: NDArray[Any]) -> tuple[NDArray[np.float16], NDArray[np.float32], NDArray[np.float32]]:
    """Return a scan (channels, planes, rows, columns) with mean 0 and deviation 1 over its tissue; and both numbers."""
    centres, scales = [], []
    for channel in voxels:
        sample = np.asarray(channel).reshape(-1)[:: max(1, channel.size // _SAMPLE)].astype(np.float32)
        low, high = np.percentile(sample, (0.5, 99.5))
        tissue = np.clip(sample[sample > low + 0.05 * (high - low)], low, high)
        tissue = tissue if tissue.size else sample
        centres.append(float(tissue.mean()))
        scales.append(float(tissue.std()) or 1.0)
    centre, scale = (np.array(values, np.float32).reshape(-1, 1, 1, 1) for values in (centres, scales))
    image = np.clip((voxels - centre) / scale, -8, 8).astype(np.float16)
    return image, centre, scale


def _example(
    scans: list[_Scan], paster: LesionPaster, patch: tuple[int, int, int], number: int, rng: np.random.Generator
) -> Example | None:
    scan = scans[number]
    start = [int(rng.integers(0, whole - part + 1)) for part, whole in zip(patch, scan.labels.shape, strict=True)]
    where = tuple(slice(a, a + n) for a, n in zip(start, patch, strict=True))
    before = np.asarray(scan.image[(slice(None), *where)]).astype(np.float32)
    labels = np.array(scan.labels[where])
    after, changed = before.copy(), labels.copy()
    pasted = paster.paste_into(after, changed, number, rng)
    if pasted is None:
        return None
    changes = (changed != labels)[0]
    near = _around(changes, most=max(_CLOSE, patch[1] // 4))
    return Example(
        before=(before * scan.scale + scan.centre)[(slice(None), 0, *near)],
        after=(after * scan.scale + scan.centre)[(slice(None), 0, *near)],
        labels=labels[0][near],
        pasted=changes[near],
        source=scans[pasted.source].id,
        target=scan.id,
    )


def _around(changes: NDArray[np.bool_], *, most: int) -> tuple[slice, slice]:
    """Return the rows and columns within `most` of the middle of what changed, as many as the piece has."""
    spans = []
    for places, extent in zip(np.nonzero(changes), changes.shape, strict=True):
        size = min(2 * most, extent)
        low = int(min(max((int(places.min()) + int(places.max())) // 2 - most, 0), extent - size))
        spans.append(slice(low, low + size))
    return spans[0], spans[1]
