"""The resume file: nothing acknowledged is lost, nothing of another way of asking is taken."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotionthinker.errors import EmotionThinkerError
from emotionthinker.settings import Settings
from emotionthinker.timeline.store import Store, read_segment, store_path
from tests.timeline.test_turns import segment

OPTIONS = {"mode": "emotion", "labels": None, "transcribe": True}


def test_what_was_added_is_there_again(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.timeline.jsonl"
    first, second = replace(segment(0.0), words='quoted "é\u2028'), segment(3.0, None, hz=None)
    store = Store(path)
    store.add(first)
    store.add(second)
    again = Store(path)
    assert (again.get("voice", 0.0, 2.5), again.get("voice", 3.0, 5.5)) == (first, second)
    assert again.get("left", 0.0, 2.5) is None


@pytest.mark.parametrize("cut", [1, 20, 200])
def test_a_line_that_was_cut_off_is_dropped_and_not_glued_to_the_next(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "a.timeline.jsonl"
    store = Store(path)
    store.add(segment(0.0))
    store.add(segment(3.0))
    path.write_bytes(path.read_bytes()[:-cut])
    again = Store(path)
    assert len(again) == 1
    again.add(segment(6.0))
    assert Store(path).get("voice", 6.0, 8.5) == segment(6.0)


def test_lines_that_are_no_segments_are_left_aside(tmp_path: Path) -> None:
    path = tmp_path / "a.timeline.jsonl"
    path.write_text('nonsense\n{"line": 1}\n[1]\n\n')
    assert len(Store(path)) == 0


CLAIM = {"text": "sounds", "start_char": 3, "end_char": 9, "attribute": "quote", "stated": "x", "measured": None,
         "verdict": "supported"}
DAMAGE: list[tuple[str, Any]] = [
    ("line", 1), ("start_s", "0"), ("start_s", True), ("start_s", -1.0), ("end_s", 0.0), ("end_s", 1e999), ("speech_s", None),
    ("words", ["a"]), ("f0_median_hz", 0.0), ("f0_median_hz", "120"), ("energy_dbfs", 1e300), ("gender", 3), ("emotion", {}),
    ("scores", []), ("scores", {"sad": "1"}), ("scores", {"sad": 7}), ("scores", {"sad": None}), ("reasoning", None),
    ("reasoning", 5), ("claims", {}), ("claims", [1]), ("claims", [{}]), ("claims", [CLAIM | {"start_char": "3"}]),
    ("claims", [CLAIM | {"end_char": 9999}]), ("claims", [CLAIM | {"verdict": "true"}]), ("claims", [CLAIM | {"stated": 1}]),
    ("warnings", "text"), ("warnings", [1]), ("more", 1),
]


@pytest.mark.parametrize(("name", "value"), DAMAGE)
def test_a_damaged_line_is_left_aside_and_the_others_stay(tmp_path: Path, name: str, value: Any) -> None:
    path = tmp_path / "a.timeline.jsonl"
    Store(path).add(replace(segment(3.0), claims=[CLAIM]))
    with path.open("a") as file:
        file.write(json.dumps(segment(0.0).to_dict() | {name: value}) + "\n")
    store = Store(path)
    assert len(store) == 1
    assert store.get("voice", 3.0, 5.5) == replace(segment(3.0), claims=[CLAIM])


@pytest.mark.parametrize(
    "line",
    [b"[" * 100_000, b'{"a":' * 100_000, b'{"start_s": NaN}', b"\xff\xfe", b"null", b"0", b'"' + b"x" * 10**6],
    ids=["lists", "objects", "NaN", "bytes", "null", "number", "text"],
)
def test_hostile_lines_are_left_aside(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "a.timeline.jsonl"
    Store(path).add(segment(0.0))
    nested = json.dumps(segment(6.0).to_dict()).encode().replace(b'"claims": []', b'"claims": ' + line)
    path.write_bytes(line + b"\n" + nested + b"\n" + path.read_bytes())
    assert len(Store(path)) == 1


JSON = st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
                    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
                    max_leaves=6)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(segment(0.0).to_dict())), JSON, max_size=3))
def test_whatever_is_read_is_a_segment_that_can_be_written_again(changes: dict[str, Any]) -> None:
    text = json.dumps(segment(0.0).to_dict() | changes).encode()
    try:
        found = read_segment(text)
    except ValueError:
        return
    assert read_segment(json.dumps(found.to_dict(), allow_nan=False).encode()) == found


def test_a_folder_in_its_place_is_said_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.timeline.jsonl").mkdir()
    with pytest.raises(EmotionThinkerError, match="cannot be written"):
        Store(tmp_path / "a.timeline.jsonl")


def test_another_question_or_recording_begins_anew(tmp_path: Path) -> None:
    one, other = tmp_path / "one.wav", tmp_path / "other.wav"
    one.write_bytes(b"RIFF1")
    other.write_bytes(b"RIFF2")
    model = tmp_path / "model"
    model.mkdir()
    (model / "model.safetensors").write_bytes(b"weights")
    settings = Settings(model=str(model))

    def path(recording: Path = one, settings: Settings | None = settings, **changes: object) -> Path:
        return store_path(tmp_path, recording, settings, OPTIONS | changes)

    before = path()
    assert path() == before
    others = [path(other), path(settings=None), path(settings=Settings()), path(mode="describe"), path(labels=["sad", "angry"]),
              path(transcribe=False)]
    (model / "model.safetensors").write_bytes(b"other weights")
    assert len({before, *others, path()}) == len(others) + 2
    one.rename(tmp_path / "renamed.wav")
    assert path(tmp_path / "renamed.wav") == path(tmp_path / "renamed.wav")


def test_a_folder_that_cannot_be_written_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EmotionThinkerError, match="cannot be written"):
        Store(tmp_path / "file" / "a.timeline.jsonl")
