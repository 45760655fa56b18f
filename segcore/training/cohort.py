"""Which cases a run trains and validates on, with a sentence for everything a person should know about the choice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from segcore.errors import NotEnoughData
from segcore.projects.case import Case, Part
from segcore.projects.project import Project
from segcore.scans.components import label_lesions
from segcore.scans.volume import FOREGROUND

#: Validation during the run looks at this many cases at most; all of them decide at the end.
MOST_IN_RUN = 10
_LESION_SAMPLE = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Cohort:
    """Cases by role; validation is ordered so that its first few are a fair sample of all."""

    train: tuple[Case, ...]
    validation: tuple[Case, ...]

    @property
    def prevalence(self) -> float:
        """Foreground fraction over the training scans."""
        labelled = sum(case.labelled_voxels for case in self.train)
        return sum(case.foreground_voxels for case in self.train) / max(labelled, 1)


def gather_cohort(project: Project, notice: Callable[[str], None], *, held_out: Sequence[str] = ()) -> Cohort:
    """Return the cases to train and validate on; test cases are never touched.

    Only complete and confirmed empty cases count. Without a validation part, patients are held out of training; with a
    single patient the same cases serve for both, said loudly.

    Parameters
    ----------
    held_out
        Patients to validate on: all other patients outside the test part are trained on. Empty follows the split.

    Raises
    ------
    NotEnoughData
        If no case may be trained on or none has foreground.
    """
    ready = [case for case in project.cases() if case.state.is_trainable]
    if not ready:
        raise NotEnoughData(
            "no case is complete", remedy="annotate cases and mark them complete (or confirm them empty)"
        )
    ready = _with_common_channels(ready, notice)
    if held_out:
        known = [case for case in ready if case.part is not Part.TEST]
        validation = [case for case in known if case.group in held_out]
        train = [case for case in known if case.group not in held_out]
        if not any(case.foreground_voxels for case in train) or not any(case.foreground_voxels for case in validation):
            raise NotEnoughData(
                "the patients of this member have no lesion to train or to validate on", remedy="use fewer members"
            )
        return Cohort(train=tuple(train), validation=_fair_order(validation))
    train = [case for case in ready if case.part in (Part.TRAIN, None)]
    validation = [case for case in ready if case.part is Part.VALIDATION]
    if not any(case.foreground_voxels for case in train):
        raise NotEnoughData(
            "no training case has a lesion (all masks are background)", remedy="annotate lesions, or change the split"
        )
    if not any(case.foreground_voxels for case in validation):
        train, validation = _hold_out(train, validation, notice)
    return Cohort(train=tuple(train), validation=_fair_order(validation))


def patient_folds(project: Project, count: int) -> tuple[tuple[str, ...], ...]:
    """Return `count` groups of patients outside the test part, dealt out so that all have like lesion loads.

    Raises
    ------
    NotEnoughData
        If fewer than `count` patients have lesions.
    """
    load: dict[str, int] = {}
    for case in project.cases():
        if case.state.is_trainable and case.part is not Part.TEST:
            load[case.group] = load.get(case.group, 0) + case.foreground_voxels
    full = sum(voxels > 0 for voxels in load.values())
    if full < count:
        raise NotEnoughData(
            f"{count} members that leave out other patients need {count} patients with lesions, there are {full}",
            remedy="use fewer members, or let them differ in their seeds",
        )
    order = sorted(load, key=lambda group: (-load[group], group))
    # There and back again, so that no fold gets the heaviest of every round.
    turns = [*range(count), *reversed(range(count))]
    folds: list[list[str]] = [[] for _ in range(count)]
    for number, group in enumerate(order):
        folds[turns[number % len(turns)]].append(group)
    return tuple(tuple(fold) for fold in folds)


def _with_common_channels(cases: Sequence[Case], notice: Callable[[str], None]) -> list[Case]:
    kinds = [case.channels for case in cases]
    common = max(set(kinds), key=kinds.count)
    odd = [case for case in cases if case.channels != common]
    if odd:
        names = ", ".join(case.id for case in odd[:5])
        notice(f"{len(odd)} cases have other channels than {', '.join(common)} and are left out: {names}.")
    return [case for case in cases if case.channels == common]


def _hold_out(
    train: list[Case], validation: list[Case], notice: Callable[[str], None]
) -> tuple[list[Case], list[Case]]:
    groups = sorted({case.group for case in train if case.foreground_voxels})
    if len(groups) < 2:
        notice(
            "There is one patient with lesions only: the same scans serve for training and validation, so the figures "
            "say how well it was memorised, not how well it works."
        )
        return train, train
    held = set(groups[:: max(2, len(groups) // max(1, len(groups) // 5))][: max(1, len(groups) // 5)])
    notice(f"There was no validation part with lesions; patient {', '.join(sorted(held))} is held out of training.")
    kept = [case for case in train if case.group not in held]
    return kept, validation + [case for case in train if case.group in held]


def _fair_order(cases: Sequence[Case]) -> tuple[Case, ...]:
    """Order cases so that every beginning is a fair sample: of lesion loads, and of cases with and without lesions."""
    full = _middle_first(sorted((c for c in cases if c.foreground_voxels), key=lambda c: (c.foreground_voxels, c.id)))
    empty = sorted((c for c in cases if not c.foreground_voxels), key=lambda c: c.id)
    places = [(number / max(len(full), 1), 0, case) for number, case in enumerate(full)]
    places += [((number + 0.5) / len(empty), 1, case) for number, case in enumerate(empty)]
    return tuple(case for _, _, case in sorted(places, key=lambda place: place[:2]))


def _middle_first(ordered: Sequence[Case]) -> list[Case]:
    """Return the middle, then the quarters, then the eighths ..."""
    waiting, result = [list(ordered)], []
    while waiting:
        part = waiting.pop(0)
        if part:
            middle = len(part) // 2
            result.append(part[middle])
            waiting += [part[middle + 1 :], part[:middle]]
    return result


def lesion_width(project: Project, cases: Sequence[Case]) -> float:
    """Return how many voxels the median lesion of (at most 24 of) the cases is across at its thickest; 1 without any.

    Measured within planes: twice the largest distance to the lesion's border, so that a long thin crack is thin.
    """
    widths: list[float] = []
    for case in _middle_first([case for case in cases if case.foreground_voxels])[:_LESION_SAMPLE]:
        components, _ = label_lesions(project.mask(case.id).labels == FOREGROUND)
        for number, box in enumerate(ndimage.find_objects(components), start=1):
            lesion = np.pad(components[box] == number, ((0, 0), (1, 1), (1, 1)))
            widths.append(max(2 * float(ndimage.distance_transform_edt(plane).max()) - 1 for plane in lesion))
    return float(np.median(widths)) if widths else 1.0
