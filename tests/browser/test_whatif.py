"""What if?, in a real browser: choose a change, listen to both, see how answer and claims moved."""

from __future__ import annotations

import base64
import io
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import soundfile

from tests.browser.chat_server import REPLY, ChatServer
from tests.browser.conftest import App, choose_example, wait_done

pytest.importorskip("pyworld", reason="pyworld-prebuilt is not installed; it takes the voice apart")
pytestmark = pytest.mark.browser
NASTY = "<img src=x onerror=\"window.hacked='yes'\">"


def choose(page: Any, label: str) -> None:
    page.locator("#et-whatif-choice").get_by_label(label, exact=True).check()


def ask(page: Any, label: str, state: str = "done") -> None:
    choose(page, label)
    page.click("#et-whatif-ask")
    page.wait_for_selector(f"#et-whatif-status [data-state={state}]")


def explained(page: Any, name: str) -> None:
    choose_example(page, name)
    wait_done(page)


def sound_of(request: dict[str, Any]) -> np.ndarray:
    """What the model was sent to hear: (n,)."""
    part, = [part for part in request["messages"][1]["content"] if part["type"] == "input_audio"]
    return soundfile.read(io.BytesIO(base64.b64decode(part["input_audio"]["data"])))[0]


def test_a_change_is_heard_asked_about_and_compared(app: App, chat: ChatServer, open_page: Callable[..., Any]) -> None:
    page = open_page(app.url)
    assert "once the model has answered" in page.inner_text("#et-whatif-status")
    explained(page, "angry")
    ask(page, "softer")
    assert "it still sounds angry" in page.inner_text("#et-whatif-outcome")
    first, second = (sound_of(request) for request in chat.requests)
    assert 20 * np.log10(np.std(second) / np.std(first)) == pytest.approx(-6.0, abs=0.1)
    # Both can be heard, and they are not the same file.
    players = page.eval_on_selector_all("#et-whatif-players audio", "items => items.map(item => [item.src, item.duration])")
    assert len(players) == 2
    assert players[0][0] != players[1][0]
    assert players[1][0].endswith("angry-softer.wav")
    assert players[1][1] == pytest.approx(players[0][1], abs=0.05)
    # The same axes for both, and what moved in numbers.
    assert page.locator("#et-whatif-outcome .et-pair svg").count() == 1
    moved = page.inner_text("#et-whatif-outcome .et-moved tr:has(th:text('Energy'))")
    assert "as wanted" in moved
    assert page.inner_text("#et-whatif-outcome .et-moved tr:has(th:text('Pitch'))").endswith("unchanged")

    chat.reply = REPLY.replace("pitch is high", "pitch is low").replace(" angry ", " sad ")
    ask(page, "lower")
    page.wait_for_function("document.querySelector('#et-whatif-outcome').innerText.includes('it sounds sad, not angry')")
    said = page.inner_text("#et-whatif-outcome .et-claims2")
    assert "no longer true" in said
    assert "says something else" in said
    page.click("#et-whatif-outcome .et-both summary")
    assert "pitch is low" in page.inner_text("#et-whatif-outcome .et-both")


def test_the_word_to_unstress_can_be_chosen(app: App, chat: ChatServer, open_page: Callable[..., Any]) -> None:
    page = open_page(app.url)
    explained(page, "angry")
    choose(page, "a word unstressed")
    page.wait_for_selector("#et-whatif-which input")
    assert page.input_value("#et-whatif-which input").startswith("again")  # the most prominent word comes first
    page.click("#et-whatif-which input")
    page.get_by_role("option", name="never").click()
    page.click("#et-whatif-ask")
    page.wait_for_selector("#et-whatif-status [data-state=done]")
    assert "“never”" in page.inner_text("#et-whatif-outcome")
    choose(page, "softer")
    page.wait_for_selector("#et-whatif-which", state="hidden")


def test_controls_and_changes_that_cannot_be_made(app: App, chat: ChatServer, open_page: Callable[..., Any]) -> None:
    page = open_page(app.url)
    page.click("#et-whatif-ask")
    page.wait_for_function("document.querySelector('#et-whatif-status').innerText.includes('no explanation to compare')")
    explained(page, "flat")
    ask(page, "no pauses", "refused")
    assert "no pause of 0.2 s" in page.inner_text("#et-whatif-status")
    asked = len(chat.requests)
    ask(page, "silence")
    assert "the model is not asked" in page.inner_text("#et-whatif-outcome")
    assert len(chat.requests) == asked
    ask(page, "a leading question")
    page.wait_for_function("document.querySelector('#et-whatif-outcome').innerText.includes('the question ends')")
    text, = [part["text"] for part in chat.requests[-1]["messages"][1]["content"] if part["type"] == "text"]
    assert "I think that the speaker sounds" in text


def test_two_presses_are_one_question_and_a_new_clip_clears_the_old(app: App, chat: ChatServer,
                                                                     open_page: Callable[..., Any]) -> None:
    page = open_page(app.url)
    explained(page, "angry")
    asked = len(chat.requests)
    chat.delay_s = 0.1
    choose(page, "softer")
    page.dblclick("#et-whatif-ask")
    page.wait_for_selector("#et-whatif-status [data-state=done]")
    assert len(chat.requests) == asked + 1

    chat.reply, chat.delay_s = "<think> " + "slow words " * 300, 0.05
    choose(page, "softer")
    page.click("#et-whatif-ask")
    deadline = time.monotonic() + 60
    while len(chat.requests) < asked + 2 and time.monotonic() < deadline:
        page.wait_for_timeout(50)  # until the model is being asked
    hung_up = chat.hung_up
    chat.reset()
    choose_example(page, "flat")
    page.wait_for_function("document.querySelector('#et-words textarea').value.includes('meeting')")
    wait_done(page)
    assert hung_up.wait(10)  # the question about the clip before was ended
    page.wait_for_selector("#et-whatif-players", state="hidden")
    assert page.inner_text("#et-whatif-outcome").strip() == ""
    assert "slow words" not in page.inner_text("#et-whatif")
    ask(page, "louder")
    assert "it still sounds angry" in page.inner_text("#et-whatif-outcome")


def test_check_05_hostile_replies_are_text(app: App, chat: ChatServer, open_page: Callable[..., Any]) -> None:
    page = open_page(app.url)
    chat.reply = f"<think> {NASTY} the pitch is high. </think><answer> angry </answer>"
    explained(page, "angry")
    chat.reply = f"<think> The words are \"{NASTY}\" and the pitch is low. </script> </think><answer> {NASTY} </answer>"
    ask(page, "higher")
    page.wait_for_function("document.querySelector('#et-whatif-outcome').innerText.includes('no emotion')")
    page.click("#et-whatif-outcome .et-both summary")
    assert "<img src=x" in page.inner_text("#et-whatif-outcome")
    assert page.evaluate("window.hacked") is None
    assert page.locator("img[src='x']").count() == 0


@pytest.mark.parametrize("dark", [False, True])
def test_on_a_phone(app: App, chat: ChatServer, open_page: Callable[..., Any], dark: bool) -> None:
    page = open_page(app.url, width=390, height=844, dark=dark)
    explained(page, "sad")
    ask(page, "no pauses")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    svg = page.locator("#et-whatif-outcome .et-pair svg")
    assert svg.bounding_box()["width"] <= 390
    smallest = page.eval_on_selector_all("#et-whatif-outcome .et-pair svg text",
                                         "texts => Math.min(...texts.map(text => parseFloat(getComputedStyle(text).fontSize)))")
    drawn = float(svg.get_attribute("viewBox").split()[2])
    assert smallest * svg.bounding_box()["width"] / drawn >= 9.5


def test_words_and_voice_that_disagree_get_one_calm_sentence(app: App, chat: ChatServer, open_page: Callable[..., Any]) -> None:
    page = open_page(app.url)
    explained(page, "flat")
    assert page.locator("#et-answer .et-remark").count() == 0
    page.fill("#et-words textarea", "Thank you so much, this meeting is wonderful")
    page.press("#et-words textarea", "Enter")
    page.wait_for_selector("#et-answer .et-remark")
    assert page.inner_text("#et-answer .et-remark") == "The words sound friendly, the voice does not: it sounds angry."
    assert "VADER" in page.get_attribute("#et-answer .et-remark", "title")
