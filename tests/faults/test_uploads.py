"""Uploads on a full or read-only disk, and uploads that Gradio forgot: a sentence, the next one works, and none stays for ever."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import app
from emotionthinker.page import uploads
from emotionthinker.page.uploads import own_folder, sweep
from emotionthinker.settings import Settings
from tests.browser.conftest import free_port
from tests.faults.conftest import Disk
from tests.test_audio import assert_one_sentence

BOUNDARY = "multipart/form-data; boundary=x"
HEAD = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.wav"\r\n\r\n'


def upload(url: str, size: int) -> tuple[int, str]:
    """Status and text of the answer to an upload of so many bytes."""
    request = urllib.request.Request(f"{url}gradio_api/upload", data=HEAD + bytes(size) + b"\r\n--x--\r\n",
                                     headers={"Content-Type": BOUNDARY})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return int(answer.status), answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def cut_off(url: str, size: int) -> None:
    """An upload whose sender goes away in the middle."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port)) as sock:
        sock.sendall(f"POST /gradio_api/upload HTTP/1.1\r\nHost: x\r\nContent-Type: {BOUNDARY}\r\nContent-Length: "
                     f"{size * 2}\r\n\r\n".encode() + HEAD + bytes(size))
        time.sleep(0.3)


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and path.name != "filler"]


@pytest.fixture
def disk(make_disk: Callable[[int], Disk], monkeypatch: pytest.MonkeyPatch) -> Disk:
    made = make_disk(1_000_000)
    monkeypatch.setenv(uploads.FOLDER, str(made.path))
    return made


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """The page without its model, its uploads where GRADIO_TEMP_DIR says."""
    if not os.environ.get(uploads.FOLDER):
        monkeypatch.setenv(uploads.FOLDER, str(tmp_path / "uploads"))
    page, _ = app.build(Settings())
    local, _ = app.launch(page, Settings(), block=False, port=free_port())
    yield local
    page.close()


def test_an_upload_to_a_bad_disk_is_a_sentence_and_the_next_one_works(disk: Disk, served: str) -> None:
    disk.fill()
    status, text = upload(served, 300_000)
    assert status == 507
    assert_one_sentence(text)
    assert "disk of the server is full" in text and str(disk.path) not in text
    disk.make_room()
    for left in files_in(disk.path):
        left.unlink()
    disk.read_only()
    status, text = upload(served, 300_000)
    assert status == 507
    assert_one_sentence(text)
    assert "cannot write" in text and str(disk.path) not in text
    disk.read_only(False)
    status, text = upload(served, 300_000)
    assert status == 200 and Path(json.loads(text)[0]).stat().st_size == 300_000


def test_check_12_an_upload_that_gradio_forgot_is_deleted_by_its_age(served: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a server that was killed, of a sender who left, and of a file over the limit: Gradio keeps them for good."""
    folder = own_folder()
    status, text = upload(served, 1000)
    assert status == 200
    kept = Path(json.loads(text)[0])
    cut_off(served, 200_000)
    forgotten = [path for path in files_in(folder) if path != kept]
    assert len(forgotten) == 1, "Gradio deletes what was cut off by now, so the sweeper may be more than is needed"
    assert sweep(folder, keep_s=3600) == 0  # young
    now = time.time()
    assert sweep(folder, keep_s=3600, now=now + uploads.UNFINISHED_S + 60) == 1  # what is unfinished goes first
    assert files_in(folder) == [kept]
    assert sweep(folder, keep_s=3600, now=now + 3500) == 0
    assert sweep(folder, keep_s=3600, now=now + 3700) == 1  # as after a kill: nothing of the server's memory is asked
    assert files_in(folder) == []
    assert upload(served, 1000)[0] == 200


def test_check_12_the_sweeper_starts_at_once_follows_no_link_and_reaches_killed_timelines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.delenv(uploads.FOLDER, raising=False)
    folder = own_folder()
    assert folder.parent == tmp_path and folder.name != "gradio"  # that one is shared with other programs
    outside = tmp_path / "mine.txt"
    outside.write_text("not an upload")
    assert folder.stat().st_mode & 0o77 == 0  # voices of people
    others = tmp_path / "others" / "theirs.txt"
    others.parent.mkdir()
    others.write_text("not an upload")
    (tmp_path / f"{uploads.TIMELINES}trap").symlink_to(others.parent, target_is_directory=True)
    upload_place = folder / ("0123456789abcdef" * 4)
    upload_place.mkdir()
    (upload_place / "a.wav").write_bytes(b"sound")
    (folder / "tmpabc").write_bytes(b"half")
    (folder / "tmplink").symlink_to(outside)
    (folder / ("f" * 64)).symlink_to(others.parent, target_is_directory=True)
    (folder / "notes.txt").write_text("of somebody who chose this folder for more")
    timeline = tmp_path / f"{uploads.TIMELINES}abc"
    timeline.mkdir()
    (timeline / "x.timeline.jsonl").write_text("said")
    time.sleep(0.1)
    thread = uploads.sweep_for_ever(folder, keep_s=0.05, every_s=3600)
    deadline = time.monotonic() + 10
    while ((upload_place / "a.wav").exists() or files_in(timeline)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not (upload_place / "a.wav").exists() and not (folder / "tmpabc").exists() and not files_in(timeline)
    assert (folder / "notes.txt").exists()
    assert outside.read_text() == others.read_text() == "not an upload"
    assert thread.daemon and isinstance(thread, threading.Thread)
