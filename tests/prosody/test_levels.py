import json

import numpy as np
import pytest

from emotionthinker.errors import EmotionThinkerError
from emotionthinker.prosody.levels import MEASURES, Reference, SpeakerReference, judge
from training.reference_levels import build_table


def clips(n=99):
    """Men from 100 to 198 Hz, women an octave above; energy -59 to +39 dBFS; speed and range alike."""
    rows = []
    for i in range(n):
        for sex, factor in (("male", 1), ("female", 2)):
            rows.append({"sex": sex, "f0_median_hz": (100.0 + i) * factor, "f0_reliable": True, "energy_dbfs": i - 59.0,
                         "articulation_rate_pps": 5 + i / 10, "f0_range_st": i / 5, "speaker": f"{sex}{i}"})
    return rows


@pytest.fixture(scope="module")
def reference():
    return Reference(build_table(clips(), "a test corpus", "command"))


@pytest.mark.parametrize(("value", "gender", "level", "percentile"), [
    (100.0, "Male", "low", 0), (149.0, "Male", "normal", 50), (198.0, "Male", "high", 100),
    (198.0, "Female", "low", 0), (298.0, "Female", "normal", 50), (396.0, "Female", "high", 100),
    (50.0, "Male", "low", 0), (600.0, "Female", "high", 100)])
def test_pitch_is_held_against_speakers_of_the_same_sex(reference, value, gender, level, percentile):
    found = reference.level("pitch", value, gender)
    assert (found.level, found.percentile) == (level, pytest.approx(percentile, abs=0.6))
    assert found.reference == f"a test corpus, {gender.lower()} speakers"


@pytest.mark.parametrize(("value", "level"), [(110.0, "low"), (390.0, "high"), (149.0, None), (250.0, None)])
def test_pitch_of_an_unknown_sex_has_a_level_only_where_both_sexes_agree(reference, value, level):
    found = reference.level("pitch", value, None)
    assert (found.level, found.percentile, found.z, found.cuts) == (level, None, None, None)
    assert ("alike" in found.reference) == (level is not None)


def test_each_level_holds_a_third_of_the_reference(reference):
    levels = [reference.level("energy", i - 59.0).level for i in range(99)]
    assert [levels.count(name) for name in MEASURES["energy"][2]] == [33, 33, 33]


def test_z_is_in_standard_deviations(reference):
    measure = reference.table["measures"]["speed"]["groups"]["all"]
    assert reference.level("speed", measure["mean"] + 2 * measure["std"]).z == pytest.approx(2, abs=0.01)


@pytest.mark.parametrize("value", [None, float("nan"), float("inf")])
def test_no_value_no_level(reference, value):
    assert reference.level("energy", value).level is None


NEUTRAL = {"f0_median_hz": 120.0, "f0_reliable": True, "energy_dbfs": -30.0, "articulation_rate_pps": 12.0,
           "f0_range_st": 6.0}


@pytest.mark.parametrize(("kind", "value", "level"), [
    ("pitch", 120 * 2 ** (1.6 / 12), "high"), ("pitch", 120 * 2 ** (1.4 / 12), "normal"),
    ("pitch", 120 * 2 ** (-1.6 / 12), "low"), ("energy", -26.9, "high"), ("energy", -32.9, "normal"),
    ("energy", -33.1, "low"), ("speed", 13.3, "fast"), ("speed", 13.1, "normal"), ("speed", 10.7, "slow"),
    ("range", 8.1, "wide"), ("range", 3.9, "narrow")])
def test_against_a_neutral_clip_of_the_same_speaker(kind, value, level):
    found = SpeakerReference(NEUTRAL).level(kind, value)
    assert found.level == level
    assert found.percentile is None and "same speaker" in found.reference


def test_a_neutral_clip_without_pitch_gives_no_pitch_level():
    reference = SpeakerReference(NEUTRAL | {"f0_reliable": False})
    assert reference.level("pitch", 130.0).level is None
    assert reference.level("energy", -20.0).level == "high"


@pytest.mark.parametrize(("change", "without"), [
    ({}, set()), ({"f0_reliable": False}, {"pitch", "range"}), ({"est_snr_db": 1.0}, {"energy"}),
    ({"speech_s": 0.1}, {"pitch", "energy", "speed", "range"})])
def test_a_level_needs_a_measurement_that_supports_it(reference, change, without):
    facts = {**NEUTRAL, "est_snr_db": 30.0, "speech_s": 2.0, **change}
    judged = judge(facts, reference, "Male")
    assert {kind for kind, found in judged["levels"].items() if found["level"] is None} == without
    assert judged["levels"]["pitch"]["value"] == 120.0  # what was measured is shown all the same
    assert judged["pitch_level"] == judged["levels"]["pitch"]["level"]


def test_the_shipped_table_is_of_crema_d_train_and_knows_both_sexes():
    reference = Reference.from_file()
    assert reference.name == "CREMA-D train" and reference.table["n_speakers"] == 56
    assert set(reference.table["measures"]["pitch"]["groups"]) == {"Female", "Male"}
    for measure in reference.table["measures"].values():
        for group in measure["groups"].values():
            assert len(group["quantiles"]) == 101 and group["quantiles"] == sorted(group["quantiles"])
            rounding = 1 + 1e-3 * np.sign(group["cuts"])  # the table holds rounded values, some of them negative
            assert group["quantiles"][33] <= group["cuts"][0] * rounding[0]
            assert group["cuts"][0] < group["cuts"][1] <= group["quantiles"][67] * rounding[1]


@pytest.mark.parametrize("text", ["", "no json", "[]", "{}", json.dumps({"name": "x", "measures": {}})])
def test_a_file_that_is_no_table(tmp_path, text):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(EmotionThinkerError, match=r"x\.json"):
        Reference.from_file(tmp_path / "x.json")


def test_missing_file():
    with pytest.raises(EmotionThinkerError):
        Reference.from_file("nowhere.json")


