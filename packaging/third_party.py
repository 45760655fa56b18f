"""THIRD-PARTY.txt: who wrote what lies in the bundle, under which licence; refuses what must not be in it.

Which packages are in is not guessed from a list: every file that PyInstaller collected is traced to the distribution,
or to the system library, that it came from.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import Distribution
from pathlib import Path

from bundle_contents import ROOT, SYSTEM_LIBRARIES

#: Licences that may be in the bundle, as words of a licence expression.
ALLOWED = frozenset(
    (
        "0BSD",
        "Apache-2.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "BSL-1.0",
        "CC0-1.0",
        "HPND",
        "ISC",
        "LLVM-exception",
        "MIT",
        "MIT-CMU",
        "MPL-2.0",
        "PSF-2.0",
        "Unlicense",
        "Zlib",
    )
)
#: Qt for Python: LGPL-3 is what we choose of its three.
_LGPL = re.compile(r"\bLGPL-3\.0-(only|or-later)\b")
#: What older packages write instead of an expression, and what it means.
_OLD_NAMES = {
    "MIT License": "MIT",
    "BSD License": "BSD-3-Clause",
    "Apache Software License": "Apache-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "ISC License (ISCL)": "ISC",
}
#: PyInstaller's start program and loader are in every bundle; their licence has an exception made for that.
PYINSTALLER = frozenset({"pyinstaller", "pyinstaller-hooks-contrib"})
BOOTLOADER = (
    "PyInstaller's start program and loader",
    "GPL-2.0 with an exception that leaves bundles under their own licence",
)
_LICENCE_FILE = re.compile(r"(licen[cs]e|copying|notice)", re.IGNORECASE)


class LicenceProblem(Exception):
    """A file in the bundle is under a licence that must not be in it, or nobody knows under which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One package in the bundle."""

    name: str
    version: str
    licence: str
    texts: tuple[tuple[str, str], ...]


def licence_of(distribution: Distribution) -> str:
    """Return the licence of a package as an expression.

    Raises
    ------
    LicenceProblem
        If it is under the GPL or AGPL, under something that is not on the list, or does not say.
    """
    said = _said(distribution)
    name = distribution.metadata["Name"]
    if not said:
        raise LicenceProblem(f"{name} does not say under which licence it is; look, then add it to third_party.py.")
    if _LGPL.search(said) and "OR" in said.split():
        return "LGPL-3.0-only"
    words = set(re.split(r"[\s()]+", said)) - {"AND", "OR", "WITH", ""}
    if not words <= ALLOWED:
        raise LicenceProblem(f"{name} is under {said}, which must not be in the bundle: {', '.join(words - ALLOWED)}.")
    return said


def _said(distribution: Distribution) -> str:
    """Return the licence expression of a package: its own, or one made of its older fields; empty if there is none."""
    fields = distribution.metadata
    if fields["License-Expression"]:
        return str(fields["License-Expression"])
    classes = [row.rpartition(" :: ")[2] for row in fields.get_all("Classifier", []) if row.startswith("License ::")]
    named = [_OLD_NAMES.get(row, row.replace(" ", "-")) for row in classes if row != "OSI Approved"]
    if named:
        return " AND ".join(named)
    lines = (fields["License"] or "").strip().splitlines()
    return lines[0] if len(lines) == 1 else ""


def owners(sources: Iterable[Path], distributions: Sequence[Distribution]) -> tuple[list[Distribution], list[Path]]:
    """Return the packages that the collected files came from, and the files that belong to none."""
    owner = {
        Path(str(distribution.locate_file(file))).resolve(): distribution
        for distribution in distributions
        for file in distribution.files or ()
    }
    used: dict[str, Distribution] = {}
    others = []
    for source in sorted({path.resolve() for path in sources}):
        found = owner.get(source)
        if found is None:
            others.append(source)
        else:
            used[found.metadata["Name"].lower()] = found
    return [used[name] for name in sorted(used)], others


def system_library(path: Path) -> tuple[str, str]:
    """Return project and licence of a shared library that came from the build machine's system.

    Raises
    ------
    LicenceProblem
        If it is not on the list: it may be under the GPL (readline, gdbm), and belongs to the target's system anyway.
    """
    for start, project, licence in SYSTEM_LIBRARIES:
        if path.name.startswith(start):
            return project, licence
    raise LicenceProblem(
        f"{path.name} of the build machine's system must not be in the bundle; see bundle_contents.py."
    )


def part_of(distribution: Distribution) -> Part:
    """Return a package's name, version, licence and the texts that must travel with it."""
    licence = licence_of(distribution)
    texts = []
    for file in distribution.files or ():
        in_metadata = ".dist-info" in str(file.parent)
        if in_metadata and _LICENCE_FILE.search(file.name) and Path(str(file.locate())).is_file():
            texts.append((file.name, Path(str(file.locate())).read_text("utf-8", errors="replace").strip()))
    if not texts and not licence.startswith("LGPL"):
        texts = [("licence", (distribution.metadata["License"] or licence).strip())]
    metadata = distribution.metadata
    return Part(name=metadata["Name"], version=metadata["Version"], licence=licence, texts=tuple(texts))


def third_party_text(parts: Sequence[Part], system: Sequence[tuple[str, str]]) -> str:
    """Return the whole document: Qt's notice first, then a table, then every text."""
    notice = (ROOT / "resources" / "licences" / "THIRD-PARTY.md").read_text("utf-8")
    qt = next(block for block in notice.split("\n\n") if "Lesser General Public License" in block).replace("**", "")
    data = next(block for block in notice.split("\n\n") if "ICBM 152" in block).replace("**", "")
    rows = [(f"{part.name} {part.version}", part.licence) for part in parts]
    rows += [*dict.fromkeys(system), BOOTLOADER]
    width = max(len(name) for name, _ in rows) + 2
    blocks = [
        "THIRD-PARTY SOFTWARE IN THIS BUNDLE OF RARESEG",
        "Made when the bundle was built, from the files that are in it.",
        qt.strip(),
        "The full texts of the LGPL and of the GPL, to which it refers, lie beside this file: LGPL-3.txt, GPL-3.txt.",
        data.strip(),
        "\n".join(f"{name:<{width}}{licence}" for name, licence in rows),
    ]
    rule = "=" * 100
    for part in parts:
        for name, text in part.texts:
            blocks.append(f"{rule}\n{part.name} {part.version}: {name}\n{rule}\n{text}")
    return "\n\n".join(blocks) + "\n"


def write_third_party(sources: Iterable[Path], distributions: Sequence[Distribution], target: Path) -> list[Part]:
    """Write the document for a bundle made of `sources`; return the packages in it.

    Raises
    ------
    LicenceProblem
        If something in the bundle must not be there.
    """
    used, others = owners(sources, distributions)
    parts = [part_of(one) for one in used if one.metadata["Name"].lower() not in {"rareseg", *PYINSTALLER}]
    libraries = [path for path in others if re.search(r"\.so(\.|$)", path.name) and not _of_python(path)]
    target.write_text(third_party_text(parts, [system_library(path) for path in libraries]), "utf-8")
    return parts


def _of_python(path: Path) -> bool:
    """Whether a shared object is one of Python's own extension modules."""
    return "lib-dynload" in path.parts
