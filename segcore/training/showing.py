"""Laying out what a person may look at while a run goes on; see `segcore.training.exhibits`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from segcore.errors import CannotSave
from segcore.sampling.patches import Batch
from segcore.scans.volume import FOREGROUND
from segcore.training.events import BatchShown, CaseShown, Noticed, RunEvent
from segcore.training.exhibits import (
    BATCH_FILE,
    CASE_FILE,
    MOST_EDGE,
    MOST_PATCHES,
    SHOWN,
    BatchPicture,
    write_batch,
    write_case,
)
from segcore.training.validation import OVERLAP_IN_RUN, Result, Validator


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LastBatch:
    """A step's patches as the network saw them, and what it said.

    Parameters
    ----------
    images
        (N, channels, planes, rows, columns), augmented.
    labels
        (N, 1, *spatial), augmented.
    logits
        (N, 1, *spatial), detached.
    """

    batch: Batch
    images: Tensor
    labels: Tensor
    logits: Tensor

    def picture(self, names: Sequence[str]) -> BatchPicture:
        """Return the plane of each patch with most foreground, the middle one where there is none.

        Parameters
        ----------
        names
            Ids of the cases that the batch counts.
        """
        n = min(len(self.images), MOST_PATCHES)
        images = self.images[:n, 0].float().cpu().numpy()
        labels, said = (_with_planes(part[:n]) for part in (self.labels, torch.sigmoid(self.logits.float())))
        planes = [_plane_to_show(one) for one in labels]
        stride = max(1, -(-max(images.shape[2:]) // MOST_EDGE))
        cut = (slice(None, None, stride), slice(None, None, stride))
        # In 2-D the image has planes of context around the only one with labels.
        context = images.shape[1] // 2 if labels.shape[1] == 1 else 0
        shown = [image[context + plane] for image, plane in zip(images, planes, strict=True)]
        voiced = [one[plane] for one, plane in zip(said, planes, strict=True)]
        kinds = [kind.value for kind in self.batch.kinds[:n]]
        pasted = self.batch.pasted[:n] or (False,) * n
        return BatchPicture(
            images=np.stack([_greys(image)[cut] for image in shown]),
            labels=np.stack([one[plane][cut] for one, plane in zip(labels, planes, strict=True)]).astype(np.uint8),
            probabilities=np.rint(255 * np.stack([one[cut] for one in voiced])).astype(np.uint8),
            cases=tuple(names[case] for case in self.batch.cases[:n]),
            kinds=tuple(f"{kind}, pasted" if given else kind for kind, given in zip(kinds, pasted, strict=True)),
        )


def _with_planes(part: Tensor) -> NDArray[np.float32]:
    """Return (N, planes, rows, columns) of (N, 1, *spatial)."""
    array = part[:, 0].float().cpu().numpy()
    return array if array.ndim == 4 else array[:, np.newaxis]


def _plane_to_show(labels: NDArray[np.float32]) -> int:
    counts = (labels == FOREGROUND).sum(axis=(1, 2))
    return int(counts.argmax()) if counts.any() else len(labels) // 2


def _greys(image: NDArray[np.float32]) -> NDArray[np.uint8]:
    low, high = np.percentile(image, [0.5, 99.5])
    return np.asarray(255 * np.clip((image - low) / max(high - low, 1e-6), 0, 1), dtype=np.uint8)


class Showing:
    """Lays out one validation case and the latest batch.

    A disk that is full must not end a run for the sake of a picture: it is told once, and nothing more is laid out.

    Parameters
    ----------
    folder
        Of the run.
    project
        Folder that the events' file names are relative to.

    Attributes
    ----------
    case
        The validation case that is watched.
    """

    def __init__(self, folder: Path, project: Path, validator: Validator, report: Callable[[RunEvent], None]) -> None:
        self._folder = folder / SHOWN
        self._project, self._validator, self._report = project, validator, report
        self._is_off = False
        self.case = validator.telling_case

    def show_case(self, network: nn.Module, result: Result, *, step: int) -> None:
        """Lay out what `network`, just validated with `result`, says about the watched case."""
        if self._is_off or not self.case:
            return
        known = next((case for case in result.measured if case.id == self.case), None)
        measured = known or self._validator.predict(network, self.case, overlap=OVERLAP_IN_RUN)
        file = self._folder / CASE_FILE
        if self._written(lambda: write_case(file, measured.unpacked(self._validator.shape_of(self.case)))):
            self._report(
                CaseShown(
                    step=step,
                    case=self.case,
                    file=self._named(file),
                    threshold_step=result.threshold_step,
                    dice=measured.histogram.confusion_at(result.threshold_step).dice,
                )
            )

    def show_batch(self, last: LastBatch | None, names: Sequence[str], *, step: int) -> None:
        """Lay out the latest batch, if there was one."""
        if self._is_off or last is None:
            return
        file = self._folder / BATCH_FILE
        if self._written(lambda: write_batch(file, last.picture(names))):
            self._report(BatchShown(step=step, file=self._named(file)))

    def _written(self, write: Callable[[], None]) -> bool:
        try:
            write()
        except CannotSave as error:
            self._is_off = True
            self._report(Noticed(sentence=f"Patches and the watched case are no longer shown: {error.sentence}"))
            return False
        return True

    def _named(self, file: Path) -> str:
        return file.relative_to(self._project).as_posix() if file.is_relative_to(self._project) else str(file)
