"""Several visitors at once: they wait their turn and are told so, and whoever leaves frees the model."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.chat_server import ChatServer
from tests.browser.conftest import App, choose_example, wait_done

pytestmark = pytest.mark.browser
SLOW = "<think> " + "the pitch is high and so on " * 400


def test_check_11_a_second_visitor_sees_the_figure_at_once_and_waits_for_the_model(app: App, chat: ChatServer,
                                                                                   open_page: Callable[..., Any]) -> None:
    first, second = open_page(app.url), open_page(app.url)
    chat.reply, chat.delay_s = SLOW, 0.05
    choose_example(first, "flat")
    first.wait_for_selector("#et-reasoning [data-state=thinking] .et-caret")
    hung_up = chat.hung_up
    chat.reset()
    choose_example(second, "angry")
    second.wait_for_selector("#et-figure .et-word")  # measured while the model is busy with someone else
    second.wait_for_selector("#et-status[data-queue='you are next']")
    assert second.inner_text("#et-reasoning .et-story") == "Listening …"
    first.click("#et-stop")
    first.wait_for_selector("#et-reasoning [data-state=stopped]")
    assert hung_up.wait(10)
    wait_done(second)
    assert second.inner_text("#et-answer .et-verdict").lower() == "sounds angry"
    assert "never" not in first.inner_text("#et-reasoning")


def test_check_11_whoever_leaves_frees_the_model(app: App, chat: ChatServer, open_page: Callable[..., Any]) -> None:
    chat.reply, chat.delay_s = SLOW, 0.05
    page = open_page(app.url)
    choose_example(page, "flat")
    page.wait_for_selector("#et-reasoning [data-state=thinking] .et-caret")
    page.close()
    assert chat.hung_up.wait(30)


def test_check_11_a_full_queue_answers_with_a_message(app: App, chat: ChatServer, open_page: Callable[..., Any]) -> None:
    chat.reply, chat.delay_s = SLOW, 0.05
    page = open_page(app.url)
    choose_example(page, "flat")
    page.wait_for_selector("#et-reasoning [data-state=thinking] .et-caret")

    def ask() -> str:
        request = urllib.request.Request(f"{app.url}/gradio_api/call/explain", data=json.dumps({"data": [None, "", ""]}).encode(),
                                         headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=30):
                return ""
        except urllib.error.HTTPError as error:
            return error.read().decode()

    answers = [ask() for _ in range(40)]
    page.click("#et-stop")
    assert answers[0] == ""
    assert "queue" in answers[-1].lower()
    assert "full" in answers[-1].lower()
    deadline = time.monotonic() + 60
    while (answer := ask()) and time.monotonic() < deadline:  # and it drains
        time.sleep(0.5)
    assert answer == ""


@pytest.mark.parametrize("pause_ms", [0, 400, 1500])
def test_a_new_clip_takes_over_while_the_one_before_is_measured(app: App, chat: ChatServer, open_page: Callable[..., Any],
                                                                pause_ms: int) -> None:
    page = open_page(app.url)
    choose_example(page, "happy")
    page.wait_for_selector("#et-status [data-state=measuring]")
    page.wait_for_timeout(pause_ms)
    choose_example(page, "flat")
    page.wait_for_function("() => document.querySelector('#et-words textarea').value.toLowerCase().includes('meeting')")
    wait_done(page)
    assert "meeting" in page.input_value("#et-words textarea").lower()
    assert page.locator("#et-figure .et-word[aria-label*='meeting' i]").count() == 1


def test_without_a_rating_database_the_tabs_say_so_and_ask_nobody(app: App, open_page: Callable[..., Any]) -> None:
    page = open_page(app.url)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "annotate" in request.url else None)
    for tab, place in (("Annotate", "#an-root"), ("Calibrate", "#ac-root")):
        page.get_by_role("tab", name=tab).click()
        page.wait_for_selector(place)
        page.wait_for_timeout(2000)  # both ask within this time where there is somebody to ask
        assert "No connection" not in page.inner_text(place)
    assert asked == []
