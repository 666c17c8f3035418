"""Utterances: as long as they should be, the same however the sound arrives, and without keeping what was heard."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from emotionthinker.audio import SAMPLE_RATE
from emotionthinker.timeline.segments import BREAK_S, LONGEST_S, PAUSE_S, SHORTEST_S, Segmenter, utterance_spans
from tests.sounds import speech_like

NOISE = np.random.default_rng(0).normal(0, 1e-4, 60 * SAMPLE_RATE).astype(np.float32)


def flat(seconds: float) -> np.ndarray:
    return np.ones(int(seconds * SAMPLE_RATE), np.float32)


def test_a_pause_ends_only_what_is_long_enough() -> None:
    spans = [(0.0, 1.0), (1.5, 2.6), (2.6 + PAUSE_S, 4.0), (4.1, 5.0)]
    assert utterance_spans(spans, flat(6)) == [(0.0, 2.6), (2.6 + PAUSE_S, 5.0)]


def test_a_break_ends_any_utterance() -> None:
    spans = [(0.0, 0.4), (0.5 + BREAK_S, 3.0)]
    assert utterance_spans(spans, flat(4)) == spans


def test_speech_without_a_pause_is_cut_at_its_weakest_moments() -> None:
    samples = flat(20)
    for weak_s in (5.0, 11.0):
        samples[int((weak_s - 0.1) * SAMPLE_RATE) : int((weak_s + 0.1) * SAMPLE_RATE)] = 0.01
    cut = utterance_spans([(0.0, 18.0)], samples)
    assert [end for _, end in cut] == pytest.approx([5.0, 11.0, 18.0], abs=0.06)
    assert all(SHORTEST_S <= end - start <= LONGEST_S for start, end in cut)
    assert all(before[1] == after[0] for before, after in pairwise(cut))


@pytest.fixture(scope="module")
def recording() -> tuple[np.ndarray, list[float]]:
    """45 s with speech of 2.5 s at known times."""
    starts_s = [1.0, 5.0, 9.0, 15.0, 18.8, 22.0, 31.0, 39.5]
    samples = NOISE[: 45 * SAMPLE_RATE].copy()
    for start_s in starts_s:
        voice = speech_like(2.5)
        samples[int(start_s * SAMPLE_RATE) :][: len(voice)] += voice
    return samples, starts_s


def cut(samples: np.ndarray, block: int) -> list:
    segmenter, found = Segmenter(), []
    for start in range(0, len(samples), block):
        found += segmenter.feed(samples[start : start + block])
    return [*found, *segmenter.finish()]


def test_utterances_lie_where_the_speech_is(recording: tuple[np.ndarray, list[float]]) -> None:
    samples, starts_s = recording
    found = cut(samples, 65_536)
    assert [u.start_s for u in found] == pytest.approx(starts_s, abs=0.2)
    for utterance in found:
        assert utterance.end_s - utterance.start_s == pytest.approx(2.5, abs=0.3)
        at = round(utterance.sound_from_s * SAMPLE_RATE)
        np.testing.assert_array_equal(utterance.samples, samples[at : at + len(utterance.samples)])
        assert utterance.sound_from_s <= utterance.start_s
        assert utterance.sound_from_s + len(utterance.samples) / SAMPLE_RATE >= utterance.end_s


def test_the_size_of_the_blocks_does_not_matter(recording: tuple[np.ndarray, list[float]]) -> None:
    samples, _ = recording
    one, other = cut(samples, 4_000), cut(samples, len(samples))
    assert [(u.start_s, u.end_s) for u in one] == [(u.start_s, u.end_s) for u in other]


def test_a_quiet_room_after_speech_is_not_raised_to_speech(recording: tuple[np.ndarray, list[float]]) -> None:
    samples, starts_s = recording
    whisper = 0.001 * speech_like(2.0)  # 50 dB below: the other side of a call, leaking through
    quiet = NOISE[: 30 * SAMPLE_RATE].copy() * 0.1
    quiet[5 * SAMPLE_RATE :][: len(whisper)] += whisper
    found = cut(np.concatenate([samples, quiet]), 65_536)
    assert len(found) == len(starts_s)


def test_what_was_heard_is_let_go() -> None:
    segmenter = Segmenter()
    for _ in range(3):
        assert list(segmenter.feed(NOISE)) == []
        assert len(segmenter._buffer) <= 21 * SAMPLE_RATE


def test_nothing_at_all() -> None:
    assert list(Segmenter().finish()) == []
