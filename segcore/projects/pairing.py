"""Which file is a scan, which a mask, and which belong together: judged by names and folders, before anything is read."""

from __future__ import annotations

import os
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from segcore.projects.case import Problem
from segcore.scans.formats.table import is_scan_file, stem_of, suffix_of

_WORD = r"masks?|labels?|seg|segs|segmentations?|gt|groundtruth"
_MASK_WORD = re.compile(rf"(?i)^({_WORD}|lesions?|roi|annotations?)$")
_MASK_FOLDER = re.compile(rf"(?i)^({_WORD}|labelstr|labelsts)([ _.-].*)?$")
_AFFIX = re.compile(rf"(?i)^(?:{_WORD})[ _.-]+|[ _.-]+(?:{_WORD}|dseg|lesions?|annotations?|roi)$")
#: Affixes that scans have too ("patient_lesion"): these make a mask only of a file whose scan is there.
_WEAK_AFFIX = re.compile(r"(?i)[ _.-]+(?:lesions?|annotations?|roi|gt)$")
#: nnU-Net's scans: CASE_0000, CASE_0001, ... are the channels of CASE, in folders of these names.
_NNUNET_FOLDERS = ("imagestr", "imagests", "imagesval")
_NNUNET = re.compile(r"^(.+)_(\d{4})$")
#: Scans of kinds that are not read here. Other files (tables, notes, licences) are passed over without a word.
_SCAN_LIKE = re.compile(
    r"\.(img|hdr|mgz|mgh|mnc|minc|nia|par|rec|bmp|gif|webp|heic|heif|svs|czi|nd2|lif|ndpi|vsi|lsm|oib|oif|npy|npz|zip|7z|"
    r"tar|rar|tgz|nii\.zip|nii\.bz2)$"
)
_DICOM = (".dcm", ".dicom", ".ima")


def natural_key(text: str) -> tuple[tuple[int, int | str], ...]:
    """Return a sorting key that puts case2 before case10."""
    return tuple(
        (0, int(part)) if part.isdecimal() else (1, part.casefold()) for part in re.split(r"(\d+)", text) if part
    )


def same_name(text: str) -> str:
    """Return what two names share that differ only in upper and lower case or in how accents are stored."""
    return unicodedata.normalize("NFC", text).casefold().strip()


def blocking(file: Path, what: str, remedy: str) -> Problem:
    """Return the line for a file that is left out."""
    return Problem(file=file.name, what=what, remedy=remedy, blocking=True)


def note(file: Path, what: str, remedy: str) -> Problem:
    """Return the line for something to look at."""
    return Problem(file=file.name, what=what, remedy=remedy, blocking=False)


def find_files(paths: Sequence[Path], problems: list[Problem]) -> dict[Path, Path]:
    """Return the scan files among `paths` and below them, in natural order, each with the path it was found under.

    Hidden files and files that are no scans are passed over; scans of unknown kinds, folders that cannot be read, and
    paths that do not exist are reported.
    """
    found: dict[Path, Path] = {}
    for path in paths:
        if path.is_dir():
            for file in _below(path, problems):
                found.setdefault(file, path)
        elif not path.exists():
            problems.append(blocking(path, "it does not exist", "check the name"))
        elif is_scan_file(path):
            found.setdefault(path, path.parent)
        else:
            what = f"the file type {suffix_of(path) or '(none)'} is not supported"
            problems.append(blocking(path, what, "convert it to .nii.gz (volumes) or .png (images)"))
    return found


def _below(folder: Path, problems: list[Problem]) -> list[Path]:
    files: list[Path] = []
    unknown: dict[tuple[Path, str], list[Path]] = defaultdict(list)

    def unreadable(error: OSError) -> None:
        problems.append(blocking(Path(error.filename or folder), "the folder may not be read", "check its permissions"))

    for place, folders, names in os.walk(folder, onerror=unreadable):
        folders[:] = [name for name in folders if not name.startswith(".") and name != "__MACOSX"]
        for name in sorted(names, key=natural_key):
            file = Path(place) / name
            if name.startswith("."):
                continue
            if is_scan_file(file):
                files.append(file)
            elif kind := _unknown_kind(file, len(unknown[file.parent, "DICOM"])):
                unknown[file.parent, kind].append(file)
    problems += [_not_read(kind, group) for (_, kind), group in sorted(unknown.items()) if group]
    return sorted(files, key=lambda file: [natural_key(part) for part in file.parts])


def _unknown_kind(file: Path, dicoms_here: int) -> str:
    """Return the kind of a scan that is not read here; empty for a file that is no scan."""
    suffix = file.suffix.lower()
    if suffix in _DICOM:
        return "DICOM"
    if match := _SCAN_LIKE.search(file.name.lower()):
        return match.group()
    if suffix and not suffix[1:].isdecimal():
        return ""
    if dicoms_here >= 20:  # a series without suffixes: the first ones tell
        return "DICOM"
    try:
        with file.open("rb") as handle:
            return "DICOM" if handle.read(132)[128:] == b"DICM" else ""
    except OSError:
        return ""


def _not_read(kind: str, files: Sequence[Path]) -> Problem:
    first = files[0]
    count = "" if len(files) == 1 else f" ({len(files)} such files in {first.parent.name})"
    if kind == "DICOM":
        return blocking(
            first, f"DICOM is not read yet{count}", "convert the series to .nii.gz, for example by dcm2niix"
        )
    return blocking(
        first, f"the file type {kind} is not supported{count}", "convert it to .nii.gz, .nrrd, .tif or .png"
    )


def part_masks(
    found: Mapping[Path, Path], *, masks_given: bool, problems: list[Problem]
) -> tuple[list[Path], list[Path]]:
    """Return (scans, masks) among the files found below the folders given for scans.

    Parameters
    ----------
    masks_given
        Masks were named apart: then an affix makes no mask, and a folder of masks is passed over with a note.
    """
    in_folder = [file for file, root in found.items() if _in_mask_folder(file, root)]
    rest = [file for file in found if file not in set(in_folder)]
    if not rest:  # only a folder called "masks", or a study called "seg": the name of the folder tells nothing
        in_folder, rest = [], list(found)
    if masks_given:
        for folder in dict.fromkeys(file.parent for file in in_folder):
            problems.append(note(folder, "the folder looks like masks and was passed over", "masks were given apart"))
        return rest, []
    bare = {same_name(stem_of(file)) for file in rest if not _AFFIX.search(stem_of(file))}
    masks = [file for file in rest if _looks_like_mask(stem_of(file), bare, folders_of_masks=bool(in_folder))]
    scans = [file for file in rest if file not in set(masks)]
    return (scans, [*in_folder, *masks]) if scans else (rest, in_folder)


def _in_mask_folder(file: Path, root: Path) -> bool:
    inside = file.relative_to(root).parts[:-1] or (root.name,)
    return any(_MASK_FOLDER.match(part) for part in inside)


def _looks_like_mask(stem: str, bare: Collection[str], *, folders_of_masks: bool) -> bool:
    if _MASK_WORD.match(stem):
        return True
    if not _AFFIX.search(stem):
        return False
    if same_name(_AFFIX.sub("", stem)) in bare or any(_is_nnunet_of(name, _AFFIX.sub("", stem)) for name in bare):
        return True
    return not _WEAK_AFFIX.search(stem) and not folders_of_masks


def _is_nnunet_of(name: str, stem: str) -> bool:
    match = _NNUNET.match(name)
    return match is not None and match.group(1) == same_name(stem)


def name_cases(files: Sequence[Path], problems: list[Problem]) -> dict[str, tuple[Path, ...]]:
    """Return the scans by case id; several files where they are the numbered channels of nnU-Net.

    The id is the file's stem. Where folders hold files of one name (``p1/flair.nii.gz``, ``p2/flair.nii.gz``) the folder
    goes before it; where one folder's name extends the other's (``images``, ``images_T1``) these are channels that have
    to be named, and are reported, as are files that differ in their suffix alone.
    """
    groups: dict[str, list[Path]] = defaultdict(list)
    numbered: dict[str, list[Path]] = defaultdict(list)
    for file in files:
        match = _NNUNET.match(stem_of(file))
        if match and file.parent.name.lower() in _NNUNET_FOLDERS:
            numbered[match.group(1)].append(file)
        else:
            groups[same_name(stem_of(file))].append(file)
    cases = {stem: tuple(parts) for stem, parts in numbered.items()}
    alike = Counter(frozenset(file.parent for file in group) for group in groups.values())
    for group in groups.values():
        folders = frozenset(file.parent for file in group)
        # Few folders that agree in many names are channels; many folders that agree in a few names are patients.
        same_parent = len({folder.parent for folder in folders}) == 1
        channels = same_parent and alike[folders] > len(folders) > 1
        for id, file in _distinct(group, channels=channels, problems=problems).items():
            cases[_unused(id, cases)] = (file,)
    return cases


def _unused(id: str, taken: Collection[str]) -> str:
    number, free = 1, id
    while free in taken:
        number += 1
        free = f"{id}_{number}"
    return free


def _distinct(group: Sequence[Path], *, channels: bool, problems: list[Problem]) -> dict[str, Path]:
    """Return files of one stem by id; with `channels`, all but the first folder's are reported as such."""
    kept: dict[Path, Path] = {}
    for file in group:
        if file.parent in kept:
            what = f"another file in its folder has the same name ({kept[file.parent].name})"
            problems.append(blocking(file, what, "rename one of them"))
        else:
            kept[file.parent] = file
    first = min(kept, key=lambda folder: (len(folder.name), folder.name))
    for folder in [folder for folder in kept if folder != first]:
        if not channels and not re.match(rf"{re.escape(first.name)}[ _.-]", folder.name):
            continue
        what = f"{first.name} holds a scan of the same name as {folder.name}"
        remedy = f"if it is a channel of that scan, add {folder.name} as a channel"
        problems.append(blocking(kept.pop(folder), what, remedy))
    if len(kept) == 1:
        return {stem_of(file): file for file in kept.values()}
    return {f"{_own_part(file, kept.values())}_{stem_of(file)}".lstrip("_"): file for file in kept.values()}


def _own_part(file: Path, others: Collection[Path]) -> str:
    """Return the name of the uppermost folder in which `file` differs from the others."""
    own = file.parent.absolute().parts
    paths = [other.parent.absolute().parts for other in others]
    shared = next((n for n, parts in enumerate(zip(*paths, strict=False)) if len(set(parts)) > 1), min(map(len, paths)))
    return own[shared] if len(own) > shared else ""


def pair_masks(
    cases: Mapping[str, tuple[Path, ...]], masks: Sequence[Path], problems: list[Problem]
) -> dict[str, Path]:
    """Return the mask of each case that has one; masks without a scan, or one too many, are reported."""
    by_name: dict[str, list[str]] = defaultdict(list)
    for id, files in cases.items():
        stem = id if len(files) > 1 else stem_of(files[0])
        for name in dict.fromkeys((same_name(stem), same_name(_AFFIX.sub("", stem)), same_name(id))):
            by_name[name].append(id)
    pairs: dict[str, Path] = {}
    surplus: dict[Path, list[Path]] = defaultdict(list)
    for mask in masks:
        stem = stem_of(mask)
        candidates = by_name.get(same_name(stem)) or by_name.get(same_name(_AFFIX.sub("", stem))) or []
        if not candidates and _MASK_WORD.match(stem):
            candidates = [id for id, files in cases.items() if files[0].parent == mask.parent]
        target = _nearest(mask, {id: cases[id][0] for id in candidates})
        if not candidates:
            problems.append(blocking(mask, "no scan has the name of this mask", "rename it like its scan"))
        elif target is None:
            problems.append(
                blocking(mask, f"{len(candidates)} scans have the name of this mask", "put it beside its scan")
            )
        elif target in pairs:
            surplus[mask.parent].append(mask)
        else:
            pairs[target] = mask
    problems += [_surplus(folder, files) for folder, files in surplus.items()]
    return pairs


def _surplus(folder: Path, masks: Sequence[Path]) -> Problem:
    """Return one line for the masks of a folder whose scans have masks already."""
    remedy = "keep one mask for each scan, or say which folder holds the masks"
    if len(masks) == 1:
        return blocking(masks[0], "its scan has another mask already", remedy)
    what = f"{len(masks)} masks in it (such as {masks[0].name}) were left out: their scans have masks already"
    return blocking(folder, what, remedy)


def _nearest(mask: Path, candidates: Mapping[str, Path]) -> str | None:
    """Return the candidate whose path shares most folders with the mask's; None where two share as many."""
    folders = set(mask.parts[:-1])
    ranked = sorted(((len(folders & set(file.parts[:-1])), id) for id, file in candidates.items()), reverse=True)
    if not ranked or (len(ranked) > 1 and ranked[0][0] == ranked[1][0]):
        return None
    return ranked[0][1]
