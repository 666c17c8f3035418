"""Facts carry level, value, unit and reference; what was not measured says so, and why."""

from __future__ import annotations

import re

from emotionthinker.page.facts import facts_html, facts_of
from emotionthinker.prosody.record import NARROW
from tests.page.records import a_record, silent_record


def rows(record: dict) -> dict:
    return {fact.row: fact for fact in facts_of(record)}


def test_a_level_is_told_with_value_unit_and_reference() -> None:
    pitch = rows(a_record())["pitch"]
    assert (pitch.level, pitch.value) == ("high", "210 Hz")
    assert pitch.held_against == "higher than 81 % of CREMA-D train, female speakers"
    assert rows(a_record())["range"].held_against.startswith("narrower than 60 % of")
    assert rows(a_record())["speed"].held_against.endswith("from aligned words")


def test_silence_says_what_is_missing_and_why() -> None:
    found = rows(silent_record())
    for name in ("pitch", "range", "energy", "speed", "recording"):
        assert found[name].level is None
        assert found[name].value == "not measured"
        assert found[name].why == "no speech was found"
    assert found["age"].value == "not estimated"


def test_a_value_without_a_level_keeps_its_value_and_gives_the_reason() -> None:
    record = a_record(gender=None)
    record["levels"]["pitch"] = record["levels"]["pitch"] | {"level": None, "percentile": None}
    pitch = rows(record)["pitch"]
    assert (pitch.level, pitch.value) == (None, "210 Hz")
    assert "sex is not clear" in pitch.why


def test_a_speaker_reference_has_no_percentile() -> None:
    record = a_record()
    record["levels"]["pitch"] = record["levels"]["pitch"] | {"percentile": None, "reference": "a neutral clip of the same speaker"}
    assert rows(record)["pitch"].held_against == "against a neutral clip of the same speaker"


def test_a_flat_melody_is_called_flat_once() -> None:
    melody = rows(a_record(intonation="flat", contour_dynamics="flat"))["melody"]
    assert (melody.level, melody.value) == ("flat", "")
    melody = rows(a_record(intonation="falling", contour_dynamics="expressive"))["melody"]
    assert (melody.level, melody.value) == ("falling", "expressive")


def test_rows_do_not_come_and_go() -> None:
    assert [f.row for f in facts_of(a_record())] == [f.row for f in facts_of(silent_record())]
    assert [f.row for f in facts_of(a_record(), words_pending=True)] == [f.row for f in facts_of(a_record())]


def test_before_a_clip_the_same_rows_keep_the_place() -> None:
    def names(html: str) -> list[str]:
        return re.findall(r'<th scope="row">(?:<button[^>]*>)?(\w+)', html)

    empty, full = facts_html(None), facts_html(a_record())
    assert names(empty) == names(full)
    assert empty.count("et-meter") == full.count("et-meter") == 4
    # Nothing of it is seen, read out or pressed: it is nobody's voice.
    assert empty.count('aria-hidden="true"') == 3 * empty.count("<tr")
    assert "data-start" not in empty
    assert "<button" not in empty


def test_check_05_hostile_texts_are_shown_as_text() -> None:
    nasty = "<img src=x onerror=alert(1)>"
    html = facts_html(a_record(stressed_words=[nasty], warnings=[nasty]))
    assert "<img" not in html
    assert html.count("&lt;img") == 2


def test_every_row_can_be_played_by_keyboard() -> None:
    html = facts_html(a_record())
    assert len(re.findall(r"<tr [^>]*data-start=", html)) == len(re.findall(r'<th scope="row"><button type="button"', html)) == 10


def test_speed_waits_for_the_words_and_says_where_there_are_none() -> None:
    wordless = a_record(transcription=None, words=[], stressed_words=[], articulation_rate_pps=None, speed_level=None,
                        rate_source=None)
    wordless["levels"]["speed"] = wordless["levels"]["speed"] | {"value": None, "level": None, "percentile": None}
    pending = {fact.row: fact for fact in facts_of(wordless, words_pending=True)}
    assert pending["speed"].value == pending["stress"].value == "listening for the words …"
    assert pending["speed"].why == ""
    for name in ("speed", "stress"):
        assert (rows(wordless)[name].value, rows(wordless)[name].why) == ("not measured", "no words")
    assert rows(wordless | {"transcription": "你好"})["speed"].why == "the text does not fit the sound"
    assert rows(wordless | {"speech_s": 0.1})["speed"].why == "too little speech"


def test_energy_that_noise_took_says_so() -> None:
    noisy = a_record(energy_level=None, est_snr_db=1.0)
    noisy["levels"]["energy"] = noisy["levels"]["energy"] | {"level": None, "percentile": None}
    energy = rows(noisy)["energy"]
    assert (energy.level, energy.value, energy.why) == (None, "−14 dBFS", "no level: the recording is too noisy")
    assert rows(noisy | {"speech_s": 0.1})["energy"].why == "no level: too little speech"


def test_the_sex_of_a_telephone_voice_is_missing_for_the_band() -> None:
    narrow = rows(a_record(gender=None, gender_confidence=None, warnings=[NARROW]))["sex"]
    assert (narrow.value, narrow.why) == ("sex not clear", "nothing above 4 kHz, as from a telephone")
    assert rows(a_record(gender=None, gender_confidence=None))["sex"].why == "too little of the voice was heard"
