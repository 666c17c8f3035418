"""The timeline's HTML: text is text, gaps are gaps, and it stays small for an hour."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html import unescape

from emotionthinker.page.timeline_view import table_html, timeline_html, turns_html
from emotionthinker.timeline.follow import Timeline
from tests.timeline.test_turns import LABELS, segment

NASTY = '"><img src=x onerror=alert(1)></script>\u202e'


def a_timeline(n: int, *, complete: bool = True, lines: tuple[str, ...] = ("voice",)) -> Timeline:
    segments = [segment(3.0 * i, line=lines[i % len(lines)]) for i in range(n)]
    return Timeline("a.wav", "mono", lines, LABELS, "emotion", "Nano", 3.0 * n, 3.0 * n, complete, 0, segments)


def test_check_05_hostile_words_labels_and_reasoning_are_text() -> None:
    timeline = a_timeline(16)
    timeline.segments = [replace(s, words=NASTY, reasoning=NASTY, emotion=NASTY if i % 2 else "angry", warnings=[NASTY],
                                 f0_median_hz=100.0 if i < 8 else 220.0, energy_dbfs=-30.0 if i < 8 else -12.0)
                         for i, s in enumerate(timeline.segments)]
    turns = timeline.turns()
    assert len(turns) == 1
    html = timeline_html(timeline, turns) + turns_html(timeline, turns) + table_html(timeline, turns)
    assert "<img" not in html
    assert "</script" not in html
    assert html.count("&lt;img src=x") >= 10


def test_a_gap_in_the_measures_is_a_gap_in_the_line() -> None:
    timeline = a_timeline(40)
    timeline.segments = [replace(s, f0_median_hz=None) if 10 <= i < 30 else s for i, s in enumerate(timeline.segments)]
    html = timeline_html(timeline, [])
    assert len(re.findall(r'class="tl-curve tl-pitch"', html)) == 2
    assert len(re.findall(r'class="tl-curve tl-energy"', html)) == 1


def test_the_pointer_gets_every_utterance() -> None:
    html = timeline_html(a_timeline(5), [])
    series = json.loads(unescape(re.search(r'data-series="([^"]*)"', html)[1]))  # type: ignore[index]
    assert series["lines"]["voice"][1] == [3.0, 5.5, "neutral", 0.9, 0.0, 0.0, 0.0]
    assert series["duration"] == 15.0


def test_an_hour_stays_small_and_while_it_runs_the_table_is_short() -> None:
    timeline = a_timeline(1200, complete=False, lines=("left", "right"))
    assert len(timeline_html(timeline, [])) < 250_000
    table = table_html(timeline, [])
    assert table.count("<tr") == 31
    assert "The last 30 of 1200 utterances" in table
    timeline.complete = True
    assert table_html(timeline, []).count("<tr") == 1201


def test_nothing_was_found() -> None:
    empty = Timeline("a.wav", "mono", ("voice",), LABELS, "emotion", "Nano", 5.0, 5.0, True)
    assert "No turn was found." in turns_html(empty, [])
    assert "tl-figure" in timeline_html(empty, [])
    assert "<tr" not in table_html(empty, [])
