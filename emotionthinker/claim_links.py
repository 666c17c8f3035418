"""Links what is said to what it is said of: in "the pitch is high but falling" both values describe the pitch.

Words are read as cues ("pitch"), values ("high") and negations by the tables of `claim_words` and `claim_phrases`. Each
value is linked to the cue that it describes, which stands after it ("a high pitch") or before it in the same clause ("the
pitch is high"). What is expected rather than observed ("anger would have a high pitch") is no statement.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from emotionthinker import claim_words as w
from emotionthinker.claim_parts import FILLER, Found, Statement, where_said
from emotionthinker.claim_tokens import TOPICS, Token, read_tokens
from emotionthinker.claim_words import Stated

FARTHEST = 14  # words between a cue and a value said of it
NEGATION_REACH = 6  # words between a negation and the value it denies

_PAUSE = re.compile(r"pauses?|hesitations?|breaks?|silences?|gaps?")
_DETERMINERS = w.DEFINITE | {"a", "an"}
_JOINTS = {"and", "but", "while", "whereas", ",", ":", "so"}
_OWN_PREDICATE = {"is", "are", "was", "were", "that", "which", "over", "within", "stays", "sits", "lies", "moves", "remains"}
_OF_OTHER_VALUE = -1  # the cue after it is described by another value: "steady medium speed"
_MOVING = {"rising", "falling", "rising-falling", "falling-rising", "expressive"}
_END_WORDS = {"end", "ends", "close", "finish", "last", "final"}
_SHAPES = {"glide", "note", "movement", "turn", "slope", "line", "curve", "tone", "inflection", "trend", "path", "course"}
_CHANGES = {"rising", "falling", "steady"}
_WITH_NOTES = w.DEGREES | w.HEDGES | w.DOUBTS | {"and", "a", "but", "not", "than"}
_OPEN_SUBJECTS = {"it", "that", "which", "this", "everything", "all", "who", "and", "nothing", "there"}
_OUTER = {"high", "low", "fast", "slow", "wide", "narrow"}  # levels that may be very much so
_COMPARATIVE = re.compile(r"(?:\w\w+er|above|over|beyond|exceeds?|below|under|beneath)\b")
_OPPOSITE = {"high": "low", "low": "high", "fast": "slow", "slow": "fast", "wide": "narrow", "narrow": "wide"}


def voice_statements(plain: str, start: int, end: int, topic: str = "") -> tuple[list[Found], str]:
    """Statements about the voice in characters start to end of a lower-case text whose quotes are filled.

    topic: the kind of cue that the sentence before was about, which "it" may stand for. Returned are the statements, each with
    the characters of the words that carry it (fewer where two statements share a cue), and the topic of this sentence.
    """
    tokens = read_tokens(plain, start, end, topic)
    links: list[tuple[int, int | None, tuple[str, str]]] = []  # value, its cue, (attribute, value)
    for i, token in enumerate(tokens):
        if token.value is None or _is_reference(tokens, i):
            continue
        j = _cue_after(tokens, i)
        if j == _OF_OTHER_VALUE:
            continue
        if j is None:
            j = _cue_before(tokens, i)
        stated = token.value.of[_kind(tokens, j)] if j is not None else _without_cue(tokens, i, bool(links))
        if stated is not None and _is_equalled(tokens, i):
            stated = (stated[0], "normal")
        if stated is None or _is_open(tokens, i) or _is_expected(tokens, i, j):
            continue
        links.append((i, j, stated))
        if j is not None:
            tokens[j].linked = True
    found: list[Found] = []
    for i, j, stated in links:
        found += _statements(plain, (start, end), tokens, i, j, stated)
    topics = [_kind(tokens, k) for k, t in enumerate(tokens) if t.cue in TOPICS]
    return found, topics[-1] if topics else ""


def _is_equalled(tokens: list[Token], i: int) -> bool:
    """Whether the value i is that of most: "as fast as most", "as loud as the average speaker"."""
    after = [t.text for t in tokens[i + 1 : i + 4]]
    return (
        i > 0 and tokens[i - 1].text == "as" and after[:1] == ["as"] and bool({"most", "other", "others", "average"} & set(after))
    )


def _is_reference(tokens: list[Token], i: int) -> bool:
    """Whether the value i is what another is compared with: "higher than (is) average", "well up from the usual pitch"."""
    before = [t.text for t in tokens[max(0, i - 2) : i]]
    value = tokens[i].value
    return "than" in before or ("from" in before and value is not None and value.of == w.NORMAL_OF)


def _without_cue(tokens: list[Token], i: int, others: bool) -> Stated | None:
    """What the value i states where it is said of no cue; others: whether the sentence has stated something before."""
    value = tokens[i].value
    assert value is not None
    if value.alone and not _describes_other_noun(tokens, i) and not _has_other_subject(tokens, i):
        return value.alone
    if value.note and i > 0 and tokens[i - 1].text == "nothing":  # "nothing slow about it"
        return value.note
    if value.note and (others or value.note[0] != "pitch_level" or tokens[i].text.startswith("deep")) and _is_note(tokens, i):
        return value.note
    return None


def _statements(
    plain: str, sentence: tuple[int, int], tokens: list[Token], i: int, j: int | None, stated: Stated
) -> Iterator[Found]:
    """The statement that the value i makes, and those that it makes of other cues that share it."""
    token = tokens[i]
    start = token.start if j is None else min(token.start, tokens[j].start)
    end = token.end if j is None else max(token.end, tokens[j].end)
    where = where_said(plain, token.start, token.end, sentence)
    negated, less = _is_negated(tokens, i), i > 0 and tokens[i - 1].text == "less"
    hedged = any(t.text in w.HEDGES or t.text == "little" for t in tokens[max(0, i - 2) : i])
    value = _OPPOSITE.get(stated[1], stated[1]) if less else stated[1]
    where = "" if value in _CHANGES and stated[0] != "intonation" else where
    first = None if hedged or less else _intensified_from(tokens, i)
    carried = token.start
    if first is not None and value in _OUTER:
        start, carried = min(start, first), first
    very = first is not None and value in _OUTER
    yield carried, token.end, Statement(start, end, stated[0], tuple(value.split("/")), negated, hedged, very, where)
    for k in _coordinated(tokens, i, j):
        assert token.value is not None
        attribute, value = token.value.of[_kind(tokens, k)]
        cue, values = tokens[k], tuple(value.split("/"))
        yield cue.start, cue.end, Statement(cue.start, cue.end, attribute, values, negated, hedged, very, where)


def _is_manner_of(text: str) -> bool:
    """Whether a word may stand between "very" and a value without changing how much of it there is."""
    return text.endswith("ly") and text not in w.INTENSIFIERS | w.HEDGES


def _intensified_from(tokens: list[Token], i: int) -> int | None:
    """Where the words begin that make the value i a strong one, "very high", "much louder than usual"; None without such words."""
    if re.search(r"\bvery (?:little|less)\b", tokens[i].text):  # "varies very little" is one value
        return tokens[i].start
    k = i - 1
    while k >= 0 and (tokens[k].text == "more" or _is_manner_of(tokens[k].text)):
        k -= 1  # "very noticeably high", "much more quickly"
    if k < 0:
        return None
    text, before = tokens[k].text, tokens[k - 1] if k else None
    if text in w.FURTHER:
        compared = tokens[k + 1].text == "more" or _COMPARATIVE.match(tokens[i].text)
        return tokens[k].start if compared and (text != "lot" or (before is not None and before.text == "a")) else None
    if text == "really" and before is not None and before.kind == "negation":  # "not really high" is not high
        return None
    return tokens[k].start if text in w.INTENSIFIERS else None


def _kind(tokens: list[Token], j: int) -> str:
    return "range" if tokens[j].cue == "bare range" else tokens[j].cue


def _fits(tokens: list[Token], i: int, j: int) -> bool:
    """Whether the value i can be said of the cue j.

    A bare "range" is a cue only where pitch moves "over" it or the value is of width; "within the normal range" says
    where something lies, not how far it moves.
    """
    value = tokens[i].value
    assert value is not None
    if tokens[j].cue == "bare range":
        of_other = j + 1 < len(tokens) and tokens[j + 1].text == "of"  # "a wide range of emotions"
        if of_other or "range" not in value.of:
            return False
        if j < i and (j == 0 or tokens[j - 1].text in w.DEFINITE or tokens[j - 1].kind == "punctuation"):
            return True
        melodic = any(t.cue in ("pitch", "intonation", "melody", "voice") for t in tokens[:j])
        if j == i + 1 and value.of["range"] in (w.WIDE, w.NARROW) and not melodic:
            return True
        moves = any(t.text in ("over", "across", "through", "spans", "covers") for t in tokens[max(0, i - 4) : i])
        width = value.of.get("pitch", ("pitch_range", ""))[0] == "pitch_range"
        return melodic and (moves or width)
    moves = value.of.get("speech", ("", ""))[1] in _MOVING
    if moves and tokens[j].cue == "speech":  # "the question rises" says nothing of pitch, "the question rises at its end" does
        return any(t.text in _END_WORDS for t in tokens[max(0, i - 6) : i + 7])
    return tokens[j].cue in value.of


def _cue_after(tokens: list[Token], i: int) -> int | None:
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
                if not any(other[0] == attribute for other in between):
                    return j
                apart = any(t.kind == "punctuation" or t.text in ("and", "but", "yet") for t in tokens[first:j])
                return None if apart else _OF_OTHER_VALUE
            if not headed or token.cue not in ("speech", "person", "voice"):
                return None
        elif token.value is None and token.text not in w.BETWEEN and not _is_adjective(tokens, j):
            return None
    return None


def _is_adjective(tokens: list[Token], j: int) -> bool:
    """Whether a word that is in no table may describe the cue right after it: "a deep, resonant voice"."""
    token = tokens[j]
    unknown = token.kind == "word" and token.text not in w.AFTER_PREDICATE | w.DEFINITE | w.JUDGING | w.SEEMING
    return unknown and len(token.text) > 3 and j + 1 < len(tokens) and tokens[j + 1].kind == "cue"


def _is_of_other_noun(tokens: list[Token], i: int) -> bool:
    """Whether an article before the value i shows that it belongs to a noun: "creates a subdued and sad impression"."""
    shape = i + 1 < len(tokens) and tokens[i + 1].text in _SHAPES
    if tokens[i].value.verb and (shape or " " in tokens[i].text):  # type: ignore[union-attr]
        return False
    k = i - 1
    while k >= 0 and (tokens[k].value or tokens[k].text in ("very", "rather", "more", "and", ",") or tokens[k].text.endswith("ly")):
        k -= 1
    return k >= 0 and tokens[k].text in ("a", "an") and tokens[k + 1].text not in ("little", "bit")


def _describes_other_noun(tokens: list[Token], i: int) -> bool:
    """Whether an adjective is followed by a noun that is no cue: "a low mood"."""
    value = tokens[i].value
    assert value is not None
    if value.verb or i + 1 >= len(tokens):
        return False
    after = tokens[i + 1]
    return (after.kind == "word" and after.text not in w.AFTER_PREDICATE and not after.text.endswith("ly")) and not tokens[
        i
    ].text.endswith("ly")


def _cue_before(tokens: list[Token], i: int) -> int | None:
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
            if _fits(tokens, i, k) and not _is_place(tokens, k, i):
                return k
            if token.cue not in ("speech", "person", "bare range") and token.text != "it":
                return None
    return None


def _is_place(tokens: list[Token], k: int, i: int) -> bool:
    """Whether the cue k is where something else moves: "the tension in the voice rises"."""
    value = tokens[i].value
    moves = value is not None and value.verb and "intonation" in value.of
    inside = k > 1 and tokens[k - 1].text in w.DEFINITE and tokens[k - 2].text == "in"
    return moves and tokens[k].cue == "voice" and inside and k > 2 and tokens[k - 3].kind == "word"


def _coordinated(tokens: list[Token], i: int, j: int | None) -> Iterator[int]:
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


def _is_negated(tokens: list[Token], i: int) -> bool:
    for k in range(i - 1, max(-1, i - NEGATION_REACH), -1):
        token, after = tokens[k], tokens[k + 1].text
        if token.kind == "negation":
            return not (token.text == "not" and after in ("only", "just", "merely", "simply"))
        if token.text in w.DEFINITE:
            return k > 0 and (tokens[k - 1].text == "without" or (k > 1 and tokens[k - 2].text in ("lack", "absence")))
        if token.text in (",", "but", "yet") or (token.text == "and" and after in ("a", "an")):
            return False
        if _PAUSE.fullmatch(token.text):  # "without a pause and low energy": the pause is what is denied
            return False
        if token.value is not None and after not in ("or", "nor"):
            return False
    return False


def _has_other_subject(tokens: list[Token], i: int) -> bool:
    """Whether the value i is said of a noun that is no cue: "the traffic is loud"."""
    k = i - 1
    while k >= 0 and (tokens[k].text in w.DEGREES | w.HEDGES or tokens[k].kind == "negation"):
        k -= 1
    if k < 1 or tokens[k].text not in w.COPULAS | w.SEEMING:
        return False
    subject = tokens[k - 1]
    return subject.kind == "word" and subject.text not in _OPEN_SUBJECTS and not subject.text.startswith(FILLER)


def _is_note(tokens: list[Token], i: int) -> bool:
    """Whether the value i is an item of its own: "loud, very fast, sounds furious", "slower than usual, he …"."""
    after = tokens[i + 1] if i + 1 < len(tokens) else None
    compared = after is not None and after.text == "than"
    if not (after is None or compared or after.text in (",", "/", "and", "but", ")", "though", "yet") or after.text in ("–", "—")):
        return False
    k = i - 1
    while k >= 0 and (tokens[k].value or tokens[k].text in _WITH_NOTES):
        k -= 1
    if k >= 0 and tokens[k].text not in (",", "/"):
        return False
    before = tokens[: max(k, 0)]
    copulas = [n for n, t in enumerate(before) if t.text in w.COPULAS]
    return all(n > 0 and before[n - 1].text not in w.DEFINITE and before[n - 1].kind != "word" for n in copulas)


def _is_open(tokens: list[Token], i: int) -> bool:
    """Whether it is left open that the value i holds: "whether the pitch rises", "how fast", "if the voice were loud"."""
    for k in range(i - 1, -1, -1):
        text = tokens[k].text
        if text == "whether" or (text == "how" and k == i - 1):
            return True
        if text in ("if", "unless") and not (k > 0 and tokens[k - 1].text == "even"):
            return True
        if k == 0 and text in ("had", "were", "should"):
            return True
        if tokens[k].kind == "punctuation" and text == ",":
            return False
    return False


def _is_expected(tokens: list[Token], i: int, j: int | None) -> bool:
    """Whether the value is what someone would expect. What "the", "his" … point at is there, whatever is expected of it."""
    first = i if j is None else min(i, j)
    last = i if j is None else max(i, j)
    expecting = [k for k, token in enumerate(tokens) if token.text in w.EXPECTING and not _is_manner(tokens, k)]
    if any(first <= k < last + 2 for k in expecting):
        return not _is_definite(tokens, first) or (j is not None and j < i)
    # "the pitch is usually low and the range narrow"
    gapped = j is not None and j < i and not any(t.text in w.COPULAS for t in tokens[j:i])
    return any(k < first for k in expecting) and (gapped or not _is_definite(tokens, first))


def _is_manner(tokens: list[Token], k: int) -> bool:
    """Whether "normally" says how someone speaks: "she began normally and got louder"."""
    return tokens[k].text.endswith("ly") and (k + 1 == len(tokens) or tokens[k + 1].text in ("and", "but", ","))


def _is_definite(tokens: list[Token], first: int) -> bool:
    for k in range(first - 1, max(-1, first - 5), -1):
        if tokens[k].text in w.DEFINITE:
            return True
        if tokens[k].text in ("a", "an", "any") or tokens[k].text in w.EXPECTING:
            return False
    return False
