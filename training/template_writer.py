"""Writes explanations and captions from measured labels: the text that Nano learns to say.

A grammar, not a form letter: which cues are said follows from how salient they are; how they are joined, worded,
compared and weighed is drawn from the banks in `template_frames`, `template_reasons` and `template_phrases`. The writer
reads the record only, never the audio, and it says nothing that was not measured: a level is stated when its percentile
is at least six points away from the cut points, an uncertain intonation never.

Up to the sentence that says how the voice comes across, a text does not depend on the emotion: the same record and
seed begin with the same words whatever the emotion. In an earlier writer the choice of cues and whether words and voice
agree already gave it away, and a model that had put a word down by chance took it for evidence at the label (LOG.md).

    write_explanation(record, "angry", seed=7, split="train", labels=("angry", "sad"), transcript="I never said that")

About 0.2 ms a text, so augmented views of a recording can be described on the fly.
"""

from __future__ import annotations

import functools
import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from emotionthinker import words_voice
from training import template_frames as frames
from training import template_phrases as phrases
from training import template_reasons as reasons

CUTS = (100 / 3, 200 / 3)  # percentiles between low | normal | high: levels are tertiles
CUT_MARGIN = 6.0  # a level closer than this to a cut is not stated: a listener could not be sure of it either
MAX_QUOTED_WORDS = 12  # longer transcripts are quoted by their first words
QUOTED_START_WORDS = 7
MIN_WORDS = 50
MIN_BEFORE_TONE = 20  # words; fewer, and more cues are named before it is said how the voice comes across

_LEVELS = {
    "pitch": {"low": "low", "normal": "normal", "high": "high"},
    "range": {"low": "narrow", "narrow": "narrow", "normal": "normal", "high": "wide", "wide": "wide"},
    "energy": {"low": "low", "normal": "normal", "high": "high"},
    "speed": {"slow": "slow", "low": "slow", "normal": "normal", "fast": "fast", "high": "fast"},
}
_INTONATIONS = {"rising", "falling", "rising-falling", "falling-rising", "flat", "expressive"}
_PERSONS = {
    "Male": {"man": "man", "men": "men", "male": "male", "he": "he", "his": "his", "him": "him"},
    "Female": {"man": "woman", "men": "women", "male": "female", "he": "she", "his": "her", "him": "her"},
}
_NOBODY = {
    "man": "speaker",
    "men": "speakers",
    "male": "single",
    "he": "the speaker",
    "his": "the",
    "him": "the speaker",
}
_CHOICE = re.compile(r"\[([^\[\]]*)\]")
_NUMBER = re.compile(r"<(\w+)/(\w+)>")
_ARTICLE = re.compile(r"\b([Aa]) (?=[aeioAEIO])")
_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")


@dataclass(frozen=True)
class Cue:
    """One measured property that may be stated.

    Kind and value as in `template_phrases.PHRASES`; weight says how salient it is (0–50, as the distance of a
    percentile from the middle); words and where belong to stress.
    """

    kind: str
    value: str
    weight: float
    percentile: float | None = None
    words: tuple[str, ...] = ()
    where: str = ""


def write_explanation(
    record: Mapping[str, Any], emotion: str, *, seed: int, split: str, labels: Sequence[str], transcript: str | None
) -> str:
    """The reasoning that leads from a record to `emotion`: 50–120 words, the label last.

    `record` needs only levels, intonation, gender, stressed_words, pauses (each may be missing). `split` chooses the
    frames: "train" or "dev". `labels` are those among which alternatives are weighed; `transcript` is quoted, None or ""
    means that no words are given. The same arguments give the same text. Raises ValueError for an unknown split.
    """
    return explanation_with_frames(record, emotion, seed=seed, split=split, labels=labels, transcript=transcript)[0]


def write_description(record: Mapping[str, Any], *, seed: int, split: str) -> str:
    """A caption of speaker, prosody and words without an emotion, 30–60 words; quotes `record["transcription"]`."""
    draft = _Draft(record, record.get("transcription"), random.Random(f"describe|{split}|{seed}"), split)
    draft.open_with(draft.choose_cues(draft.rng.choice((3, 4, 4, 5))))
    draft.quote()
    for add in (draft.add_cue, draft.add_cue, lambda: draft.say(frames.CAPTION_END)):
        if draft.count() < 30:
            add()
    return draft.text()


def explanation_with_frames(
    record: Mapping[str, Any], emotion: str, *, seed: int, split: str, labels: Sequence[str], transcript: str | None
) -> tuple[str, list[str]]:
    """As `write_explanation`, with the frames that were used (for the share of texts per frame)."""
    draft = _Draft(record, transcript, random.Random(f"explain|{split}|{seed}"), split)
    rng = draft.rng
    draft.open_with(draft.choose_cues(rng.choice((2, 3, 3, 4))))
    if draft.transcript:
        draft.quote()
    elif rng.random() < 0.5:
        draft.say(frames.NO_WORDS)
    while draft.count() < MIN_BEFORE_TONE and draft.add_cue():
        pass
    draft.say(reasons.TONE, tone=tone_of(draft.spoken, emotion))

    # From here on the emotion may show: the cues that are usual for it, those that are not, the words, the alternative.
    fits, against = _for_and_against(draft.spoken, phrases.ALIASES.get(emotion, emotion))
    if fits:
        draft.say(reasons.BECAUSE, refs=fits[: rng.choice((1, 2, 2))])
    else:
        draft.say(reasons.BECAUSE_NONE)
    if against:
        draft.say(reasons.AGAINST, refs=against[: rng.choice((1, 1, 2))])
    if draft.transcript:
        draft.fit(emotion)
    weigh = rng.random() < (0.7 if against or not fits else 0.4)
    if weigh:
        draft.weigh_alternative(emotion, draft.spoken, labels)
    # Short texts get what was left out; the final sentence has four words or more.
    left_out: list[Callable[[], None]] = [lambda: draft.say(reasons.CAUTION)] * 2
    if not weigh:
        left_out.insert(0, lambda: draft.weigh_alternative(emotion, draft.spoken, labels))
    for add in left_out:
        if draft.count() >= MIN_WORDS - 4:
            break
        add()
    draft.say(reasons.FINAL, sounds=phrases.SOUNDS.get(emotion, f"like {emotion}"))
    return draft.text(), draft.used


def tone_of(spoken: Sequence[Cue], emotion: str) -> str:
    """How an emotion comes across in a text that names these cues: a word for it that the first cue suits."""
    first = spoken[0].value if spoken else ""
    place = 0 if first in phrases.ABOVE_USUAL else 1 if first in phrases.BELOW_USUAL else 2
    return phrases.TONES.get(phrases.ALIASES.get(emotion, emotion), phrases.OTHER_TONES)[place]


class _Draft:
    """Sentences under construction: knows the record's statable cues, who speaks and which frames were used."""

    def __init__(self, record: Mapping[str, Any], transcript: str | None, rng: random.Random, split: str) -> None:
        if split not in ("train", "dev"):
            raise ValueError(f'split is "{split}"; allowed are "train" and "dev": choose one of them.')
        self.rng, self.split = rng, split
        words = " ".join((transcript or "").replace('"', "'").split())
        self.transcript = words if _WORD.search(words) else ""  # "…" are no words
        self.gender = record.get("gender")
        self.person = _PERSONS.get(str(self.gender), _NOBODY)
        self.cues = measured_cues(record, self.transcript)
        self.spoken: list[Cue] = []
        self.sentences: list[str] = []
        self.used: list[str] = []
        self.cue_sentences = 0  # how many sentences at the start name cues: later cues go in after them

    def choose_cues(self, n: int) -> list[Cue]:
        """The n most salient cues, the first first."""
        ranked = sorted(self.cues, key=lambda cue: cue.weight + self.rng.uniform(0, 14), reverse=True)
        self.spoken = ranked[:n]
        return self.spoken

    def open_with(self, chosen: list[Cue]) -> None:
        """Who speaks and all chosen cues, in one to three sentences."""
        known = self.person is not _NOBODY
        rest = list(chosen)
        if not rest:
            self.say(frames.OPEN_NONE)
        elif len(rest) > 1 and self.rng.random() < 0.5:
            self.say(frames.OPEN_TWO if known else frames.OPEN_TWO_UNKNOWN, rest[:2])
            rest = rest[2:]
        else:
            self.say(frames.OPEN_ONE if known else frames.OPEN_ONE_UNKNOWN, rest[:1])
            rest = rest[1:]
        while rest:
            n = 2 if len(rest) > 1 and self.rng.random() < 0.6 else 1
            self.say(frames.TWO_MORE if n == 2 else frames.ONE_MORE, rest[:n])
            rest = rest[n:]
        self.cue_sentences = len(self.sentences)

    def add_cue(self) -> bool:
        """One more cue, put behind the other cues. Returns whether there was one left."""
        left = [cue for cue in self.cues if cue not in self.spoken]
        if not left:
            return False
        cue = max(left, key=lambda c: c.weight)
        self.spoken = [*self.spoken, cue]
        self.say(frames.ONE_MORE, [cue], at=self.cue_sentences)
        self.cue_sentences += 1
        return True

    def quote(self) -> None:
        if not self.transcript:
            return
        words = self.transcript.split()
        if len(words) <= MAX_QUOTED_WORDS:
            self.say(frames.QUOTE_FULL, q=f'"{self.transcript.rstrip(" .,;:")}"')
        else:
            start = " ".join(words[:QUOTED_START_WORDS]).rstrip(" .,;:")
            self.say(frames.QUOTE_START, q=f'"{start}"')

    def fit(self, emotion: str) -> None:
        """Whether the words' own feeling agrees with the voice."""
        feeling = words_valence(self.transcript)
        voice = phrases.VALENCE.get(phrases.ALIASES.get(emotion, emotion))
        charges = ("pleasant", "friendly", "positive") if feeling > 0 else ("unpleasant", "negative", "grim")
        charge = self.rng.choice(charges)
        if feeling == 0:
            self.say(reasons.FIT_PLAIN_NEUTRAL if voice == 0 else reasons.FIT_PLAIN)
        elif voice is None:
            self.say(reasons.FIT_OPEN, charge=charge)
        else:
            self.say(reasons.FIT_AGREE if feeling == voice else reasons.FIT_DISAGREE, charge=charge)

    def weigh_alternative(self, emotion: str, chosen: list[Cue], labels: Sequence[str]) -> None:
        """Weighs the label, besides `emotion`, that the stated cues suit best, with a cue that tells them apart."""
        best: tuple[float, str, list[Cue]] | None = None
        for label in labels:
            canonical = phrases.ALIASES.get(label, label)
            if label == emotion or label not in phrases.NOUNS or canonical not in phrases.EXPECTED:
                continue
            suits, contrary = _for_and_against(chosen, canonical)
            score = len(suits) - len(contrary) + self.rng.uniform(0, 0.9)
            if best is None or score > best[0]:
                best = (score, label, contrary)
        if best is None:
            return
        noun = phrases.NOUNS[best[1]]
        if best[2]:
            self.say(reasons.ALTERNATIVE, refs=best[2][:1], alt=noun)
        else:
            self.say(reasons.ALTERNATIVE_OPEN, alt=noun)

    def say(
        self,
        bank: frames.Bank,
        cues: Sequence[Cue] = (),
        *,
        refs: Sequence[Cue] = (),
        at: int | None = None,
        **slots: str,
    ) -> None:
        """Adds a sentence, at the end or before sentence `at`, from a frame that the text has not used yet."""
        unused = [frame for frame in _of_split(bank, self.split) if frame not in self.used]
        if not unused:
            return
        frame = self.rng.choice(unused)
        self.used.append(frame)
        values = {**self.person, "tail": "", **slots}
        for cue, suffix in zip(cues, ("", "2"), strict=False):
            for form in ("np", "cl"):
                if "{" + form + suffix + "}" in frame:
                    options = phrases.PHRASES[cue.kind, cue.value][form]
                    if form == "np" and "voice" in frame + values.get("np", ""):  # not "a voice with a low voice"
                        options = tuple(option for option in options if "voice" not in option)
                    values[form + suffix] = self._word(cue, options)
        if "{tail}" in frame and cues and self.rng.random() < 0.45:
            tails = phrases.PHRASES[cues[0].kind, cues[0].value]["tail"]
            values["tail"] = ", " + self._word(cues[0], tails) if tails else ""
        plural = len(refs) > 1 or any(cue.kind == "pauses" and cue.value == "several" for cue in refs)
        if refs:
            values["refs"] = " and ".join(self._word(cue, phrases.PHRASES[cue.kind, cue.value]["ref"]) for cue in refs)
        text = self._expand(frame, values, plural)
        self.sentences.insert(len(self.sentences) if at is None else at, text[:1].upper() + text[1:])

    def _word(self, cue: Cue, options: Sequence[str]) -> str:
        quoted = " and ".join(f'"{word}"' for word in cue.words)
        values = {**self.person, "d": self._degree(cue), "w": quoted, "where": cue.where}
        return self._expand(self.rng.choice(options), values, len(cue.words) > 1)

    def _degree(self, cue: Cue) -> str:
        if cue.percentile is None or cue.value == "normal":
            return ""
        distance = abs(cue.percentile - 50)
        return self.rng.choice(next(words for least, words in phrases.DEGREES if distance >= least))

    def _expand(self, frame: str, values: Mapping[str, str], plural: bool) -> str:
        # Choices first: a transcript that holds [brackets] must not be read as a frame.
        text = _CHOICE.sub(lambda match: self.rng.choice(match[1].split("|")), frame)
        text = _NUMBER.sub(lambda match: match[2] if plural else match[1], text)
        return text.format_map(values)

    def count(self) -> int:
        """Words so far."""
        return sum(len(sentence.split()) for sentence in self.sentences)

    def text(self) -> str:
        # Articles are mended outside quotes only: every second part between double quotes is quoted.
        parts = " ".join(self.sentences).split('"')
        parts[::2] = [_ARTICLE.sub(r"\1n ", part) for part in parts[::2]]
        return '"'.join(parts)


def _for_and_against(cues: Sequence[Cue], emotion: str) -> tuple[list[Cue], list[Cue]]:
    """The cues that are usual for an emotion, and those that are unusual for it."""
    table = phrases.EXPECTED.get(emotion, {})
    none: tuple[set[str], set[str]] = (set(), set())
    return (
        [cue for cue in cues if cue.value in table.get(cue.kind, none)[0]],
        [cue for cue in cues if cue.value in table.get(cue.kind, none)[1]],
    )


@functools.cache
def _of_split(bank: frames.Bank, split: str) -> tuple[str, ...]:
    return tuple(frame.lstrip("~") for frame in bank if frame.startswith("~") == (split == "dev"))


def measured_cues(record: Mapping[str, Any], transcript: str) -> list[Cue]:
    """All cues of a record that may be stated, with their salience."""
    cues = []
    for kind, names in _LEVELS.items():
        entry = (record.get("levels") or {}).get(kind) or {}
        value, percentile = names.get(str(entry.get("level"))), entry.get("percentile")
        if value is None or (percentile is not None and min(abs(percentile - cut) for cut in CUTS) <= CUT_MARGIN):
            continue
        weight = 30.0 if percentile is None else abs(percentile - 50)
        cues.append(Cue(kind, value, 16.0 if value == "normal" else weight, percentile))
    if record.get("intonation") in _INTONATIONS:
        cues.append(Cue("intonation", str(record["intonation"]), 26.0))
    stressed = _stressed_in(record.get("stressed_words") or (), transcript)
    if stressed:
        cues.append(stressed)
    pauses = record.get("pauses")
    if pauses is not None:
        number = ("none", "one", "several")[min(len(pauses), 2)]
        cues.append(Cue("pauses", number, {"none": 2.0, "one": 20.0, "several": 30.0}[number]))
    return cues


def _stressed_in(stressed: Sequence[str], transcript: str) -> Cue | None:
    """The first two stressed words that the transcript holds; with the place of a single word that occurs once."""
    spoken = _WORD.findall(transcript)
    folded = [word.casefold() for word in spoken]
    kept = list(dict.fromkeys(word for word in stressed if word.casefold() in folded))[:2]
    if not kept:
        return None
    where = ""
    if len(kept) == 1 and len(folded) >= 4 and folded.count(kept[0].casefold()) == 1:
        place = folded.index(kept[0].casefold())
        if place == 0:
            where = ", the first word"
        elif place == len(folded) - 1:
            where = ", the last word"
        else:
            share = place / (len(folded) - 1)
            where = " near the start" if share <= 0.3 else " near the end" if share >= 0.7 else " in the middle"
    return Cue("stress", "words", 24.0, words=tuple(kept), where=where)


words_valence = functools.lru_cache(maxsize=4096)(words_voice.words_valence)  # few texts, many views of each
