"""Claims in a real browser: marked as their sentence ends, the numbers on a card, and the frames that belong to each."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.chat_server import ChatServer
from tests.browser.conftest import App, choose_example, wait_done

pytestmark = pytest.mark.browser
REPLY = (
    '<think> A woman speaks, and the pitch is high. The energy is low. The stress falls on "never". There are no pauses. '
    'The pitch falls at the end. She is loud at the start. She says "do that again", not "do it twice". It sounds like anger. '
    "</think><answer> angry </answer>"
)
NASTY = "<img src=x onerror=window.hacked=1>"


@pytest.fixture
def story(app: App, chat: ChatServer, open_page: Callable[..., Any]) -> Callable[..., Any]:
    """The page after the example "angry" was explained with REPLY."""

    def start(reply: str = REPLY, **view: Any) -> Any:
        chat.reply = reply
        page = open_page(app.url, **view)
        choose_example(page, "angry")
        wait_done(page)
        return page

    return start


def claim(page: Any, text: str) -> Any:
    return page.locator("#et-reasoning .et-claim", has_text=text).first


def card(page: Any) -> dict[str, str]:
    """The lines of the card that is shown, and its verdict under ""."""
    page.wait_for_selector("#et-card:not([hidden])")
    lines = page.eval_on_selector_all("#et-card dt", "all => all.map(dt => [dt.textContent, dt.nextSibling.textContent])")
    return {"": page.inner_text("#et-card p"), **dict(lines)}


def band(page: Any) -> tuple[float, float]:
    """Start and end of the stretch that is lit on the figure, in seconds."""
    return tuple(page.evaluate("""() => {
        const band = document.querySelector('#et-figure .et-selection');
        if (band.hidden) return [NaN, NaN];
        const whole = JSON.parse(document.querySelector('#et-figure .et-drawing').dataset.series).duration;
        const box = band.getBoundingClientRect(), layer = band.parentElement.getBoundingClientRect();
        return [(box.left - layer.left) / layer.width * whole, (box.right - layer.left) / layer.width * whole];
    }"""))


def word_times(page: Any, word: str) -> tuple[float, float]:
    label = page.get_attribute(f"#et-figure .et-word[aria-label^='{word},']", "aria-label")
    start, end = re.search(r"([\d.]+) to ([\d.]+) seconds", label).groups()  # type: ignore[union-attr]
    return float(start), float(end)


def words_lit(page: Any) -> list[str]:
    labels = page.eval_on_selector_all(".et-word.et-lit", "all => all.map(word => word.getAttribute('aria-label'))")
    return [label.split(",")[0] for label in labels]


def speech_times(page: Any) -> tuple[float, float]:
    row = page.locator(".et-fact[data-row=pitch]")
    return float(row.get_attribute("data-start")), float(row.get_attribute("data-end"))


def test_a_claim_is_marked_as_soon_as_its_sentence_ends(app: App, chat: ChatServer, open_page: Callable[..., Any]) -> None:
    chat.reply, chat.delay_s = REPLY, 0.15
    page = open_page(app.url)
    choose_example(page, "angry")
    page.wait_for_selector("#et-reasoning [data-state=thinking] .et-claim")
    text = page.inner_text("#et-reasoning .et-story")
    assert "pitch is high" in text
    assert "anger" not in text
    page.wait_for_selector("#et-reasoning [data-state=thinking] .et-claim.et-no")
    # The card and the focus of a claim survive the text that streams on.
    claim(page, "pitch is high").focus()
    wait_done(page)
    assert page.evaluate("document.activeElement.textContent").startswith("pitch is high")
    assert card(page)["says"] == "pitch high"


def test_verdicts_differ_in_line_and_sign(story: Callable[..., Any]) -> None:
    page = story()
    styles = {}
    for css, sign in (("et-yes", "✓"), ("et-no", "✗"), ("et-open", "?")):
        marked = page.locator(f"#et-reasoning .et-claim.{css}").first
        assert sign in marked.inner_text()
        styles[css] = marked.evaluate("""one => {
            const style = getComputedStyle(one);
            return [style.textDecorationStyle, style.textDecorationColor];
        }""")
    assert [style for style, _ in styles.values()] == ["solid", "wavy", "dotted"]
    assert len({colour for _, colour in styles.values()}) == 3
    assert re.search(r"^\d of \d+ checkable claims supported · mentions \d of \d salient cues$",
                     page.inner_text("#et-answer .et-grounding"))


def test_the_card_shows_the_numbers_under_the_pointer_and_at_the_focus(story: Callable[..., Any]) -> None:
    page = story()
    claim(page, "pitch is high").hover()
    lines = card(page)
    assert lines[""] == "✓ supported"
    assert lines["says"] == "pitch high"
    shown = page.inner_text(".et-fact[data-row=pitch] .et-val").split()[0]
    assert lines["measured"].startswith(f"high, {shown}")
    assert re.search(r"higher than \d+ % of .+; the levels part at \d+.* and \d+.* Hz", lines["held against"])
    assert "5 percentile points" in lines["counts as right"]
    page.hover("#et-card dd >> nth=0")  # the pointer may go onto the card
    page.wait_for_timeout(400)
    assert page.is_visible("#et-card")
    page.keyboard.press("Escape")
    assert page.is_hidden("#et-card")
    page.mouse.move(0, 0)
    claim(page, "pitch is high").focus()
    page.keyboard.press("Tab")
    lines = card(page)
    assert (lines[""], lines["says"]) == ("✗ contradicted", "energy low")
    claim(page, "loud").focus()
    assert card(page)["why open"] == "It is said of a part of the clip, and the measure is of the whole."
    page.focus("#et-again")
    page.wait_for_selector("#et-card", state="hidden")


def test_a_claim_plays_and_lights_exactly_its_frames(story: Callable[..., Any]) -> None:
    page = story()
    whole = speech_times(page)
    never = claim(page, "never")
    never.focus()
    page.keyboard.press("Enter")
    times = word_times(page, "never")
    assert band(page) == pytest.approx(times, abs=0.02)
    assert words_lit(page) == ["never"]
    assert page.eval_on_selector_all(".et-lane.et-lit", "all => all.map(l => l.dataset.name)") == ["words"]
    assert "et-lit" in page.get_attribute(".et-fact[data-row=stress]", "class")
    page.wait_for_function("document.querySelector('#et-audio audio').paused")
    assert page.evaluate("document.querySelector('#et-audio audio').currentTime") == pytest.approx(times[1], abs=0.05)

    claim(page, "do that again").click()
    assert band(page) == pytest.approx((word_times(page, "do")[0], word_times(page, "again")[1]), abs=0.02)
    assert words_lit(page) == ["do", "that", "again"]

    third = (whole[1] - whole[0]) / 3
    for text, stretch in (("pitch falls", (whole[1] - third, whole[1])), ("loud", (whole[0], whole[0] + third)),
                          ("energy is low", whole), ("no pauses", whole), ("do it twice", whole)):
        claim(page, text.split()[-1]).click()
        assert band(page) == pytest.approx(stretch, abs=0.02), text


def test_check_05_the_card_shows_hostile_words_as_text_and_stays_in_the_window(story: Callable[..., Any]) -> None:
    reply = f"<think> She says '{NASTY}' and the pitch is high. </think><answer> angry </answer>"
    page = story(reply, width=360, height=740, dark=True)
    for index in range(page.locator("#et-reasoning .et-claim").count()):
        page.locator("#et-reasoning .et-claim").nth(index).focus()
        box = page.locator("#et-card").bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 360
    page.locator("#et-reasoning .et-claim", has_text="img").focus()
    assert NASTY in card(page)["says"]
    assert page.locator("#et-card img").count() == 0
    assert page.evaluate("window.hacked") is None
