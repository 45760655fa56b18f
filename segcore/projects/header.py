"""``project.toml``: what a folder must hold to be a project."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import tomli_w

from segcore.errors import NotAProject, ProjectDamaged
from segcore.projects.store import too_new
from segcore.storage import write_text

HEADER_NAME = "project.toml"

#: Raised when an older RareSeg could not read the folder any more.
FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """Name and lasting identity of a project."""

    name: str
    id: str


def new_header(folder: Path, name: str | None) -> Header:
    """Write the header of a new project; see `segcore.storage.write_text` for the errors."""
    title = " ".join((name or folder.absolute().name).encode("utf-8", "replace").decode("utf-8").split())
    header = Header(name=title or "Project", id=str(uuid4()))
    write_text(folder / HEADER_NAME, tomli_w.dumps({"format": FORMAT, "name": header.name, "id": header.id}))
    return header


def read_header(folder: Path) -> Header:
    """Return the header of the project in `folder`.

    Raises
    ------
    NotAProject, ProjectTooNew, ProjectDamaged
        In one sentence.
    """
    file = folder / HEADER_NAME
    if not file.is_file():
        raise NotAProject(
            "the folder holds no RareSeg project", remedy="choose a folder with a project.toml", file=folder
        )
    try:
        header = tomllib.loads(file.read_text("utf-8"))
        version = int(header["format"])
        found = Header(name=str(header["name"]), id=str(header["id"]))
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ProjectDamaged(
            f"{HEADER_NAME} cannot be read",
            remedy=f"restore it from a backup, or write format = {FORMAT}, name and id into it",
            file=folder,
        ) from error
    if version > FORMAT:
        raise too_new(folder)
    return found
