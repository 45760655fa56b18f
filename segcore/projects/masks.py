"""The masks of a project: versions, and the journal of strokes since the newest one."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
from contextlib import suppress

import numpy as np

from segcore.annotation.edits import MaskEdit
from segcore.annotation.packing import pack, unpack
from segcore.errors import ProjectDamaged, SettingProblem, UnknownName
from segcore.geometry import Box, Grid
from segcore.projects import audit
from segcore.projects.case import Case, CaseState, MaskVersion, Work
from segcore.projects.rows import case_from_row, clean_line
from segcore.projects.store import Store
from segcore.projects.work import add_work, work_in, work_on
from segcore.scans.components import box_of, count_lesions
from segcore.scans.volume import FOREGROUND, UNLABELLED, Labels, Mask


class KeptMasks:
    """The part of a project that keeps masks.

    Threads take turns at the database only; arrays are unpacked and counted outside, so that a thumbnail made in the
    background does not hold up a stroke.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._turn = threading.RLock()

    def cases(self) -> tuple[Case, ...]:
        """Return all cases in the order in which they were added; no voxel is read."""
        with self._turn:
            rows = self._store.rows("SELECT * FROM cases ORDER BY position")
        return tuple(case_from_row(row) for row in rows)

    def case(self, id: str) -> Case:
        """Return one case, or raise `UnknownName`."""
        return case_from_row(self._row(id))

    def _row(self, id: str) -> sqlite3.Row:
        with self._turn:
            row = self._store.row("SELECT * FROM cases WHERE id = ?", id)
            if row is None:
                raise UnknownName("case", id, [r["id"] for r in self._store.rows("SELECT id FROM cases LIMIT 20")])
            return row

    # Masks as they stand

    def mask(self, id: str) -> Mask:
        """Return the mask as it stands: the newest version with the strokes since then; all background if none.

        The labels are a fresh copy, writable.

        Raises
        ------
        ProjectDamaged
            If the stored labels cannot be read.
        """
        with self._turn:
            grid = self.case(id).grid
            version = self._store.row('SELECT * FROM masks WHERE "case" = ? ORDER BY number DESC LIMIT 1', id)
            strokes = self._store.rows(
                'SELECT * FROM strokes WHERE "case" = ? AND seq > ? ORDER BY seq',
                id,
                version["last_stroke"] if version else 0,
            )
        mask = Mask.empty(grid) if version is None else _mask_from(version, grid)
        for stroke in strokes:
            edit_from_row(stroke, grid).apply(mask.labels)
        return mask

    def mask_stamp(self, id: str) -> str:
        """Return a short text that changes whenever the mask does; cheap, no voxel is read."""
        with self._turn:
            row = self._store.row(
                'SELECT (SELECT MAX(number) FROM masks WHERE "case" = ?1) AS version, '
                '(SELECT MAX(seq) FROM strokes WHERE "case" = ?1) AS stroke',
                id,
            )
        return f"{row['version']}-{row['stroke']}" if row is not None else ""

    def unsaved_strokes(self, id: str) -> int:
        """Return how many journalled strokes are not yet part of a version."""
        with self._turn:
            row = self._store.row(
                'SELECT COUNT(*) AS n FROM strokes WHERE "case" = ?1 AND seq > '
                '(SELECT COALESCE(MAX(last_stroke), 0) FROM masks WHERE "case" = ?1)',
                id,
            )
        return int(row["n"]) if row is not None else 0

    def _current_hash(self, id: str) -> str:
        with self._turn:
            row = self._store.row('SELECT hash FROM masks WHERE "case" = ? ORDER BY number DESC LIMIT 1', id)
            if row is not None and self.unsaved_strokes(id) == 0:
                return str(row["hash"])
        return mask_hash(self.mask(id))

    # Strokes

    def record_edit(self, id: str, edit: MaskEdit, *, author: str, seconds: float = 0.0, counts: bool = True) -> int:
        """Journal a stroke; it is on disk when this returns. Returns its sequence number.

        The first stroke on a case that is unlabelled or confirmed empty makes it a draft. Lesions are counted when the
        mask is saved; until then the count only knows none from some.

        Parameters
        ----------
        seconds
            Time at the case since it was last told, see `Work`.
        counts
            Whether it is a stroke of the person's; undo and redo are journalled, but are none.

        Raises
        ------
        UnknownName
            If there is no such case.
        SettingProblem
            If the edit does not lie inside the case's grid.
        ProjectReadOnly, CannotSave
            The stroke is then not recorded, and can be tried again.
        """
        _check_edit(edit)
        (front_before, unknown_before), (front_after, unknown_after) = _counted(edit.before), _counted(edit.after)
        gained, labelled = front_after - front_before, unknown_before - unknown_after
        before, after = pack(edit.before), pack(edit.after)
        box = json.dumps([*edit.box.start, *edit.box.stop])
        author = clean_line(author)
        with self._turn, self._store.transaction() as connection:
            case = self.case(id)
            if edit.box.clipped(case.grid.shape) != edit.box:
                raise SettingProblem(f"an edit of {edit.box} does not fit {id} of {case.grid.shape}")
            cursor = connection.execute(
                'INSERT INTO strokes ("case", author, time, label, box, before, after) VALUES (?, ?, ?, ?, ?, ?, ?)',
                (id, author, audit.now(), edit.label, box, before, after),
            )
            foreground = max(0, case.foreground_voxels + gained)
            state = CaseState.DRAFT if case.state in _NOT_BEGUN else case.state
            connection.execute(
                "UPDATE cases SET foreground_voxels = ?, labelled_voxels = ?, lesions = ?, state = ? WHERE id = ?",
                (
                    foreground,
                    min(max(0, case.labelled_voxels + labelled), case.grid.voxels),
                    max(1, case.lesions) if foreground else 0,
                    state.value,
                    id,
                ),
            )
            if state is not case.state:
                audit.append(connection, author=author, action="state set", case=id, detail=state.value)
            add_work(connection, id, author, Work(seconds=seconds, strokes=int(counts)))
            return int(cursor.lastrowid or 0)

    def strokes(self, id: str) -> tuple[MaskEdit, ...]:
        """Return the strokes that are still journalled, oldest first: those since the version before the newest one."""
        with self._turn:
            grid = self.case(id).grid
            rows = self._store.rows('SELECT * FROM strokes WHERE "case" = ? ORDER BY seq', id)
        return tuple(edit_from_row(row, grid) for row in rows)

    def has_strokes(self, id: str) -> bool:
        """Whether `strokes` would return any; cheap."""
        with self._turn:
            return self._store.row('SELECT 1 FROM strokes WHERE "case" = ? LIMIT 1', id) is not None

    # What it has cost

    def add_seconds(self, id: str, seconds: float, *, author: str) -> None:
        """Add time at a case after its last stroke; errors as `record_edit`."""
        with self._turn, self._store.transaction() as connection:
            self._row(id)
            add_work(connection, id, clean_line(author), Work(seconds=seconds))

    def work(self) -> dict[str, Work]:
        """Return what annotating has cost so far, by case id, all persons together; cases nobody worked on are left out."""
        with self._turn:
            return work_in(self._store)

    def work_on(self, id: str) -> Work:
        """Return what annotating one case has cost so far."""
        with self._turn:
            return work_on(self._store, id)

    # Versions

    def save_mask(
        self, id: str, mask: Mask, *, author: str, origin: str, state: CaseState | None = None
    ) -> MaskVersion:
        """Keep `mask` as a new version; journalled strokes up to now are folded into it.

        The folded strokes stay in the store until the version after this one, so that this one is never the only copy.
        Without `state` the state stays, except that a mask with foreground makes an unlabelled or confirmed empty case
        a draft.

        Raises
        ------
        SettingProblem
            If the mask is not on the case's grid, holds other values than 0, 1 and 255, or has foreground and is to be
            confirmed empty.
        ProjectReadOnly, CannotSave
            Nothing has changed then.
        """
        counts = counts_of(mask)
        digest = mask_hash(mask)
        packed = pack(mask.labels)
        with self._turn, self._store.transaction() as connection:
            case = self.case(id)
            check_grid(mask, case.grid, id)
            new_state = _state_after(case.state, state, counts[0], id)
            previous = connection.execute(
                'SELECT hash FROM masks WHERE "case" = ? ORDER BY number DESC LIMIT 1', (id,)
            ).fetchone()
            version = self._insert_version(
                connection, id, packed, digest, author=author, origin=origin, foreground=counts[0]
            )
            connection.execute(
                "UPDATE cases SET foreground_voxels = ?, labelled_voxels = ?, lesions = ?, state = ? WHERE id = ?",
                (*counts, new_state.value, id),
            )
            audit.append(
                connection,
                author=author,
                action="mask saved",
                case=id,
                detail=f"version {version.number}, {origin}, {new_state.value}, {counts[0]} voxels",
                before=previous["hash"] if previous else "",
                after=digest,
            )
        return version

    def _insert_version(
        self,
        connection: sqlite3.Connection,
        id: str,
        packed: bytes,
        digest: str,
        *,
        author: str,
        origin: str,
        foreground: int,
    ) -> MaskVersion:
        """Add a version inside a running transaction; drop the strokes that the version before it has folded in."""
        last = connection.execute(
            'SELECT number, last_stroke FROM masks WHERE "case" = ? ORDER BY number DESC LIMIT 1', (id,)
        ).fetchone()
        folded = last["last_stroke"] if last else 0
        newest = connection.execute('SELECT MAX(seq) AS seq FROM strokes WHERE "case" = ?', (id,)).fetchone()["seq"]
        version = MaskVersion(
            number=(last["number"] if last else 0) + 1,
            author=clean_line(author),
            time=audit.now(),
            origin=clean_line(origin),
            foreground_voxels=foreground,
        )
        connection.execute(
            "INSERT INTO masks VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                id,
                version.number,
                version.author,
                version.time,
                version.origin,
                foreground,
                max(folded, newest or 0),
                digest,
                packed,
            ),
        )
        connection.execute('DELETE FROM strokes WHERE "case" = ? AND seq <= ?', (id, folded))
        return version

    def mask_versions(self, id: str) -> tuple[MaskVersion, ...]:
        """Return all kept versions, oldest first."""
        with self._turn:
            rows = self._store.rows(
                'SELECT number, author, time, origin, foreground_voxels FROM masks WHERE "case" = ? ORDER BY number', id
            )
        return tuple(MaskVersion(**dict(row)) for row in rows)

    def mask_version(self, id: str, number: int) -> Mask:
        """Return one kept version, or raise `UnknownName` (`ProjectDamaged` if its labels cannot be read)."""
        with self._turn:
            grid = self.case(id).grid
            row = self._store.row('SELECT * FROM masks WHERE "case" = ? AND number = ?', id, number)
        if row is None:
            raise UnknownName(f"version of {id}", str(number), [str(v.number) for v in self.mask_versions(id)])
        return _mask_from(row, grid)

    def restore_mask(self, id: str, number: int, *, author: str) -> MaskVersion:
        """Make an old version the newest again; the mask as it stands is kept as a version before that."""
        old = self.mask_version(id, number)
        with self._turn, self._store.transaction():
            if self.unsaved_strokes(id):
                with suppress(ProjectDamaged):  # restoring is the remedy for a mask that cannot be read
                    self.save_mask(id, self.mask(id), author=author, origin="annotation")
            return self.save_mask(id, old, author=author, origin="restored")


#: Voxels that are counted at a time.
_PIECE = 1 << 18
_NOT_BEGUN = (CaseState.UNLABELLED, CaseState.CONFIRMED_EMPTY)


def _state_after(now: CaseState, wanted: CaseState | None, foreground: int, id: str) -> CaseState:
    if wanted is not None:
        check_state(wanted, foreground, id)
        return wanted
    return CaseState.DRAFT if foreground and now in _NOT_BEGUN else now


def check_state(state: CaseState, foreground: int, id: str) -> None:
    """Raise `SettingProblem` if a case with foreground is to be confirmed empty."""
    if state is CaseState.CONFIRMED_EMPTY and foreground:
        raise SettingProblem(
            f"{id} has {foreground} foreground voxels, so it cannot be confirmed empty",
            remedy="erase the foreground first, or mark it complete",
        )


def check_grid(mask: Mask, grid: Grid, id: str) -> None:
    """Raise `SettingProblem` if a mask does not lie on the grid of its case."""
    if not mask.grid.matches(grid):
        raise SettingProblem(
            f"a mask of {mask.grid.shape} does not lie on the grid of {id}, {grid.shape}",
            remedy="resample the mask to its scan",
        )


def _check_edit(edit: MaskEdit) -> None:
    fits = edit.before.shape == edit.after.shape == edit.box.shape and not edit.box.is_empty
    if not fits or edit.before.dtype != np.uint8 or edit.after.dtype != np.uint8:
        raise SettingProblem(f"an edit of {edit.box} holds arrays of {edit.before.shape} and {edit.after.shape}")
    _counted(edit.after)


def _counted(labels: Labels) -> tuple[int, int]:
    """Return how many voxels are foreground and how many unlabelled; raise `SettingProblem` on a value that is no label.

    In pieces that stay in the cache: six times as fast as over the whole of a large mask.
    """
    flat, foreground, unlabelled, background = labels.reshape(-1), 0, 0, 0
    for start in range(0, flat.size, _PIECE):
        piece = flat[start : start + _PIECE]
        nothing = piece.size - int(np.count_nonzero(piece))
        background += nothing
        if nothing < piece.size:
            foreground += int(np.count_nonzero(piece == FOREGROUND))
            unlabelled += int(np.count_nonzero(piece == UNLABELLED))
    if foreground + unlabelled + background != flat.size:
        raise SettingProblem("a mask holds other values than 0, 1 and 255", remedy="save it with those values")
    return foreground, unlabelled


def edit_from_row(row: sqlite3.Row, grid: Grid) -> MaskEdit:
    """Return the edit in a row of the table ``strokes``, or raise `ProjectDamaged`."""
    try:
        a, b, c, d, e, f = json.loads(row["box"])
        box = Box((a, b, c), (d, e, f))
        if box.clipped(grid.shape) != box:
            raise SettingProblem("a stroke lies outside its scan")
        before, after = unpack(row["before"], box), unpack(row["after"], box)
    except (SettingProblem, ValueError, TypeError) as error:
        raise ProjectDamaged(
            f"a stroke on {row['case']} cannot be read", remedy="restore an earlier version of its mask"
        ) from error
    return MaskEdit(label=row["label"], box=box, before=before, after=after)


def _mask_from(row: sqlite3.Row, grid: Grid) -> Mask:
    try:
        return Mask(labels=unpack(row["labels"], Box((0, 0, 0), grid.shape)), grid=grid)
    except SettingProblem as error:
        raise ProjectDamaged(
            f"version {row['number']} of the mask of {row['case']} cannot be read",
            remedy="restore an earlier version of its mask",
        ) from error


def counts_of(mask: Mask) -> tuple[int, int, int]:
    """Return foreground voxels, labelled voxels and lesions; raise `SettingProblem` on a value that is no label."""
    foreground, unlabelled = _counted(mask.labels)
    lesions = 0
    if foreground:
        box = box_of(mask.labels, FOREGROUND)
        lesions = count_lesions(mask.labels[box.slices] == FOREGROUND) if box is not None else 0
    return foreground, mask.labels.size - unlabelled, lesions


def mask_hash(mask: Mask) -> str:
    """Return a short hash of the labels."""
    return hashlib.blake2b(np.ascontiguousarray(mask.labels).data, digest_size=12).hexdigest()
