from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from emotionthinker.prosody.intonation import classify_intonation
from emotionthinker.prosody.pitch import F0Track, track_f0
from emotionthinker.prosody.vad import speech_segments
from tests.sounds import SAMPLE_RATE, speech_like

# Contours in semitones over the utterance, u from 0 to 1.
CONTOURS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "rising": lambda u: 7 * u,
    "falling": lambda u: -7 * u,
    "rising-falling": lambda u: 7 * np.sin(np.pi * u),
    "falling-rising": lambda u: -7 * np.sin(np.pi * u),
    "flat": lambda u: 0.8 * np.sin(7 * u),
    "expressive": lambda u: 7 * np.sin(2 * np.pi * 3 * u),
}
DYNAMICS = {"flat": "flat", "expressive": "expressive"}  # the others span 7 st: moderate


def contour(name: str, seconds: float, base_hz: float = 150.0) -> F0Track:
    u = np.linspace(0, 1, int(seconds / 0.016))
    return F0Track(0.016, (base_hz * 2 ** (CONTOURS[name](u) / 12)).astype(np.float32), np.full(len(u), 0.9, np.float32))


def label(track: F0Track, segments: list[tuple[float, float]] | None = None) -> str:
    return classify_intonation(track, segments or [(0, len(track.hz) * track.hop_s)])["intonation"]


@pytest.mark.parametrize("seconds", [0.6, 2.0, 8.0])
@pytest.mark.parametrize("name", CONTOURS)
def test_each_contour_gets_its_name_whatever_its_duration(name: str, seconds: float) -> None:
    result = classify_intonation(contour(name, seconds), [(0, seconds + 1)])
    assert result["intonation"] == name
    assert result["contour_dynamics"] == DYNAMICS.get(name, "moderate")
    assert result["contour_confidence"] > 0.5


@pytest.mark.parametrize("base_hz", [90.0, 250.0])
@pytest.mark.parametrize("name", CONTOURS)
def test_the_voice_does_not_matter(name: str, base_hz: float) -> None:
    assert label(contour(name, 2.0, base_hz)) == name


@pytest.mark.parametrize("name", CONTOURS)
def test_unvoiced_gaps_do_not_matter(name: str) -> None:
    track = contour(name, 2.0)
    hz = track.hz.copy()
    hz[np.arange(len(hz)) % 12 < 4] = np.nan  # a consonant of 64 ms each 190 ms
    assert label(F0Track(track.hop_s, hz, track.confidence)) == name


@pytest.mark.parametrize("where", [0.3, 0.5, 0.8])
@pytest.mark.parametrize("name", CONTOURS)
def test_a_pause_is_no_valley(name: str, where: float) -> None:
    track = contour(name, 2.0)
    at = int(where * len(track.hz))
    hz = np.insert(track.hz, at, np.full(60, np.nan, np.float32))  # about a second
    confidence = np.insert(track.confidence, at, np.zeros(60, np.float32))
    cut_s = at * track.hop_s
    segments = [(0.0, cut_s), (cut_s + 60 * track.hop_s, 3.5)]
    assert label(F0Track(track.hop_s, hz, confidence), segments) == name


def test_octave_slips_at_the_end_do_not_turn_a_rise_into_an_arch() -> None:
    track = contour("rising", 2.0)
    hz = track.hz.copy()
    hz[-5:] /= 2
    assert label(F0Track(track.hop_s, hz, track.confidence)) == "rising"


def test_voice_outside_speech_does_not_count() -> None:
    hz = np.concatenate([contour("falling", 1.0).hz, contour("rising", 2.0).hz])
    track = F0Track(0.016, hz, np.full(len(hz), 0.9, np.float32))
    assert label(track, [(len(contour("falling", 1.0).hz) * 0.016, 3.5)]) == "rising"


def test_a_doubtful_pitch_is_uncertain() -> None:
    track = contour("rising", 2.0)
    assert label(F0Track(track.hop_s, track.hz, np.full(len(track.hz), 0.55, np.float32))) == "uncertain"


def test_a_moderate_contour_without_direction_is_uncertain() -> None:
    u = np.linspace(0, 1, 150)
    hz = (150 * 2 ** (2.5 * np.sin(2 * np.pi * 4 * u) / 12)).astype(np.float32)
    assert label(F0Track(0.016, hz, np.full(150, 0.9, np.float32))) == "uncertain"


@pytest.mark.parametrize(
    "sound",
    [np.zeros(32_000, np.float32), np.zeros(0, np.float32), speech_like(0.2)],
    ids=["silence", "nothing", "0.2 s"],
)
def test_silence_and_fifth_of_a_second_are_reported_as_such(sound: np.ndarray) -> None:
    result = classify_intonation(track_f0(sound), speech_segments(sound))
    assert result == {
        "intonation": "too_short",
        "contour_shape": None,
        "contour_dynamics": None,
        "contour_confidence": 0.0,
    }


@pytest.mark.parametrize("padding_s", [0.0, 1.7])
@pytest.mark.parametrize("name", CONTOURS)
def test_from_the_sound_itself(name: str, padding_s: float) -> None:
    seconds = 2.4
    x = speech_like(seconds, lambda t: 170 * 2 ** (CONTOURS[name](t / seconds) / 12))
    quiet = np.zeros(int(padding_s * SAMPLE_RATE), np.float32)
    x = np.concatenate([quiet, x, quiet])
    assert classify_intonation(track_f0(x), speech_segments(x))["intonation"] == name
