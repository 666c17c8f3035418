"""The tables, and how an older database becomes a newer one (sqlite-utils' migrations).

A migration that was released is never edited: a new one is added below. Every table is STRICT; what may only be one of a few
words is checked by the database; the events are append-only by trigger.
"""

from __future__ import annotations

import sqlite3

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

migrations = Migrations("annotate")

_SCORE = "INTEGER CHECK ({0} BETWEEN 1 AND 5)"
_CHOICE = "TEXT CHECK ({0} IN ('a', 'b', 'tie', 'both bad'))"
_DIMENSIONS = ("factual_alignment", "interpretative_quality", "caption_completeness", "fluency_and_structural_clarity")


def _columns(kind: str) -> str:
    return ", ".join(f"{name} {kind.format(name)}" for name in _DIMENSIONS)


@migrations()
def m001_core(db: Database) -> None:
    """Everything that the first version keeps."""
    _run(db.conn, f"""
    CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;

    CREATE TABLE projects (
        id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE CHECK (name <> ''),
        settings TEXT NOT NULL CHECK (json_valid(settings)), created TEXT NOT NULL) STRICT;

    CREATE TABLE raters (
        id INTEGER PRIMARY KEY, project_id INTEGER NOT NULL REFERENCES projects (id), name TEXT NOT NULL CHECK (name <> ''),
        role TEXT NOT NULL CHECK (role IN ('rater', 'lead')), token_sha256 TEXT UNIQUE, hf_name TEXT,
        order_seed INTEGER NOT NULL, consented TEXT, instructed TEXT, qualified INTEGER CHECK (qualified IN (0, 1)),
        simulated INTEGER NOT NULL DEFAULT 0 CHECK (simulated IN (0, 1)),
        active INTEGER NOT NULL DEFAULT 1 CHECK (active IN (0, 1)), created TEXT NOT NULL,
        UNIQUE (project_id, name), UNIQUE (project_id, hf_name)) STRICT;

    CREATE TABLE clips (
        sha256 TEXT PRIMARY KEY CHECK (length(sha256) = 64), suffix TEXT NOT NULL, bytes INTEGER NOT NULL, duration_s REAL NOT NULL,
        added TEXT NOT NULL) STRICT;

    -- What is long stands last: SQLite reads a row from its start, and most questions need none of it.
    CREATE TABLE items (
        id INTEGER PRIMARY KEY, project_id INTEGER NOT NULL REFERENCES projects (id), fingerprint TEXT NOT NULL,
        clip_sha256 TEXT NOT NULL REFERENCES clips (sha256), speaker TEXT, model_id TEXT NOT NULL, answer TEXT, gold_emotion TEXT,
        reward_scores TEXT CHECK (reward_scores IS NULL OR json_valid(reward_scores)), source TEXT NOT NULL,
        purpose TEXT NOT NULL DEFAULT 'work' CHECK (purpose IN ('work', 'attention', 'qualification')),
        swapped_from INTEGER REFERENCES items (id), expected TEXT CHECK (expected IS NULL OR json_valid(expected)),
        words INTEGER NOT NULL, draw INTEGER NOT NULL, active INTEGER NOT NULL DEFAULT 1 CHECK (active IN (0, 1)),
        added TEXT NOT NULL, transcript TEXT, explanation TEXT NOT NULL, prosody TEXT NOT NULL CHECK (json_valid(prosody)),
        UNIQUE (project_id, fingerprint)) STRICT;
    CREATE INDEX items_by_purpose ON items (project_id, purpose, active);
    CREATE INDEX items_by_clip ON items (clip_sha256);

    CREATE TABLE pairs (
        id INTEGER PRIMARY KEY, project_id INTEGER NOT NULL REFERENCES projects (id),
        item_a INTEGER NOT NULL REFERENCES items (id), item_b INTEGER NOT NULL REFERENCES items (id), draw INTEGER NOT NULL,
        active INTEGER NOT NULL DEFAULT 1 CHECK (active IN (0, 1)), added TEXT NOT NULL,
        UNIQUE (item_a, item_b), CHECK (item_a < item_b)) STRICT;
    CREATE INDEX pairs_by_project ON pairs (project_id, active);

    CREATE TABLE leases (
        id TEXT PRIMARY KEY, project_id INTEGER NOT NULL REFERENCES projects (id), rater_id INTEGER NOT NULL REFERENCES raters (id),
        item_id INTEGER REFERENCES items (id), pair_id INTEGER REFERENCES pairs (id),
        kind TEXT NOT NULL CHECK (kind IN ('new', 'revision')), position INTEGER NOT NULL,
        swapped INTEGER NOT NULL DEFAULT 0 CHECK (swapped IN (0, 1)),
        state TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'submitted', 'expired', 'released')),
        opened TEXT NOT NULL, expires TEXT NOT NULL, heard TEXT, CHECK ((item_id IS NULL) <> (pair_id IS NULL))) STRICT;
    CREATE UNIQUE INDEX one_open_lease ON leases (rater_id, kind) WHERE state = 'open';
    CREATE INDEX open_leases ON leases (expires) WHERE state = 'open';
    CREATE INDEX leases_by_item ON leases (item_id, rater_id);
    CREATE INDEX leases_by_pair ON leases (pair_id, rater_id);
    CREATE INDEX leases_by_rater ON leases (rater_id, state);

    CREATE TABLE drafts (
        lease_id TEXT PRIMARY KEY REFERENCES leases (id), version INTEGER NOT NULL,
        answers TEXT NOT NULL CHECK (json_valid(answers)), seconds REAL NOT NULL DEFAULT 0, saved TEXT NOT NULL) STRICT;

    CREATE TABLE ratings (
        id INTEGER PRIMARY KEY, project_id INTEGER NOT NULL REFERENCES projects (id),
        item_id INTEGER NOT NULL REFERENCES items (id), rater_id INTEGER NOT NULL REFERENCES raters (id), {_columns(_SCORE)},
        heard_emotion TEXT, answer_right INTEGER CHECK (answer_right IN (0, 1)),
        flags TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(flags)),
        comment TEXT NOT NULL DEFAULT '', seconds REAL NOT NULL, position INTEGER NOT NULL, revision INTEGER NOT NULL,
        passed INTEGER CHECK (passed IN (0, 1)), created TEXT NOT NULL, updated TEXT NOT NULL,
        UNIQUE (item_id, rater_id)) STRICT;
    CREATE INDEX ratings_by_rater ON ratings (rater_id, updated);
    CREATE INDEX ratings_by_project ON ratings (project_id);

    CREATE TABLE preferences (
        id INTEGER PRIMARY KEY, project_id INTEGER NOT NULL REFERENCES projects (id),
        pair_id INTEGER NOT NULL REFERENCES pairs (id), rater_id INTEGER NOT NULL REFERENCES raters (id), {_columns(_CHOICE)},
        swapped INTEGER NOT NULL CHECK (swapped IN (0, 1)), flags TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(flags)),
        comment TEXT NOT NULL DEFAULT '', seconds REAL NOT NULL,
        position INTEGER NOT NULL, revision INTEGER NOT NULL, created TEXT NOT NULL, updated TEXT NOT NULL,
        UNIQUE (pair_id, rater_id)) STRICT;
    CREATE INDEX preferences_by_rater ON preferences (rater_id, updated);
    CREATE INDEX preferences_by_project ON preferences (project_id);

    -- Every version of every answer. submission_id names one press of the button: a second arrival of it changes nothing.
    CREATE TABLE revisions (
        id INTEGER PRIMARY KEY, submission_id TEXT NOT NULL UNIQUE, lease_id TEXT NOT NULL REFERENCES leases (id),
        rating_id INTEGER REFERENCES ratings (id), preference_id INTEGER REFERENCES preferences (id), revision INTEGER NOT NULL,
        answers TEXT NOT NULL CHECK (json_valid(answers)), seconds REAL NOT NULL, created TEXT NOT NULL,
        UNIQUE (rating_id, revision), UNIQUE (preference_id, revision),
        CHECK ((rating_id IS NULL) <> (preference_id IS NULL))) STRICT;

    CREATE TABLE claim_marks (
        rating_id INTEGER NOT NULL REFERENCES ratings (id), start_char INTEGER NOT NULL, end_char INTEGER NOT NULL,
        mark TEXT NOT NULL CHECK (mark IN ('supported', 'wrong', 'not checkable')),
        PRIMARY KEY (rating_id, start_char), CHECK (0 <= start_char AND start_char < end_char)) STRICT;

    CREATE TABLE adjudications (
        item_id INTEGER PRIMARY KEY REFERENCES items (id), lead_id INTEGER NOT NULL REFERENCES raters (id), {_columns(_SCORE)},
        comment TEXT NOT NULL DEFAULT '', created TEXT NOT NULL) STRICT;

    CREATE TABLE calibrations (
        id INTEGER PRIMARY KEY, project_id INTEGER NOT NULL REFERENCES projects (id), version INTEGER NOT NULL,
        content TEXT NOT NULL CHECK (json_valid(content)), created TEXT NOT NULL, UNIQUE (project_id, version)) STRICT;

    CREATE TABLE events (
        id INTEGER PRIMARY KEY, at TEXT NOT NULL, project_id INTEGER REFERENCES projects (id),
        rater_id INTEGER REFERENCES raters (id), lease_id TEXT REFERENCES leases (id), kind TEXT NOT NULL,
        detail TEXT NOT NULL DEFAULT '{{}}' CHECK (json_valid(detail))) STRICT;
    CREATE INDEX events_by_kind ON events (project_id, kind);
    CREATE TRIGGER events_stay BEFORE UPDATE ON events BEGIN SELECT RAISE (ABORT, 'events are append-only'); END;
    CREATE TRIGGER events_last BEFORE DELETE ON events BEGIN SELECT RAISE (ABORT, 'events are append-only'); END;
    """)


@migrations()
def m002_counts(db: Database) -> None:
    """How many ratings each item has, kept by trigger: to find the least-rated one is then a step in an index."""
    _run(db.conn, """
    ALTER TABLE items ADD COLUMN n_ratings INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE pairs ADD COLUMN n_preferences INTEGER NOT NULL DEFAULT 0;
    UPDATE items SET n_ratings = (SELECT count(*) FROM ratings WHERE ratings.item_id = items.id);
    UPDATE pairs SET n_preferences = (SELECT count(*) FROM preferences WHERE preferences.pair_id = pairs.id);
    DROP INDEX items_by_purpose;
    DROP INDEX pairs_by_project;
    CREATE INDEX items_in_order ON items (project_id, purpose, active, n_ratings, draw);
    CREATE INDEX pairs_in_order ON pairs (project_id, active, n_preferences, draw);
    CREATE INDEX items_by_origin ON items (swapped_from) WHERE swapped_from IS NOT NULL;
    CREATE TRIGGER count_rating AFTER INSERT ON ratings
        BEGIN UPDATE items SET n_ratings = n_ratings + 1 WHERE id = new.item_id; END;
    CREATE TRIGGER count_preference AFTER INSERT ON preferences
        BEGIN UPDATE pairs SET n_preferences = n_preferences + 1 WHERE id = new.pair_id; END;
    """)


@migrations()
def m003_reading_leaving_giving(db: Database) -> None:
    """When an explanation was shown and what the rater had heard until then; people who withdraw; clips that visitors give.

    Events stay append-only, but for what somebody has the right to have erased: `erasing` sets a mark inside its transaction.
    """
    _run(db.conn, """
    ALTER TABLE leases ADD COLUMN shown TEXT;
    ALTER TABLE leases ADD COLUMN first_emotion TEXT;
    ALTER TABLE raters ADD COLUMN withdrawn TEXT;

    DROP TRIGGER events_last;
    CREATE TRIGGER events_last BEFORE DELETE ON events WHEN NOT EXISTS (SELECT 1 FROM meta WHERE key = 'erasing')
        BEGIN SELECT RAISE (ABORT, 'events are append-only'); END;
    CREATE TRIGGER uncount_rating AFTER DELETE ON ratings
        BEGIN UPDATE items SET n_ratings = n_ratings - 1 WHERE id = old.item_id; END;
    CREATE TRIGGER uncount_preference AFTER DELETE ON preferences
        BEGIN UPDATE pairs SET n_preferences = n_preferences - 1 WHERE id = old.pair_id; END;
    CREATE INDEX events_by_rater ON events (rater_id);
    CREATE INDEX events_by_lease ON events (lease_id);
    CREATE INDEX revisions_by_lease ON revisions (lease_id);

    -- item: what was given, as JSON, until a lead decides; item_id: what became of it. code_sha256: of the giver's code.
    CREATE TABLE donations (
        id INTEGER PRIMARY KEY, project_id INTEGER NOT NULL REFERENCES projects (id), code_sha256 TEXT NOT NULL UNIQUE,
        state TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'accepted', 'refused', 'taken back')),
        clip_sha256 TEXT REFERENCES clips (sha256), item TEXT CHECK (item IS NULL OR json_valid(item)),
        item_id INTEGER REFERENCES items (id), given TEXT NOT NULL, decided TEXT) STRICT;
    CREATE INDEX donations_by_state ON donations (project_id, state);
    """)


def _run(connection: sqlite3.Connection, script: str) -> None:
    """Every statement of a script inside the transaction at hand (`executescript` would commit it first)."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            connection.execute(statement)
            statement = ""
    if statement.strip():
        raise ValueError(f"The last statement of a migration does not end: {statement.strip()[:60]}")
