"""Training examples: what Nano is asked about a clip and what it should say, made anew for every view of the clip.

Two questions are asked: the emotion with its reasons, and a description without emotion. Transcripts are mostly replaced
by other sentences, so that quoting is copying from the prompt and not memory of the corpus's few sentences; sometimes no
transcript is given; sometimes only some of the labels are offered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from emotionthinker.prompt import Mode, PromptStyle, messages
from training.mel import Shift
from training.template_writer import write_description, write_explanation

# What a listener of Nano's size can be taught to state. With a level stated wherever it lay 6 points inside its band, 65 % of
# the stated levels were right, of the ranges 50 % (LOG.md): it is taught to be silent where it would have to guess.
STATED_MARGIN = {"pitch": 20.0, "energy": 12.0, "speed": 12.0, "range": 24.0}  # percentile points inside the outer bands
NORMAL_MARGIN = 10.0  # and inside the middle one
CUTS = (100 / 3, 200 / 3)
SUREST_CONTOUR = 0.6  # contour_confidence below which the melody is left out

NANO_LABELS = ("neutral", "happy", "sad", "angry", "disgust", "fear")


def nano_style(max_audio_s: float, bandwidth_hz: float) -> PromptStyle:
    """Nano's own prompts: short, because a decoder of 3 M parameters reads every token of them at every question."""
    return PromptStyle(
        name="EmotionThinker-Nano",
        labels=NANO_LABELS,
        system_prompt="Listen, think, then answer.",
        question="Which emotion does the voice carry? Choose from: {labels}.",
        describe_question="Describe the speaker, the prosody and the words.",
        transcript_line='Words: "{transcript}"',
        max_audio_s=max_audio_s,
        max_new_tokens=240,
        bandwidth_hz=bandwidth_hz,
    )


@dataclass(frozen=True)
class TaskMix:
    """Shares of the examples."""

    describe: float = 0.12
    fewer_labels: float = 0.15
    own_transcript: float = 0.35
    no_transcript: float = 0.1  # the rest: a sentence of the pool in its place


@dataclass(frozen=True)
class Example:
    """mode, prompt messages for the chat template, and the reply to learn; `label` None for a description."""

    mode: Mode
    messages: list[dict[str, Any]]
    reply: str
    label: str | None


def shifted_record(record: dict, shift: Shift, reference: Any) -> dict:
    """The label record of an augmented view: levels are read again from the reference after the shift.

    Levels of a record without a value stay out. Intonation, sex and range do not change with gain, tempo or warp.
    """
    moved = {
        "pitch": lambda value: value * 2 ** (shift.pitch_st / 12),
        "energy": lambda value: value + shift.gain_db,
        "speed": lambda value: value * shift.tempo,
        "range": lambda value: value,
    }
    levels = {}
    for kind, entry in record["levels"].items():
        if entry["value"] is None:
            levels[kind] = entry
            continue
        value = moved[kind](entry["value"])
        level = reference.level(kind, value, record.get("gender"))
        levels[kind] = entry | {"value": value, "level": level.level, "percentile": level.percentile, "z": level.z}
    return record | {"levels": levels}


def audible(record: dict) -> dict:
    """The record with only those cues that can be heard with some certainty; the others count as not measured."""
    levels = {}
    for kind, entry in record["levels"].items():
        percentile = entry.get("percentile")
        if percentile is not None and entry.get("level") is not None:
            middle = CUTS[0] < percentile < CUTS[1]
            inside = min(abs(percentile - cut) for cut in CUTS)
            if inside < (NORMAL_MARGIN if middle else STATED_MARGIN[kind]):
                entry = entry | {"level": None}
        levels[kind] = entry
    sure = (record.get("contour_confidence") or 0.0) >= SUREST_CONTOUR
    return record | {"levels": levels, "intonation": record.get("intonation") if sure else None}


def make_example(
    record: dict, labels: Sequence[str], style: PromptStyle, pool: Sequence[str], mix: TaskMix, rng: np.random.Generator, split: str
) -> Example:  # fmt: skip
    """One example from a (shifted) label record. pool: sentences to put in the place of the clip's own words."""
    draw = rng.random()
    own = draw < mix.own_transcript
    if own:
        transcript = record["transcription"]
    elif draw < mix.own_transcript + mix.no_transcript:
        transcript = ""
    else:
        transcript = pool[int(rng.integers(len(pool)))]
    # The decoder cannot hear which word of a sentence carries the stress (LOG.md), so it is not taught to say so.
    facts = audible(record) | {"transcription": transcript, "stressed_words": []}
    seed = int(rng.integers(2**31))
    if rng.random() < mix.describe:
        reply = f"<answer> {write_description(facts, seed=seed, split=split)} </answer>"
        return Example("describe", messages(style, labels, transcript, mode="describe"), reply, None)
    offered = list(labels)
    if rng.random() < mix.fewer_labels:
        others = [label for label in labels if label != record["emotion"]]
        kept = set(rng.choice(others, size=int(rng.integers(1, len(others))), replace=False)) | {record["emotion"]}
        offered = [label for label in labels if label in kept]
    text = write_explanation(
        facts, record["emotion"], seed=seed, split=split, labels=offered, transcript=transcript or None
    )
    reply = f"<think> {text} </think><answer> {record['emotion']} </answer>"
    return Example("emotion", messages(style, offered, transcript), reply, record["emotion"])


def make_copy_example(style: PromptStyle, pool: Sequence[str], rng: np.random.Generator) -> Example:
    """A description of a clip without any sound: nothing to say but the words, which must be copied from the prompt.

    Without these, dense in words to copy and cheap as they hold no audio, a small decoder learns the sentences it sees
    often and makes up the others (LOG.md).
    """
    words = [word for i in rng.integers(len(pool), size=2) for word in pool[int(i)].split()][:12]
    sentence = " ".join(words)
    reply = write_description({"levels": {}, "transcription": sentence}, seed=int(rng.integers(2**31)), split="train")
    return Example("describe", messages(style, style.labels, sentence, mode="describe"), f"<answer> {reply} </answer>", None)
