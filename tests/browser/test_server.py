"""The server behind the page: its endpoints for programs, what it serves and what it refuses, what it keeps and what it logs."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.browser.chat_server import ChatServer
from tests.browser.conftest import EXAMPLES, ROOT, App

PROSODY_KEYS = {"pitch_level", "energy_level", "speed_level", "stressed_words", "intonation", "gender", "age_level", "f0_median_hz",
                "transcription", "words", "duration_s", "speech_s", "f0", "energy", "warnings"}


@pytest.fixture(scope="module")
def client(app: App) -> object:
    from gradio_client import Client

    return Client(app.url, verbose=False)


def test_prosody_by_api(client: object, chat: ChatServer) -> None:
    from gradio_client import handle_file

    record = client.predict(handle_file(EXAMPLES / "angry.flac"), "I will never do that again", api_name="/prosody")  # type: ignore[attr-defined]
    assert set(record) >= PROSODY_KEYS
    assert [word["word"] for word in record["words"]] == ["I", "will", "never", "do", "that", "again"]


def test_explain_by_api(client: object, chat: ChatServer) -> None:
    from gradio_client import handle_file

    result = client.predict(handle_file(EXAMPLES / "angry.flac"), "", "angry, sad", api_name="/explain")  # type: ignore[attr-defined]
    assert result["emotion"] == "angry"
    assert set(result["labels"]) == {"angry", "sad"}
    assert {claim["verdict"] for claim in result["claims"]} >= {"supported", "contradicted"}
    assert "never" in result["transcription"]


def test_only_the_two_endpoints_are_public(client: object) -> None:
    info = client.view_api(return_format="dict", print_info=False)  # type: ignore[attr-defined]
    assert set(info["named_endpoints"]) == {"/prosody", "/explain"}
    assert info["unnamed_endpoints"] == {}


def test_check_11_two_visitors_get_their_own(app: App, chat: ChatServer) -> None:
    from gradio_client import Client, handle_file

    def ask(name: str) -> dict:
        return Client(app.url, verbose=False).predict(handle_file(EXAMPLES / f"{name}.flac"), "", "", api_name="/explain")

    with ThreadPoolExecutor(2) as pool:
        angry, flat = pool.map(ask, ["angry", "flat"])
    assert "never" in angry["transcription"].lower()
    assert "meeting" in flat["transcription"].lower()


def test_a_refused_clip_is_a_sentence(client: object, tmp_path: Path) -> None:
    from gradio_client import handle_file
    from gradio_client.exceptions import AppError

    fake = tmp_path / "letter.wav"
    fake.write_text("no sound")
    with pytest.raises(AppError) as error:
        client.predict(handle_file(fake), "", api_name="/prosody")  # type: ignore[attr-defined]
    assert "wav" in str(error.value)
    assert "Traceback" not in str(error.value)
    with pytest.raises(AppError, match="No clip was given"):
        client.predict(None, "", api_name="/prosody")  # type: ignore[attr-defined]


def status_of(url: str, data: bytes | None = None, content_type: str = "application/json") -> int:
    request = urllib.request.Request(url, data=data, headers={"Content-Type": content_type})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_check_10_no_file_outside_the_cache_is_served(app: App, tmp_path: Path) -> None:
    app.cache.mkdir(exist_ok=True)
    link = app.cache / "link.py"
    if not link.exists():
        os.symlink(ROOT / "app.py", link)
    paths = [ROOT / "app.py", ROOT / "pyproject.toml", ROOT / ".git" / "config", "/etc/passwd", f"{EXAMPLES}/../../app.py",
             f"{app.cache}/../log.txt", app.log, "app.py", "./app.py", link, EXAMPLES.parent / "style.css"]
    for path in paths:
        for text in (str(path), urllib.parse.quote(str(path), safe=""), str(path).replace("..", "%2e%2e")):
            assert status_of(f"{app.url}/gradio_api/file={urllib.parse.quote(text, safe='/%')}") in (403, 404), path


def answer_to(app: App, path: str = "", data: list[str] | None = None) -> str:
    """What a program gets from /prosody that names `path` in place of a file that it has uploaded, or that sends `data`."""
    payload = {"data": data or [{"path": path, "meta": {"_type": "gradio.FileData"}}, ""]}
    request = urllib.request.Request(f"{app.url}/gradio_api/call/prosody", data=json.dumps(payload).encode(),
                                     headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        event = json.load(answer)["event_id"]
    with urllib.request.urlopen(f"{app.url}/gradio_api/call/prosody/{event}", timeout=60) as answer:
        return str(answer.read().decode())


def test_check_10_a_path_of_the_server_is_no_upload(app: App) -> None:
    text = answer_to(app, str(EXAMPLES / ".." / ".." / "LICENSE"))
    assert "event: error" in text
    assert "Apache" not in text


def test_check_10_the_server_fetches_no_address_for_anybody(app: App) -> None:
    address = "https://example.org/clip.wav"
    text = answer_to(app, address)
    assert "event: error" in text
    assert "fetches no address" in text
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{app.url}/gradio_api/file={address}", timeout=30)
    assert refused.value.code == 403
    assert "fetches no address" in refused.value.read().decode()


def test_check_10_doors_of_gradio_that_the_page_does_not_need_are_closed(app: App) -> None:
    assert status_of(f"{app.url}/gradio_api/deep_link?session_hash=x") == 404
    assert status_of(f"{app.url}/gradio_api/process_recording", b"x") == 404
    assert not (app.cache / "deep_links").exists()
    assert status_of(f"{app.url}/monitoring/summary") == 403


def test_a_file_over_the_limit_is_refused_while_it_arrives(app: App) -> None:
    def upload(size: int) -> int:
        head = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.wav"\r\nContent-Type: audio/wav\r\n\r\n'
        return status_of(f"{app.url}/gradio_api/upload", head + b"\0" * size + b"\r\n--x--\r\n", "multipart/form-data; boundary=x")

    assert upload(1000) == 200
    assert upload(9_000_000) == 413  # the fixture allows 8 MB, for the Timeline


def test_a_clip_over_its_own_limit_is_refused_though_the_timeline_takes_more(client: object, tmp_path: Path) -> None:
    from gradio_client import handle_file
    from gradio_client.exceptions import AppError

    large = tmp_path / "large.wav"
    large.write_bytes(b"RIFF\0\0\0\0WAVE" + b"\0" * 6_000_000)
    with pytest.raises(AppError, match="larger than the 5 MB allowed"):
        client.predict(handle_file(large), "", api_name="/prosody")  # type: ignore[attr-defined]


def test_check_12_nothing_that_was_said_is_in_the_log(app: App, client: object, chat: ChatServer) -> None:
    from gradio_client import handle_file

    client.predict(handle_file(EXAMPLES / "flat.flac"), "the quokka sings at noon", "", api_name="/explain")  # type: ignore[attr-defined]
    assert "Too few values" in answer_to(app, data=["the quokka sings"])
    log = app.log.read_text()
    for word in ("quokka", "meeting", "never"):
        assert word not in log
