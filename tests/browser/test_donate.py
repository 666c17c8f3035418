"""A visitor gives a clip for rating, a lead listens and takes it in, and the visitor takes it back: in real browsers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import soundfile

from annotate import donation, roster
from annotate.store import Store
from tests.annotate.filling import make_store
from tests.browser.chat_server import ChatServer
from tests.browser.conftest import EXAMPLES, App, choose_example, reload, wait_done

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def giving(start_app: Callable[..., App], _chat_server: ChatServer, tmp_path_factory: pytest.TempPathFactory) -> tuple[App, Store]:
    """The page with a project that takes clips, and its database."""
    store, _ = make_store(tmp_path_factory.mktemp("giving"), 0, donations=True)
    return start_app(ET_ENDPOINT=_chat_server.url, ET_MODEL="test-model", ET_ANNOTATE_DB=str(store.path)), store


def a_voice(folder: Path) -> Path:
    """Speech that is none of the page's own examples: one of them, half as loud."""
    samples, rate = soundfile.read(EXAMPLES / "angry.flac")
    soundfile.write(folder / "mine.wav", 0.5 * samples, rate)
    return folder / "mine.wav"


def test_a_clip_is_given_accepted_and_taken_back(giving: tuple[App, Store], chat: ChatServer, open_page: Callable[..., Any],
                                                 tmp_path: Path) -> None:
    app, store = giving
    project = store.project()
    _, token = roster.invite(store, project, "Lead", "lead")
    page = open_page(app.url)
    choose_example(page, "sad")
    wait_done(page)
    page.click("#et-give > button")
    assert not page.is_checked("#et-give-tick input") and page.is_disabled("#et-give-now")
    page.check("#et-give-tick input")
    page.wait_for_selector("#et-give-now:enabled")
    page.click("#et-give-now")
    page.wait_for_selector("text=one of this page's own examples")
    reload(page)
    page.click("#et-agree")
    page.set_input_files("#et-audio input[type=file]", str(a_voice(tmp_path)))
    wait_done(page)
    page.click("#et-give > button")
    assert page.is_disabled("#et-give-now")  # a tick is for one clip
    page.check("#et-give-tick input")
    page.wait_for_selector("#et-give-now:enabled")
    page.dblclick("#et-give-now")
    code = page.inner_text("#et-give-said code")
    page.wait_for_function("() => !document.querySelector('#et-give-tick input').checked")
    assert page.is_disabled("#et-give-now") and page.inner_text("#et-give-said code") == code
    (gift,) = donation.waiting(store, project, 9)

    lead = page.context.new_page()
    lead.goto(f"{app.url}/#invite={token}")
    lead.wait_for_selector(".an-gifts li")
    assert gift.item.explanation in lead.inner_text(".an-gifts")
    length_s = lead.evaluate("""() => new Promise(done => { const sound = document.querySelector('.an-gifts audio');
        sound.addEventListener('loadedmetadata', () => done(sound.duration)); sound.load(); sound.preload = 'metadata'; })""")
    assert length_s == pytest.approx(gift.item.prosody["duration_s"], abs=0.1)
    lead.click("[data-gift][data-take='1']")
    lead.wait_for_selector(".an-board:not(:has(.an-gifts))")
    assert [item.explanation for item in store.items(project)] == [gift.item.explanation]

    page.get_by_label("Take a clip back").fill(code.lower())
    page.click("#et-take-back-now")
    page.wait_for_selector("#et-give-said >> text=Deleted")
    assert list(store.items(project)) == [] and not (store.clips / f"{gift.item.clip_sha256}.flac").exists()


def test_where_no_project_takes_clips_nothing_asks_for_them(app: App, chat: ChatServer, open_page: Callable[..., Any]) -> None:
    page = open_page(app.url)
    choose_example(page, "sad")
    wait_done(page)
    assert page.locator("#et-give").count() == 0
