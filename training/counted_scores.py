"""Scores of an explanation that need no judge: what of the four scales can be counted, given what was measured of its clip.

The anchors of the scales are those of `training.judge.ANCHORS`. Facts are held against the measurements, completeness asks which
parts are there, repetition costs fluency, and an emotion that is weighed against itself interpretative quality. GRPO-PTR takes all
of it (`counted: true` in its recipe), `reward_data` facts, completeness and repetition: a measurement is a better judge of a fact
than any model that was trained to guess it.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from emotionthinker.claim_parts import sentences
from emotionthinker.claims import find_statements
from emotionthinker.grounding import CONTRADICTED, NOT_CHECKABLE, distinct_claims, salient_attributes, verify_claims
from training.cot_prompt import names
from training.rewards import DIMENSIONS, HIGHEST
from training.template_phrases import NOUNS

Record = Mapping[str, Any]

FACTUAL, INTERPRETATIVE, COMPLETENESS, FLUENCY = DIMENSIONS
VOICE = ("pitch_level", "pitch_range", "intonation", "energy_level", "speed_level", "pauses", "stress")
FEWEST_CUES = 3  # two to four salient cues make an explanation complete
REPEATED = (5, 3, 2, 1)  # fluency of a text with no cue named twice in a sentence, one, two, more
AGAINST_ITSELF = 3  # interpretative quality, at most, of a text that weighs the emotion it concludes with as another one
# What says that an emotion is thought of besides the one that is concluded with, for it or against it.
_BESIDES = re.compile(
    r"\b(?:also|other|others|else|instead|rather|alternatively|again|against|exclude[sd]?|excluding|rule[sd]? out|far off|far away|"
    r"lies? close|nearest|comes? near|second|next|further|behind|just as well|perhaps|maybe|may well|could take|might think|"
    r"could it be|were|possible|cannot be|not certain|not (?:support|go)|nor|hardly|unlikely|less|likelier|weaken\w*|doubt\w*|"
    r"though|but|yet|however|while|despite|borders?|alike|similar|shares?|some room|a trace|a hint|some claim|its claim|apart|"
    r"tell it from|explain|unusual|odd|strange|out of place|more reading|decides?|separates?|ignore|leave aside|takes? weight)\b",
    re.I,
)
_QUOTED = re.compile(r'"[^"]*"|“[^”]*”')
_WORD = re.compile(r"[\w']+")


def factual_score(text: str, record: Record) -> int:
    """1–5 by the share of the stated facts that the record contradicts; the same fact said twice counts once.

    None wrong 5; one of six or more 4; one, or up to a quarter, 3; up to half 2; more 1. A text that states nothing that can be
    checked is neither right nor wrong: 3.
    """
    facts = [c for c in distinct_claims(verify_claims(text, record)) if c.verdict != NOT_CHECKABLE]
    wrong, n = sum(c.verdict == CONTRADICTED for c in facts), len(facts)
    if n == 0:
        return 3
    if wrong == 0:
        return 5
    if wrong > n / 2:
        return 1
    if wrong == 1:
        return 4 if n >= 6 else 3
    return 3 if wrong <= n / 4 else 2


def completeness_score(text: str, record: Record) -> int:
    """1–5 by what is there of: the speaker, the salient cues (counted double), the words quoted. What the record does not know is
    not asked for; of many salient cues three are enough."""
    claims = verify_claims(text, record)
    parts: list[float] = []
    if record.get("gender") in ("Male", "Female"):
        parts.append(float(any(c.attribute in ("gender", "age_level") for c in claims)))
    mentioned = {c.attribute for c in claims} & set(VOICE)
    salient = set(salient_attributes(record))
    wanted = min(FEWEST_CUES, len(salient))
    parts += [min(1.0, len(mentioned & salient) / wanted if wanted else float(bool(mentioned)))] * 2
    if str(record.get("transcription") or "").strip():
        parts.append(float(any(c.attribute == "quote" for c in claims) or _quotes_words(text, str(record["transcription"]))))
    return 1 + round(4 * sum(parts) / len(parts))


def _quotes_words(text: str, transcript: str) -> bool:
    """Whether something in quotes is words of the transcript; empty quotes and a label in quotes are not."""
    known = set(_WORD.findall(transcript.lower()))
    said = (_WORD.findall(quoted.lower()) for quoted in _QUOTED.findall(text))
    return any(words and known.issuperset(words) for words in said)


def repetition_score(text: str) -> int:
    """1–5 by how often a sentence names a cue of the voice that it has named already ("a high pitch and also a high pitch").

    >>> repetition_score("A high pitch and a fast pace. The high pitch suggests anger.")
    5
    >>> repetition_score("A high pitch and also a high pitch.")
    3
    """
    starts = [start for start, _ in sentences(text)]
    said = [(bisect_right(starts, s.start), s.attribute, s.values) for s in find_statements(text) if s.attribute in VOICE]
    return REPEATED[min(len(said) - len(set(said)), len(REPEATED) - 1)]


def weighs_itself(text: str) -> bool:
    """Whether a text weighs the emotion of its last sentence as if it were another one.

    >>> weighs_itself("The energy is high. The nearest other reading would be anger. The voice sounds angry.")
    True
    >>> weighs_itself("The high energy suggests anger. The nearest other reading would be fear. The voice sounds angry.")
    False
    """
    starts = [start for start, _ in sentences(text)]
    parts = [_QUOTED.sub("", text[a:b]) for a, b in pairwise([*starts, len(text)])]
    concluded = [emotion for emotion in NOUNS if parts and names(parts[-1], emotion)]
    return any(_BESIDES.search(part) and names(part, emotion) for part in parts[:-1] for emotion in concluded)


def with_counted(scores: Mapping[str, float], text: str, record: Record) -> dict[str, float]:
    """A model's four scores with facts and completeness as counted; repetition bounds fluency, an emotion weighed against itself
    interpretative quality."""
    logic = AGAINST_ITSELF if weighs_itself(text) else HIGHEST
    return {
        FACTUAL: factual_score(text, record), COMPLETENESS: completeness_score(text, record),
        INTERPRETATIVE: min(scores[INTERPRETATIVE], logic), FLUENCY: min(scores[FLUENCY], repetition_score(text)),
    }  # fmt: skip
