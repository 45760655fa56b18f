"""Cases as rows of the store, and back."""

from __future__ import annotations

import json
import re
import sqlite3
from typing import Any

import numpy as np

from segcore.geometry import Grid
from segcore.projects.case import Case, CaseState, Part

_RESERVED = {"con", "prn", "aux", "nul", *(f"com{i}" for i in range(1, 10)), *(f"lpt{i}" for i in range(1, 10))}


def grid_to_json(grid: Grid) -> str:
    """Return a grid as JSON text; the affine survives bit for bit."""
    return json.dumps({"shape": grid.shape, "affine": grid.affine.tolist(), "calibrated": grid.calibrated})


def grid_from_json(text: str) -> Grid:
    """Return the grid written by `grid_to_json`."""
    data = json.loads(text)
    p, r, c = data["shape"]
    return Grid((p, r, c), np.array(data["affine"], dtype=np.float64), data["calibrated"])


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
        "sources": json.dumps(case.sources, ensure_ascii=False),
        "scan_hash": scan_hash,
        "foreground_voxels": case.foreground_voxels,
        "labelled_voxels": case.labelled_voxels,
        "lesions": case.lesions,
        "note": case.note,
    }


def safe_id(name: str) -> str:
    """Return `name` as an id that is a safe folder name on every system: no separators, no reserved names, bounded."""
    cleaned = re.sub(r'[\x00-\x1f<>:"/\\|?*]+', "_", name).strip(" .")
    cleaned = cleaned[:100].strip(" .") or "case"
    return f"{cleaned}_" if cleaned.split(".")[0].lower() in _RESERVED else cleaned
