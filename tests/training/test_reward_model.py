"""The reward model: it hears the clip, learns what a text deserves, and says the same thing every time."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from training import reward_model, reward_report
from training.counted_scores import FACTUAL, factual_score, with_counted
from training.resumable import read_rows
from training.reward_examples import Scored, heard_pairs, read_examples, with_other_clips
from training.reward_thinker import RewardModel, load_for_scores, scores_json
from training.rewards import DIMENSIONS, RewardError, reasoning_reward
from training.sft import read_recipe

FEW = 16  # examples, so that a tiny model can learn them by heart, which dropout is there to prevent
ROOT = Path(__file__).resolve().parents[2]


def settings(model: Path, tuples: dict[str, Path], output: Path, **changes: Any) -> dict[str, Any]:
    shipped = read_recipe(ROOT / "training" / "recipes" / "nano-reward.yaml")
    small = {"model": str(model), "output": str(output), "train": str(tuples["train"]), "records": str(tuples["train.cot"]),
             "dev": str(tuples["dev"]), "dev_records": str(tuples["dev.cot"]), "threads": 1, "batch_size": 8, "bf16": False,
             "frozen": [], "learning_rate": 3e-3, "save_steps": 5}  # fmt: skip
    return {**shipped, **small, **changes}


@pytest.fixture(scope="module")
def trained(tiny_folder: Path, tuples: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return reward_model.train(settings(tiny_folder, tuples, tmp_path_factory.mktemp("reward"), examples=FEW, epochs=60,
                                       other_clips=0.0, head_dropout=0.0))


def test_it_learns_to_tell_good_texts_from_bad_ones(trained: Path, tuples: dict[str, Path], tiny_folder: Path) -> None:
    examples = read_examples(tuples["train"], tuples["train.cot"])[:FEW]
    texts, records = [e.text for e in examples], [e.record for e in examples]
    model = RewardModel.from_folder(trained)
    given = model.scores(texts, records)
    figures = reward_report.figures(examples, given)
    assert figures["without_scores"] == 0
    assert all(figures[d]["mae"] < figures[d]["mae_of_the_mean"] for d in DIMENSIONS)
    assert figures[FACTUAL]["mae"] < 0.75 * figures[FACTUAL]["mae_of_the_mean"]
    assert figures[FACTUAL]["spearman"] > 0.2
    assert all(1 <= value <= 5 for scores in given if scores for value in scores.values())
    assert model.scores(texts[:3], records[:3]) == model.scores(texts[:3], records[:3])
    alone = [model.scores([t], [r])[0] for t, r in zip(texts[:3], records[:3], strict=True)]
    for one, many in zip(alone, model.scores(texts[:3], records[:3]), strict=True):  # batches and padding change nothing
        assert one == pytest.approx(many, abs=1e-3)


def test_before_training_it_has_no_opinion(tiny_folder: Path, tuples: dict[str, Path]) -> None:
    from emotionthinker.loading import read_style
    from emotionthinker.processor import load_processor

    model = RewardModel(load_for_scores(tiny_folder, "head"), load_processor(tiny_folder), read_style(str(tiny_folder))[0], "head")
    record = read_rows(tuples["dev.cot"])[0]
    assert model.scores(["The voice is loud."], [record]) == [dict.fromkeys(DIMENSIONS, 3.0)]


def test_it_starts_from_every_weight_of_the_thinker(tiny_folder: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file
    from transformers import Qwen2_5OmniThinkerForConditionalGeneration

    thinker = Qwen2_5OmniThinkerForConditionalGeneration.from_pretrained(tiny_folder, dtype=torch.float32)
    scoring = load_for_scores(tiny_folder, "head").state_dict()
    assert len(thinker.state_dict()) > 50
    assert all(torch.equal(value, scoring[name]) for name, value in thinker.state_dict().items())
    broken = tmp_path / "broken"
    shutil.copytree(tiny_folder, broken)
    weights = load_file(broken / "model.safetensors")
    weights.pop("model.layers.0.mlp.up_proj.weight")
    save_file(weights, broken / "model.safetensors", {"format": "pt"})
    with pytest.raises(RewardError, match="broken lacks weights of a thinker"):
        load_for_scores(broken, "head")


def test_a_text_without_end_or_words_is_scored_too(trained: Path, tuples: dict[str, Path]) -> None:
    model, record = RewardModel.from_folder(trained), read_rows(tuples["dev.cot"])[0]
    given = model.scores(["loud " * 3000, "", "<|im_end|><|AUDIO|>"], [record] * 3)
    assert all(scores and 1 <= scores[d] <= 5 for scores in given for d in DIMENSIONS)


def test_another_clip_changes_the_scores_of_the_same_text(trained: Path, tuples: dict[str, Path], tmp_path: Path) -> None:
    model, record = RewardModel.from_folder(trained), read_rows(tuples["dev.cot"])[0]
    samples, rate = soundfile.read(record["audio_path"])
    other = tmp_path / "other.wav"
    soundfile.write(other, np.random.default_rng(1).uniform(-0.5, 0.5, len(samples)), rate)
    own, changed = model.scores([record["explanation"]] * 2, [record, record | {"audio_path": str(other)}])
    assert own
    assert changed
    assert max(abs(own[d] - changed[d]) for d in DIMENSIONS) > 1e-4


def test_the_head_is_given_what_the_clip_adds_to_each_token(trained: Path, tuples: dict[str, Path]) -> None:
    """Log-probabilities as the plain thinker has them; those without sound stay the same beside any clip."""
    model, records = RewardModel.from_folder(trained), read_rows(tuples["dev.cot"])[:2]
    batch = model.batch([record["explanation"] for record in records], records)
    mask, ids = batch.pop("text_mask").bool(), batch["input_ids"]
    other = batch | {"input_features": torch.rand(batch["input_features"].shape, generator=torch.Generator().manual_seed(0))}
    thinker = model.thinker
    with torch.no_grad():
        plain = thinker(**batch).logits.log_softmax(-1)
        heard, changed = (thinker.log_probs(thinker.model(**given).last_hidden_state, ids, mask) for given in (batch, other))
        unheard = thinker.log_probs(thinker.without_sound(ids, batch["attention_mask"]), ids, mask)
        alone = model.batch([records[0]["explanation"]], [records[0]])
        in_short = thinker.log_probs(thinker.without_sound(alone["input_ids"], alone["attention_mask"]), alone["input_ids"],
                                     alone["text_mask"].bool())
    for row in range(2):
        at = mask[row].nonzero().squeeze(-1).tolist()
        assert len(at) > 20
        assert [heard[row, i].item() for i in at] == pytest.approx([plain[row, i - 1, ids[row, i]].item() for i in at], abs=1e-4)
        assert not heard[row][~mask[row]].any()
    assert (heard - changed).abs().max() > 1e-4
    assert (heard - unheard).abs().max() > 1e-3
    assert unheard[0, : in_short.shape[1]].tolist() == pytest.approx(in_short[0].tolist(), abs=1e-4)


def test_gradients_reach_the_audio_tower(tiny_folder: Path, trained: Path, tuples: dict[str, Path]) -> None:
    model = RewardModel.from_folder(trained)
    examples = read_examples(tuples["train"], tuples["train.cot"])[:4]
    batch = model.batch([e.text for e in examples], [e.record for e in examples], [e.scores for e in examples])
    model.thinker(**batch)["loss"].backward()
    tower = [p.grad for name, p in model.thinker.named_parameters() if ".audio_tower.layers" in name]
    assert sum(g.abs().sum() for g in tower if g is not None) > 0


def test_what_can_be_counted_is_counted_where_the_recipe_says_so(trained: Path, tuples: dict[str, Path]) -> None:
    from training.grpo_ptr import open_scorer

    records = read_rows(tuples["dev.cot"])[:3]
    texts = [record["explanation"] for record in records]
    said = RewardModel.from_folder(trained).scores(texts, records)
    judged, counted = (open_scorer({"model": str(trained), "counted": flag}) for flag in (False, True))
    assert judged is not None
    assert counted is not None
    assert judged(texts, records) == pytest.approx([reasoning_reward(scores) for scores in said if scores])
    wanted = [reasoning_reward(with_counted(scores, *row)) for scores, *row in zip(said, texts, records, strict=True) if scores]
    assert counted(texts, records) == pytest.approx(wanted)
    assert wanted != pytest.approx([reasoning_reward(scores) for scores in said if scores])


def test_the_folder_is_a_thinker_too(trained: Path) -> None:
    from emotionthinker.thinker import EmotionThinker

    assert EmotionThinker.from_pretrained(trained).style.name == "EmotionThinker-Nano"


def test_a_stopped_training_ends_as_a_whole_one(tiny_folder: Path, tuples: dict[str, Path], tmp_path: Path) -> None:
    from safetensors.torch import load_file

    recipe = settings(tiny_folder, tuples, tmp_path / "whole", epochs=1)
    whole = reward_model.train(recipe)
    steps = len((tmp_path / "whole" / "log.jsonl").read_text().splitlines())
    assert steps > 0
    reward_model.train({**recipe, "output": str(tmp_path / "stopped")})
    # What a kill after the first checkpoint leaves: no model, and no later checkpoint.
    import shutil

    checkpoints = sorted((tmp_path / "stopped" / "checkpoints").glob("checkpoint-*"), key=lambda p: int(p.name.split("-")[1]))
    shutil.rmtree(checkpoints[-1])
    shutil.rmtree(tmp_path / "stopped" / "model")
    again = reward_model.train({**recipe, "output": str(tmp_path / "stopped")})
    one, other = load_file(whole / "model.safetensors"), load_file(again / "model.safetensors")
    assert all(torch.equal(value, other[name]) for name, value in one.items())


def test_a_model_that_writes_its_scores(tiny_folder: Path, tuples: dict[str, Path], tmp_path: Path) -> None:
    """The kind for big models: here it is only shown that it is asked, trained and read; nobody expects sense of 64 dimensions."""
    recipe = settings(tiny_folder, tuples, tmp_path, kind="text", examples=2, epochs=160, learning_rate=5e-3, save_steps=1000)
    model = RewardModel.from_folder(reward_model.train(recipe))
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    losses = [line["loss"] for line in lines if "loss" in line]
    assert losses[-1] < losses[0] / 4
    examples = read_examples(tuples["train"], tuples["train.cot"])[:2]
    given = model.scores([e.text for e in examples], [e.record for e in examples])
    assert len(given) == 2
    assert all(scores is None or set(scores) == set(DIMENSIONS) for scores in given)
    assert any(scores is not None for scores in given)


def test_scores_are_written_as_the_judge_reads_them() -> None:
    from training.judge import parse_scores

    scores = dict(zip(DIMENSIONS, (1.0, 2.5, 4.0, 5.0), strict=True))
    assert parse_scores(scores_json(scores)) == scores


def test_other_clips_are_scored_by_what_was_measured_of_them(tuples: dict[str, Path]) -> None:
    examples = read_examples(tuples["train"], tuples["train.cot"])
    made = with_other_clips(examples, 0.5, seed=1)
    assert len(made) == round(0.5 * len(examples))
    own = {(e.text, e.record["audio_path"]) for e in examples}
    for example in made:
        assert example.swapped
        assert (example.text, example.record["audio_path"]) not in own
        assert example.scores[FACTUAL] == factual_score(example.text, example.record)
    assert with_other_clips(examples, 0.5, seed=1) == made
    for good, other in heard_pairs(examples, seed=0):
        assert not good.kinds
        assert other.text == good.text
        assert other.scores[FACTUAL] < good.scores[FACTUAL]


def test_the_report(trained: Path, tuples: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--model", str(trained), "--tuples", str(tuples["dev"]), "--unseen", str(tuples["unseen"])]
    assert reward_report.main([*flags, "--records", str(tuples["dev.cot"]), "--output", str(tmp_path)]) == 0
    report = json.loads((tmp_path / "reward_report.json").read_text(encoding="utf-8"))
    assert report["seen"]["texts"] == len(read_rows(tuples["dev"]))
    assert report["unseen"]["texts"] == len(read_rows(tuples["unseen"]))
    assert report["reaction"]["pairs"] > 0
    assert report["reaction"]["interval"][0] <= report["reaction"]["gap"] <= report["reaction"]["interval"][1]
    text = (tmp_path / "reward_report.md").read_text(encoding="utf-8")
    assert "factual alignment" in text
    assert text in capsys.readouterr().out


def test_figures_by_hand() -> None:
    def scored(value: float) -> Scored:
        return Scored("t", {}, dict.fromkeys(DIMENSIONS, value), "t")

    given = [dict.fromkeys(DIMENSIONS, value) for value in (1.0, 3.0, 4.0)]
    figures = reward_report.figures([scored(1), scored(2), scored(5), scored(5)], [*given, None])
    assert figures["without_scores"] == 1
    assert figures[FACTUAL] == {"spearman": 1.0, "mae": 0.667, "mae_of_the_mean": 1.556}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"kind": "oracle"}, "must be one of head, text"),
        ({"frozen": ["ears"]}, "nothing named 'ears'"),
        ({"records": "dev.cot"}, "the file that the tuples were made of"),
        ({"dev": "train", "dev_records": "train.cot"}, "are in train and dev"),
    ],
)
def test_what_a_recipe_must_not_be(
    change: dict[str, Any], said: str, tiny_folder: Path, tuples: dict[str, Path], tmp_path: Path
) -> None:
    known = {name: str(tuples[value]) if value in tuples and name != "kind" else value for name, value in change.items()
             if isinstance(value, str)} | {n: v for n, v in change.items() if not isinstance(v, str)}  # fmt: skip
    with pytest.raises(RewardError, match=said):
        reward_model.train(settings(tiny_folder, tuples, tmp_path, **known))


def test_a_folder_without_a_reward_model(tiny_folder: Path) -> None:
    with pytest.raises(RewardError, match=r"holds no reward\.json"):
        RewardModel.from_folder(tiny_folder)
