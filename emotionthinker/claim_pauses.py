"""Finds what a text says of pauses: that there are none, some, several, few or long ones, and beside which words."""

from __future__ import annotations

import re
from collections.abc import Iterator

from emotionthinker.claim_parts import FILLER, Found, Statement

# Words that mean a pause by themselves, and words that do so only as "a silence", "long gaps", "without a break".
_OWN = r"pause[ds]?|pausing|hesitations?|hesitates|hesitated|hesitating"
_SHARED = r"silences?|gaps?|breaks?|stops?|interruptions?"
_QUANTITY = (
    r"(?:an?|no|not one|not a|any|one|two|three|four|five|several|many|multiple|numerous|frequent|repeated|some|few|a few|short|brief|"
    r"small|tiny|slight|long|longer|lengthy|extended|prolonged|noticeable|clear|single|occasional|without|between|longest)"
)
_PAUSE = re.compile(
    rf"\b(?:{_OWN})\b|(?<!\w)(?:{_QUANTITY}[\s-]+)(?:\w+ly )?(?P<shared>{_SHARED})\b(?! (?:down|short of|at nothing|with))|"
    rf"\b(?P<between>{_SHARED}) (?:between|inside|in) (?:the |his |her )?(?:words?|sentence|speech|phrases?)\b|"
    r"\b(?P<fluent>fluent|fluently|uninterrupted|unbroken|nothing interrupt(?:s|ed) (?:it|her|him|them|the \w+))\b"
)
_LISTED = re.compile(rf"\b(?:pauses?|hesitations?|breaks?|silences?)\s*(?:[:=|(]|\s[-–—])\s*(?P<amount>none|no|yes|several|many|few|some|long|short|\d+)\b")
_AMOUNTS = {"none": "none", "no": "none", "0": "none", "yes": "some", "some": "some", "short": "some", "1": "some", "few": "few", "long": "long"}

_MANY = re.compile(
    r"\b(?:(?:several|many|frequent|multiple|numerous|repeated|lots? of|plenty of)\b[^,]{0,25}|"
    r"(?:more than one|two|three|four|five|a couple of) (?:\w+ )?)$"
)
_FEW = re.compile(r"\b(?:(?<!a )few|hardly any|rare|minimal|barely any)\b[^,]{0,15}$")
_LONG = re.compile(r"\b(?:long|longer|lengthy|extended|prolonged|longest)\b[^,]{0,15}$")
_NONE = re.compile(
    r"\b(?:no|not|not one|without|never|n't|lack(?:s|ing)? of|lack(?:s|ing)?|absence of|free of)\b(?:\W+(?:any|a|an|the|of|clear|real|long|"
    r"noticeable|audible|single|make|makes|take|takes|have|contain|really|or|one|hesitations?|pauses?|breaks?|silences?|gaps?)){0,3}\W*$|n[’']t\W*$"
)
_REPEATED = re.compile(rf"\W*(?:more than once|several times|repeatedly|often|after (?:{_OWN})\b|(?:again|twice|three times))")
_BESIDE = re.compile(rf"\W*(?P<side>before|after|follows|follow|following|precedes|preceding) (?:the (?:word|name) )?(?:saying )?[\"'“‘«„]?(?P<words>{FILLER}+)")
_SIDES = {"before": "before", "precedes": "before", "preceding": "before", "after": "after", "follows": "after", "follow": "after", "following": "after"}
# "Two brief pauses, and no long ones": what is said of the same noun again.
_AGAIN = re.compile(r"\b(?P<denied>not |no )?(?:the )?(?P<amount>several|many|longest of them (?:are |is )?long|long ones?)(?=\W*(?:$|[,.;]))")


def pause_statements(plain: str, start: int, end: int, text: str) -> Iterator[Found]:
    """Statements of pauses in characters start to end of `plain`, a lower-case copy of `text` whose quotes are filled."""
    at = start
    while match := _PAUSE.search(plain, at, end):
        at = match.end()
        listed = _LISTED.match(plain, match.start(), end)
        if listed:
            amount = _AMOUNTS.get(listed["amount"], "several")
            at = listed.end()
            yield listed.start(), at, Statement(listed.start(), at, "pauses", (amount,))
            continue
        noun = match.start("shared") if match["shared"] else match.start()
        before = plain[max(start, noun - 45) : noun]
        stated = "none" if match["fluent"] else _amount(before, plain[match.end() : min(end, match.end() + 25)])
        if stated == "several" and (twice := re.compile(rf" after (?:{_OWN})").match(plain, match.end(), end)):
            at = twice.end()
        yield noun, at, Statement(noun, at, "pauses", (stated,), beside=_beside(plain, match.end(), end, text))
        if again := _AGAIN.search(plain, at, min(end, at + 45)):
            value = "long" if "long" in again["amount"] else "several"
            span = again.start("amount"), again.end("amount")
            at = again.end()
            yield *span, Statement(*span, "pauses", (value,), negated=bool(again["denied"]))


def _amount(before: str, after: str) -> str:
    if _NONE.search(before):
        return "none"
    if _MANY.search(before) or _REPEATED.match(after):
        return "several"
    if _FEW.search(before):
        return "few"
    return "long" if _LONG.search(before) else "some"


def _beside(plain: str, at: int, end: int, text: str) -> tuple[str, str] | None:
    found = _BESIDE.match(plain, at, end)
    return (_SIDES[found["side"]], text[found.start("words") : found.end("words")]) if found else None
