"""The Analyze tab in a real browser: from consent to the saved file."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from tests.browser.chat_server import ChatServer
from tests.browser.conftest import EXAMPLES, App, choose_example, wait_done

pytestmark = pytest.mark.browser
NASTY = "<img src=x onerror=\"window.hacked='yes'\">"


def upload(page: Any, path: Path) -> None:
    page.set_input_files("#et-audio input[type=file]", str(path))


def words_on_the_figure(page: Any) -> list[str]:
    labels = page.eval_on_selector_all("#et-figure .et-word", "words => words.map(word => word.getAttribute('aria-label'))")
    return [label.split(",")[0] for label in labels]


def test_check_12_no_microphone_and_no_upload_before_consent(app: App, chat: ChatServer, open_page: Callable[..., Any]) -> None:
    page = open_page(app.url, agree=False)
    notice = page.inner_text("#et-consent")
    for part in ("not what a person feels", "often wrong", "employees, applicants, pupils or students", "Art. 5(1)(f)",
                 "Art. 50(3)", "sent to the model's server"):
        assert part in notice
    assert page.locator("#et-audio input[type=file]").count() == 0
    assert page.locator("#et-audio [aria-label='Record audio']").count() == 0
    for tab in ("Timeline", "Compare"):
        page.get_by_role("tab", name=tab).click()
        page.wait_for_selector(f"#et-consent-{tab.lower()}")
        assert page.locator("input[type=file]").count() == 0
    page.get_by_role("tab", name="Analyze").click()
    page.click("#et-agree")
    page.wait_for_selector("#et-audio input[type=file]", state="attached")
    assert page.locator("#et-audio [aria-label='Record audio']").count() == 1
    assert page.locator(".et-consent").count() == 0  # one choice for all tabs
    page.get_by_role("button", name="What this is not").click()
    assert "Not a lie detector" in page.inner_text("dialog[open]")
    page.keyboard.press("Escape")
    assert page.locator("dialog[open]").count() == 0


def test_a_voice_is_described_without_consent_to_infer_emotion(app: App, chat: ChatServer, open_page: Callable[..., Any]) -> None:
    chat.reply = "<answer> A woman speaks, her pitch is high. </answer>"
    page = open_page(app.url, agree=False)
    page.click("#et-agree-describe")
    page.wait_for_selector("#et-audio input[type=file]", state="attached")
    page.click("#et-options button")
    assert page.get_by_label("Which emotion, and why").is_disabled()
    assert "Locked: you chose measuring and describing only" in page.inner_text("#et-options")
    assert not page.locator("#et-whatif-ask").is_visible()
    assert "describing only" in page.inner_text("#et-described-whatif")
    page.get_by_label("Your own question").fill("Which emotion is it?")
    upload(page, EXAMPLES / "angry.flac")
    wait_done(page)
    assert page.inner_text("#et-reasoning .et-story").startswith("A woman")
    assert "sounds" not in page.inner_text("#et-answer .et-verdict")
    assert page.locator("#et-answer .et-bars").count() == 0
    asked = json.dumps(chat.requests[-1]["messages"])
    assert "Describe" in asked
    assert "Which emotion" not in asked
    chat.reset()
    page.get_by_label("Your own question").fill("")
    page.click("#et-agree-later-whatif")
    page.wait_for_selector("#et-described", state="hidden")
    page.wait_for_selector("#et-answer .et-verdict:has-text('sounds')")  # asked again at once, as that is what was wanted
    wait_done(page)
    assert page.inner_text("#et-answer .et-verdict").lower() == "sounds angry"
    assert page.locator("#et-whatif-ask").is_visible()
    assert page.get_by_label("Which emotion, and why").is_enabled()
    assert "Locked" not in page.inner_text("#et-options")


def test_a_clip_without_speech_gets_one_message(app: App, chat: ChatServer, open_page: Callable[..., Any], tmp_path: Path) -> None:
    silent = tmp_path / "silent.wav"
    soundfile.write(silent, np.zeros(2 * 16_000, np.int16), 16_000)
    page = open_page(app.url)
    page.click("#et-again")  # nothing to explain yet, and nothing is pretended
    page.wait_for_timeout(500)
    assert page.inner_text("#et-status").startswith("Ready")
    upload(page, silent)
    wait_done(page)
    assert chat.requests == []
    assert "the model was not asked" in page.inner_text("#et-status")
    assert "the model was not asked" in page.inner_text("#et-reasoning")
    assert page.inner_text("#et-answer").strip() == ""
    for other in ("Done in", "no reasoning", "no emotion named"):
        assert other not in page.inner_text("#et-below")


def test_example_to_answer(app: App, chat: ChatServer, open_page: Callable[..., Any]) -> None:
    chat.delay_s = 0.08
    page = open_page(app.url)
    choose_example(page, "angry")
    page.wait_for_selector("#et-reasoning [data-state=thinking] .et-caret")
    page.evaluate("""() => { window.redrawn = 0; new MutationObserver(() => { window.redrawn++; })
        .observe(document.querySelector('#et-figure'), {subtree: true, childList: true, attributes: true}); }""")
    half = page.inner_text("#et-reasoning .et-story")
    wait_done(page)
    whole = page.inner_text("#et-reasoning .et-story")
    assert len(half) < len(whole)
    assert page.evaluate("window.redrawn") == 0  # text streams, the figure stays
    assert page.inner_text("#et-answer .et-verdict").lower() == "sounds angry"
    assert "high" in page.inner_text(".et-fact[data-row=pitch] .et-level")
    assert "✓" in page.inner_text("#et-reasoning .et-claim.et-yes >> nth=0")
    assert "✗" in page.inner_text("#et-reasoning .et-claim.et-no >> nth=0")
    assert "checkable claims" in page.inner_text("#et-answer")
    alt = page.get_attribute("#et-figure [role=img]", "aria-label")
    assert "itch high" in alt
    # The live region is fed sentence by sentence, at a pace that a screen reader can follow.
    page.wait_for_function("() => document.querySelector('#et-live').textContent.includes('anger')")
    assert "<think>" not in page.inner_text("body")


def test_check_05_hostile_name_words_labels_and_reply(app: App, chat: ChatServer, open_page: Callable[..., Any],
                                                      tmp_path: Path) -> None:
    chat.reply = (f"<think> {NASTY} </script><script>window.hacked='yes'</script> \u202e the pitch is high. "
                  f"${{window.hacked='yes'}} </think><answer> {NASTY} </answer>")
    clip = tmp_path / "<img src=x onerror=window.hacked=1>\u202e.flac"
    clip.write_bytes((EXAMPLES / "flat.flac").read_bytes())
    page = open_page(app.url)
    upload(page, clip)
    wait_done(page)
    assert "<img src=x" in page.inner_text("#et-reasoning")
    assert "<img src=x" in page.inner_text("#et-answer")
    page.fill("#et-words textarea", f"{NASTY} </script> \u202e the meeting")
    asked = len(chat.requests)
    page.click("#et-correct")
    for _ in range(600):  # until the model is asked again: what the page says meanwhile may be gone before it is looked at
        if len(chat.requests) > asked:
            break
        page.wait_for_timeout(100)
    assert len(chat.requests) > asked
    wait_done(page)
    page.click("#et-options button")
    page.get_by_label("Emotions to choose from").fill(f"{NASTY}, sad")
    page.click("#et-again")
    page.wait_for_selector("#et-status [data-state=refused]")
    assert page.evaluate("window.hacked") is None
    assert page.locator("img[src='x']").count() == 0


def test_options_out_of_range_are_refused_in_a_sentence(app: App, chat: ChatServer, open_page: Callable[..., Any]) -> None:
    page = open_page(app.url)
    choose_example(page, "flat")
    wait_done(page)
    page.click("#et-options button")
    for label, value, says in (("Temperature", "99", "0 (no sampling) to 2 is allowed"), ("Seed", "-5", "whole number from 0"),
                               ("Most new tokens", "99999", "1 to 4096 are allowed")):
        page.get_by_label(label).fill(value)
        page.click("#et-again")
        page.wait_for_selector(f"#et-status [data-state=refused]:has-text('{says}')")  # not the refusal before it
        page.get_by_label(label).fill("0")
    page.click("#et-again")
    wait_done(page)


def test_a_recording_from_the_microphone(app: App, chat: ChatServer, chromium: Callable[..., Any], open_page: Callable[..., Any],
                                         tmp_path: Path) -> None:
    samples, rate = soundfile.read(EXAMPLES / "happy.flac", dtype="int16")
    wav = tmp_path / "spoken.wav"
    soundfile.write(wav, samples, rate)
    page = open_page(app.url, using=chromium(f"--use-file-for-fake-audio-capture={wav}"))
    page.click("#et-audio [aria-label='Record audio']")
    page.click("#et-audio .record-button")
    page.wait_for_selector("#et-status [data-state=recording]")
    page.wait_for_timeout(3500)
    page.click("#et-audio .stop-button")
    wait_done(page)
    assert page.locator("#et-figure .et-drawing svg").count() == 1
    assert "not measured" not in page.inner_text(".et-fact[data-row=pitch]")


def test_stop_ends_the_reply_and_the_request(app: App, chat: ChatServer, open_page: Callable[..., Any]) -> None:
    chat.reply, chat.delay_s = "<think> " + "the pitch is high and so on " * 200, 0.05
    page = open_page(app.url)
    choose_example(page, "flat")
    page.wait_for_selector("#et-reasoning [data-state=thinking] .et-caret")
    page.click("#et-stop")
    page.wait_for_selector("#et-reasoning [data-state=stopped]")
    assert "Stopped" in page.inner_text("#et-status")
    assert chat.hung_up.wait(10)
    chat.reset()
    page.click("#et-again")
    wait_done(page)
    assert page.inner_text("#et-answer .et-verdict").lower() == "sounds angry"


def test_a_new_clip_ends_the_one_before(app: App, chat: ChatServer, open_page: Callable[..., Any]) -> None:
    chat.reply, chat.delay_s = "<think> " + "slow words " * 300, 0.05
    page = open_page(app.url)
    choose_example(page, "flat")
    page.wait_for_selector("#et-reasoning [data-state=thinking] .et-caret")
    hung_up = chat.hung_up
    chat.reset()
    choose_example(page, "angry")
    wait_done(page)
    assert hung_up.wait(10)
    assert "slow words" not in page.inner_text("#et-reasoning")
    assert page.input_value("#et-words textarea").lower().startswith("i will never")


def test_corrected_words_change_what_depends_on_them_only(app: App, chat: ChatServer, open_page: Callable[..., Any]) -> None:
    page = open_page(app.url)
    choose_example(page, "angry")
    wait_done(page)
    assert words_on_the_figure(page) == ["I", "will", "never", "do", "that", "again"]
    before = {row: page.inner_text(f".et-fact[data-row={row}]") for row in ("pitch", "range", "energy", "sex")}
    asked = len(chat.requests)
    page.fill("#et-words textarea", "I will never do it again")
    page.press("#et-words textarea", "Enter")
    page.wait_for_selector("#et-figure .et-word[aria-label^='it,']")
    wait_done(page)
    assert words_on_the_figure(page) == ["I", "will", "never", "do", "it", "again"]
    assert {row: page.inner_text(f".et-fact[data-row={row}]") for row in before} == before
    assert len(chat.requests) == asked + 1  # and it was explained again


def test_every_download_is_the_file_it_says(app: App, chat: ChatServer, open_page: Callable[..., Any]) -> None:
    page = open_page(app.url)
    choose_example(page, "angry")
    wait_done(page)
    saved = {}
    for kind in ("json", "csv", "textgrid", "svg", "png"):
        with page.expect_download() as download:
            page.click(f"#et-save-{kind}")
        assert download.value.suggested_filename.lower() == f"angry.{kind}"
        saved[kind] = Path(download.value.path()).read_bytes()
    result = json.loads(saved["json"])
    assert result["emotion"] == "angry"
    assert {"f0", "words", "claims", "label_scores", "reasoning"} <= set(result)
    rows = list(csv.DictReader(io.StringIO(saved["csv"].decode(), newline="")))
    assert len(rows) == len(result["energy"]["dbfs"])
    assert saved["textgrid"].startswith(b'File type = "ooTextFile"')
    assert b"again" in saved["svg"]
    assert saved["png"].startswith(b"\x89PNG")


def test_a_word_plays_its_stretch_and_lights_its_claim(app: App, chat: ChatServer, open_page: Callable[..., Any]) -> None:
    page = open_page(app.url)
    choose_example(page, "angry")
    wait_done(page)
    word = page.locator("#et-figure .et-word[aria-label^='never,']")
    start, end = (float(word.get_attribute(f"data-{side}")) for side in ("start", "end"))
    word.click()
    page.wait_for_function("seconds => document.querySelector('#et-audio audio').currentTime > seconds + 0.05", arg=start)
    page.wait_for_function("document.querySelector('#et-audio audio').paused")
    stopped = page.evaluate("document.querySelector('#et-audio audio').currentTime")
    assert stopped == pytest.approx(end, abs=0.05)
    assert float(page.get_attribute("#et-figure .et-layer", "aria-valuenow")) == pytest.approx(end, abs=0.05)
    assert page.locator("#et-reasoning .et-claim.et-lit[data-words='2']").count() >= 1
    page.locator(".et-fact[data-row=energy] button").click()
    assert page.locator("#et-figure .et-lane.et-lit[data-name=energy]").count() == 1


def test_by_keyboard_alone(app: App, chat: ChatServer, open_page: Callable[..., Any]) -> None:
    page = open_page(app.url, agree=False)
    page.focus("#et-agree")
    page.keyboard.press("Enter")
    page.wait_for_selector("#et-audio input[type=file]", state="attached")
    page.get_by_role("button", name="angry", exact=True).focus()
    page.keyboard.press("Enter")
    wait_done(page)
    slider = page.get_by_role("slider", name="Playhead")
    slider.focus()
    for _ in range(14):
        page.keyboard.press("ArrowRight")
    assert float(slider.get_attribute("aria-valuenow")) == pytest.approx(0.7, abs=0.01)
    assert "Hz" in slider.get_attribute("aria-valuetext")
    page.keyboard.press("Space")
    page.wait_for_function("document.querySelector('#et-audio audio').currentTime > 0.75")
    claim = page.locator("#et-reasoning .et-claim").first
    claim.focus()
    page.keyboard.press("Enter")
    assert "et-lit" in claim.get_attribute("class")


def test_hz_and_spectrogram_redraw_the_figure(app: App, chat: ChatServer, open_page: Callable[..., Any]) -> None:
    page = open_page(app.url)
    choose_example(page, "angry")
    wait_done(page)
    page.get_by_label("Hz").check()
    page.wait_for_function("document.querySelector('#et-figure svg').textContent.includes('pitch, Hz')")
    page.get_by_label("Spectrogram").check()
    page.wait_for_selector("#et-figure svg image", state="attached")


@pytest.mark.parametrize("dark", [False, True])
def test_a_phone_needs_no_scrolling_sideways(app: App, chat: ChatServer, open_page: Callable[..., Any], dark: bool) -> None:
    page = open_page(app.url, width=390, height=844, dark=dark)
    below = "#et-reasoning", "#et-whatif"  # what stands under the facts, and under the answer
    before = [page.locator(part).bounding_box()["y"] for part in below]
    choose_example(page, "angry")
    wait_done(page)
    after = [page.locator(part).bounding_box()["y"] for part in below]
    assert np.abs(np.subtract(after, before)).max() <= 60  # two lines: place was kept for the figure, the facts and the text
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    drawn = int(page.get_attribute(".et-drawing", "data-width"))
    shown = page.evaluate("document.querySelector('.et-drawing').clientWidth")
    assert drawn == pytest.approx(shown, rel=0.05)
    smallest = page.eval_on_selector_all("#et-figure svg text",
                                         "texts => Math.min(...texts.map(text => parseFloat(getComputedStyle(text).fontSize)))")
    assert smallest * shown / drawn >= 9.9
    ground = page.evaluate("getComputedStyle(document.querySelector('#et-figure')).backgroundColor")
    assert (sum(int(part) for part in ground[4:-1].split(",")) < 300) is dark
    ink = page.eval_on_selector_all("#et-figure svg text",
                                    "texts => getComputedStyle(texts.find(text => text.textContent.includes('pitch'))).fill")
    assert ink == ("rgb(86, 180, 233)" if dark else "rgb(0, 114, 178)")


def test_a_refused_clip_says_why_and_the_next_works(app: App, chat: ChatServer, open_page: Callable[..., Any],
                                                    tmp_path: Path) -> None:
    fake = tmp_path / "letter.wav"
    fake.write_text("Dear all, this is no sound.")
    page = open_page(app.url)
    upload(page, fake)
    page.wait_for_selector("#et-status [data-state=refused]")
    assert "letter.wav" in page.inner_text("#et-status") or "wav" in page.inner_text("#et-status")
    page.click("#et-again")  # there is nothing to ask about, and nothing is pretended
    page.wait_for_timeout(500)
    assert page.locator("#et-status [data-state=refused]").count() == 1
    choose_example(page, "flat")
    wait_done(page)


def test_an_endpoint_that_fails_leaves_the_measurement(app: App, chat: ChatServer, open_page: Callable[..., Any]) -> None:
    chat.status = 503
    page = open_page(app.url)
    choose_example(page, "flat")
    page.wait_for_selector("#et-status [data-state=refused]")
    assert "HTTP 503" in page.inner_text("#et-status")
    assert "semitones" in page.inner_text(".et-fact[data-row=range]")


def test_describe_gives_a_caption_and_no_emotion(app: App, chat: ChatServer, open_page: Callable[..., Any]) -> None:
    chat.reply = "<answer> A woman speaks, her pitch is high. </answer>"
    page = open_page(app.url)
    page.click("#et-options button")
    page.get_by_label("Describe the voice only").check()
    choose_example(page, "angry")
    wait_done(page)
    assert page.inner_text("#et-reasoning .et-story").startswith("A woman")
    assert page.locator("#et-answer .et-bars").count() == 0
    assert "sounds" not in page.inner_text("#et-answer .et-verdict")
