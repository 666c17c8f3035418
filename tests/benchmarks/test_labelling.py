import json

import pytest
import soundfile

from benchmarks import labelling
from tests.conftest import synthetic_voice


def test_all_three_are_timed_on_the_same_clips(tmp_path, monkeypatch):
    path = tmp_path / "a.wav"
    soundfile.write(path, synthetic_voice(0.8), 16_000)
    rows = [json.loads(json.dumps({"audio_path": str(path), "transcription": "hello there"}))] * 3
    seen = []
    monkeypatch.setattr(labelling, "published", lambda known: seen.append(len(known["samples"])))  # pYIN compiles for seconds
    text = labelling.table(rows)
    assert seen == [12_800] * 5  # two clips of warm-up, then the three
    lines = text.splitlines()
    assert lines[0].startswith("3 clips, 2 s of audio") and len(lines) == 7
    rates = [float(line.split("|")[2]) for line in lines[4:]]
    assert rates[1] >= rates[2] > 0  # words cost time


def test_two_workers_label_together(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, synthetic_voice(0.5), 16_000)
    assert labelling.rate_of_workers([{"audio_path": str(path), "transcription": ""}], 2) > 0
    broken = {"audio_path": str(tmp_path / "none.wav"), "transcription": ""}
    with pytest.raises(labelling.MeasureError, match=r"none\.wav cannot be labelled"):
        labelling.rate_of_workers([broken], 1)
