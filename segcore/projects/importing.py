"""Bringing files into a project: first a plan that a person can look at, then the import, then the report."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segcore.errors import Cancelled, CannotSave, FileProblem, RareSegError, UnreadableFile
from segcore.projects.case import CaseState, Problem
from segcore.projects.integrity import check_channels, check_pair, check_scan, is_confirmed_empty, problem_from
from segcore.projects.project import Project
from segcore.scans.formats.table import is_scan_file, read_mask, read_volume, stem_of, suffix_of
from segcore.scans.volume import Mask, Volume

MAIN_CHANNEL = "image"
_AFFIX = re.compile(
    r"(?i)^(mask|label|labels|seg|gt|lesion)[ _.-]+|[ _.-]+(mask|masks|label|labels|seg|segmentation|gt|lesion|lesions|"
    r"annotation|roi)$"
)
_MASK_FOLDER = re.compile(r"(?i)^(mask|masks|label|labels|labelstr|seg|segs|segmentation|segmentations|gt)$")


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
    found_images, found_masks = _sort_files(images, masks, exclude=tuple(others.values()))
    if masks_too:
        found_images, found_masks = [*found_images, *found_masks], []
    by_stem = _by_stem(found_images, problems)
    mask_of = _pair_masks(by_stem, found_masks, problems)
    of_group = _read_groups(groups, problems)
    channel_files = {name: _files_by_stem(folder) for name, folder in others.items()}
    cases = []
    for stem, file in sorted(by_stem.items(), key=lambda item: natural_key(item[0])):
        extra = [(name, files.get(stem)) for name, files in channel_files.items()]
        missing = [name for name, found in extra if found is None]
        if missing:
            problems.append(
                _blocking(file, f"its channel {' and '.join(missing)} is missing", "add it or leave the scan out")
            )
            continue
        if stem in known_ids:
            note = Problem(
                file=file.name, what="a case of this name is in the project", remedy="it gets a number", blocking=False
            )
            problems.append(note)
        images_of = ((main_name, file), *((name, found) for name, found in extra if found is not None))
        group = of_group.get(stem, of_group.get(file.name, stem))
        cases.append(PlannedCase(id=stem, group=group, images=images_of, mask=mask_of.get(stem)))
    return ImportPlan(cases=tuple(cases), problems=tuple(problems))


def natural_key(text: str) -> tuple[tuple[int, int | str], ...]:
    """Return a sorting key that puts case2 before case10."""
    return tuple(
        (0, int(part)) if part.isdigit() else (1, part.casefold()) for part in re.split(r"(\d+)", text) if part
    )


def _channel_folders(images: Sequence[Path], channels: Mapping[str, Path]) -> tuple[str, dict[str, Path]]:
    main = MAIN_CHANNEL
    others = {}
    for name, folder in channels.items():
        if any(folder.resolve() == given.resolve() for given in images):
            main = name
        else:
            others[name] = folder
    return main, others


def _walk(paths: Sequence[Path]) -> list[Path]:
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += sorted(file for file in path.rglob("*") if file.is_file() and is_scan_file(file))
        else:
            found.append(path)
    return list(dict.fromkeys(found))


def _sort_files(
    images: Sequence[Path], masks: Sequence[Path], *, exclude: tuple[Path, ...]
) -> tuple[list[Path], list[Path]]:
    outside = [folder.resolve() for folder in exclude]
    given_masks = _walk(masks)
    taken = {file.resolve() for file in given_masks}
    found_images, found_masks = [], list(given_masks)
    for file in _walk(images):
        real = file.resolve()
        if real in taken or any(folder in real.parents for folder in outside):
            continue
        looks_like_mask = _MASK_FOLDER.match(file.parent.name) or _AFFIX.search(stem_of(file))
        if looks_like_mask and not masks:
            found_masks.append(file)
        else:
            found_images.append(file)
    if not found_images:  # a folder called "masks" dropped alone, or scans that are all called "..._seg"
        return found_masks if not masks else [], found_masks if masks else []
    return found_images, found_masks


def _by_stem(files: Sequence[Path], problems: list[Problem]) -> dict[str, Path]:
    result: dict[str, Path] = {}
    for file in files:
        if not is_scan_file(file):
            problems.append(
                _blocking(file, f"the file type {suffix_of(file) or '(none)'} is not supported", "convert it")
            )
        elif stem_of(file) in result:
            what = f"another file has the same name ({result[stem_of(file)].parent.name}/{result[stem_of(file)].name})"
            problems.append(_blocking(file, what, "rename one of them"))
        else:
            result[stem_of(file)] = file
    return result


def _files_by_stem(folder: Path) -> dict[str, Path]:
    return {stem_of(file): file for file in _walk([folder])}


def _pair_masks(by_stem: Mapping[str, Path], masks: Sequence[Path], problems: list[Problem]) -> dict[str, Path]:
    bare = {_AFFIX.sub("", stem): stem for stem in by_stem}
    pairs: dict[str, Path] = {}
    for mask in masks:
        stem = stem_of(mask)
        target = stem if stem in by_stem else bare.get(_AFFIX.sub("", stem))
        if target is None:
            problems.append(_blocking(mask, "no scan has the name of this mask", "rename it like its scan"))
        elif target in pairs:
            problems.append(
                _blocking(mask, f"the scan has another mask already ({pairs[target].name})", "keep one of them")
            )
        else:
            pairs[target] = mask
    return pairs


def _read_groups(file: Path | None, problems: list[Problem]) -> dict[str, str]:
    if file is None:
        return {}
    try:
        with file.open(newline="", encoding="utf-8-sig") as handle:
            rows = list(csv.reader(handle))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UnreadableFile(file, "the table of groups cannot be read", remedy="save it as CSV in UTF-8") from error
    rows = [row for row in rows if len(row) >= 2]
    if rows and {cell.strip().lower() for cell in rows[0]} & {"group", "patient", "subject"}:
        names = [cell.strip().lower() for cell in rows[0]]
        at_group = next(i for i, name in enumerate(names) if name in ("group", "patient", "subject"))
        at_case = 0 if at_group != 0 else 1
        return {row[at_case].strip(): row[at_group].strip() for row in rows[1:]}
    if not rows:
        problems.append(_blocking(file, "the table of groups is empty", "give it the columns case and group"))
    return {row[0].strip(): row[1].strip() for row in rows}


def guess_groups(ids: Sequence[str]) -> dict[str, str]:
    """Propose groups from names: ids that share what stands before the last separator or trailing number.

    Only a proposal for a person to look at; returned unchanged (each id its own group) where nothing is shared.
    """
    stems = {id: re.sub(r"([ _.-]+[^ _.-]*|\d+)$", "", id) or id for id in ids}
    shared: dict[str, int] = defaultdict(int)
    for stem in stems.values():
        shared[stem] += 1
    useful = 1 < len(shared) < len(ids)
    return {id: stems[id] if useful and shared[stems[id]] > 1 else id for id in ids}


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
    added: list[str] = []
    twins = {digest: id for id, digest in project.scan_hashes().items()}
    for number, planned in enumerate(plan.cases):
        if stop is not None and stop():
            problems.append(
                Problem(
                    file=planned.id, what="the import was stopped here", remedy="import the rest again", blocking=True
                )
            )
            break
        if report is not None:
            report(number, len(plan.cases), planned.id)
        try:
            case_id = _import_one(project, planned, problems, foreground)
        except (CannotSave, Cancelled):
            raise
        except FileProblem as error:
            problems.append(problem_from(error))
            continue
        except RareSegError as error:
            problems.append(Problem(file=planned.id, what=error.what, remedy=error.remedy, blocking=True))
            continue
        added.append(case_id)
        digest = project.scan_hashes()[case_id]
        if digest in twins:
            what = f"the scan is identical to that of {twins[digest]}"
            problems.append(
                Problem(file=planned.id, what=what, remedy="remove one, or give both one group", blocking=False)
            )
        twins.setdefault(digest, case_id)
    return ImportReport(added=tuple(added), problems=tuple(problems))


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


def _blocking(file: Path, what: str, remedy: str) -> Problem:
    return Problem(file=file.name, what=what, remedy=remedy, blocking=True)
