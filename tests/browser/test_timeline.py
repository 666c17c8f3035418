"""The Timeline tab in a real browser: a call followed, its turns played, stopped and gone on with, taken home."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import soundfile

from tests.browser.chat_server import ChatServer
from tests.browser.conftest import EXAMPLES, App

pytestmark = pytest.mark.browser
NASTY = "<img src=x onerror=\"window.hacked='yes'\">"


def open_tab(open_page: Callable[..., Any], app: App, agree: str = "#et-agree-timeline", **options: Any) -> Any:
    page = open_page(app.url, agree=False, **options)
    page.get_by_role("tab", name="Timeline").click()
    page.click(agree)
    page.wait_for_selector("#et-long input[type=file]", state="attached")
    return page


def start(page: Any) -> None:
    page.click("#tl-go")


def wait_state(page: Any, state: str) -> None:
    page.wait_for_selector(f"#tl-status [data-state={state}]", timeout=120_000)


def test_a_call_from_example_to_saved_files(app: App, chat: ChatServer, open_page: Callable[..., Any]) -> None:
    chat.delay_s = 0.0
    chat.reply = f"<think> The pitch is high. {NASTY} </script> \u202e </think><answer> angry </answer>"
    page = open_tab(open_page, app)
    page.click("#tl-example")
    page.wait_for_selector("#et-long audio")
    start(page)
    page.wait_for_selector("#tl-figure .tl-speech")
    wait_state(page, "done")
    assert page.inner_text("#tl-figure .tl-grid").count("channel") == 2
    assert page.locator("#tl-figure .tl-label svg, #tl-figure svg.tl-label").count() == 18  # the published nine, for each channel
    turns = page.locator("#tl-turns .tl-card")
    assert turns.count() >= 2
    assert "semitones" in page.inner_text("#tl-turns")
    assert "<img src=x" in page.inner_text("#tl-turns")
    assert page.evaluate("window.hacked") is None
    assert page.locator("img[src='x']").count() == 0
    rows = page.locator("#tl-table tbody tr").count()
    assert rows == len(chat.requests)  # each utterance is asked about once

    number = page.locator(".tl-turn span").first
    number.click()
    page.wait_for_function("document.querySelector('#et-long audio').currentTime > 20")
    page.evaluate("document.querySelector('#et-long audio').pause()")
    layer = page.get_by_role("slider", name="Playhead").last
    layer.focus()
    before = float(layer.get_attribute("aria-valuenow"))
    page.keyboard.press("ArrowRight")
    assert float(layer.get_attribute("aria-valuenow")) == pytest.approx(before + 5, abs=0.3)
    page.keyboard.press("Home")
    page.locator("#tl-table tbody button").nth(3).click()
    page.wait_for_function("document.querySelector('#et-long audio').currentTime > 3")

    saved = {}
    for kind in ("json", "csv", "textgrid", "vtt"):
        with page.expect_download() as download:
            page.click(f"#tl-save-{kind}")
        assert download.value.suggested_filename.lower() == f"call.timeline.{kind}"
        saved[kind] = Path(download.value.path()).read_bytes().decode()
    result = json.loads(saved["json"])
    assert result["complete"] is True
    assert len(result["segments"]) == rows
    assert len(list(csv.DictReader(io.StringIO(saved["csv"], newline="")))) == rows
    assert saved["textgrid"].startswith('File type = "ooTextFile"')
    assert saved["vtt"].startswith("WEBVTT")

    page.select_option("[data-language-switch]", "de")
    page.wait_for_selector("#tl-status:has-text('Fertig')")
    assert page.evaluate("window.emotionthinkerLanguage.missing()") == []
    page.select_option("[data-language-switch]", "en")
    page.evaluate("document.querySelectorAll('.tl-turn').forEach((turn, index) => { turn.style.left = `${60 + index}%`; })")
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    table = page.locator("#tl-table .tl-scroll")
    assert table.evaluate("box => box.scrollWidth <= box.clientWidth")  # the words are seen without a push to the side
    assert table.locator("tbody tr").first.bounding_box()["height"] < 80
    page.wait_for_function("""() => {  // numbers of turns that are near to each other do not touch
        const boxes = [...document.querySelectorAll('.tl-turn span')].map(number => number.getBoundingClientRect());
        const figure = document.querySelector('.tl-figure').getBoundingClientRect();
        const apart = (one, other) => one.right <= other.left || other.right <= one.left || one.bottom <= other.top
            || other.bottom <= one.top;
        return boxes.every((one, i) => one.top >= figure.top && boxes.slice(i + 1).every(other => apart(one, other))); }""")


def test_stopped_and_gone_on_in_another_visit(app: App, chat: ChatServer, open_page: Callable[..., Any], tmp_path: Path) -> None:
    samples, rate = soundfile.read(EXAMPLES / "call.ogg", dtype="int16")
    recording = tmp_path / "part.wav"
    soundfile.write(recording, samples[: 23 * rate, 1], rate)
    chat.delay_s = 0.1
    page = open_tab(open_page, app)
    page.set_input_files("#et-long input[type=file]", str(recording))
    page.wait_for_selector("#et-long audio")
    start(page)
    page.wait_for_selector("#tl-table tbody tr")
    page.dblclick("#tl-stop")
    wait_state(page, "stopped")
    assert "Stopped at" in page.inner_text("#tl-status")
    done = page.locator("#tl-table tbody tr").count()
    page.close()
    chat.reset()
    chat.delay_s = 0.0
    page = open_tab(open_page, app)
    page.set_input_files("#et-long input[type=file]", str(recording))
    page.wait_for_selector("#et-long audio")
    start(page)
    wait_state(page, "done")
    assert len(chat.requests) == page.locator("#tl-table tbody tr").count() - done
    assert "one channel" in page.inner_text("#tl-status")


def test_without_consent_to_emotion_voices_are_measured_and_described(app: App, chat: ChatServer, open_page: Callable[..., Any],
                                                                      tmp_path: Path) -> None:
    samples, rate = soundfile.read(EXAMPLES / "call.ogg", dtype="int16")
    recording = tmp_path / "short.wav"
    soundfile.write(recording, samples[: 12 * rate, 1], rate)
    chat.delay_s, chat.reply = 0.0, "<answer> A man speaks, calmly. </answer>"
    page = open_tab(open_page, app, agree="#et-agree-describe-timeline")
    page.set_input_files("#et-long input[type=file]", str(recording))
    page.wait_for_selector("#et-long audio")
    start(page)
    wait_state(page, "done")
    assert page.locator("#tl-figure svg.tl-label").count() == 0
    assert page.locator("#tl-figure svg.tl-measure").count() == 3
    assert "sounds" not in page.inner_text("#tl-table thead")
    for request in chat.requests:
        assert "Describe" in json.dumps(request["messages"])


def test_a_refused_recording_says_why(app: App, chat: ChatServer, open_page: Callable[..., Any], tmp_path: Path) -> None:
    fake = tmp_path / "letter.wav"
    fake.write_text("Dear all, this is no sound.")
    page = open_tab(open_page, app)
    page.set_input_files("#et-long input[type=file]", str(fake))
    page.wait_for_timeout(500)
    start(page)
    wait_state(page, "refused")
    assert "not a sound file" in page.inner_text("#tl-status")
