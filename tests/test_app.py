"""What the page keeps, and for how long."""

from __future__ import annotations

import json
import time
import urllib.request
from pathlib import Path

import pytest

import app
from emotionthinker.page.notice import notice_html
from emotionthinker.settings import Settings
from tests.browser.conftest import free_port


def test_check_12_uploads_are_deleted_after_their_age(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(app, "CLEAN_EVERY_S", 1)
    monkeypatch.setattr(app, "KEEP_S", 1)
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    page, _ = app.build(Settings())
    local, shared = app.launch(page, Settings(), block=False, port=free_port())
    try:
        assert shared is None
        body = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.wav"\r\n\r\nsound\r\n--x--\r\n'
        request = urllib.request.Request(f"{local}gradio_api/upload", data=body,
                                         headers={"Content-Type": "multipart/form-data; boundary=x"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            saved = Path(json.load(answer)[0])
        assert saved.is_relative_to(tmp_path)
        deadline = time.monotonic() + 60
        while saved.exists() and time.monotonic() < deadline:
            time.sleep(0.2)
        assert not saved.exists()
    finally:
        page.close()


def test_check_12_the_notice_promises_no_more_than_the_cleaner_keeps() -> None:
    assert "deleted within two hours" in notice_html(Settings())
    assert app.KEEP_S + app.CLEAN_EVERY_S <= 2 * 3600


def test_it_answers_to_this_machine_only_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GRADIO_SERVER_NAME", raising=False)
    monkeypatch.delenv("SPACE_ID", raising=False)
    assert app.server_name() == "127.0.0.1"
    monkeypatch.setenv("SPACE_ID", "someone/space")
    assert app.server_name() == "0.0.0.0"
    monkeypatch.setenv("GRADIO_SERVER_NAME", "10.0.0.5")
    assert app.server_name() == "10.0.0.5"


@pytest.mark.parametrize("text", ["seventy", "-1", "7860.5", "1e4"])
def test_a_port_that_is_no_number_is_a_sentence(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
                                                text: str) -> None:
    monkeypatch.setenv("GRADIO_SERVER_PORT", text)
    assert app.main() == 2
    assert capsys.readouterr().err == f"GRADIO_SERVER_PORT is {text!r}, but it must be a whole number; write for example 7870.\n"
    monkeypatch.setenv("GRADIO_SERVER_PORT", "")
    assert app.port_from_env() == 7860
