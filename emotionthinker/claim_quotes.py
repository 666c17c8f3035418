"""Finds the words that a text gives as said in the recording, and which of them it calls stressed.

Quotes stand between marks of many kinds, or unmarked after "Transcript:". Marks that also mean something else (`*`, `` ` ``)
count only where something says that words follow. A named word that is called stressed is a claim of stress and no quote.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from emotionthinker.claim_parts import FILLER, Found, Statement

STRESS_REACH = 45  # characters between a stressed word and what calls it stressed
MAX_STRESSED_WORDS = 4  # longer quotes are quotes, not stressed words
LABEL_REACH = 60  # characters in which a label is named before or after


@dataclass(frozen=True)
class Quote:
    """`start`, `end`: of the words, without the marks."""

    start: int
    end: int
    words: str


_SAYING = (
    r"(?:says?|said|saying|whispers?|whispered|shouts?|asks?|asked|utters?|uttered|words?|phrase|sentence|transcript|"
    r"transcription|stress(?:es|ed|ing)?|emphas\w+|accent\w*|weight|hits)"
)
_QUOTE = re.compile(
    r"[\"“„«]([^\"“”„«»\n]{1,400})[\"”“»]|"
    r"(?<![\w'’])['‘]((?:[^'’‘\n]|(?<=\w)['’](?=\w)){1,200})['’](?!\w)|"
    rf"\b{_SAYING}(?: on| is| the word)?:? ?(?:`([^`\n]{{1,200}})`|(?<!\*)\*(?!\*| )([^*\n]{{1,200}})(?<! )\*(?!\*))",
    re.IGNORECASE,
)
_UNMARKED = re.compile(
    r"(?:^|\n|[.;|] )[-*> ]*\**(?:transcript(?:ion)?|words|text)\**\s*[:=]\**\s*(?![\"“„«'‘*`\s])([^\n|;]{3,400})", re.IGNORECASE
)
_UNKNOWN = re.compile(r"(?:n\.?/?a\b|none|unknown|unintelligible|unclear|inaudible|not |cannot|could not|-)", re.IGNORECASE)

_UNSTRESSED = ("unstressed", "unaccented", "deaccented")
_STRESS = re.compile(
    r"\b(?:stress(?:e[sd]|ing)?|emphas(?:is|i[sz]\w*)|accent(?:s|ed|ing|uat\w+)?|weight|prominen(?:t|ce)|stands? out|standing out|"
    r"highlight\w*|underlin\w*|punche?[sd]|(?:brought|pressed|drawn) out|(?:extra|special|particular) (?:force|weight|push)|"
    rf"hits?(?= hard)|hits?(?= ['\"“‘«„])|(?:loudest|strongest|main) word|{'|'.join(_UNSTRESSED)})\b"
)
# Named without marks: "emphasis on the word never", "emphasis on WHO", "AGAIN stressed", "Stressed words: never, again",
# "the words never and again are stressed".
_STRESSED_NAME = re.compile(rf"\b(?:stress|emphasis|accent|weight) (?:\w+ ){{0,2}}?on (?:the )?word (?!{FILLER})(\w+)")
_STRESSED_CAPITALS = re.compile(
    r"\b(?:[Ss]tress(?:es|ed|ing)?|[Ee]mphas\w+|[Aa]ccent\w*|[Ww]eight)(?: (?:is|falls|lies|rests))?(?: (?:up)?on)?(?: the word)? "
    r"([A-Z]{2,})\b"
)
_CAPITALS_STRESSED = re.compile(r"\b([A-Z]{2,}) (?:(?:is|was|gets?|heavily|clearly|strongly) )*(?:stress|emphas|accent)")
_STRESSED_LIST = re.compile(r"\b(?:stress(?:ed)?|emphas\w+|accent(?:ed)?)(?: words?| on)?(?:\s*[:=]\s*|\s[-–—]\s)([^\n;|/.]+)")
_LIST_ITEM = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
_NO_WORDS = frozenset(
    ["none", "no", "yes", "n", "a", "and", "on", "the", "word", "words", "high", "low", "strong", "weak", "normal", "moderate",
     "medium"]
)
_WORDS_STRESSED = re.compile(
    r"\bthe words? ([\w']+(?:(?:, and |, | and )[\w']+){0,3}) "
    r"(?:is|are|was|were|gets?|receives?|carr(?:y|ies)|bears?|stands?)(?P<denied> not)?(?: also| both| all)? (?:\w+ )?"
    r"(?:stressed|emphas\w+|accented|weight|prominent|out|the (?:main |strongest )?(?:stress|accent))\b"
)
_NAMED_WORD = re.compile(r"(?!and\b)[\w']+")
_DENIAL = re.compile(r"\b(?:no|not|without|rather than|instead of|n't)\b(?:\W+\w+){0,3}\W*$|n't\b(?:\W+\w+){0,3}\W*$")
_DENIED_NEXT = re.compile(r"['\"”’»,\s]*(?:and |but )?(?P<denied>not|rather than|instead of) (?:on )?(?:the word )?['\"“‘«„]")
_IS_NOT = re.compile(r"['\"”’»]? (?:isn't|is not|aren't)\W*(?:$|[.,;])")
# Words that are said not to have been said, and words that someone might have said.
_DENIED_QUOTE = re.compile(
    r"\b(?:not|rather than|instead of|never said|did not say|didn't say) (?:the (?:words|phrase) )?['\"“‘«„]$"
)
_SUPPOSED = re.compile(r"\s*(?:had|if|were|should)\b[^,]*$")
_JOINED = re.compile(r"['\"”’»,\s]*(?:and|or)?\s*(?:also |the words? |on )*['\"“‘«„]")
# What keeps a quote and a stress word apart: another clause, or another quote.
_CLAUSE_BREAK = re.compile(rf",\s+(?:and|but|while|he|she|with|the)\b|\bwhile\b|\bwords\b(?!\W*$)|{FILLER}")
_NAMING = re.compile(r"\b(?:sounds?|label(?:led|ed)?|emotions?|called|termed|category|class|as|answer)\W*(?:is |as )?\W*$")
_LABELS = re.compile(r"\b(?:labels?|emotions?|category|categories|class|classes|answers?|options?|scores?)\b")
_EMOTIONS = frozenset(
    ["happy", "sad", "angry", "neutral", "fear", "fearful", "disgust", "disgusted", "surprise", "surprised", "contempt", "confused",
     "whisper", "calm", "joy", "anger", "sadness", "happiness"]
)


def find_quotes(text: str) -> list[Quote]:
    """All words between marks of quotation, and those after "Transcript:", in the text's order."""
    quotes = []
    for match in _QUOTE.finditer(text):
        group = match.lastindex or 1
        quotes.append(Quote(match.start(group), match.end(group), match[group]))
    for match in _UNMARKED.finditer(text):
        if not _UNKNOWN.match(match[1]) and not any(q.start < match.end(1) and match.start(1) < q.end for q in quotes):
            words = match[1].rstrip(" .")
            quotes.append(Quote(match.start(1), match.start(1) + len(words), words))
    return sorted(quotes, key=lambda quote: quote.start)


def quote_statements(plain: str, text: str, start: int, end: int, quotes: Sequence[Quote]) -> Iterator[Found]:
    """Statements of stress, and of quoted words, in characters start to end; `plain` is `text` with its quotes filled."""
    stressed, rest = _stressed_quotes(plain, start, end, quotes)
    yield from stressed
    yield from _stressed_names(plain, text, start, end)
    for quote in rest:
        before = plain[start : quote.start]
        if _is_quote(plain, quote) and not _SUPPOSED.match(before):
            denied = bool(_DENIED_QUOTE.search(before))
            yield quote.start, quote.end, Statement(quote.start, quote.end, "quote", (quote.words,), denied)


def _is_quote(plain: str, quote: Quote) -> bool:
    """A label in quotes (sounds "angry", the label "sad" does not fit) is a name, not a quote of the speaker."""
    if not any(c.isalpha() for c in quote.words):
        return False
    line = plain.rfind("\n", 0, quote.start) + 1
    if len(quote.words.split()) <= 3 and _NAMING.search(plain[max(line, quote.start - 30) : quote.start - 1]):
        return False
    around = plain[max(line, quote.start - LABEL_REACH) : quote.end + LABEL_REACH]
    return not (quote.words.casefold().strip(" .,!") in _EMOTIONS and _LABELS.search(around))


def _stressed_quotes(plain: str, start: int, end: int, quotes: Sequence[Quote]) -> tuple[list[Found], list[Quote]]:
    """Statements that a quoted word is stressed, and the quotes that are left. A run of quotes shares its stress word."""
    words = list(_STRESS.finditer(plain, start, end))
    found: list[Found] = []
    rest: list[Quote] = []
    run: bool | None = None  # while quotes follow each other: whether the stress on the first is denied
    for n, quote in enumerate(quotes):
        since = quotes[n - 1].end + 1 if n else start
        before = plain[since : quote.start]
        denied: bool | None = None  # None: not called stressed at all
        if len(quote.words.split()) <= MAX_STRESSED_WORDS:
            word = next((m for m in reversed(words) if since <= m.start() < quote.start), None)
            contrast = _DENIED_NEXT.fullmatch(plain, quotes[n - 1].end, quote.start) if n else None
            if word and quote.start - word.end() < STRESS_REACH and not _CLAUSE_BREAK.search(plain, word.end(), quote.start):
                denied = (bool(_DENIAL.search(before)) and "not only" not in before) or word[0] in _UNSTRESSED
                denied |= bool(_IS_NOT.match(plain, quote.end))
            elif run is not None and (contrast or _IS_NOT.match(plain, quote.end)):
                denied = True
            elif n > 0 and _joins(plain, quotes[n - 1], quote) and run is not None:
                denied = run
            else:
                denied = _stressed_after(plain, quotes[n:], words, end)
        run = denied
        if denied is None:
            rest.append(quote)
        else:
            found.append(_stress(quote.start, quote.end, quote.words, denied))
    return found, rest


def _joins(plain: str, one: Quote, other: Quote) -> bool:
    return bool(_JOINED.fullmatch(plain, one.end, other.start))


def _stressed_after(plain: str, quotes: Sequence[Quote], words: list[re.Match[str]], end: int) -> bool | None:
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
    return bool(re.search(r"\b(?:not|never|no)\b|n't\b", plain[last.end : word.start()])) or word[0] in _UNSTRESSED


def _stressed_names(plain: str, text: str, start: int, end: int) -> Iterator[Found]:
    """Stressed words that are named without marks: "emphasis on the word never", "on NEVER", "Stressed words: never, again"."""
    taken: set[int] = set()
    spans = [(m.start(1), m.end(1), False) for m in _STRESSED_NAME.finditer(plain, start, end)]
    spans += [(m.start(1), m.end(1), False) for m in _STRESSED_CAPITALS.finditer(text, start, end)]
    spans += [(m.start(1), m.end(1), False) for m in _CAPITALS_STRESSED.finditer(text, start, end)]
    for match in _WORDS_STRESSED.finditer(plain, start, end):
        spans += [(*m.span(), bool(match["denied"])) for m in _NAMED_WORD.finditer(plain, *match.span(1))]
    for match in _STRESSED_LIST.finditer(plain, start, end):
        items = list(_LIST_ITEM.finditer(plain, *match.span(1)))
        if len(items) <= MAX_STRESSED_WORDS * 2:
            spans += [(*m.span(), False) for m in items if m[0] not in _NO_WORDS]
    for first, last, denied in spans:
        if first not in taken and FILLER not in plain[first:last]:
            taken.add(first)
            yield _stress(first, last, text[first:last], denied)


def _stress(start: int, end: int, word: str, negated: bool) -> Found:
    return start, end, Statement(start, end, "stress", (word,), negated)
