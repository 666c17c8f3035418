"""A prosody record with known contents, for the parts of the page that show one."""

from __future__ import annotations

from typing import Any

import numpy as np

SAMPLE_RATE = 16_000
DURATION_S = 2.0


def voice_samples() -> np.ndarray:
    """2 s: silence, a 200 Hz buzz from 0.4 to 1.6 s, silence."""
    t = np.arange(int(DURATION_S * SAMPLE_RATE)) / SAMPLE_RATE
    wave = 0.3 * np.sin(2 * np.pi * 200 * t) * ((t > 0.4) & (t < 1.6))
    return wave.astype(np.float32)


def a_record(**changes: Any) -> dict[str, Any]:
    """As `Prosody.to_dict()` gives it: pitch from 0.4 to 1.0 s and 1.1 to 1.6 s, four words, "never" and "again" stressed."""
    f0_times = np.arange(0, DURATION_S, 0.016)
    voiced = ((f0_times >= 0.4) & (f0_times < 1.0)) | ((f0_times >= 1.1) & (f0_times < 1.6))
    hz = np.where(voiced, 240 - 60 * (f0_times - 0.4), np.nan)
    dbfs = np.where((np.arange(200) >= 40) & (np.arange(200) < 160), -14.0, -65.0)
    words = [("I", 0.4, 0.5), ("never", 0.5, 1.0), ("do", 1.1, 1.2), ("again", 1.2, 1.6)]

    def level(value: float, unit: str, name: str, percentile: float) -> dict[str, Any]:
        return {"value": value, "unit": unit, "level": name, "percentile": percentile, "z": 1.0, "cuts": [1.0, 2.0],
                "reference": "CREMA-D train, female speakers"}

    record = {
        "pitch_level": "high", "energy_level": "high", "speed_level": "fast", "stressed_words": ["never", "again"],
        "intonation": "falling", "gender": "Female", "age_level": None, "f0_median_hz": 210.0, "f0_p5_hz": 172.0,
        "f0_p95_hz": 238.0, "f0_range_st": 5.6, "f0_std_st": 1.6, "f0_reliable": True, "voiced_share_of_speech": 0.9,
        "energy_dbfs": -14.0, "noise_floor_dbfs": -65.0, "est_snr_db": 51.0, "n_phonemes": 12, "articulation_rate_pps": 14.8,
        "speaking_rate_pps": 13.0, "contour_shape": "falling", "contour_dynamics": "expressive", "contour_confidence": 0.8,
        "gender_confidence": 0.98, "age_years": None, "stress_pairs": [["I", 0], ["never", 1], ["do", 0], ["again", 1]],
        "transcription": "I never do again.",
        "words": [{"word": w, "start": s, "end": e, "stressed": w in ("never", "again"), "prominence": 0.9 if w == "again" else 0.5}
                  for w, s, e in words],
        "duration_s": DURATION_S, "speech_s": 1.1,
        "f0": {"hop_s": 0.016, "hz": [None if np.isnan(v) else float(v) for v in hz]},
        "energy": {"hop_s": 0.01, "dbfs": dbfs.tolist()},
        "warnings": [], "segments": [[0.4, 1.0], [1.1, 1.6]], "pauses": [], "span_s": [0.0, DURATION_S], "rate_source": "words",
        "levels": {"pitch": level(210.0, "Hz", "high", 81.0), "energy": level(-14.0, "dBFS", "high", 90.0),
                   "speed": level(14.8, "phones/s", "fast", 77.0), "range": level(5.6, "st", "normal", 40.0)},
    }
    return record | changes


def silent_record() -> dict[str, Any]:
    """Of a clip in which nobody speaks."""
    nothing = {"value": None, "unit": "Hz", "level": None, "percentile": None, "z": None, "cuts": None, "reference": "CREMA-D"}
    return a_record(
        pitch_level=None, energy_level=None, speed_level=None, stressed_words=[], intonation="too_short", gender=None,
        f0_median_hz=None, f0_p5_hz=None, f0_p95_hz=None, f0_range_st=None, f0_std_st=None, f0_reliable=False, energy_dbfs=None,
        est_snr_db=None, articulation_rate_pps=None, transcription="", words=[], speech_s=0.0, segments=[],
        f0={"hop_s": 0.016, "hz": [None] * 125}, levels={kind: dict(nothing) for kind in ("pitch", "energy", "speed", "range")},
        warnings=["No speech was found in this clip of 2.0 s, so nothing is said about the voice."])
