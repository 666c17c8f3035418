"""Whose voices the network of the speaker's sex is taught with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import soundfile

from tests.spoken import two_cities
from training import speaker_model


def test_a_clip_whose_speakers_sex_is_not_known_teaches_neither(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, two_cities()[:48_000], 16_000)
    rows = [{"audio_path": str(path), "sex": sex, "speaker": str(sex)} for sex in (None, "female", "male", "other")]
    voices = speaker_model.read_voices([*rows, {"audio_path": str(path), "speaker": "nobody"}])
    assert [(voice.speaker, voice.female) for voice in voices] == [("female", True), ("male", False)]


def test_dev_clips_choose_and_are_not_trained_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dev = tmp_path / "dev.jsonl"
    dev.write_text(json.dumps({"audio_path": "a.wav", "speaker": "b", "sex": "male", "split": "dev"}) + "\n")
    assert speaker_model.main(["--train_path", str(dev), "--dev_path", str(dev)]) == 2
    assert "split dev" in capsys.readouterr().err
