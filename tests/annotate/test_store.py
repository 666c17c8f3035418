"""The database: what it holds, what it refuses, and what people are told when it cannot be used."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from annotate import roster
from annotate.assignment import claim
from annotate.errors import AnnotateError, Newcomer, NotAllowed, StoreError
from annotate.rating import submit
from annotate.settings import ProjectSettings
from annotate.store import Store, clips_folder
from tests.annotate.filling import full_answers, listen, make_rater, make_store


def count_rows(store: Store) -> dict[str, int]:
    tables = ("ratings", "revisions", "claim_marks", "events", "leases", "drafts")
    return {name: store.rows(f"SELECT count(*) FROM {name}")[0][0] for name in tables}


def test_every_table_is_strict_and_every_connection_is_careful(tmp_path: Path) -> None:
    store, _ = make_store(tmp_path, 0)
    tables = store.rows("SELECT name, strict FROM pragma_table_list WHERE type = 'table' AND schema = 'main' "
                        "AND name NOT LIKE 'sqlite_%'")
    assert len(tables) > 12
    assert [row["name"] for row in tables if not row["strict"]] == []
    with store.transaction() as db:
        for connection in (db.conn, store):
            ask = connection.execute if isinstance(connection, sqlite3.Connection) else store.rows
            found = [next(iter(ask(f"PRAGMA {name}")))[0] for name in ("foreign_keys", "synchronous", "journal_mode")]
            assert found == [1, 2, "wal"]


def test_the_latest_revision_is_what_is_read(tmp_path: Path) -> None:
    store, project = make_store(tmp_path, 1)
    rater = make_rater(store, project)
    work = claim(store, project, rater)
    assert work is not None
    listen(store, project, rater, work.lease_id, 2.0)
    submit(store, project, rater, work.lease_id, "press-0001", full_answers(2), 9.0)
    submit(store, project, rater, work.lease_id, "press-0002", full_answers(5, flags=["offensive"], comment="x"), 9.0)
    (rating,) = store.ratings(project)
    assert rating.scores == dict.fromkeys(rating.scores, 5)
    assert (rating.revision, rating.flags, rating.comment, rating.answer_right) == (2, ("offensive",), "x", True)
    assert (rating.speaker, rating.model_id, rating.gold_emotion) == ("speaker-0", "model-0", "angry")
    assert rating.reward_scores is not None and rating.reward_scores["factual_alignment"] == 3.5
    assert (rating.words, rating.position) == (len(store.item(1).explanation.split()), 1)
    assert not rating.is_attention and not rating.simulated
    assert rating.updated > rating.created
    assert [row["revision"] for row in store.rows("SELECT revision FROM revisions ORDER BY id")] == [1, 2]


def test_calibrations_are_numbered_and_come_back(tmp_path: Path) -> None:
    store, project = make_store(tmp_path, 0)
    assert store.save_calibration(project, {"map": [1.0, 2.5]}) == 1
    assert store.save_calibration(project, {"map": [1.5]}) == 2
    first, second = store.calibrations(project)
    assert (first["map"], first["version"], second["version"]) == ([1.0, 2.5], 1, 2)
    with pytest.raises(ValueError, match="JSON"):
        store.save_calibration(project, {"map": float("nan")})
    assert len(store.calibrations(project)) == 2


def test_events_can_neither_be_changed_nor_removed(tmp_path: Path) -> None:
    store, _ = make_store(tmp_path, 0)
    for statement in ("UPDATE events SET kind = 'x'", "DELETE FROM events"):
        with pytest.raises(StoreError), store.transaction() as db:
            db.conn.execute(statement)
    assert store.rows("SELECT kind FROM events")[0]["kind"] == "project made"


@pytest.mark.parametrize("statement", [
    "UPDATE items SET gold_emotion = 5.5, purpose = 'play'",
    "INSERT INTO claim_marks VALUES (1, 0, 1, 'wrong')",  # of no rating
    "INSERT INTO projects (name, settings, created) VALUES ('other', 'no json', '')",
    "INSERT INTO projects (name, settings, created) VALUES ('pilot', '{}', '')",
])
def test_the_database_itself_refuses_what_cannot_be(tmp_path: Path, statement: str) -> None:
    store, _ = make_store(tmp_path, 1)
    before = store.rows("SELECT * FROM items")
    with pytest.raises(StoreError, match="nothing of this was saved"), store.transaction() as db:
        db.conn.execute(statement)
    assert store.rows("SELECT * FROM items") == before


def test_a_transaction_is_all_or_nothing(tmp_path: Path) -> None:
    store, project = make_store(tmp_path, 0)
    with pytest.raises(RuntimeError), store.transaction():
        store.save_calibration(project, {})
        raise RuntimeError
    assert store.calibrations(project) == []
    assert store.save_calibration(project, {}) == 1


def test_check_07_a_full_disk_or_a_read_only_file_is_a_sentence_and_nothing_is_half_written(tmp_path: Path) -> None:
    store, project = make_store(tmp_path, 1)
    rater = make_rater(store, project)
    work = claim(store, project, rater)
    assert work is not None
    listen(store, project, rater, work.lease_id, 2.0)
    for pragma, undo, said in [("query_only = 1", "query_only = 0", "may not be written to"),
                               ("max_page_count = 1", "max_page_count = 1000000", "disk is full")]:
        tables = count_rows(store)
        store._write.execute(f"PRAGMA {pragma}")
        long = full_answers(marks=[[0, 38, "wrong"]])
        with pytest.raises(StoreError, match=said):
            for number in range(20):  # the file's last page may have room for a few
                long["comment"] = f"{number}" + "x" * 1990
                submit(store, project, rater, work.lease_id, f"press-{number:04}", long, 5.0)
                tables = count_rows(store)
        store._write.execute(f"PRAGMA {undo}")
        assert count_rows(store) == tables
    assert submit(store, project, rater, work.lease_id, "press-last", full_answers(1), 5.0).again is False
    assert store.ratings(project)[0].factual_alignment == 1
    assert store.rows("PRAGMA integrity_check")[0][0] == "ok"


def test_what_is_no_database_of_ours_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"no database missing\.db"):
        Store.open(tmp_path / "missing.db")
    text = tmp_path / "text.db"
    text.write_text("no database at all, but long enough to be one" * 100)
    with pytest.raises(StoreError, match="not a database of this program"):
        Store.open(text)
    other = tmp_path / "other.db"
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE photos (id)")
    with pytest.raises(StoreError, match="of another program"):
        Store.open(other)
    assert not clips_folder(other).exists()
    with pytest.raises(StoreError, match="cannot be"):
        Store.create(tmp_path / "text.db" / "below" / "a.db")


def test_projects_are_found_by_name(tmp_path: Path) -> None:
    store, project = make_store(tmp_path, 0)
    assert store.project() == store.project("pilot") == project
    with pytest.raises(AnnotateError, match="holds: pilot"):
        store.project("other")
    roster.create_project(store, "other", ProjectSettings())
    with pytest.raises(AnnotateError, match="2 projects"):
        store.project()
    with pytest.raises(AnnotateError, match="already"):
        roster.create_project(store, "other", ProjectSettings())


@pytest.mark.parametrize("values", [{"ratings_per_item": 0}, {"ratings_per_item": True}, {"mode": "triple"}, {"colour": "red"},
                                    {"emotions": ["one"]}, {"emotions": ["a", ""]}, {"lease_minutes": float("nan")},
                                    {"attention_rate": 0.9}, {"seed": -1}])
def test_settings_that_cannot_be_are_refused(values: dict) -> None:
    with pytest.raises(AnnotateError):
        ProjectSettings.from_dict(values)


def test_links_let_in_only_whom_they_were_made_for(tmp_path: Path) -> None:
    store, project = make_store(tmp_path, 0)
    rater, token = roster.invite(store, project, "Ada")
    assert token is not None
    assert roster.sign_in(store, token).id == rater.id
    assert token not in "".join(str(tuple(row)) for row in store.rows("SELECT * FROM raters"))
    for wrong in ("", "x", token + "x", "\ud800"):
        with pytest.raises(NotAllowed, match="not known"):
            roster.sign_in(store, wrong)
    renewed = roster.new_token(store, rater)
    with pytest.raises(NotAllowed):
        roster.sign_in(store, token)
    roster.set_active(store, rater, False)
    with pytest.raises(NotAllowed, match="ended"):
        roster.sign_in(store, renewed)


def test_hugging_face_names_are_let_in_as_the_project_says(tmp_path: Path) -> None:
    store, project = make_store(tmp_path, 0)
    lead, token = roster.invite(store, project, "Grace", "lead", hf_name="grace")
    assert token is None
    assert roster.sign_in_hf(store, project, "Grace").id == lead.id
    with pytest.raises(NotAllowed, match="not invited"):
        roster.sign_in_hf(store, project, "stranger")
    project = roster.change_settings(store, project, hf_raters="anyone")
    people = store.raters(project)
    with pytest.raises(Newcomer):  # nothing is kept of somebody who only looks
        roster.sign_in_hf(store, project, "stranger")
    assert store.raters(project) == people
    assert roster.sign_in_hf(store, project, "stranger", join=True).role == "rater"
    with pytest.raises(NotAllowed):
        roster.sign_in_hf(store, project, "<b>")
    later = roster.create_project(store, "later", ProjectSettings())
    assert roster.find_hf(store, "grace").project_id == project.id
    roster.invite(store, later, "Grace", hf_name="grace")
    assert roster.find_hf(store, "grace").project_id == later.id
    project = roster.change_settings(store, project, hf_raters="nobody")
    with pytest.raises(NotAllowed):
        roster.sign_in_hf(store, project, "grace")
