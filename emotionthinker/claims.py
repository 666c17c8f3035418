"""Finds what a text states about a voice: "The pitch is not high, but she stresses 'never'" holds two statements.

Finding only; `grounding` holds the statements against a record. The method is a small grammar, not a model: levels and
contours are found by `claim_links`, pauses by `claim_pauses`, stressed and quoted words by `claim_quotes`, sex and age by
`claim_speaker`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from emotionthinker.claim_links import voice_statements
from emotionthinker.claim_parts import FILLER, Found, Statement, sentences
from emotionthinker.claim_pauses import pause_statements
from emotionthinker.claim_quotes import Quote, find_quotes, quote_statements
from emotionthinker.claim_speaker import speaker_statements

_ONE = re.compile(r"[\s/]*(?:(?:to|in) (?:an? )?)?")  # "a hushed whisper", "mumbles softly", "confined to a small range": one claim
_MARKUP = re.compile(r"[*`#>]|(?<!\w)_|_(?!\w)")


def find_statements(text: str) -> list[Statement]:
    """All statements of a text, in its order; no two share a character. 200 words take a few milliseconds."""
    quotes = find_quotes(text)
    plain = _plain(text, quotes)
    found: list[Found] = []
    topic = ""
    for start, end in sentences(plain):
        inside = [quote for quote in quotes if start <= quote.start < end]
        of_voice, topic = voice_statements(plain, start, end, topic)
        found += of_voice
        found += pause_statements(plain, start, end, text)
        found += speaker_statements(plain, start, end)
        found += quote_statements(plain, text, start, end, inside)
    return _without_overlap(plain, found)


def _plain(text: str, quotes: Sequence[Quote]) -> str:
    """The text in lower case, letter for letter as long, with quoted words filled and the marks of Markdown left out."""
    lower = text.lower()
    letters = list(lower if len(lower) == len(text) else text)  # a few letters grow in lower case (İ): keep the offsets right
    for quote in quotes:
        letters[quote.start : quote.end] = FILLER * (quote.end - quote.start)
    return _MARKUP.sub(" ", "".join(letters)).replace("’", "'")


def _without_overlap(plain: str, found: list[Found]) -> list[Statement]:
    """Statements in order. Where two would share characters both are cut down to the words that carry them."""
    overlapping: set[int] = set()
    widest = -1  # the statement that reaches farthest so far
    for i in sorted(range(len(found)), key=lambda i: found[i][2].start):
        if widest >= 0 and found[i][2].start < found[widest][2].end:
            overlapping |= {i, widest}
        if widest < 0 or found[i][2].end > found[widest][2].end:
            widest = i
    cut = [replace(s, start=start, end=end) if i in overlapping else s for i, (start, end, s) in enumerate(found)]
    out: list[Statement] = []
    for i in sorted(range(len(found)), key=lambda i: found[i][:2]):
        statement = cut[i]
        if out and statement.start < out[-1].end:
            continue
        if out and _same(out[-1], statement) and _ONE.fullmatch(plain, out[-1].end, statement.start):
            out[-1] = replace(out[-1], end=statement.end)
        else:
            out.append(statement)
    return out


def _same(one: Statement, other: Statement) -> bool:
    return replace(one, start=0, end=0) == replace(other, start=0, end=0)
