"""Averages of weights are what they say, and the folder loads."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from training import average_weights


def test_a_weighted_mean_that_the_app_loads(tiny_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from emotionthinker.thinker import EmotionThinker

    other = tmp_path / "other"
    shutil.copytree(tiny_folder, other)
    weights = load_file(other / "model.safetensors")
    save_file({name: t + 1 for name, t in weights.items()}, other / "model.safetensors", metadata={"format": "pt"})
    flags = ["--model", str(tiny_folder), "0.75", "--model", str(other), "0.25", "--output", str(tmp_path / "both")]
    assert average_weights.main(flags) == 0
    mean = load_file(tmp_path / "both" / "model.safetensors")
    assert all(torch.allclose(mean[name].float(), t.float() + 0.25, atol=2e-3) for name, t in weights.items())
    assert EmotionThinker.from_pretrained(tmp_path / "both").style.name == "EmotionThinker-Nano"

    assert average_weights.main([*flags[:5], "0.5", *flags[6:]]) == 2
    assert "add up to 1" in capsys.readouterr().err
    assert average_weights.main(["--model", str(tmp_path), "1", "--output", str(tmp_path / "no")]) == 2
    assert "no model.safetensors" in capsys.readouterr().err
