"""Prepared cases on disk: built once per content and settings, memory-mapped, rebuilt when either changes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segcore.geometry import Box
from segcore.inference.preparation import Placement, Preparation, prepare_labels, prepare_volume
from segcore.projects.project import Project
from segcore.records import from_line, to_line
from segcore.sampling.index import LesionIndex
from segcore.scans.volume import FOREGROUND, Labels
from segcore.storage import write_atomically, write_text

#: Raised when preparation changes, so that old caches are not used.
_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class _Facts:
    placement: Placement
    vanished: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PreparedCase:
    """A case as the training sees it.

    Parameters
    ----------
    image
        (channels, planes, rows, columns) float16, memory-mapped.
    labels
        (planes, rows, columns) uint8, memory-mapped.
    body
        Where patches are drawn from.
    placement
        Where the image lies in its scan.
    vanished
        Lesions that were kept as one voxel because the prepared grid is too coarse for them.
    """

    id: str
    image: NDArray[Any]
    labels: Labels
    body: Box
    index: LesionIndex
    placement: Placement
    vanished: int


def load_prepared(project: Project, case_id: str, preparation: Preparation) -> PreparedCase:
    """Return a prepared case from the project's cache, making it first where it is missing or out of date.

    Raises
    ------
    CannotSave
        If the cache cannot be written.
    """
    key = f"{_VERSION} {project.content_hash(case_id)} {to_line(preparation)}"
    stem = project.cache_folder / hashlib.blake2b(key.encode(), digest_size=16).hexdigest()
    image, labels, facts = (stem.with_suffix(suffix) for suffix in (".image.npy", ".labels.npy", ".json"))
    if not facts.exists():
        _prepare(project, case_id, preparation, image, labels, facts)
    known = from_line(_Facts, facts.read_text("utf-8"))
    mapped = np.load(labels, mmap_mode="r", allow_pickle=False)
    shape = mapped.shape
    return PreparedCase(
        id=case_id,
        image=np.load(image, mmap_mode="r", allow_pickle=False),
        labels=mapped,
        body=Box((0, 0, 0), (shape[0], shape[1], shape[2])),
        index=LesionIndex.build(mapped),
        placement=known.placement,
        vanished=known.vanished,
    )


def _prepare(project: Project, case_id: str, preparation: Preparation, image: Path, labels: Path, facts: Path) -> None:
    mask = project.mask(case_id)
    keep = Box.around(mask.labels == FOREGROUND)
    pixels, placement = prepare_volume(project.scan(case_id), preparation, keep)
    prepared, vanished = prepare_labels(mask.labels, placement, preparation)
    write_atomically(image, lambda file: _save(file, pixels.astype(np.float16)))
    write_atomically(labels, lambda file: _save(file, prepared))
    write_text(facts, to_line(_Facts(placement=placement, vanished=vanished)))


def _save(file: Path, array: NDArray[Any]) -> None:
    with file.open("wb") as handle:
        np.save(handle, array, allow_pickle=False)
