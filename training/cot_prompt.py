"""What a language model is told and asked, to write the reasoning from measured prosody to an emotion; and what is wrong with
what it wrote.

The model never hears the clip: it gets the measurements, the words and the label, as the published explanations were made
(50 to 200 words, temperature 1, cues first, words second). The prompt is ours. What the record
does not support is not told, so that it cannot be said.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from emotionthinker.grounding import CONTRADICTED, verify_claims
from emotionthinker.prompt import ALIASES, user_text
from training.template_phrases import NOUNS

MIN_WORDS, MAX_WORDS = 50, 200
CONTOURS = ("rising", "falling", "rising-falling", "falling-rising", "flat", "expressive")
LEVELS = {"pitch": "pitch", "range": "pitch range", "energy": "energy (loudness)", "speed": "speaking rate"}
MAX_LISTED = 4  # faults that a writer is told of at once
_TAG = re.compile(r"</?\s*(?:think|answer)\b[^>]*>", re.IGNORECASE)
_SENTENCE = re.compile(r"(?<=[.!?])[\"”’)]*\s+")

SYSTEM = (
    "You write down how a listener comes from the sound of a voice to the emotion that it seems to carry. You have measurements "
    "of one recording. You state only what they say, in plain prose."
)
TASK = """Write the reasoning that leads a listener to "{emotion}".
- {least} to {most} words, one paragraph, no list, no heading, no tags, no numbers and no mention of measurements.
- Begin with who speaks and with what is heard. The two to four cues that stand out most come first; leave out what says little.
- Then quote the words in double quotes, exactly as they were said, and say whether they agree with the voice.
- Tie each cue to what it suggests. Where cues point to different emotions, weigh them; candidates are: {labels}. Admit a cue
  that speaks against the conclusion.
- Name the emotion in the last sentence and not in the first one. Say how the voice sounds, never what the person is or feels.
- Vary your sentences. Do not call anything high, low, fast, slow, wide, narrow, stressed or paused unless it is listed above.
Return the text only."""


def facts(record: Mapping[str, Any]) -> list[str]:
    """What was measured and may be said, one line each."""
    lines = []
    if record.get("gender"):
        lines.append(f"speaker: {str(record['gender']).lower()}")
    if record.get("age_level"):
        lines.append(f"age: {record['age_level']}")
    for kind, name in LEVELS.items():
        entry = (record.get("levels") or {}).get(kind) or {}
        if entry.get("level"):
            percentile = entry.get("percentile")
            rank = "" if percentile is None else f" (higher than in {percentile:.0f} % of comparable recordings)"
            lines.append(f"{name}: {entry['level']}{rank}")
    if record.get("intonation") in CONTOURS:
        lines.append(f"intonation: {record['intonation']}")
    if record.get("stressed_words"):
        lines.append("stressed words: " + ", ".join(json.dumps(w, ensure_ascii=False) for w in record["stressed_words"]))
    if record.get("pauses") is not None:
        lines.append(f"pauses: {len(record['pauses']) or 'none'}")
    return lines


def cot_messages(record: Mapping[str, Any], labels: Sequence[str]) -> list[dict[str, str]]:
    """The request for one record. labels: the emotions that may be weighed. Raises EmotionThinkerError for words too long."""
    known = [f"- {fact}" for fact in facts(record)] or ["- nothing could be measured"]
    words = user_text(str(record.get("transcription") or ""), "transcript")
    said = f"- words: {json.dumps(words, ensure_ascii=False)}" if words else "- words: not known; do not quote any"
    task = TASK.format(emotion=record["emotion"], labels=", ".join(labels), least=MIN_WORDS, most=MAX_WORDS)
    return [{"role": "system", "content": SYSTEM},
            {"role": "user", "content": "\n".join(["The recording:", *known, said, "", task])}]  # fmt: skip


def cot_faults(text: str, record: Mapping[str, Any]) -> list[str]:
    """What is wrong with an explanation, in words for its writer; [] if it is good.

    Contradicted claims, tags, a length outside 50 to 200 words, the emotion in the first sentence or not in the last one.
    """
    faults = []
    if _TAG.search(text):
        faults.append("it holds tags")
    n = len(text.split())
    if not MIN_WORDS <= n <= MAX_WORDS:
        faults.append(f"it has {n} words; {MIN_WORDS} to {MAX_WORDS} are wanted")
    sentences = [s for s in _SENTENCE.split(text.strip()) if s]
    if sentences and names(sentences[0], record["emotion"]):
        faults.append(f"the first sentence names {record['emotion']} already")
    if sentences and not names(sentences[-1], record["emotion"]):
        faults.append(f"the last sentence does not name {record['emotion']}")
    for claim in verify_claims(text, record):
        if claim.verdict == CONTRADICTED:
            attribute = claim.attribute.replace("_", " ")
            faults.append(f"“{claim.text}” says {attribute} {claim.stated}, but measured was {claim.measured}")
    return faults[:MAX_LISTED]


def names(sentence: str, emotion: str) -> bool:
    """Whether a sentence names the emotion, by the label, its noun or another name of it.

    >>> names("It sounds like anger.", "angry"), names("A dangerous place.", "anger")
    (True, False)
    """
    words = {emotion.casefold(), NOUNS.get(emotion, emotion).removeprefix("a ").casefold()}
    for group in ALIASES:
        if emotion.casefold() in group:
            words |= group
    return bool(re.search(rf"\b(?:{'|'.join(re.escape(w) for w in sorted(words))})\b", sentence.casefold()))
