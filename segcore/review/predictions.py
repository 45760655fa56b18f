"""What a model said about cases, kept in the project as one byte per voxel."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segcore.errors import CannotSave, SettingProblem, UnreadableFile
from segcore.metrics.curves import probability_of
from segcore.records import from_line, to_line
from segcore.storage import write_atomically, write_text

Steps = NDArray[np.int8]
Byte = NDArray[np.uint8]
_DISAGREEMENT, _COUNTS = "disagreement", "counts"
#: Voxels that are counted at a time.
_PIECE = 1 << 18


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionFacts:
    """What is known about a prediction besides its voxels.

    Parameters
    ----------
    model
        Id of the model.
    case
        Id of the case.
    step
        The model's operating threshold: foreground is where ``logits >= step / 10``.
    seconds
        Time it took.
    scan_hash
        Of the scan that was predicted, to see when it is out of date.
    members
        Networks that were averaged.
    spread
        How much they disagree about the case: 1 − the mean Dice between their masks; NaN for a single network.
    """

    model: str
    case: str
    step: int
    seconds: float
    scan_hash: str
    members: int = 1
    spread: float = math.nan


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prediction:
    """A prediction: logits in steps of 0.1, (planes, rows, columns) int8 on the case's grid, and its facts."""

    steps: Steps
    facts: PredictionFacts

    @property
    def threshold(self) -> float:
        """Operating threshold as a probability."""
        return probability_of(self.facts.step)

    def mask_at(self, step: int | None = None) -> NDArray[np.uint8]:
        """Return labels (0 or 1) at a threshold; None takes the operating one."""
        return (self.steps >= (self.facts.step if step is None else step)).astype(np.uint8)


class Predictions:
    """The predictions of one model, in ``predictions/<model id>`` of a project."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def model(self) -> str:
        """Id of the model."""
        return self.folder.name

    def write(self, steps: Steps, facts: PredictionFacts, disagreement: Byte | None = None) -> None:
        """Keep a prediction; the facts are written last, so that a prediction is whole or absent.

        Parameters
        ----------
        disagreement
            Where the members of an ensemble disagree, uint8 on the same grid.
        """
        if disagreement is not None:
            write_atomically(self._disagreement_file(facts.case), lambda file: _save(file, disagreement))
        write_atomically(self.folder / f"{facts.case}.npy", lambda file: _save(file, steps))
        with suppress(CannotSave):  # they can be counted again
            self._keep_counts(facts.case, count_steps(steps))
        write_text(self.folder / f"{facts.case}.json", to_line(facts))

    def cases(self) -> tuple[str, ...]:
        """Return the ids of the cases that are predicted."""
        if not self.folder.is_dir():
            return ()
        return tuple(sorted(file.stem for file in self.folder.glob("*.json")))

    def facts(self, case: str) -> PredictionFacts:
        """Return what is known about a prediction without opening its voxels; errors as `load`."""
        file = self.folder / f"{case}.json"
        try:
            facts: PredictionFacts = from_line(PredictionFacts, file.read_text("utf-8"))
        except (OSError, UnicodeDecodeError, SettingProblem) as error:
            raise UnreadableFile(file, "the prediction cannot be read", remedy="predict the case again") from error
        return facts

    def load(self, case: str) -> Prediction:
        """Return a prediction, memory-mapped.

        Raises
        ------
        UnreadableFile
            If it is missing or cut off.
        """
        file = self.folder / f"{case}.npy"
        try:
            steps = np.load(file, mmap_mode="r", allow_pickle=False)
            if steps.dtype != np.int8 or steps.ndim != 3:
                raise ValueError(f"{steps.dtype} {steps.shape} is no prediction")
        except (OSError, ValueError) as error:
            raise UnreadableFile(file, "the prediction cannot be read", remedy="predict the case again") from error
        return Prediction(steps=steps, facts=self.facts(case))

    def counts(self, prediction: Prediction) -> NDArray[np.int64]:
        """Return how many voxels have each step, −128 to 127; counted once per prediction, then kept beside it."""
        case = prediction.facts.case
        try:
            kept = np.load(self._counts_file(case), allow_pickle=False)
            if kept.dtype == np.int64 and kept.shape == (257,) and kept[256] == self._stamp(case):
                return np.asarray(kept[:256])
        except (OSError, ValueError, EOFError):
            pass
        counts = count_steps(prediction.steps)
        with suppress(CannotSave):
            self._keep_counts(case, counts)
        return counts

    def _keep_counts(self, case: str, counts: NDArray[np.int64]) -> None:
        # With the time of what was counted: a newer prediction is counted anew.
        kept = np.append(counts, self._stamp(case))
        write_atomically(self._counts_file(case), lambda file: _save(file, kept))

    def _stamp(self, case: str) -> int:
        try:
            return (self.folder / f"{case}.npy").stat().st_mtime_ns
        except OSError:
            return -1

    def _counts_file(self, case: str) -> Path:
        return self.folder / _COUNTS / f"{case}.npy"

    def disagreement(self, case: str) -> Byte | None:
        """Return where the members of an ensemble disagree, memory-mapped; None where that is not kept or damaged."""
        if self.facts(case).members < 2:
            return None
        try:
            voxels: Byte = np.load(self._disagreement_file(case), mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError):
            return None
        return voxels if voxels.dtype == np.uint8 and voxels.ndim == 3 else None

    def _disagreement_file(self, case: str) -> Path:
        return self.folder / _DISAGREEMENT / f"{case}.npy"


def count_steps(steps: Steps) -> NDArray[np.int64]:
    """Return how many voxels have each step, −128 to 127; in pieces, so that nothing is copied whole."""
    flat, by_byte = np.asarray(steps).reshape(-1).view(np.uint8), np.zeros(256, dtype=np.int64)
    for start in range(0, flat.size, _PIECE):
        by_byte += np.bincount(flat[start : start + _PIECE], minlength=256)
    return np.roll(by_byte, 128)


def _save(file: Path, voxels: NDArray[Any]) -> None:
    with file.open("wb") as handle:
        np.save(handle, np.ascontiguousarray(voxels), allow_pickle=False)


def predicted_models(predictions_folder: Path) -> tuple[str, ...]:
    """Return the ids of models with predictions, newest first."""
    if not predictions_folder.is_dir():
        return ()
    folders = [folder for folder in predictions_folder.iterdir() if any(folder.glob("*.json"))]
    return tuple(folder.name for folder in sorted(folders, key=lambda f: f.stat().st_mtime, reverse=True))
