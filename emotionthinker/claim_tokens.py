"""Reads a sentence as cues, values, negations and other words, by the tables of `claim_words` and `claim_phrases`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from emotionthinker import claim_phrases as phrases
from emotionthinker import claim_words as w
from emotionthinker.claim_parts import FILLER
from emotionthinker.claim_words import Value

TOPICS = ("pitch", "intonation", "melody", "energy", "speed")  # kinds of cue that "it" may stand for


@dataclass
class Token:
    """A word or phrase: characters start to end. `cue`: the kind of a cue; `value`: of a value; `linked`: a value is said of it."""

    kind: str  # cue, value, negation, word, punctuation
    start: int
    end: int
    text: str
    cue: str = ""
    value: Value | None = None
    linked: bool = False


def _alternatives(name: str, patterns: list[str]) -> str:
    return "|".join(rf"(?P<{name}{i}>\b(?:{pattern})\b)" for i, pattern in enumerate(patterns))


_LEXER = re.compile(
    "|".join(
        [
            _alternatives("n", phrases.NEGATIONS),
            _alternatives("c", [pattern for pattern, _ in phrases.CUES]),
            _alternatives("v", [pattern for pattern, _ in phrases.VALUES]),
            rf"(?P<word>[A-Za-z0-9{FILLER}]+(?:['’-][A-Za-z]+)*|[↑↓])",
            r"(?P<mark>[,:()=|/–—-])",
        ]
    )
)


def read_tokens(plain: str, start: int, end: int, topic: str = "") -> list[Token]:
    """The tokens of characters start to end of a lower-case text whose quotes are filled.

    topic: the kind of cue that the sentence before was about, for which "it" stands.
    """
    tokens: list[Token] = []
    for match in _LEXER.finditer(plain, start, end):
        name, text = match.lastgroup or "", match[0]
        if name == "word":
            tokens += _word_tokens(text, match.start())
        elif name == "mark":
            tokens.append(Token("punctuation", match.start(), match.end(), text))
        elif name[0] == "n":
            tokens.append(Token("negation", match.start(), match.end(), text))
        elif name[0] == "c":
            tokens.append(Token("cue", match.start(), match.end(), text, cue=phrases.CUES[int(name[1:])][1]))
        else:
            tokens.append(Token("value", match.start(), match.end(), text, value=phrases.VALUES[int(name[1:])][1]))
    return _resolve(_merge(_absorb_owners(tokens)), topic)


def _word_tokens(text: str, at: int) -> list[Token]:
    """The token of a word; of its parts where it has hyphens and is not known as a whole."""
    base = text.removesuffix("'s")
    if base in w.VALUES:
        return [Token("value", at, at + len(text), base, value=w.VALUES[base])]
    if base in w.CUES:
        return [Token("cue", at, at + len(text), base, cue=w.CUES[base])]
    if text in w.NEGATIONS or text.endswith("n't"):
        return [Token("negation", at, at + len(text), text)]
    if "-" in text:
        parts: list[Token] = []
        for part in re.finditer(r"[^-]+", text):
            parts += _word_tokens(part[0], at + part.start())
        return parts
    return [Token("word", at, at + len(text), text)]


def _absorb_owners(tokens: list[Token]) -> list[Token]:
    """In "the pitch of his voice" the voice is no cue of its own; "emotional energy" is no energy of sound."""
    for i, token in enumerate(tokens):
        if token.kind != "cue":
            continue
        before = [t.text for t in tokens[max(0, i - 3) : i]]
        owner = "of" in before[-2:] and i >= 2 and any(t.kind == "cue" for t in tokens[max(0, i - 4) : i - 1])
        of_other = token.cue in (*TOPICS, "force") and _is_of_other(tokens, i)
        verb = token.text == "rate" and before and before[-1] in ("i", "we", "to", "would")
        if (token.cue in ("voice", "speech", "person") and owner) or (before and before[-1] in w.NOT_OF_SOUND) or of_other or verb:
            token.kind, token.cue = "word", ""
    return tokens


def _is_of_other(tokens: list[Token], i: int) -> bool:
    """Whether the cue i belongs to something that does not speak: "the tempo of events"."""
    if i + 1 >= len(tokens) or tokens[i + 1].text != "of":
        return False
    noun = next((t for t in tokens[i + 2 : i + 5] if t.text not in w.DEFINITE and t.text not in ("a", "an")), None)
    return noun is not None and noun.kind == "word" and noun.text not in w.OF_VOICE and not noun.text.startswith(FILLER)


def _merge(tokens: list[Token]) -> list[Token]:
    """One value out of two: "neither high nor low" is normal, "normal to high" allows both."""
    out: list[Token] = []
    i = 0
    while i < len(tokens):
        token = tokens[i]
        if token.text == "neither" and i + 3 < len(tokens) and tokens[i + 2].text == "nor":
            first, second = tokens[i + 1].value, tokens[i + 3].value
            if first and second:
                both = {k: (first.of[k][0], "normal") for k in first.of.keys() & second.of.keys()}
                alone = (first.alone[0], "normal") if first.alone else None
                out.append(Token("value", token.start, tokens[i + 3].end, "neither nor", value=Value(both, alone)))
                i += 4
                continue
        step = 2 if i + 1 < len(tokens) and tokens[i + 1].text in ("to", "or") else 1  # "medium-high" has no word between
        second = tokens[i + step].value if i + step < len(tokens) else None
        if token.value and second and (step == 2 or token.text in ("medium", "moderate", "normal")):
            either = _either(token.value, second)
            if either:
                out.append(Token("value", token.start, tokens[i + step].end, token.text, value=either))
                i += step + 1
                continue
        out.append(token)
        i += 1
    return out


def _either(first: Value, second: Value) -> Value | None:
    both = {
        kind: (first.of[kind][0], f"{first.of[kind][1]}/{second.of[kind][1]}")
        for kind in first.of.keys() & second.of.keys()
        if first.of[kind][0] == second.of[kind][0] and first.of[kind][1] != second.of[kind][1]
    }
    return Value(both) if both else None


def _resolve(tokens: list[Token], topic: str) -> list[Token]:
    """Gives "it" and "one" the cue that they stand for: "the pitch is high; it never falls", "no loud voice, nor a high one"."""
    last = topic
    for i, token in enumerate(tokens):
        if token.cue in (*TOPICS, "voice"):
            last = token.cue
        elif token.text == "it" and i == 0:
            token.kind, token.cue = "cue", topic or "speech"
        elif last and token.text in ("one", "ones") and i and tokens[i - 1].value:
            token.kind, token.cue = "cue", last
    return tokens
