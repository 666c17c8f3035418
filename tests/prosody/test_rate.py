"""Phones per second, from words and from detected speech."""

import numpy as np
import pytest

from emotionthinker.audio import SAMPLE_RATE
from emotionthinker.prosody.rate import speaking_rates
from emotionthinker.prosody.vad import speech_segments
from emotionthinker.transcript import Word, align
from tests.spoken import TWO_CITIES_BEGINS, espeak, two_cities

TEXT = "The farmer counted seven sheep at dawn. They moved to a small village near the coast."


def test_counts_phones_over_words_and_leaves_pauses_out() -> None:
    words = [Word("My", 0.5, 0.7, ("M", "AY")), Word("cat", 1.2, 1.6, ("K", "AE", "T"))]
    rates = speaking_rates(words, [(0.4, 1.7)])
    assert rates["n_phonemes"] == 5 and rates["rate_source"] == "words"
    assert rates["articulation_rate_pps"] == pytest.approx(5 / 0.6)
    assert rates["speaking_rate_pps"] == pytest.approx(5 / 1.1)


def test_falls_back_to_detected_speech() -> None:
    rates = speaking_rates(None, [(0.5, 0.75), (1.0, 1.25)], "My cat")
    assert rates == {
        "n_phonemes": 5, "articulation_rate_pps": pytest.approx(10), "speaking_rate_pps": pytest.approx(5 / 0.75),
        "rate_source": "speech detection",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("segments", "text"),
    [([], "My cat"), ([(0.0, 1.0)], ""), ([(0.0, 1.0)], None), ([(0.0, 1.0)], "你好"), ([(0.0, 0.5)], TEXT),
     ([(0.0, 60.0)], "My cat")],
)  # fmt: skip
def test_says_nothing_where_nothing_supports_it(segments: list[tuple[float, float]], text: str | None) -> None:
    assert set(speaking_rates(None, segments, text).values()) == {None}


def test_both_sources_agree_on_a_recorded_person() -> None:
    by_words = speaking_rates(align(two_cities(), TWO_CITIES_BEGINS), [])
    by_detection = speaking_rates(None, speech_segments(two_cities()), TWO_CITIES_BEGINS)
    assert by_detection["articulation_rate_pps"] == pytest.approx(by_words["articulation_rate_pps"], rel=0.15)


def test_silence_around_does_not_change_the_rate() -> None:
    samples = espeak(TEXT)
    padded = np.pad(samples, (SAMPLE_RATE, 2 * SAMPLE_RATE))
    plain, silent = (speaking_rates(align(one, TEXT), []) for one in (samples, padded))
    assert plain["rate_source"] == silent["rate_source"] == "words"
    assert silent["articulation_rate_pps"] == pytest.approx(plain["articulation_rate_pps"], rel=0.001)
    plain, silent = (speaking_rates(None, speech_segments(one), TEXT) for one in (samples, padded))
    assert silent["articulation_rate_pps"] == pytest.approx(plain["articulation_rate_pps"], rel=0.05)


def test_a_pause_lowers_the_speaking_rate_and_not_the_articulation_rate() -> None:
    first, second = espeak("The farmer counted seven sheep at dawn."), espeak("They moved to a small village.")
    text = "The farmer counted seven sheep at dawn. They moved to a small village."
    gap = np.zeros(int(1.5 * SAMPLE_RATE), np.float32)
    without, with_pause = np.concatenate([first, second]), np.concatenate([first, gap, second])
    plain, paused = (speaking_rates(align(one, text), []) for one in (without, with_pause))
    assert paused["articulation_rate_pps"] == pytest.approx(plain["articulation_rate_pps"], rel=0.03)
    assert paused["speaking_rate_pps"] < 0.8 * plain["speaking_rate_pps"]


def test_faster_speech_has_a_higher_rate() -> None:
    slow, usual, fast = (
        speaking_rates(align(one, TEXT), [])["articulation_rate_pps"]
        for one in (espeak(TEXT, speed=110), espeak(TEXT, speed=150), espeak(TEXT, speed=200))
    )
    assert slow < usual < fast and fast / slow == pytest.approx(200 / 110, rel=0.2)
