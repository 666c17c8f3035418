"""The card of a claim gives the numbers behind its verdict."""

from __future__ import annotations

from typing import Any

import pytest

from emotionthinker.claims import find_statements
from emotionthinker.grounding import verify_claims
from emotionthinker.page.claim_card import card_lines
from tests.page.records import a_record, silent_record


def card(text: str, record: dict[str, Any]) -> dict[str, str]:
    """The lines of the first claim of a text."""
    claim, statement = verify_claims(text, record)[0], find_statements(text)[0]
    return dict(card_lines(vars(claim), record, statement))


def test_a_level_shows_value_reference_and_tolerance() -> None:
    lines = card("The pitch is not low.", a_record())
    assert lines["says"] == "pitch not low"
    assert lines["measured"] == "high, 210 Hz (percentile 81)"
    assert lines["held against"] == "higher than 81 % of CREMA-D train, female speakers; the levels part at 1 and 2 Hz"
    assert lines["counts as right"] == "the measured level, and another within 5 percentile points"
    assert "15 percentile points" in card("The pitch is slightly high.", a_record())["counts as right"]


def test_very_says_what_it_is_held_to() -> None:
    assert card("The pitch is very high.", a_record()) | {"held against": ""} == {
        "says": "pitch very high", "measured": "high, but not very high: percentile 81, 210 Hz", "held against": "",
        "counts as right": "“very”: percentile 83 or more, or 17 or less"}
    assert "not “very”: percentile 93 or more" in card("The pitch is not very high.", a_record())["counts as right"]


@pytest.mark.parametrize(
    ("text", "heading", "part"),
    [
        ("The intonation falls.", "how sure", "confidence 0.80"),
        ("There are no pauses.", "counted are", "0.2 s or more"),
        ('The stress falls on "never".', "measured", "never, again"),
        ("A woman speaks.", "says", "speaker female"),
        ("A woman speaks.", "how sure", "confidence 0.98"),
        ('She says "I never".', "measured", "I never do again."),
        ("The volume is steady.", "counts as right", "steady is under 8 dB"),
        ("A teenager speaks.", "why open", "no measure of age"),
        ("The pace quickens.", "why open", "for energy only"),
        ("She is loud at the end.", "why open", "of a part of the clip"),
    ],
)
def test_each_attribute_says_what_it_was_held_against_or_why_it_could_not_be(text: str, heading: str, part: str) -> None:
    assert part in card(text, a_record())[heading]


def test_silence_leaves_every_claim_open_and_says_why() -> None:
    record = silent_record() | {"pauses": None}
    for text, why in (("The pitch is high.", "no speech was found"), ("The intonation falls.", "too little voiced sound"),
                      ("A man speaks.", "no speech was found"), ('She says "no".', "words of this clip are not known"),
                      ("There is a pause.", "Not measured")):
        lines = card(text, record)
        assert lines["measured"] == "nothing"
        assert why in lines["why open"]


def test_without_a_record_the_claim_speaks_for_itself() -> None:
    claim = vars(verify_claims("The pitch is high.", a_record())[0])
    assert [heading for heading, _ in card_lines(claim, None)] == ["says", "measured"]
