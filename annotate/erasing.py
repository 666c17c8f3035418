"""Deletes what somebody has the right to have deleted, so that it cannot be read from the files either.

Everything else here only grows: events are append-only by trigger, answers keep their earlier versions. A mark that exists only
inside the transaction lets this module delete events. SQLite overwrites what it deletes (`secure_delete`, set for every
connection), and the write-ahead log is emptied afterwards, as it still holds the old pages.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlite_utils import Database

from annotate import clock
from annotate.store import Store


@contextmanager
def erasing(store: Store) -> Iterator[Database]:
    """A transaction, not inside another one, in which events may be deleted. Raises StoreError as any does."""
    with store.transaction() as db:
        db.conn.execute("INSERT INTO meta VALUES ('erasing', ?)", [clock.utc_now()])
        yield db
        db.conn.execute("DELETE FROM meta WHERE key = 'erasing'")
    store.empty_log()


def delete_leases(db: Database, which: str, values: dict[str, object]) -> None:
    """Delete leases with their drafts and events. which: a condition on `leases`; no answer may refer to them any more."""
    for table in ("events", "drafts"):
        db.conn.execute(f"DELETE FROM {table} WHERE lease_id IN (SELECT id FROM leases WHERE {which})", values)
    db.conn.execute(f"DELETE FROM leases WHERE {which}", values)


def delete_answers(db: Database, which: str, values: dict[str, object], *, pairs: bool) -> None:
    """Delete ratings (or preferences) with their earlier versions and marks. which: a condition on that table."""
    table = "preferences" if pairs else "ratings"
    key = f"{table[:-1]}_id"
    found = f"SELECT id FROM {table} WHERE {which}"
    db.conn.execute(f"DELETE FROM revisions WHERE {key} IN ({found})", values)
    if not pairs:
        db.conn.execute(f"DELETE FROM claim_marks WHERE rating_id IN ({found})", values)
    db.conn.execute(f"DELETE FROM {table} WHERE {which}", values)
