"""A copy that can be trusted, made while others write."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest

from annotate.assignment import claim
from annotate.backup import backup
from annotate.errors import StoreError
from annotate.rating import submit
from annotate.store import Store
from tests.annotate.filling import full_answers, listen, make_rater, make_store


def dump(path: Path) -> list[str]:
    with sqlite3.connect(path) as connection:
        return list(connection.iterdump())


def test_check_08_a_backup_while_writing_restores_to_identical_rows(tmp_path: Path) -> None:
    """Every copy is the state of one moment: whole submissions, as many as were acknowledged before it or a few more."""
    store, project = make_store(tmp_path / "live", 60, ratings_per_item=1)
    rater = make_rater(store, project)
    done: list[int] = []

    def work() -> None:
        while (task := claim(store, project, rater)) is not None:
            listen(store, project, rater, task.lease_id, 2.0)
            submit(store, project, rater, task.lease_id, f"press-{task.lease_id}", full_answers(marks=[[0, 38, "wrong"]]), 1.0)
            done.append(task.items[0].id)

    writer = threading.Thread(target=work)
    writer.start()
    copies = []
    while writer.is_alive() or not copies:
        before = len(done)
        target = backup(store, tmp_path / f"copy{len(copies)}" / "annotate.db")
        copies.append((before, len(done), target))
    writer.join()
    assert len(done) == 60
    assert any(0 < before < 60 for before, _, _ in copies)
    live = {rating.id: rating for rating in store.ratings(project)}
    for before, after, target in copies:
        with Store.open(target) as copy:
            ratings = copy.ratings(copy.project())
            assert before <= len(ratings) <= after + 1
            assert len(copy.rows("SELECT 1 FROM revisions")) == len(copy.rows("SELECT 1 FROM claim_marks")) == len(ratings)
            assert copy.rows("PRAGMA integrity_check")[0][0] == "ok"
            assert copy.rows("PRAGMA foreign_key_check") == []
            assert all(live[rating.id] == rating for rating in ratings)
    last = backup(store, tmp_path / "last" / "annotate.db")
    assert dump(last) == dump(store.path)


def test_the_clips_come_along_and_are_not_copied_twice(tmp_path: Path) -> None:
    store, project = make_store(tmp_path / "live", 2)
    target = backup(store, tmp_path / "copy.db")
    with Store.open(target) as copy:
        paths = [copy.clip_path(item.clip_sha256) for item in copy.items(copy.project())]
        assert all(path.parent == tmp_path / "copy.clips" for path in paths)
        assert [path.read_bytes() for path in paths] == [store.clip_path(i.clip_sha256).read_bytes() for i in store.items(project)]
    times = {path: path.stat().st_mtime_ns for path in paths}
    backup(store, target)  # over the first, whose write-ahead log may still be there
    assert {path: path.stat().st_mtime_ns for path in paths} == times
    with Store.open(target) as copy:
        assert len(list(copy.items(copy.project()))) == 2


def test_a_backup_that_fails_leaves_the_older_one(tmp_path: Path) -> None:
    store, _ = make_store(tmp_path / "live", 1)
    target = backup(store, tmp_path / "copy.db")
    before = target.read_bytes()
    next(store.clips.iterdir()).unlink()
    for clip in (tmp_path / "copy.clips").iterdir():
        clip.unlink()
    with pytest.raises(StoreError, match="failed"):
        backup(store, target)
    assert target.read_bytes() == before
    assert not list(tmp_path.glob(".*"))
    with pytest.raises(StoreError, match="cannot be the database itself"):
        backup(store, store.path)
