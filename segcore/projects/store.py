"""The project's SQLite file: durable transactions, and SQLite's errors as sentences."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

from segcore.errors import CannotSave, ProjectDamaged, ProjectReadOnly, ProjectTooNew, RareSegError
from segcore.projects import schema
from segcore.storage import explain_os_error, flush_file

#: The copy made when a healthy project is opened for writing; see `segcore.projects.recovery`.
BACKUP_NAME = "project.backup.db"

#: What SQLite answers where a drive has no shared memory for a write-ahead log, or the folder is read-only.
_NO_SHARED_MEMORY = ("SQLITE_CANTOPEN", "SQLITE_IOERR", "SQLITE_PROTOCOL", "SQLITE_READONLY")


class Store:
    """One connection to ``project.db``.

    Every change goes through `transaction`, which is on disk when it returns. The connection may be used from any
    thread, one at a time: `Project` serialises.

    Raises
    ------
    ProjectDamaged, ProjectTooNew, CannotSave
        In one sentence, if the file cannot be used.
    """

    def __init__(self, file: Path, *, read_only: bool) -> None:
        self.file = file
        self.read_only = read_only
        self._snapshot: TemporaryDirectory[str] | None = None
        with explained(file):
            self._connection = self._open_to_read() if read_only else _open_to_write(file)
            try:
                self.version = _checked_version(self._connection, file)
            except BaseException:
                self.close()
                raise

    @classmethod
    def create(cls, file: Path) -> Store:
        """Make a new, empty store."""
        with explained(file):
            connection = sqlite3.connect(file)
            try:
                connection.executescript(schema.SCHEMA)
            finally:
                connection.close()
        return cls(file, read_only=False)

    def _open_to_read(self) -> sqlite3.Connection:
        """Open for reading without asking for any right to write, even where the folder is read-only.

        A write-ahead log needs a shared-memory file beside it. Where that cannot be made, a store without a log is
        complete and opened as immutable; a store with a log (a crash, then a copy to a read-only place) is read from a
        copy in the temporary folder, because ignoring the log would hide strokes.
        """
        try:
            return _connect(self.file, "mode=ro")
        except sqlite3.OperationalError as error:
            if not _name_of(error).startswith(_NO_SHARED_MEMORY):
                raise
        log = self.file.with_name(f"{self.file.name}-wal")
        if not log.is_file() or log.stat().st_size == 0:
            return _connect(self.file, "immutable=1")
        self._snapshot = TemporaryDirectory(prefix="rareseg-", ignore_cleanup_errors=True)
        copy = Path(self._snapshot.name) / self.file.name
        shutil.copyfile(self.file, copy)
        shutil.copyfile(log, copy.with_name(log.name))
        return _connect(copy, "mode=rw")

    def migrate(self) -> None:
        """Bring the tables to this version of RareSeg, one version per transaction.

        Raises
        ------
        ProjectReadOnly
            If that is needed to read it but the store is open for reading only.
        """
        if self.read_only and self.version >= schema.READABLE_FROM:
            return
        if self.version < schema.SCHEMA_VERSION and self.read_only:
            raise ProjectReadOnly(
                "the project was written by an older version of RareSeg",
                remedy="open it once for writing to bring it up to date",
                file=self.file.parent,
            )
        while self.version < schema.SCHEMA_VERSION:
            with self.transaction() as connection:
                for statement in schema.MIGRATIONS[self.version]:
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version={self.version + 1}")
            self.version += 1

    def rows(self, query: str, *values: object) -> list[sqlite3.Row]:
        """Return all rows of a query."""
        with explained(self.file):
            return self._connection.execute(query, values).fetchall()

    def row(self, query: str, *values: object) -> sqlite3.Row | None:
        """Return the first row of a query, or None."""
        with explained(self.file):
            found: sqlite3.Row | None = self._connection.execute(query, values).fetchone()
            return found

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Run statements that become durable together, or not at all; inside another one they join it.

        Raises
        ------
        ProjectReadOnly, CannotSave, ProjectDamaged
            In one sentence; the store is then as it was before.
        """
        self.demand_writing()
        with explained(self.file):
            if self._connection.in_transaction:
                yield self._connection
                return
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")
                raise

    def demand_writing(self) -> None:
        """Raise `ProjectReadOnly` if nothing may be changed."""
        if self.read_only:
            raise ProjectReadOnly(
                "the project is open for reading only",
                remedy="close the other window or copy the project to a folder of yours",
                file=self.file.parent,
            )

    def copy_to(self, file: Path) -> None:
        """Write a consistent copy of the store to the new file `file`, flushed to disk.

        Never a plain copy of the file: closing it would drop the locks that SQLite holds in this process.
        """
        with explained(self.file):
            target = sqlite3.connect(file, isolation_level=None)
            try:
                # Nobody reads a copy that was not finished, so it needs neither a journal nor a flush at each page.
                target.execute("PRAGMA journal_mode=OFF")
                target.execute("PRAGMA synchronous=OFF")
                self._connection.backup(target)
                target.execute("PRAGMA journal_mode=DELETE")  # one file, with no log beside it
            finally:
                target.close()
            flush_file(file)

    def close(self) -> None:
        """Close the connection; the write-ahead log is folded into the file by the last one to close."""
        with suppress(sqlite3.Error):
            self._connection.close()
        if self._snapshot is not None:
            self._snapshot.cleanup()


def _connect(file: Path, options: str) -> sqlite3.Connection:
    # Built by hand: Path.as_uri() puts the server of a network path where SQLite refuses it.
    path = file.absolute().as_posix()
    uri = f"file://{'' if path.startswith('/') else '/'}{quote(os.fsencode(path))}?{options}"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=5)
    connection.row_factory = sqlite3.Row
    try:
        connection.execute("PRAGMA schema_version").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def _open_to_write(file: Path) -> sqlite3.Connection:
    """Open with a write-ahead log, or with a rollback journal where the drive has no shared memory (network drives)."""
    try:
        connection = _connect(file, "mode=rw")
        try:
            mode = connection.execute("PRAGMA journal_mode=WAL").fetchone()[0]
            connection.execute(f"PRAGMA synchronous={'FULL' if mode == 'wal' else 'EXTRA'}")
            connection.execute("BEGIN IMMEDIATE")  # a shared memory that may only be read shows now, not at a stroke
            connection.execute("ROLLBACK")
        except BaseException:
            connection.close()
            raise
        return connection
    except sqlite3.OperationalError as error:
        if not _name_of(error).startswith(_NO_SHARED_MEMORY):
            raise
    connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False, timeout=5)
    connection.row_factory = sqlite3.Row
    try:
        # An exclusive connection keeps the log's index in its own memory, so the log can be folded in and left.
        connection.execute("PRAGMA locking_mode=EXCLUSIVE")
        connection.execute("PRAGMA journal_mode=DELETE")
        connection.execute("PRAGMA locking_mode=NORMAL")
        connection.execute("PRAGMA synchronous=EXTRA")
        connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def _checked_version(connection: sqlite3.Connection, file: Path) -> int:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > schema.SCHEMA_VERSION:
        raise too_new(file.parent)
    problems = [row[0] for row in connection.execute("PRAGMA quick_check(1)")]
    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if problems != ["ok"] or version == 0 or not tables.issuperset(schema.TABLES):
        raise damaged(file)
    return version


def too_new(folder: Path) -> ProjectTooNew:
    """Return the sentence for a project of a later version."""
    return ProjectTooNew("the project was written by a newer version of RareSeg", remedy="update RareSeg", file=folder)


def damaged(file: Path) -> ProjectDamaged:
    """Return the sentence for a store that is missing or failed its check; the remedy depends on the backup."""
    if file.with_name(BACKUP_NAME).is_file():
        remedy = f"open it with 'Restore backup', or replace {file.name} by {BACKUP_NAME} in its folder"
    else:
        remedy = f"put a copy of {file.name} from your own backup into its folder"
    return ProjectDamaged("the project's database is damaged or missing", remedy=remedy, file=file.parent)


@contextmanager
def explained(file: Path) -> Iterator[None]:
    """Turn the errors of SQLite and of the system that a person can cause into sentences about the project of `file`.

    Anything else (a wrong query) is our fault and passes unchanged.
    """
    try:
        yield
    except sqlite3.DatabaseError as error:
        sentence = _sentence(file, _name_of(error))
        if sentence is None:
            raise
        raise sentence from error
    except OSError as error:
        raise explain_os_error(file.parent, error) from error


def _name_of(error: sqlite3.Error) -> str:
    return getattr(error, "sqlite_errorname", None) or ""


def _sentence(file: Path, name: str) -> RareSegError | None:
    project = file.parent
    if name.startswith("SQLITE_FULL"):
        return CannotSave(project, "the disk is full, so it was not saved", remedy="free some space and try again")
    if name.startswith(("SQLITE_READONLY", "SQLITE_PERM", "SQLITE_AUTH")):
        return CannotSave(
            project, "the folder is read-only, so it was not saved", remedy="choose a folder that you may write to"
        )
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_PROTOCOL")):
        return CannotSave(project, "another program is writing to the project", remedy="close it and try again")
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_FORMAT")):
        return damaged(file)
    if name.startswith(("SQLITE_CANTOPEN", "SQLITE_IOERR")):
        return CannotSave(project, "the project's database cannot be reached", remedy="check the disk and try again")
    return None
