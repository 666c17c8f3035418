"""Finds what a text says of who speaks: sex and age."""

from __future__ import annotations

import re
from collections.abc import Iterator

from emotionthinker.claim_parts import Found, Statement

SEX: dict[str, str] = {
    **dict.fromkeys(("man", "male", "gentleman", "guy", "boy", "dude", "bloke", "fellow", "masculine"), "Male"),
    **dict.fromkeys(("woman", "female", "lady", "girl", "gal", "feminine"), "Female"),
}
# The published age levels, by the first year of life that no longer belongs to them.
_LEVELS = ((13, "Child"), (20, "Teenager"), (35, "Young Adult"), (60, "Middle-aged"), (200, "Elderly"))
# (pattern, age levels it allows); the first that matches at a place counts.
_PERSON = r"(?:man|woman|lady|person|speaker|male|female|voice|guy|fellow|caller|gentleman)"
AGES: list[tuple[str, tuple[str, ...]]] = [
    (r"young(?:er)?[- ](?:adult|adulthood)", ("Young Adult",)),
    (r"middle[- ]aged?|midlife", ("Middle-aged",)),
    (rf"elderly|seniors?|pensioner|grand(?:pa|ma|father|mother)(?:-aged)?|old age|aged {_PERSON}|old {_PERSON}", ("Elderly",)),
    (rf"older[- ](?:adult|{_PERSON})", ("Middle-aged", "Elderly")),
    (r"teen(?:age|ager|aged)?s?\b|adolescent", ("Teenager",)),
    (r"(?<!his )(?<!her )(?<!the )child(?:ish|like)?\b|kid\b|little (?:boy|girl)", ("Child",)),
    (rf"young(?:er)?[- ](?:girl|boy|{_PERSON})", ("Teenager", "Young Adult")),
    (r"adult", ("Young Adult", "Middle-aged", "Elderly")),
]
_TENS = {"twent": 20, "thirt": 30, "fort": 40, "fift": 50, "sixt": 60, "sevent": 70, "eight": 80, "ninet": 90}
_UNITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen",
          "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"]
_NUMBER = rf"\d{{1,2}}|(?:{'|'.join(reversed(_UNITS))})\b|(?:{'|'.join(_TENS)})y(?:[- ](?:{'|'.join(_UNITS[1:10])}))?\b"
_RANGE = rf"({_NUMBER})(?:(?:\s?[-–]\s?| to | or )({_NUMBER}))?"
_YEARS = r"(?:[- ]years?(?:[- ]old|[- ]of[- ]age)?|[- ]?y\.?/?o)\b"
_TEN = rf"(?:{'|'.join(_TENS)})y"
_NUMBERED = re.compile(  # "aged 25 to 30", "age: 34", "45 years old", "over seventy", "40ish", "70+"
    rf"\b(?:(?:aged|age:?|age is|age of|of about|of around) (?:about |around |roughly )?{_RANGE}(?:{_YEARS})?|"
    rf"{_RANGE}{_YEARS}|"
    rf"(?:over|past|nearly) ({_TEN})\b(?! (?:per|hz|words|percent))|"
    rf"([1-9]\d|{_TEN})(?:-?ish|\+))(?! (?:ago|later|hz|db))"
)
_DECADE = re.compile(rf"\b(?P<part>early|mid|late)?[- ]?(?:(?P<name>{'|'.join(_TENS)})ies|(?P<digit>[2-9])0s)\b")
_PARTS = {"early": (0, 3), "mid": (4, 6), "late": (7, 9), None: (0, 9)}

_SEX = re.compile(rf"\b(?:{'|'.join(SEX)})\b(?!'s? (?:range|norm|average))")
_AGES = re.compile("|".join(rf"(?P<a{i}>\b(?:{pattern}))(?!\w)" for i, (pattern, _) in enumerate(AGES)))
_PERSON_AT_END = re.compile(rf"[- ](?:girl|boy|{_PERSON})$")
# "higher than an average man", "for a woman", "the male range", "a man or a woman" are not about who speaks
_COMPARED = re.compile(
    r"\b(?:than|for|unlike|other|most|average|typical|whether)"
    r"(?: (?:most|an?|the|that of|other|average|typical|many))*(?: \w+)? $"
)
_NORM = re.compile(r"'?s? (?:pitch |speech )?(?:range|norm|norms|average|reference|standard|speakers)\b")
_EITHER = re.compile(r"\b(?:an? )?(?:man|male|woman|female|boy|girl) (?:or|nor|/) (?:an? )?(?:man|male|woman|female|boy|girl)\b")
_DENIED = re.compile(r"(?:\bnot|n't|\bno) (?:an? |the )?(?:\w+ )?$")


def speaker_statements(plain: str, start: int, end: int) -> Iterator[Found]:
    """Statements of sex and age in characters start to end of a lower-case text whose quotes are filled."""
    unsure = [m.span() for m in _EITHER.finditer(plain, start, end)]
    ages = list(_ages(plain, start, end))
    for match in _SEX.finditer(plain, start, end):
        before = plain[max(start, match.start() - 30) : match.start()]
        if _COMPARED.search(before) or _NORM.match(plain, match.end()) or any(a <= match.start() < b for a, b in unsure):
            continue
        denied = bool(_DENIED.search(before))
        if denied and any(before.rstrip().endswith(plain[a:b]) for a, b, _ in ages):  # "no young man": it is the age that is denied
            continue
        yield match.start(), match.end(), Statement(match.start(), match.end(), "gender", (SEX[match[0]],), denied)
    yield from ages


def _ages(plain: str, start: int, end: int) -> Iterator[Found]:
    taken = start
    for match in sorted(
        [*_AGES.finditer(plain, start, end), *_NUMBERED.finditer(plain, start, end), *_DECADE.finditer(plain, start, end)],
        key=lambda m: (m.start(), -m.end()),
    ):
        if match.start() < taken:
            continue
        taken = match.end()
        before = plain[max(start, match.start() - 30) : match.start()]
        person = _PERSON_AT_END.search(match[0])  # its sex is a statement of its own
        stop = match.start() + (person.start() if person else len(match[0]))
        made = Statement(match.start(), stop, "age_level", _levels(match), bool(_DENIED.search(before)))
        yield match.start(), stop, made


def _levels(match: re.Match[str]) -> tuple[str, ...]:
    if match.re is _AGES:
        return AGES[int((match.lastgroup or "a0")[1:])][1]
    if match.re is _DECADE:
        tens = _TENS[match["name"]] if match["name"] else 10 * int(match["digit"])
        low, high = (tens + part for part in _PARTS[match["part"]])
    else:
        low = _number(match[1] or match[3] or match[5] or match[6])
        high = _number(match[2] or match[4] or "") or low
    first, last = _level(low), _level(high)
    return (first,) if first == last else (first, last)


def _level(years: int) -> str:
    return next(name for limit, name in _LEVELS if years < limit)


def _number(text: str) -> int:
    """25 of "25", "twenty-five"; 0 of ""."""
    if not text or text.isdigit():
        return int(text or 0)
    if text in _UNITS:
        return _UNITS.index(text)
    tens = next(value for stem, value in _TENS.items() if text.startswith(stem + "y"))
    unit = re.split(r"[- ]", text)
    return tens + (_UNITS.index(unit[1]) if len(unit) > 1 else 0)
