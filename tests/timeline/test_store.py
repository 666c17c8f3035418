"""The resume file: nothing acknowledged is lost, nothing of another way of asking is taken."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from emotionthinker.errors import EmotionThinkerError
from emotionthinker.settings import Settings
from emotionthinker.timeline.store import Store, store_path
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
