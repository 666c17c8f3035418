"""Splits an explanation into the sentences that a rater may mark."""

from __future__ import annotations

import re

_END = re.compile(r"[.!?…]+[\"'”’»)\]]*(?=\s)|\n+")
_ABBREVIATION = re.compile(r"(?:\b(?i:e\.g|i\.e|etc|vs|approx|ca|cf|mr|mrs|ms|dr|no|st)\.|\b[A-Z]\.)$")


def sentences(text: str) -> list[tuple[int, int]]:
    """Start and end of each sentence in characters of `text`, without outer white space.

    >>> text = 'It is loud, e.g. at 3.5 s. He says "No!" twice.'
    >>> [text[a:b] for a, b in sentences(text)]
    ['It is loud, e.g. at 3.5 s.', 'He says "No!" twice.']
    """
    spans: list[tuple[int, int]] = []
    start = 0
    for match in _END.finditer(text):
        end = match.end()
        if not match[0].startswith("\n"):
            following = text[end:].lstrip()[:1]
            if following.islower() or _ABBREVIATION.search(text[start:end]):
                continue  # "e.g. this", or a question inside a sentence: 'He says "No!" twice.'
        _add(spans, text, start, end)
        start = end
    _add(spans, text, start, len(text))
    return spans


def _add(spans: list[tuple[int, int]], text: str, start: int, end: int) -> None:
    piece = text[start:end]
    inner = piece.strip()
    if inner:
        start += len(piece) - len(piece.lstrip())
        spans.append((start, start + len(inner)))
