"""Recordings with known utterances and turns, spoken by espeak-ng."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from emotionthinker.audio import SAMPLE_RATE
from tests.spoken import espeak

SENTENCES = ("The train to the coast leaves at nine.", "I put the letters on the table.", "We can look at it tomorrow.",
             "The garden is behind the old house.", "There is some bread in the kitchen.", "My brother works in the city.")
# Ways of speaking, as espeak-ng's SSML takes them: pitch, rate, and the level afterwards in dB.
MANNERS = {"calm": ("+0%", "100%", 0.0), "upset": ("+60%", "130%", 9.0), "tired": ("-30%", "75%", -9.0)}
GAP_S = 1.2  # more than the segmenter joins utterances over


@dataclass(frozen=True)
class Spoken:
    """(n,) float32 at 16 kHz, the start of each utterance, and the starts of those with which another manner begins."""

    samples: np.ndarray
    starts_s: list[float]
    turns_s: list[float]


def speak(manners: list[str], each: int = 4, voice: str = "en-us+m3") -> Spoken:
    """`each` utterances in every manner of the list, one after another."""
    parts, starts, turns, at = [], [], [], 0
    rng = np.random.default_rng(0)
    for number, manner in enumerate(manners):
        pitch, rate, gain_db = MANNERS[manner]
        for i in range(each):
            text = f'<speak><prosody pitch="{pitch}" rate="{rate}">{SENTENCES[(number + i) % len(SENTENCES)]}</prosody></speak>'
            sound = 0.3 * espeak(text, voice) * 10 ** (gain_db / 20)
            start_s = (at + int(np.argmax(np.abs(sound) > 0.01))) / SAMPLE_RATE
            if number and not i:
                turns.append(start_s)
            starts.append(start_s)
            room = rng.normal(0, 1e-4, len(sound) + int(GAP_S * SAMPLE_RATE)).astype(np.float32)
            room[: len(sound)] += sound
            parts.append(room)
            at += len(room)
    return Spoken(np.concatenate(parts).astype(np.float32), starts, turns)


def write(path: Path, samples: np.ndarray) -> Path:
    """(n,) or (n, channels) as a 16-bit wav."""
    soundfile.write(path, samples, SAMPLE_RATE, subtype="PCM_16")
    return path
