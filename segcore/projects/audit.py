"""The append-only trail of who did what: a hash chain, so that a changed or missing entry is found."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from dataclasses import astuple, dataclass
from datetime import UTC, datetime

from segcore.projects.rows import clean_line
from segcore.projects.store import Store

GENESIS = "0" * 64


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One entry. ``hash`` covers all other fields; ``previous`` is the hash of the entry before.

    Holds case ids, never paths, groups or names of patients. ``before`` and ``after`` are hashes of the mask where the
    action changed one.
    """

    seq: int
    time: str
    author: str
    action: str
    case: str
    detail: str
    before: str
    after: str
    previous: str
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditCheck:
    """Whether the chain is whole; ``first_bad`` is the sequence number of the first entry that is not."""

    ok: bool
    entries: int
    first_bad: int | None


def now() -> str:
    """Return the time in UTC, ISO 8601 with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def append(
    connection: sqlite3.Connection,
    *,
    author: str,
    action: str,
    case: str = "",
    detail: str = "",
    before: str = "",
    after: str = "",
) -> None:
    """Add an entry inside a running transaction, so that it becomes durable together with what it records."""
    last = connection.execute("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1").fetchone()
    seq = (last["seq"] if last else 0) + 1
    previous = last["hash"] if last else GENESIS
    values = (seq, now(), clean_line(author), clean_line(action), case, clean_line(detail), before, after, previous)
    connection.execute("INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", (*values, _digest(values)))


def _digest(values: tuple[object, ...]) -> str:
    return hashlib.sha256(json.dumps(values, ensure_ascii=False).encode("utf-8")).hexdigest()


def entries(store: Store) -> tuple[AuditEntry, ...]:
    """Return the whole trail, oldest first."""
    return tuple(AuditEntry(**dict(row)) for row in store.rows("SELECT * FROM audit ORDER BY seq"))


def verify(store: Store) -> AuditCheck:
    """Walk the chain and find the first entry that was altered or put in, or that follows one taken out.

    Entries cut off at the end leave a chain that is whole: keep an exported copy of the last hash to find those.
    """
    previous = GENESIS
    trail = entries(store)
    for number, entry in enumerate(trail, start=1):
        if entry.seq != number or entry.previous != previous or entry.hash != _digest(astuple(entry)[:-1]):
            return AuditCheck(ok=False, entries=len(trail), first_bad=entry.seq)
        previous = entry.hash
    return AuditCheck(ok=True, entries=len(trail), first_bad=None)
