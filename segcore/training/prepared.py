"""Prepared cases on disk: built once per content and settings, memory-mapped, rebuilt when either changes."""

from __future__ import annotations

import hashlib
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from segcore.errors import SettingProblem
from segcore.geometry import Box
from segcore.inference.preparation import Placement, Preparation, prepare_labels, prepare_volume
from segcore.projects.project import Project
from segcore.records import from_line, to_line
from segcore.sampling.index import LesionIndex
from segcore.scans.volume import FOREGROUND, Labels
from segcore.storage import write_atomically, write_text

#: Raised when preparation changes, so that old caches are not used.
_VERSION = 3
#: Files of one preparation; the facts come last, so that they are there only when the others are.
_SUFFIXES = (".image.npy", ".labels.npy", ".index.npy", ".json")
#: Preparations of one case that are kept: one or two recipes, before and after a correction.
_KEPT = 4
#: Files up to this size are read into memory, bytes.
_SMALL_FILE = 4 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class _Facts:
    placement: Placement
    vanished: int


class _Files(NamedTuple):
    image: Path
    labels: Path
    lesions: Path
    facts: Path


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
    index
        Where its lesions are; built once for a mask, so that a corrected one costs one case's few milliseconds.
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
    stem = f"{case_id}-{hashlib.blake2b(key.encode(), digest_size=12).hexdigest()}"
    files = _Files(*(project.cache_folder / f"{stem}{suffix}" for suffix in _SUFFIXES))
    if files.facts.exists():
        try:
            return _opened(case_id, files)
        except (OSError, ValueError, EOFError, SettingProblem):
            files.facts.unlink(missing_ok=True)  # damaged: it is only a cache
    _prepare(project, case_id, preparation, files)
    _forget_older(project.cache_folder, case_id)
    return _opened(case_id, files)


def _opened(case_id: str, files: _Files) -> PreparedCase:
    known = from_line(_Facts, files.facts.read_text("utf-8"))
    labels = _loaded(files.labels)
    p, r, c = labels.shape
    return PreparedCase(
        id=case_id,
        image=_loaded(files.image),
        labels=labels,
        body=Box((0, 0, 0), (p, r, c)),
        index=LesionIndex.unpacked(_loaded(files.lesions)),
        placement=known.placement,
        vanished=known.vanished,
    )


def _loaded(file: Path) -> NDArray[Any]:
    """Return an array: memory-mapped where it is large, read where it is small (each mapping keeps a file open)."""
    large = file.stat().st_size > _SMALL_FILE
    result: NDArray[Any] = np.load(file, mmap_mode="r" if large else None, allow_pickle=False)
    return result


def _forget_older(cache: Path, case_id: str) -> None:
    """Keep the few newest preparations of a case: every correction of its mask makes a new one."""
    mine = re.compile(re.escape(case_id) + r"-[0-9a-f]{24}\.json")
    with suppress(OSError):
        facts = [file for file in cache.iterdir() if mine.fullmatch(file.name)]
        for old in sorted(facts, key=lambda file: file.stat().st_mtime)[:-_KEPT]:
            for suffix in reversed(_SUFFIXES):
                old.with_name(old.stem + suffix).unlink(missing_ok=True)


def _prepare(project: Project, case_id: str, preparation: Preparation, files: _Files) -> None:
    mask = project.mask(case_id)
    keep = Box.around(mask.labels == FOREGROUND)
    pixels, placement = prepare_volume(project.scan(case_id), preparation, keep)
    prepared, vanished = prepare_labels(mask.labels, placement, preparation)
    write_atomically(files.image, lambda file: _save(file, pixels.astype(np.float16)))
    write_atomically(files.labels, lambda file: _save(file, prepared))
    write_atomically(files.lesions, lambda file: _save(file, LesionIndex.build(prepared).packed()))
    write_text(files.facts, to_line(_Facts(placement=placement, vanished=vanished)))


def _save(file: Path, array: NDArray[Any]) -> None:
    with file.open("wb") as handle:
        np.save(handle, array, allow_pickle=False)
