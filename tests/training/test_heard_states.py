"""What a frozen thinker hears is taken once, is what it would hear again, and is made anew where anything it depends on changed."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from emotionthinker.loading import read_style
from emotionthinker.processor import load_processor
from training import heard_states, reward_model
from training.heard_states import head_alone, heard_texts, padded
from training.reward_examples import Scored, read_examples
from training.reward_model import frozen
from training.reward_thinker import RewardModel, load_for_scores
from training.run_log import with_lora
from training.sft import read_recipe

RECIPE = Path(__file__).resolve().parents[2] / "training" / "recipes" / "nano-reward.yaml"


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heard_states, "BLOCK", 8)


@pytest.fixture
def examples(tuples: dict[str, Path]) -> list[Scored]:
    return read_examples(tuples["train"], tuples["train.cot"])[:20]


@pytest.fixture
def model(tiny_folder: Path) -> RewardModel:
    thinker = load_for_scores(tiny_folder, "head")
    torch.nn.init.normal_(thinker.reward_head.answer, generator=torch.Generator().manual_seed(0))
    torch.nn.init.normal_(thinker.reward_head.heard, generator=torch.Generator().manual_seed(0))
    return RewardModel(thinker, load_processor(tiny_folder), read_style(str(tiny_folder))[0], "head")


def settings(model: Path, tuples: dict[str, Path], output: Path, **changes: Any) -> dict[str, Any]:
    given = {"model": str(model), "output": str(output), "train": str(tuples["train"]), "records": str(tuples["train.cot"]),
             "dev": str(tuples["dev"]), "dev_records": str(tuples["dev.cot"]), "threads": 1, "batch_size": 8, "bf16": False,
             "examples": 20, "epochs": 2, "save_steps": 3}  # fmt: skip
    return {**read_recipe(RECIPE), **given, **changes}


def test_scores_from_what_was_kept_are_those_of_the_whole_model(
    model: RewardModel, examples: list[Scored], tiny_folder: Path, tmp_path: Path
) -> None:
    kept = heard_texts(model, examples, tmp_path / "heard", str(tiny_folder), batch_size=3, bf16=False)
    assert len(kept) == len(examples) == 20
    assert len(list((tmp_path / "heard").glob("*.safetensors"))) == 3
    whole = model.scores([e.text for e in examples], [e.record for e in examples])
    with torch.no_grad():
        given = model.thinker(**padded([kept[i] for i in range(len(kept))]))
    said = [list(scores.values()) for scores in whole if scores]
    assert max(abs(a - 3.0) for row in said for a in row) > 0.1  # it has opinions that could differ
    for row, scores in zip(given["logits"].tolist(), said, strict=True):  # kept in 16 bits
        assert row == pytest.approx(scores, abs=0.02)
    wanted = torch.tensor([list(e.scores.values()) for e in examples])
    assert given["loss"].item() == pytest.approx(torch.nn.functional.mse_loss(given["logits"], wanted).item())


def test_only_what_changed_is_heard_again(
    model: RewardModel, examples: list[Scored], tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[str] = []
    listen = heard_states.listen

    def listening(model: RewardModel, part: list[Scored], bf16: bool) -> Any:
        heard.extend(e.text for e in part)
        return listen(model, part, bf16)

    monkeypatch.setattr(heard_states, "listen", listening)
    ask = lambda texts, place=tiny_folder: heard_texts(model, texts, tmp_path / "heard", str(place), 8, False)  # noqa: E731
    first = ask(examples)
    assert sorted(heard) == sorted(e.text for e in examples)
    heard.clear()
    ask(examples)
    assert heard == []
    (tmp_path / "heard" / "00001.safetensors").unlink()  # as a kill in the second block leaves it
    (tmp_path / "heard" / "00001.safetensors.new").write_bytes(b"half")
    again = ask(examples)
    assert sorted(heard) == sorted(e.text for e in examples[8:16])
    assert all(torch.equal(first[i].states, again[i].states) and torch.equal(first[i].added, again[i].added) for i in range(20))
    heard.clear()
    ask([replace(examples[0], text="The voice is loud."), *examples[1:]])
    assert len(heard) == 20
    heard.clear()
    other = tmp_path / "other"
    shutil.copytree(tiny_folder, other)  # another folder with the same bytes: it may hold another model
    (other / "model.safetensors").touch()
    ask(examples, other)
    assert len(heard) == 20


def test_the_head_learns_from_it_and_the_rest_stays(tiny_folder: Path, tuples: dict[str, Path], tmp_path: Path) -> None:
    recipe = settings(tiny_folder, tuples, tmp_path / "whole", epochs=30, learning_rate=3e-3, other_clips=0.0)
    after = load_file(reward_model.train(recipe) / "model.safetensors")
    before = load_file(tiny_folder / "model.safetensors")
    assert len(before) > 50
    assert all(torch.equal(after[name], value.half()) for name, value in before.items())
    losses = [row["loss"] for row in map(json.loads, (tmp_path / "whole" / "log.jsonl").open(encoding="utf-8")) if "loss" in row]
    assert losses[-1] < 0.7 * losses[0]


def test_a_stopped_training_ends_as_a_whole_one(tiny_folder: Path, tuples: dict[str, Path], tmp_path: Path) -> None:
    whole = load_file(reward_model.train(settings(tiny_folder, tuples, tmp_path / "whole")) / "model.safetensors")
    recipe = settings(tiny_folder, tuples, tmp_path / "stopped")
    reward_model.train(recipe)
    for left in sorted((tmp_path / "stopped" / "checkpoints").glob("checkpoint-*"), key=lambda p: int(p.name[11:]))[1:]:
        shutil.rmtree(left)
    shutil.rmtree(tmp_path / "stopped" / "model")
    (tmp_path / "stopped" / "heard" / "train" / "00000.safetensors").unlink()
    again = load_file(reward_model.train(recipe) / "model.safetensors")
    assert all(torch.equal(value, again[name]) for name, value in whole.items())


def test_it_is_used_only_where_nothing_but_the_head_learns(tiny_folder: Path) -> None:
    thinker = load_for_scores(tiny_folder, "head")
    assert not head_alone(thinker)
    frozen(thinker, ["audio_tower"])
    assert not head_alone(thinker)
    frozen(thinker, ["language_model"])
    assert head_alone(thinker)
    assert not head_alone(with_lora(thinker, {"rank": 2, "alpha": 4, "dropout": 0.0}, also=["reward_head"]))
