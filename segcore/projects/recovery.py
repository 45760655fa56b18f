"""The spare copy of the project's database: when it is made, and how it is put back."""

from __future__ import annotations

import logging
import os
import shutil
from contextlib import suppress
from functools import partial
from pathlib import Path
from uuid import uuid4

from segcore.errors import CannotSave, ProjectDamaged
from segcore.projects.lock import LOCK_NAME, WriterLock
from segcore.projects.store import BACKUP_NAME, Store
from segcore.storage import flush_folder, saving, write_atomically

_LOG = logging.getLogger(__name__)


def keep_backup(store: Store) -> None:
    """Copy a store that passed its check to ``project.backup.db``, unless that holds the same already.

    A full disk does not keep a project from being opened: the older backup then stays.
    """
    backup = store.file.with_name(BACKUP_NAME)
    log = store.file.with_name(f"{store.file.name}-wal")
    part = backup.with_name(f".{BACKUP_NAME}.part")
    try:
        with saving(backup):
            stamp = store.file.stat().st_mtime_ns
            # The backup carries the time of what it copies, so a clock that jumps back cannot make it look fresh.
            unchanged = backup.is_file() and backup.stat().st_mtime_ns == stamp
            if unchanged and not (log.is_file() and log.stat().st_size):
                return
            part.unlink(missing_ok=True)
            store.copy_to(part)
            os.utime(part, ns=(stamp, stamp))
            os.replace(part, backup)
            flush_folder(backup.parent)
    except CannotSave as error:
        _LOG.warning("No backup of the project was made: %s", error)
        with suppress(OSError):
            part.unlink(missing_ok=True)


def restore_backup(folder: Path) -> Path:
    """Put the last healthy copy of the database in place of the damaged one, which is kept; returns where.

    Raises
    ------
    ProjectDamaged
        If there is no backup, or it is damaged too.
    ProjectLocked
        If another process writes to the project.
    CannotSave
        If the folder cannot be written to; nothing has changed then.
    """
    backup = folder / BACKUP_NAME
    if not backup.is_file():
        raise ProjectDamaged(
            "there is no backup of the database",
            remedy="restore the project's folder from a backup of yours",
            file=folder,
        )
    lock = WriterLock(folder / LOCK_NAME)
    try:
        Store(backup, read_only=True).close()
        kept = folder / f"project.damaged-{uuid4().hex[:6]}.db"
        with saving(folder):
            for suffix in ("-shm", "-wal", ""):
                source = folder / f"project.db{suffix}"
                if source.exists():
                    source.replace(folder / f"{kept.name}{suffix}")
        write_atomically(folder / "project.db", partial(shutil.copyfile, backup))
    finally:
        lock.release()
    return kept
