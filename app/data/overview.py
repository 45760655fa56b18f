"""The project in a few figures: cases by state, pooled prevalence, lesions, the balance of the split, leaks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from segcore.projects.case import Case, CaseState, Part


@dataclass(frozen=True, slots=True, kw_only=True)
class PartFigures:
    """One part of the split.

    Parameters
    ----------
    prevalence
        Pooled foreground fraction of its labelled voxels.
    with_foreground
        Cases that hold any foreground.
    """

    cases: int
    patients: int
    with_foreground: int
    lesions: int
    prevalence: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """Figures over all cases; prevalence and lesions over the trainable ones."""

    cases: int
    patients: int
    trainable: int
    states: tuple[tuple[CaseState, int], ...]
    all: PartFigures
    without_foreground: int
    parts: tuple[tuple[Part, PartFigures], ...]
    not_split: int


def overview_of(cases: Sequence[Case], parts: Mapping[str, Part | None] | None = None) -> Overview:
    """Return the figures of `cases`, with the split `parts` (by id) instead of the stored one where it is given."""
    part_of = {case.id: (parts.get(case.id) if parts is not None else case.part) for case in cases}
    trainable = [case for case in cases if case.state.is_trainable]
    return Overview(
        cases=len(cases),
        patients=len({case.group for case in cases}),
        trainable=len(trainable),
        states=tuple((state, sum(case.state is state for case in cases)) for state in CaseState),
        all=_figures(trainable),
        without_foreground=sum(case.foreground_voxels == 0 for case in trainable),
        parts=tuple((part, _figures([case for case in cases if part_of[case.id] is part])) for part in Part),
        not_split=sum(part_of[case.id] is None for case in cases),
    )


def _figures(cases: Sequence[Case]) -> PartFigures:
    labelled = sum(case.labelled_voxels for case in cases)
    foreground = sum(case.foreground_voxels for case in cases)
    return PartFigures(
        cases=len(cases),
        patients=len({case.group for case in cases}),
        with_foreground=sum(case.foreground_voxels > 0 for case in cases),
        lesions=sum(case.lesions for case in cases),
        prevalence=foreground / labelled if labelled else 0.0,
    )
