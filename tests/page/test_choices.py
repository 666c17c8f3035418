"""What visitors allowed is kept for many of them, in bounded memory, and what is dropped is dropped to the safe side."""

from __future__ import annotations

import json
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import gradio as gr

from emotionthinker.page.choices import ROOM, Choices
from emotionthinker.page.consent import Consent
from emotionthinker.settings import Settings
from tests.browser.conftest import free_port


def test_thousands_of_visitors_keep_their_own_choice() -> None:
    choices = Choices()
    for i in range(5000):
        choices.put(f"visitor {i}", "emotion" if i % 2 else "describe")
    assert [choices.get(f"visitor {i}") for i in range(4)] == ["describe", "emotion", "describe", "emotion"]
    choices.put("visitor 1", "describe")
    assert choices.get("visitor 1") == "describe"
    assert choices.get("somebody else") == ""


def test_the_longest_idle_goes_first_and_counts_as_not_chosen() -> None:
    choices = Choices(room=3)
    for name in "abc":
        choices.put(name, "emotion")
    assert choices.get("a") == "emotion"  # so b is the longest idle now
    choices.put("d", "describe")
    assert [choices.get(name) for name in "bcda"] == ["", "emotion", "describe", "emotion"]
    for i in range(1000):
        choices.put(str(i), "emotion")
        assert choices.get("a") == "emotion"  # whoever is at work is not dropped
    assert len(choices) == 3


def test_memory_is_bounded_whatever_visitors_call_themselves() -> None:
    choices = Choices(room=100)
    for i in range(300):
        choices.put("x" * 100_000 + str(i) + "\ud800", "emotion")
    assert len(choices) == 100
    key, level = next(iter(choices._levels.items()))
    assert ROOM * (sys.getsizeof(key) + sys.getsizeof(level) + 120) < 20e6  # 120: an entry of the dictionary and its links


def test_nobody_shares_a_choice_by_having_no_name() -> None:
    choices = Choices()
    choices.put(None, "emotion")
    choices.put("", "emotion")
    assert (choices.get(None), choices.get(""), len(choices)) == ("", "", 0)


def test_threads_lose_nothing() -> None:
    choices = Choices()

    def one(i: int) -> bool:
        choices.put(str(i), "emotion")
        return choices.get(str(i)) == "emotion"

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(one, range(2000)))
    assert len(choices) == 2000


def test_a_choice_outlives_the_state_that_gradio_keeps_of_a_session() -> None:
    with gr.Blocks() as page:
        consent = Consent(Settings())
        consent.box()
        told, ask = gr.Textbox(), gr.Button()

        def answer(request: gr.Request) -> str:
            return consent.of(request)

        ask.click(answer, None, told, queue=False)
        consent.connect()
    agree = next(fn for fn in page.fns.values() if fn.name == "choose_emotion")
    page.launch(prevent_thread_lock=True, quiet=True, state_session_capacity=2, server_port=free_port())
    try:
        def call(fn: int, session: str) -> Any:
            body = json.dumps({"data": [], "fn_index": fn, "session_hash": session}).encode()
            request = urllib.request.Request(f"{page.local_url}gradio_api/run/predict", data=body,
                                             headers={"Content-Type": "application/json"})
            with urllib.request.urlopen(request, timeout=60) as reply:
                return json.load(reply)["data"]

        answered = next(fn for fn in page.fns.values() if fn.name == "answer")
        call(agree._id, "first")
        for i in range(12):  # six times what Gradio keeps here
            call(answered._id, f"other {i}")
        assert call(answered._id, "first") == ["emotion"]
        assert call(answered._id, "other 1") == [""]
    finally:
        page.close()
