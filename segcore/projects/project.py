"""The open project: cases, masks, strokes and the split, durable at every step."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from segcore.annotation.packing import pack
from segcore.errors import CannotSave, ProjectDamaged, SettingProblem, UnknownName
from segcore.geometry import Grid
from segcore.projects import audit as trail
from segcore.projects.case import Case, CaseState, Part
from segcore.projects.header import HEADER_NAME, Header, new_header, read_header
from segcore.projects.lock import LOCK_NAME, WriterLock
from segcore.projects.masks import KeptMasks, check_grid, check_state, counts_of, mask_hash
from segcore.projects.recovery import keep_backup, restore_backup
from segcore.projects.rows import case_to_values, clean_line, clean_text, is_safe_id, numbered, safe_id
from segcore.projects.splitting import leaks
from segcore.projects.store import Store, damaged
from segcore.projects.thumbnails import kept_thumbnail
from segcore.projects.workingcopy import read_scan, write_scan
from segcore.scans.volume import Mask, Volume
from segcore.storage import saving

__all__ = ["Project", "restore_backup"]

_STORE = "project.db"


class Project(KeptMasks):
    """A folder with scans, masks, runs and predictions; the only writer of its database.

    Methods may be called from several threads. Masks and scans are in canonical axis order.
    """

    def __init__(self, folder: Path, store: Store, lock: WriterLock | None, header: Header) -> None:
        super().__init__(store)
        self.folder = folder
        self.name = header.name
        self.id = header.id
        self._lock = lock

    # Opening and closing

    @classmethod
    def create(cls, folder: Path, *, name: str | None = None) -> Project:
        """Make a new project in `folder`, which must not hold one already.

        Raises
        ------
        SettingProblem
            If the folder already holds a project.
        CannotSave
            If the folder cannot be written to.
        """
        folder = folder.absolute()
        if (folder / HEADER_NAME).exists():
            raise SettingProblem(f"{folder.name} already holds a project", remedy="open it, or choose another folder")
        with saving(folder):
            folder.mkdir(parents=True, exist_ok=True)
        file = folder / _STORE
        if not file.exists() or file.stat().st_size == 0:
            Store.create(file).close()
        new_header(folder, name)  # last: the folder is a project once it holds one
        return cls.open(folder)

    @classmethod
    def open(cls, folder: Path, *, read_only: bool = False) -> Project:
        """Open the project in `folder`; for reading only where the folder or the database may not be written to.

        Raises
        ------
        NotAProject, ProjectTooNew, ProjectDamaged
            If it cannot be read.
        ProjectLocked
            If another process writes to it (open it with ``read_only`` then).
        """
        folder = folder.absolute()
        header = read_header(folder)
        file = folder / _STORE
        if not file.is_file() or file.stat().st_size == 0:
            raise damaged(file)
        lock = None if read_only else _lock_if_writable(folder)
        try:
            store = Store(file, read_only=lock is None)
            try:
                if lock is not None:
                    keep_backup(store)
                store.migrate()
            except BaseException:
                store.close()
                raise
        except BaseException:
            if lock is not None:
                lock.release()
            raise
        return cls(folder, store, lock, header)

    @property
    def read_only(self) -> bool:
        """Whether nothing can be changed."""
        return self._store.read_only

    def close(self) -> None:
        """Close the database and give the writer's lock back."""
        with self._turn:
            self._store.close()
            if self._lock is not None:
                self._lock.release()
                self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def together(self) -> Iterator[None]:
        """Make all changes inside the block durable at once, or none of them if it raises."""
        with self._turn, self._store.transaction():
            yield

    # Cases

    def add_case(
        self,
        *,
        id: str,
        group: str,
        volume: Volume,
        source_grid: Grid,
        source_suffix: str,
        sources: tuple[str, ...],
        mask: Mask | None,
        state: CaseState,
        author: str = "import",
    ) -> Case:
        """Add a case with its working copy; returns it with the id it got (made safe, and unique by a number).

        Parameters
        ----------
        volume, mask
            In canonical axis order, on the same grid.
        sources
            File names; folders before them are dropped.

        Raises
        ------
        SettingProblem
            If scan and mask do not lie on one grid, or the state does not fit the mask.
        ProjectReadOnly, CannotSave
            The case is then not in the project, and nothing of it is left behind.
        """
        self._store.demand_writing()
        given = mask or Mask.empty(volume.grid)
        check_grid(given, volume.grid, id)
        foreground, labelled, lesions = counts_of(given)
        check_state(state, foreground, id)
        with self._turn:
            id = self._free_id(safe_id(id))
            case = Case(
                id=id,
                group=clean_line(group) or id,
                state=state,
                part=None,
                channels=tuple(clean_line(name) for name in volume.channels),
                grid=volume.grid,
                source_grid=source_grid,
                source_suffix=source_suffix,
                sources=tuple(clean_text(Path(name).name) for name in sources),
                foreground_voxels=foreground,
                labelled_voxels=labelled,
                lesions=lesions,
            )
            try:
                digest = write_scan(self._scan_folder(id), volume)
                self._insert_case(case, digest, mask, author)
            except BaseException:
                shutil.rmtree(self._scan_folder(id), ignore_errors=True)
                raise
        return case

    def _insert_case(self, case: Case, digest: str, mask: Mask | None, author: str) -> None:
        with self._store.transaction() as connection:
            last = connection.execute("SELECT COALESCE(MAX(position), 0) AS last FROM cases").fetchone()["last"]
            values = case_to_values(case, last + 1, digest)
            names = ", ".join(f'"{name}"' for name in values)
            connection.execute(
                f"INSERT INTO cases ({names}) VALUES ({', '.join('?' * len(values))})", tuple(values.values())
            )
            after = "" if mask is None else mask_hash(mask)
            trail.append(connection, author=author, action="case added", case=case.id, after=after)
            if mask is not None:
                self._insert_version(
                    connection,
                    case.id,
                    pack(mask.labels),
                    after,
                    author=author,
                    origin="import",
                    foreground=case.foreground_voxels,
                )

    def _free_id(self, wanted: str) -> str:
        """Return the id, with a number if need be: ids differ by more than case, and no folder is left there."""
        taken = {row["id"].casefold() for row in self._store.rows("SELECT id FROM cases")}
        for number in range(1, len(taken) + 1000):
            id = wanted if number == 1 else numbered(wanted, number)
            if id.casefold() in taken:
                continue
            # What a crash in mid-import left is cleared; Windows keeps what is still mapped.
            shutil.rmtree(self._scan_folder(id), ignore_errors=True)
            if not self._scan_folder(id).exists():
                return id
        raise CannotSave(self._scan_folder(wanted), "the folder of the case is in use", remedy="restart and try again")

    def _scan_folder(self, id: str) -> Path:
        if not is_safe_id(id):
            raise ProjectDamaged(
                f"the project holds a case named {id!r}, which leads out of its folder",
                remedy="do not use this project; ask where it comes from",
                file=self.folder,
            )
        return self.folder / "scans" / id

    def remove_case(self, id: str, *, author: str) -> None:
        """Take a case out of the project; its working copy and masks are deleted, its audit entries stay."""
        folder, pyramid = self._scan_folder(id), self.pyramid_folder(id)
        with self._turn, self._store.transaction() as connection:
            self._row(id)
            for table, column in (("cases", "id"), ("masks", '"case"'), ("strokes", '"case"'), ("work", '"case"')):
                connection.execute(f"DELETE FROM {table} WHERE {column} = ?", (id,))
            trail.append(connection, author=author, action="case removed", case=id)
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(pyramid, ignore_errors=True)
        with suppress(OSError):
            self._thumbnail_file(id).unlink(missing_ok=True)

    def scan(self, id: str) -> Volume:
        """Return the working copy, memory-mapped and read-only.

        Raises
        ------
        ProjectDamaged
            If the working copy is missing or cut off.
        """
        return read_scan(self._scan_folder(id), self.case(id))

    # States, groups, split

    def set_state(self, id: str, state: CaseState, *, author: str) -> None:
        """Set a case's state.

        Raises
        ------
        SettingProblem
            If a case with foreground is to be confirmed empty.
        """
        with self._turn, self._store.transaction() as connection:
            case = self.case(id)
            check_state(state, case.foreground_voxels, id)
            if state is case.state:
                return
            connection.execute("UPDATE cases SET state = ? WHERE id = ?", (state.value, id))
            trail.append(connection, author=author, action="state set", case=id, detail=state.value)

    def set_group(self, id: str, group: str, *, author: str = "") -> None:
        """Set a case's patient; an empty name makes the case a group of its own."""
        with self._turn, self._store.transaction() as connection:
            self._row(id)
            connection.execute('UPDATE cases SET "group" = ? WHERE id = ?', (clean_line(group) or id, id))
            trail.append(connection, author=author, action="group set", case=id)

    def set_note(self, id: str, note: str) -> None:
        """Set a case's note."""
        with self._turn, self._store.transaction() as connection:
            self._row(id)
            connection.execute("UPDATE cases SET note = ? WHERE id = ?", (clean_text(note), id))

    def set_parts(self, parts: Mapping[str, Part | None], *, author: str = "") -> None:
        """Store a split, all of it or nothing; cases that are not named keep their part.

        Raises
        ------
        UnknownName
            If a case is not in the project.
        """
        with self._turn, self._store.transaction() as connection:
            known = [row["id"] for row in self._store.rows("SELECT id FROM cases")]
            for id in parts.keys() - set(known):
                raise UnknownName("case", id, known)
            connection.executemany(
                "UPDATE cases SET part = ? WHERE id = ?",
                [(part.value if part else None, id) for id, part in parts.items()],
            )
            counts = Counter(part.value if part else "no part" for part in parts.values())
            detail = ", ".join(f"{name} {counts[name]}" for name in sorted(counts))
            trail.append(connection, author=author, action="split set", detail=detail)

    def leaks(self) -> tuple[str, ...]:
        """Return one sentence for each patient, or identical scan, that lies in more than one part of the split."""
        return leaks(self.cases(), hashes=self.scan_hashes())

    # Pictures, trail, hashes

    def thumbnail(self, id: str) -> NDArray[np.uint8]:
        """Return a picture of the case (rows, columns, 3) uint8, at most 128 pixels; made anew when the mask changed."""
        stamp = f"{self._row(id)['scan_hash']}-{self.mask_stamp(id)}"
        file = self._thumbnail_file(id)
        return kept_thumbnail(file, stamp, lambda: (self.scan(id), self.mask(id)), keep=not self.read_only)

    def _thumbnail_file(self, id: str) -> Path:
        return self.folder / "thumbnails" / f"{id}.png"

    def scan_hashes(self) -> dict[str, str]:
        """Return the hash of every scan's voxels by case id."""
        with self._turn:
            return {row["id"]: row["scan_hash"] for row in self._store.rows("SELECT id, scan_hash FROM cases")}

    def content_hash(self, id: str) -> str:
        """Return a hash of the scan (voxels, channels, geometry) and its mask as they stand; keys the cache."""
        row = self._row(id)
        parts = (row["scan_hash"], row["channels"], row["grid"], self._current_hash(id))
        return hashlib.blake2b("\n".join(parts).encode("utf-8"), digest_size=20).hexdigest()

    def log(self, action: str, *, author: str, case: str = "", detail: str = "") -> None:
        """Append an entry to the audit trail. Never pass paths, groups or names of patients."""
        with self._turn, self._store.transaction() as connection:
            trail.append(connection, author=author, action=action, case=case, detail=detail)

    def audit(self) -> tuple[trail.AuditEntry, ...]:
        """Return the whole audit trail, oldest first."""
        with self._turn:
            return trail.entries(self._store)

    def verify_audit(self) -> trail.AuditCheck:
        """Check the trail's hash chain."""
        with self._turn:
            return trail.verify(self._store)

    @property
    def runs_folder(self) -> Path:
        """Where runs are kept."""
        return self.folder / "runs"

    @property
    def predictions_folder(self) -> Path:
        """Where predictions are kept."""
        return self.folder / "predictions"

    def pyramid_folder(self, id: str) -> Path:
        """Where coarser copies of a case's scan are kept, if its planes are large; may be deleted at any time."""
        return self.cache_folder / "pyramids" / str(self._row(id)["scan_hash"])

    @property
    def cache_folder(self) -> Path:
        """Prepared data; may be deleted at any time."""
        return self.folder / "cache"


def _lock_if_writable(folder: Path) -> WriterLock | None:
    """Return the writer's lock, or None where the folder or its database may only be read."""
    if not (os.access(folder, os.W_OK) and os.access(folder / _STORE, os.W_OK)):
        return None
    try:
        return WriterLock(folder / LOCK_NAME)
    except CannotSave:  # Windows says only on trying that a folder is read-only
        return None
