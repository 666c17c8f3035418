"""A fact or a claim points at the right stretch of the clip."""

from __future__ import annotations

from typing import Any

import pytest

from emotionthinker.claims import find_statements
from emotionthinker.grounding import verify_claims
from emotionthinker.page.stretches import LANES, ROWS, Target, claim_target, find_in_order, find_words, row_stretch
from tests.page.records import a_record, silent_record


def test_words_are_found_whatever_their_case_and_punctuation() -> None:
    words = a_record()["words"]
    assert find_words("NEVER, do!", words) == range(1, 3)
    assert find_words("do never", words) is None
    assert find_words("", words) is None


def test_words_with_others_between_them_are_found_in_order() -> None:
    words = a_record()["words"]
    assert find_in_order("I … again", words) == range(0, 4)
    assert find_in_order("again I", words) is None
    assert find_in_order("…", words) is None


PAUSES = [[0.55, 0.75], [1.0, 1.5]]
SPEECH = (0.4, 1.6)
LAST_THIRD = (1.2, 1.6)


def targets(text: str, **changes: Any) -> list[tuple[str, Target]]:
    """What each claim of a text points at."""
    record = a_record(**changes)
    claims = verify_claims(text, record)
    return [(c.attribute, claim_target(vars(c), record, s)) for c, s in zip(claims, find_statements(text), strict=True)]


@pytest.mark.parametrize(
    ("text", "stretch", "row", "words"),
    [
        ('The phrase "never do" is plain.', (0.5, 1.2), "words", range(1, 3)),
        ('She says "I … again".', (0.4, 1.6), "words", range(0, 4)),
        ("She says \"don't stop\".", SPEECH, "words", None),  # words that nobody said
        ('She stresses "again".', (1.2, 1.6), "stress", range(3, 4)),
        ('"do" is not stressed.', (1.1, 1.2), "stress", range(2, 3)),
        ("The pitch is high.", SPEECH, "pitch", None),
        ("The energy is high at the end.", LAST_THIRD, "energy", None),
        ("The pitch rises at the end.", LAST_THIRD, "melody", None),
        ("At first the pitch rises.", (0.4, 0.8), "melody", None),
        ("There is a long pause.", (1.0, 1.5), "pauses", None),
        ("There are several pauses.", (0.55, 1.5), "pauses", None),
        ("There are no pauses.", SPEECH, "pauses", None),
    ],
)
def test_a_claim_points_at_exactly_what_it_is_about(text: str, stretch: tuple, row: str, words: range | None) -> None:
    ((_, target),) = targets(text, pauses=PAUSES)
    assert target.stretch == pytest.approx(stretch)
    assert (target.row, target.words) == (row, words)


def test_a_pause_is_played_with_the_sounds_around_it() -> None:
    ((_, target),) = targets("There is a long pause.", pauses=PAUSES)
    assert target.played == pytest.approx((0.6, 1.9))


def test_a_pause_beside_a_word_is_that_pause_or_the_word() -> None:
    pauses = [[0.2, 0.4], [1.0, 1.1]]
    (_, beside), (_, quote) = targets('A pause follows "never".', pauses=pauses)
    assert (beside.stretch, quote.words) == ((1.0, 1.1), range(1, 2))
    (_, missing), _ = targets('There is a pause after "do".', pauses=pauses)
    assert missing.stretch == (1.1, 1.2)


def test_of_two_words_that_read_alike_the_stressed_one_is_meant() -> None:
    words = [{"word": "No", "start": 0.4, "end": 0.6, "stressed": False},
             {"word": "no", "start": 0.6, "end": 0.9, "stressed": True}]
    ((_, target),) = targets('"no" is stressed.', words=words, transcription="No no", stressed_words=["no"])
    assert target.words == range(1, 2)


def test_the_rows_have_stretches_of_their_own() -> None:
    record = a_record(pauses=[[0.6, 0.8], [1.0, 1.5]])
    assert row_stretch("pitch", record) == (0.4, 1.6)
    assert row_stretch("stress", record) == (1.2, 1.6)  # the most prominent
    start, end = row_stretch("pauses", record)
    assert start < 1.0
    assert end > 1.5
    low, high = row_stretch("range", record)
    assert low < 0.45
    assert high > 1.55


def test_every_row_of_silence_plays_the_clip() -> None:
    record = silent_record()
    assert {row_stretch(row, record) for row in LANES} == {(0.0, 2.0)}


def test_every_attribute_of_a_claim_has_a_row_with_a_lane() -> None:
    assert {LANES[row] for row in ROWS.values()} <= {"wave", "pitch", "energy", "words"}
