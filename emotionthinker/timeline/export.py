"""A timeline to take home: JSON, CSV, a TextGrid for Praat and ELAN, and WebVTT subtitles.

Each function takes the plain dictionary that `Timeline.to_dict()` gives, and returns text.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any

from emotionthinker.export import fill, result_json, text_cell, textgrid_of

COLUMNS = ("line", "start_s", "end_s", "speech_s", "sounds", "probability", "pitch_hz", "pitch_range_st", "energy_dbfs",
           "speed_phones_per_s", "pitch_vs_start_st", "energy_vs_start_db", "speed_vs_start_percent", "turn", "words")


def timeline_csv(timeline: dict[str, Any]) -> str:
    """One row per utterance; a row with which the tone turns says in `turn` how. Empty cells were not measured or not asked.

    Columns after `words` are the smoothed probability of each label. Text that a spreadsheet would take for a formula is
    preceded by an apostrophe; numbers are written as they are.
    """
    turns = {(turn["line"], turn["time_s"]): turn["summary"] for turn in timeline["turns"]}
    out = io.StringIO()
    writer = csv.writer(out)  # lines end in CR LF (RFC 4180), so that a CR inside a word is quoted
    labels = timeline["labels"]
    writer.writerow([*COLUMNS, *(text_cell(f"smoothed_{label}") for label in labels)])
    for row in timeline["segments"]:
        relative, scores = row["relative"], row["scores"]
        best = max(scores.values()) if scores else None
        writer.writerow([
            text_cell(row["line"]), _number(row["start_s"]), _number(row["end_s"]), _number(row["speech_s"]),
            text_cell(row["emotion"] or ""), _number(best), _number(row["f0_median_hz"]), _number(row["f0_range_st"]),
            _number(row["energy_dbfs"]), _number(row["articulation_rate_pps"]), _number(relative["pitch_st"]),
            _number(relative["energy_db"]), _number(relative["speed_percent"]),
            text_cell(turns.get((row["line"], row["start_s"]), "")), text_cell(row["words"] or ""),
            *(_number(row["smoothed"]["scores"].get(label)) for label in labels),
        ])
    return out.getvalue()


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def timeline_textgrid(timeline: dict[str, Any]) -> str:
    """Tiers `sounds`, `words` and `turns` for each line, in Praat's long text format (UTF-8); ELAN imports it too.

    A turn is an interval from the turn to the next one of its line, or to the end.
    """
    end_s = float(timeline["duration_s"])
    tiers = {}
    for line in timeline["lines"]:
        rows = [row for row in timeline["segments"] if row["line"] == line]
        starts = [(turn["time_s"], turn["summary"]) for turn in timeline["turns"] if turn["line"] == line]
        ends = [*(start for start, _ in starts[1:]), end_s]
        turns = [(start, end, text) for (start, text), end in zip(starts, ends, strict=False)]
        tiers[f"{line} sounds"] = fill([(r["start_s"], r["end_s"], r["emotion"]) for r in rows if r["emotion"]], end_s)
        tiers[f"{line} words"] = fill([(r["start_s"], r["end_s"], r["words"]) for r in rows if r["words"]], end_s)
        tiers[f"{line} turns"] = fill(turns, end_s)
    return textgrid_of(tiers, end_s)


def timeline_vtt(timeline: dict[str, Any]) -> str:
    """WebVTT (W3C): a cue for each utterance, with its line as the voice, what it sounds like in brackets, and its words."""
    cues = ["WEBVTT", ""]
    for row in timeline["segments"]:
        sounds = f"[{row['emotion']}]" if row["emotion"] else ""
        text = _vtt_text(f"{sounds} {row['words'] or ''}".strip())
        if text:
            cues += [f"{_stamp(row['start_s'])} --> {_stamp(row['end_s'])}", f"<v {_vtt_text(row['line'])}>{text}", ""]
    return "\n".join(cues)


def _vtt_text(text: str) -> str:
    """One line in which nothing is markup; an arrow would begin another cue's times.

    >>> _vtt_text("a <b> --> & c")
    'a &lt;b&gt; --&gt; &amp; c'
    """
    return " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _stamp(seconds: float) -> str:
    """
    >>> _stamp(3661.5)
    '01:01:01.500'
    """
    ms = round(seconds * 1000)
    return f"{ms // 3_600_000:02d}:{ms // 60_000 % 60:02d}:{ms // 1000 % 60:02d}.{ms % 1000:03d}"


WRITERS: dict[str, Callable[[dict[str, Any]], str]] = {  # by file ending
    "json": result_json, "csv": timeline_csv, "TextGrid": timeline_textgrid, "vtt": timeline_vtt,
}
