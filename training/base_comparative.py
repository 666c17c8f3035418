"""Three variants of one utterance that differ in one cue: higher and lower, louder and softer, or faster and slower.

    sound, order = three_variants(record, samples, "pitch", np.random.default_rng(7))

Made as for "What if?" by WORLD at swift-f0's pitch (`emotionthinker.world`): pitch in semitones with the tempo kept, tempo with
the pitch kept, level by plain gain. All three variants of pitch and of speed go through the vocoder, the middle one unchanged, so
that its sound does not give the answer away. What came out is measured like any clip: a set whose neighbours differ too
little in the cue, or in which another cue moved as well, is refused.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from emotionthinker.audio import SAMPLE_RATE
from emotionthinker.errors import EmotionThinkerError
from emotionthinker.prosody.energy import energy_summary, track_energy
from emotionthinker.prosody.levels import SpeakerReference
from emotionthinker.prosody.pitch import pitch_summary, track_f0
from emotionthinker.prosody.rate import speaking_rates
from emotionthinker.prosody.vad import speech_segments
from emotionthinker.transcript import align
from emotionthinker.world import put_together, take_apart

# How far a neighbour is moved, at least and at most.
PITCH_STEP_ST = (2.0, 4.5)
ENERGY_STEP_DB = (4.0, 8.0)
SPEED_STEP = (1.18, 1.4)
# What two variants must differ by once measured, and what the other cues may differ by at most: semitones, decibels, per cent.
DISTANCES = {"pitch": SpeakerReference.PITCH_ST, "energy": SpeakerReference.ENERGY_DB, "speed": 100 * SpeakerReference.SPEED_SHARE}
UNITS = {"pitch": "st", "energy": "dB", "speed": "%"}
SILENCE_S = (0.3, 0.5)  # between two variants
FULL_SCALE = 0.99


class Unusable(EmotionThinkerError):
    """This clip gives no such example."""


def three_variants(
    record: Mapping[str, Any], samples: np.ndarray, cue: str, rng: np.random.Generator
) -> tuple[np.ndarray, list[int]]:
    """The variants one after another, (n,) float32 at 16 kHz, and the rank of each (0 the lowest) in the order heard.

    record: the clip's label record. samples: (m,) its speech. cue: "pitch", "energy" or "speed".
    Raises Unusable with the reason where they do not differ as they should, CannotChange where pyworld is missing.
    """
    variants = _vary(samples, cue, rng)
    text = str(record.get("transcription") or "")
    check([cues_of(variant, text) for variant in variants], cue)
    order = [int(rank) for rank in rng.permutation(3)]
    parts: list[np.ndarray] = []
    for rank in order:
        if parts:
            parts.append(np.zeros(round(rng.uniform(*SILENCE_S) * SAMPLE_RATE)))
        parts.append(variants[rank])
    return np.concatenate(parts).astype(np.float32), order


def _vary(samples: np.ndarray, cue: str, rng: np.random.Generator) -> list[np.ndarray]:
    """Three variants, from the lowest value of the cue to the highest."""
    if cue == "energy":
        below_db, above_db = rng.uniform(*ENERGY_STEP_DB, size=2)
        headroom_db = 20 * math.log10(FULL_SCALE / max(float(np.abs(samples).max(initial=0.0)), 1e-6))
        middle_db = min(0.0, headroom_db - above_db)  # all are softer where the loudest would clip
        return [samples * 10 ** (gain_db / 20) for gain_db in (middle_db - below_db, middle_db, middle_db + above_db)]
    voice = take_apart(samples)
    if cue == "pitch":
        below_st, above_st = rng.uniform(*PITCH_STEP_ST, size=2)
        made = [put_together(voice, f0_hz=voice.f0_hz * 2 ** (shift_st / 12)) for shift_st in (-below_st, 0.0, above_st)]
    else:
        slower, faster = rng.uniform(*SPEED_STEP, size=2)
        # A touch away from 1, so that the middle one is synthesised in the same places as the others.
        made = [put_together(voice, rate=np.full(len(voice.f0_hz), pace)) for pace in (1 / slower, 1 + 1e-6, faster)]
    loudest = max(float(np.abs(variant).max(initial=0.0)) for variant in made)
    return [variant * min(1.0, FULL_SCALE / max(loudest, 1e-6)) for variant in made]


def cues_of(samples: np.ndarray, text: str) -> dict[str, float | None]:
    """The three cues of a sound on scales where a difference is what a listener compares: semitones, dB, per cent (natural log)."""
    sound = np.ascontiguousarray(samples, np.float32)
    segments = speech_segments(sound)
    pitch_hz = pitch_summary(track_f0(sound), segments)["f0_median_hz"]
    level_dbfs = energy_summary(track_energy(sound), segments)["energy_dbfs"]
    words = align(sound, text) if text.strip() and segments else None
    rate_pps = speaking_rates(words, segments, text)["articulation_rate_pps"] if words else None
    return {
        "pitch": 12 * math.log2(pitch_hz) if pitch_hz else None,
        "energy": level_dbfs,
        "speed": 100 * math.log(rate_pps) if rate_pps else None,
    }


def check(measured: Sequence[Mapping[str, float | None]], cue: str) -> None:
    """Raises Unusable unless the variants, given from lowest to highest, differ in `cue` and in nothing else."""
    for name, distance in DISTANCES.items():
        values = [variant[name] for variant in measured]
        known = [value for value in values if value is not None]
        if len(known) < len(values):
            if name == cue or known:  # a whisper has no pitch in any variant, and none that could move
                raise Unusable(f"the {name} could not be measured in every variant")
            continue
        if name == cue:
            if min(np.diff(known)) < distance:
                raise Unusable(f"the variants differ by less than {distance:g} {UNITS[name]} in {name}")
        elif max(known) - min(known) > distance:
            raise Unusable(f"the {name} moved with the {cue}")
