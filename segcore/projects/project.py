"""The open project: cases, masks, strokes and the split, durable at every step."""

from __future__ import annotations

import hashlib
import os
import shutil
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from segcore.errors import NotAProject, ProjectDamaged, ProjectTooNew, SettingProblem
from segcore.geometry import Grid
from segcore.projects import audit as trail
from segcore.projects.case import Case, CaseState, Part
from segcore.projects.lock import WriterLock
from segcore.projects.masks import KeptMasks, counts_of, mask_hash
from segcore.projects.rows import case_to_values, safe_id
from segcore.projects.store import BACKUP_NAME, Store, damaged
from segcore.projects.thumbnails import make_thumbnail
from segcore.scans.volume import Mask, Volume
from segcore.storage import saving, write_atomically, write_text

FORMAT = 1
_HEADER = "project.toml"
_STORE = "project.db"


class Project(KeptMasks):
    """A folder with scans, masks, runs and predictions; the only writer of its database.

    Methods may be called from several threads; they take turns. Masks and scans are in canonical axis order.
    """

    def __init__(self, folder: Path, store: Store, lock: WriterLock | None, header: Mapping[str, Any]) -> None:
        super().__init__(store)
        self.folder = folder
        self.name = str(header["name"])
        self.id = str(header["id"])
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
        if (folder / _HEADER).exists():
            raise SettingProblem(f"{folder.name} already holds a project", remedy="open it, or choose another folder")
        with saving(folder):
            folder.mkdir(parents=True, exist_ok=True)
        if not (folder / _STORE).exists():
            Store.create(folder / _STORE).close()
        title = (name or folder.name).replace("\\", " ").replace('"', "'")
        write_text(folder / _HEADER, f'format = {FORMAT}\nname = "{title}"\nid = "{uuid4()}"\n')
        return cls.open(folder)

    @classmethod
    def open(cls, folder: Path, *, read_only: bool = False) -> Project:
        """Open the project in `folder`.

        Raises
        ------
        NotAProject, ProjectTooNew, ProjectDamaged
            If it cannot be read.
        ProjectLocked
            If another process writes to it (open it with ``read_only`` then).
        """
        header = _read_header(folder)
        if not (folder / _STORE).is_file() or (folder / _STORE).stat().st_size == 0:
            raise damaged(folder / _STORE)
        read_only = read_only or not os.access(folder, os.W_OK)
        lock = None if read_only else WriterLock(folder / "writer.lock")
        try:
            store = Store(folder / _STORE, read_only=read_only)
            if not read_only:
                store.back_up(folder / BACKUP_NAME)
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
        """
        with self._turn:
            id = self._free_id(safe_id(id))
            digest = self._write_scan(id, volume)
            empty = mask or Mask.empty(volume.grid)
            foreground, labelled, lesions = counts_of(empty)
            case = Case(
                id=id,
                group=group,
                state=state,
                part=None,
                channels=volume.channels,
                grid=volume.grid,
                source_grid=source_grid,
                source_suffix=source_suffix,
                sources=sources,
                foreground_voxels=foreground,
                labelled_voxels=labelled,
                lesions=lesions,
            )
            last = self._store.row("SELECT MAX(position) AS last FROM cases")
            values = case_to_values(case, ((last["last"] if last else None) or 0) + 1, digest)
            with self._store.transaction() as connection:
                names = ", ".join(f'"{name}"' for name in values)
                connection.execute(
                    f"INSERT INTO cases ({names}) VALUES ({', '.join('?' * len(values))})", tuple(values.values())
                )
                trail.append(connection, author=author, action="case added", case=id)
                if mask is not None:
                    self.insert_mask(connection, id, mask, author=author, origin="import", foreground=foreground)
            return case

    def _free_id(self, wanted: str) -> str:
        taken = {row["id"].casefold() for row in self._store.rows("SELECT id FROM cases")}
        if wanted.casefold() not in taken:
            return wanted
        return next(f"{wanted}-{n}" for n in range(2, 10**9) if f"{wanted}-{n}".casefold() not in taken)

    def _write_scan(self, id: str, volume: Volume) -> str:
        if self.read_only:
            with self._store.transaction():
                pass
        digest = hashlib.blake2b(digest_size=20)
        for number in range(len(volume.channels)):
            channel = np.ascontiguousarray(volume.voxels[number])
            digest.update(repr((channel.shape, channel.dtype.str)).encode())
            digest.update(channel.data)
            write_atomically(self._scan_folder(id) / f"{number}.npy", partial(_save_npy, array=channel))
        return digest.hexdigest()

    def _scan_folder(self, id: str) -> Path:
        return self.folder / "scans" / id

    def remove_case(self, id: str, *, author: str) -> None:
        """Take a case out of the project; its working copy and masks are deleted, its audit entries stay."""
        self._row(id)
        with self._turn, self._store.transaction() as connection:
            for table, column in (("cases", "id"), ("masks", '"case"'), ("strokes", '"case"')):
                connection.execute(f"DELETE FROM {table} WHERE {column} = ?", (id,))
            trail.append(connection, author=author, action="case removed", case=id)
        shutil.rmtree(self._scan_folder(id), ignore_errors=True)
        with suppress(OSError):
            self._thumbnail_file(id).unlink(missing_ok=True)

    def scan(self, id: str) -> Volume:
        """Return the working copy, memory-mapped where it has one channel, read-only.

        Raises
        ------
        ProjectDamaged
            If the working copy is missing or cut off.
        """
        case = self.case(id)
        try:
            channels = [
                np.load(self._scan_folder(id) / f"{number}.npy", mmap_mode="r", allow_pickle=False)
                for number in range(len(case.channels))
            ]
        except (OSError, ValueError) as error:
            raise ProjectDamaged(
                f"the working copy of {id} is missing or cut off", remedy="remove the case and import it again"
            ) from error
        voxels = channels[0][np.newaxis] if len(channels) == 1 else np.stack(channels)
        return Volume(voxels=voxels, grid=case.grid, channels=case.channels)

    # States, groups, split

    def set_state(self, id: str, state: CaseState, *, author: str) -> None:
        """Set a case's state.

        Raises
        ------
        SettingProblem
            If a case with foreground is to be confirmed empty.
        """
        if state is CaseState.CONFIRMED_EMPTY and self.case(id).foreground_voxels:
            raise SettingProblem(
                f"{id} has foreground, so it cannot be confirmed empty",
                remedy="erase the foreground first, or mark it complete",
            )
        self._row(id)
        with self._turn, self._store.transaction() as connection:
            connection.execute("UPDATE cases SET state = ? WHERE id = ?", (state.value, id))
            trail.append(connection, author=author, action="state set", case=id, detail=state.value)

    def set_group(self, id: str, group: str) -> None:
        """Set a case's patient."""
        self._set(id, "group", group)

    def set_note(self, id: str, note: str) -> None:
        """Set a case's note."""
        self._set(id, "note", note)

    def _set(self, id: str, column: str, value: str) -> None:
        self._row(id)
        with self._turn, self._store.transaction() as connection:
            connection.execute(f'UPDATE cases SET "{column}" = ? WHERE id = ?', (value, id))

    def set_parts(self, parts: Mapping[str, Part | None]) -> None:
        """Store a split, all of it or nothing."""
        with self._turn, self._store.transaction() as connection:
            connection.executemany(
                "UPDATE cases SET part = ? WHERE id = ?",
                [(part.value if part else None, id) for id, part in parts.items()],
            )

    # Pictures, trail, hashes

    def thumbnail(self, id: str) -> NDArray[np.uint8]:
        """Return a picture of the case (rows, columns, 3) uint8, at most 128 pixels; made anew when the mask changed."""
        with self._turn:
            stamp = self._stamp(id)
            file = self._thumbnail_file(id)
            with suppress(OSError, ValueError, SyntaxError), Image.open(file) as picture:
                if picture.info.get("stamp") == stamp:
                    return np.asarray(picture.convert("RGB"))
            pixels = make_thumbnail(self.scan(id), self.mask(id))
            if not self.read_only:
                with suppress(OSError):
                    _save_thumbnail(file, pixels, stamp)
            return pixels

    def _thumbnail_file(self, id: str) -> Path:
        return self.folder / "thumbnails" / f"{id}.png"

    def _stamp(self, id: str) -> str:
        row = self._store.row(
            'SELECT (SELECT MAX(number) FROM masks WHERE "case" = ?1) AS m, '
            '(SELECT MAX(seq) FROM strokes WHERE "case" = ?1) AS s',
            id,
        )
        return f"{row['m']}-{row['s']}" if row is not None else ""

    def scan_hashes(self) -> dict[str, str]:
        """Return the content hash of every scan by case id."""
        with self._turn:
            return {row["id"]: row["scan_hash"] for row in self._store.rows("SELECT id, scan_hash FROM cases")}

    def content_hash(self, id: str) -> str:
        """Return a hash of the scan and its mask as they stand; keys the cache of prepared data."""
        return f"{self._row(id)['scan_hash']}-{mask_hash(self.mask(id))}"

    def log(self, action: str, *, author: str, case: str = "", detail: str = "") -> None:
        """Append an entry to the audit trail."""
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

    @property
    def cache_folder(self) -> Path:
        """Prepared data; may be deleted at any time."""
        return self.folder / "cache"


def restore_backup(folder: Path) -> Path:
    """Put the last healthy copy of the database in place of the damaged one, which is kept; returns where.

    Raises
    ------
    ProjectDamaged
        If there is no backup.
    """
    backup = folder / BACKUP_NAME
    if not backup.is_file():
        raise ProjectDamaged(
            "there is no backup of the database", remedy="restore the project's folder from a backup of yours"
        )
    with saving(folder):
        kept = folder / f"project.damaged-{uuid4().hex[:6]}.db"
        for suffix in ("", "-wal", "-shm"):
            source = folder / f"{_STORE}{suffix}"
            if source.exists():
                source.replace(folder / f"{kept.name}{suffix}")
        shutil.copyfile(backup, folder / _STORE)
    return kept


def _read_header(folder: Path) -> Mapping[str, Any]:
    file = folder / _HEADER
    if not file.is_file():
        raise NotAProject(
            "the folder holds no RareSeg project", remedy="choose a folder with a project.toml", file=folder
        )
    try:
        header = tomllib.loads(file.read_text("utf-8"))
        if int(header["format"]) > FORMAT:
            raise ProjectTooNew(
                "the project was written by a newer version of RareSeg", remedy="update RareSeg", file=folder
            )
        return {"name": str(header["name"]), "id": str(header["id"])}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ProjectDamaged("project.toml cannot be read", remedy="restore it from a backup", file=folder) from error


def _save_npy(file: Path, *, array: NDArray[Any]) -> None:
    with file.open("wb") as handle:
        np.save(handle, array, allow_pickle=False)


def _save_thumbnail(file: Path, pixels: NDArray[np.uint8], stamp: str) -> None:
    from PIL.PngImagePlugin import PngInfo  # noqa: PLC0415 - only where a picture is made

    notes = PngInfo()
    notes.add_text("stamp", stamp)
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(file, pnginfo=notes)
