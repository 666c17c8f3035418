"""Links what is said to what it is said of: in "the pitch is high but falling" both values describe the pitch.

Words are read as cues ("pitch"), values ("high") and negations by the tables of `claim_words`. Each value is linked to
the cue that it describes, which stands after it ("a high pitch") or before it in the same clause ("the pitch is high").
What is expected rather than observed ("anger would have a high pitch") is no statement.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from emotionthinker import claim_words as w
from emotionthinker.claim_words import Value

FARTHEST = 14  # words between a cue and a value said of it
NEGATION_REACH = 6  # words between a negation and the value it denies
FILLER = "§"  # stands for quoted characters, so that quoted words are never read as cues


@dataclass(frozen=True)
class Statement:
    """One fact that a text states. Characters start to end of the text carry it; `values` are those it allows.

    attribute: as in the claims of `grounding`. negated: the values are denied. hedged: "slightly" or the like.
    at_end: said of the end only ("rises at the end").
    """

    start: int
    end: int
    attribute: str
    values: tuple[str, ...]
    negated: bool = False
    hedged: bool = False
    at_end: bool = False


@dataclass
class _Token:
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
            _alternatives("n", w.NEGATION_PHRASES),
            _alternatives("c", [pattern for pattern, _ in w.CUE_PHRASES]),
            _alternatives("v", [pattern for pattern, _ in w.VALUE_PHRASES]),
            rf"(?P<word>[A-Za-z0-9{FILLER}]+(?:['’-][A-Za-z]+)*)",
            r"(?P<mark>[,:()–—-])",
        ]
    )
)
PAUSE = re.compile(
    r"\b(?:pause[ds]?|pausing|hesitations?|hesitates|silences|"
    r"breaks? (?:between|inside|in) (?:the )?(?:words?|sentence|speech|phrases?))\b"
)
_AT_END = re.compile(r"\W+(?:\w+\W+){0,3}?(?:end|finish|close|final|last)\b")
_DETERMINERS = w.DEFINITE | {"a", "an"}
_JOINTS = {"and", "but", "while", "whereas", ",", ":", "so"}
_OWN_PREDICATE = {"is", "are", "was", "were", "that", "which", "over", "within", "stays", "sits", "lies", "moves", "remains"}
_OPPOSITE = {"high": "low", "low": "high", "fast": "slow", "slow": "fast", "wide": "narrow", "narrow": "wide"}


def _tokens(plain: str, start: int, end: int) -> list[_Token]:
    tokens: list[_Token] = []
    for match in _LEXER.finditer(plain, start, end):
        name, text = match.lastgroup or "", match[0]
        if name == "word":
            tokens += _word_tokens(text, match.start())
        elif name == "mark":
            tokens.append(_Token("punctuation", match.start(), match.end(), text))
        elif name[0] == "n":
            tokens.append(_Token("negation", match.start(), match.end(), text))
        elif name[0] == "c":
            tokens.append(_Token("cue", match.start(), match.end(), text, cue=w.CUE_PHRASES[int(name[1:])][1]))
        else:
            tokens.append(_Token("value", match.start(), match.end(), text, value=w.VALUE_PHRASES[int(name[1:])][1]))
    return _merge(_absorb_owners(tokens))


def _word_tokens(text: str, at: int) -> list[_Token]:
    """The token of a word; of its parts where it has hyphens and is not known as a whole."""
    base = text.removesuffix("'s")
    if base in w.VALUES:
        return [_Token("value", at, at + len(text), base, value=w.VALUES[base])]
    if base in w.CUES:
        return [_Token("cue", at, at + len(text), base, cue=w.CUES[base])]
    if text in w.NEGATIONS or text.endswith("n't"):
        return [_Token("negation", at, at + len(text), text)]
    if "-" in text:
        parts: list[_Token] = []
        for part in re.finditer(r"[^-]+", text):
            parts += _word_tokens(part[0], at + part.start())
        return parts
    return [_Token("word", at, at + len(text), text)]


def _absorb_owners(tokens: list[_Token]) -> list[_Token]:
    """In "the pitch of his voice" the voice is no cue of its own; "emotional energy" is no energy of sound."""
    for i, token in enumerate(tokens):
        if token.kind != "cue":
            continue
        before = [t.text for t in tokens[max(0, i - 3) : i]]
        owner = "of" in before[-2:] and i >= 2 and any(t.kind == "cue" for t in tokens[max(0, i - 4) : i - 1])
        if (token.cue in ("voice", "speech", "person") and owner) or (before and before[-1] in w.NOT_OF_SOUND):
            token.kind, token.cue = "word", ""
    return tokens


def _merge(tokens: list[_Token]) -> list[_Token]:
    """One value out of two: "neither high nor low" is normal, "normal to high" allows both."""
    out: list[_Token] = []
    i = 0
    while i < len(tokens):
        token = tokens[i]
        if token.text == "neither" and i + 3 < len(tokens) and tokens[i + 2].text == "nor":
            first, second = tokens[i + 1].value, tokens[i + 3].value
            if first and second:
                both = {k: (first.of[k][0], "normal") for k in first.of.keys() & second.of.keys()}
                alone = (first.alone[0], "normal") if first.alone else None
                out.append(_Token("value", token.start, tokens[i + 3].end, "neither nor", value=Value(both, alone)))
                i += 4
                continue
        step = 2 if i + 1 < len(tokens) and tokens[i + 1].text in ("to", "or") else 1  # "medium-high" has no word between
        second = tokens[i + step].value if i + step < len(tokens) else None
        if token.value and second and (step == 2 or token.text in ("medium", "moderate", "normal")):
            either = _either(token.value, second)
            if either:
                out.append(_Token("value", token.start, tokens[i + step].end, token.text, value=either))
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


def voice_statements(plain: str, start: int, end: int) -> Iterator[tuple[int, int, Statement]]:
    """Statements about the voice in characters start to end of a lower-case text whose quotes are filled.

    Each comes with the characters of the words that carry it, which are fewer where two statements share a cue.
    """
    tokens = _tokens(plain, start, end)
    links: list[tuple[int, int | None, tuple[str, str]]] = []  # value, its cue, (attribute, value)
    for i, token in enumerate(tokens):
        if token.value is None or (i > 0 and tokens[i - 1].text == "than"):  # "higher than average" states no average
            continue
        j = _cue_after(tokens, i)
        if j is None:
            j = _cue_before(tokens, i)
        if j is not None:
            stated = token.value.of[_kind(tokens, j)]
        elif token.value.alone and not _describes_other_noun(tokens, i):
            stated = token.value.alone
        else:
            continue
        if _is_expected(tokens, i, j):
            continue
        links.append((i, j, stated))
        if j is not None:
            tokens[j].linked = True
    for i, j, stated in links:
        token = tokens[i]
        negated, less = _is_negated(tokens, i), i > 0 and tokens[i - 1].text == "less"
        hedged = any(t.text in w.HEDGES or t.text == "little" for t in tokens[max(0, i - 2) : i])
        value = _OPPOSITE.get(stated[1], stated[1]) if less else stated[1]
        end = token.end if j is None else max(token.end, tokens[j].end)
        start = token.start if j is None else min(token.start, tokens[j].start)
        at_end = bool(_AT_END.match(" ".join(["", *(t.text for t in tokens[i + 1 : i + 7])])))
        made = Statement(start, end, stated[0], tuple(value.split("/")), negated, hedged, at_end)
        yield token.start, token.end, made
        for k in _coordinated(tokens, i, j):
            assert token.value is not None
            attribute, value = token.value.of[_kind(tokens, k)]
            cue = tokens[k]
            yield cue.start, cue.end, Statement(cue.start, cue.end, attribute, tuple(value.split("/")), negated, hedged)


def _kind(tokens: list[_Token], j: int) -> str:
    return "range" if tokens[j].cue == "bare range" else tokens[j].cue


def _fits(tokens: list[_Token], i: int, j: int) -> bool:
    """Whether the value i can be said of the cue j.

    A bare "range" is a cue only where pitch moves "over" it or the value is of width; "within the normal range" says
    where something lies, not how far it moves.
    """
    value = tokens[i].value
    assert value is not None
    if tokens[j].cue == "bare range":
        melodic = any(t.cue in ("pitch", "intonation", "voice") for t in tokens[:j])
        moves = any(t.text in ("over", "across", "through", "spans", "covers") for t in tokens[max(0, i - 4) : i])
        width = value.of.get("pitch", ("pitch_range", ""))[0] == "pitch_range"
        return melodic and "range" in value.of and (moves or width)
    return tokens[j].cue in value.of


def _cue_after(tokens: list[_Token], i: int) -> int | None:
    """The cue that the value i stands before: "a high and rather tense pitch", "high in pitch", "the rise of the melody"."""
    after = [t.text for t in tokens[i + 1 : i + 3]]
    if after and after[0] in ("in", "of") and len(after) > 1:
        j = i + 3 if after[1] in w.DEFINITE else i + 2
        if j < len(tokens) and tokens[j].kind == "cue" and _fits(tokens, i, j):
            return j
    value = tokens[i].value
    assert value is not None
    if i and tokens[i - 1].text == "pitched":
        return None
    first = i + 1
    if after and after[0] == "than" and (after[-1] in ("usual", "normal", "average", "typical")):
        first = i + 3  # "faster than normal speech"
    for j in range(first, min(i + 8, len(tokens))):
        token = tokens[j]
        if token.kind == "cue":
            headed = j == i + 1 or tokens[j - 1].text not in ("and", "or", "but", ",", "yet", "in", "to", "a")
            if headed and _fits(tokens, i, j):
                # Two values of one attribute cannot both be of this cue: "pitched high, and low energy".
                attribute = value.of[_kind(tokens, j)][0]
                between = [t.value.of.get(_kind(tokens, j), ("", "")) for t in tokens[first:j] if t.value]
                return None if any(other[0] == attribute for other in between) else j
            if not headed or token.cue not in ("speech", "person", "voice"):
                return None
        elif token.value is None and token.text not in w.BETWEEN and not _is_adjective(tokens, j):
            return None
    return None


def _is_adjective(tokens: list[_Token], j: int) -> bool:
    """Whether a word that is in no table may describe the cue right after it: "a deep, resonant voice"."""
    token = tokens[j]
    unknown = token.kind == "word" and token.text not in w.AFTER_PREDICATE | w.DEFINITE | w.JUDGING | w.SEEMING
    return unknown and len(token.text) > 3 and j + 1 < len(tokens) and tokens[j + 1].kind == "cue"


def _is_of_other_noun(tokens: list[_Token], i: int) -> bool:
    """Whether an article before the value i shows that it belongs to a noun: "creates a subdued and sad impression"."""
    k = i - 1
    while k >= 0 and (tokens[k].value or tokens[k].text in ("very", "rather", "more", "and", ",") or tokens[k].text.endswith("ly")):
        k -= 1
    return k >= 0 and tokens[k].text in ("a", "an") and tokens[k + 1].text not in ("little", "bit")


def _describes_other_noun(tokens: list[_Token], i: int) -> bool:
    """Whether an adjective is followed by a noun that is no cue: "a low mood"."""
    value = tokens[i].value
    assert value is not None
    if value.verb or i + 1 >= len(tokens):
        return False
    after = tokens[i + 1]
    return (
        after.kind == "word" and after.text not in w.AFTER_PREDICATE and not after.text.endswith("ly")
    ) and not tokens[i].text.endswith("ly")


def _cue_before(tokens: list[_Token], i: int) -> int | None:
    """The nearest cue before the value i that it is said of, in the same clause: "the pitch, as he speaks, is high"."""
    value = tokens[i].value
    assert value is not None
    if value.attributive or _describes_other_noun(tokens, i) or _is_of_other_noun(tokens, i):
        return None
    for k in range(i - 1, max(-1, i - FARTHEST), -1):
        token = tokens[k]
        if token.text in w.JUDGING or (token.text in w.SEEMING and not (k > 0 and tokens[k - 1].kind == "cue")):
            return None
        if token.text in _DETERMINERS and k > 0 and tokens[k - 1].text in _JOINTS:
            return None  # a new subject that is no cue
        if token.kind == "cue":
            if _fits(tokens, i, k):
                return k
            if token.cue not in ("speech", "person", "bare range"):
                return None
    return None


def _coordinated(tokens: list[_Token], i: int, j: int | None) -> Iterator[int]:
    """Other cues that share the value: "pitch and energy are high", "high pitch and energy"."""
    value = tokens[i].value
    if j is None or value is None:
        return
    step, at = (-1, j) if j < i else (1, j)
    joints = {"and", ",", "both", "as", "well"} | (w.DEFINITE if step < 0 else set())
    while True:
        k = at + step
        between = []
        while 0 <= k < len(tokens) and tokens[k].text in joints:
            between.append(tokens[k].text)
            k += step
        joined = {"and", ",", "well"} & set(between)
        if {",", "and"} <= set(between) and w.DEFINITE & set(between):  # ", and the volume …" opens a new clause
            return
        if not joined or not 0 <= k < len(tokens) or tokens[k].cue in ("", "voice", "speech", "person"):
            return
        if tokens[k].linked or not _fits(tokens, i, k):
            return
        if step > 0 and k + 1 < len(tokens) and (tokens[k + 1].text in _OWN_PREDICATE or tokens[k + 1].value):
            return
        tokens[k].linked = True
        yield k
        at = k


def _is_negated(tokens: list[_Token], i: int) -> bool:
    for k in range(i - 1, max(-1, i - NEGATION_REACH), -1):
        token, after = tokens[k], tokens[k + 1].text
        if token.kind == "negation":
            return not (token.text == "not" and after in ("only", "just", "merely", "simply"))
        if token.text in w.DEFINITE:
            return k > 0 and (tokens[k - 1].text == "without" or (k > 1 and tokens[k - 2].text in ("lack", "absence")))
        if token.text in (",", "but", "yet") or (token.text == "and" and after in ("a", "an")):
            return False
        if PAUSE.fullmatch(token.text):  # "without a pause and low energy": the pause is what is denied
            return False
        if token.value is not None and after not in ("or", "nor"):
            return False
    return False


def _is_expected(tokens: list[_Token], i: int, j: int | None) -> bool:
    """Whether the value is what someone would expect. What "the", "his" … point at is there, whatever is expected of it."""
    first = i if j is None else min(i, j)
    last = i if j is None else max(i, j)
    if any(t.text in w.EXPECTING for t in tokens[first : min(last + 2, len(tokens))]):
        return not _is_definite(tokens, first) or (j is not None and j < i)
    return any(t.text in w.EXPECTING for t in tokens[:first]) and not _is_definite(tokens, first)


def _is_definite(tokens: list[_Token], first: int) -> bool:
    for k in range(first - 1, max(-1, first - 5), -1):
        if tokens[k].text in w.DEFINITE:
            return True
        if tokens[k].text in ("a", "an", "any") or tokens[k].text in w.EXPECTING:
            return False
    return False
