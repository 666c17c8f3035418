"""The page for everybody: languages, assistive technology, the keyboard alone, a refused microphone, a server that is gone."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from tests.browser.chat_server import ChatServer
from tests.browser.conftest import EXAMPLES, App, choose_example, reload, wait_done

pytestmark = pytest.mark.browser
WIDTHS = {"phone": 390, "tablet": 820, "desktop": 1280}
TABS = ["Analyze", "Timeline", "Compare", "Annotate", "Calibrate"]
SERIOUS = """async () => (await axe.run(document, {resultTypes: ['violations']})).violations
  .filter(found => ['serious', 'critical'].includes(found.impact))
  .flatMap(found => found.nodes.map(
    node => `${found.id}: ${node.html.slice(0, 160)} ${(node.failureSummary ?? '').slice(0, 200)}`))"""


def missing(page: Any) -> list[str]:
    """Visible texts of the tab at hand that the table does not have."""
    found: list[str] = page.evaluate("window.emotionthinkerLanguage.missing()")
    return found


def choose_language(page: Any, code: str) -> None:
    page.select_option("[data-language-switch]", code)
    page.wait_for_function("code => document.documentElement.lang === code", arg=code)


def test_no_english_is_left_on_the_page_in_another_language(app: App, chat: ChatServer, open_page: Callable[..., Any],
                                                            tmp_path: Path) -> None:
    page = open_page(app.url, agree=False)
    assert page.evaluate("document.documentElement.lang") == "en"
    english = page.inner_text("#et-consent")
    choose_language(page, "de")
    assert missing(page) == []
    assert "nicht, was ein Mensch fühlt" in page.inner_text("#et-consent")
    assert page.locator("#et-consent strong").count() == 4  # what is set apart in a sentence stays set apart
    page.locator("[data-dialog=et-not]").click()
    assert missing(page) == []
    page.keyboard.press("Escape")
    page.click("#et-agree")
    page.wait_for_selector("#et-audio input[type=file]", state="attached")
    written = page.eval_on_selector_all("#et-audio .source-selection button",
                                        "all => all.map(one => getComputedStyle(one, '::after').content)")
    assert written == ['"Datei"', '"Mikrofon"']
    page.locator("#et-options button").first.click()
    page.get_by_label("Temperatur").wait_for()
    assert missing(page) == []
    assert page.get_by_text("Die Erklärungen sind auf Englisch").is_visible()
    fake = tmp_path / "brief.wav"
    fake.write_text("Dear all, this is no sound.")
    page.set_input_files("#et-audio input[type=file]", str(fake))
    page.wait_for_selector("#et-status [data-state=refused]")
    assert missing(page) == []
    page.locator("#et-example-row button").first.click()
    wait_done(page)
    page.locator("#et-whatif-choice input").first.check(force=True)
    page.click("#et-whatif-ask")
    page.wait_for_selector("#et-whatif-outcome .et-whatif-verdict")
    assert missing(page) == []
    assert page.inner_text("#et-reasoning .et-story").startswith("The pitch")  # the model's text stays as it is
    assert page.inner_text(".et-fact[data-row=pitch] .et-level") == "hoch"
    page.fill("#et-words textarea", "I will never do it")
    choose_language(page, "ar")
    assert missing(page) == []
    seen = page.evaluate("""() => Object.fromEntries(Object.entries({page: 'body', facts: '.et-facts', figure: '.et-drawing',
        story: '.et-story p'}).map(([name, at]) => [name, getComputedStyle(document.querySelector(at)).direction]))""")
    assert seen == {"page": "rtl", "facts": "rtl", "figure": "ltr", "story": "ltr"}
    for width in WIDTHS.values():
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.input_value("#et-words textarea") == "I will never do it"
    page.set_viewport_size({"width": 1280, "height": 900})
    for tab in ("timeline", "compare"):
        page.locator("[role=tab]").nth(1 if tab == "timeline" else 2).click()
        page.wait_for_selector("#tl-example" if tab == "timeline" else "#cp-go, #cp-buttons")
        assert missing(page) == []
    reload(page)  # the choice is kept
    page.wait_for_selector("#et-agree")
    assert page.evaluate("document.documentElement.dir") == "rtl"
    choose_language(page, "en")
    assert page.inner_text("#et-consent") == english


def test_the_first_visit_speaks_the_browsers_language(app: App, browser: Any) -> None:
    for locale, expected in (("de-AT", "de"), ("fr-FR", "en")):
        context = browser.new_context(locale=locale)
        page = context.new_page()
        page.goto(app.url)
        page.wait_for_selector("#et-agree")
        page.evaluate("document.documentElement.lang = 'fr'")  # as Gradio does at a time of its own
        page.wait_for_function(f"document.documentElement.lang === '{expected}'")
        assert page.input_value("[data-language-switch]") == expected
        context.close()


def test_axe_finds_nothing_serious(app: App, chat: ChatServer, open_page: Callable[..., Any]) -> None:
    """Every tab, light and dark, at three widths: before consent, and with an answer on the page."""
    axe = (resources.files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
    page = open_page(app.url, agree=False)
    page.evaluate(axe)
    # What fades while a theme changes has no colour of its own yet.
    page.add_style_tag(content="*, *::before, *::after { transition: none !important; animation: none !important; }")
    found: dict[str, str] = {}

    def look(place: str, widths: list[int]) -> None:
        for width in widths:
            page.set_viewport_size({"width": width, "height": 900})
            for dark in (False, True):
                page.evaluate("dark => document.body.classList.toggle('dark', dark)", dark)
                for fault in page.evaluate(SERIOUS):
                    found.setdefault(fault, f"{place}, {width} px, {'dark' if dark else 'light'}")

    look("before consent", [390, 1280])
    page.locator("[data-dialog=et-not]").click()
    look("dialog", [1280])
    page.keyboard.press("Escape")
    page.click("#et-agree")
    page.wait_for_selector("#et-audio input[type=file]", state="attached")
    page.locator("#et-options button").first.click()
    choose_example(page, "angry")
    wait_done(page)
    for tab in TABS:
        page.get_by_role("tab", name=tab).or_(page.get_by_role("tab", name=tab, include_hidden=True)).first.click(force=True)
        look(tab, list(WIDTHS.values()))
        page.set_viewport_size({"width": 1280, "height": 900})
    assert found == {}


def test_tab_and_enter_alone_reach_everything(app: App, chat: ChatServer, open_page: Callable[..., Any]) -> None:
    """From consent to a download: only Tab, arrows, Enter and Space, and what has the focus is seen to have it."""
    page = open_page(app.url, agree=False)

    def tab_to(test: str, most: int = 120) -> None:
        for _ in range(most):
            page.keyboard.press("Tab")
            if page.evaluate(f"() => {{ const at = document.activeElement; return Boolean({test}); }}"):
                ring = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
                assert ring != "none", test
                return
        raise AssertionError(f"Tab never came to what fits {test}")

    tab_to("at.id === 'et-agree'")
    page.keyboard.press("Enter")
    page.wait_for_selector("#et-audio input[type=file]", state="attached")
    chat.delay_s = 0.5
    page.evaluate("document.activeElement.blur()")
    tab_to("at.textContent.trim() === 'angry'")
    page.keyboard.press("Enter")
    page.wait_for_selector("#et-reasoning [data-state=thinking] .et-caret")
    tab_to("at.id === 'et-stop'")
    page.keyboard.press("Enter")
    wait_done(page, "stopped")
    chat.reset()
    page.keyboard.press("Shift+Tab")
    assert page.evaluate("document.activeElement.id") == "et-again"
    page.keyboard.press("Enter")
    wait_done(page)
    tab_to("at.classList.contains('et-claim')")
    page.keyboard.press("Enter")
    page.wait_for_selector("#et-card:not([hidden])")
    assert page.locator("#et-reasoning .et-claim.et-lit").count() >= 1
    tab_to("at.id === 'et-save-json'")
    with page.expect_download() as saved:
        page.keyboard.press("Enter")
    assert saved.value.suggested_filename == "angry.json"


def test_a_refused_microphone_says_what_to_do(app: App, chat: ChatServer, open_page: Callable[..., Any], browser: Any) -> None:
    context = browser.new_context()
    context.set_default_timeout(60_000)
    page = context.new_page()

    def forbid(route: Any) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, headers={**answer.headers, "permissions-policy": "microphone=()"})

    page.route(app.url + "/", forbid)
    page.goto(app.url + "/")
    page.click("#et-agree")
    page.wait_for_selector("#et-audio input[type=file]", state="attached")
    page.click("#et-audio [aria-label='Record audio']")
    page.wait_for_selector(".et-microphone, #et-audio .record-button")
    if not page.locator(".et-microphone").count():
        page.click("#et-audio .record-button")
    page.wait_for_selector(".et-microphone")
    assert "The microphone was refused. " in " ".join(page.inner_text(".et-microphone").split()) + " "
    assert "bring a file or press an example" in page.inner_text(".et-microphone")
    choose_example(page, "flat")  # the way out works, and the message goes with it
    wait_done(page)
    assert page.locator(".et-microphone").count() == 0
    context.close()


def test_a_slow_line_shows_what_is_under_way(app: App, chat: ChatServer, open_page: Callable[..., Any]) -> None:
    page = open_page(app.url)
    page.evaluate("""() => {
        window.said = [];
        new MutationObserver(() => {
          const text = ['#et-audio', '#et-status'].map(at => document.querySelector(at).innerText).join(' ');
          if (window.said.at(-1) !== text) window.said.push(text);
        }).observe(document.body, {subtree: true, childList: true, characterData: true}); }""")
    wire = page.context.new_cdp_session(page)
    wire.send("Network.enable")
    wire.send("Network.emulateNetworkConditions", {"offline": False, "latency": 300, "downloadThroughput": 40_000,
                                                   "uploadThroughput": 25_000})
    page.set_input_files("#et-audio input[type=file]", str(EXAMPLES / "angry.flac"))
    wait_done(page)
    said = " | ".join(page.evaluate("window.said"))
    assert re.search(r"Uploading|%|Sending", said)
    assert "Measuring the voice" in said


def test_a_server_that_is_gone_is_said_and_what_was_typed_stays(start_app: Callable[..., App], chat: ChatServer, browser: Any,
                                                                  _chat_server: ChatServer) -> None:
    app = start_app(ET_ENDPOINT=_chat_server.url, ET_MODEL="test-model")
    context = browser.new_context()
    context.set_default_timeout(60_000)
    page = context.new_page()
    page.goto(app.url)
    page.click("#et-agree")
    page.wait_for_selector("#et-audio input[type=file]", state="attached")
    choose_example(page, "flat")
    wait_done(page)
    page.fill("#et-words textarea", "my own words, typed with care")
    chat.delay_s = 0.2
    page.click("#et-again")
    page.wait_for_selector("#et-reasoning [data-state=thinking] .et-caret")
    app.stop()
    page.wait_for_selector("#et-connection[data-state=lost]")
    assert page.inner_text("#et-status") == "Interrupted: the connection to the server was lost."  # not "… is thinking"
    assert page.locator(".et-caret, .et-status[data-state=thinking]").count() == 0
    chat.reset()
    assert "What you typed stays here" in page.inner_text("#et-connection")
    assert page.input_value("#et-words textarea") == "my own words, typed with care"
    app.again()
    page.wait_for_selector("#et-connection[data-state=back]:has-text('What you had typed is here again')")
    page.wait_for_function("document.querySelector('#et-words textarea')?.value === 'my own words, typed with care'")
    page.click("#et-agree")  # the server forgot the choice with everything else
    page.wait_for_selector("#et-audio input[type=file]", state="attached")
    choose_example(page, "angry")
    wait_done(page)
    context.close()
