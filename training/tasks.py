"""Training examples: what Nano is asked about a clip and what it should say, made anew for every view of the clip.

Three questions are asked: the emotion with its reasons, the emotion at once, and a description without emotion.
Transcripts are mostly replaced by other sentences, so that quoting is copying from the prompt and not memory of the
corpus's few sentences; sometimes no transcript is given; sometimes only some of the labels are offered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from emotionthinker.prompt import Mode, PromptStyle, messages
from training.mel import Shift
from training.template_phrases import TONES
from training.template_writer import write_description, write_explanation

NANO_LABELS = ("neutral", "happy", "sad", "angry", "disgust", "fear")


def nano_style(max_audio_s: float, bandwidth_hz: float) -> PromptStyle:
    """Nano's own prompts: short, because a decoder of 3 M parameters reads every token of them at every question."""
    return PromptStyle(
        name="EmotionThinker-Nano",
        labels=NANO_LABELS,
        system_prompt="Listen, think, then answer.",
        question="Which emotion does the voice carry? Choose from: {labels}.",
        quick_question="Name the emotion at once: {labels}.",
        describe_question="Describe the speaker, the prosody and the words.",
        transcript_line='Words: "{transcript}"',
        max_audio_s=max_audio_s,
        max_new_tokens=240,
        bandwidth_hz=bandwidth_hz,
    )


@dataclass(frozen=True)
class TaskMix:
    """Shares of the examples."""

    describe: float = 0.1
    quick: float = 0.15
    fewer_labels: float = 0.15
    own_transcript: float = 0.3
    no_transcript: float = 0.1  # the rest: a sentence of the pool in its place


@dataclass(frozen=True)
class Example:
    """mode, prompt messages for the chat template, and the reply to learn.

    decisive: the parts of the reply that decide the emotion: how the voice comes across, where the reasoning says so
    first, and the label, which is the last of them. Empty for a description.
    """

    mode: Mode
    messages: list[dict[str, Any]]
    reply: str
    decisive: tuple[str, ...] = ()


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


def make_example(
    record: dict, labels: Sequence[str], style: PromptStyle, pool: Sequence[str], mix: TaskMix, rng: np.random.Generator, split: str
) -> Example:  # fmt: skip
    """One example from a label record that holds what may be stated (`hearing.audible`).

    pool: sentences to put in the place of the clip's own words.
    """
    draw = rng.random()
    own = draw < mix.own_transcript
    if own:
        transcript = record["transcription"]
    elif draw < mix.own_transcript + mix.no_transcript:
        transcript = ""
    else:
        transcript = pool[int(rng.integers(len(pool)))]
    # The decoder cannot hear which word of a sentence carries the stress (LOG.md), so it is not taught to say so.
    facts = record | {"transcription": transcript, "stressed_words": []}
    emotion, seed = record["emotion"], int(rng.integers(2**31))
    kind = rng.random()
    if kind < mix.describe:
        reply = f"<answer> {write_description(facts, seed=seed, split=split)} </answer>"
        return Example("describe", messages(style, labels, transcript, mode="describe"), reply)
    offered = list(labels)
    if rng.random() < mix.fewer_labels:
        others = [label for label in labels if label != emotion]
        kept = set(rng.choice(others, size=int(rng.integers(1, len(others))), replace=False)) | {emotion}
        offered = [label for label in labels if label in kept]
    if kind < mix.describe + mix.quick:
        asked = messages(style, offered, transcript, style.quick_question)
        return Example("emotion", asked, f"<answer> {emotion} </answer>", (emotion,))
    text = write_explanation(facts, emotion, seed=seed, split=split, labels=offered, transcript=transcript or None)
    tone = tuple(tone for tone in TONES.get(emotion, ()) if tone in text)[:1]
    reply = f"<think> {text} </think><answer> {emotion} </answer>"
    return Example("emotion", messages(style, offered, transcript), reply, (*tone, emotion))


def make_copy_example(style: PromptStyle, pool: Sequence[str], rng: np.random.Generator) -> Example:
    """A description of a clip without any sound: nothing to say but the words, which must be copied from the prompt.

    Without these, dense in words to copy and cheap as they hold no audio, a small decoder learns the sentences it sees
    often and makes up the others (LOG.md).
    """
    words = [word for i in rng.integers(len(pool), size=2) for word in pool[int(i)].split()][:12]
    sentence = " ".join(words)
    reply = write_description({"levels": {}, "transcription": sentence}, seed=int(rng.integers(2**31)), split="train")
    return Example("describe", messages(style, style.labels, sentence, mode="describe"), f"<answer> {reply} </answer>")
