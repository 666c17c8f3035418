"""Stressed words, on speech whose emphasis is known because we made it."""

import json
from pathlib import Path

import numpy as np
import pytest

from emotionthinker.audio import SAMPLE_RATE
from emotionthinker.prosody.energy import EnergyTrack, track_energy
from emotionthinker.prosody.pitch import F0Track, track_f0
from emotionthinker.prosody.stress import (
    CUES,
    MAX_STRESSED_SHARE,
    MODEL_PATH,
    StressedWord,
    StressModel,
    stress_model,
    word_cues,
    word_stress,
)
from emotionthinker.transcript import Word, align
from tests.spoken import TWO_CITIES_BEGINS, espeak, two_cities

WORDS = ["We", "planted", "three", "apple", "trees", "behind", "the", "house"]


def ssml(emphasised: int | None) -> str:
    marked = [f'<emphasis level="strong">{w}</emphasis>' if i == emphasised else w for i, w in enumerate(WORDS)]
    return f"<speak>{' '.join(marked)}.</speak>"


def stress_of(samples: np.ndarray, text: str) -> list[StressedWord]:
    words = align(samples, text)
    assert words
    return word_stress(words, track_energy(samples), track_f0(samples))


@pytest.mark.parametrize("emphasised", [1, 2, 4])
@pytest.mark.parametrize("voice", ["en-us+m8", "en-gb+f5"])
def test_an_emphasised_word_becomes_more_prominent(emphasised: int, voice: str) -> None:
    plain = stress_of(espeak(ssml(None), voice), " ".join(WORDS))
    marked = stress_of(espeak(ssml(emphasised), voice), " ".join(WORDS))
    assert marked[emphasised].prominence > plain[emphasised].prominence + 0.2
    assert marked[emphasised].stressed
    assert int(np.argmax([word.prominence for word in marked])) == emphasised


def made_by_hand(longer: float = 1.0, louder_db: float = 0.0, higher_st: float = 0.0) -> list[StressedWord]:
    """Seven words of three phones, 0.24 s each, at -20 dBFS and 120 Hz; the fourth one differs as asked."""
    at_s, words, levels, pitches = 0.1, [], [-60.0] * 10, [np.nan] * 6
    for i in range(7):
        is_it = i == 3
        dur_s = 0.24 * (longer if is_it else 1.0)
        words.append(Word("tan", round(at_s, 3), round(at_s + dur_s, 3), ("T", "AE", "N")))
        levels += [-20.0 + louder_db * is_it] * round(dur_s / 0.01)
        pitches += [120.0 * 2 ** (higher_st * is_it / 12)] * (round((at_s + dur_s) / 0.016) - len(pitches))
        at_s += dur_s
    energy = EnergyTrack(0.01, np.array([*levels, *[-60.0] * 10], np.float32))
    hz = np.array([*pitches, *[np.nan] * 6], np.float32)
    return word_stress(words, energy, F0Track(0.016, hz, np.isfinite(hz).astype(np.float32)))


@pytest.mark.parametrize("cue", [{"longer": 1.5}, {"louder_db": 5.0}, {"higher_st": 4.0}])
def test_each_cue_raises_prominence(cue: dict[str, float]) -> None:
    assert made_by_hand(**cue)[3].prominence > made_by_hand()[3].prominence


def test_all_cues_together_mark_the_word_and_no_cue_marks_none() -> None:
    marked = made_by_hand(longer=1.5, louder_db=5.0, higher_st=4.0)
    assert [word.stressed for word in marked] == [False, False, False, True, False, False, False]
    assert not any(word.stressed for word in made_by_hand())


def test_gain_does_not_matter() -> None:
    samples = espeak(ssml(2))
    loud, soft = (stress_of(one, " ".join(WORDS)) for one in (samples, samples * np.float32(0.1)))
    assert [word.prominence for word in soft] == pytest.approx([word.prominence for word in loud], abs=0.1)


def test_a_person_stresses_some_words_and_never_all() -> None:
    words = stress_of(two_cities(), TWO_CITIES_BEGINS)
    stressed = [word.word for word in words if word.stressed]
    assert 1 <= len(stressed) <= MAX_STRESSED_SHARE * len(words)
    assert all(0.0 <= word.prominence <= 1.0 for word in words)
    means = {kind: np.mean([w.prominence for w in words if (w.word in {"best", "times", "worst", "age", "wisdom"}) == kind])
             for kind in (True, False)}  # fmt: skip
    assert means[True] > means[False]


@pytest.mark.parametrize("n", [0, 1, 2])
def test_short_and_empty_texts(n: int) -> None:
    words = [Word("hello", 0.1 + 0.5 * i, 0.5 + 0.5 * i, ("HH", "AH", "L", "OW")) for i in range(n)]
    silence = np.zeros(SAMPLE_RATE, np.float32)
    found = word_stress(words, track_energy(silence), track_f0(silence))
    assert [word.word for word in found] == ["hello"] * n
    assert all(np.isfinite(word.prominence) for word in found)


def test_words_without_phones_or_outside_the_tracks_still_have_cues() -> None:
    words = [Word("um", 0.0, 0.005), Word("late", 90.0, 90.4, ("L", "EY", "T")), Word("x", 91.0, 91.2, ("QQ",))]
    energy, f0 = track_energy(np.zeros(1600, np.float32)), track_f0(np.zeros(1600, np.float32))
    cues = word_cues(words, energy, f0, stress_model().phone_s)
    assert cues.shape == (3, len(CUES)) and np.isfinite(cues).all()


def test_a_model_fitted_on_other_cues_is_refused(tmp_path: Path) -> None:
    stored = json.loads(MODEL_PATH.read_text(encoding="utf-8"))
    stored["cues"] = stored["cues"][::-1]
    path = tmp_path / "stress.json"
    path.write_text(json.dumps(stored), encoding="utf-8")
    with pytest.raises(ValueError, match=r"training\.stress_model"):
        StressModel.from_file(path)
