"""The figure is drawn from the record: in size, in words, in gaps, and safely from several threads."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from concurrent.futures import ThreadPoolExecutor

import pytest

from emotionthinker.plots import PALETTES, describe_figure, draw_png, draw_voice
from tests.page.records import a_record, silent_record, voice_samples

SVG = "{http://www.w3.org/2000/svg}"


def texts(svg: str) -> list[str]:
    return ["".join(element.itertext()).strip() for element in ET.fromstring(svg).iter(f"{SVG}text")]


@pytest.mark.parametrize("width_px", [340, 900, 1200])
def test_the_drawing_has_the_width_asked_for_and_readable_text(width_px: int) -> None:
    drawing = draw_voice(a_record(), voice_samples(), width_px=width_px)
    root = ET.fromstring(drawing.svg)
    assert [float(v) for v in root.attrib["viewBox"].split()] == pytest.approx([0, 0, width_px, drawing.height_px], abs=1)
    sizes = [float(size) for size in re.findall(r"font-size: ([\d.]+)px", drawing.svg)]
    assert sizes
    assert min(sizes) >= 10


def test_a_phone_gets_taller_lanes() -> None:
    phone = draw_voice(a_record(), voice_samples(), width_px=340)
    desk = draw_voice(a_record(), voice_samples(), width_px=1000)
    assert phone.height_px > desk.height_px


def test_words_stand_under_their_time_and_stressed_ones_are_marked_twice() -> None:
    record = a_record()
    drawing = draw_voice(record, voice_samples(), width_px=1000)
    assert {"I", "never●", "do", "again●"} <= set(texts(drawing.svg))
    bold = re.findall(r'font-weight: (?:bold|700)[^>]*>(.*?)</text>', drawing.svg) + re.findall(
        r'font: (?:bold|700)[^>]*>(.*?)</text>', drawing.svg)
    assert {"never●", "again●"} <= set(bold)
    assert "do" not in bold
    plot = drawing.plot_right - drawing.plot_left
    for box in drawing.words:
        word = record["words"][box.index]
        middle = (box.left + box.width / 2 - drawing.plot_left) / plot * record["duration_s"]
        assert middle == pytest.approx((word["start"] + word["end"]) / 2, abs=0.02)


def test_gaps_in_the_pitch_are_not_bridged() -> None:
    """Two voiced stretches give at least two separate strokes of the pitch line: a gap at 1.0 to 1.1 s."""
    drawing = draw_voice(a_record(), voice_samples(), width_px=1000, theme="light")
    lines = re.findall(r'<path d="([^"]*)"[^>]*stroke: ' + PALETTES["light"]["pitch"] + "[^>]*stroke-width: 2.2", drawing.svg)
    strokes = [stroke for line in lines for stroke in re.split(r"(?=M )", line) if stroke.strip()]
    assert len(strokes) == 2
    x = [[float(v) for v in re.findall(r"[ML] ([\d.]+)", stroke)] for stroke in strokes]
    px_per_s = (drawing.plot_right - drawing.plot_left) * 1000 / 2.0
    assert x[1][0] - x[0][-1] == pytest.approx(0.1 * px_per_s, abs=0.03 * px_per_s)


def test_hz_relabels_the_same_curve() -> None:
    semitones, hz = (draw_voice(a_record(), voice_samples(), hz=flag) for flag in (False, True))
    assert any("semitones" in text for text in texts(semitones.svg))
    assert {"200", "150"} & set(texts(hz.svg))
    assert any(text.startswith("pitch, Hz") for text in texts(hz.svg))


def test_the_spectrogram_is_an_image_inside_the_file() -> None:
    assert "data:image/png;base64," in draw_voice(a_record(), voice_samples(), spectrogram=True).svg
    assert "<image" not in draw_voice(a_record(), voice_samples()).svg


def test_the_page_drawing_uses_variables_and_a_saved_one_uses_colours() -> None:
    page, saved = (draw_voice(a_record(), voice_samples(), theme=theme).svg for theme in ("page", "light"))  # type: ignore[arg-type]
    assert "var(--et-pitch" in page
    assert "var(" not in saved


def test_silence_draws_and_says_so() -> None:
    drawing = draw_voice(silent_record(), voice_samples() * 0)
    assert any("no pitch" in text for text in texts(drawing.svg))
    assert drawing.alt.startswith("No pitch measured")
    assert drawing.words == []


def test_a_pitch_that_is_unsure_is_said_to_be() -> None:
    drawing = draw_voice(a_record(f0_reliable=False), voice_samples())
    assert any("unsure" in text for text in texts(drawing.svg))
    assert not any("unsure" in text for text in texts(draw_voice(a_record(), voice_samples()).svg))


@pytest.mark.parametrize("word", ["$\\frac{", "<img src=x onerror=alert(1)>", "</script><script>alert(1)</script>", "\u202eabc",
                                  "a&b", "-->"])
def test_hostile_words_stay_text(word: str) -> None:
    record = a_record()
    record["words"][1] = record["words"][1] | {"word": word}
    root = ET.fromstring(draw_voice(record, voice_samples()).svg)
    assert not [e for e in root.iter() if e.tag.lower().endswith(("script", "img")) or any(k.startswith("on") for k in e.attrib)]
    assert word + "●" in texts(ET.tostring(root, encoding="unicode"))


def test_words_never_overlap() -> None:
    words = [{"word": "considerable", "start": 0.05 * i, "end": 0.05 * i + 0.05, "stressed": i % 2 == 0} for i in range(38)]
    drawing = draw_voice(a_record(words=words), voice_samples(), width_px=700)
    assert drawing.words
    for a in drawing.words:
        for b in drawing.words:
            if a.index < b.index and abs(a.top - b.top) < 1e-6:
                assert a.left + a.width <= b.left + 1e-6


def test_many_threads_draw_the_same() -> None:
    record, samples = a_record(), voice_samples()
    alone = draw_voice(record, samples).svg
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(lambda _: draw_voice(record, samples).svg, range(8))) == {alone}


def test_png_is_a_picture() -> None:
    assert draw_png(a_record(), voice_samples(), width_px=400).startswith(b"\x89PNG")


def test_the_alternative_text_says_the_finding() -> None:
    text = describe_figure(a_record())
    for part in ("high and falling", "5.6 semitones wide", "energy high, −14 dBFS", "speed fast", "Stressed: never, again"):
        assert part in text
