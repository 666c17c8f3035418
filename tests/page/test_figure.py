"""The layer over the drawing: every word can be pressed, and nothing that was said becomes HTML."""

from __future__ import annotations

import json
import re
from html import unescape

from emotionthinker.page.figure import MAX_POINTS, empty_figure_html, figure_html
from emotionthinker.plots import draw_voice
from tests.page.records import a_record, voice_samples


def test_each_word_is_a_named_button_with_its_stretch() -> None:
    record = a_record()
    html = figure_html(draw_voice(record, voice_samples()), record)
    assert 'aria-label="never, 0.50 to 1.00 seconds, stressed"' in html
    assert html.count('<button type="button" class="et-word') == 4
    assert 'data-start="0.500" data-end="1.000"' in html
    assert "et-flow" not in html


def test_words_without_room_are_all_in_the_text_below() -> None:
    words = [{"word": f"word{i}", "start": 0.01 * i, "end": 0.01 * i + 0.01, "stressed": False} for i in range(180)]
    record = a_record(words=words)
    flow = figure_html(draw_voice(record, voice_samples(), width_px=360), record).split('<p class="et-flow"')[1]
    assert re.findall(r">(word\d+)</button>", flow) == [word["word"] for word in words]


def test_the_numbers_under_the_pointer_are_the_record_thinned() -> None:
    record = a_record(energy={"hop_s": 0.01, "dbfs": [-20.0] * 60_000})
    html = figure_html(draw_voice(record, voice_samples()), record)
    series = json.loads(unescape(re.search(r'data-series="([^"]*)"', html)[1]))  # type: ignore[index]
    assert len(series["energy"]["y"]) <= MAX_POINTS
    assert series["energy"]["hop"] * len(series["energy"]["y"]) >= 600
    assert series["f0"]["y"][0] is None
    assert series["words"][1] == ["never", 0.5, 1.0]


def test_check_05_hostile_words_stay_text() -> None:
    nasty = "\"><img src=x onerror='alert(1)'></script>"
    record = a_record(stressed_words=[nasty])
    record["words"][1] = record["words"][1] | {"word": nasty}
    for html in (figure_html(draw_voice(record, voice_samples()), record), empty_figure_html(nasty)):
        assert "<img" not in html
        assert "</script" not in html
