"""Which cases are of one patient: from a table, or proposed from names for a person to look at."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from segcore.errors import UnreadableFile
from segcore.projects.case import Problem
from segcore.projects.pairing import blocking, note, same_name
from segcore.scans.formats.table import stem_of

_GROUP_NAMES = ("group", "patient", "patient_id", "subject", "subject_id", "participant_id")
_CASE_NAMES = ("case", "id", "file", "image", "scan", "name")


def read_groups(file: Path | None, problems: list[Problem]) -> dict[str, str]:
    """Return the group of each case by `same_name` of its id, from a CSV with the columns case and group.

    Commas, semicolons and tabs are understood; without a head the first two columns are taken.

    Raises
    ------
    UnreadableFile
        If it is no table.
    """
    if file is None:
        return {}
    try:
        text = file.read_text(encoding="utf-8-sig")
        rows = list(csv.reader(text.splitlines(), delimiter=_delimiter(text)))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UnreadableFile(file, "the table of groups cannot be read", remedy="save it as CSV in UTF-8") from error
    rows = [[cell.strip() for cell in row] for row in rows if len(row) >= 2]
    if not rows:
        problems.append(blocking(file, "the table of groups is empty", "give it the columns case and group"))
        return {}
    names = [cell.lower() for cell in rows[0]]
    at_group = next((names.index(name) for name in _GROUP_NAMES if name in names), None)
    if at_group is None:
        at_case, at_group = 0, 1
    else:
        at_case = next((names.index(name) for name in _CASE_NAMES if name in names), int(at_group == 0))
        rows = rows[1:]
    return _table(file, [(row[at_case], row[at_group]) for row in rows if len(row) > max(at_case, at_group)], problems)


def _delimiter(text: str) -> str:
    head = text.partition("\n")[0]
    return max(",;\t", key=head.count)


def _table(file: Path, pairs: Sequence[tuple[str, str]], problems: list[Problem]) -> dict[str, str]:
    groups: dict[str, str] = {}
    for case, group in pairs:
        known = groups.setdefault(same_name(case), group) if case and group else group
        if known != group:
            problems.append(note(file, f"{case} is in two groups ({known}, {group})", f"{known} was taken"))
    return groups


def group_of(id: str, file: Path, groups: Mapping[str, str]) -> str | None:
    """Return the group of a case, found by its id, its file's name or its file's stem; None where it has none."""
    names = (same_name(name) for name in (id, file.name, stem_of(file)))
    return next((groups[name] for name in names if name in groups), None)


def check_groups(file: Path, groups: Mapping[str, str], without: Sequence[str], used: Collection[str]) -> list[Problem]:
    """Return what does not fit between a table of groups and the cases: ids `without` a group, names never `used`."""
    found = []
    if without:
        found.append(note(file, f"{_listed(without)} not in the table", "each such case is taken for its own patient"))
    unused = [name for name in groups if name not in used]
    if unused:
        found.append(note(file, f"{_listed(unused)} in the table but not among the scans", "check the names"))
    return found


def _listed(names: Sequence[str]) -> str:
    words = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return f"{words} {'is' if len(names) == 1 else 'are'}"


def guess_groups(ids: Sequence[str]) -> dict[str, str]:
    """Propose groups from names: ids that share what stands before the last separator or trailing number.

    Only a proposal for a person to look at; returned unchanged (each id its own group) where nothing is shared.
    """
    stems = {id: re.sub(r"([ _.-]+[^ _.-]*|\d+)$", "", id) or id for id in ids}
    shared = Counter(stems.values())
    useful = 1 < len(shared) < len(ids)
    return {id: stems[id] if useful and shared[stems[id]] > 1 else id for id in ids}
