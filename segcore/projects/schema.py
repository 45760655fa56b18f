"""The tables of ``project.db`` and the only place that changes them between versions."""

from __future__ import annotations

#: Raised by one whenever the tables change; `MIGRATIONS` then leads to the new version.
SCHEMA_VERSION = 2

#: The oldest version that can be read as it is: whatever came later is only missing there.
READABLE_FROM = 1

_WORK = """CREATE TABLE work (
    "case" TEXT NOT NULL,
    author TEXT NOT NULL,
    seconds REAL NOT NULL, -- pauses left out
    strokes INTEGER NOT NULL, -- what was undone or redone is not counted again
    PRIMARY KEY ("case", author)
) STRICT"""

#: ``MIGRATIONS[n]`` holds the statements that lead from version n to n + 1, run in one transaction.
MIGRATIONS: dict[int, tuple[str, ...]] = {1: (_WORK,)}

TABLES = ("cases", "masks", "strokes", "audit")

SCHEMA = f"""
BEGIN;
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
    last_stroke INTEGER NOT NULL, -- strokes up to this one are folded into the version
    hash TEXT NOT NULL,
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
{_WORK};
CREATE TABLE audit (
    seq INTEGER PRIMARY KEY,
    time TEXT NOT NULL,
    author TEXT NOT NULL,
    action TEXT NOT NULL,
    "case" TEXT NOT NULL,
    detail TEXT NOT NULL,
    before TEXT NOT NULL,
    after TEXT NOT NULL,
    previous TEXT NOT NULL,
    hash TEXT NOT NULL
) STRICT;
CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
CREATE TRIGGER audit_is_never_shortened BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
PRAGMA user_version={SCHEMA_VERSION};
COMMIT;
"""
