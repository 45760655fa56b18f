"""Cases as rows of the store, and back; ids that are safe folder names."""

from __future__ import annotations

import json
import re
import sqlite3
import unicodedata
from functools import lru_cache
from typing import Any

import numpy as np

from segcore.geometry import Grid
from segcore.projects.case import Case, CaseState, Part

_RESERVED = {
    "con",
    "prn",
    "aux",
    "nul",
    "conin$",
    "conout$",
    *(f"{d}{n}" for d in ("com", "lpt") for n in "0123456789¹²³"),
}
_FORBIDDEN = re.compile(r'[<>:"/\\|?*]+')

#: Longest id, bytes of UTF-8: file systems end names at 255 bytes, and suffixes and numbers are added.
_LONGEST = 120


def grid_to_json(grid: Grid) -> str:
    """Return a grid as JSON text; the affine survives bit for bit."""
    return json.dumps({"shape": grid.shape, "affine": grid.affine.tolist(), "calibrated": grid.calibrated})


@lru_cache(maxsize=4096)
def grid_from_json(text: str) -> Grid:
    """Return the grid written by `grid_to_json`; the same text gives the same object, with a read-only affine."""
    data = json.loads(text)
    p, r, c = data["shape"]
    affine = np.array(data["affine"], dtype=np.float64)
    affine.flags.writeable = False
    return Grid((p, r, c), affine, data["calibrated"])


def case_from_row(row: sqlite3.Row) -> Case:
    """Return the case in a row of the table ``cases``."""
    return Case(
        id=row["id"],
        group=row["group"],
        state=CaseState(row["state"]),
        part=Part(row["part"]) if row["part"] else None,
        channels=tuple(json.loads(row["channels"])),
        grid=grid_from_json(row["grid"]),
        source_grid=grid_from_json(row["source_grid"]),
        source_suffix=row["source_suffix"],
        sources=tuple(json.loads(row["sources"])),
        foreground_voxels=row["foreground_voxels"],
        labelled_voxels=row["labelled_voxels"],
        lesions=row["lesions"],
        note=row["note"],
    )


def case_to_values(case: Case, position: int, scan_hash: str) -> dict[str, Any]:
    """Return the columns of a case."""
    return {
        "id": case.id,
        "position": position,
        "group": case.group,
        "state": case.state.value,
        "part": case.part.value if case.part else None,
        "channels": json.dumps(case.channels),
        "grid": grid_to_json(case.grid),
        "source_grid": grid_to_json(case.source_grid),
        "source_suffix": case.source_suffix,
        "sources": json.dumps(case.sources),
        "scan_hash": scan_hash,
        "foreground_voxels": case.foreground_voxels,
        "labelled_voxels": case.labelled_voxels,
        "lesions": case.lesions,
        "note": case.note,
    }


def clean_line(text: str) -> str:
    """Return `text` as one line that can be stored: file names may hold bytes that are no text, and line endings."""
    return " ".join(clean_text(text).split())


def clean_text(text: str) -> str:
    """Return `text` without lone surrogates, which no UTF-8 file can hold."""
    return text.encode("utf-8", "replace").decode("utf-8")


def safe_id(name: str) -> str:
    """Return `name` as an id that is a safe folder name on every system.

    No separators, control characters or names that Windows reserves, no dots or spaces at the ends, at most 120 bytes,
    composed Unicode (macOS would otherwise take two spellings for one folder). Letters of all scripts are kept.
    """
    text = unicodedata.normalize("NFC", clean_text(name))
    text = "".join("_" if unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp") else c for c in text)
    text = _bounded(_FORBIDDEN.sub("_", text).strip(" ."))
    if text.split(".")[0].rstrip(" ").casefold() in _RESERVED:
        text = f"_{text}"
    return text or "case"


def _bounded(text: str) -> str:
    return text.encode("utf-8")[:_LONGEST].decode("utf-8", "ignore").strip(" .")


def is_safe_id(id: str) -> bool:
    """Whether `id` can be a folder inside the project: a database written by others must not lead outside it."""
    return bool(id) and id not in (".", "..") and not re.search(r"[\x00-\x1f/\\:]", id)


def numbered(id: str, number: int) -> str:
    """Return `id` with a number behind it, still within the longest length."""
    ending = f"-{number}"
    room = _LONGEST - len(ending)
    return id.encode("utf-8")[:room].decode("utf-8", "ignore").strip(" .") + ending
