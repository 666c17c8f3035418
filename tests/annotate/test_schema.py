"""Older databases become newer ones without losing a row."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlite_utils import Database

from annotate.errors import StoreError
from annotate.schema import migrations
from annotate.store import Store, connect

ROOT = Path(__file__).resolve().parents[2]
NAMES = [migration.name for migration in migrations._migrations]
CLIP = "a" * 64

# Rows that the first version can hold, in every table of it.
ROWS: list[tuple[str, dict[str, Any]]] = [
    ("meta", {"key": "secret", "value": "00"}),
    ("projects", {"id": 1, "name": "pilot", "settings": "{}", "created": "t"}),
    ("raters", {"id": 1, "project_id": 1, "name": "Ada", "role": "rater", "order_seed": 5, "created": "t"}),
    ("raters", {"id": 2, "project_id": 1, "name": "Grace", "role": "lead", "order_seed": 6, "created": "t"}),
    ("clips", {"sha256": CLIP, "suffix": "wav", "bytes": 5, "duration_s": 1.5, "added": "t"}),
    *[("items", {"id": n, "project_id": 1, "fingerprint": f"f{n}", "clip_sha256": CLIP, "model_id": "m", "source": "s", "words": 2,
                 "draw": n, "added": "t", "explanation": "It is loud.", "prosody": "{}"}) for n in (1, 2)],
    ("pairs", {"id": 1, "project_id": 1, "item_a": 1, "item_b": 2, "draw": 1, "added": "t"}),
    *[("leases", {"id": f"l{n}", "project_id": 1, "rater_id": n, "item_id": 1, "kind": "new", "position": 1, "state": "submitted",
                  "opened": "t", "expires": "t"}) for n in (1, 2)],
    ("leases", {"id": "l3", "project_id": 1, "rater_id": 1, "pair_id": 1, "kind": "new", "position": 2, "opened": "t",
                "expires": "t"}),
    ("drafts", {"lease_id": "l3", "version": 2, "answers": "{}", "seconds": 1.5, "saved": "t"}),
    *[("ratings", {"id": n, "project_id": 1, "item_id": 1, "rater_id": n, "factual_alignment": n, "seconds": 2.5, "position": 1,
                   "revision": 1, "created": "t", "updated": "t"}) for n in (1, 2)],
    ("preferences", {"id": 1, "project_id": 1, "pair_id": 1, "rater_id": 1, "factual_alignment": "tie", "swapped": 0,
                     "seconds": 1.0, "position": 2, "revision": 1, "created": "t", "updated": "t"}),
    ("revisions", {"id": 1, "submission_id": "p1", "lease_id": "l1", "rating_id": 1, "revision": 1, "answers": "{}", "seconds": 2.5,
                   "created": "t"}),
    ("claim_marks", {"rating_id": 1, "start_char": 0, "end_char": 5, "mark": "wrong"}),
    ("adjudications", {"item_id": 1, "lead_id": 2, "factual_alignment": 3, "created": "t"}),
    ("calibrations", {"id": 1, "project_id": 1, "version": 1, "content": "{}", "created": "t"}),
    ("events", {"id": 1, "at": "t", "project_id": 1, "kind": "invited"}),
]


# Rows of tables that later versions added.
LATER: list[tuple[str, dict[str, Any]]] = [
    ("donations", {"id": 1, "project_id": 1, "code_sha256": "c", "clip_sha256": CLIP, "item": "{}", "given": "t"}),
]


def contents(connection: sqlite3.Connection, columns: dict[str, list[str]]) -> dict[str, list[tuple]]:
    return {table: sorted(tuple(row) for row in connection.execute(f"SELECT {', '.join(names)} FROM {table}"))
            for table, names in columns.items()}


@pytest.mark.parametrize("version", range(1, len(NAMES) + 1))
def test_check_08_every_migration_from_every_older_schema_keeps_every_row(tmp_path: Path, version: int) -> None:
    path = tmp_path / "old.db"
    connection = connect(path)
    db = Database(connection, strict=True, execute_plugins=False)
    migrations.apply(db, stop_before=NAMES[version:])
    rows = [*ROWS, *((table, row) for table, row in LATER if db.table(table).exists())]
    for table, row in rows:
        db.table(table).insert(row)
    tables = [name for name in db.table_names() if not name.startswith("_")]
    assert set(tables) == {table for table, _ in rows}  # a new table needs a row above
    columns = {table: [column.name for column in db.table(table).columns] for table in tables}
    before = contents(connection, columns)
    connection.close()

    store = Store.open(path)
    after = contents(connect(path), columns)
    for table in tables:
        assert after[table] == before[table], table
    assert [tuple(row) for row in store.rows("SELECT id, n_ratings FROM items ORDER BY id")] == [(1, 2), (2, 0)]
    assert [tuple(row) for row in store.rows("SELECT id, n_preferences FROM pairs")] == [(1, 1)]
    assert store.rows("PRAGMA integrity_check")[0][0] == "ok"
    assert store.rows("PRAGMA foreign_key_check") == []
    assert len(store.ratings(store.project())) == 2
    assert len(store.preferences(store.project())) == 1


def test_two_servers_that_start_at_once_make_one_database(tmp_path: Path) -> None:
    script = "import sys; from annotate.store import Store; print(Store.create(sys.argv[1]).secret().hex())"
    running = [subprocess.Popen([sys.executable, "-c", script, str(tmp_path / "new.db")], cwd=ROOT, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(4)]
    outputs = [process.communicate(timeout=120) for process in running]
    assert [process.returncode for process in running] == [0] * 4, outputs
    assert len({out for out, _ in outputs}) == 1


def test_a_database_of_a_newer_version_is_refused_untouched(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    Store.create(path).close()
    connection = connect(path)
    connection.execute("INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('annotate', 'm999_future', 't')")
    connection.close()
    with pytest.raises(StoreError, match="newer version"):
        Store.open(path)


def test_a_migration_that_fails_leaves_the_older_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "old.db"
    Store.create(path).close()

    def broken(db: Database) -> None:
        db.conn.execute("DELETE FROM meta")
        raise sqlite3.OperationalError("boom")

    monkeypatch.setattr(migrations, "_migrations", [*migrations._migrations, migrations._Migration("m998_broken", broken)])
    with pytest.raises(StoreError):
        Store.open(path)
    monkeypatch.undo()
    assert len(Store.open(path).secret()) == 32
