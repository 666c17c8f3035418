"""What a model is asked about a voice in prosody-enhanced fine-tuning, in several wordings, and the reply that is right.

The tasks are those of EmotionThinker-Base (section 3 of the paper, as far as it is known): stressed words, attribute
classification, comparison, chain of thought, with transcription and text beside them. The wordings are ours. Those of the dev
split are never met in training, so that a model that only knows the sentences of its training shows it.

Nothing is asked that was not measured: a level that is None, an intonation that is uncertain or too short, and stress without
aligned words give no question.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from emotionthinker.processor import DEFAULT_SYSTEM_PROMPT
from emotionthinker.prompt import PromptStyle, canonical_label, messages, user_text
from training.cot_prompt import CONTOURS, facts

# Attribute -> its fixed options, in the order in which they are offered.
OPTIONS: dict[str, tuple[str, ...]] = {
    "pitch": ("low", "normal", "high"),
    "energy": ("low", "normal", "high"),
    "speed": ("slow", "normal", "fast"),
    "intonation": CONTOURS,
}
NO_STRESS = "none"  # the reply where no word stands out
RANKS: dict[str, tuple[str, str, str]] = {  # names of three variants of one utterance, from the lowest value to the highest
    "pitch": ("low", "medium", "high"),
    "energy": ("soft", "medium", "loud"),
    "speed": ("slow", "medium", "fast"),
}
ARROW = " → "

Bank = dict[str, tuple[str, ...]]  # split -> wordings

WORDINGS: dict[str, Bank] = {
    "pitch": {
        "train": (
            "Compared with other voices of the same sex, is the pitch of this one {options}?",
            "How high does this person speak for a voice of that sex: {options}?",
            "Listen to the pitch. For a speaker of this sex, is it {options}?",
            "Say how high the voice is, next to others of the same sex: {options}.",
            "Judge the pitch against speakers of the same sex and answer {options}.",
        ),
        "dev": (
            "Among men, or among women, whichever the speaker is, would you call this pitch {options}?",
            "Where does the voice lie among those of its sex: {options}?",
            "Which pitch level fits this speaker, given the sex: {options}?",
        ),
    },
    "energy": {
        "train": (
            "Is the energy of this speech {options}?",
            "How loud is the speech in this clip: {options}?",
            "Listen to the loudness and answer {options}.",
            "Which energy level does the voice have, {options}?",
            "Say whether the speech carries {options} energy.",
        ),
        "dev": (
            "Would you call the voice's energy {options}?",
            "Which of {options} describes how loudly this is said?",
            "Give the level of loudness: {options}.",
        ),
    },
    "speed": {
        "train": (
            "Is the speaking rate {options}?",
            "How fast does this person talk: {options}?",
            "Listen to the pace and answer {options}.",
            "Which pace does the speech have, {options}?",
            "Say whether the words come at a {options} rate.",
        ),
        "dev": (
            "Would you call this way of talking {options}?",
            "Which of {options} describes the tempo of the words?",
            "Give the speed of speech: {options}.",
        ),
    },
    "intonation": {
        "train": (
            "How does the melody of this utterance move: {options}?",
            "Which intonation does the speaker use, {options}?",
            "Listen to the pitch from beginning to end. Is the contour {options}?",
            "Name the contour of the voice: {options}.",
            "Say whether the intonation is {options}.",
        ),
        "dev": (
            "Which of {options} describes the tune of the sentence?",
            "Would you call the pitch movement {options}?",
            "Give the shape of the intonation: {options}.",
        ),
    },
    "stress": {
        "train": (
            'The speaker says: "{words}" Which words are stressed?',
            'Words: "{words}" List those that carry sentence stress.',
            'Which words of "{words}" does the speaker stress?',
            'Listen for emphasis in "{words}" and name the stressed words.',
            'Someone says "{words}". On which words does the stress fall?',
        ),
        "dev": (
            'What is said is "{words}". Name each word that is emphasised.',
            'Which words stand out by stress in "{words}"?',
            'Mark the stress in "{words}": which words have it?',
        ),
    },
    "comparative pitch": {
        "train": (
            "The same words are spoken three times. Rank the pitch in the order of speaking, with low, medium and high.",
            "You hear one sentence three times at different pitches. Give their order with low, medium and high.",
            "Three versions of an utterance differ in pitch. Which is low, which medium, which high, in the order heard?",
            "Compare the pitch of the three takes, first to last: low, medium or high?",
        ),
        "dev": (
            "One utterance comes three times, each at another pitch. Write low, medium and high in the order you hear them.",
            "How do the three repetitions compare in pitch, from first to third (low, medium, high)?",
        ),
    },
    "comparative energy": {
        "train": (
            "The same words are spoken three times. Rank the loudness in the order of speaking, with soft, medium and loud.",
            "You hear one sentence three times at different levels. Give their order with soft, medium and loud.",
            "Three versions of an utterance differ in loudness. Which is soft, which medium, which loud, in the order heard?",
            "Compare the loudness of the three takes, first to last: soft, medium or loud?",
        ),
        "dev": (
            "One utterance comes three times, each at another loudness. Write soft, medium and loud in the order you hear them.",
            "How do the three repetitions compare in loudness, from first to third (soft, medium, loud)?",
        ),
    },
    "comparative speed": {
        "train": (
            "The same words are spoken three times. Rank the pace in the order of speaking, with slow, medium and fast.",
            "You hear one sentence three times at different speeds. Give their order with slow, medium and fast.",
            "Three versions of an utterance differ in speed. Which is slow, which medium, which fast, in the order heard?",
            "Compare the pace of the three takes, first to last: slow, medium or fast?",
        ),
        "dev": (
            "One utterance comes three times, each at another pace. Write slow, medium and fast in the order you hear them.",
            "How do the three repetitions compare in speed, from first to third (slow, medium, fast)?",
        ),
    },
    "asr": {
        "train": (
            "Write down what is said.",
            "Transcribe this recording.",
            "Which words does the speaker say?",
            "Turn the speech into text.",
        ),
        "dev": (
            "Give the words of this clip.",
            "What is being said, word for word?",
        ),
    },
    "text": {
        "train": (
            "This was measured in a voice:\n{facts}\nWhich emotion does it suggest? Choose one of {labels}.",
            "A voice is described like this:\n{facts}\nChoose the emotion that fits best from {labels}.",
            "{facts}\nGiven these properties of a voice, which of {labels} does it sound like?",
        ),
        "dev": (
            "What one knows of a recording:\n{facts}\nWhich of these emotions would you expect: {labels}?",
            "Take a voice with these properties:\n{facts}\nName its emotion, out of {labels}.",
        ),
    },
}


def measured(record: Mapping[str, Any]) -> dict[str, str]:
    """Attribute -> the option that was measured; attributes without a supported value are left out."""
    found = {}
    for name in ("pitch", "energy", "speed"):
        level = ((record.get("levels") or {}).get(name) or {}).get("level")
        if level in OPTIONS[name]:
            found[name] = level
    if record.get("intonation") in CONTOURS:
        found["intonation"] = record["intonation"]
    return found


def stress_reply(record: Mapping[str, Any]) -> str | None:
    """The stressed words in their order, "none" where no word stands out, None where stress was not measured."""
    if not record.get("stress_pairs") or not str(record.get("transcription") or "").strip():
        return None
    return ", ".join(user_text(word, "word") for word in record.get("stressed_words") or ()) or NO_STRESS


def cot_label(record: Mapping[str, Any], labels: Sequence[str]) -> str | None:
    """The one of the model's labels that the record's emotion is, None where the model has no such label."""
    return canonical_label(str(record.get("label") or record.get("emotion") or ""), labels)


def any_of(options: Sequence[str]) -> str:
    """"low, normal or high"."""
    return ", ".join(options[:-1]) + " or " + options[-1]


def wording(bank: str, split: str, rng: np.random.Generator, **fill: str) -> str:
    """One of a bank's wordings, filled. split: "train" or "dev"."""
    choices = WORDINGS[bank][split]
    return choices[int(rng.integers(len(choices)))].format(**fill)


def question(text: str, audio: bool = True) -> list[dict[str, Any]]:
    """A chat of system prompt and question, as `apply_chat_template` takes it."""
    heard: list[dict[str, Any]] = [{"type": "audio", "audio": "clip"}] if audio else []
    return [
        {"role": "system", "content": [{"type": "text", "text": DEFAULT_SYSTEM_PROMPT}]},
        {"role": "user", "content": [*heard, {"type": "text", "text": text}]},
    ]


Chat = tuple[list[dict[str, Any]], str]  # messages, reply


def ask_attribute(record: Mapping[str, Any], attribute: str, split: str, rng: np.random.Generator) -> Chat:
    """Which of the fixed options an attribute of this voice is. Raises KeyError where it was not measured."""
    answer = measured(record)[attribute]
    return question(wording(attribute, split, rng, options=any_of(OPTIONS[attribute]))), answer


def ask_stress(record: Mapping[str, Any], split: str, rng: np.random.Generator) -> Chat:
    """Which words are stressed. Raises KeyError where that was not measured."""
    answer = stress_reply(record)
    if answer is None:
        raise KeyError("stress")
    return question(wording("stress", split, rng, words=user_text(record["transcription"], "transcript"))), answer


def ask_order(cue: str, order: Sequence[int], split: str, rng: np.random.Generator) -> Chat:
    """How three variants rank. order: the rank of each, 0 the lowest, in the order in which they are heard."""
    return question(wording(f"comparative {cue}", split, rng)), ARROW.join(RANKS[cue][rank] for rank in order)


def ask_words(record: Mapping[str, Any], split: str, rng: np.random.Generator) -> Chat:
    """What is said."""
    return question(wording("asr", split, rng)), user_text(record["transcription"], "transcript")


def ask_emotion(record: Mapping[str, Any], style: PromptStyle) -> Chat:
    """The emotion with its reasons, in the model's own prompt, from a record with an "explanation"."""
    label = cot_label(record, style.labels)
    reply = f"<think> {_explanation(record)} </think><answer> {label} </answer>"
    return messages(style, style.labels, record.get("transcription")), reply


def ask_without_sound(record: Mapping[str, Any], style: PromptStyle, split: str, rng: np.random.Generator) -> Chat:
    """The emotion with its reasons, from the measurements in words and no sound."""
    label = cot_label(record, style.labels)
    told = [user_text(line, "measurement") for line in facts(record)]
    if record.get("transcription"):
        told.append(f'words: "{user_text(record["transcription"], "transcript")}"')
    text = wording("text", split, rng, facts="\n".join(told), labels=", ".join(style.labels))
    return question(text, audio=False), f"<think> {_explanation(record)} </think><answer> {label} </answer>"


def _explanation(record: Mapping[str, Any]) -> str:
    return user_text(record["explanation"], "explanation")
