"""The prosody record of a clip: every measurement, its level, and what could not be measured.

    record = measure_prosody("clip.wav")            # or (samples, sample_rate)
    record.pitch_level, record.f0_median_hz, record.to_dict()

Field names of the labels and measurements are those of the published EmotionCoT labels.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from emotionthinker.audio import Clip, Limits, load_clip
from emotionthinker.prosody.energy import EnergyTrack, energy_summary, track_energy
from emotionthinker.prosody.intonation import classify_intonation
from emotionthinker.prosody.levels import SHORTEST_SPEECH_S, Reference, SpeakerReference, judge
from emotionthinker.prosody.pitch import F0Track, pitch_summary, track_f0
from emotionthinker.prosody.rate import speaking_rates
from emotionthinker.prosody.stress import word_stress
from emotionthinker.prosody.vad import speech_segments
from emotionthinker.speaker import is_narrow, speaker_profile
from emotionthinker.transcript import Word, align
from emotionthinker.transcript import recognise as recognise_words

Source = str | Path | tuple[np.ndarray, int] | Clip

SHORTEST_PAUSE_S = 0.2  # shorter gaps are the closures of stops
NOISY_SNR_DB = 10.0
CLIPPED_LEVEL = 0.999
CLIPPED_SHARE = 0.001


@dataclass
class Prosody:
    """What a voice does in one clip. Times in seconds from the clip's start; None where it could not be measured."""

    # labels
    pitch_level: str | None  # low, normal, high
    energy_level: str | None  # low, normal, high
    speed_level: str | None  # slow, normal, fast
    stressed_words: list[str]
    intonation: str | None  # rising, falling, rising-falling, falling-rising, flat, expressive, uncertain, too_short
    gender: str | None  # Male, Female
    age_level: str | None
    # measurements
    f0_median_hz: float | None
    f0_p5_hz: float | None
    f0_p95_hz: float | None
    f0_range_st: float | None
    f0_std_st: float | None
    f0_reliable: bool
    voiced_share_of_speech: float | None
    energy_dbfs: float | None  # of the speech, silence left out
    noise_floor_dbfs: float | None
    est_snr_db: float | None
    n_phonemes: int | None
    articulation_rate_pps: float | None  # phones per second of speech
    speaking_rate_pps: float | None  # phones per second, pauses counted
    contour_shape: str | None
    contour_dynamics: str | None
    contour_confidence: float | None
    gender_confidence: float | None
    age_years: float | None
    stress_pairs: list[list[Any]]  # [word, 1 if stressed else 0]
    # words, time and frames
    transcription: str | None  # None: not known, "": no words
    words: list[dict[str, Any]]  # word, start, end, stressed, prominence
    duration_s: float
    speech_s: float
    f0: dict[str, Any]  # hop_s, hz (None where unvoiced)
    energy: dict[str, Any]  # hop_s, dbfs
    warnings: list[str]
    levels: dict[str, dict[str, Any]]  # pitch, energy, speed, range: value, unit, level, percentile, z, cuts, reference
    segments: list[list[float]]  # speech
    pauses: list[list[float]]  # inside the speech
    span_s: list[float]  # analysed
    rate_source: str | None  # "words" or "speech detection"
    # not part of the record's JSON: what a correction of the words is measured with
    _tracks: tuple[F0Track, EnergyTrack] | None = field(default=None, repr=False, compare=False)
    _reference: Reference | SpeakerReference | None = field(default=None, repr=False, compare=False)
    _warnings_of_sound: list[str] = field(default_factory=list, repr=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """The record as `prosody --json` prints it: plain types only, None for what is not a number."""
        return {name: _plain(getattr(self, name)) for name in FIELDS}

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Prosody:
        """The record that `to_dict` came from; other keys are left aside. Raises KeyError for a missing one."""
        return cls(**{name: record[name] for name in FIELDS})

    def with_transcript(self, clip: Clip, text: str) -> Prosody:
        """The same record with other words: only what depends on words is measured again.

        clip: the clip this record was measured on. text: what is said, "" for no words.
        """
        f0, energy = self._tracks or _tracks_from(self)
        facts = {name: getattr(self, name) for name in FIELDS}
        sound_warnings = self._warnings_of_sound
        if self._tracks is None:  # read from a file: what the old words were warned of cannot be told by where it arose
            sound_warnings = [w for w in self.warnings if w not in (NOT_ALIGNED, NO_SPEECH_FOR_WORDS)]
        facts |= _word_facts(clip.samples, text, f0, energy, [(a, b) for a, b in self.segments])
        word_warnings = facts.pop("word_warnings")
        judged = judge(facts, self._reference or Reference.from_file(), self.gender)
        facts |= {"levels": self.levels | {"speed": judged["levels"]["speed"]}, "speed_level": judged["speed_level"],
                  "warnings": sound_warnings + word_warnings}
        facts = {name: _plain(value) for name, value in facts.items()}
        return Prosody(**facts, _tracks=(f0, energy), _reference=self._reference, _warnings_of_sound=sound_warnings)


FIELDS = tuple(f.name for f in dataclasses.fields(Prosody) if not f.name.startswith("_"))

NOT_ALIGNED = ("The words could not be aligned with the sound, so word times and stress are missing and the rate is an "
               "estimate: please check that the text is what is said.")
NARROW = ("The recording holds nothing above 4 kHz, as from a telephone: the speaker's sex cannot be told from it, and a pitch "
          "level is given only where it is the same for women and men.")
NO_SPEECH_FOR_WORDS = "A text was given, but no speech was found to align it with."


def measure_prosody(
    source: Source,
    transcript: str | None = None,
    *,
    recognise: bool = True,
    reference: Reference | None = None,
    neutral: Source | None = None,
    limits: Limits | None = None,
) -> Prosody:
    """Measure a clip.

    source: path, (samples, sample_rate), or Clip. transcript: what is said; "" for no words; None to recognise the
    words, unless `recognise` is False. reference: what levels are held against (default: CREMA-D train). neutral: a
    clip in which the same speaker talks neutrally; levels then say how `source` differs from it.
    Raises AudioError subclasses for audio that cannot be analysed, TranscriptError for text that cannot be.
    """
    clip = load_clip(source, limits)
    samples = clip.samples
    segments = speech_segments(samples)
    f0 = track_f0(samples)
    energy = track_energy(samples)
    speech_s = sum(end - start for start, end in segments)

    facts: dict[str, Any] = {
        "duration_s": clip.duration_s,
        "speech_s": speech_s,
        "segments": segments,
        "pauses": [[a, b] for (_, a), (b, _) in pairwise(segments) if b - a >= SHORTEST_PAUSE_S],
        "span_s": [0.0, clip.duration_s],
        "f0": {"hop_s": f0.hop_s, "hz": f0.hz},
        "energy": {"hop_s": energy.hop_s, "dbfs": energy.dbfs},
    }
    facts |= pitch_summary(f0, segments)
    facts |= energy_summary(energy, segments)
    facts |= classify_intonation(f0, segments)
    facts["narrow"] = is_narrow(samples, clip.source_rate)
    facts |= speaker_profile(samples, f0, segments, facts["narrow"])
    if transcript is None and recognise:
        transcript = recognise_words(samples) if speech_s >= SHORTEST_SPEECH_S else ""
    facts |= _word_facts(samples, transcript, f0, energy, segments)
    facts = {name: _plain(value) for name, value in facts.items()}

    held_against: Reference | SpeakerReference
    if neutral is not None:
        held_against = SpeakerReference(measure_prosody(neutral, recognise=recognise, limits=limits).to_dict())
    else:
        held_against = reference or Reference.from_file()
    facts |= judge(facts, held_against, facts["gender"])
    sound_warnings = warnings_of_sound(samples, facts)
    facts["warnings"] = sound_warnings + facts.pop("word_warnings")
    return Prosody(**{name: facts[name] for name in FIELDS}, _tracks=(f0, energy), _reference=held_against,
                   _warnings_of_sound=sound_warnings)


def _word_facts(samples: np.ndarray, text: str | None, f0: F0Track, energy: EnergyTrack,
                segments: Sequence[tuple[float, float]]) -> dict[str, Any]:
    """Everything that depends on the words, and nothing else."""
    warnings = []
    words: list[Word] | None = None
    if text and text.strip():
        if segments:
            words = align(samples, text)
            if words is None:
                warnings.append(NOT_ALIGNED)
        else:
            warnings.append(NO_SPEECH_FOR_WORDS)
    stressed = word_stress(words, energy, f0) if words else []
    return {
        "transcription": text,
        "words": [{"word": w.word, "start": w.start, "end": w.end, "stressed": w.stressed, "prominence": w.prominence}
                  for w in stressed],
        "stressed_words": [w.word for w in stressed if w.stressed],
        "stress_pairs": [[w.word, int(w.stressed)] for w in stressed],
        **speaking_rates(words, list(segments), text or ""),
        "word_warnings": warnings,
    }


def warnings_of_sound(samples: np.ndarray, facts: Mapping[str, Any]) -> list[str]:
    """Sentences on what the recording does not support."""
    if facts["speech_s"] == 0:
        return [f"No speech was found in this clip of {facts['duration_s']:.1f} s, so nothing is said about the voice."]
    warnings = []
    if facts["speech_s"] < SHORTEST_SPEECH_S:
        warnings.append(f"Only {facts['speech_s']:.1f} s of speech were found, too little to judge the voice by.")
    elif not facts["f0_reliable"]:
        warnings.append("Too little of the speech has a clear pitch, so no pitch level is given.")
    snr_db = facts["est_snr_db"]
    if snr_db is not None and snr_db < NOISY_SNR_DB:
        warnings.append(f"The recording is noisy (speech is about {snr_db:.0f} dB above the background), so pitch and "
                        "energy are less certain.")
    clipped = float(np.mean(np.abs(samples) >= CLIPPED_LEVEL)) if len(samples) else 0.0
    if clipped > CLIPPED_SHARE:
        warnings.append(f"{100 * clipped:.1f} % of the samples are clipped, so the energy is higher than measured.")
    if facts["narrow"]:
        warnings.append(NARROW)
    elif facts["f0_reliable"] and facts["pitch_level"] is None and facts["speech_s"] >= SHORTEST_SPEECH_S:
        warnings.append("The speaker's sex is not clear from the voice, and what is high for a man is low for a woman, so "
                        "no pitch level is given.")
    return warnings


def _tracks_from(record: Prosody) -> tuple[F0Track, EnergyTrack]:
    """Tracks of a record that was read from a file. Its voiced frames were accepted once, so they count as certain."""
    hz = np.array(record.f0["hz"], np.float32)
    f0 = F0Track(record.f0["hop_s"], hz, np.isfinite(hz).astype(np.float32))
    return f0, EnergyTrack(record.energy["hop_s"], np.array(record.energy["dbfs"], np.float32))


def _plain(value: Any) -> Any:
    """Plain Python types, numbers to 4 decimals, None for what is not a finite number."""
    if isinstance(value, np.ndarray):
        return [None if not math.isfinite(x) else round(x, 4) for x in value.astype(float).tolist()]
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return round(value, 4) if math.isfinite(value) else None
    return value
