"""The project's SQLite file: schema, durable transactions, and SQLite's errors as sentences."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from segcore.errors import CannotSave, ProjectDamaged, ProjectReadOnly, ProjectTooNew, RareSegError

#: Raised by one whenever the tables change; `_MIGRATIONS[n]` leads from version n to n + 1.
SCHEMA_VERSION = 1

_SCHEMA = """
CREATE TABLE cases (
    id TEXT PRIMARY KEY,
    position INTEGER NOT NULL,
    "group" TEXT NOT NULL,
    state TEXT NOT NULL,
    part TEXT,
    channels TEXT NOT NULL,
    grid TEXT NOT NULL,
    source_grid TEXT NOT NULL,
    source_suffix TEXT NOT NULL,
    sources TEXT NOT NULL,
    scan_hash TEXT NOT NULL,
    foreground_voxels INTEGER NOT NULL,
    labelled_voxels INTEGER NOT NULL,
    lesions INTEGER NOT NULL,
    note TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE TABLE masks (
    "case" TEXT NOT NULL,
    number INTEGER NOT NULL,
    author TEXT NOT NULL,
    time TEXT NOT NULL,
    origin TEXT NOT NULL,
    foreground_voxels INTEGER NOT NULL,
    last_stroke INTEGER NOT NULL,
    labels BLOB NOT NULL,
    PRIMARY KEY ("case", number)
) STRICT;
CREATE TABLE strokes (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    "case" TEXT NOT NULL,
    author TEXT NOT NULL,
    time TEXT NOT NULL,
    label TEXT NOT NULL,
    box TEXT NOT NULL,
    before BLOB NOT NULL,
    after BLOB NOT NULL
) STRICT;
CREATE INDEX strokes_by_case ON strokes ("case", seq);
CREATE TABLE audit (
    seq INTEGER PRIMARY KEY,
    time TEXT NOT NULL,
    author TEXT NOT NULL,
    action TEXT NOT NULL,
    "case" TEXT NOT NULL,
    detail TEXT NOT NULL,
    previous TEXT NOT NULL,
    hash TEXT NOT NULL
) STRICT;
"""


class Store:
    """One connection to ``project.db``.

    Every change goes through `transaction`, which is on disk when it returns (``synchronous=FULL``). The connection may
    be used from any thread, one at a time: `Project` serialises.
    """

    def __init__(self, file: Path, *, read_only: bool) -> None:
        self.file = file
        self.read_only = read_only
        with self._explained():
            mode = "ro" if read_only else "rw"
            self._connection = sqlite3.connect(
                f"{file.resolve().as_uri()}?mode={mode}",
                uri=True,
                isolation_level=None,
                check_same_thread=False,
                timeout=5,
            )
            self._connection.row_factory = sqlite3.Row
            self._check()
            if not read_only:
                self._connection.execute("PRAGMA journal_mode=WAL")
                self._connection.execute("PRAGMA synchronous=FULL")

    @classmethod
    def create(cls, file: Path) -> Store:
        """Make a new, empty store."""
        with _explained(file):
            connection = sqlite3.connect(file)
            with connection:
                connection.executescript(_SCHEMA)
                connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
            connection.close()
        return cls(file, read_only=False)

    def _check(self) -> None:
        version = int(self._connection.execute("PRAGMA user_version").fetchone()[0])
        if version > SCHEMA_VERSION:
            raise ProjectTooNew(
                "the project was written by a newer version of RareSeg", remedy="update RareSeg", file=self.file.parent
            )
        problems = [row[0] for row in self._connection.execute("PRAGMA quick_check(3)")]
        if problems != ["ok"] or version == 0:
            raise damaged(self.file)

    def _explained(self) -> AbstractContextManager[None]:
        return _explained(self.file)

    def rows(self, query: str, *values: object) -> list[sqlite3.Row]:
        """Return all rows of a query."""
        with self._explained():
            return self._connection.execute(query, values).fetchall()

    def row(self, query: str, *values: object) -> sqlite3.Row | None:
        """Return the first row of a query, or None."""
        with self._explained():
            found: sqlite3.Row | None = self._connection.execute(query, values).fetchone()
            return found

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Run statements that become durable together, or not at all.

        Raises
        ------
        ProjectReadOnly, CannotSave, ProjectDamaged
            In one sentence; the store is then as it was before.
        """
        if self.read_only:
            raise ProjectReadOnly(
                "the project is open for reading only",
                remedy="close the other window or copy the project to a folder of yours",
            )
        with self._explained():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")
                raise

    def back_up(self, file: Path) -> None:
        """Write a consistent copy of the store to `file`."""
        with self._explained():
            partial = file.with_name(f".{file.name}.part")
            target = sqlite3.connect(partial)
            try:
                self._connection.backup(target)
            finally:
                target.close()
            partial.replace(file)

    def close(self) -> None:
        """Close the connection; WAL content is folded into the file."""
        with suppress(sqlite3.Error):
            self._connection.close()


def damaged(file: Path) -> ProjectDamaged:
    """Return the sentence for a store that failed its check."""
    return ProjectDamaged(
        "the project's database is damaged",
        remedy=f"open it with 'Restore backup', or replace {file.name} by {BACKUP_NAME} in its folder",
        file=file.parent,
    )


#: The copy made each time a healthy project is opened for writing.
BACKUP_NAME = "project.backup.db"


@contextmanager
def _explained(file: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise _sentence(file, error) from error
    except OSError as error:
        raise CannotSave(
            file.parent, "the project could not be written", remedy="check the disk and try again"
        ) from error


def _sentence(file: Path, error: sqlite3.DatabaseError) -> RareSegError:
    name = getattr(error, "sqlite_errorname", "") or ""
    project = file.parent
    if name.startswith("SQLITE_FULL"):
        return CannotSave(project, "the disk is full, so it was not saved", remedy="free some space and try again")
    if name.startswith(("SQLITE_READONLY", "SQLITE_PERM", "SQLITE_AUTH")):
        return CannotSave(
            project, "the folder is read-only, so it was not saved", remedy="choose a folder that you may write to"
        )
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return CannotSave(project, "another program is writing to the project", remedy="close it and try again")
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_FORMAT")):
        return damaged(file)
    if name.startswith(("SQLITE_CANTOPEN", "SQLITE_IOERR")):
        return CannotSave(project, "the project's database cannot be reached", remedy="check the disk and try again")
    return damaged(file) if type(error) is sqlite3.DatabaseError else CannotSave(project, "the project was not saved")
