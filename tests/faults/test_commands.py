"""Commands whose output, folder or own files fail them: one line and exit code 2, and nothing done is lost."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from emotionthinker import speaker
from emotionthinker.__main__ import main
from emotionthinker.errors import EmotionThinkerError
from emotionthinker.page.engine import EXAMPLES
from emotionthinker.page.handlers import sentence
from emotionthinker.prosody import stress
from emotionthinker.timeline.store import Store
from tests.faults.conftest import Disk
from tests.test_audio import assert_one_sentence
from tests.timeline.test_turns import segment

ROOT = Path(__file__).resolve().parents[2]
CLIP = EXAMPLES / "flat.flac"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_behind_the_output_is_one_line() -> None:
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "emotionthinker", "prosody", str(CLIP), "--transcript", "the meeting", "--json"]
        done = subprocess.run(command, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, timeout=120, check=False)
    assert done.returncode == 2
    assert_one_sentence(done.stderr.removesuffix("\n"))
    assert "No space left on device" in done.stderr


def test_a_recording_that_is_followed_stops_at_a_full_disk_and_goes_on(make_disk: Callable[[int], Disk]) -> None:
    disk = make_disk(200_000)
    path = disk.path / "a.timeline.jsonl"
    store, kept = Store(path), 0
    disk.fill(8192)
    with pytest.raises(EmotionThinkerError) as caught:
        for number in range(20):
            store.add(replace(segment(3.0 * number), words="word " * 300))
            kept += 1
    assert_one_sentence(str(caught.value))
    assert "No space left" in str(caught.value) and kept >= 1
    disk.make_room()
    again = Store(path)
    assert len(again) == kept  # what did not fit whole is dropped, and done again
    again.add(segment(90.0))
    assert len(Store(path)) == kept + 1


def test_a_folder_that_cannot_be_written_is_told_before_the_model_is_loaded(make_disk: Callable[[int], Disk],
                                                                            capsys: pytest.CaptureFixture[str]) -> None:
    disk = make_disk(200_000)
    disk.read_only()
    assert main(["timeline", str(CLIP), "--output", str(disk.path / "out"), "--no-transcribe"]) == 2
    said = capsys.readouterr().err
    assert_one_sentence(said.removesuffix("\n"))
    assert "Read-only file system" in said


@pytest.mark.parametrize("damage", [None, b"", b"PK\x03\x04 half", b'{"cues": 3}'])
def test_damaged_weights_of_a_measurement_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: bytes | None) -> None:
    for module, name, read in ((speaker, "WEIGHTS", speaker._shipped_weights), (stress, "MODEL_PATH", stress.stress_model)):
        file = tmp_path / getattr(module, name).name
        if damage is not None:
            file.write_bytes(damage)
        monkeypatch.setattr(module, name, file)
        read.cache_clear()
        with pytest.raises(EmotionThinkerError) as caught:
            read()
        assert_one_sentence(sentence(caught.value))
        assert file.name in str(caught.value) and str(tmp_path) not in str(caught.value)
        monkeypatch.undo()
        read()  # once the file is whole again
