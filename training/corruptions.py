"""Damage an explanation in a named way, and know the four scores that it deserves afterwards.

Each *kind* belongs to one dimension of the reward model and has three degrees. It takes the sentences of a text and gives them
back damaged, or None where there is nothing to damage. Kinds have names so that a reward model can be tried on damage that it
was not trained on.

Scores follow the anchors (`training.judge.ANCHORS`). What can be counted is counted on the damaged text itself, whatever was meant
to happen (`training.counted_scores`); the rest follows from the kind and its degree. Sentences are damaged last, and the other
three scores are read before that.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

from emotionthinker.grounding import CONTRADICTED, verify_claims
from training import template_phrases as phrases
from training.cot_prompt import names
from training.counted_scores import COMPLETENESS, FACTUAL, FLUENCY, INTERPRETATIVE, VOICE
from training.sentences import sentence_pool

Record = Mapping[str, Any]
Damage = Callable[[list[str], Record, int, random.Random], list[str] | None]  # sentences, record, degree 1–3

DEGREES = (1, 2, 3)

_SENTENCE = re.compile(r'(?<=[.!?])(?=\s+[A-Z"“(])|(?<=[.!?]["”])(?=\s+[A-Z"“(])')
_PAIRS = (
    ("high", "low"), ("higher", "lower"), ("raised", "lowered"), ("high-pitched", "low-pitched"), ("shrill", "deep"),
    ("elevated", "lowered"), ("loud", "soft"), ("loudly", "softly"), ("louder", "softer"), ("powerful", "weak"), ("strong", "weak"),
    ("loud", "quiet"), ("fast", "slow"), ("quick", "slow"), ("rapid", "slow"), ("brisk", "slow"), ("quickly", "slowly"),
    ("faster", "slower"), ("wide", "narrow"), ("widely", "little"), ("large", "small"), ("a lot", "little"), ("rising", "falling"),
    ("rises", "falls"), ("goes up", "goes down"), ("upward", "downward"), ("lively", "flat"), ("varied", "flat"),
    ("expressive", "flat"), ("animated", "monotonous"), ("normal", "very high"), ("medium", "very high"), ("average", "very high"),
    ("moderate", "very high"), ("ordinary", "very high"),
)  # fmt: skip
OPPOSITES = dict(reversed([*_PAIRS, *((b, a) for a, b in _PAIRS if not b.startswith("very"))]))  # the first of a word counts
_OPPOSITE = re.compile(r"(?<![\w-])(" + "|".join(sorted(map(re.escape, OPPOSITES), key=len, reverse=True)) + r")(?![\w-])", re.I)
_OTHER_SEX = {
    "man": "woman", "woman": "man", "male": "female", "female": "male", "he": "she", "she": "he", "his": "her", "him": "her",
    "her": "his", "man's": "woman's", "woman's": "man's", "men": "women", "women": "men",
}  # fmt: skip
_NO_SEX = {
    "man": "person", "woman": "person", "male": "single", "female": "single", "he": "the speaker", "she": "the speaker",
    "his": "the", "her": "the", "him": "the speaker", "man's": "person's", "woman's": "person's", "men": "people",
    "women": "people",
}  # fmt: skip
_PERSON = re.compile(r"\b(" + "|".join(sorted(_OTHER_SEX, key=len, reverse=True)) + r")\b", re.I)
_QUOTED = re.compile(r'"[^"]*"|“[^”]*”')
_REASONING = re.compile(
    r"\b(?:suggest\w*|seem\w*|hint\w*|point\w*|fit\w*|because|since|given|judging|impression|unlikely|likely|rather than|against|"
    r"yet|typical|expect|possible|doubt|weaken\w*|argu\w+|mostly for|thanks to|separates?|takes? (?:him|her|the)|feels?|"
    r"comes? across)\b",
    re.I,
)
_TONES = tuple(tone for tones in phrases.TONES.values() for tone in tones)
_ABOUT_WORDS = re.compile(r"\b(?:words?|wording|text|content|sentence)\b", re.I)
FILLERS = (
    "As said before, this is what it is.",
    "It goes without saying that much could be said here.",
    "In other words, the same again.",
    "That is to say, one could put it that way as well.",
    "All of this is, so to speak, how it is.",
    "Needless to say, there is not more to add to it.",
)
_INVENTED = {"pitch": ("high", "low"), "energy": ("high", "low"), "speed": ("fast", "slow"), "range": ("wide", "narrow")}
_SOMEONE = {"d": "", "he": "the speaker", "his": "the", "him": "them"}


@dataclass(frozen=True)
class Kind:
    """dimension: which score it lowers; damage: how; score: what that score is at degree 1, 2, 3, None where it is counted."""

    dimension: str
    damage: Damage
    score: tuple[int, int, int] | None = None


def split_sentences(text: str) -> list[str]:
    """The sentences of a text; a full stop within quotes does not end one."""
    text = text.strip()
    masked = _QUOTED.sub(lambda m: m[0][0] + "_" * (len(m[0]) - 3) + m[0][-2:] if len(m[0]) > 2 else m[0], text)
    edges = [0, *(m.end() for m in _SENTENCE.finditer(masked)), len(text)]
    return [part for a, b in pairwise(edges) if (part := text[a:b].strip())]


# ---- facts


def _swap_in_claims(
    sentences: list[str], record: Record, degree: int, rng: random.Random, attributes: Sequence[str]
) -> list[str] | None:
    """Words of claims about these attributes turned into their opposites, until `degree` cues are wrong (3: all)."""
    text = " ".join(sentences)
    chosen = sorted({c.attribute for c in verify_claims(text, record) if c.attribute in attributes and c.verdict == "supported"})
    rng.shuffle(chosen)
    wrong = 0
    for attribute in chosen:
        if wrong >= (len(chosen) if degree == 3 else degree):
            break
        changed = _swap_attribute(text, record, attribute)
        if changed is not None:
            text, wrong = changed, wrong + 1
    return split_sentences(text) if wrong else None


def _swap_attribute(text: str, record: Record, attribute: str) -> str | None:
    """Every claim about one attribute turned into its opposite; None unless that makes one of them wrong."""
    for claim in reversed([c for c in verify_claims(text, record) if c.attribute == attribute]):
        part = _OPPOSITE.sub(lambda m: _as_written(OPPOSITES[m[1].lower()], m[1]), claim.text, count=1)
        text = text[: claim.start_char] + part + text[claim.end_char :]
    text = re.sub(r"\b([Aa]) (?=[aeioAEIO])", r"\1n ", re.sub(r"\b([Aa])n (?=[^aeiouAEIOU\W])", r"\1 ", text))
    return text if any(c.attribute == attribute and c.verdict == CONTRADICTED for c in verify_claims(text, record)) else None


def _as_written(word: str, like: str) -> str:
    return word[:1].upper() + word[1:] if like[:1].isupper() else word


def opposite_levels(sentences: list[str], record: Record, degree: int, rng: random.Random) -> list[str] | None:
    """Levels of pitch, range, energy or speed become their opposites in `degree` claims; None where too few can."""
    return _swap_in_claims(sentences, record, degree, rng, ("pitch_level", "pitch_range", "energy_level", "speed_level"))


def opposite_contour(sentences: list[str], record: Record, degree: int, rng: random.Random) -> list[str] | None:
    """The melody becomes another one in `degree` claims; None where too few can."""
    return _swap_in_claims(sentences, record, degree, rng, ("intonation",))


def other_sex(sentences: list[str], record: Record, degree: int, rng: random.Random) -> list[str] | None:
    """The speaker's sex turned round; at higher degrees with levels that are wrong too."""
    if record.get("gender") not in ("Male", "Female"):
        return None
    changed = _people(sentences, _OTHER_SEX)
    if changed == sentences:
        return None
    return changed if degree == 1 else opposite_levels(changed, record, degree, rng) or changed


def _people(sentences: list[str], table: Mapping[str, str]) -> list[str]:
    """Words for people exchanged, outside quotes."""
    out = []
    for sentence in sentences:
        pieces, last = [], 0
        for quote in [*_QUOTED.finditer(sentence), None]:
            until = quote.start() if quote else len(sentence)
            pieces.append(_PERSON.sub(lambda m: _as_written(table[m[1].lower()], m[1]), sentence[last:until]))
            if quote:
                pieces.append(quote[0])
                last = quote.end()
        out.append("".join(pieces))
    return out


def other_words(sentences: list[str], record: Record, degree: int, rng: random.Random) -> list[str] | None:
    """The quoted words replaced by words that nobody said; at higher degrees with levels that are wrong too."""
    if not record.get("transcription") or not any(_QUOTED.search(s) for s in sentences):
        return None
    invented = rng.choice(_other_sentences()).strip(" .,;:!?").replace('"', "'")
    changed = [_QUOTED.sub(lambda m: f'"{invented}"' if _is_quote(m[0], record) else m[0], s) for s in sentences]
    if not any(c.attribute == "quote" and c.verdict == CONTRADICTED for c in verify_claims(" ".join(changed), record)):
        return None
    return changed if degree == 1 else opposite_levels(changed, record, degree, rng) or changed


def _is_quote(quoted: str, record: Record) -> bool:
    """Whether words in quotes are what was said, and not a word that is called stressed."""
    return len(quoted.split()) > 2 or len(str(record.get("transcription") or "").split()) <= 2


@lru_cache(maxsize=1)
def _other_sentences() -> list[str]:
    return list(sentence_pool(256, seed=3, split="train"))


def invented_cues(sentences: list[str], record: Record, degree: int, rng: random.Random) -> list[str] | None:
    """Sentences added that state what was measured otherwise."""
    made = []
    for kind, levels in _INVENTED.items():
        for level in levels:
            words = rng.choice(phrases.PHRASES[kind, level]["cl"]).format_map(_SOMEONE)
            sentence = f"One can also hear that {words}."
            if any(c.verdict == CONTRADICTED for c in verify_claims(sentence, record)):
                made.append(sentence)
                break  # not both "high" and "low" of one cue
    if not made:
        return None
    rng.shuffle(made)
    at = max(1, len(sentences) // 2)
    return [*sentences[:at], *made[: degree + (degree == 3)], *sentences[at:]]


# ---- the link from cues to the emotion


def _links(sentences: Sequence[str]) -> list[int]:
    """Indices of the sentences, the last one left aside, that reason: they tie a cue to an impression or weigh another emotion.

    In a text of the template writer these are the one with the tone and those after it that are not about the words.
    """
    plain = [_QUOTED.sub("", sentence) for sentence in sentences[:-1]]
    tone = next((i for i, sentence in enumerate(plain) if any(tone in sentence for tone in _TONES)), len(plain))
    return [
        i
        for i, sentence in enumerate(plain)
        if i == tone
        or (i > tone and not _ABOUT_WORDS.search(sentence))
        or _REASONING.search(sentence)
        or any(names(sentence, e) for e in phrases.NOUNS)
    ]


def reasons_dropped(sentences: list[str], record: Record, degree: int, rng: random.Random) -> list[str] | None:
    """Sentences that reason taken out: the last of them, all, all with the conclusion."""
    links = _links(sentences)
    if not links:
        return None
    gone = set(links[-1:] if degree == 1 else links) | ({len(sentences) - 1} if degree == 3 else set())
    kept = [s for i, s in enumerate(sentences) if i not in gone]
    return kept if kept and len(kept) < len(sentences) else None


def conclusion_swapped(sentences: list[str], record: Record, degree: int, rng: random.Random) -> list[str] | None:
    """The last sentence names an emotion that the reasoning did not lead to; before it, the reasoning is kept (1), cut to its
    first sentence (2), or gone (3)."""
    emotion = str(record["emotion"])
    canonical = phrases.ALIASES.get(emotion, emotion)
    others = [e for e in phrases.EXPECTED if e not in (canonical, "contempt") and e in phrases.NOUNS]
    if not sentences or not names(sentences[-1], emotion) or not others:
        return None
    other = rng.choice(sorted(others))
    links = _links(sentences)
    gone = set(links[1:] if degree == 2 else links if degree == 3 else ())
    body = [s for i, s in enumerate(sentences[:-1]) if i not in gone]
    return [*body, f"All in all, the voice sounds {phrases.SOUNDS.get(other, 'like ' + phrases.NOUNS[other])}."]


def alternative_concluded(sentences: list[str], record: Record, degree: int, rng: random.Random) -> list[str] | None:
    """The emotion concluded with is weighed against itself: "the nearest other reading would be anger. The voice sounds angry."

    Of the other reasoning all is kept (1), one sentence (2), or none (3). A policy whose reward never met it drifts there (LOG.md).
    """
    emotion = str(record["emotion"])
    canonical = phrases.ALIASES.get(emotion, emotion)
    if canonical not in phrases.NOUNS or not names(sentences[-1], emotion):
        return None
    nouns = [noun for other, noun in phrases.NOUNS.items() if other != canonical]
    wordings = sorted({*nouns, *(noun.removeprefix("a ") for noun in nouns)}, key=len, reverse=True)
    other = re.compile(rf"\b({'|'.join(wordings)})\b", re.I)
    links = _links(sentences)
    weighed = [i for i in links if other.search(_QUOTED.sub("", sentences[i]))]
    if not weighed:
        return None
    gone = set(links[1:] if degree == 2 else links if degree == 3 else ()) - set(weighed)
    out = list(sentences)
    for i in weighed:
        out[i] = other.sub(lambda m: _as_written(phrases.NOUNS[canonical], m[1]), sentences[i])
    return [sentence for i, sentence in enumerate(out) if i not in gone]


def bare_assertion(sentences: list[str], record: Record, degree: int, rng: random.Random) -> list[str] | None:
    """Reasoning replaced by the plain statement that it is so; at degree 3 the cues before it are not even named."""
    links = _links(sentences)
    if not links:
        return None
    noun = phrases.NOUNS.get(str(record["emotion"]), str(record["emotion"]))
    said = [f"One simply notices {noun} here.", f"It is {noun}, and that is all there is to it."]
    replaced = set(links[:1] if degree == 1 else links)
    body = [s for i, s in enumerate(sentences[:-1]) if i not in replaced]
    if degree == 3:
        body = body[:1]
    return [*body, *said[: min(degree, 2)], sentences[-1]]


# ---- what is there


def cues_dropped(sentences: list[str], record: Record, degree: int, rng: random.Random) -> list[str] | None:
    """Sentences that state cues of the voice taken out: one, half, all."""
    about = [i for i, s in enumerate(sentences[:-1]) if any(c.attribute in VOICE for c in verify_claims(s, record))]
    if not about:
        return None
    rng.shuffle(about)
    gone = set(about[: {1: 1, 2: max(2, len(about) // 2), 3: len(about)}[degree]])
    kept = [s for i, s in enumerate(sentences) if i not in gone]
    return kept if len(kept) >= 2 else None


def speaker_dropped(sentences: list[str], record: Record, degree: int, rng: random.Random) -> list[str] | None:
    """Who speaks taken out; at higher degrees cues too."""
    changed = _people(sentences, _NO_SEX)
    if changed == sentences:
        return None
    return changed if degree == 1 else cues_dropped(changed, record, degree - 1, rng) or changed


def words_dropped(sentences: list[str], record: Record, degree: int, rng: random.Random) -> list[str] | None:
    """The quoted words and what is said of them taken out; at higher degrees cues too."""
    quoting = [any(_is_quote(q, record) for q in _QUOTED.findall(s)) for s in sentences]
    gone = {i for i, s in enumerate(sentences) if quoting[i] or _ABOUT_WORDS.search(_QUOTED.sub("", s))}
    kept = [s for i, s in enumerate(sentences) if i not in gone]
    if not gone or len(kept) < 2:
        return None
    return kept if degree == 1 else cues_dropped(kept, record, degree - 1, rng) or kept


def cues_repeated(sentences: list[str], record: Record, degree: int, rng: random.Random) -> list[str] | None:
    """One cue named where others were: "a high pitch and also a high pitch". In the place of one other, of two, of all.

    A policy that is paid by a model which never met this comes to write it (LOG.md).
    """
    text = " ".join(sentences)
    claims = [c for c in verify_claims(text, record) if c.attribute in VOICE]
    if not claims:
        return None
    kept = rng.choice(claims)
    others = [c for c in claims if c.attribute != kept.attribute and c.end_char - c.start_char > 1]
    if not others:
        return None
    # Best where it reads on: in the place of a phrase of as many words.
    others.sort(key=lambda c: (abs(len(c.text.split()) - len(kept.text.split())), rng.random()))
    for claim in sorted(others[: len(others) if degree == 3 else degree], key=lambda c: c.start_char, reverse=True):
        text = text[: claim.start_char] + kept.text + text[claim.end_char :]
    return split_sentences(text)


# ---- sentences and their order


def sentences_shuffled(sentences: list[str], record: Record, degree: int, rng: random.Random) -> list[str] | None:
    """Two neighbours exchanged; all but the last shuffled; all, the conclusion first."""
    if len(sentences) < 4 or len(set(sentences[:-1])) < 2:
        return None
    out = list(sentences)
    if degree == 1:
        i = rng.randrange(len(out) - 2)
        out[i], out[i + 1] = out[i + 1], out[i]
        return out
    body = out[:-1]
    while body == out[:-1]:
        rng.shuffle(body)
    return [*body, out[-1]] if degree == 2 else [out[-1], *body]


def sentences_repeated(sentences: list[str], record: Record, degree: int, rng: random.Random) -> list[str] | None:
    """Sentences said again later: one, half, all."""
    n = {1: 1, 2: max(2, len(sentences) // 2), 3: len(sentences)}[degree]
    out = list(sentences)
    for i in rng.sample(range(len(sentences)), min(n, len(sentences))):
        out.insert(rng.randint(out.index(sentences[i]) + 1, len(out)), sentences[i])
    return out


def words_scrambled(sentences: list[str], record: Record, degree: int, rng: random.Random) -> list[str] | None:
    """The order of words broken in one sentence, in half, in all."""
    long = [i for i, s in enumerate(sentences) if len(s.split()) >= 5]
    if not long:
        return None
    rng.shuffle(long)
    broken = set(long[: {1: 1, 2: max(2, len(long) // 2), 3: len(long)}[degree]])
    return [_scrambled(s, rng) if i in broken else s for i, s in enumerate(sentences)]


def _scrambled(sentence: str, rng: random.Random) -> str:
    words = sentence.split()
    mixed = list(words)
    while mixed == words and len(set(words)) > 1:
        rng.shuffle(mixed)
    return " ".join(mixed)


def filler_added(sentences: list[str], record: Record, degree: int, rng: random.Random) -> list[str] | None:
    """Sentences that say nothing put in between: one, three, after every sentence."""
    n = {1: 1, 2: 3, 3: len(sentences)}[degree]
    out = list(sentences)
    for i in range(n):
        out.insert(rng.randint(1, len(out)), FILLERS[(rng.randrange(len(FILLERS)) + i) % len(FILLERS)])
    return out


KINDS: dict[str, Kind] = {
    "opposite_levels": Kind(FACTUAL, opposite_levels),
    "opposite_contour": Kind(FACTUAL, opposite_contour),
    "other_sex": Kind(FACTUAL, other_sex),
    "other_words": Kind(FACTUAL, other_words),
    "invented_cues": Kind(FACTUAL, invented_cues),
    "reasons_dropped": Kind(INTERPRETATIVE, reasons_dropped, (4, 3, 2)),
    "conclusion_swapped": Kind(INTERPRETATIVE, conclusion_swapped, (2, 1, 1)),
    "alternative_concluded": Kind(INTERPRETATIVE, alternative_concluded, (3, 2, 1)),
    "bare_assertion": Kind(INTERPRETATIVE, bare_assertion, (4, 3, 2)),
    "cues_dropped": Kind(COMPLETENESS, cues_dropped),
    "speaker_dropped": Kind(COMPLETENESS, speaker_dropped),
    "words_dropped": Kind(COMPLETENESS, words_dropped),
    "cues_repeated": Kind(COMPLETENESS, cues_repeated),
    "sentences_shuffled": Kind(FLUENCY, sentences_shuffled, (4, 3, 2)),
    "sentences_repeated": Kind(FLUENCY, sentences_repeated, (4, 2, 1)),
    "words_scrambled": Kind(FLUENCY, words_scrambled, (3, 2, 1)),
    "filler_added": Kind(FLUENCY, filler_added, (4, 3, 2)),
}

