"""A timeline's files can be read back, and are safe to open."""

from __future__ import annotations

import csv
import io
import json
import re
from typing import Any

import pytest

from emotionthinker.export import FORMULA_START
from emotionthinker.timeline.export import WRITERS, timeline_csv, timeline_textgrid, timeline_vtt
from emotionthinker.timeline.follow import Timeline
from tests.test_export import read_textgrid
from tests.timeline.test_turns import LABELS, segment

NASTY = '=1+1 <b>--> "x"\u2028\r\n\n00:00:09.000 --> 00:00:10.000\nfake'


@pytest.fixture
def timeline() -> dict[str, Any]:
    calm = [segment(4.0 * i, line="left") for i in range(8)]
    angry = [segment(4.0 * i, "angry", hz=240.0, dbfs=-15.0, line="left") for i in range(8, 14)]
    other = [segment(4.0 * i + 2.6, line="right", hz=None) for i in range(3)]
    found = Timeline("call.wav", "separate", ("left", "right"), LABELS, "emotion", "Nano", heard_s=60.0, complete=True,
                     segments=calm + angry + other)
    return found.to_dict()


def test_json_is_plain_and_whole(timeline: dict[str, Any]) -> None:
    back = json.loads(WRITERS["json"](timeline))
    assert back == timeline
    assert len(back["segments"]) == 17
    assert [turn["time_s"] for turn in back["turns"]] == [32.0]
    assert back["segments"][0]["relative"]["energy_db"] == 0.0
    assert set(back["segments"][0]["smoothed"]["scores"]) == set(LABELS)


def test_check_09_csv_has_a_row_per_utterance_and_untouched_numbers(timeline: dict[str, Any]) -> None:
    rows = list(csv.DictReader(io.StringIO(timeline_csv(timeline), newline="")))
    assert len(rows) == len(timeline["segments"])
    assert float(rows[0]["energy_dbfs"]) == -25.0
    assert [row["start_s"] for row in rows if row["turn"]] == ["32.000"]
    assert {row["pitch_hz"] for row in rows if row["line"] == "right"} == {""}


@pytest.mark.parametrize("start", FORMULA_START)
def test_check_09_csv_disarms_formulas(timeline: dict[str, Any], start: str) -> None:
    for row in timeline["segments"]:
        row["words"] = row["emotion"] = f"{start}SUM(A1)"
    rows = list(csv.DictReader(io.StringIO(timeline_csv(timeline), newline="")))
    assert {(row["words"], row["sounds"]) for row in rows} == {(f"'{start}SUM(A1)", f"'{start}SUM(A1)")}


def test_textgrid_has_three_tiers_a_line(timeline: dict[str, Any]) -> None:
    tiers = read_textgrid(timeline_textgrid(timeline))
    assert set(tiers) == {f"{line} {what}" for line in ("left", "right") for what in ("sounds", "words", "turns")}
    assert next((a, b) for a, b, text in tiers["left sounds"] if text) == (0.0, 2.5)
    assert [interval for interval in tiers["left turns"] if interval[2]] == [(32.0, 60.0, timeline["turns"][0]["summary"])]
    assert tiers["right turns"] == [(0.0, 60.0, "")]


def test_vtt_cues_hold_whatever_was_said(timeline: dict[str, Any]) -> None:
    timeline["segments"][0]["words"] = NASTY
    text = timeline_vtt(timeline)
    assert text.startswith("WEBVTT\n\n")
    cues = text.split("\n\n")[1:]
    assert len(cues) == len(timeline["segments"])
    for cue in cues:
        times, words = cue.strip().split("\n")  # one line of text each: a blank line would end the cue
        assert re.fullmatch(r"\d\d:\d\d:\d\d\.\d{3} --> \d\d:\d\d:\d\d\.\d{3}", times)
        assert "-->" not in words
        assert "<b>" not in words
    assert "00:00:00.000 --> 00:00:02.500\n<v left>[neutral] =1+1 &lt;b&gt;" in text
