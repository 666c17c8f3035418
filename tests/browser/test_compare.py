"""The Compare tab in a real browser: two clips, then two models on one clip."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.chat_server import ChatServer
from tests.browser.conftest import App

pytestmark = pytest.mark.browser


def choose(page: Any, side: str, name: str) -> None:
    page.click(f"#cp-example-{side} input")
    page.locator(f"#cp-example-{side} [role=option]:visible, [role=option]:visible", has_text=name).last.click()
    page.wait_for_selector(f"#cp-audio-{side} audio")


def numbers_on_the_axes(page: Any, side: str) -> list[str]:
    texts = page.eval_on_selector_all(f"#cp-figure-{side} svg text", "texts => texts.map(text => text.textContent)")
    return [text for text in texts if text.lstrip("+−").replace(".", "").isdigit()]


def test_two_clips_then_two_models(app: App, chat: ChatServer, open_page: Callable[..., Any]) -> None:
    page = open_page(app.url)
    page.get_by_role("tab", name="Compare").click()
    page.click("#cp-go")
    page.wait_for_selector("#cp-status [data-state=refused]")
    assert "no clip A" in page.inner_text("#cp-status")
    choose(page, "a", "flat")
    choose(page, "b", "angry")
    page.get_by_label("test-model (at an endpoint)").check()
    page.click("#cp-go")
    page.wait_for_selector("#cp-answer-b [data-state=done]")
    assert numbers_on_the_axes(page, "a") == numbers_on_the_axes(page, "b") != []
    widths = [page.get_attribute(f"#cp-figure-{side} .cp-figure", "data-duration") for side in "ab"]
    assert widths[0] == widths[1]
    table = page.inner_text("#cp-facts")
    assert "semitones" in table
    assert "+" in page.inner_text("#cp-facts tr:has-text('Energy') td >> nth=2")  # the angry voice is louder than the flat one
    for side in "ab":
        assert page.inner_text(f"#cp-answer-{side} .et-verdict").lower() == "sounds angry"
    assert [request["model"] for request in chat.requests] == ["test-model", "test-model"]

    page.select_option("[data-language-switch]", "de")
    page.wait_for_selector("#cp-status:has-text('Fertig')")
    assert page.evaluate("window.emotionthinkerLanguage.missing()") == []
    assert "Halbtöne" in page.inner_text("#cp-facts [data-row=range] td >> nth=0")
    page.select_option("[data-language-switch]", "ar")
    page.wait_for_function("document.body.dir === 'rtl'")
    assert page.eval_on_selector("#cp-figure-a svg", "drawn => getComputedStyle(drawn).direction") == "ltr"
    page.select_option("[data-language-switch]", "en")
    page.locator("#cp-story-b .et-claim").first.click()
    page.wait_for_function("document.querySelector('#cp-audio-b audio').currentTime > 0.1")
    assert page.evaluate("document.querySelector('#cp-audio-a audio').paused")
    assert page.evaluate("document.querySelector('#et-audio audio')?.currentTime ?? 0") == 0

    chat.requests.clear()
    page.click("#cp-same")
    page.get_by_label("second-model (at an endpoint)").check()
    page.wait_for_timeout(300)
    page.click("#cp-go")
    page.wait_for_selector("#cp-status [data-state=measuring], #cp-status [data-state=thinking]")
    page.wait_for_selector("#cp-status:has-text('B: Done')")
    assert [request["model"] for request in chat.requests] == ["test-model", "second-model"]
    assert "A: Done" in page.inner_text("#cp-status")
    assert page.inner_text("#cp-facts tr:has-text('Energy') td >> nth=2") == "+0.0 dB"
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_another_clip_ends_the_run_and_clears_what_belonged_to_the_one_before(app: App, chat: ChatServer,
                                                                              open_page: Callable[..., Any]) -> None:
    page = open_page(app.url)
    page.get_by_role("tab", name="Compare").click()
    choose(page, "a", "flat")
    page.wait_for_selector("#cp-status:has-text('Choose a clip for B too')")
    choose(page, "b", "angry")
    page.wait_for_selector("#cp-status:has-text('Press “Compare”')")
    page.click("#cp-go")
    page.wait_for_selector("#cp-answer-b [data-state=done]")
    page.get_by_role("tab", name="Analyze").click()  # looking elsewhere changes nothing
    page.get_by_role("tab", name="Compare").click()
    page.wait_for_timeout(500)
    assert page.locator("#cp-figure-a svg").count() == 1
    choose(page, "b", "sad")
    page.wait_for_selector("#cp-status:has-text('Press “Compare”')")
    for side in "ab":
        assert page.locator(f"#cp-figure-{side} svg").count() == 0
        assert page.locator(f"#cp-story-{side} .et-claim").count() == 0
    assert page.locator("#cp-facts table").count() == 0

    chat.reply, chat.delay_s = "<think> " + "slow words " * 300, 0.05
    page.click("#cp-go")
    page.wait_for_selector("#cp-story-a:has-text('slow words')")
    hung_up = chat.hung_up
    chat.reset()
    page.click("#cp-same")  # in the middle of the explanation
    assert hung_up.wait(10)
    page.wait_for_selector("#cp-status:has-text('Press “Compare”')")
    page.wait_for_timeout(500)
    assert "slow words" not in page.inner_text("#cp-story-a")
    assert page.input_value("#cp-example-b input") == "flat"
