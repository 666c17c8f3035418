"""Paired gains: known answers, the same speakers drawn for both, and replies that must be those of the clips."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emotionthinker.loading import NANO_FOLDER
from training.gains import Counts, counts_of, gains, main
from training.rewards import RewardError
from training.tasks import NANO_LABELS


def counted(right: list[int], clips: int = 10) -> Counts:
    """One class; of the clips of each speaker this many are right, and the same counts as facts and as cues."""
    answers = np.array([[[n, clips - n]] for n in right], float)
    shares = np.array([[n, clips] for n in right], float)
    return Counts(answers, shares, shares)


def test_gains_are_paired_by_speaker() -> None:
    hard_and_easy = [1, 2, 8, 9, 4, 6]
    found = gains(counted(hard_and_easy), [counted([n + 1 for n in hard_and_easy])])
    # Unpaired, speakers that differ this much would hide a gain of .1; each speaker gained the same.
    assert {key: value["gain"] for key, value in found.items()} == dict.fromkeys(("accuracy", "uar", "precision", "coverage"), 0.1)
    assert all(value["interval"] == [0.1, 0.1] for value in found.values())
    one_speaker = gains(counted([5, 5, 5, 5]), [counted([9, 5, 5, 5])])["accuracy"]
    assert one_speaker["gain"] == 0.1 and one_speaker["interval"][0] == 0.0 and one_speaker["interval"][1] > 0.2


def test_seeds_are_averaged() -> None:
    found = gains(counted([4, 6]), [counted([5, 7]), counted([4, 6]), counted([6, 8])])
    assert found["accuracy"] == {"gain": 0.1, "interval": [0.1, 0.1]}


def test_nothing_to_share_and_one_speaker_have_no_interval() -> None:
    silent = Counts(counted([5, 5]).answers, np.zeros((2, 2)), np.zeros((2, 2)))
    found = gains(counted([5, 5]), [silent])
    assert found["precision"] == found["coverage"] == {"gain": None, "interval": None}
    assert found["accuracy"] == {"gain": 0.0, "interval": [0.0, 0.0]}
    assert gains(counted([5]), [counted([6])])["accuracy"] == {"gain": 0.1, "interval": None}


def test_counts_come_from_the_replies(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def level(name: str, percentile: float) -> dict[str, Any]:
        return {"value": 1.0, "unit": "", "level": name, "percentile": percentile}

    levels = {"pitch": level("high", 95.0), "energy": level("low", 5.0)}
    records = [{"audio_path": f"x/{name}.wav", "speaker": speaker, "emotion": "sad", "transcription": "", "levels": levels}
               for name, speaker in (("1", "b"), ("2", "a"))]  # fmt: skip
    rows = [{"set": "dev", "audio": "1.wav", "emotion": "sad", "answer": "sad",
             "reply": "<think> The pitch is high. </think><answer> sad </answer>"},
            {"set": "other", "audio": "1.wav", "emotion": "sad", "answer": "sad", "reply": ""},
            {"set": "dev", "audio": "2.wav", "emotion": "sad", "answer": None,
             "reply": "<think> The pitch is low and the energy is low. </think><answer> ? </answer>"}]  # fmt: skip
    (tmp_path / "replies.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    found = counts_of(tmp_path, "dev", records, NANO_LABELS)
    sad = NANO_LABELS.index("sad")
    assert found.answers[1, sad, sad] == 1 and found.answers[0, sad, -1] == 1 and found.answers.sum() == 2
    assert found.facts.tolist() == [[1, 2], [1, 1]]  # speakers sorted: a, b
    assert found.cues.tolist() == [[2, 2], [1, 2]]
    with pytest.raises(RewardError, match="not about the clips of 'dev'"):
        counts_of(tmp_path, "dev", records[::-1], NANO_LABELS)

    labels = tmp_path / "labels.jsonl"
    labels.write_text("".join(json.dumps({**record, "segments": [[0.0, 1.0]]}) + "\n" for record in records), encoding="utf-8")
    flags = ["--before", str(tmp_path), "--after", str(tmp_path), "--model", str(NANO_FOLDER), "--set"]
    assert main([*flags, f"dev={labels}"]) == 0
    assert "| dev | +0.000 [+0.000, +0.000] |" in capsys.readouterr().out
    for given in (["dev"], ["dev="], [f"dev={labels}", "--set", f"dev={labels}"]):
        assert main([*flags, *given]) == 2
        assert f"--set takes NAME=LABELS.jsonl, each name once; given was {given[0]}" in capsys.readouterr().err
    with pytest.raises(RewardError, match="is an evaluation on 'dev', 'other', not on 'dve'"):
        counts_of(tmp_path, "dve", records, NANO_LABELS)
    with pytest.raises(RewardError, match="not about the clips of 'dev' as they are now"):
        counts_of(tmp_path, "dev", [{**record, "emotion": "happy"} for record in records], NANO_LABELS)

    with (tmp_path / "replies.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"set": "dev", "audio": "3.wav"}')
    for folder in (tmp_path, tmp_path / "empty"):
        with pytest.raises(RewardError, match=r"give a folder that training\.evaluate wrote"):
            counts_of(folder, "dev", records, NANO_LABELS)
