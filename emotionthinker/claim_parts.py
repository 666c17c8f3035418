"""What the finders of claims share: the statement, sentences, and where in the clip a statement is said to hold."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

FILLER = "§"  # stands for quoted characters, so that quoted words are never read as cues
Where = Literal["", "start", "end", "part"]
Found = tuple[int, int, "Statement"]  # the words that must be marked, and the statement with all its words


@dataclass(frozen=True)
class Statement:
    """One fact that a text states. Characters start to end of the text carry it; `values` are those it allows.

    attribute: as in the claims of `grounding`. negated: the values are denied. hedged: "slightly" or the like. very: "very",
    "extremely" or the like, of an outer level or a long pause. where: what part of the clip it is said of, "" for all of it,
    "part" for a place that is neither its start nor its end. beside: of a pause, ("before" or "after", the words it stands
    beside), where they are named.
    """

    start: int
    end: int
    attribute: str
    values: tuple[str, ...]
    negated: bool = False
    hedged: bool = False
    very: bool = False
    where: Where = ""
    beside: tuple[str, str] | None = None


_UNIT = r"(?:\w+ )?(?:word|words|syllable|syllables|phrase|part|half|third|moment|second|note)"
_THE = r"(?:the |its |his |her |their )"
_START = re.compile(
    rf"\b(?:(?:at|in|from|near) {_THE}(?:very )?(?:start|beginning|outset|opening)\b|"
    rf"(?:(?:at|in|on|for) )?{_THE}(?:first|opening|initial) {_UNIT}\b|"
    r"(?:starts|started|starting|begins|began|beginning|opens|opened|initially|at first)\b)"
)
_END = re.compile(
    rf"\b(?:(?:at|by|near|toward|towards) {_THE}(?:very )?(?:end|close|finish|ending|last)\b|"
    rf"(?:(?:at|in|on|for|with) )?{_THE}(?:last|final|closing) {_UNIT}\b|"
    r"(?:ends|ended|ending|closes|closed|closing|finishes|finished|finishing|concludes|final|terminal)\b)"
)
_PART = re.compile(
    rf"\b(?:on|over) (?:the (?:word|words|phrase|name) )?[\"'“‘«„]?{FILLER}+[\"'”’»“]?|"
    rf"\b(?:in|around|near|at|towards?) the middle of {_THE}(?:sentence|clip|line|utterance|phrase|question)\b"
)
_STRESSING = re.compile(r"\b(?:stress|emphas|accent|weight|prominen|force|focus)\w*")
_PLACES: tuple[tuple[Where, re.Pattern[str]], ...] = (("end", _END), ("start", _START), ("part", _PART))
# the weight on "never" near the end, "never" is stressed, the last word: the place of the word, not of what else is said
_AFTER_QUOTE = re.compile(rf"{FILLER}[\"'”’»“]?(?: is (?:\w+ )?stressed)?,?\s*$")
# "from the start", "until the end" mean all of it.
_ALL = re.compile(
    r"\b(?:from (?:the )?(?:very )?(?:start|beginning|first)|(?:until|till|to) (?:the|its) (?:very )?(?:end|last)|throughout)\b"
)
_CLAUSE = re.compile(r"[,;:()|–—]|\b(?:and|but|while|whereas|yet|although|though|because|since|so)\b")


def where_said(plain: str, start: int, end: int, sentence: tuple[int, int]) -> Where:
    """What part of the clip the statement in the characters start to end of a sentence is said of."""
    first, last = _clause(plain, start, end, sentence)
    if _ALL.search(plain, first, last):
        return ""
    for where, place in _PLACES:
        for match in place.finditer(plain, first, last):
            of_word = where == "part" and _STRESSING.search(plain, first, match.start())
            if not of_word and not _AFTER_QUOTE.search(plain[sentence[0] : match.start()]):
                return where
    return ""


def _clause(plain: str, start: int, end: int, sentence: tuple[int, int]) -> tuple[int, int]:
    """The clause that holds the characters start to end; a place that is named alone before it belongs to it."""
    cuts = [sentence[0], *(m.end() for m in _CLAUSE.finditer(plain, sentence[0], start))]
    first = cuts[-1]
    if len(cuts) > 1:
        before = plain[cuts[-2] : first].strip(" ,:")
        if any(place.fullmatch(before) for place in (_START, _END, _PART)):
            first = cuts[-2]
    after = _CLAUSE.search(plain, end, sentence[1])
    return first, after.start() if after else sentence[1]


def sentences(plain: str) -> Iterator[tuple[int, int]]:
    """Start and end of each sentence, items of a list and lines counted as such. Questions that are asked state nothing."""
    start = 0
    for match in _STOP.finditer(plain):
        if not (match[0].startswith("?") and _ASKS.match(plain[start : match.start()].lstrip(" -–—"))):
            yield start, match.start()
        start = match.end()
    if start < len(plain):
        yield start, len(plain)


_STOP = re.compile(r"[.!?]+(?=\s|$)|[;\n]")
_ASKS = re.compile(r"(?:is|are|was|were|do|does|did|can|could|would|should|has|have|what|which|who|why|how|when|where|whether)\b")
