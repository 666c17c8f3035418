"""A fact or a claim points at the right stretch of the clip."""

from __future__ import annotations

from emotionthinker.page.stretches import LANES, ROWS, claim_target, find_words, row_stretch
from tests.page.records import a_record, silent_record


def test_words_are_found_whatever_their_case_and_punctuation() -> None:
    words = a_record()["words"]
    assert find_words("NEVER, do!", words) == range(1, 3)
    assert find_words("do never", words) is None
    assert find_words("", words) is None


def test_a_quote_points_at_its_words() -> None:
    stretch, row, words = claim_target('the phrase "never do"', "quote", a_record())
    assert (stretch, row, words) == ((0.5, 1.2), "words", range(1, 3))


def test_an_apostrophe_is_no_quotation_mark() -> None:
    record = a_record(words=[{"word": "don't", "start": 0.4, "end": 0.6}, {"word": "stop", "start": 0.6, "end": 0.9}])
    assert claim_target("'don't stop'", "quote", record)[2] == range(0, 2)


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
