"""Files that people take home can be read back to what they were made from."""

from __future__ import annotations

import csv
import io
import json
import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotionthinker.export import FORMULA_START, file_stem, frames_csv, result_json, text_cell, textgrid
from tests.page.records import a_record, silent_record


def read_textgrid(text: str) -> dict[str, list[tuple[float, float, str]]]:
    """Praat's long text format, as far as interval tiers go."""
    tiers: dict[str, list[tuple[float, float, str]]] = {}
    for block in re.split(r"\n    item \[\d+\]:\n", text)[1:]:
        name = re.search(r'name = "(.*)"', block)[1]  # type: ignore[index]
        found = re.findall(r'xmin = ([\d.]+)\n\s*xmax = ([\d.]+)\n\s*text = "((?:[^"]|"")*)"', block)
        tiers[name] = [(float(a), float(b), t.replace('""', '"')) for a, b, t in found]
        assert int(re.search(r"intervals: size = (\d+)", block)[1]) == len(found)  # type: ignore[index]
    return tiers


def test_check_09_textgrid_gives_back_words_stress_and_speech() -> None:
    record = a_record()
    tiers = read_textgrid(textgrid(record))
    spoken = [(a, b, t) for a, b, t in tiers["words"] if t]
    assert [t for _, _, t in spoken] == ["I", "never", "do", "again"]
    for (start, end, _), word in zip(spoken, record["words"], strict=True):
        assert (start, end) == pytest.approx((word["start"], word["end"]))
    assert [interval for interval in tiers["stress"] if interval[2]] == [(0.5, 1.0, "stressed"), (1.2, 1.6, "stressed")]
    assert [interval for interval in tiers["speech"] if interval[2]] == [(0.4, 1.0, "speech"), (1.1, 1.6, "speech")]


def test_textgrid_of_silence_is_one_empty_interval() -> None:
    assert read_textgrid(textgrid(silent_record())) == {name: [(0.0, 2.0, "")] for name in ("words", "stress", "speech")}


@given(st.lists(st.tuples(st.text(min_size=1, max_size=8), st.floats(0, 3), st.floats(0, 3)), max_size=6))
def test_textgrid_is_always_contiguous_whatever_the_words(words: list[tuple[str, float, float]]) -> None:
    record = a_record(words=[{"word": w, "start": min(a, b), "end": max(a, b), "stressed": False} for w, a, b in words])
    for intervals in read_textgrid(textgrid(record)).values():
        assert intervals[0][0] == 0.0
        assert intervals[-1][1] == 2.0
        for (_, end, _), (start, _, _) in pairwise(intervals):
            assert end == start


def test_check_09_csv_has_a_row_per_frame_and_untouched_numbers() -> None:
    record = a_record()
    rows = list(csv.DictReader(io.StringIO(frames_csv(record), newline="")))
    assert len(rows) == len(record["energy"]["dbfs"])
    loud = rows[60]  # 0.60 s
    assert float(loud["time_s"]) == pytest.approx(0.6)
    assert float(loud["energy_dbfs"]) == -14.0  # begins with a minus and is still a number
    assert float(loud["f0_hz"]) == pytest.approx(record["f0"]["hz"][38], abs=0.01)
    assert (loud["speech"], loud["word"], loud["stressed"]) == ("1", "never", "1")
    pause = rows[105]
    assert (pause["f0_hz"], pause["semitones"], pause["speech"], pause["word"]) == ("", "", "0", "")


@pytest.mark.parametrize("start", FORMULA_START)
def test_check_09_csv_disarms_formulas_in_words(start: str) -> None:
    word = {"word": f"{start}SUM(A1)", "start": 0.0, "end": 2.0, "stressed": False, "prominence": 0.0}
    rows = list(csv.DictReader(io.StringIO(frames_csv(a_record(words=[word])), newline="")))
    assert {row["word"] for row in rows} == {f"'{start}SUM(A1)"}


@pytest.mark.parametrize("before", ["", " ", "\t", "\n", "\r", "\r\n", "  \t ", "\u00a0", "\u3000", "\u2009", "\u200b", "\ufeff",
                                    "\u202e", "\x00", "\x1f", "\u2028", "\u0301", " " * 200], ids=ascii)
@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20", "\ufe66", "\ufe62", "\ufe63",
                                  "\ufe6b", "\u2212", "\u207c", "=\u0338"], ids=ascii)
def test_check_09_what_a_spreadsheet_may_skip_hides_no_formula(before: str, sign: str) -> None:
    assert text_cell(f"{before}{sign}SUM(A1)") == f"'{before}{sign}SUM(A1)"


@pytest.mark.parametrize("text", ["", "hello", " hello", "a=1", "5", "\u00e9t\u00e9", "e\u0301t\u00e9", "\uff11",
                                  "\u2026 and so", "(-1)", "\u2014 he said", "\u540d\u524d"])
def test_plain_text_stays_as_it_is(text: str) -> None:
    assert text_cell(text) == text


@given(st.text())
def test_check_09_a_text_cell_never_starts_like_a_formula(text: str) -> None:
    assert not text_cell(text).startswith(FORMULA_START)
    assert text_cell(text).endswith(text)


def test_check_09_json_reads_back_and_refuses_what_is_no_number() -> None:
    record = a_record(transcription="naïve “quotes” \u202e<b>")
    assert json.loads(result_json(record)) == record
    with pytest.raises(ValueError, match="JSON"):
        result_json(a_record(energy_dbfs=float("nan")))


@given(st.text(max_size=200))
def test_a_file_name_has_no_path_in_it(name: str) -> None:
    stem = file_stem(name)
    assert stem
    assert re.fullmatch(r"[\w-]{1,60}", stem)
