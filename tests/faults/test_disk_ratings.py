"""Ratings and their exports on a disk that is full or read-only: a sentence, nothing lost, and it goes on when there is room."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from annotate import roster
from annotate.assignment import claim
from annotate.backup import backup
from annotate.errors import StoreError
from annotate.exporting import export
from annotate.items import keep_clip
from annotate.rating import save_draft
from annotate.records import Project
from annotate.service import Service
from annotate.store import Store
from annotate.ui import open_desk
from tests.annotate.filling import full_answers, listen, make_rater, make_store, write_clip
from tests.faults.conftest import Disk
from tests.test_audio import assert_one_sentence

MB = 1_000_000


def submission(lease: str, press: str, comment: str = "x" * 1900) -> dict:
    return {"lease": lease, "submission": press, "answers": full_answers(4, comment=comment), "seconds": 3}


def test_check_07_a_submission_to_a_full_disk_is_told_and_arrives_later(make_disk: Callable[[int], Disk]) -> None:
    disk = make_disk(4 * MB)
    store, project = make_store(disk.path, 1)
    rater, token = roster.invite(store, project, "Ada")
    roster.agree(store, rater, "consented")
    roster.agree(store, rater, "instructed")
    rater = store.rater(rater.id)
    work = claim(store, project, rater)
    assert work is not None
    listen(store, project, rater, work.lease_id, 2.0)
    saved = save_draft(store, project, rater, work.lease_id, {"comment": "half"}, 0, 1.0)
    store.empty_log()
    before = store.rows("SELECT count(*) FROM events")[0][0]
    disk.fill()

    service = Service(store)
    told = service.call("submit", token, submission(work.lease_id, "press-0001"))
    assert told["kind"] == "StoreError"
    assert_one_sentence(told["error"])
    assert "the disk is full" in told["error"] and "nothing of this was saved" in told["error"]
    assert store.ratings(project) == []  # and reading goes on
    assert store.rows("SELECT answers FROM drafts WHERE lease_id = ?", [work.lease_id])[0]["answers"].count("half") == 1

    disk.make_room()
    receipt = service.call("submit", token, submission(work.lease_id, "press-0001"))
    assert receipt["revision"] == 1 and receipt["again"] is False
    assert service.call("submit", token, submission(work.lease_id, "press-0001"))["again"] is True
    assert [rating.factual_alignment for rating in store.ratings(project)] == [4]
    assert store.rows("SELECT count(*) FROM events")[0][0] == before + 1
    assert store.rows("PRAGMA integrity_check")[0][0] == "ok"
    assert saved.version == 1


def rated(folder: Path, n: int) -> tuple[Store, Project]:
    store, project = make_store(folder, n, ratings_per_item=1)
    rater = make_rater(store, project)
    while (work := claim(store, project, rater)) is not None:
        listen(store, project, rater, work.lease_id, 2.0)
        text = submission(work.lease_id, f"press-{work.lease_id}")
        assert Service(store)._submit(project, rater, text)["revision"] == 1
    return store, project


@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet"])
def test_an_export_to_a_full_disk_leaves_no_half_file_and_the_next_is_whole(make_disk: Callable[[int], Disk], tmp_path: Path,
                                                                            form: str) -> None:
    disk = make_disk(1 * MB)
    store, project = rated(tmp_path, 20)
    whole = {path.name: path.read_bytes() for path in export(store, project, tmp_path / "whole", form)}
    disk.fill(8192)
    with pytest.raises(StoreError) as caught:
        export(store, project, disk.path / "out", form)
    assert_one_sentence(str(caught.value))
    assert "No space left" in str(caught.value)
    left = [path for path in (disk.path / "out").iterdir() if path.is_file()] if (disk.path / "out").exists() else []
    assert all(path.read_bytes() == whole[path.name] for path in left)  # half a file would keep the disk full, too
    disk.make_room()
    again = export(store, project, disk.path / "out", form)
    assert {path.name: path.read_bytes() for path in again} == whole


def test_a_backup_to_a_full_disk_leaves_the_older_one(make_disk: Callable[[int], Disk], tmp_path: Path) -> None:
    disk = make_disk(2 * MB)
    store, _ = rated(tmp_path, 2)
    target = backup(store, disk.path / "copy.db")
    before = target.read_bytes()
    disk.fill(20_000)
    with pytest.raises(StoreError) as caught:
        backup(store, target)
    assert_one_sentence(str(caught.value))
    assert target.read_bytes() == before and not list(disk.path.glob(".*"))
    disk.make_room()
    with Store.open(backup(store, target)) as copy:
        assert len(copy.ratings(copy.project())) == 2


def test_a_clip_that_does_not_fit_is_not_kept_by_half(make_disk: Callable[[int], Disk], tmp_path: Path) -> None:
    disk = make_disk(2 * MB)
    store, _ = make_store(disk.path, 0)
    known = len(store.rows("SELECT 1 FROM clips"))
    disk.fill(20_000)
    with pytest.raises(StoreError) as caught:
        keep_clip(store, write_clip(tmp_path / "new.wav", 7))
    assert_one_sentence(str(caught.value))
    assert len(store.rows("SELECT 1 FROM clips")) == known
    assert not list(store.clips.glob(".new-*"))
    disk.make_room()
    assert store.clip_path(keep_clip(store, tmp_path / "new.wav").sha256).is_file()


def test_a_database_on_a_read_only_disk_is_a_sentence_on_the_page(make_disk: Callable[[int], Disk],
                                                                  monkeypatch: pytest.MonkeyPatch) -> None:
    disk = make_disk(4 * MB)
    store, _ = make_store(disk.path, 1)
    path = store.path
    store.close()
    disk.read_only()
    monkeypatch.setenv("ET_ANNOTATE_LEAD", "someone")
    for place in (path, disk.path / "none.db", disk.path / "deeper" / "none.db"):
        desk = open_desk(place)
        assert desk.service is None
        assert_one_sentence(desk.problem)
    disk.read_only(False)
    monkeypatch.delenv("ET_ANNOTATE_LEAD")
    found = open_desk(path)
    assert found.service is not None and found.problem == ""
