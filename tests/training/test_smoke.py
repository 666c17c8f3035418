"""The whole chain, as `make train-nano-smoke` runs it: from sounds to a model that the app asks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.spoken import need
from training import smoke
from training.resumable import read_rows


def test_the_whole_chain_runs_and_is_not_run_twice(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    need("espeak-ng", "it speaks the clips")
    assert smoke.main(["--output", str(tmp_path), "--threads", "1"]) == 0
    said = capsys.readouterr().out
    assert "The model that came out, asked by the app:\n<think>" in said
    train, dev = read_rows(tmp_path / "train.cot.jsonl"), read_rows(tmp_path / "dev.cot.jsonl")
    assert (len(train), len(dev)) == (48, 12)
    assert not {r["speaker"] for r in train} & {r["speaker"] for r in dev}
    assert len(read_rows(tmp_path / "grpo" / "samples.jsonl")) == 3 * 16
    found = json.loads((tmp_path / "evaluation" / "evaluation.json").read_text(encoding="utf-8"))["corpora"][0]
    assert found["clips"] == 12
    assert 1 <= found["reward"]["mean"] <= 5
    report = (tmp_path / "evaluation" / "evaluation.md").read_text(encoding="utf-8")
    assert f"| reward model: mean of the four | {found['reward']['mean']:.3f} |" in report
    weights = [tmp_path / stage / "model" / "model.safetensors" for stage in ("base", "sft", "reward", "grpo")]
    before = [file.stat().st_mtime_ns for file in weights]
    assert smoke.main(["--output", str(tmp_path), "--threads", "1"]) == 0
    assert [file.stat().st_mtime_ns for file in weights] == before
