"""Numbers measured per case, kept in the project's cache until the scan or the mask of the case changes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar

from segcore.errors import CannotSave, SettingProblem
from segcore.projects.case import Case
from segcore.projects.project import Project
from segcore.records import from_line, to_line
from segcore.storage import write_text


class Measured(Protocol):
    """A frozen dataclass of one case's numbers."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def case(self) -> str: ...  # noqa: D102 - its id
    @property
    def version(self) -> int: ...  # noqa: D102 - of the way it was measured


T = TypeVar("T", bound=Measured)


def kept(
    project: Project, case: Case, kind: type[T], version: int, make: Callable[[], T], *, folder: str, key: str = ""
) -> T:
    """Return a case's numbers: from the cache, where its scan and mask are what they were, else made and kept.

    Parameters
    ----------
    version
        Numbers kept by another version are made again.
    folder
        Below the cache, one for each kind of numbers.
    key
        What else the numbers depend on; part of a file name.
    """
    found = already_kept(project, case, kind, version, folder=folder, key=key)
    if found is not None:
        return found
    made = make()
    if not project.read_only:
        with suppress(CannotSave):  # the cache only saves time
            write_text(_file(project, case, folder, key), to_line(made))
    return made


def already_kept(project: Project, case: Case, kind: type[T], version: int, *, folder: str, key: str = "") -> T | None:
    """Return a case's numbers from the cache; None where they are not there or not true any more. See `kept`."""
    with suppress(OSError, UnicodeDecodeError, SettingProblem):  # not measured yet, or damaged: it is only a cache
        found: T = from_line(kind, _file(project, case, folder, key).read_text("utf-8"))
        if found.version == version:
            return dataclasses.replace(found, case=case.id)  # an identical scan may go by another id
    return None


def _file(project: Project, case: Case, folder: str, key: str) -> Path:
    return project.cache_folder / folder / f"{project.content_hash(case.id)}{key}.json"
