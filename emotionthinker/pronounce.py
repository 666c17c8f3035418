"""Text of any origin → tokens, each with its spelling and the plain dictionary words that a voice says for it.

    >>> [(t.spelling, t.spoken) for t in tokens("Call 42 B&Bs, O'Neil!")]
    [('Call', ('call',)), ('42', ('forty', 'two')), ('B', ('b',)), ('Bs', ('bs',)), ("O'Neil", ("o'neil",))]

Only ASCII letters and apostrophes leave this file as spoken words, so that whatever a transcript holds, the aligner
meets nothing but words. `letters_to_phones` is the last resort for words that no dictionary lists: a few spelling
rules, good enough to place a word in time, not to teach anyone to pronounce it.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

MAX_CHARS = 20_000  # ten minutes of very fast speech are about 15,000 characters

_TOKEN = re.compile(
    r"(?P<currency>[$£€])?(?P<number>\d+(?:,\d{3})*(?:[.:]\d+)*)(?P<suffix>st|nd|rd|th|s|%)?(?![^\W_])"
    r"|(?:[^\W\d_]\.){2,}"  # U.S., a.m.
    r"|[^\W_]+(?:['-][^\W_]+)*'?",
    re.IGNORECASE,
)
_APOSTROPHES = str.maketrans(dict.fromkeys("’‘ʼ＇`´", "'") | dict.fromkeys("‐‑", "-"))

_ONES = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_SCALES = ((10**9, "billion"), (10**6, "million"), (1000, "thousand"), (100, "hundred"))
_ORDINALS = {
    "one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth",
    "twelve": "twelfth",
}  # fmt: skip
_CURRENCIES = {"$": ("dollar", "dollars"), "£": ("pound", "pounds"), "€": ("euro", "euros")}


@dataclass(frozen=True)
class Token:
    """One word of a transcript: as spelt there (case kept, outer punctuation gone) and as said, lower case."""

    spelling: str
    spoken: tuple[str, ...]  # empty: letters that are not Latin, which the aligner cannot place


def tokens(text: str) -> list[Token]:
    """Words of `text` in order; signs without a letter or digit are no words. Reads at most `MAX_CHARS` characters."""
    found = []
    for match in _TOKEN.finditer(unicodedata.normalize("NFC", text[:MAX_CHARS]).translate(_APOSTROPHES)):
        spelling = match.group().strip(".'-")
        if match["number"]:
            spoken = _say_number(match["number"], (match["suffix"] or "").lower(), match["currency"])
        elif match.group().endswith("."):
            spoken = _plain(match.group().replace(".", " "))
        else:
            spoken = _plain(match.group())
        found.append(Token(spelling, tuple(spoken)))
    return found


def _plain(word: str) -> list[str]:
    """Lower-case ASCII words of a spelling: accents dropped, hyphens split, digits inside said one by one."""
    decomposed = unicodedata.normalize("NFKD", word.casefold()).replace("ø", "o").replace("æ", "ae").replace("đ", "d")
    ascii_only = decomposed.encode("ascii", "ignore").decode()
    parts = re.findall(r"[a-z]+(?:'[a-z]+)*'?|\d", ascii_only)
    return [_ONES[int(part)] if part.isdigit() else part.rstrip("'") for part in parts]


def _say_number(digits: str, suffix: str, currency: str | None) -> list[str]:
    """Words for a number as written: years, clock times, decimals, ordinals and money in their usual reading."""
    parts = re.split(r"[.:]", digits.replace(",", ""))
    is_clock = ":" in digits
    if not all(part.isascii() and part.isdigit() for part in parts):  # digits of other scripts
        return []
    words = _integer_words(parts[0], year_like=not (currency or suffix or "," in digits or len(parts) > 1))
    for part in parts[1:]:
        if is_clock:
            minutes = part.lstrip("0")
            words += [*(["oh"] if part[0] == "0" else []), *_integer_words(minutes)] if minutes else ["o'clock"]
        else:
            words += ["point"] + [_ONES[int(digit)] for digit in part]
    if suffix in ("st", "nd", "rd", "th"):
        words[-1] = _ordinal(words[-1])
    elif suffix == "s":  # the 1990s
        words = _integer_words(parts[0], year_like=True)
        words[-1] = words[-1][:-1] + "ies" if words[-1].endswith("y") else words[-1] + "s"
    elif suffix == "%":
        words.append("percent")
    if currency:
        words.append(_CURRENCIES[currency][words != ["one"]])
    return words


def _integer_words(digits: str, year_like: bool = False) -> list[str]:
    if len(digits) > 12 or (len(digits) > 1 and digits[0] == "0"):  # a phone or card number: digit by digit
        return [_ONES[int(digit)] for digit in digits]
    number = int(digits or "0")
    if year_like and 1100 <= number <= 2099 and not 2000 <= number <= 2009:
        low = number % 100
        return _below(number // 100) + (["oh"] if 0 < low < 10 else []) + (_below(low) if low else ["hundred"])
    return _below(number)


def _below(number: int) -> list[str]:
    if number < 20:
        return [_ONES[number]]
    if number < 100:
        return [_TENS[number // 10]] + ([_ONES[number % 10]] if number % 10 else [])
    scale, name = next((scale, name) for scale, name in _SCALES if number >= scale)
    return [*_below(number // scale), name] + (_below(number % scale) if number % scale else [])


def _ordinal(word: str) -> str:
    return _ORDINALS.get(word) or (word[:-1] + "ieth" if word.endswith("y") else word + "th")


# Spelling → ARPABET, longest first; read left to right. Vowel letters take their most frequent short value.
_SPELLINGS = {
    "tion": "SH AH N", "sion": "ZH AH N", "ough": "AO", "augh": "AO", "eigh": "EY", "tch": "CH", "igh": "AY",
    "sch": "SH", "ch": "CH", "sh": "SH", "th": "TH", "ph": "F", "wh": "W", "ck": "K", "ng": "NG", "qu": "K W",
    "kn": "N", "wr": "R", "gh": "G", "ee": "IY", "ea": "IY", "oo": "UW", "ou": "AW", "ow": "OW", "oi": "OY",
    "oy": "OY", "ai": "EY", "ay": "EY", "au": "AO", "aw": "AO", "ie": "IY", "ei": "IY", "ey": "IY", "oa": "OW",
    "ue": "UW", "ew": "UW", "ar": "AA R", "er": "ER", "ir": "ER", "or": "AO R", "ur": "ER", "ce": "S", "ci": "S IH",
    "cy": "S IY", "ge": "JH", "a": "AE", "b": "B", "c": "K", "d": "D", "e": "EH", "f": "F", "g": "G", "h": "HH",
    "i": "IH", "j": "JH", "k": "K", "l": "L", "m": "M", "n": "N", "o": "AA", "p": "P", "q": "K", "r": "R", "s": "S",
    "t": "T", "u": "AH", "v": "V", "w": "W", "x": "K S", "y": "IY", "z": "Z",
}  # fmt: skip
_LETTER_NAMES = {
    "a": "EY", "b": "B IY", "c": "S IY", "d": "D IY", "e": "IY", "f": "EH F", "g": "JH IY", "h": "EY CH", "i": "AY",
    "j": "JH EY", "k": "K EY", "l": "EH L", "m": "EH M", "n": "EH N", "o": "OW", "p": "P IY", "q": "K Y UW",
    "r": "AA R", "s": "EH S", "t": "T IY", "u": "Y UW", "v": "V IY", "w": "D AH B AH L Y UW", "x": "EH K S",
    "y": "W AY", "z": "Z IY",
}  # fmt: skip
_LONGEST = max(map(len, _SPELLINGS))


def letters_to_phones(word: str) -> tuple[str, ...]:
    """ARPABET phones guessed for a lower-case ASCII word by spelling rules; vowelless words are spelt out (`bbc`)."""
    letters = word.replace("'", "")
    if len(letters) <= 5 and not set(letters) & set("aeiouy"):
        return tuple(" ".join(_LETTER_NAMES[letter] for letter in letters).split())
    if len(letters) > 3 and letters.endswith("e") and letters[-2] not in "aeiou":  # a silent e
        letters = letters[:-1]
    phones: list[str] = []
    at = 0
    while at < len(letters):
        size = next(n for n in range(_LONGEST, 0, -1) if letters[at : at + n] in _SPELLINGS)
        if not (size == 1 and at and letters[at] == letters[at - 1]):  # a doubled letter is one phone
            phones += _SPELLINGS[letters[at : at + size]].split()
        at += size
    return tuple(phones)
