"""Turns and lines on segments with known numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from emotionthinker.timeline.lines import REFERENCE_S, SMOOTHING_S, Reference, reference_of, relative, smooth
from emotionthinker.timeline.scoring import Segment
from emotionthinker.timeline.turns import SHORTEST, find_turns

LABELS = ("neutral", "angry", "sad")


def segment(start_s: float, label: str | None = "neutral", *, hz: float | None = 120.0, dbfs: float = -25.0,
            rate: float | None = 12.0, line: str = "voice") -> Segment:
    scores = {each: (0.9 if each == label else 0.05) for each in LABELS} if label else {}
    return Segment(line, start_s, start_s + 2.5, 2.4, "words", hz, 5.0, dbfs, rate, 30.0, "Male", label, scores,
                   reasoning=f"It sounds {label}.")


def a_line(rng: np.random.Generator, *blocks: tuple[str, float, float, int]) -> list[Segment]:
    """(label, Hz, dBFS, how many) one after another, with the scatter of real speech."""
    found: list[Segment] = []
    for label, hz, dbfs, n in blocks:
        for _ in range(n):
            found.append(segment(3.0 * len(found), label, hz=hz * 2 ** (rng.normal(0, 1.5) / 12), dbfs=dbfs + rng.normal(0, 2)))
    return found


def turns_of(segments: list[Segment], labels: tuple[str, ...] = LABELS) -> list:
    reference = reference_of(segments)
    assert reference is not None
    return find_turns(segments, reference, labels)


@pytest.mark.parametrize("seed", range(5))
def test_a_turn_is_found_where_it_is(seed: int) -> None:
    segments = a_line(np.random.default_rng(seed), ("neutral", 120, -25, 9), ("angry", 170, -17, 8), ("sad", 110, -30, 7))
    assert [turn.time_s for turn in turns_of(segments)] == [27.0, 51.0]


@pytest.mark.parametrize("seed", range(5))
def test_scatter_alone_is_no_turn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    segments = a_line(rng, ("neutral", 120, -25, 40))
    odd = int(rng.integers(5, 35))
    segments[odd] = segment(3.0 * odd, "angry", hz=240.0, dbfs=-10.0)  # one shout
    assert turns_of(segments) == []


def test_without_labels_the_voice_alone_decides() -> None:
    segments = [replace(s, scores={}, emotion=None) for s in
                a_line(np.random.default_rng(1), ("neutral", 110, -28, 9), ("angry", 190, -12, 9))]
    (turn,) = turns_of(segments, ())
    assert turn.time_s == 27.0
    assert turn.after.label is None
    assert turn.summary.startswith("The voice changes:")


def test_a_turn_says_what_changed_and_no_more() -> None:
    segments = [segment(3.0 * i) for i in range(8)] + [segment(3.0 * i, "angry", hz=240.0, dbfs=-19.0) for i in range(8, 16)]
    (turn,) = turns_of(segments)
    assert {change.measure: change.difference for change in turn.changes} == {"pitch_st": pytest.approx(12.0),
                                                                            "energy_db": pytest.approx(6.0)}
    assert turn.summary == "The tone turns from neutral to angry: 12.0 semitones higher, 6 dB louder."
    assert (turn.before.n, turn.after.n) == (8, 8)
    assert turn.explained_s == 24.0


def test_the_explanation_is_of_an_utterance_that_shows_the_turn() -> None:
    segments = [segment(3.0 * i) for i in range(8)] + [segment(3.0 * i, "angry", hz=240.0, dbfs=-15.0) for i in range(8, 16)]
    segments[8] = segment(24.0, "sad", hz=240.0, dbfs=-15.0)  # the model errs on the first one
    (turn,) = turns_of(segments)
    assert (turn.time_s, turn.explained_s) == (24.0, 27.0)


@pytest.mark.parametrize("n", [0, 1, 2 * SHORTEST - 1])
def test_too_few_utterances_have_no_turn(n: int) -> None:
    segments = [segment(3.0 * i, "neutral" if i < n // 2 else "angry") for i in range(n)]
    assert reference_of(segments) is None if n == 0 else turns_of(segments) == []


def test_what_was_not_measured_is_no_change() -> None:
    segments = [segment(3.0 * i, hz=None, rate=None) for i in range(8)]
    segments += [segment(3.0 * i, "angry", hz=200.0, dbfs=-20.0) for i in range(8, 16)]
    (turn,) = turns_of(segments)
    assert [change.measure for change in turn.changes] == ["energy_db"]


def test_the_reference_is_the_voices_own_beginning() -> None:
    calm = [segment(3.0 * i, hz=100.0 + i % 3, dbfs=-30.0) for i in range(int(REFERENCE_S / 3))]
    loud = [segment(REFERENCE_S + 3.0 * i, hz=300.0, dbfs=-10.0) for i in range(60)]
    reference = reference_of(calm + loud)
    assert reference == Reference(0.0, calm[-1].end_s, len(calm), 101.0, -30.0, 12.0)
    found = relative(loud[0], reference)
    assert found == {"pitch_st": pytest.approx(12 * np.log2(300 / 101)), "energy_db": pytest.approx(20.0), "speed_percent": 0.0}


def test_smoothing_keeps_a_constant_and_leaves_gaps() -> None:
    times = [0.0, 3.0, 6.0, 200.0, 203.0]
    assert smooth(times, [2.0, None, 2.0, 2.0, None], [1, 1, 1, 1, 1]) == [pytest.approx(2.0)] * 5
    assert smooth(times, [2.0, 2.0, 2.0, None, None], [1, 1, 1, 1, 1])[3:] == [None, None]


def test_smoothing_weighs_by_speech_and_nearness() -> None:
    low, high = smooth([0.0, SMOOTHING_S], [0.0, 1.0], [1.0, 3.0])
    near = np.exp(-0.5)
    assert (low, high) == (pytest.approx(3 * near / (1 + 3 * near)), pytest.approx(3 / (3 + near)))
