"""Bringing files into a project: first a plan that a person can look at, then the import, then the report."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segcore.errors import Cancelled, CannotSave, FileProblem, RareSegError, SettingProblem, UnreadableFile
from segcore.projects.case import CaseState, Problem
from segcore.projects.grouping import check_groups, group_of, guess_groups, read_groups
from segcore.projects.integrity import check_channels, check_pair, check_scan, is_confirmed_empty, problem_from
from segcore.projects.pairing import (
    blocking,
    find_files,
    name_cases,
    natural_key,
    note,
    pair_masks,
    part_masks,
    same_name,
)
from segcore.projects.project import Project
from segcore.scans.formats.table import read_mask, read_volume, stem_of, suffix_of
from segcore.scans.volume import Mask, Volume

__all__ = ["ImportPlan", "ImportReport", "PlannedCase", "guess_groups", "plan_import", "read_planned", "run_import"]

MAIN_CHANNEL = "image"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedCase:
    """One case to be: its channels as (name, file), the first being the one that gives the grid; and its mask."""

    id: str
    group: str
    images: tuple[tuple[str, Path], ...]
    mask: Path | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportPlan:
    """What an import would do, and what it could not pair."""

    cases: tuple[PlannedCase, ...]
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What an import did: ids of the cases added, and every problem met."""

    added: tuple[str, ...]
    problems: tuple[Problem, ...]

    @property
    def sentence(self) -> str:
        """The report in one sentence."""
        blocking = sum(problem.blocking for problem in self.problems)
        notes = len(self.problems) - blocking
        return f"{len(self.added)} cases were added; {blocking} files could not be used, {notes} notes."


def plan_import(
    images: Sequence[Path],
    *,
    masks: Sequence[Path] = (),
    channels: Mapping[str, Path] | None = None,
    groups: Path | None = None,
    known_ids: Collection[str] = (),
    masks_too: bool = False,
) -> ImportPlan:
    """Pair scans, channels and masks by name.

    A file is taken for a mask if it lies under `masks`, in a folder named like one (masks, labels, seg, ...), or has an
    affix like ``_mask``. Masks pair with the scan whose name is the same without the affix.

    Parameters
    ----------
    images
        Files and folders (searched with their subfolders).
    masks
        Files and folders that hold masks only.
    channels
        Further channels: name to a folder whose files have the same stems. The name ``image`` renames nothing; a name
        given for a folder in `images` names the main channel.
    groups
        CSV with the columns case and group.
    known_ids
        Ids already in the project, to say that a name is taken.
    masks_too
        Take every file for a scan, also one that is named like a mask.
    """
    problems: list[Problem] = []
    main_name, others = _channel_folders(images, channels or {})
    scans, found_masks = _sort_files(
        images, masks, exclude=tuple(others.values()), everything=masks_too, report=problems
    )
    by_id = name_cases(scans, problems)
    mask_of = pair_masks(by_id, found_masks, problems)
    images_of = {id: _channels_of(main_name, files, problems) for id, files in by_id.items()}
    for name, folder in others.items():
        _add_channel(name, folder, images_of, problems)
    complete = {id: found for id, found in images_of.items() if found}
    for id in sorted(complete.keys() & set(known_ids)):
        file = complete[id][0][1]
        problems.append(note(file, "a case of this name is in the project", "it gets a number if you go on"))
    table = read_groups(groups, problems)
    cases = [
        PlannedCase(
            id=id,
            group=group_of(id, found[0][1], table) or id,
            images=found,
            mask=mask_of.get(id),
        )
        for id, found in sorted(complete.items(), key=lambda item: natural_key(item[0]))
    ]
    if groups is not None:
        without = [case.id for case in cases if group_of(case.id, case.images[0][1], table) is None]
        used = {same_name(name) for case in cases for name in _names_of(case)}
        problems += check_groups(groups, table, without, used)
    return ImportPlan(cases=tuple(cases), problems=tuple(problems))


def _names_of(case: PlannedCase) -> tuple[str, str, str]:
    file = case.images[0][1]
    return case.id, file.name, stem_of(file)


def _channel_folders(images: Sequence[Path], channels: Mapping[str, Path]) -> tuple[str, dict[str, Path]]:
    """Return the name of the main channel, and the folders of the others."""
    given = {path.resolve() for path in images}
    main = next((name for name, folder in channels.items() if folder.resolve() in given), MAIN_CHANNEL)
    others = {name: folder for name, folder in channels.items() if folder.resolve() not in given}
    if main in others:
        raise SettingProblem(
            f"two channels are called {main!r}", remedy="name the channel of the scans too, or rename the other"
        )
    return main, others


def _sort_files(
    images: Sequence[Path],
    masks: Sequence[Path],
    *,
    exclude: tuple[Path, ...],
    everything: bool,
    report: list[Problem],
) -> tuple[list[Path], list[Path]]:
    """Return (scans, masks); with `everything`, masks are only what is given as such."""
    given_masks = list(find_files(masks, report))
    outside = [folder.resolve() for folder in exclude]
    taken = {file.resolve() for file in given_masks}
    found = {
        file: root
        for file, root in find_files(images, report).items()
        if file.resolve() not in taken and not any(folder in file.resolve().parents for folder in outside)
    }
    if everything:
        return list(found), given_masks
    scans, masks_among = part_masks(found, masks_given=bool(masks), problems=report)
    return scans, [*given_masks, *masks_among]


def _channels_of(main_name: str, files: tuple[Path, ...], problems: list[Problem]) -> tuple[tuple[str, Path], ...]:
    """Return the channels that the files of one case are; empty, with a problem, where numbered ones are missing."""
    if len(files) == 1:
        return ((main_name, files[0]),)
    numbers = [int(stem_of(file)[-4:]) for file in files]
    if numbers != list(range(len(files))):
        problems.append(
            blocking(files[0], f"its channels are numbered {', '.join(map(str, numbers))}", "number them from 0000 on")
        )
        return ()
    return tuple((f"channel {number}", file) for number, file in zip(numbers, files, strict=True))


def _add_channel(
    name: str, folder: Path, images_of: dict[str, tuple[tuple[str, Path], ...]], problems: list[Problem]
) -> None:
    """Add the files of a channel's folder to the cases of their names; cases without one are emptied."""
    by_name: dict[str, Path] = {}
    for file in find_files([folder], problems):
        known = by_name.setdefault(same_name(stem_of(file)), file)
        if known != file:
            problems.append(blocking(file, f"the channel {name} has another file of this name", "rename one of them"))
    used = set()
    for id, images in images_of.items():
        if not images:
            continue
        key = next((key for key in (same_name(stem_of(images[0][1])), same_name(id)) if key in by_name), None)
        if key is None:
            file = images[0][1]
            problems.append(blocking(file, f"its channel {name} is missing", "add it or leave the scan out"))
            images_of[id] = ()
        else:
            used.add(key)
            images_of[id] = (*images, (name, by_name[key]))
    for key, file in by_name.items():
        if key not in used:
            problems.append(blocking(file, f"no scan belongs to this file of the channel {name}", "add the scan"))


def run_import(
    project: Project,
    plan: ImportPlan,
    *,
    report: Callable[[int, int, str], None] | None = None,
    stop: Callable[[], bool] | None = None,
    foreground: int | None = None,
) -> ImportReport:
    """Add the planned cases one by one; one bad file never stops the others.

    Parameters
    ----------
    report
        Called with (done, total, case) before each case.
    stop
        Asked before each case; what was added stays.
    foreground
        Mask value that is foreground, where masks hold several.

    Raises
    ------
    CannotSave
        If the project's disk is full or read-only: going on would fail for every case.
    """
    problems = list(plan.problems)
    before = project.scan_hashes()
    added: list[str] = []
    for number, planned in enumerate(plan.cases):
        if stop is not None and stop():
            left = len(plan.cases) - number
            problems.append(
                Problem(
                    file=planned.id,
                    what=f"the import was stopped here ({left} of {len(plan.cases)} cases not imported)",
                    remedy="import the rest again",
                    blocking=True,
                )
            )
            break
        if report is not None:
            report(number, len(plan.cases), planned.id)
        try:
            added.append(_import_one(project, planned, problems, foreground))
        except (CannotSave, Cancelled):
            raise
        except FileProblem as error:
            problems.append(problem_from(error))
        except RareSegError as error:
            problems.append(Problem(file=planned.id, what=error.what, remedy=error.remedy, blocking=True))
        except MemoryError:
            what, remedy = "it does not fit into memory", "close other programs, or crop the scan"
            problems.append(Problem(file=planned.id, what=what, remedy=remedy, blocking=True))
    problems += _twins(project, before, added)
    return ImportReport(added=tuple(added), problems=tuple(problems))


def _twins(project: Project, before: Mapping[str, str], added: Sequence[str]) -> list[Problem]:
    """Return a note for each added case whose voxels are those of an earlier one."""
    first = {digest: id for id, digest in before.items()}
    hashes = project.scan_hashes()
    found = []
    for id in added:
        twin = first.setdefault(hashes[id], id)
        if twin != id:
            what = f"the scan is identical to that of {twin}"
            found.append(Problem(file=id, what=what, remedy="remove one, or give both one group", blocking=False))
    return found


def _import_one(project: Project, planned: PlannedCase, problems: list[Problem], foreground: int | None) -> str:
    volume = read_planned(planned)
    main = planned.images[0][1]
    problems.extend(check_scan(volume, main))
    mask, state = _read_mask(planned, volume, problems, foreground)
    canonical = volume.canonical()
    case = project.add_case(
        id=planned.id,
        group=planned.group,
        volume=canonical,
        source_grid=volume.grid,
        source_suffix=suffix_of(main),
        sources=tuple(file.name for _, file in planned.images),
        mask=Mask(labels=np.ascontiguousarray(mask.canonical().labels), grid=canonical.grid) if mask else None,
        state=state,
    )
    return case.id


def read_planned(planned: PlannedCase) -> Volume:
    """Return the scan of a planned case with all its channels, in file order; errors as `read_volume`."""
    name, file = planned.images[0]
    first = read_volume(file)
    if len(planned.images) == 1:
        return replace(first, channels=(name,)) if len(first.channels) == 1 else first
    parts, names, notes = [_only_channel(first, file)], [name], list(first.notes)
    for name, file in planned.images[1:]:
        other = read_volume(file)
        check_channels(first, other, file)
        parts.append(_only_channel(other, file))
        names.append(name)
        notes += [f"{note} ({name})" for note in other.notes]
    return Volume(voxels=np.concatenate(parts), grid=first.grid, channels=tuple(names), notes=tuple(notes))


def _only_channel(volume: Volume, file: Path) -> NDArray[Any]:
    if len(volume.channels) > 1:
        raise UnreadableFile(
            file,
            f"it holds {len(volume.channels)} channels itself, so it cannot be one channel of a scan",
            remedy="export each channel as a file",
        )
    return volume.voxels


def _read_mask(
    planned: PlannedCase, volume: Volume, problems: list[Problem], foreground: int | None
) -> tuple[Mask | None, CaseState]:
    """Return the mask and the state it gives the case; a wrong mask is reported and left out, the scan stays."""
    if planned.mask is None:
        return None, CaseState.UNLABELLED
    try:
        mask = read_mask(planned.mask, foreground=foreground)
        problems.extend(check_pair(volume.grid, mask, planned.mask))
    except FileProblem as error:
        remedy = f"{error.remedy}; the scan was imported without it"
        problems.append(Problem(file=planned.mask.name, what=error.what, remedy=remedy, blocking=True))
        return None, CaseState.UNLABELLED
    mask = Mask(labels=mask.labels, grid=volume.grid)
    return mask, CaseState.CONFIRMED_EMPTY if is_confirmed_empty(mask) else CaseState.COMPLETE
