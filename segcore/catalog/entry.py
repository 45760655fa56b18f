"""The shape of a catalogue entry, and looking one up."""

from __future__ import annotations

from dataclasses import dataclass

from segcore.errors import UnknownName
from segcore.ranges import Setting


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thing a person can choose.

    Parameters
    ----------
    name
        The stable name used in recipes and on the command line.
    label
        What the form calls it.
    help
        One or two plain sentences: what it does to the rare class.
    paper
        Where it comes from (authors, year, DOI or arXiv id), or ``"ours"`` with what measured it.
    parameters
        Its settings with ranges and explanations.
    empty_patch
        What it does on a patch without foreground, in one sentence ("" where the question does not apply).
    needs_companion
        Whether it gives no gradient on empty patches and must be combined with a pixel loss.
    """

    name: str
    label: str
    help: str
    paper: str = ""
    parameters: tuple[Setting, ...] = ()
    empty_patch: str = ""
    needs_companion: bool = False

    def parameter(self, name: str) -> Setting:
        """Return the parameter called `name`, or raise `UnknownName` with the known names."""
        for item in self.parameters:
            if item.name == name:
                return item
        raise UnknownName(f"parameter of {self.name}", name, [p.name for p in self.parameters])


def find(kind: str, name: str, entries: tuple[Entry, ...]) -> Entry:
    """Return the entry called `name`, or raise `UnknownName` with the known names."""
    for entry in entries:
        if entry.name == name:
            return entry
    raise UnknownName(kind, name, [entry.name for entry in entries])
