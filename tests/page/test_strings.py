"""The tables of the interface's words: complete in every language, with the same places to fill, and nothing that ends a script."""

from __future__ import annotations

import ast
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from annotate.ui import STRINGS
from emotionthinker.audio import Limits, load_clip
from emotionthinker.errors import AudioError, EmotionThinkerError
from emotionthinker.page import strings
from emotionthinker.page.strings import strings_script, switch_html, tables
from emotionthinker.prompt import choose_labels
from emotionthinker.prosody.record import NO_SPEECH_FOR_WORDS, NOT_ALIGNED, warnings_of_sound
from tests.conftest import make_record, synthetic_voice
from tests.rule_explainers import PitchExplainer

ROOT = Path(__file__).resolve().parents[2]
EVERY = tables(STRINGS)  # with those of the rating pages
# What people at the page can be told. Other modules speak to who starts the page, or on the command line.
TELLING = [f"annotate/{name}.py" for name in ("answers", "assignment", "board", "board_service", "calibrate_service", "donation",
                                              "payload", "rating", "roster", "service", "ui_donate", "withdrawal")]
TELLING += [f"emotionthinker/{name}.py" for name in ("audio", "transcript", "page/api", "page/engine", "ui")]
# Nobody at the page gets these: the page itself does not send such a thing, or they are for the person who starts it.
NOT_FOR_THE_PAGE = ("must be an object", "must be a list", "must be one of", "holds something else than", "A score must be",
                    "Whether the answer is right must be", "A mark must name", "A choice must be", "The setting {",
                    "is no name of a", "There is a project {", "The role is {")
PLACEHOLDER = re.compile(r"\{\w+\}|</?\d/?>")
# Gradio's own words: not in our sources.
GRADIO = {"Drop Audio Here", "Drop an audio file here to upload", "- or -", "Click to Upload", "Upload file", "Record audio",
          "Record", "Pause", "Resume", "Microphone access has been denied or is unavailable in this browser",
          "No microphone found", "common.complete",
          "Loading", "Loading...", "Clear", "Error", "Warning", "Connection Lost", "Use via API", "▼",
          "Connection to the server was lost. Attempting reconnection...", "Uploading {n} files...", "Uploading {n} file...",
          "Gradio footer navigation", "More tabs"}


def test_every_language_has_every_key_and_the_same_places_to_fill() -> None:
    found = EVERY
    assert set(found) == {"de", "ar"}
    assert not set(tables()["de"]["strings"]) & set(json.loads((STRINGS / "de.json").read_text(encoding="utf-8"))["strings"])
    assert {table["direction"] for table in found.values()} == {"ltr", "rtl"}
    every = set().union(*(table["strings"] for table in found.values()))
    for code, table in found.items():
        assert set(table["strings"]) == every, code
        for key, text in table["strings"].items():
            assert sorted(PLACEHOLDER.findall(key)) == sorted(PLACEHOLDER.findall(text)), f"{code}: {key}"
            assert text.strip(), f"{code}: {key}"


def test_arabic_is_written_in_arabic() -> None:
    names = {"R", "L", "S", "U", "V W X", "Esc", "A: {what}", "B: {what}", "jsonl", "csv", "parquet", "hub", "EmotionThinker",
             "JSON", "CSV", "TextGrid", "SVG", "PNG", "WebVTT", "CREMA-D train", "A", "B", "A: {status}",
             "B: {status}", "▼"}
    for key, text in EVERY["ar"]["strings"].items():
        assert key in names or not re.search(r"[^\W\d_]", PLACEHOLDER.sub("", key)) or re.search(r"[\u0600-\u06ff]", text), key


def test_no_key_is_left_over_from_a_text_that_is_gone() -> None:
    """Each word of a key stands in the sources: sentences are put together there from parts, so no more can be asked."""
    parts = []
    for path in [*ROOT.glob("emotionthinker/**/*.py"), *ROOT.glob("annotate/*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                parts.append(node.value)
    parts += [path.read_text(encoding="utf-8") for pattern in ("*.js", "*.css") for path in (ROOT / "assets").glob(pattern)]
    parts.append((ROOT / "assets" / "examples" / "examples.json").read_text(encoding="utf-8"))
    parts.append((ROOT / "assets" / "reference" / "crema-d-train.json").read_text(encoding="utf-8"))
    known = set(re.findall(r"\w{3,}", " ".join(parts)))
    gone = [key for key in EVERY["de"]["strings"]
            if key not in GRADIO and not set(re.findall(r"\w{3,}", PLACEHOLDER.sub(" ", key))) <= known]
    assert gone == []


def as_written(node: ast.expr) -> str:
    """A text as it stands in the code, {} for what is filled in."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
    return "{}"


def known(text: str) -> bool:
    """Whether the tables have a text, or each of its sentences."""
    keys = {re.sub(r"\{\w+\}", "{}", key) for key in EVERY["de"]["strings"]}
    return text in keys or all(sentence in keys for sentence in re.split(r"(?<=[.!?…]) (?=[A-Z{])", text))


def test_every_sentence_that_people_at_the_page_are_told_is_in_the_tables() -> None:
    told = []
    for name in TELLING:
        for node in ast.walk(ast.parse((ROOT / name).read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant | ast.JoinedStr):
                called = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
                if re.search(r"Error$|^Not|^Access|^refusal$", called):
                    told.append((name, as_written(node.args[0])))
    assert len(told) > 60
    assert [f"{name}: {text}" for name, text in told if " " in text and not known(text)
            and not any(part in text.replace("{}", "{") for part in NOT_FOR_THE_PAGE)] == []


def test_every_sentence_that_a_script_writes_is_in_the_tables() -> None:
    written = []
    for path in (ROOT / "assets").glob("*.js"):
        code = re.sub(r"^\s*//.*|\s// .*", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        for text in re.findall(r"[\"`]([A-Z][^\"`\n]* [^\"`\n]*|Exported\.)[\"`]", code):
            written.append(re.sub(r"\$\{.*?(\}|$)", "{}", text).strip())
    assert len(written) > 25
    assert [text for text in written if not known(text)] == []


def warnings_and_refusals() -> list[str]:
    """What the page may say of a clip, as it is said."""
    quiet = {"speech_s": 1.0, "f0_reliable": True, "est_snr_db": 30.0, "pitch_level": "high", "duration_s": 2.0,
             "narrow": False}
    clipped, clean = np.ones(100), np.zeros(100)
    told = [NOT_ALIGNED, NO_SPEECH_FOR_WORDS]
    for other in ({"speech_s": 0.0}, {"speech_s": 0.2}, {"f0_reliable": False}, {"est_snr_db": 3.0}, {"pitch_level": None},
                  {"narrow": True}):
        told += warnings_of_sound(clean, quiet | other)
    told += warnings_of_sound(clipped, quiet)
    explainer = PitchExplainer()
    explainer.style = replace(explainer.style, max_audio_s=2.0)
    told += explainer.explain((synthetic_voice(4.0), 16_000), prosody=make_record([[0.0, 4.0]], 4.0, words=[])).warnings
    mirrored = np.stack([synthetic_voice(0.5), -synthetic_voice(0.5)], axis=1)
    broken = [(mirrored, 16_000), (np.zeros(9), 900), (np.zeros((9, 9)), 16_000), (np.full(9, np.nan), 16_000),
              (np.zeros(90_000), 16_000)]
    for source in broken:
        with pytest.raises(AudioError) as refused:
            load_clip(source, Limits(max_seconds=5.0))
        told.append(str(refused.value))
    for option in ({"max_new_tokens": -1}, {"temperature": 99.0}, {"seed": -5}):
        with pytest.raises(EmotionThinkerError) as refused:
            explainer.stream((synthetic_voice(1.0), 16_000), **option)
        told.append(str(refused.value))
    for asked in (["bored"], ["sad"]):
        with pytest.raises(EmotionThinkerError) as refused:
            choose_labels(asked, ("sad", "angry"))
        told.append(str(refused.value))
    return told


@pytest.mark.parametrize("code", ["de", "ar"])
def test_what_is_said_of_a_clip_is_said_in_every_language(code: str) -> None:
    keys = [re.sub(r"\\{\w+\\}", ".+?", re.escape(key)) for key in EVERY[code]["strings"]]
    told = warnings_and_refusals()
    assert len(told) == 21
    assert [text for text in told if not any(re.fullmatch(key, text) for key in keys)] == []


def test_a_table_cannot_end_the_script_it_stands_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = {"name": "<b>X</b>", "direction": "ltr", "strings": {"Language": "</script><script>alert(1)</script>"}}
    (tmp_path / "xx.json").write_text(json.dumps(table), encoding="utf-8")
    monkeypatch.setattr(strings, "FOLDER", tmp_path)
    assert strings_script().count("</script>") == 1
    assert "<b>" not in switch_html()
    (tmp_path / "yy.json").write_text(json.dumps({"strings": {}}), encoding="utf-8")
    with pytest.raises(ValueError, match=r"yy\.json"):
        tables()
