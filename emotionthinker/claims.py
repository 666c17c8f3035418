"""Finds what a text states about a voice: "The pitch is not high, but she stresses 'never'" holds two statements.

Finding only; `grounding` holds the statements against a record. The method is a small grammar, not a model: levels and
contours are found by `claim_links`; pauses, stressed words, the speaker's sex and age, and quotes by patterns here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

from emotionthinker import claim_words as w
from emotionthinker.claim_links import FILLER, PAUSE, Statement, voice_statements

STRESS_REACH = 45  # characters between a stressed word and what calls it stressed
MAX_STRESSED_WORDS = 4  # longer quotes are quotes, not stressed words


@dataclass(frozen=True)
class _Quote:
    start: int  # of the words, without the marks
    end: int
    words: str


_QUOTE = re.compile(
    r"[\"“„]([^\"“”„\n]{1,400})[\"”“]|(?<![\w'’])['‘]((?:[^'’‘\n]|(?<=\w)['’](?=\w)){1,200})['’](?!\w)"
)
_SENTENCE = re.compile(r"[.!?]+(?=\s|$)|[;\n]")
_MANY = re.compile(
    r"\b(?:(?:several|many|frequent|multiple|numerous|repeated)\b[^,]{0,25}|(?:more than one|two|three|four) (?:\w+ )?)$"
)
_FEW = re.compile(r"\b(?:few|hardly any|rare|minimal)\b[^,]{0,15}$")
_LONG = re.compile(r"\b(?:long|longer|lengthy|extended)\b[^,]{0,15}$")
_NONE = re.compile(
    r"\b(?:no|not|without|never|n't|lack(?:s|ing)? of|lack(?:s|ing)?|absence of|free of)\b(?:\W+(?:any|a|the|of|clear|real|long|"
    r"noticeable|audible|single|make|take|have|contain|really|or|hesitations?|pauses?|breaks?)){0,3}\W*$|n[’']t\W*$"
)
_STRESS = re.compile(
    r"\b(?:stress(?:e[sd]|ing)?|emphas(?:is|i[sz]\w*)|accent(?:s|ed|ing|uat\w+)?|weight|prominen(?:t|ce)|stands? out|"
    r"standing out|highlight\w*|underlin\w*|punche?[sd]|(?:brought|pressed|drawn) out)\b"
)
# "emphasis on the word never", without quotes
_STRESSED_NAME = re.compile(rf"\b(?:stress|emphasis|accent|weight) (?:\w+ ){{0,2}}?on (?:the )?word (?!{FILLER})(\w+)")
_NOT_STRESSED = re.compile(r"\b(?:no|not|without)\b(?:\W+\w+){0,3}\W*$")
_BETWEEN_QUOTES = re.compile(r"['\"”’,\s]*(?:and|or)?\s*(?:also |the words? |on )*['\"“‘]")
# What keeps a quote and a stress word apart: another clause, or another quote.
_CLAUSE_BREAK = re.compile(rf",\s+(?:and|but|while|he|she|with|the)\b|\bwhile\b|\bwords\b(?!\W*$)|{FILLER}")
_SEX = re.compile(rf"\b(?:{'|'.join(w.SEX)})\b")
_COMPARED = re.compile(r"\bthan (?:most |an? |other )?(?:\w+ )?$")
_DENIED_NOUN = re.compile(r"(?:\bnot|n't) (?:an? |the )?(?:\w+ )?$")
_PERSON_AT_END = re.compile(r"[- ](?:man|woman|lady|person|speaker|male|female|voice|girl|boy)$")
_AGES = re.compile("|".join(rf"(?P<a{i}>\b(?:{pattern}))(?!\w)" for i, (pattern, _) in enumerate(w.AGES)))
_NAMING = re.compile(r"\b(?:sounds?|label(?:led|ed)?|emotions?|called|termed|category|class|as|answer)\W*(?:is |as )?\W*$")


def find_statements(text: str) -> list[Statement]:
    """All statements of a text, in its order; no two share a character. 200 words take a few milliseconds."""
    quotes = [_quote(match) for match in _QUOTE.finditer(text)]
    masked = list(text.lower())
    if len(masked) != len(text):  # a few letters grow in lower case (İ): keep the offsets right
        masked = list(text)
    for quote in quotes:
        masked[quote.start : quote.end] = FILLER * (quote.end - quote.start)
    plain = "".join(masked).replace("’", "'")

    found: list[tuple[int, int, Statement]] = []  # the words that must be marked, and the statement with all its words
    for start, end in _sentences(plain):
        inside = [quote for quote in quotes if start <= quote.start < end]
        found += voice_statements(plain, start, end)
        found += _pause_statements(plain, start, end)
        found += _speaker_statements(plain, start, end)
        stressed, rest = _stress_statements(plain, start, end, inside)
        found += stressed
        found += [(q.start, q.end, Statement(q.start, q.end, "quote", (q.words,))) for q in rest if _is_quote(plain, q)]
    return _without_overlap(found)


def _quote(match: re.Match[str]) -> _Quote:
    group = 1 if match[1] is not None else 2
    return _Quote(match.start(group), match.end(group), match[group])


def _is_quote(plain: str, quote: _Quote) -> bool:
    """A label in quotes (sounds "angry") is a name, not a quote of the speaker."""
    naming = _NAMING.search(plain[max(0, quote.start - 30) : quote.start - 1])
    return any(c.isalpha() for c in quote.words) and not (naming and len(quote.words.split()) <= 3)


def _sentences(plain: str) -> Iterator[tuple[int, int]]:
    start = 0
    for match in _SENTENCE.finditer(plain):
        yield start, match.start()
        start = match.end()
    if start < len(plain):
        yield start, len(plain)


def _without_overlap(found: list[tuple[int, int, Statement]]) -> list[Statement]:
    """Statements in order. Where two would share characters both are cut down to the words that carry them."""
    found = sorted(found, key=lambda item: (item[0], item[1]))
    out: list[Statement] = []
    for i, (start, end, statement) in enumerate(found):
        others = found[:i] + found[i + 1 :]
        if any(statement.start < other.end and other.start < statement.end for _, _, other in others):
            statement = replace(statement, start=start, end=end)
        if not out or statement.start >= out[-1].end:
            out.append(statement)
    return out


def _pause_statements(plain: str, start: int, end: int) -> Iterator[tuple[int, int, Statement]]:
    for match in PAUSE.finditer(plain, start, end):
        before = plain[max(start, match.start() - 45) : match.start()]
        after = plain[match.end() : min(end, match.end() + 25)]
        if _NONE.search(before):
            stated = "none"
        elif _MANY.search(before) or re.match(r"\W*(?:more than once|several times|repeatedly|often)", after):
            stated = "several"
        elif _FEW.search(before):
            stated = "few"
        elif _LONG.search(before):
            stated = "long"
        else:
            stated = "some"
        yield match.start(), match.end(), Statement(match.start(), match.end(), "pauses", (stated,))


def _stress_statements(
    plain: str, start: int, end: int, quotes: list[_Quote]
) -> tuple[list[tuple[int, int, Statement]], list[_Quote]]:
    """Statements that a quoted word is stressed, and the quotes that are left. A run of quotes shares its stress word."""
    words = list(_STRESS.finditer(plain, start, end))
    found = [_stress(m.start(1), m.end(1), m[1], False) for m in _STRESSED_NAME.finditer(plain, start, end)]
    rest: list[_Quote] = []
    run: bool | None = None  # while quotes follow each other: whether the stress on the first is denied
    for n, quote in enumerate(quotes):
        since = quotes[n - 1].end + 1 if n else start
        before = plain[since : quote.start]
        joined = n > 0 and _joins(plain, quotes[n - 1], quote)
        denied: bool | None = None  # None: not called stressed at all
        if len(quote.words.split()) <= MAX_STRESSED_WORDS:
            word = next((m for m in reversed(words) if since <= m.start() < quote.start), None)
            if word and quote.start - word.end() < STRESS_REACH and not _CLAUSE_BREAK.search(plain, word.end(), quote.start):
                denied = bool(_NOT_STRESSED.search(before)) and "not only" not in before
            elif joined and run is not None:
                denied = run
            else:
                denied = _stressed_after(plain, quotes[n:], words, end)
        run = denied
        if denied is None:
            rest.append(quote)
        else:
            found.append(_stress(quote.start, quote.end, quote.words, denied))
    return found, rest


def _joins(plain: str, one: _Quote, other: _Quote) -> bool:
    return bool(_BETWEEN_QUOTES.fullmatch(plain, one.end, other.start))


def _stressed_after(plain: str, quotes: list[_Quote], words: list[re.Match[str]], end: int) -> bool | None:
    """Whether a stress word after the first quote, or after the run it begins, denies its stress; None without one."""
    last = quotes[0]
    for here, following in pairwise(quotes):
        if not _joins(plain, here, following):
            break
        last = following
    until = min([end, last.end + STRESS_REACH, *(q.start for q in quotes if q.start > last.end)])
    word = next((m for m in words if last.end < m.start() < until), None)
    if word is None or _CLAUSE_BREAK.search(plain, last.end, word.start()):
        return None
    return bool(re.search(r"\b(?:not|never|no)\b|n't\b", plain[last.end : word.start()]))


def _stress(start: int, end: int, word: str, negated: bool) -> tuple[int, int, Statement]:
    return start, end, Statement(start, end, "stress", (word,), negated)


def _speaker_statements(plain: str, start: int, end: int) -> Iterator[tuple[int, int, Statement]]:
    for match in _SEX.finditer(plain, start, end):
        before = plain[max(start, match.start() - 30) : match.start()]
        if not _COMPARED.search(before):  # "higher than an average man" is not about who speaks
            sex = (w.SEX[match[0]],)
            made = Statement(match.start(), match.end(), "gender", sex, bool(_DENIED_NOUN.search(before)))
            yield match.start(), match.end(), made
    for match in _AGES.finditer(plain, start, end):
        levels = w.AGES[int((match.lastgroup or "a0")[1:])][1]
        denied = bool(_DENIED_NOUN.search(plain[max(start, match.start() - 30) : match.start()]))
        person = _PERSON_AT_END.search(match[0])  # its sex is a statement of its own
        stop = match.start() + (person.start() if person else len(match[0]))
        yield match.start(), stop, Statement(match.start(), stop, "age_level", levels, denied)
