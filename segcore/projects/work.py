"""Annotation time and strokes in the store."""

from __future__ import annotations

import sqlite3

from segcore.projects.case import Work
from segcore.projects.store import Store

#: The version of the tables that began to keep them.
_SINCE = 2


def add_work(connection: sqlite3.Connection, id: str, author: str, work: Work) -> None:
    """Add to what a person has spent on a case, inside a running transaction."""
    connection.execute(
        'INSERT INTO work ("case", author, seconds, strokes) VALUES (?, ?, ?, ?) '
        'ON CONFLICT ("case", author) DO UPDATE SET seconds = seconds + excluded.seconds, '
        "strokes = strokes + excluded.strokes",
        (id, author, max(0.0, work.seconds), work.strokes),
    )


def work_on(store: Store, id: str) -> Work:
    """Return what was spent on one case; see `work_in`."""
    if store.version < _SINCE:
        return Work()
    row = store.row('SELECT SUM(seconds) AS seconds, SUM(strokes) AS strokes FROM work WHERE "case" = ?', id)
    return Work(seconds=row["seconds"] or 0.0, strokes=row["strokes"] or 0) if row is not None else Work()


def work_in(store: Store) -> dict[str, Work]:
    """Return what was spent on each case; nothing in a project of an older version that is open for reading only."""
    if store.version < _SINCE:
        return {}
    rows = store.rows('SELECT "case", SUM(seconds) AS seconds, SUM(strokes) AS strokes FROM work GROUP BY "case"')
    return {row["case"]: Work(seconds=row["seconds"], strokes=row["strokes"]) for row in rows}
