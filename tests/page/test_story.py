"""Claims are marked where they stand, by sign and by colour; the answer says "sounds"; nothing of the model is HTML."""

from __future__ import annotations

import re
from html import unescape

from hypothesis import given
from hypothesis import strategies as st

from emotionthinker.page.story import answer_html, reasoning_html
from tests.page.records import a_record

TEXT = "The pitch is high. The pace is slow. It may be love."


def claim(part: str, verdict: str, attribute: str = "pitch_level") -> dict:
    start = TEXT.index(part)
    return {"text": part, "start_char": start, "end_char": start + len(part), "attribute": attribute, "stated": "high",
            "measured": "high", "verdict": verdict}


def visible(html: str) -> str:
    html = re.sub(r'<span class="et-sr">.*?</span>|<sup.*?</sup>', "", html)
    return unescape(re.sub(r"<[^>]+>", "", html)).strip()


def test_each_verdict_has_its_sign_and_class() -> None:
    claims = [claim("pitch is high", "supported"), claim("pace is slow", "contradicted", "speed_level"),
              claim("love", "not checkable")]
    html = reasoning_html(TEXT, claims, a_record(), "done")
    for css, sign, part in (("et-yes", "✓", "pitch is high"), ("et-no", "✗", "pace is slow"), ("et-open", "?", "love")):
        marked = re.search(rf'class="et-claim {css}"[^>]*>((?:(?!et-claim).)*?)<sup aria-hidden="true">\{sign}</sup>', html)
        assert marked
        assert re.sub("<[^>]+>", "", marked[1]) == part
    assert visible(html) == TEXT
    assert html.count('tabindex="0"') == 3
    assert 'data-row="speed"' in html


def test_a_claim_that_was_made_before_is_shown_as_that() -> None:
    claims = [claim("pitch is high", "supported"), claim("pace is slow", "supported"), claim("love", "contradicted")]
    html = reasoning_html(TEXT, claims, a_record(), "done")
    assert [m[1] for m in re.finditer(r'class="et-claim ([^"]*)"', html)] == ["et-yes", "et-yes et-again", "et-no"]
    assert html.count("✓ again</sup>") == html.count("it counts once") == html.count("said before)") == 1
    assert "1 of 2 checkable claims supported (1 more only says the same again)" in answer_html(
        "done", emotion="sad", claims=claims, record=a_record())


def test_overlapping_and_out_of_range_claims_break_nothing() -> None:
    claims = [claim("pitch is high", "supported"), claim("is high. The", "contradicted"),
              claim("love", "supported") | {"end_char": 999}, claim("pace", "supported") | {"verdict": "odd"}]
    html = reasoning_html(TEXT, claims, None, "thinking")
    assert visible(html) == TEXT
    assert html.count("et-claim") == 1


PRINTED = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=60)


@given(PRINTED, st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=5))
def test_any_text_comes_out_as_it_went_in(text: str, spans: list[tuple[int, int]]) -> None:
    claims = [{"text": "", "start_char": a, "end_char": b, "attribute": "quote", "stated": None, "measured": None,
               "verdict": "supported"} for a, b in spans]
    html = reasoning_html(text, claims, a_record(), "done")
    body = re.search(r'<p dir="auto">(.*) </p>', html, re.DOTALL)[1]  # type: ignore[index]
    assert unescape(re.sub(r'<span class="et-sr">[^<]*</span>|<sup[^<]*</sup>|<[^>]+>', "", body)) == text


def test_check_05_hostile_reasoning_is_text() -> None:
    nasty = '<img src=x onerror="alert(1)"></script>'
    bad = {"text": nasty, "start_char": 0, "end_char": len(nasty), "attribute": "quote", "stated": nasty, "measured": nasty,
           "verdict": "contradicted"}
    for html in (reasoning_html(nasty, [bad], a_record(), "done"),
                 answer_html("done", emotion=nasty, answer=nasty, scores={nasty: 0.5}, notes=[nasty]),
                 answer_html("done", emotion=nasty, answer=nasty, scores={nasty: 0.5}, first={nasty: 0.5}),
                 answer_html("done", emotion=None, answer=nasty)):
        assert "<img" not in html
        assert "</script" not in html
        assert 'onerror="' not in html


def test_the_answer_says_sounds_and_orders_scores() -> None:
    html = answer_html("done", emotion="angry", scores={"sad": 0.1, "angry": 0.9}, claims=[claim("love", "not checkable"),
                       claim("pitch is high", "supported"), claim("pace is slow", "contradicted")])
    assert "sounds <strong><bdi>angry</bdi></strong>" in html
    assert html.index("0.90") < html.index("0.10")
    assert "1 of 2 checkable claims supported</p>" in html
    html = answer_html("done", emotion="angry", claims=[claim("pitch is high", "supported")], record=a_record())
    assert "1 of 1 checkable claims supported · mentions 1 of 5 salient cues" in html


def test_the_bars_show_the_first_impression_where_there_is_one() -> None:
    html = answer_html("done", emotion="angry", scores={"sad": 0.01, "angry": 0.99}, first={"sad": 0.58, "angry": 0.42})
    assert html.index("0.58") < html.index("0.42") < html.index("0.99")
    assert "before it reasons; after its reasoning it gives angry 0.99" in visible(html)
    assert "0.01" not in html
    alone = visible(answer_html("done", emotion="angry", scores={"sad": 0.01, "angry": 0.99}))
    assert "taken after its reasoning" in alone and "first impression" not in alone


def test_no_label_is_said_plainly() -> None:
    assert "no single emotion named" in answer_html("done", emotion=None, answer="angry or sad")
    assert "no emotion named" in answer_html("done")


def test_a_stopped_reasoning_says_so() -> None:
    assert "stopped here" in reasoning_html("The pitch", [], None, "stopped")
    assert "Stopped before the first word" in reasoning_html("", [], None, "stopped")
