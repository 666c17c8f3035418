"""The prosody record of real speech, of synthetic sounds, and of nothing."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from emotionthinker.audio import SAMPLE_RATE, load_clip
from emotionthinker.prosody.levels import Reference
from emotionthinker.prosody.record import FIELDS, NOT_ALIGNED, Prosody, measure_prosody

TEXT = "It was the best of times, it was the worst of times."
LABELS = {"pitch_level", "energy_level", "speed_level", "stressed_words", "intonation", "gender", "age_level"}
MEASURED = {"f0_median_hz", "f0_p5_hz", "f0_p95_hz", "f0_range_st", "f0_std_st", "f0_reliable",
            "voiced_share_of_speech", "energy_dbfs", "noise_floor_dbfs", "est_snr_db", "n_phonemes",
            "articulation_rate_pps", "speaking_rate_pps", "contour_shape", "contour_dynamics", "contour_confidence",
            "gender_confidence", "age_years", "stress_pairs"}
ADDED = {"transcription", "words", "duration_s", "speech_s", "f0", "energy", "warnings", "levels", "segments", "pauses",
         "span_s", "rate_source"}


@pytest.fixture(scope="module")
def clip():
    """The first sentence of a recording that is part of the moonshine-voice package, a man reading."""
    package = importlib.util.find_spec("moonshine_voice").submodule_search_locations[0]
    whole = load_clip(Path(package) / "assets" / "two_cities.wav")
    return load_clip((whole.samples[int(0.9 * SAMPLE_RATE) : int(6.6 * SAMPLE_RATE)], SAMPLE_RATE))


@pytest.fixture(scope="module")
def record(clip):
    return measure_prosody(clip, TEXT)


def test_json_has_exactly_the_documented_keys(record):
    as_json = json.loads(json.dumps(record.to_dict(), allow_nan=False))
    assert set(as_json) == LABELS | MEASURED | ADDED == set(FIELDS)
    assert set(as_json["levels"]) == {"pitch", "energy", "speed", "range"}
    for found in as_json["levels"].values():
        assert set(found) == {"value", "unit", "level", "percentile", "z", "cuts", "reference"}
    assert set(as_json["words"][0]) == {"word", "start", "end", "stressed", "prominence"}
    assert set(as_json["f0"]) == {"hop_s", "hz"} and set(as_json["energy"]) == {"hop_s", "dbfs"}


def test_real_speech(record):
    assert " ".join(w["word"] for w in record.words) == "It was the best of times it was the worst of times"
    assert record.transcription == TEXT and record.rate_source == "words"
    assert record.gender != "Female" and 60 < record.f0_median_hz < 180 and record.f0_reliable
    assert record.levels["pitch"]["value"] == record.f0_median_hz
    assert record.pitch_level == record.levels["pitch"]["level"] in ("low", "normal", "high")
    assert record.speed_level in ("slow", "normal", "fast") and record.age_level is None
    assert record.stress_pairs == [[w["word"], int(w["stressed"])] for w in record.words]
    assert record.stressed_words == [w["word"] for w in record.words if w["stressed"]]
    assert all(a["end"] <= b["start"] + 1e-6 for a, b in zip(record.words, record.words[1:], strict=False))
    assert record.span_s == [0.0, record.duration_s] == [0.0, pytest.approx(5.7)]
    assert len(record.f0["hz"]) == pytest.approx(5.7 / record.f0["hop_s"], abs=2)
    assert None in record.f0["hz"] and max(h for h in record.f0["hz"] if h) < 700
    assert all(b - a >= 0.2 for a, b in record.pauses)
    assert record.speech_s == pytest.approx(sum(b - a for a, b in record.segments), abs=1e-3)


def test_the_record_survives_json(record):
    again = Prosody.from_dict(json.loads(json.dumps(record.to_dict())))
    assert again == record and again.to_dict() == record.to_dict()


def test_with_transcript_measures_only_the_words_again(clip, record):
    other = record.with_transcript(clip, "It was the best of times.")
    changed = {name for name in FIELDS if getattr(other, name) != getattr(record, name)}
    assert {"transcription", "words", "n_phonemes"} <= changed
    assert changed <= {"transcription", "words", "n_phonemes", "stressed_words", "stress_pairs", "rate_source",
                       "articulation_rate_pps", "speaking_rate_pps", "speed_level", "levels", "warnings"}
    assert other.f0 is record.f0 or other.f0 == record.f0
    for kind in ("pitch", "energy", "range"):
        assert other.levels[kind] == record.levels[kind]


def test_correcting_the_text_gives_what_measuring_with_it_gives(clip, record):
    wrong = measure_prosody(clip, "")
    assert wrong.words == [] and wrong.transcription == "" and wrong.speed_level is None
    assert wrong.with_transcript(clip, TEXT) == record
    from_file = Prosody.from_dict(json.loads(json.dumps(wrong.to_dict())))
    corrected = from_file.with_transcript(clip, TEXT)
    assert corrected.levels == record.levels
    for again, word in zip(corrected.words, record.words, strict=True):
        # A record from JSON holds rounded tracks, which may move the fourth decimal of a prominence.
        assert again["prominence"] == pytest.approx(word["prominence"], abs=1e-3)
        assert again | {"prominence": 0} == word | {"prominence": 0}


def test_a_text_that_is_not_what_is_said_is_reported_and_put_right(clip, record):
    wrong = record.with_transcript(clip, "Nineteen purple elephants danced gracefully across Mississippi bridges")
    assert wrong.warnings == [NOT_ALIGNED] and wrong.words == [] and wrong.rate_source != "words"
    assert wrong.with_transcript(clip, TEXT) == record


def test_recognised_words(clip):
    record = measure_prosody(clip)
    assert "best of times" in record.transcription.lower()
    assert measure_prosody(clip, recognise=False).transcription is None


def test_stereo_equals_mono(clip, record):
    stereo = measure_prosody((np.stack([clip.samples, clip.samples], axis=1), SAMPLE_RATE), TEXT)
    assert stereo == record


def test_silence_is_reported_as_such():
    record = measure_prosody((np.zeros(3 * SAMPLE_RATE, np.float32), SAMPLE_RATE))
    assert record.warnings == ["No speech was found in this clip of 3.0 s, so nothing is said about the voice."]
    assert record.speech_s == 0 and record.segments == [] and record.words == [] and record.f0_reliable is False
    for name in ("pitch_level", "energy_level", "speed_level", "gender", "age_level", "f0_median_hz", "energy_dbfs",
                 "articulation_rate_pps"):
        assert getattr(record, name) is None, name
    assert record.intonation == "too_short"
    json.dumps(record.to_dict(), allow_nan=False)


def test_a_text_on_silence_is_kept_and_warned_of():
    record = measure_prosody((np.zeros(SAMPLE_RATE, np.float32), SAMPLE_RATE), "Hello there")
    assert record.transcription == "Hello there" and record.words == [] and len(record.warnings) == 2


@pytest.mark.parametrize("start_s", [0.5, 1.0, 1.5, 2.0])
def test_a_fifth_of_a_second_is_too_short_for_any_level(clip, start_s):
    start = int(start_s * SAMPLE_RATE)
    record = measure_prosody((clip.samples[start : start + SAMPLE_RATE // 5], SAMPLE_RATE))
    assert (record.pitch_level, record.energy_level, record.speed_level) == (None, None, None)
    assert record.intonation == "too_short" and record.transcription == ""
    assert len(record.warnings) >= 1 and ("speech" in record.warnings[0])


def test_gain_moves_the_energy_and_nothing_else(clip, record):
    quiet = measure_prosody((clip.samples * 0.5, SAMPLE_RATE), TEXT)
    assert quiet.energy_dbfs == pytest.approx(record.energy_dbfs - 6.02, abs=0.2)
    assert quiet.pitch_level == record.pitch_level and quiet.segments == record.segments


def test_noise_and_clipping_are_warned_of(clip):
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 10 ** (-28 / 20), len(clip.samples)).astype(np.float32)
    noisy = measure_prosody((clip.samples + noise, SAMPLE_RATE), "")
    assert any("noisy" in sentence for sentence in noisy.warnings)
    clipped = measure_prosody((np.clip(clip.samples * 30, -1, 1), SAMPLE_RATE), "")
    assert any("clipped" in sentence for sentence in clipped.warnings)


def test_levels_against_a_neutral_clip_of_the_same_speaker(clip, record):
    louder = measure_prosody((clip.samples * 2, SAMPLE_RATE), TEXT, neutral=clip)
    assert louder.energy_level == "high" and louder.pitch_level == "normal"
    assert "same speaker" in louder.levels["energy"]["reference"]
    assert louder.f0_median_hz == record.f0_median_hz
    again = louder.with_transcript(clip, "It was the best of times.")
    assert "same speaker" in again.levels["speed"]["reference"]
    from_file = Prosody.from_dict(louder.to_dict()).with_transcript(clip, TEXT)
    assert from_file.levels["energy"] == louder.levels["energy"]  # a new text does not change what is not words


def test_another_reference(clip):
    table = json.loads(json.dumps(Reference.from_file().table))
    table["name"] = "whispered speech"
    for group in table["measures"]["energy"]["groups"].values():
        group["cuts"] = [-90.0, -80.0]
    record = measure_prosody(clip, TEXT, reference=Reference(table))
    assert record.energy_level == "high" and record.levels["energy"]["reference"] == "whispered speech"
    assert record.with_transcript(clip, "").levels["energy"]["reference"] == "whispered speech"
