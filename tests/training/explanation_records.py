"""Random records with everything that an explanation may speak about, for the tests of writer, variety and augmentation."""

from __future__ import annotations

import random
from typing import Any

LABELS = ("neutral", "happy", "sad", "angry", "disgust", "fear")
SENTENCES = (
    "It's eleven o'clock",
    "That is exactly what happened",
    "I'm on my way to the meeting.",
    "I wonder what this is about?",
    "The airplane is almost full",
    "I would like a new alarm clock",
    "Don't forget a jacket",
    "The surface is slick",
    "I hate this terrible place!",
    "What a wonderful, lovely day",
    'He said "no" [twice] and {left}',
    "I was going to the store when I saw that the old house had burned down last night",
)
LEVELS = {
    "pitch": ("low", "normal", "high"),
    "range": ("narrow", "normal", "wide"),
    "energy": ("low", "normal", "high"),
    "speed": ("slow", "normal", "fast"),
}
INTONATIONS = ("rising", "falling", "rising-falling", "falling-rising", "flat", "expressive", "uncertain", "too_short", None)


def random_record(rng: random.Random) -> dict[str, Any]:
    """A record as `training.label_prosody` writes it; levels are the tertiles of their percentiles, some are missing."""
    transcript = rng.choice(SENTENCES)
    levels = {}
    for kind, names in LEVELS.items():
        percentile = rng.uniform(0, 100)
        levels[kind] = {"value": 80 + 2 * percentile, "unit": "", "percentile": percentile, "level": names[int(percentile * 0.03)]}
        if rng.random() < 0.1:
            levels[kind] = {"value": None, "unit": "", "percentile": None, "level": None}
    pauses = [[0.5 * i, 0.5 * i + 0.3] for i in range(1, 1 + rng.choice((0, 0, 1, 2, 3)))]
    words = [word.strip('.,!?"[]{}') for word in transcript.split()]
    return {
        "audio_path": f"clip{rng.randrange(10**9)}.wav",
        "emotion": rng.choice(LABELS),
        "levels": levels,
        "intonation": rng.choice(INTONATIONS),
        "gender": rng.choice(("Male", "Male", "Female", "Female", None)),
        "stressed_words": rng.sample(words, rng.choice((0, 0, 1, 2, 3))),
        "pauses": pauses,
        "transcription": transcript,
    }
