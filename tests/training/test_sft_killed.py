"""`kill -9` of a real training run: what goes on from its checkpoint ends with the very same weights."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import torch
import yaml
from safetensors.torch import load_file

from emotionthinker.manifest import check_manifest
from training import sft

ROOT = Path(__file__).resolve().parents[2]


def test_a_killed_run_ends_with_the_weights_of_one_that_was_not(recipe: dict, tmp_path: Path) -> None:
    recipe = recipe | {"decoder_recipe": recipe["decoder_recipe"] | {"epochs": 4}}
    whole = sft.train(recipe | {"output": str(tmp_path / "whole")})
    killed, file = tmp_path / "killed", tmp_path / "recipe.yaml"
    file.write_text(yaml.safe_dump(recipe | {"output": str(killed)}), encoding="utf-8")
    log = killed / "log.jsonl"
    with subprocess.Popen([sys.executable, "-m", "training.sft", "--recipe", str(file)], cwd=ROOT, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as process:
        while process.poll() is None and not (log.exists() and '"stage": "decoder", "epoch": 2' in log.read_text()):
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL and not (killed / "model").exists()
    resumed = sft.train(recipe | {"output": str(killed)})
    a, b = load_file(whole / "model.safetensors"), load_file(resumed / "model.safetensors")
    assert all(torch.equal(a[name], b[name]) for name in a)
    check_manifest(resumed, "resumed")
    assert not [path.name for path in killed.iterdir() if path.name.endswith(".new")]
