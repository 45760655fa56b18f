"""What a run lays out to be looked at while it goes on: its latest patches, and its prediction of one case.

Two small files in the run's folder, replaced each time and never pickled; an event says when. Needs no torch, so that
the window can read what the engine wrote.
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segcore.errors import UnreadableFile
from segcore.storage import write_atomically

#: Where they lie in the run's folder.
SHOWN, BATCH_FILE, CASE_FILE = "shown", "batch.npz", "case.npy"
#: Patches of a batch that are laid out, and the longest edge of their pictures.
MOST_PATCHES, MOST_EDGE = 16, 256


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BatchPicture:
    """One plane of each patch of a step, as the network saw it.

    Parameters
    ----------
    images
        (N, rows, columns) uint8, black to white between the patch's 0.5 and 99.5 percent points.
    labels
        (N, rows, columns) uint8: 0, 1, or 255 where unlabelled.
    probabilities
        (N, rows, columns) uint8: 255 is 1.
    cases
        Id of each patch's case.
    kinds
        Why each was drawn, see `segcore.sampling.kinds`, and "pasted" where a lesion was added.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    probabilities: NDArray[np.uint8]
    cases: tuple[str, ...]
    kinds: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.images)


def write_batch(file: Path, picture: BatchPicture) -> None:
    """Write a picture of a batch, atomically.

    Raises
    ------
    CannotSave
        If the disk is full or read-only.
    """
    write_atomically(
        file,
        lambda temporary: np.savez(
            temporary,
            images=picture.images,
            labels=picture.labels,
            probabilities=picture.probabilities,
            cases=np.array(picture.cases, dtype=np.str_),
            kinds=np.array(picture.kinds, dtype=np.str_),
        ),
    )


def read_batch(file: Path) -> BatchPicture:
    """Return what `write_batch` wrote.

    Raises
    ------
    UnreadableFile
        If the file is missing or damaged.
    """
    try:
        # From memory: numpy leaves the file open where it is no archive, and the engine replaces it meanwhile.
        with np.load(io.BytesIO(file.read_bytes()), allow_pickle=False) as data:
            picture = BatchPicture(
                images=data["images"],
                labels=data["labels"],
                probabilities=data["probabilities"],
                cases=tuple(str(name) for name in data["cases"]),
                kinds=tuple(str(name) for name in data["kinds"]),
            )
    except (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile) as error:
        raise UnreadableFile(file, "the patches cannot be read", remedy="wait for the next validation") from error
    shapes = {picture.images.shape, picture.labels.shape, picture.probabilities.shape}
    counts = {len(picture.images), len(picture.cases), len(picture.kinds)}
    if len(shapes) != 1 or len(counts) != 1 or picture.images.ndim != 3:
        raise UnreadableFile(file, "the patches do not belong together", remedy="wait for the next validation")
    return picture


def write_case(file: Path, steps: NDArray[np.int8]) -> None:
    """Write logits in steps of 0.1, (planes, rows, columns) on the case's grid; errors as `write_batch`."""
    write_atomically(file, lambda temporary: np.save(temporary, steps, allow_pickle=False))


def read_case(file: Path, shape: tuple[int, int, int]) -> NDArray[np.int8]:
    """Return what `write_case` wrote.

    Raises
    ------
    UnreadableFile
        If the file is missing, damaged or not of the case's shape.
    """
    try:
        steps = np.load(io.BytesIO(file.read_bytes()), allow_pickle=False)
    except (OSError, EOFError, ValueError) as error:
        raise UnreadableFile(file, "the prediction cannot be read", remedy="wait for the next validation") from error
    if not isinstance(steps, np.ndarray) or steps.shape != shape or steps.dtype != np.int8:
        raise UnreadableFile(file, "the prediction is of another scan", remedy="wait for the next validation")
    return steps
