"""What a model is asked, and which labels it may answer with.

The system prompt and the question are the interface that the published model was trained on: they are kept to the
letter, misspacing and `<audio>` mark included. Source: model card of `ddwang2000/EmotionThinker`, "Quickstart".
A model with an interface of its own brings it as `emotionthinker.json` beside its weights.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

from emotionthinker.errors import EmotionThinkerError, ModelError

Mode = Literal["emotion", "describe"]
STYLE_FILE = "emotionthinker.json"
MAX_USER_CHARS = 4_000  # of a transcript or a question: about 1,000 tokens, some five minutes of speech

PUBLISHED_LABELS = (
    "neutral",
    "happy",
    "sad",
    "angry",
    "contempt or disgust",
    "confused",
    "whisper",
    "surprise",
    "fear",
)
PUBLISHED_SYSTEM_PROMPT = (
    "A conversation between User and Assistant. The user asks a question, and the Assistant solves it. The assistant "
    "first thinks about the reasoning process in the mind and then provides the user with the answer. The reasoning "
    "process and answer are enclosed within <think> </think> and <answer> </answer> tags, respectively, i.e., <think> "
    "reasoning process here </think><answer> answer here </answer>."
)
PUBLISHED_QUESTION = (
    "<audio>What is the emotion expressed in this audio clip? Please choose one from the following options: {labels}."
)
# Ours: the publication shows no prompt for captions.
DESCRIBE_QUESTION = (
    "<audio>Describe who speaks in this audio clip, how it is spoken (pitch, loudness, pace, stress, intonation) and "
    "what is said. Describe only, and name no emotion."
)

# Names that mean the same label. Each group matters only where exactly one of its members is a label of the model.
ALIASES: tuple[frozenset[str], ...] = tuple(
    frozenset(group)
    for group in (
        ("neutral", "neutrality"),
        ("happy", "happiness", "joy", "joyful"),
        ("sad", "sadness"),
        ("angry", "anger"),
        ("disgust", "disgusted", "contempt", "contemptuous", "contempt or disgust", "disgust or contempt"),
        ("confused", "confusion"),
        ("whisper", "whispering", "whispered"),
        ("surprise", "surprised"),
        ("fear", "fearful", "afraid"),
    )
)


@dataclass(frozen=True)
class PromptStyle:
    """How one model is spoken to. The questions may hold `{labels}`, `transcript_line` holds `{transcript}` (None: the
    model is never told the words). `quick_question` asks for the label without reasoning; None: the model was not
    taught that. `max_audio_s`: seconds it can hear at most; `bandwidth_hz`: what it was trained on, None for all of
    8 kHz."""

    system_prompt: str = PUBLISHED_SYSTEM_PROMPT
    question: str = PUBLISHED_QUESTION
    describe_question: str = DESCRIBE_QUESTION
    quick_question: str | None = None
    transcript_line: str | None = None
    labels: tuple[str, ...] = PUBLISHED_LABELS
    name: str = "EmotionThinker"
    max_audio_s: float = 300.0
    max_new_tokens: int = 2048
    bandwidth_hz: float | None = None

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> PromptStyle:
        """Raises ModelError for a key that is no field or a value that cannot be one."""
        known = {field.name for field in fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise ModelError(f"{STYLE_FILE} holds {', '.join(unknown)}; the keys are {', '.join(sorted(known))}.")
        style = cls(**{**values, "labels": tuple(values.get("labels", PUBLISHED_LABELS))})
        texts = (style.system_prompt, style.question, style.describe_question, style.name, *style.labels)
        if not style.labels or not all(isinstance(text, str) for text in texts):
            raise ModelError(f"{STYLE_FILE} must give prompts as text and labels as a list of texts; correct it.")
        if not (style.max_audio_s > 0 and style.max_new_tokens > 0):
            raise ModelError(f"{STYLE_FILE} must give max_audio_s and max_new_tokens above 0; correct it.")
        return style

    @classmethod
    def from_folder(cls, folder: str | Path) -> PromptStyle:
        """The style a model folder brings, or the published one where it brings none."""
        path = Path(folder) / STYLE_FILE
        if not path.is_file():
            return cls()
        try:
            return cls.from_dict(json.loads(path.read_text(encoding="utf-8")))
        except (ValueError, TypeError, AttributeError) as error:
            raise ModelError(f"{path} holds no JSON object of prompt settings ({error}); correct it.") from error


def canonical_label(text: str, labels: Sequence[str]) -> str | None:
    """The one of `labels` that `text` names, or None.

    Exact after stripping, case folding and dropping trailing punctuation; then by alias (anger -> angry). A list of
    labels, a sentence around a label, or a name that fits several labels gives None.
    """
    name = " ".join(text.casefold().split()).rstrip(" .,;:!")
    by_name = {label.casefold(): label for label in labels}
    if name in by_name:
        return by_name[name]
    matches = {by_name[alias] for group in ALIASES if name in group for alias in group if alias in by_name}
    return matches.pop() if len(matches) == 1 else None


def split_labels(text: str) -> list[str]:
    """Labels as people type them, without the empty ones.

    >>> split_labels(" angry, sad ,, contempt or disgust")
    ['angry', 'sad', 'contempt or disgust']
    """
    return [label.strip() for label in text.split(",") if label.strip()]


def choose_labels(asked: Sequence[str] | None, known: Sequence[str]) -> tuple[str, ...]:
    """The label set of one question, in the model's own order; None asks for all it knows.

    Raises EmotionThinkerError for a label that the model was not trained on, and for fewer than two.
    """
    if asked is None:
        return tuple(known)
    found = {name: canonical_label(name, known) for name in asked}
    unknown = [name for name, label in found.items() if label is None]
    if unknown:
        raise EmotionThinkerError(
            f"The labels {', '.join(repr(name[:40]) for name in unknown[:5])} are not known to this model; "
            f"choose from {', '.join(known)}."
        )
    chosen = tuple(label for label in known if label in found.values())
    if len(chosen) < 2:
        raise EmotionThinkerError(f"At least 2 labels are needed, not {len(chosen)}; choose from {', '.join(known)}.")
    return chosen


def messages(
    style: PromptStyle,
    labels: Sequence[str],
    transcript: str | None = None,
    question: str | None = None,
    mode: Mode = "emotion",
) -> list[dict[str, Any]]:
    """Chat messages with one audio part, as `apply_chat_template` takes them.

    transcript: told to the model where its style has a line for it; question: replaces the style's own, unless it is blank.
    Raises EmotionThinkerError for texts over `MAX_USER_CHARS`.
    """
    own = style.describe_question if mode == "describe" else style.question
    asked = user_text(question or "", "question") or own
    text = asked.replace("{labels}", ", ".join(labels))
    if transcript and transcript.strip() and style.transcript_line:
        text += "\n" + style.transcript_line.replace("{transcript}", user_text(transcript, "transcript"))
    return [
        {"role": "system", "content": [{"type": "text", "text": style.system_prompt}]},
        {"role": "user", "content": [{"type": "audio", "audio": "clip"}, {"type": "text", "text": text}]},
    ]


def user_text(text: str, what: str) -> str:
    """People's text for a prompt: one line, and nothing that a tokenizer takes for a control token (`<|im_end|>`)."""
    text = " ".join(text.split())
    if len(text) > MAX_USER_CHARS:
        raise EmotionThinkerError(
            f"The {what} has {len(text)} characters; at most {MAX_USER_CHARS} can be given to the model, so shorten it."
        )
    return text.replace("<|", "< |").replace("|>", "| >")
