"""Two clips side by side, without a browser."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest

from emotionthinker.audio import load_clip
from emotionthinker.errors import EmotionThinkerError
from emotionthinker.page.compare_tab import model_name
from emotionthinker.page.comparing import chosen_screen, comparison_html, difference, explain_both, figures_html, measure_both
from emotionthinker.page.engine import EXAMPLES, Engine, Run
from emotionthinker.scale import fit_scale
from emotionthinker.settings import Settings
from tests.page.records import a_record, silent_record, voice_samples
from tests.rule_explainers import PitchExplainer

PATHS = (str(EXAMPLES / "flat.flac"), str(EXAMPLES / "angry.flac"))


def height(svg: str) -> float:
    return float(re.search(r'viewBox="0 0 [\d.]+ ([\d.]+)"', svg)[1])  # type: ignore[index]


def axis_labels(svg: str) -> list[str]:
    return [text for text in re.findall(r">([^<]+)</text>", svg) if re.fullmatch(r"[+−]?[\d.]+", text)]


def test_both_figures_have_one_scale() -> None:
    *_, last = measure_both(Engine(Settings()), Run(1), PATHS, 560)
    assert last.figures is not None
    assert last.records is not None
    one, other = last.figures
    assert axis_labels(one) == axis_labels(other) != []
    assert re.search(r'data-duration="([\d.]+)"', one)[1] == re.search(r'data-duration="([\d.]+)"', other)[1]  # type: ignore[index]
    flat, angry = (record.to_dict() for record in last.records)
    assert difference("energy", flat, angry).startswith("+")
    assert difference("range", flat, angry).startswith("+")
    assert "never" in (last.facts or "")
    assert height(one) == height(other)


def test_more_words_in_one_clip_make_neither_figure_higher_than_the_other() -> None:
    *_, last = measure_both(Engine(Settings()), Run(1), PATHS, 560)
    assert last.records is not None
    flat, angry = last.records
    crowded = dataclasses.replace(angry, words=[word | {"word": "again"} for word in angry.words for _ in range(3)])
    clips = [load_clip(path) for path in PATHS]
    heights = []
    for records in ((flat, angry), (flat, crowded), (crowded, flat)):
        scale = fit_scale([record.to_dict() for record in records], [clip.samples for clip in clips])
        one, other = figures_html(records, clips, scale, 560)
        assert height(one) == height(other)
        heights.append(height(one))
    assert heights[0] < heights[1] == heights[2]


def test_a_missing_clip_is_named() -> None:
    (screen,) = measure_both(Engine(Settings()), Run(1), (PATHS[0], None), 560)
    assert "There is no clip B yet" in (screen.status or "")


def test_another_clip_clears_what_belonged_to_the_one_before() -> None:
    for paths, says in (((None, None), "Choose a clip for A and one for B"), (PATHS, "Press “Compare”"),
                        ((PATHS[0], None), "Choose a clip for B too"), ((None, PATHS[1]), "Choose a clip for A too")):
        screen = chosen_screen(*paths)
        assert says in (screen.status or "")
        assert all("<svg" not in html for html in screen.figures or ())
        assert "<table" not in (screen.facts or "<table")
        assert None not in (*screen.reasoning, *screen.answer)


def test_the_last_status_tells_of_both_sides() -> None:
    *_, measured = measure_both(Engine(Settings()), Run(1), PATHS, 560)
    assert measured.records is not None

    class Broken(PitchExplainer):
        def stream(self, *args: Any, **more: Any) -> Any:
            raise EmotionThinkerError("The model is gone.")

    engines = []
    for thinker in (Broken(), PitchExplainer()):
        engine = Engine(Settings())
        engine._thinker = thinker
        engine._ready.set()
        engines.append(engine)
    for pair, states in ((engines, ["refused", "done"]), (engines[::-1], ["done", "refused"])):
        statuses = [screen.status for screen in explain_both(pair, Run(1), PATHS, measured.records, False) if screen.status]
        assert re.findall(r'data-state="(\w+)"', statuses[-1]) == states
        assert "A: " in statuses[-1]
        assert "B: " in statuses[-1]
        assert "A: The model is gone." in statuses[-1] or "B: The model is gone." in statuses[-1]
        assert "B: " not in statuses[0]


def test_a_scale_holds_both_clips() -> None:
    low = a_record(f0_median_hz=100.0, f0={"hop_s": 0.016, "hz": [90.0, 100.0, None]}, duration_s=1.0)
    high = a_record(f0_median_hz=400.0, f0={"hop_s": 0.016, "hz": [380.0, 400.0, 430.0]}, duration_s=3.0)
    scale = fit_scale([low, high], [voice_samples(), 2 * voice_samples()])
    assert scale.duration_s == 3.0
    assert scale.reference_hz == pytest.approx(200.0)
    assert scale.semitones[0] < -13.8
    assert scale.semitones[1] > 13.2
    assert scale.peak == pytest.approx(0.6, abs=0.01)
    nothing = fit_scale([silent_record()], [voice_samples()])
    assert (nothing.reference_hz, nothing.semitones[0]) == (None, -4.0)


@pytest.mark.parametrize(("row", "a", "b", "text"), [
    ("pitch", 100.0, 200.0, "+12.0 semitones"), ("range", 8.0, 5.5, "−2.5 semitones"), ("energy", -20.0, -26.0, "−6.0 dB"),
    ("speed", 10.0, 12.5, "+25 %"), ("recording", 30.0, None, ""), ("melody", "x", "y", "")])
def test_differences_have_their_unit(row: str, a: object, b: object, text: str) -> None:
    field = {"pitch": "f0_median_hz", "range": "f0_range_st", "energy": "energy_dbfs", "speed": "articulation_rate_pps",
             "recording": "est_snr_db", "melody": "intonation"}[row]
    assert difference(row, {field: a, "f0_reliable": True}, {field: b, "f0_reliable": True}) == text


def test_unreliable_pitch_is_not_subtracted() -> None:
    assert difference("pitch", a_record(), a_record(f0_reliable=False)) == ""


def test_words_are_text() -> None:
    html = comparison_html(a_record(transcription="<b>x</b>"), a_record())
    assert "<b>x" not in html
    assert "&lt;b&gt;x" in html


def test_a_models_name_is_no_path(tmp_path: Path) -> None:
    assert model_name(Settings()) == "Nano"
    assert model_name(Settings(model=str(tmp_path / "mine"))) == "mine"
    assert model_name(Settings(model="owner/name", endpoint="http://127.0.0.1:1/v1")) == "name (at an endpoint)"


def test_the_second_model_comes_from_its_own_settings() -> None:
    assert Settings.second_from_env({"ET_MODEL": "a/b", "ET_ENDPOINT": "http://one/v1", "ET_API_KEY": "k"}) is None
    second = Settings.second_from_env({"ET_MODEL": "a/b", "ET_ENDPOINT": "http://one/v1", "ET_API_KEY": "k", "ET_MODEL_2": "c/d",
                                       "ET_TIMEOUT_S": "9"})
    assert second is not None
    assert (second.model, second.endpoint, second.api_key, second.timeout_s) == ("c/d", None, None, 9.0)
