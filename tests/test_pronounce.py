"""Spellings in, spoken words out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotionthinker.pronounce import _SPELLINGS, MAX_CHARS, letters_to_phones, tokens


def spoken(text: str) -> str:
    return " ".join(word for token in tokens(text) for word in token.spoken)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("It's 10:30.", "it's ten thirty"),
        ("10:00, then 10:05", "ten o'clock then ten oh five"),
        ("the 21st of May, 1999", "the twenty first of may nineteen ninety nine"),
        ("in 2001, 1905 and 1900", "in two thousand one nineteen oh five and nineteen hundred"),
        ("the 1990s", "the nineteen nineties"),
        ("$1 or $5, 3.5%", "one dollar or five dollars three point five percent"),
        ("1,234", "one thousand two hundred thirty four"),
        ("agent 007", "agent zero zero seven"),
        ("the 20th", "the twentieth"),
        ("well-known rock—yes...no", "well known rock yes no"),
        ("Don’t, naïve B2B", "don't naive b two b"),
        ("the U.S. at 9 a.m.", "the u s at nine a m"),
    ],
)
def test_is_said_as_people_say_it(text: str, said: str) -> None:
    assert spoken(text) == said


def test_spelling_is_kept_without_outer_punctuation() -> None:
    found = tokens("“Well-known O’Neil,” she SAID: (100%) yes!")
    assert [token.spelling for token in found] == ["Well-known", "O'Neil", "she", "SAID", "100%", "yes"]


def test_other_scripts_have_no_spoken_form_and_signs_are_no_words() -> None:
    assert [token.spoken for token in tokens("你好 hello")] == [(), ("hello",)]
    assert tokens("😀 — !?… \u202e \x00") == []


@given(st.text(max_size=300) | st.text("0123456789.,:$%'-stnd ", max_size=60))
def test_any_text_becomes_plain_words(text: str) -> None:
    for token in tokens(text):
        for word in token.spoken:
            assert word.replace("'", "").isascii() and word.replace("'", "").isalpha() and word == word.lower()
            assert letters_to_phones(word)


def test_reads_no_more_than_the_limit() -> None:
    assert len(tokens("a " * MAX_CHARS)) == MAX_CHARS // 2


def test_guessed_phones_are_ones_that_the_aligner_knows() -> None:
    arpabet = "AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH UH UW V W Y Z ZH"
    assert {phone for phones in _SPELLINGS.values() for phone in phones.split()} <= set(arpabet.split())
    assert letters_to_phones("skating") == ("S", "K", "AE", "T", "IH", "NG")
    assert letters_to_phones("bbc") == ("B", "IY", "B", "IY", "S", "IY")
    assert letters_to_phones("brave")[-1] == "V"
