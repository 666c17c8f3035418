"""Finds what a text says of pauses: that there are none, some, several, few or long ones, and beside which words."""

from __future__ import annotations

import re
from collections.abc import Iterator

from emotionthinker.claim_parts import FILLER, Found, Statement
from emotionthinker.claim_words import INTENSIFIERS

_SPEECH = r"(?:sentence|middle|speech|line|phrase|recording|clip|utterance|words|question)"
# Words that mean a pause by themselves, and words that do so only as "a silence", "long gaps", "without a break".
_OWN = r"pause[ds]?|pausing|stop(?:s|ped) for a (?:while|moment|second)|hesitations?|hesitates|hesitated|hesitating"
_SHARED = r"silences?|gaps?|breaks?|stops?|interruptions?"
_QUANTITY = (
    r"(?:an?|no|not one|not a|any|one|two|three|four|five|several|many|multiple|numerous|frequent|repeated|some|few|a few|"
    r"short|brief|little|small|tiny|slight|long|longer|lengthy|extended|prolonged|longest|noticeable|clear|single|occasional|"
    r"without|between)"
)
# no "gap in the market"
_OF_SPEECH = rf"(?! (?:down|short of|at nothing|with)\b)(?! (?:in|of|over) (?:the|a|his|her) (?!{_SPEECH}\b))"
_FLUENT = (
    r"fluent|fluently|never (?:stops|stopped|pauses|hesitates)|without (?:drawing|taking) (?:a )?breath|uninterrupted|unbroken|"
    r"nothing interrupt(?:s|ed) (?:it|her|him|them|the \w+)"
)
_PAUSE = re.compile(
    rf"\b(?:{_OWN})\b|"
    rf"(?<!\w)(?:{_QUANTITY}[\s-]+){{1,4}}(?:\w+ly )?(?P<shared>{_SHARED})\b{_OF_SPEECH}|"
    rf"\b(?:{_SHARED}) (?:between|inside|in) (?:the |his |her )?(?:words?|sentence|speech|phrases?)\b|"
    rf"\b(?P<fluent>{_FLUENT})\b"
)
_LISTED = re.compile(
    r"\b(?:pauses?|pausing|hesitations?|breaks?|silences?)\s*(?:[:=|(]|\s[-–—])\s*"
    r"(?P<amount>none|no|yes|several|many|few|some|long|short|\d+)\b"
)
_AMOUNTS = {"none": "none", "no": "none", "0": "none", "yes": "some", "some": "some", "short": "some", "1": "some", "few": "few",
            "long": "long"}

# What stands before a pause …
_NONE = re.compile(
    r"(?:\b(?:no|not|not one|without|never|nowhere|lack(?:s|ing)? of|lack(?:s|ing)?|absence of|free of)\b"
    r"(?:\W+(?:any|an?|the|of|or|one|single|clear|real|long|very|noticeable|audible|trace|sign|hint|he|she|did|makes?|takes?|have|"
    r"contain|really|hesitations?|pauses?|breaks?|silences?|gaps?)){0,3}\W*|n't\W*)$"
)
_MANY = re.compile(
    r"\b(?:(?:several|many|frequent|multiple|numerous|repeated|lots? of|plenty of)\b[^,]{0,25}|"
    r"(?:more than one|two|three|four|five|a couple of|full of|[2-9]|\d\d) (?:\w+ )?)$"
)
_FEW = re.compile(r"\b(?:(?<!a )few|hardly any|rare|minimal|barely any)\b[^,]{0,15}$")
_LONG = re.compile(r"\b(?:long|longer|lengthy|extended|prolonged|longest)\b[^,]{0,15}$")
# … and after it.
_REPEATED = re.compile(
    rf"\W*(?:more than once|several times|repeatedly|often|after (?:{_OWN})\b|again|twice|(?:a few|many|three) times|"
    r"are (?:frequent|many|numerous))"
)
_RARE = re.compile(r" (?:are|were) (?:rare|few|scarce)\b")
_STRETCHED = re.compile(r" (?:is|are|were|was) (?:quite |rather |very |extremely )?long\b")
_VERY_BEFORE = re.compile(rf"\b(?:{'|'.join(sorted(INTENSIFIERS))}) $")
_VERY_AFTER = re.compile(rf" (?:is|are|were|was) (?:{'|'.join(sorted(INTENSIFIERS))}) ")
_AMOUNTS_SAID = (("none", _NONE, None), ("several", _MANY, _REPEATED), ("few", _FEW, _RARE), ("long", _LONG, _STRETCHED))
_AND_AGAIN = re.compile(rf" after (?:{_OWN})")  # "pause after pause"
_BESIDE = re.compile(
    r"\W*(?:(?:comes?|stands?|is|occurs|falls) )?(?P<side>before|after|follow(?:s|ing)?|preced(?:es|ing)) "
    rf"(?:the (?:word|name) )?(?:saying )?[\"'“‘«„]?(?P<words>{FILLER}+)"
)
# "Two brief pauses, and no long ones": what is said of the same noun again.
_AGAIN = re.compile(
    r"\b(?P<denied>not |no )?(?:the )?(?P<amount>several|many|longest of them (?:are |is )?long|long ones?)(?=\W*(?:$|[,.;]))"
)
# "Fear typically comes with many pauses" is not about this voice.
_GENERAL = re.compile(r"\b(?:typically|usually|often|normally|generally|tends? to|would|if)\b")
_HERE = re.compile(r"\b(?:the|this|these|her|his|he|she|here|their)\b")


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
        if _GENERAL.search(plain, start, match.start()) and not _HERE.search(plain, start, match.start()):
            continue
        noun = match.start("shared") if match["shared"] else match.start()
        low = max(start, noun - 45)
        stated, first = _amount(plain[low:noun], plain[match.end() : min(end, match.end() + 25)])
        if match["fluent"]:
            stated, first = "none", None
        if stated == "several" and (twice := _AND_AGAIN.match(plain, match.end(), end)):
            at = twice.end()
        beside = _beside(plain, match.end(), end, text)
        first = noun if first is None else low + first
        very = None
        if stated == "long":
            very = _VERY_BEFORE.search(plain, low, first) if first < noun else _VERY_AFTER.match(plain, match.end(), end)
        begins = min(first, very.start()) if very else first
        yield noun, at, Statement(begins, at, "pauses", (stated,), very=very is not None, beside=beside)
        if again := _AGAIN.search(plain, at, min(end, at + 45)):
            value = "long" if "long" in again["amount"] else "several"
            span = again.start("amount"), again.end("amount")
            at = again.end()
            yield *span, Statement(*span, "pauses", (value,), negated=bool(again["denied"]))


def _amount(before: str, after: str) -> tuple[str, int | None]:
    """How many or how long, and where in `before` the words that say so begin, if they stand there."""
    for amount, words_before, words_after in _AMOUNTS_SAID:
        if said := words_before.search(before):
            return amount, said.start()
        if words_after is not None and words_after.match(after):
            return amount, None
    return "some", None


def _beside(plain: str, at: int, end: int, text: str) -> tuple[str, str] | None:
    found = _BESIDE.match(plain, at, end)
    if found is None:
        return None
    side = "before" if found["side"].startswith(("before", "preced")) else "after"
    return side, text[found.start("words") : found.end("words")]
