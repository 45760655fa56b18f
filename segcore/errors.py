"""Every error that a person can cause, drawn as one tree.

::

    RareSegError
    ├── FileProblem                 something is wrong with a named file
    │   ├── UnreadableFile          empty, truncated, damaged, or not what its name says
    │   ├── UnsupportedFormat       no reader or writer for this kind of file
    │   ├── TooLarge                the header asks for more memory than is safe
    │   ├── BadGeometry             singular or non-finite affine, spacing of zero
    │   ├── MaskMismatch            a mask whose shape, spacing or orientation is not the scan's
    │   ├── BadLabels               a mask whose values cannot be read as background/foreground/unlabelled
    │   └── CannotSave              read-only folder, full disk, file in use
    ├── ProjectProblem              something is wrong with a project
    │   ├── NotAProject
    │   ├── ProjectTooNew
    │   ├── ProjectDamaged
    │   ├── ProjectLocked           another window or command is writing to it
    │   ├── ProjectReadOnly
    │   └── NotEnoughData           too few cases, no foreground, nothing to validate on
    ├── SettingProblem              something is wrong with what was asked for
    │   ├── UnknownName             answered with the names that are known
    │   └── OutOfRange              answered with the range
    ├── EngineProblem               the engine process ended, ran out of memory or lost its device
    └── Cancelled                   the person changed their mind: nobody is shown this

Each class builds its own sentence from facts: what happened to which file, what was found, what to do.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path


class RareSegError(Exception):
    """An expected error. ``str(error)`` is one sentence fit for a person.

    Parameters
    ----------
    what
        What happened, without a final full stop.
    remedy
        What the person can do about it, as an imperative without a final full stop.
    file
        The file or folder concerned, if one is.
    """

    def __init__(self, what: str, *, remedy: str = "", file: Path | str | None = None) -> None:
        self.what = what
        self.remedy = remedy
        self.file = Path(file) if file is not None else None
        super().__init__(self.sentence)

    @property
    def sentence(self) -> str:
        """The whole message: file, what happened, remedy."""
        subject = f"{self.file.name or self.file}: " if self.file is not None else ""
        ending = f"; {self.remedy}." if self.remedy else "."
        return " ".join(f"{subject}{self.what}{ending}".split())


class FileProblem(RareSegError):
    """Something is wrong with a named file."""

    def __init__(self, file: Path | str, what: str, *, remedy: str = "") -> None:
        super().__init__(what, remedy=remedy, file=file)


class UnreadableFile(FileProblem):
    """The file is empty, truncated, damaged, or not what its name says."""


class UnsupportedFormat(FileProblem):
    """There is no reader or writer for this kind of file."""

    def __init__(self, file: Path | str, known: Iterable[str]) -> None:
        super().__init__(
            file,
            f"the file type {Path(file).suffix or '(none)'} is not supported",
            remedy=f"convert it to one of {', '.join(known)}",
        )


class TooLarge(FileProblem):
    """The header asks for more memory than is safe to allocate."""


class BadGeometry(FileProblem):
    """The affine is singular, sheared or not finite, or a spacing is not positive."""


class MaskMismatch(FileProblem):
    """A mask whose shape, spacing or orientation is not the scan's."""


class BadLabels(FileProblem):
    """A mask whose values cannot be read as background, foreground and unlabelled."""


class CannotSave(FileProblem):
    """Writing failed: read-only folder, full disk, file in use. The previous version is intact."""


class ProjectProblem(RareSegError):
    """Something is wrong with a project."""


class NotAProject(ProjectProblem):
    """The folder holds no RareSeg project."""


class ProjectTooNew(ProjectProblem):
    """The project was written by a newer version of RareSeg."""


class ProjectDamaged(ProjectProblem):
    """The project's store failed its integrity check."""


class ProjectLocked(ProjectProblem):
    """Another window or command is writing to the project."""


class ProjectReadOnly(ProjectProblem):
    """The project was opened for reading only."""


class NotEnoughData(ProjectProblem):
    """Too few cases, no foreground, or nothing to validate on."""


class SettingProblem(RareSegError):
    """Something is wrong with what was asked for."""


class UnknownName(SettingProblem):
    """A name that no catalogue holds, answered with the names that are known."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        names = sorted(known)
        near = get_close_matches(name, names, n=1)
        hint = f"did you mean {near[0]!r}? Known: " if near else "use one of "
        super().__init__(f"there is no {kind} named {name!r}", remedy=f"{hint}{', '.join(names)}")
        self.known = tuple(names)


class OutOfRange(SettingProblem):
    """A number outside its range, answered with the range."""

    def __init__(self, name: str, value: object, allowed: str) -> None:
        super().__init__(f"{name} is {value}", remedy=f"choose a value in the range {allowed}")


class EngineProblem(RareSegError):
    """The engine process ended, ran out of memory or lost its device."""


class Cancelled(RareSegError):
    """The person changed their mind; nobody is shown this."""

    def __init__(self) -> None:
        super().__init__("cancelled")
