"""A case: one scan, its mask, its state and its patient."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from segcore.geometry import Grid


class CaseState(StrEnum):
    """How far the annotation of a case has come."""

    UNLABELLED = "unlabelled"
    DRAFT = "draft"
    COMPLETE = "complete"
    CONFIRMED_EMPTY = "confirmed empty"
    FLAGGED = "flagged"

    @property
    def is_trainable(self) -> bool:
        """Whether a person has said that the mask is the truth."""
        return self in (CaseState.COMPLETE, CaseState.CONFIRMED_EMPTY)


class Part(StrEnum):
    """Which part of the split a case belongs to."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Case:
    """What the project knows about one case without opening its voxels.

    Parameters
    ----------
    id
        Unique within the project; made from the file's name.
    group
        The patient (or photograph, or specimen): cases of one group never lie on both sides of a split.
    state
        See `CaseState`.
    part
        Part of the split, or None while it is not split.
    channels
        Channel names of the scan.
    grid
        Canonical grid of the working copy (what viewers, masks and training use).
    source_grid
        Grid in the axis order of the file that the scan came from: exported masks go back to it.
    source_suffix
        Suffix of that file, such as ``".nii.gz"``; decides the default format of exported masks.
    sources
        File names (never folders) that the channels were read from.
    foreground_voxels, labelled_voxels, lesions
        Counted when the mask was last saved. ``lesions`` counts connected components.
    note
        Free text by the annotator.
    """

    id: str
    group: str
    state: CaseState
    part: Part | None
    channels: tuple[str, ...]
    grid: Grid
    source_grid: Grid
    source_suffix: str
    sources: tuple[str, ...]
    foreground_voxels: int
    labelled_voxels: int
    lesions: int
    note: str = ""

    @property
    def prevalence(self) -> float:
        """Foreground fraction of the labelled voxels; 0 where nothing is labelled."""
        return self.foreground_voxels / self.labelled_voxels if self.labelled_voxels else 0.0

    @property
    def volume_ml(self) -> float:
        """Volume of the foreground, millilitres."""
        return self.foreground_voxels * self.grid.voxel_volume_ml


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One line of the integrity report.

    Parameters
    ----------
    file
        Name of the file concerned.
    what
        What is wrong, with the facts.
    remedy
        What the person can do.
    blocking
        Whether the case (or its mask) was left out because of it.
    """

    file: str
    what: str
    remedy: str
    blocking: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskVersion:
    """One kept version of a case's mask.

    Parameters
    ----------
    number
        1, 2, 3, ... within the case.
    author
        Who made it; a reviewer's name, ``"import"`` or a model's id.
    time
        UTC, ISO 8601.
    origin
        ``"import"``, ``"annotation"``, ``"accepted prediction"``, ``"restored"``.
    foreground_voxels
        Counted when it was saved.
    """

    number: int
    author: str
    time: str
    origin: str
    foreground_voxels: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What annotating a case has cost so far.

    Parameters
    ----------
    seconds
        Time at the case in Annotate, pauses left out (see `segcore.annotation.worktime`).
    strokes
        Changes of the mask, each of which undo takes back in one step; what was undone still counts.
    """

    seconds: float = 0.0
    strokes: int = 0
