"""The ablation runner: rows differ in what they leave out, and what is done is not done again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from emotionthinker.loading import NANO_FOLDER
from tests.training import test_audio_grpo, test_reward_model
from training import ablation, reward_model
from training.resumable import read_rows
from training.reward_thinker import RewardModel
from training.rewards import DIMENSIONS, RewardError


def test_each_row_leaves_out_one_thing() -> None:
    recipe = {"reasoning": {"model": "trained", "counted": True}, "trust": True, "schedule": {"window": 8}, "steps": 3}
    rows = {row: ablation.variant(row, recipe, "raw") for row in ablation.ROWS if row != "sft"}
    assert rows["full"] == recipe
    changed = {row: {key for key in recipe if found[key] != recipe[key]} for row, found in rows.items()}
    own = {"rules": {"reasoning"}, "untrained": {"reasoning"}, "judged": {"reasoning"}, "no-trust": {"trust"},
           "no-schedule": {"schedule"}, "full": set()}  # fmt: skip
    assert changed == own
    assert rows["rules"]["reasoning"] is None
    assert rows["untrained"]["reasoning"] == {"model": "raw", "counted": True}
    assert rows["judged"]["reasoning"] == {"model": "trained", "counted": False}


def test_rows_are_trained_evaluated_and_put_into_one_table(
    tiny_folder: Path, corpus: dict[str, Path], tuples: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reward = reward_model.train(test_reward_model.settings(tiny_folder, tuples, tmp_path / "reward", examples=8))
    recipe = test_audio_grpo.settings(NANO_FOLDER, corpus["train"], tmp_path, steps=1, reply_tokens=40, learning_rate=1e-5)
    file = tmp_path / "recipe.yaml"
    file.write_text(yaml.safe_dump({**recipe, "reasoning": {"model": str(reward)}}), encoding="utf-8")
    output = tmp_path / "ablation"
    flags = ["--recipe", str(file), "--output", str(output), "--set", f"dev={corpus['dev']}", "--rows", "sft,untrained"]
    assert ablation.main(flags) == 0
    table = (output / "ablation.md").read_text(encoding="utf-8")
    assert "| SFT | " in table
    assert "| GRPO-PTR, reward model not trained | " in table
    assert "| gained over SFT | accuracy | UAR | stated facts right | salient cues named |" in table
    whole = json.loads((output / "ablation.json").read_text(encoding="utf-8"))
    found = whole["rows"]
    assert 1 <= found["sft"]["0"]["dev"]["reward"] <= 5
    assert "| well-formed replies | reward model, 1–5 | seeds |" in table
    assert found["sft"]["0"]["dev"]["well_formed"] > 0.9
    for key, gained in whole["gains"]["dev"]["untrained"].items():
        assert gained["gain"] == pytest.approx(found["untrained"]["0"]["dev"][key] - found["sft"]["0"]["dev"][key], abs=1e-4)
    assert (output / "untrained" / "seed-0" / "model" / "model.safetensors").is_file()
    raw = RewardModel.from_folder(output / "untrained-reward")
    clip = read_rows(tuples["dev.cot"])[0]
    given = raw.scores(["It is loud.", "It is quiet and slow."], [clip, clip])
    assert given[0] != given[1]
    assert given[0] != dict.fromkeys(DIMENSIONS, 3.0)

    before = (output / "untrained" / "seed-0" / "model" / "model.safetensors").stat().st_mtime_ns
    assert ablation.main(flags) == 0
    assert (output / "untrained" / "seed-0" / "model" / "model.safetensors").stat().st_mtime_ns == before
    capsys.readouterr()
    assert ablation.main([*flags, "--set", f"another={corpus['dev']}"]) == 2
    assert "is an evaluation on 'dev', not on 'dev', 'another'; delete that folder" in capsys.readouterr().err
    assert ablation.main([*flags, "--seed", "5"]) == 2
    assert "say with --seeds how many" in capsys.readouterr().err
    assert ablation.main([*flags[:-1], "sft,other"]) == 2
    assert "some of sft, rules" in capsys.readouterr().err


def test_a_row_can_have_its_own_number_of_seeds() -> None:
    assert ablation.seeds_of("sft, rules:1,full", 3) == {"sft": 1, "rules": 1, "full": 3}
    assert ablation.seeds_of("sft:1", 3) == {"sft": 1}
    for text in ("other", "full:0", "full:many", "full:-1", "", "full:", "full,full:3", "sft:5"):
        with pytest.raises(RewardError, match="given were"):
            ablation.seeds_of(text, 3)
    with pytest.raises(RewardError, match="--seeds a number from 1"):
        ablation.seeds_of("full", 0)
