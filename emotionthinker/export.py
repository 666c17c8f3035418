"""What a person takes home: the result as JSON, the frames as CSV, the words as a Praat TextGrid.

Each function takes the plain dictionaries that `Prosody.to_dict()` and `Explanation.to_dict()` give, and returns text.
"""

from __future__ import annotations

import bisect
import csv
import io
import json
import math
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import PurePath
from typing import Any

Interval = tuple[float, float, str]  # start and end in seconds, text

FRAME_COLUMNS = ("time_s", "f0_hz", "semitones", "energy_dbfs", "speech", "word", "stressed")
FORMULA_START = ("=", "+", "-", "@", "\t", "\r", "\n")  # a spreadsheet would run a cell that starts with one of these
_UNSEEN = ("Cc", "Cf", "Zs", "Zl", "Zp", "Mn")  # control, format and blank characters, and marks with nothing to stand on
_LOOKED_AT = 100  # characters of a cell in which its first visible one is sought; a cell that has none there is quoted


def result_json(result: dict[str, Any]) -> str:
    """One JSON object, UTF-8, two spaces of indent; not-a-number never occurs in it (ValueError if it would)."""
    return json.dumps(result, ensure_ascii=False, allow_nan=False, indent=2) + "\n"


def frames_csv(record: dict[str, Any]) -> str:
    """One row per energy frame: time (s), F0 (Hz), F0 in semitones re the clip's median, level (dBFS), in speech or not, word.

    F0 has its own, coarser clock: each row carries the F0 frame nearest in time. Empty cells were not measured. Text that a
    spreadsheet would take for a formula is preceded by an apostrophe; numbers are written as they are.
    """
    energy, f0 = record["energy"], record["f0"]
    median_hz = record.get("f0_median_hz")
    speech_at = _finder([(start, end, True) for start, end in record.get("segments") or []])
    word_at = _finder([(word["start"], word["end"], word) for word in record.get("words") or []])
    out = io.StringIO()
    writer = csv.writer(out)  # lines end in CR LF (RFC 4180), so that a CR inside a word is quoted
    writer.writerow(FRAME_COLUMNS)
    for index, dbfs in enumerate(energy["dbfs"]):
        time_s = index * energy["hop_s"]
        nearest = round(time_s / f0["hop_s"])
        hz = f0["hz"][nearest] if nearest < len(f0["hz"]) else None
        semitones = 12 * math.log2(hz / median_hz) if hz and median_hz else None
        word = word_at(time_s)
        writer.writerow([
            f"{time_s:.3f}",
            "" if hz is None else f"{hz:.2f}",
            "" if semitones is None else f"{semitones:.3f}",
            "" if dbfs is None else f"{dbfs:.2f}",
            int(bool(speech_at(time_s))),
            text_cell(str(word["word"])) if word else "",
            int(bool(word.get("stressed"))) if word else "",
        ])
    return out.getvalue()


def _finder(spans: list[tuple[float, float, Any]]) -> Callable[[float], Any]:
    """A function from a time to what the span (start, end, what) holds there, or None. Spans do not overlap."""
    spans = sorted(spans, key=lambda span: span[:2])
    starts = [start for start, _, _ in spans]

    def find(time_s: float) -> Any:
        index = bisect.bisect_right(starts, time_s) - 1
        return spans[index][2] if index >= 0 and time_s < spans[index][1] else None

    return find


def text_cell(text: str) -> str:
    """A text that is safe in a spreadsheet.

    Some drop blanks and invisible characters before they look for a formula, and some read the fullwidth and small forms of
    a sign (NFKC: U+FF1D, U+FE66, U+2212 …) as the sign: what follows those is looked at too.

    >>> text_cell("=1+1"), text_cell(" \uff1d1+1"), text_cell("hello")
    ("'=1+1", "' \uff1d1+1", 'hello')
    """
    # Letter by letter: as a whole, a sign and an accent after it would become one letter.
    plain = (form for c in text[:_LOOKED_AT] for form in unicodedata.normalize("NFKC", c).replace("\u2212", "-"))
    first = next((c for c in plain if not (c.isspace() or unicodedata.category(c) in _UNSEEN)), "")
    hidden = len(text) > _LOOKED_AT and not first
    return "'" + text if hidden or text.startswith(FORMULA_START) or first in ("=", "+", "-", "@") else text


def textgrid(record: dict[str, Any]) -> str:
    """Tiers `words`, `stress` and `speech` in Praat's long text format (UTF-8)."""
    end_s = float(record["duration_s"])
    words: list[dict[str, Any]] = record.get("words") or []
    tiers = {
        "words": fill(((w["start"], w["end"], str(w["word"])) for w in words), end_s),
        "stress": fill(((w["start"], w["end"], "stressed") for w in words if w.get("stressed")), end_s),
        "speech": fill(((start, end, "speech") for start, end in record.get("segments") or []), end_s),
    }
    return textgrid_of(tiers, end_s)


def textgrid_of(tiers: Mapping[str, Sequence[Interval]], end_s: float) -> str:
    """Praat's long text format with an interval tier for each name. The intervals of a tier: `fill`."""
    lines = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", "xmin = 0", f"xmax = {end_s:.6f}",
             "tiers? <exists>", f"size = {len(tiers)}", "item []:"]
    for number, (name, intervals) in enumerate(tiers.items(), 1):
        lines += [f"    item [{number}]:", '        class = "IntervalTier"', f'        name = "{name}"', "        xmin = 0",
                  f"        xmax = {end_s:.6f}", f"        intervals: size = {len(intervals)}"]
        for place, (start, end, text) in enumerate(intervals, 1):
            lines += [f"        intervals [{place}]:", f"            xmin = {start:.6f}", f"            xmax = {end:.6f}",
                      f'            text = "{_quoted(text)}"']
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return re.sub(r"[\x00-\x1f\x7f\u2028\u2029]+", " ", text).replace('"', '""')


def fill(spans: Iterable[Interval], end_s: float) -> Sequence[Interval]:
    """Intervals without gap or overlap from 0 to `end_s`, as Praat wants them; gaps have an empty text."""
    intervals: list[Interval] = []
    at = 0.0
    for start, end, text in sorted(spans):
        start, end = max(float(start), at), min(float(end), end_s)
        if end - start < 1e-6:
            continue
        if start - at > 1e-6:
            intervals.append((at, start, ""))
        else:
            start = at
        intervals.append((start, end, text))
        at = end
    if end_s - at > 1e-6 or not intervals:
        intervals.append((at, end_s, ""))
    else:
        intervals[-1] = (intervals[-1][0], end_s, intervals[-1][2])
    return intervals


def file_stem(name: str) -> str:
    """A harmless file name, without folder and ending, after the clip's own.

    >>> file_stem("../../My clip (1).wav"), file_stem("<b>.wav"), file_stem("...")
    ('My-clip-1', 'b', 'clip')
    """
    stem = re.sub(r"[^\w]+", "-", PurePath(name.replace("\\", "/")).stem).strip("-_")[:60]
    return stem or "clip"
