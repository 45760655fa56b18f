"""The masks of a project: versions, and the journal of strokes since the newest one."""

from __future__ import annotations

import hashlib
import json
import threading
from typing import Any

import numpy as np

from segcore.annotation.edits import MaskEdit
from segcore.annotation.history import pack, unpack
from segcore.errors import SettingProblem, UnknownName
from segcore.geometry import Box, Grid
from segcore.projects import audit
from segcore.projects.case import Case, CaseState, MaskVersion
from segcore.projects.rows import case_from_row
from segcore.projects.store import Store
from segcore.scans.components import count_lesions
from segcore.scans.volume import FOREGROUND, UNLABELLED, Mask


class KeptMasks:
    """The part of a project that keeps masks; methods take turns between threads."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._turn = threading.RLock()

    def cases(self) -> tuple[Case, ...]:
        """Return all cases in the order in which they were added; no voxel is read."""
        with self._turn:
            return tuple(case_from_row(row) for row in self._store.rows("SELECT * FROM cases ORDER BY position"))

    def case(self, id: str) -> Case:
        """Return one case, or raise `UnknownName`."""
        return case_from_row(self._row(id))

    def _row(self, id: str) -> Any:
        with self._turn:
            row = self._store.row("SELECT * FROM cases WHERE id = ?", id)
            if row is None:
                raise UnknownName("case", id, [r["id"] for r in self._store.rows("SELECT id FROM cases LIMIT 20")])
            return row

    def mask(self, id: str) -> Mask:
        """Return the mask as it stands, writable: the newest version with the strokes since then; all background if none."""
        with self._turn:
            case = self.case(id)
            row = self._store.row('SELECT * FROM masks WHERE "case" = ? ORDER BY number DESC LIMIT 1', id)
            mask = Mask.empty(case.grid) if row is None else _mask_from(row, case.grid)
            since = row["last_stroke"] if row is not None else 0
            for stroke in self._store.rows(
                'SELECT * FROM strokes WHERE "case" = ? AND seq > ? ORDER BY seq', id, since
            ):
                edit_from_row(stroke).apply(mask.labels)
            return mask

    def unsaved_strokes(self, id: str) -> int:
        """Return how many journalled strokes are not yet part of a version."""
        with self._turn:
            row = self._store.row(
                'SELECT COUNT(*) AS n FROM strokes WHERE "case" = ?1 AND seq > '
                '(SELECT COALESCE(MAX(last_stroke), 0) FROM masks WHERE "case" = ?1)',
                id,
            )
            return int(row["n"]) if row is not None else 0

    def record_edit(self, id: str, edit: MaskEdit, *, author: str) -> int:
        """Journal a stroke; it is on disk when this returns. Returns its sequence number.

        The first stroke on an unlabelled case makes it a draft.
        """
        gained = int(np.count_nonzero(edit.after == FOREGROUND)) - int(np.count_nonzero(edit.before == FOREGROUND))
        labelled = int(np.count_nonzero(edit.before == UNLABELLED)) - int(np.count_nonzero(edit.after == UNLABELLED))
        with self._turn, self._store.transaction() as connection:
            cursor = connection.execute(
                'INSERT INTO strokes ("case", author, time, label, box, before, after) VALUES (?, ?, ?, ?, ?, ?, ?)',
                (
                    id,
                    author,
                    audit.now(),
                    edit.label,
                    json.dumps([*edit.box.start, *edit.box.stop]),
                    pack(edit.before),
                    pack(edit.after),
                ),
            )
            connection.execute(
                "UPDATE cases SET foreground_voxels = MAX(0, foreground_voxels + ?), labelled_voxels = labelled_voxels + ?, "
                "state = CASE WHEN state IN (?, ?) THEN ? ELSE state END WHERE id = ?",
                (gained, labelled, CaseState.UNLABELLED, CaseState.CONFIRMED_EMPTY, CaseState.DRAFT, id),
            )
            return int(cursor.lastrowid or 0)

    def save_mask(
        self, id: str, mask: Mask, *, author: str, origin: str, state: CaseState | None = None
    ) -> MaskVersion:
        """Keep `mask` as a new version; journalled strokes up to now are folded into it.

        Raises
        ------
        SettingProblem
            If the mask is not on the case's grid.
        """
        case = self.case(id)
        if mask.grid.shape != case.grid.shape:
            raise SettingProblem(f"a mask of {mask.grid.shape} does not fit {id} of {case.grid.shape}")
        foreground, labelled, lesions = counts_of(mask)
        new_state = state or case.state
        with self._turn, self._store.transaction() as connection:
            version = self.insert_mask(connection, id, mask, author=author, origin=origin, foreground=foreground)
            connection.execute(
                "UPDATE cases SET foreground_voxels = ?, labelled_voxels = ?, lesions = ?, state = ? WHERE id = ?",
                (foreground, labelled, lesions, new_state.value, id),
            )
            audit.append(
                connection,
                author=author,
                action="mask saved",
                case=id,
                detail=f"version {version.number}, {origin}, {foreground} voxels, {mask_hash(mask)}",
            )
        return version

    def insert_mask(
        self, connection: Any, id: str, mask: Mask, *, author: str, origin: str, foreground: int
    ) -> MaskVersion:
        """Add a version inside a running transaction; strokes journalled so far are part of it."""
        last = connection.execute('SELECT MAX(number) AS n FROM masks WHERE "case" = ?', (id,)).fetchone()["n"]
        stroke = connection.execute('SELECT MAX(seq) AS n FROM strokes WHERE "case" = ?', (id,)).fetchone()["n"]
        version = MaskVersion(
            number=(last or 0) + 1, author=author, time=audit.now(), origin=origin, foreground_voxels=foreground
        )
        connection.execute(
            "INSERT INTO masks VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (id, version.number, author, version.time, origin, foreground, stroke or 0, pack(mask.labels)),
        )
        return version

    def mask_versions(self, id: str) -> tuple[MaskVersion, ...]:
        """Return all kept versions, oldest first."""
        with self._turn:
            rows = self._store.rows(
                'SELECT number, author, time, origin, foreground_voxels FROM masks WHERE "case" = ? ORDER BY number', id
            )
        return tuple(MaskVersion(**dict(row)) for row in rows)

    def mask_version(self, id: str, number: int) -> Mask:
        """Return one kept version, or raise `UnknownName`."""
        with self._turn:
            row = self._store.row('SELECT * FROM masks WHERE "case" = ? AND number = ?', id, number)
        if row is None:
            raise UnknownName(f"version of {id}", str(number), [str(v.number) for v in self.mask_versions(id)])
        return _mask_from(row, self.case(id).grid)

    def restore_mask(self, id: str, number: int, *, author: str) -> MaskVersion:
        """Make an old version the newest again; nothing in between is lost."""
        return self.save_mask(id, self.mask_version(id, number), author=author, origin="restored")


def edit_from_row(row: Any) -> MaskEdit:
    """Return the edit in a row of the table ``strokes``."""
    a, b, c, d, e, f = json.loads(row["box"])
    box = Box((a, b, c), (d, e, f))
    return MaskEdit(label=row["label"], box=box, before=unpack(row["before"], box), after=unpack(row["after"], box))


def _mask_from(row: Any, grid: Grid) -> Mask:
    return Mask(labels=unpack(row["labels"], Box((0, 0, 0), grid.shape)), grid=grid)


def counts_of(mask: Mask) -> tuple[int, int, int]:
    """Return foreground voxels, labelled voxels and lesions."""
    return mask.foreground_voxels, mask.labelled_voxels, count_lesions(mask.labels == FOREGROUND)


def mask_hash(mask: Mask) -> str:
    """Return a short hash of the labels."""
    return hashlib.blake2b(np.ascontiguousarray(mask.labels).data, digest_size=12).hexdigest()
