"""Suspects that a person has looked at and found right: kept with the project, so that they are not asked about again.

Cleared is one suspect of one mask: when the mask of its case changes, it is asked about anew.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from segcore.errors import SettingProblem
from segcore.imbalance.suspects import Suspect, Suspicions
from segcore.imbalance.traits import Place
from segcore.projects.audit import now
from segcore.projects.project import Project
from segcore.records import from_line, to_line
from segcore.storage import write_text

_FILE = "suspects-cleared.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleared:
    """One suspect that is right.

    Parameters
    ----------
    content
        `Project.content_hash` of the case when a person looked.
    """

    kind: str
    case: str
    other: str
    place: Place | None
    content: str
    author: str
    time: str


def clear_suspects(project: Project, suspects: Sequence[Suspect], *, author: str) -> None:
    """Keep that these suspects are right; each is an entry of the audit trail.

    Raises
    ------
    ProjectReadOnly, CannotSave
        Nothing is kept then.
    """
    more = [
        Cleared(
            kind=one.kind.value,
            case=one.case,
            other=one.other,
            place=one.place,
            content=project.content_hash(one.case),
            author=author,
            time=now(),
        )
        for one in suspects
    ]
    with project.together():
        for one in suspects:
            project.log("suspect cleared", author=author, case=one.case, detail=one.kind.value)
        _write(project, (*cleared_of(project), *more))


def ask_again(project: Project, *, author: str) -> None:
    """Forget everything that was cleared; errors as `clear_suspects`."""
    with project.together():
        project.log("suspects asked again", author=author)
        _write(project, ())


def without_cleared(project: Project, suspicions: Suspicions) -> tuple[Suspicions, int]:
    """Return the suspects that nobody has cleared, and how many were left out."""
    known = {(one.kind, one.case, one.other, one.place, one.content) for one in cleared_of(project)}
    if not known:
        return suspicions, 0
    kept = tuple(
        one
        for one in suspicions.found
        if (one.kind.value, one.case, one.other, one.place, project.content_hash(one.case)) not in known
    )
    return dataclasses.replace(suspicions, found=kept), len(suspicions.found) - len(kept)


def cleared_of(project: Project) -> tuple[Cleared, ...]:
    """Return everything that was cleared; a line that cannot be read is left out."""
    found: list[Cleared] = []
    with suppress(OSError, UnicodeDecodeError):
        for line in _file(project).read_text("utf-8").splitlines():
            with suppress(SettingProblem):
                found.append(from_line(Cleared, line))
    return tuple(found)


def _write(project: Project, cleared: Sequence[Cleared]) -> None:
    write_text(_file(project), "".join(f"{to_line(one)}\n" for one in cleared))


def _file(project: Project) -> Path:
    return project.folder / _FILE
