"""What is known of the data when a recipe is judged before its run, and the shape of a judgement."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from segcore.imbalance.statistics import ProjectStatistics, kept_statistics
from segcore.projects.case import Case, Part
from segcore.projects.project import Project
from segcore.training.recipe import Recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What is known of the cases that would be trained on; NaN where it is not known (yet).

    Parameters
    ----------
    prevalence
        Foreground over labelled voxels.
    empty_share
        Share of cases without foreground.
    hit_rate
        Chance that a typical patch from anywhere holds foreground.
    middle_voxels, large_voxels
        Size of the median lesion and of large ones (90th percentile), voxels.
    flat
        Whether scans are looked at plane by plane.
    """

    prevalence: float = math.nan
    empty_share: float = math.nan
    hit_rate: float = math.nan
    middle_voxels: float = math.nan
    large_voxels: float = math.nan
    flat: bool = True


def situation_of_cases(cases: Iterable[Case]) -> Situation:
    """Return what the list of cases alone says: no scan is read."""
    known = [case for case in cases if case.state.is_trainable and case.part is not Part.TEST]
    labelled = sum(case.labelled_voxels for case in known)
    if not labelled:
        return Situation()
    return Situation(
        prevalence=sum(case.foreground_voxels for case in known) / labelled,
        empty_share=sum(not case.foreground_voxels for case in known) / len(known),
        flat=any(case.grid.is_2d for case in known),
    )


def situation_of_statistics(statistics: ProjectStatistics) -> Situation:
    """Return what was measured."""
    return Situation(
        prevalence=statistics.prevalence,
        empty_share=statistics.empty_share,
        hit_rate=statistics.hit_rate,
        middle_voxels=statistics.sizes_voxels.middle,
        large_voxels=statistics.sizes_voxels.high,
        flat=statistics.flat,
    )


def situation_of_project(project: Project) -> Situation:
    """Return what is known of a project without reading a scan: what was measured before, or the list of its cases."""
    statistics = kept_statistics(project)
    return situation_of_statistics(statistics) if statistics is not None else situation_of_cases(project.cases())


@dataclass(frozen=True, slots=True, kw_only=True)
class Caution:
    """A choice that often fails with rare lesions.

    Parameters
    ----------
    name
        Stable name.
    sentence
        What is dangerous, and why, with the numbers.
    mend
        What would be changed, as a button says it.
    mended
        The recipe with that change.
    """

    name: str
    sentence: str
    mend: str
    mended: Recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One kind of danger.

    Parameters
    ----------
    name
        Stable name.
    says
        The sentence, or "" where the recipe is not in this danger.
    mend
        What the change is, as a button says it.
    change
        Makes the recipe that is not in this danger any more.
    """

    name: str
    says: Callable[[Recipe, Situation], str]
    mend: str
    change: Callable[[Recipe, Situation], Recipe]
