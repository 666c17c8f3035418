"""Scheduled copies: never without the consent of whose data it is, each in place of the last, brought back where all is gone."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from annotate import copies, donation, roster
from annotate.copies import COPY, CopyPlan, bring_back, copy_now, keep_copying, require_agreed, start_copying
from annotate.errors import AnnotateError, StoreError
from annotate.records import Project
from annotate.service import Service
from annotate.serving import database_path, over_network, storage_sentence
from annotate.store import Store
from annotate.ui import open_desk, open_service
from annotate.withdrawal import withdraw
from emotionthinker.errors import EmotionThinkerError
from tests.annotate.filling import make_store
from tests.annotate.test_donation import gift
from tests.annotate.test_service import person

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def desk(tmp_path: Path) -> tuple[Store, Project, CopyPlan]:
    store, project = make_store(tmp_path / "live", 2, donations=True)
    return store, project, CopyPlan(str(tmp_path / "copies"))


def agree(service: Service, token: str) -> str:
    return str(service.call("agree", token, {"what": "consented"})["screen"])


def copied(plan: CopyPlan) -> Path:
    return Path(plan.target) / COPY


def wait_for(there: Any) -> None:
    deadline = time.monotonic() + 20
    while not there() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert there()


def test_nothing_is_copied_unless_a_place_is_named(tmp_path: Path) -> None:
    assert CopyPlan.from_env({}) is None and CopyPlan.from_env({"ET_BACKUP_TO": "", "ET_BACKUP_MINUTES": "5"}) is None
    plan = CopyPlan.from_env({"ET_BACKUP_TO": "somewhere", "ET_BACKUP_MINUTES": "5"})
    assert plan == CopyPlan("somewhere", 5.0) and plan.dataset is None
    assert CopyPlan("hf://datasets/someone/ratings").dataset == "someone/ratings"
    service, _ = open_service(make_store(tmp_path, 0)[0])
    assert service.plan is None and "copied" not in service.storage()


@pytest.mark.parametrize(("to", "minutes", "said"), [
    ("hf://datasets/alone", "60", "NAME/DATASET"), ("hf://spaces/a/b", "60", "NAME/DATASET"), ("hf:a/b", "60", "NAME/DATASET"),
    ("hf://datasets/a/b/c", "60", "NAME/DATASET"), ("x", "often", "ET_BACKUP_MINUTES"), ("x", "0", "1 to 10080"),
    ("x", "nan", "1 to 10080"), ("x", "99999", "1 to 10080")])
def test_a_setting_that_cannot_be_is_a_sentence(to: str, minutes: str, said: str) -> None:
    with pytest.raises(EmotionThinkerError, match=said):
        CopyPlan.from_env({"ET_BACKUP_TO": to, "ET_BACKUP_MINUTES": minutes})


def test_who_agreed_to_other_terms_is_asked_again_and_nothing_is_copied_before(desk: Any) -> None:
    store, project, plan = desk
    old = Service(store)  # before the setting was made
    ada, bob = person(store, project), person(store, project, "Bob")
    assert agree(old, ada) == agree(old, bob) == "instructions"
    service = Service(store, plan)
    screen = service.call("open", ada, {})
    assert screen["screen"] == "consent" and "The terms have changed" in screen["html"] and "data-leaving" in screen["html"]
    assert plan.sentence() in screen["html"]
    with pytest.raises(AnnotateError, match=r"raters \(2\) and visitors who gave a clip \(0\)"):
        copy_now(store, plan)
    assert agree(service, ada) == "instructions" and agree(service, ada) == "instructions"
    assert len(store.rows("SELECT 1 FROM events WHERE kind = ?", [roster.AGREED])) == 1  # a double click is one agreement
    with pytest.raises(AnnotateError, match=r"raters \(1\)"):
        copy_now(store, plan)
    assert not copied(plan).exists()
    (rater,) = [one for one in store.raters(project) if one.name == "Bob"]
    withdraw(store, rater, "delete")
    copy_now(store, plan)
    with Store.open(copied(plan)) as copy:
        assert [one.name for one in copy.raters(copy.project()) if one.withdrawn is None] == ["Ada"]
    # Agreed to a folder is not agreed to a dataset; to another folder of the host it is.
    with pytest.raises(AnnotateError, match=r"raters \(1\)"):
        require_agreed(store.path, CopyPlan("hf://datasets/a/b"))
    require_agreed(store.path, CopyPlan("elsewhere"))


def test_a_new_rater_agrees_to_the_place_and_leads_and_programs_are_not_asked(desk: Any) -> None:
    store, project, plan = desk
    service = Service(store, plan)
    token = person(store, project)
    screen = service.call("open", token, {})
    assert "Before you take part" in screen["html"] and "data-leaving" not in screen["html"] and plan.sentence() in screen["html"]
    copy_now(store, plan)  # who has not agreed to anything has nothing here
    assert agree(service, token) == "instructions"
    robot, _ = roster.invite(store, project, "Simulated 1", simulated=True)
    roster.agree(store, robot, "consented")
    person(store, project, "Grace", "lead")
    copy_now(store, plan)


def test_a_clip_that_was_given_without_word_of_copies_keeps_them_from_being_made(desk: Any, tmp_path: Path) -> None:
    store, _, plan = desk
    path, result = gift(tmp_path)
    code = donation.give(store, path, result)
    with pytest.raises(AnnotateError, match=r"raters \(0\) and visitors who gave a clip \(1\)"):
        copy_now(store, plan)
    donation.take_back(store, code)
    copy_now(store, plan)
    before = sorted(file.name for file in (Path(plan.target) / "annotate.clips").iterdir())
    told = donation.give(store, path, result, copies_to=plan.place)
    copy_now(store, plan)
    with_gift = sorted(file.name for file in (Path(plan.target) / "annotate.clips").iterdir())
    assert len(with_gift) == len(before) + 1
    donation.take_back(store, told)
    copy_now(store, plan)  # the next copy holds neither the clip nor its words
    assert sorted(file.name for file in (Path(plan.target) / "annotate.clips").iterdir()) == before
    assert b"quokkas" not in copied(plan).read_bytes()


def test_copies_are_made_when_something_changed_and_a_failure_is_told_once(desk: Any, caplog: pytest.LogCaptureFixture,
                                                                          monkeypatch: pytest.MonkeyPatch) -> None:
    store, project, plan = desk
    made: list[int] = []
    monkeypatch.setattr(copies, "copy_now", lambda *_: made.append(1) or copy_now(store, plan))
    old = Service(store)
    token = person(store, project)
    agree(old, token)
    stop = threading.Event()
    thread = threading.Thread(target=keep_copying, args=(store, plan, stop, 0.02))
    thread.start()
    wait_for(lambda: len(made) >= 3)
    assert [record.message for record in caplog.records if "Nothing was copied" in record.message] == [
        "Nothing was copied, as raters (1) and visitors who gave a clip (0) agreed to terms without copies to a folder; raters are "
        "asked when they come back, clips can be deleted."]
    assert agree(Service(store, plan), token) == "instructions"
    wait_for(copied(plan).is_file)
    time.sleep(0.1)
    n, first = len(made), copied(plan).stat().st_mtime_ns
    time.sleep(0.2)
    assert (len(made), copied(plan).stat().st_mtime_ns) == (n, first)  # nothing changed
    person(store, project, "Bob")
    wait_for(lambda: copied(plan).stat().st_mtime_ns != first)
    stop.set()
    thread.join(20)
    assert not thread.is_alive()


def test_a_server_without_a_database_starts_from_the_last_copy(desk: Any, tmp_path: Path) -> None:
    store, project, plan = desk
    token = person(store, project)
    copy_now(store, plan)
    gone = tmp_path / "new" / "annotate.db"
    first = open_desk(gone, plan)
    assert first.problem == "" and first.service is not None
    assert first.service.call("open", token, {})["screen"] == "consent"
    items = list(first.service.store.items(first.service.store.project()))
    assert all(first.service.store.clip_path(item.clip_sha256).is_file() for item in items) and len(items) == 2
    assert not bring_back(plan, gone)  # what is there is never replaced
    assert not bring_back(CopyPlan(str(tmp_path / "empty")), tmp_path / "other.db") and not (tmp_path / "other.db").exists()
    first.service.store.close()


def test_a_copy_that_cannot_be_reached_does_not_begin_an_empty_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ET_ANNOTATE_LEAD", "grace")  # would make one
    path, plan = tmp_path / "annotate.db", CopyPlan("hf://datasets/someone/ratings")
    for token, said in (("", "There is no token"), ("hf_abc", "HF_HUB_OFFLINE")):  # it is offline here
        monkeypatch.setenv("HF_TOKEN", token)
        desk = open_desk(path, plan)
        assert desk.service is None and said in desk.problem and not path.exists()


def test_a_copy_never_takes_the_place_of_the_database_itself_and_a_failure_leaves_the_last(desk: Any, tmp_path: Path,
                                                                                          monkeypatch: pytest.MonkeyPatch) -> None:
    store, project, plan = desk
    with pytest.raises(StoreError, match="database itself"):
        copy_now(store, CopyPlan(str(store.path.parent)))
    copy_now(store, plan)
    before = copied(plan).read_bytes()
    person(store, project)
    monkeypatch.setattr(copies.os, "replace", full)
    with pytest.raises(StoreError, match="No space left"):
        copy_now(store, plan)
    assert copied(plan).read_bytes() == before


def full(*_: Any) -> None:
    raise OSError(28, "No space left on device")


def test_the_terms_name_the_place_and_what_becomes_of_it(tmp_path: Path) -> None:
    folder, dataset = CopyPlan("/secret/place", 30), CopyPlan("hf://datasets/someone/ratings")
    assert "30 minutes" in folder.sentence() and "/secret" not in folder.sentence() and folder.place == "a folder"
    assert "someone/ratings" in dataset.sentence() and "your name" in dataset.sentence()
    space = {"SPACE_ID": "a/b"}
    assert "brought back" in storage_sentence(tmp_path / "annotate.db", space, dataset)
    assert "Warning" not in storage_sentence(tmp_path / "annotate.db", space, dataset)


MOUNTS = """overlay / overlay rw 0 0
hf-mount /data fuse.hf-mount rw 0 0
server:/home /home nfs4 rw 0 0
/dev/sda1 /home/local ext4 rw 0 0
fuse-overlayfs /box fuse.fuse-overlayfs rw 0 0
"""


@pytest.mark.parametrize(("folder", "far"), [
    ("/data", True), ("/data/emotionthinker", True), ("/database", False), ("/srv", False), ("/home/x", True),
    ("/home/local/x", False), ("/box", False)])
def test_storage_over_the_network_is_told_from_a_disk(folder: str, far: bool) -> None:
    assert over_network(Path(folder), MOUNTS) is far


def test_on_a_bucket_the_database_lies_on_the_space_s_own_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from annotate import serving

    monkeypatch.setattr(serving, "SPACE_FOLDER", tmp_path)
    space = {"SPACE_ID": "a/b", "XDG_DATA_HOME": "/somewhere"}
    assert database_path(space) == tmp_path / "emotionthinker" / "annotate.db"
    monkeypatch.setattr(serving, "over_network", lambda folder: True)
    assert database_path(space) == Path("/somewhere/emotionthinker/annotate.db")
    (tmp_path / "emotionthinker").mkdir()
    (tmp_path / "emotionthinker" / "annotate.db").touch()
    assert database_path(space) == tmp_path / "emotionthinker" / "annotate.db"  # what is there already is not left behind


class KeepingHub(BaseHTTPRequestHandler):
    """Stands in for the Hub: keeps the files of commits and gives them out."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        server: Any = self.server
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        server.seen.append(self.path)
        if "/preupload/" in self.path:
            files = [{"path": file["path"], "uploadMode": "regular", "shouldIgnore": False} for file in json.loads(body)["files"]]
            self._answer({"files": files})
        elif "/commit/" in self.path:
            for line in map(json.loads, body.decode().splitlines()):
                if line["key"] == "file":
                    server.files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
                elif line["key"] == "deletedFile":
                    server.files.pop(line["value"]["path"])
            self._answer({"commitUrl": f"{server.url}/datasets/someone/ratings/commit/a", "commitOid": "a" * 40, "success": True})
        else:
            self._answer({"url": f"{server.url}/datasets/someone/ratings"})

    def do_GET(self) -> None:
        server: Any = self.server
        path = self.path.split("?")[0]
        if "/resolve/" in path:
            data = server.files[path.split("/resolve/")[1].split("/", 1)[1]]
            self._send(data, {"ETag": f'"{len(data)}-{hash(data)}"', "X-Repo-Commit": "a" * 40})
        elif "/tree/" in path:
            self._answer([{"type": "file", "path": name, "oid": "b" * 40, "size": len(data)}
                          for name, data in server.files.items()])
        else:
            self._answer({"id": "someone/ratings", "sha": "a" * 40, "private": server.private,
                          "siblings": [{"rfilename": name} for name in server.files]})

    do_HEAD = do_GET

    def _answer(self, body: Any) -> None:
        self._send(json.dumps(body).encode(), {"Content-Type": "application/json"})

    def _send(self, data: bytes, headers: dict[str, str]) -> None:
        self.send_response(200)
        for name, value in {**headers, "Content-Length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def hub() -> Iterator[Any]:
    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), KeepingHub)
    server.seen, server.files, server.private, server.url = [], {}, True, f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


SCRIPT = """
import sys
from pathlib import Path
from annotate.copies import CopyPlan, bring_back, copy_now
from annotate.errors import AnnotateError, StoreError
from annotate.store import Store
plan = CopyPlan("hf://datasets/someone/ratings")
try:
    with Store.open(sys.argv[1]) as store:
        copy_now(store, plan)
    print(bring_back(plan, Path(sys.argv[2])))
except AnnotateError as error:
    print(error)
"""


def test_a_dataset_gets_the_copy_without_its_history_and_gives_it_back(hub: Any, tmp_path: Path) -> None:
    """Against a local server that takes what `huggingface_hub` really sends; the Hub itself was not reached from here."""
    store, project = make_store(tmp_path / "live", 2)
    hub.files |= {"annotate.clips/gone.wav": b"of a clip that was deleted", "README.md": b"of the host"}
    env = os.environ | {"HF_ENDPOINT": hub.url, "HF_HUB_OFFLINE": "0", "HF_TOKEN": "hf_secretsecret",
                        "HF_HOME": str(tmp_path / "hf"), "HF_HUB_DISABLE_TELEMETRY": "1",
                        "HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_DISABLE_XET": "1"}
    command = [sys.executable, "-c", SCRIPT, str(store.path), str(tmp_path / "new" / "annotate.db")]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=300)
    assert done.stdout.strip() == "True", done.stderr
    clips = {f"annotate.clips/{path.name}" for path in store.clips.iterdir()}
    assert set(hub.files) == {COPY, "README.md", *clips}  # what is not of the copy stays, what no longer is goes
    assert hub.seen[-1].endswith("/super-squash/main")
    with Store.open(tmp_path / "new" / "annotate.db") as back:
        assert [item.id for item in back.items(back.project())] == [item.id for item in store.items(project)]
        assert all(back.clip_path(item.clip_sha256).is_file() for item in back.items(back.project()))
    hub.private, hub.seen = False, []
    refused = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=300)
    assert "someone/ratings is public" in refused.stdout and not [path for path in hub.seen if "/commit/" in path]
    assert "secretsecret" not in done.stdout + done.stderr + refused.stdout + refused.stderr


def test_the_thread_of_copies_ends_with_its_event(desk: Any) -> None:
    store, _, plan = desk
    before = set(threading.enumerate())
    stop = start_copying(store, plan)
    (thread,) = set(threading.enumerate()) - before
    assert thread.daemon  # it never keeps a program from ending
    wait_for(copied(plan).is_file)
    stop.set()
    thread.join(20)
    assert not thread.is_alive()
