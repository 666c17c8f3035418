"""What an explanation states, found and held against a record. Every text is written by hand, in the styles of several models."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotionthinker.claims import find_statements
from emotionthinker.grounding import coverage, distinct_claims, ground, precision, salient_attributes, verify_claims


def level(name: str | None, percentile: float | None, value: float | None = 1.0, unit: str = "") -> dict:
    return {"value": value, "unit": unit, "level": name, "percentile": percentile, "z": None, "reference": "test"}


RECORD = {
    "levels": {
        "pitch": level("high", 90.0, 245.0, "Hz"),
        "range": level("narrow", 12.0, 4.1, "st"),
        "energy": level("low", 10.0, -38.0, "dBFS"),
        "speed": level("fast", 88.0, 15.2, "phones/s"),
    },
    "intonation": "rising",
    "gender": "Female",
    "age_level": "Young Adult",
    "stressed_words": ["never", "brother"],
    "pauses": [[1.0, 1.3]],
    "transcription": "I never said that to my brother",
}
S, C, N = "supported", "contradicted", "not checkable"

# text -> (attribute, stated, verdict) of every claim in it, in order
CASES: list[tuple[str, list[tuple[str, str, str]]]] = [
    ("The pitch is high.", [("pitch_level", "high", S)]),
    ("Her voice is low and tired.", [("pitch_level", "low", C)]),
    ("The speaker's high-pitched voice trembles.", [("pitch_level", "high", S)]),
    ("Her voice climbs to a high register.", [("pitch_level", "high", S)]),
    ("The voice falls into a very low register.", [("pitch_level", "very low", C)]),
    ("The pitch is not high.", [("pitch_level", "not high", C)]),
    ("There is no high pitch here.", [("pitch_level", "not high", C)]),
    ("The voice isn't low at all.", [("pitch_level", "not low", S)]),
    ("The pitch is neither high nor low.", [("pitch_level", "normal", C)]),
    ("Her pitch is slightly elevated.", [("pitch_level", "high", S)]),
    ("She speaks with a deep voice.", [("pitch_level", "low", C)]),
    ("The pitch sits well above average, higher than usual.", [("pitch_level", "high", S), ("pitch_level", "high", S)]),
    ("Pitch and speed are both high.", [("pitch_level", "high", S), ("speed_level", "fast", S)]),
    ("A high pitch and a low volume stand out.", [("pitch_level", "high", S), ("energy_level", "low", S)]),
    ("The pitch is high while the energy stays low.", [("pitch_level", "high", S), ("energy_level", "low", S)]),
    ("The pitch is normal to high.", [("pitch_level", "normal or high", S)]),
    ("It is low in volume but high in pitch.", [("energy_level", "low", S), ("pitch_level", "high", S)]),
    ("The volume of her voice is low.", [("energy_level", "low", S)]),
    ("A wide pitch range makes it lively.", [("pitch_range", "wide", C)]),
    ("The pitch varies little.", [("pitch_range", "narrow", S)]),
    ("There is a narrow range of pitch.", [("pitch_range", "narrow", S)]),
    ("Large pitch movements give it life.", [("pitch_range", "wide", C)]),
    ("The pitch hardly moves.", [("pitch_range", "narrow", S)]),
    ("The intonation rises.", [("intonation", "rising", S)]),
    ("A falling intonation closes the sentence.", [("intonation", "falling", C)]),
    ("The melody rises and then falls.", [("intonation", "rising-falling", C)]),
    ("Her pitch goes down before it rises again.", [("intonation", "falling-rising", C)]),
    ("The contour does not fall.", [("intonation", "not falling", S)]),
    ("It is delivered in a monotone.", [("intonation", "flat", C)]),
    ("The intonation is flat and lifeless.", [("intonation", "flat", C)]),
    ("With rising intonation at the end, she asks.", [("intonation", "rising", S)]),
    ("The tone is flat.", [("intonation", "flat", C)]),
    ("The stress falls on \"never\".", [("stress", "never", S)]),
    ("There is emphasis on 'said'.", [("stress", "said", C)]),
    ("“never” and “brother” are stressed.", [("stress", "never", S), ("stress", "brother", S)]),
    ("She does not stress \"never\".", [("stress", "not never", C)]),
    ("The word \"never\" carries the main accent.", [("stress", "never", S)]),
    ("With emphasis on 'never', 'brother' and 'that', she sounds hurt.",
     [("stress", "never", S), ("stress", "brother", S), ("stress", "that", C)]),
    ("She speaks quickly.", [("speed_level", "fast", S)]),
    ("He speaks slowly and softly.", [("speed_level", "slow", C), ("energy_level", "low", S)]),
    ("The pace is faster than usual.", [("speed_level", "fast", S)]),
    ("A fast-paced delivery with a soft volume.", [("speed_level", "fast", S), ("energy_level", "low", S)]),
    ("The speaking rate is moderate.", [("speed_level", "normal", C)]),
    ("The delivery is neither fast nor slow.", [("speed_level", "normal", C)]),
    ("The tempo is not slow.", [("speed_level", "not slow", S)]),
    ("She speaks less quickly than usual.", [("speed_level", "slow", C)]),
    ("The voice is loud.", [("energy_level", "high", C)]),
    ("She speaks in a hushed, rapid voice.", [("energy_level", "low", S), ("speed_level", "fast", S)]),
    ("The energy level is subdued.", [("energy_level", "low", S)]),
    ("It is spoken without great volume, quietly.", [("energy_level", "low", S)]),
    ("He shouts the last word.", [("energy_level", "high", N)]),
    ("He shouts.", [("energy_level", "high", C)]),
    ("The volume is louder than in most clips.", [("energy_level", "high", C)]),
    ("There is a pause in the middle.", [("pauses", "some", S)]),
    ("She speaks without pauses.", [("pauses", "none", C)]),
    ("There are several long hesitations.", [("pauses", "several", C)]),
    ("No pause breaks the sentence.", [("pauses", "none", C)]),
    ("A young adult female speaks.", [("age_level", "Young Adult", S), ("gender", "Female", S)]),
    ("An elderly man is heard.", [("age_level", "Elderly", C), ("gender", "Male", C)]),
    ("A woman in her thirties speaks.", [("gender", "Female", S), ("age_level", "Young Adult or Middle-aged", S)]),
    ("This is not a man.", [("gender", "not Male", S)]),
    ("She says \"I never said that to my brother\".", [("quote", "I never said that to my brother", S)]),
    ("The words 'I never said that' are plain.", [("quote", "I never said that", S)]),
    ("She says \"I always said that\".", [("quote", "I always said that", C)]),
    ("She says \"my brother never\".", [("quote", "my brother never", C)]),
    ("She begins with “I never said …”.", [("quote", "I never said …", S)]),
    # the styles of other models
    ("Emphasis falls on the words \"never\" and \"said\".", [("stress", "never", S), ("stress", "said", C)]),
    ("The audio features a middle-aged male with a deep, resonant voice.",
     [("age_level", "Middle-aged", C), ("gender", "Male", C), ("pitch_level", "low", C)]),
    ("Pitch: high. Energy: high.", [("pitch_level", "high", S), ("energy_level", "high", C)]),
    ("The tone lacks energy.", [("energy_level", "low", S)]),
    ("With little variation in pitch she sounds detached.", [("pitch_range", "narrow", S)]),
    ("The pace quickens and the volume drops.", [("speed_level", "rising", N), ("energy_level", "falling", N)]),
    ("She doesn't raise her voice.", [("energy_level", "not high", S)]),
    ("The slightly faster than normal speech suggests excitement.", [("speed_level", "fast", S)]),
    ("A higher than average pitch is heard.", [("pitch_level", "high", S)]),
    ("The utterance ends on a rising note.", [("intonation", "rising", S)]),
    ("The tone rises sharply at the end, while the volume remains soft.",
     [("intonation", "rising", S), ("energy_level", "low", S)]),
    ("Low energy creates a subdued and melancholic impression.", [("energy_level", "low", S)]),
    ("Rather than loud, the voice is soft.", [("energy_level", "not high", S), ("energy_level", "low", S)]),
    ("The pitch, energy, and speed are all high.",
     [("pitch_level", "high", S), ("energy_level", "high", C), ("speed_level", "fast", S)]),
    ("High energy and fast speed indicate arousal; the stress on \"never\" reinforces the denial.",
     [("energy_level", "high", C), ("speed_level", "fast", S), ("stress", "never", S)]),
    # nothing is stated about the voice
    ("This suggests a low mood and high spirits.", []),
    ("The pitch is high, suggesting low confidence.", [("pitch_level", "high", S)]),
    ("Anger would usually come with a loud voice.", []),
    ("One would not expect the high pitch with it.", [("pitch_level", "high", S)]),
    ("If she were angry, the energy would be high.", []),
    ("The voice sounds angry.", []),
    ("Her emotional energy is high.", []),
    ("A wide range of emotions is possible.", []),
    ("The emotion is best called \"fear\".", []),
    ("Her lower lip trembles with quiet sadness.", []),
]


@pytest.mark.parametrize(("text", "expected"), CASES, ids=[text for text, _ in CASES])
def test_claims_are_found_typed_and_judged(text: str, expected: list[tuple[str, str, str]]) -> None:
    assert [(c.attribute, c.stated, c.verdict) for c in verify_claims(text, RECORD)] == expected


def test_offsets_mark_the_words_and_never_overlap() -> None:
    text = "A young woman speaks with a low, soft and fast voice; pitch and energy are high, and 'never' is stressed. Not loud!"
    claims = verify_claims(text, RECORD)
    assert len(claims) >= 8
    end = 0
    for claim in claims:
        assert text[claim.start_char : claim.end_char] == claim.text
        assert claim.start_char >= end
        end = claim.end_char


def test_measured_gives_the_value_with_its_unit_level_and_percentile() -> None:
    (claim,) = verify_claims("The pitch is high.", RECORD)
    assert claim.measured == "high, 245 Hz (percentile 90)"


@pytest.mark.parametrize(
    ("percentile", "name", "text", "verdict"),
    [
        (69.0, "high", "The pitch is normal.", S),  # within 5 points of the band
        (73.0, "high", "The pitch is normal.", C),
        (62.0, "normal", "The pitch is high.", S),
        (55.0, "normal", "The pitch is high.", C),
        (55.0, "normal", "The pitch is slightly high.", S),  # hedged: within 15
        (45.0, "normal", "The pitch is slightly high.", C),
        (69.0, "high", "The pitch is not high.", S),
        (30.0, "low", "The pitch is high.", C),
    ],
)
def test_a_level_near_a_cut_may_be_called_either(percentile: float, name: str, text: str, verdict: str) -> None:
    record = RECORD | {"levels": RECORD["levels"] | {"pitch": level(name, percentile)}}
    assert [c.verdict for c in verify_claims(text, record)] == [verdict]


@pytest.mark.parametrize(
    ("percentile", "name", "text", "verdict"),
    [
        (71.0, "high", "The pitch is very high.", C),
        (71.0, "high", "An extremely high pitch stands out.", C),
        (71.0, "high", "His voice is remarkably high-pitched.", C),
        (71.0, "high", "The pitch is very clearly high.", C),
        (71.0, "high", "The pitch is much higher than usual.", C),
        (71.0, "high", "The pitch is a lot higher than usual.", C),
        (71.0, "high", "The pitch lies far above the average.", C),
        (71.0, "high", "The pitch is really high.", C),
        (71.0, "high", "The pitch is so high that it surprises.", S),
        (71.0, "high", "The pitch is clearly high.", S),  # says how sure it is, not how high
        (71.0, "high", "He is upset, so high pitch is no surprise.", S),
        (71.0, "high", "The pitch is quite high.", S),
        (71.0, "high", "The pitch is not very high.", S),
        (80.0, "high", "The pitch is not really high.", C),
        (84.0, "high", "The pitch is very high.", S),  # within 5 points of 88
        (82.0, "high", "The pitch is very high.", C),
        (97.0, "high", "The pitch is very high.", S),
        (97.0, "high", "The pitch is not very high.", C),
        (90.0, "high", "The pitch is not very high.", S),
        (97.0, "high", "The pitch is very low.", C),
        (97.0, "high", "The pitch is not very low.", S),
        (14.0, "low", "A markedly deep voice.", S),
        (28.0, "low", "A markedly deep voice.", C),
        (63.0, "normal", "The pitch is very high.", C),  # what the tolerance of "high" alone would let pass
        (72.0, "high", "The pitch is very slightly high.", S),
        (None, "high", "The pitch is very high.", N),  # one neutral clip as the reference has no percentiles
        (None, "low", "The pitch is very high.", C),
        (None, "high", "The pitch is high.", S),
    ],
)
def test_very_is_held_against_the_outer_part_of_a_level(percentile: float | None, name: str, text: str, verdict: str) -> None:
    record = RECORD | {"levels": RECORD["levels"] | {"pitch": level(name, percentile)}}
    assert [c.verdict for c in verify_claims(text, record)] == [verdict]


def test_the_reason_says_that_it_is_high_but_not_very_high() -> None:
    record = RECORD | {"levels": RECORD["levels"] | {"pitch": level("high", 71.0, 190.0, "Hz")}}
    (claim,) = verify_claims("She has a very high voice.", record)
    assert (claim.text, claim.stated, claim.verdict) == ("very high voice", "very high", C)
    assert claim.measured == "high, but not very high: percentile 71, 190 Hz"


def test_very_reaches_what_shares_its_value_and_nothing_else() -> None:
    record = RECORD | {"levels": dict.fromkeys(RECORD["levels"], level("high", 71.0))}
    claims = verify_claims("The pitch and energy are very high. The voice is high and extremely loud.", record)
    assert [(c.attribute, c.stated) for c in claims] == [
        ("pitch_level", "very high"), ("energy_level", "very high"), ("pitch_level", "high"), ("energy_level", "very high")]


@pytest.mark.parametrize(("longest_s", "verdict"), [(0.4, C), (0.7, C), (1.2, S)])
def test_a_very_long_pause_is_longer_than_a_long_one(longest_s: float, verdict: str) -> None:
    record = RECORD | {"pauses": [[1.0, 1.0 + longest_s]]}
    claims = verify_claims("There is a very long pause. The pause is very long.", record)
    assert [(c.stated, c.verdict) for c in claims] == [("very long", verdict)] * 2
    assert [c.verdict for c in verify_claims("There is a long pause.", record)] == [S if longest_s >= 0.5 else C]
    assert [c.stated for c in verify_claims("There are no very long pauses.", record)] == ["none"]


EVERY_CUE = (
    'A young woman speaks with a high pitch and a narrow pitch range. The energy is low, the pace is fast, the intonation rises, '
    'there is a pause, and the stress falls on "never". She says "I never said that to my brother".'
)
UNMEASURED = {
    "pitch_level": {"levels": RECORD["levels"] | {"pitch": level(None, None, None)}},
    "pitch_range": {"levels": RECORD["levels"] | {"range": level(None, None, None)}},
    "energy_level": {"levels": RECORD["levels"] | {"energy": level(None, None, None)}},
    "speed_level": {"levels": RECORD["levels"] | {"speed": level(None, None, None)}},
    "intonation": {"intonation": "uncertain"},
    "gender": {"gender": None},
    "age_level": {"age_level": None},
    "pauses": {"pauses": None},
}
SWAPPED = {
    "pitch_level": {"levels": RECORD["levels"] | {"pitch": level("low", 8.0)}},
    "pitch_range": {"levels": RECORD["levels"] | {"range": level("wide", 91.0)}},
    "energy_level": {"levels": RECORD["levels"] | {"energy": level("high", 84.0)}},
    "speed_level": {"levels": RECORD["levels"] | {"speed": level("slow", 7.0)}},
    "intonation": {"intonation": "falling"},
    "gender": {"gender": "Male"},
    "age_level": {"age_level": "Elderly"},
    "pauses": {"pauses": []},
    "stress": {"stressed_words": ["said"]},
}


def test_every_attribute_is_supported_by_its_own_record() -> None:
    claims = verify_claims(EVERY_CUE, RECORD)
    assert {c.attribute for c in claims} == {*SWAPPED, "quote"}
    assert {c.verdict for c in claims} == {S}
    assert precision(claims) == 1.0
    assert coverage(claims, RECORD) == 1.0


@pytest.mark.parametrize("attribute", SWAPPED)
def test_a_swapped_fact_flips_exactly_the_claims_about_it(attribute: str) -> None:
    claims = verify_claims(EVERY_CUE, RECORD | SWAPPED[attribute])
    assert {c.attribute for c in claims if c.verdict == C} == {attribute}
    assert {c.verdict for c in claims if c.attribute != attribute} == {S}


@pytest.mark.parametrize("attribute", UNMEASURED)
def test_what_was_not_measured_is_not_checkable(attribute: str) -> None:
    claims = verify_claims(EVERY_CUE, RECORD | UNMEASURED[attribute])
    assert {c.attribute for c in claims if c.verdict == N} == {attribute}
    assert {c.verdict for c in claims if c.attribute != attribute} == {S}


def test_without_words_quotes_and_stress_are_not_checkable() -> None:
    claims = verify_claims(EVERY_CUE, RECORD | {"transcription": "", "stressed_words": []})
    assert {c.attribute for c in claims if c.verdict == N} == {"quote", "stress"}


def test_precision_and_coverage_count_what_they_say() -> None:
    claims = verify_claims("The pitch is high, the energy is high and the intonation rises.", RECORD)
    assert precision(claims) == pytest.approx(2 / 3)
    assert salient_attributes(RECORD) == ["pitch_level", "pitch_range", "energy_level", "speed_level", "intonation", "stress"]
    assert coverage(claims, RECORD) == pytest.approx(3 / 6)
    assert str(ground(claims, RECORD)) == "2 of 3 checkable claims supported · mentions 3 of 6 salient cues"
    assert ground(claims, RECORD).to_dict() == {"precision": pytest.approx(2 / 3), "coverage": 0.5}
    assert str(ground([], {})) == "no checkable claim"
    assert precision([]) is None
    assert coverage([], {"levels": {}, "intonation": None, "stressed_words": []}) is None


def test_the_same_claim_made_again_counts_once() -> None:
    once = "The pitch is high and the energy is high."
    again = once + " Her voice is high. The pitch stays high, and she says 'never'. She says \"never\", with a high voice."
    assert precision(verify_claims(once, RECORD)) == 0.5
    claims = verify_claims(again, RECORD)
    assert [(c.attribute, c.verdict) for c in distinct_claims(claims)] == [("pitch_level", S), ("energy_level", C), ("quote", S)]
    grounding = ground(claims, RECORD)
    assert (grounding.supported, grounding.checkable, grounding.repeats) == (2, 3, 4)
    assert str(grounding).startswith("2 of 3 checkable claims supported (4 more only say the same again)")


def test_repeats_that_contradict_each_other_both_count() -> None:
    claims = verify_claims("The pitch is high. The pitch is low. The pitch is high. The pitch is low.", RECORD)
    assert precision(claims) == 0.5
    assert ground(claims, RECORD).checkable == 2
    pauses = verify_claims('There is a pause. There is a pause before "never".', RECORD | {
        "words": [{"word": "never", "start": 2.0, "end": 2.4}]})
    assert [c.verdict for c in distinct_claims(pauses) if c.attribute == "pauses"] == [S, C]
    parts = verify_claims("She is loud at the start. She is loud at the end.", RECORD)
    assert [c.verdict for c in distinct_claims(parts)] == [N, N]  # of two places
    ends = verify_claims("The pitch falls at the start. The pitch falls at the end.", RECORD | {"intonation": "falling"})
    assert len(distinct_claims(ends)) == 2


def test_an_expressive_contour_may_be_called_by_its_shape_too() -> None:
    record = RECORD | {"intonation": "expressive", "contour_shape": "falling", "contour_dynamics": "expressive"}
    text = "The intonation is lively. It falls: the melody falls. The contour rises."
    verdicts = [claim.verdict for claim in verify_claims(text, record)]
    assert verdicts == [S, S, S, C]


def test_the_end_of_a_contour_is_judged_by_its_end() -> None:
    record = RECORD | {"intonation": "falling-rising"}
    (end,) = verify_claims("The pitch rises at the end.", record)
    assert (end.verdict, end.measured) == (S, "falling-rising (rising at its end)")
    assert [c.verdict for c in verify_claims("The pitch rises.", record)] == [C]


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=300))
def test_any_text_gives_claims_inside_it_and_never_an_error(text: str) -> None:
    end = 0
    for claim in verify_claims(text, RECORD):
        assert end <= claim.start_char < claim.end_char <= len(text)
        end = claim.end_char


WORDS = re.findall(r"\S+", " ".join(text for text, _ in CASES))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=40))
def test_any_order_of_the_words_of_explanations_is_read_without_error(words: list[str]) -> None:
    text = " ".join(words)
    ends = [0]
    for statement in find_statements(text):
        assert ends[-1] <= statement.start < statement.end
        ends.append(statement.end)
