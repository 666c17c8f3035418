"""The database of an annotation server: one SQLite file, and beside it a folder with the clips, named by their content.

    store = Store.open("data/annotate.db")            # Store.create makes a new one
    project = store.project("pilot")
    for rating in store.ratings(project): ...          # the latest revision per item and rater
    version = store.save_calibration(project, {...})

Write-ahead log, synchronous=FULL (a commit is on the disk when it returns), foreign keys on. Every write is one transaction that
begins IMMEDIATE: a deferred one would fail with "database is locked" as soon as two processes read and then write. One connection
writes, under a lock, so that threads of one server queue up in order instead of polling; each thread reads through its own.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from annotate import clock
from annotate.errors import AnnotateError, StoreError
from annotate.records import DIMENSIONS, Item, Preference, Project, Rater, Rating
from annotate.schema import migrations

BUSY_S = 30.0  # another process may write for so long before a write here gives up
_ITEM_COLUMNS = ("id, project_id, clip_sha256, speaker, transcript, explanation, answer, model_id, gold_emotion, reward_scores, "
                 "source, purpose, swapped_from, expected, prosody")


class Store:
    """One open database. Threads may share it; each process opens its own."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self.clips = clips_folder(path)
        self._write = connection
        self._lock = threading.RLock()
        self._local = threading.local()
        self._writer: int | None = None  # the thread whose transaction is open

    @classmethod
    def create(cls, path: str | Path) -> Store:
        """Make a new database, and the folders it lies in. Opens it where there is one already."""
        path = Path(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"The folder of {path.name} cannot be made ({error.strerror}); choose "
                             "another place.") from error
        return cls._open(path)

    @classmethod
    def open(cls, path: str | Path) -> Store:
        """Open a database that is there; an older one is brought up to date first. Raises StoreError."""
        path = Path(path)
        if not path.is_file():
            raise StoreError(f"There is no database {path.name}; make one with `python -m annotate init --db FILE`.")
        return cls._open(path)

    @classmethod
    def _open(cls, path: Path) -> Store:
        try:
            connection = connect(path)
            _migrate(connection, path)
            clips_folder(path).mkdir(exist_ok=True)
        except sqlite3.Error as error:
            raise explain(error, path) from error
        except OSError as error:
            raise StoreError(f"The folder for the clips of {path.name} cannot be made ({error.strerror}); choose "
                             "another place.") from error
        return cls(path, connection)

    def close(self) -> None:
        """Close the writing connection and this thread's reading one; those of other threads go with their threads."""
        with self._lock:
            self._write.close()
        reader = getattr(self._local, "reader", None)
        if reader is not None:
            reader.close()
            self._local.reader = None

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def transaction(self) -> Iterator[Database]:
        """All or nothing, one at a time, on the disk when the block ends. Raises StoreError with a sentence for people.

        Blocks may be nested: an inner one belongs to the outer one.
        """
        with self._lock:
            if self._write.in_transaction:
                yield Database(self._write, execute_plugins=False, recursive_triggers=False)
                return
            try:
                self._write.execute("BEGIN IMMEDIATE")
                self._writer = threading.get_ident()
                try:
                    yield Database(self._write, execute_plugins=False, recursive_triggers=False)
                    self._write.execute("COMMIT")
                except BaseException:
                    if self._write.in_transaction:
                        self._write.execute("ROLLBACK")
                    raise
                finally:
                    self._writer = None
            except sqlite3.Error as error:
                raise explain(error, self.path) from error

    def empty_log(self) -> None:
        """Move the write-ahead log into the file and cut it, so that no page that was replaced can be read from it.

        Where another connection reads just then, SQLite waits for it. Raises StoreError.
        """
        with self._lock:
            try:
                self._write.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            except sqlite3.Error as error:
                raise explain(error, self.path) from error

    def rows(self, sql: str, parameters: Sequence[Any] | dict[str, Any] = ()) -> list[sqlite3.Row]:
        """Read committed rows without waiting for writers; inside a transaction of this thread, what it wrote so far, too.

        Raises StoreError.
        """
        try:
            if self._writer == threading.get_ident():
                return list(self._write.execute(sql, parameters))
            reader = getattr(self._local, "reader", None)
            if reader is None:
                reader = self._local.reader = connect(self.path)
            return list(reader.execute(sql, parameters))
        except sqlite3.Error as error:
            raise explain(error, self.path) from error

    def row(self, sql: str, parameters: Sequence[Any] | dict[str, Any] = ()) -> sqlite3.Row | None:
        """The first row, or None."""
        found = self.rows(sql, parameters)
        return found[0] if found else None

    # Projects

    def projects(self) -> list[Project]:
        """All projects, by name."""
        return [_project(row) for row in self.rows("SELECT * FROM projects ORDER BY name")]

    def project(self, name: str | None = None) -> Project:
        """The project of that name; without a name, the only one there is. Raises AnnotateError."""
        projects = self.projects()
        found = [project for project in projects if name is None or project.name == name]
        if len(found) == 1:
            return found[0]
        names = ", ".join(project.name for project in projects) or "none yet"
        if name is None:
            raise AnnotateError(f"The database holds {len(projects)} projects ({names}); name the one that is meant.")
        raise AnnotateError(f"There is no project {name!r}; the database holds: {names}.")

    # Items

    def item(self, item_id: int) -> Item:
        """One item, whole. Raises AnnotateError where there is none."""
        row = self.row(f"SELECT {_ITEM_COLUMNS} FROM items WHERE id = ?", [item_id])
        if row is None:
            raise AnnotateError(f"There is no item {item_id}.")
        return _item(row)

    def items(self, project: Project) -> Iterator[Item]:
        """Every item of a project, whole, in the order of import; read in portions, so that memory stays small."""
        last = 0
        while True:
            rows = self.rows(f"SELECT {_ITEM_COLUMNS} FROM items WHERE project_id = ? AND id > ? ORDER BY id LIMIT 200",
                             [project.id, last])
            if not rows:
                return
            yield from map(_item, rows)
            last = rows[-1]["id"]

    def clip_path(self, sha256: str) -> Path:
        """Where a clip lies. Raises AnnotateError where it is not known or missing from the folder."""
        row = self.row("SELECT suffix FROM clips WHERE sha256 = ?", [sha256])
        path = None if row is None else self.clips / f"{sha256}.{row['suffix']}"
        if path is None or not path.is_file():
            raise AnnotateError(f"The clip {sha256[:12]}… is missing from {self.clips.name}; restore it from a backup.")
        return path

    # Answers

    def ratings(self, project: Project) -> list[Rating]:
        """What every rater said last about every item of the project, by item and rater. Attention and qualification items are
        among them and say so; so are ratings by simulated raters."""
        rows = self.rows(f"""
            SELECT r.id, r.item_id, i.clip_sha256, i.speaker, r.rater_id, p.name AS rater_name, p.simulated, i.model_id,
                   {', '.join('r.' + name for name in DIMENSIONS)}, r.heard_emotion, i.answer, r.answer_right, r.flags, r.comment,
                   r.seconds, r.position, r.revision, i.purpose, i.reward_scores, i.words, i.gold_emotion, r.created, r.updated
            FROM ratings r JOIN items i ON i.id = r.item_id JOIN raters p ON p.id = r.rater_id
            WHERE r.project_id = ? ORDER BY r.item_id, r.rater_id""", [project.id])
        return [_rating(row) for row in rows]

    def preferences(self, project: Project) -> list[Preference]:
        """What every rater said last about every pair of the project, by pair and rater."""
        rows = self.rows(f"""
            SELECT r.id, r.pair_id, q.item_a, q.item_b, a.model_id AS model_a, b.model_id AS model_b,
                   a.clip_sha256, a.speaker, r.rater_id, p.name AS rater_name, p.simulated, r.swapped,
                   {', '.join('r.' + name for name in DIMENSIONS)}, r.flags, r.comment, r.seconds, r.position, r.revision,
                   r.created, r.updated
            FROM preferences r JOIN pairs q ON q.id = r.pair_id JOIN items a ON a.id = q.item_a JOIN items b ON b.id = q.item_b
            JOIN raters p ON p.id = r.rater_id WHERE r.project_id = ? ORDER BY r.pair_id, r.rater_id""", [project.id])
        return [_preference(row) for row in rows]

    # Calibration

    def save_calibration(self, project: Project, content: dict[str, Any]) -> int:
        """Keep a calibration (plain JSON, no NaN: ValueError) and give its version, 1 for the project's first."""
        text = json.dumps(content, ensure_ascii=False, allow_nan=False)
        with self.transaction() as db:
            version = db.conn.execute("SELECT coalesce(max(version), 0) + 1 FROM calibrations WHERE project_id = ?",
                                      [project.id]).fetchone()[0]
            insert(db, "calibrations", {"project_id": project.id, "version": version, "content": text,
                                        "created": clock.utc_now()})
            log_event(db, "calibrated", project_id=project.id, version=version)
        return version

    def calibrations(self, project: Project) -> list[dict[str, Any]]:
        """All calibrations, oldest first: what was saved, with `version` and `created` (UTC) set beside it."""
        rows = self.rows("SELECT version, content, created FROM calibrations WHERE project_id = ? ORDER BY version", [project.id])
        return [{**json.loads(row["content"]), "version": row["version"], "created": row["created"]} for row in rows]

    # Raters

    def rater(self, rater_id: int) -> Rater:
        """One rater. Raises AnnotateError where there is none."""
        row = self.row("SELECT * FROM raters WHERE id = ?", [rater_id])
        if row is None:
            raise AnnotateError(f"There is no rater {rater_id}.")
        return as_rater(row)

    def raters(self, project: Project) -> list[Rater]:
        """All raters and leads of a project, in the order they were invited."""
        return [as_rater(row) for row in self.rows("SELECT * FROM raters WHERE project_id = ? ORDER BY id", [project.id])]

    def secret(self) -> bytes:
        """32 bytes that only this database knows; links to clips are signed with them."""
        row = self.row("SELECT value FROM meta WHERE key = 'secret'")
        assert row is not None  # written when the database was made
        return bytes.fromhex(row["value"])


def clips_folder(path: Path) -> Path:
    """The folder beside a database that holds its clips: `annotate.db` -> `annotate.clips`."""
    return path.with_suffix(".clips")


def connect(path: Path) -> sqlite3.Connection:
    """A connection as every part of this package uses it. Raises sqlite3.Error."""
    connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA secure_delete = ON")  # what is deleted is overwritten, and not only forgotten
    return connection


def insert(db: Database, table: str, values: dict[str, Any]) -> int:
    """A new row; gives its rowid."""
    found = db.table(table).insert(values).last_rowid
    assert found is not None
    return found


def log_event(db: Database, kind: str, *, project_id: int | None = None, rater_id: int | None = None,
              lease_id: str | None = None, **detail: Any) -> None:
    """One row of the audit trail, inside the transaction of what it tells of."""
    insert(db, "events", {"at": clock.utc_now(), "project_id": project_id, "rater_id": rater_id, "lease_id": lease_id,
                          "kind": kind, "detail": json.dumps(detail, ensure_ascii=False, allow_nan=False)})


def explain(error: sqlite3.Error, path: Path) -> StoreError:
    """What people are told of an error of SQLite's."""
    code = str(getattr(error, "sqlite_errorname", None) or "")
    reasons = {
        "SQLITE_FULL": "the disk is full; free some space and try again",
        "SQLITE_READONLY": "the file may not be written to; correct its permissions and try again",
        "SQLITE_BUSY": f"another program kept it locked for {BUSY_S:.0f} s; try again",
        "SQLITE_LOCKED": "another program keeps it locked; try again",
        "SQLITE_NOTADB": "it is not a database of this program; name another file",
        "SQLITE_CORRUPT": "it is damaged; restore the last backup",
        "SQLITE_CANTOPEN": "it cannot be opened; check the folder and its permissions",
        "SQLITE_IOERR": "the disk does not read or write as it should; check it, then try again",
    }
    reason = next((text for name, text in reasons.items() if code.startswith(name)), f"of an error in it ({code or error})")
    return StoreError(f"The database {path.name} was not used, nothing of this was saved: {reason}.")


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Bring the schema up to date in one transaction: two servers that start at once do not meet in the middle."""
    db = Database(connection, strict=True, execute_plugins=False)
    tables = set(db.table_names())
    if tables and "_sqlite_migrations" not in tables:
        raise StoreError(f"{path.name} is a database of another program; name another file.")
    if connection.execute("PRAGMA journal_mode = WAL").fetchone()[0] != "wal":
        raise StoreError(f"{path.name} lies where SQLite cannot keep its write-ahead log; choose a local disk.")
    known = {migration.name for migration in migrations._migrations}
    newer = {migration.name for migration in migrations.applied(db)} - known
    if newer:
        raise StoreError(f"{path.name} was written by a newer version ({', '.join(sorted(newer))}); update this program.")
    if tables and not migrations.pending(db):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        migrations.apply(db)
        connection.execute("INSERT OR IGNORE INTO meta VALUES ('secret', ?)", [secrets.token_bytes(32).hex()])
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def sha256_of(data: bytes) -> str:
    """The content hash that names a clip."""
    return hashlib.sha256(data).hexdigest()


def _json(text: str | None) -> Any:
    return None if text is None else json.loads(text)


def _project(row: sqlite3.Row) -> Project:
    return Project(row["id"], row["name"], json.loads(row["settings"]), row["created"])


def as_rater(row: sqlite3.Row) -> Rater:
    """A row of `raters` as a record."""
    return Rater(row["id"], row["project_id"], row["name"], row["role"], row["order_seed"], row["consented"], row["instructed"],
                 None if row["qualified"] is None else bool(row["qualified"]), bool(row["simulated"]), bool(row["active"]),
                 row["withdrawn"])


def _item(row: sqlite3.Row) -> Item:
    values = dict(row)
    for name in ("reward_scores", "expected", "prosody"):
        values[name] = _json(values[name])
    return Item(**values)


def _rating(row: sqlite3.Row) -> Rating:
    values = dict(row)
    purpose = values.pop("purpose")
    right = values["answer_right"]
    return Rating(**values | {
        "simulated": bool(values["simulated"]), "answer_right": None if right is None else bool(right),
        "flags": tuple(json.loads(values["flags"])), "reward_scores": _json(values["reward_scores"]),
        "is_attention": purpose == "attention", "is_qualification": purpose == "qualification"})


def _preference(row: sqlite3.Row) -> Preference:
    values = dict(row)
    return Preference(**values | {"simulated": bool(values["simulated"]), "swapped": bool(values["swapped"]),
                                  "flags": tuple(json.loads(values["flags"]))})
