"""GRPO-PTR's trainer: it hears the clip in the loss, knows whole groups, and goes on after a stop as if there had been none."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import Qwen2_5OmniThinkerForConditionalGeneration
from trl import GRPOTrainer

from emotionthinker.loading import NANO_FOLDER, read_style
from emotionthinker.processor import load_processor
from training import grpo_ptr
from training.audio_grpo import AudioGRPOTrainer, RewardSettings, heard
from training.clip_inputs import ClipInputs, right_padded
from training.resumable import read_rows
from training.rewards import RewardError, Schedule, score_group, trust_weight
from training.sft import read_recipe

ROOT = Path(__file__).resolve().parents[2]
REPLY = "<think> The voice is loud. </think><answer> angry </answer>"


def settings(model: Path, train: Path, output: Path, **changes: Any) -> dict[str, Any]:
    """The shipped recipe, shrunk; everything is trained, with rule rewards alone."""
    shipped = read_recipe(ROOT / "training" / "recipes" / "nano-grpo.yaml")
    small = {"model": str(model), "train": str(train), "output": str(output), "reasoning": None, "k": 4,
             "prompts": 2, "batch_size": 8, "steps": 2, "reply_tokens": 12, "frozen": [], "threads": 1, "save_steps": 1,
             "sample_every": 1, "bf16": False, "learning_rate": 1e-3, "warmup_steps": 0, "skip_even_groups": False}  # fmt: skip
    return {**shipped, **small, **changes}


class LetterRewards(AudioGRPOTrainer):
    """Pays for the letter e, so that a model of random weights earns something that differs within a group."""

    def _calculate_rewards(self, inputs: Any, prompts: Any, completions: list[str], completion_ids_list: Any) -> Any:
        self.rewards.schedule.update(["e" in text for text in completions])
        if self.rewards.sample_file:
            scored = score_group(completions, "angry", [0.0] * len(completions), False, labels=self.rewards.labels)
            self._keep_samples(self.rewards.sample_file, completions, [self.records[row["record"]] for row in inputs], scored)
        return torch.tensor([[0.0, float(text.count("e")), 0.0] for text in completions])


@pytest.fixture
def letters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grpo_ptr, "AudioGRPOTrainer", LetterRewards)


def lines_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()]


def weights_of(folder: Path) -> Mapping[str, torch.Tensor]:
    from safetensors.torch import load_file

    return load_file(folder / "model.safetensors")


def log_probs(trainer: AudioGRPOTrainer, records: list[dict[str, Any]], chunk: int | None = None) -> torch.Tensor:
    """(2, reply tokens) of one reply to each of two clips, by the path that the loss takes."""
    inputs = trainer.clip_inputs
    prompts = [trainer.train_dataset[i]["prompt"] for i in range(2)]
    audio = trainer.processing_class.audio_token
    tokenizer = trainer.processing_class.tokenizer
    reply = inputs.reply_ids(REPLY)
    texts = [text.replace(audio, audio * inputs.mel(r)[1]) for text, r in zip(prompts, records, strict=True)]
    rows = [tokenizer.encode(text, add_special_tokens=False) for text in texts]
    ids = right_padded([row[::-1] for row in rows], tokenizer.pad_token_id).flip(1)
    mask = torch.cat([right_padded([[1] * len(row) for row in rows], 0).flip(1), torch.ones(2, len(reply), dtype=torch.long)], 1)
    ids = torch.cat([ids, torch.tensor([reply, reply])], 1)
    trainer._sound = inputs.features(records)
    return trainer._get_per_token_logps_and_entropies(trainer.model, ids, mask, len(reply), batch_size=chunk)[0]


@pytest.fixture
def trainer(tiny_folder: Path, corpus: dict[str, Path], tmp_path: Path) -> AudioGRPOTrainer:
    recipe = settings(tiny_folder, corpus["train"], tmp_path / "run")
    style, processor = read_style(str(tiny_folder))[0], load_processor(tiny_folder)
    processor.tokenizer.padding_side = "left"
    records = read_rows(corpus["train"])
    model = Qwen2_5OmniThinkerForConditionalGeneration.from_pretrained(tiny_folder, dtype=torch.float32)
    return AudioGRPOTrainer(
        model=model, args=grpo_ptr.options_of(recipe, tmp_path / "run", processor), records=records,
        train_dataset=grpo_ptr.dataset(records, style, processor), inputs=ClipInputs(processor, style),
        rewards=RewardSettings(labels=style.labels),
    )  # fmt: skip


def test_the_loss_hears_the_clip(trainer: AudioGRPOTrainer) -> None:
    records = list(trainer.records)
    own = log_probs(trainer, records[:2])
    # Equally long clips, so that the prompts stay as they are.
    again, other = log_probs(trainer, records[:2]), log_probs(trainer, [records[0], {**records[1], **loud_noise(records[1])}])
    assert torch.equal(own, again)
    assert torch.equal(own[0], other[0])
    assert (own[1] - other[1]).abs().max() > 1e-4
    own.sum().backward()
    tower = {name: p.grad for name, p in trainer.model.named_parameters() if ".audio_tower." in name}
    assert sum(g.abs().sum() for g in tower.values() if g is not None) > 0


def loud_noise(record: dict[str, Any]) -> dict[str, Any]:
    """Another clip of the same length, in the place of a record's own."""
    import numpy as np
    import soundfile

    samples, rate = soundfile.read(record["audio_path"])
    path = Path(record["audio_path"]).with_suffix(".noise.wav")
    soundfile.write(path, np.random.default_rng(5).uniform(-0.5, 0.5, len(samples)), rate)
    return {"audio_path": str(path)}


def test_log_probs_are_the_thinkers_own(trainer: AudioGRPOTrainer) -> None:
    """TRL's fused head behind our sound must give what the plain forward pass of the thinker gives, alone and unpadded."""
    records = list(trainer.records)
    found = log_probs(trainer, records[:2])
    inputs = trainer.clip_inputs
    reply = inputs.reply_ids(REPLY)
    for i, record in enumerate(records[:2]):
        chat = grpo_ptr.messages(inputs.style, inputs.style.labels, record["transcription"])
        ids = torch.tensor([inputs.prompt_ids(chat, record) + reply])
        with torch.no_grad():
            logits = trainer.model(input_ids=ids, attention_mask=torch.ones_like(ids), **inputs.features([record])).logits
        own = logits[0, -len(reply) - 1 : -1].log_softmax(-1).gather(1, torch.tensor(reply)[:, None])[:, 0]
        assert torch.allclose(found[i], own, atol=1e-4)


def test_replies_are_written_with_the_attention_that_is_quick_without_a_backward_pass(
    trainer: AudioGRPOTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def written(self: Any, *args: Any, **options: Any) -> None:
        layer = next(m for name, m in self.model.named_modules() if name.endswith("language_model.layers.0.self_attn"))
        seen.append(layer.config._attn_implementation)
        raise KeyboardInterrupt

    monkeypatch.setattr(GRPOTrainer, "_generate_single_turn", written)
    for attention in ("eager", "sdpa"):
        trainer.model.set_attn_implementation(attention)
        with pytest.raises(KeyboardInterrupt):
            trainer._generate_single_turn([], None, {}, 2)
        assert trainer.model.config._attn_implementation == attention
    assert seen == ["sdpa", "sdpa"]


def test_a_log_mel_is_the_same_within_a_model_of_half_the_precision(trainer: AudioGRPOTrainer) -> None:
    record, fresh = trainer.records[0], ClipInputs(trainer.processing_class, trainer.clip_inputs.style)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(fresh.mel(record)[0], trainer.clip_inputs.mel(record)[0])


def test_each_chunk_of_a_batch_hears_its_own_clips(trainer: AudioGRPOTrainer) -> None:
    records = list(trainer.records)
    assert torch.allclose(log_probs(trainer, records[:2], chunk=1), log_probs(trainer, records[:2]), atol=1e-5)
    swapped = log_probs(trainer, [records[0], {**records[1], **loud_noise(records[1])}], chunk=1)
    assert (swapped[1] - log_probs(trainer, records[:2])[1]).abs().max() > 1e-4


def test_without_its_clip_a_forward_pass_is_an_error(trainer: AudioGRPOTrainer) -> None:
    one = {"input_features": torch.zeros(1, 80, 4), "feature_attention_mask": torch.ones(1, 4)}
    with heard(trainer.model, one, 1), pytest.raises(RewardError, match="2 prompts were given for 1 clips"):
        trainer.model(input_ids=torch.zeros(2, 3, dtype=torch.long))


def test_it_learns_what_is_paid_for_and_begins_at_its_reference(
    letters: None, tiny_folder: Path, corpus: dict[str, Path], tmp_path: Path
) -> None:
    recipe = settings(tiny_folder, corpus["train"], tmp_path, steps=16, prompts=4, batch_size=16, learning_rate=2e-2, save_steps=50)
    grpo_ptr.train(recipe)
    log = [line for line in lines_of(tmp_path) if "reward" in line]
    assert log[0]["kl"] == 0
    assert log[-1]["kl"] > 0
    assert sum(line["reward"] for line in log[-3:]) > 1.3 * sum(line["reward"] for line in log[:3])
    before, after = weights_of(tiny_folder), weights_of(tmp_path / "model")
    tower = [name for name in before if "audio_tower.layers" in name and "weight" in name]
    assert any(not torch.equal(before[name], after[name]) for name in tower)
    config = json.loads((tmp_path / "model" / "config.json").read_text(encoding="utf-8"))
    assert "use_cache" not in config  # which the Trainer sets to false


def test_a_run_that_was_stopped_goes_on_with_the_same_curve(
    letters: None, tiny_folder: Path, corpus: dict[str, Path], tmp_path: Path
) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    grpo_ptr.train(settings(tiny_folder, corpus["train"], whole, steps=4))
    code = f"""
import os, sys
sys.path.insert(0, {str(ROOT)!r})
from tests.training.test_audio_grpo import LetterRewards, settings
from pathlib import Path
from training import grpo_ptr

class Killed(LetterRewards):
    def training_step(self, *args, **options):
        if self.state.global_step == 3:
            os._exit(9)  # a kill: nothing is tidied up
        return super().training_step(*args, **options)

grpo_ptr.AudioGRPOTrainer = Killed
grpo_ptr.train(settings(Path({str(tiny_folder)!r}), Path({str(corpus["train"])!r}), Path({str(broken)!r}), steps=4, save_steps=2))
"""
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=300).returncode == 9
    assert [line["step"] for line in lines_of(broken)] == [1, 2, 3]
    state = json.loads((broken / "checkpoints" / "checkpoint-2" / "reward_state.json").read_text(encoding="utf-8"))
    assert len(state["schedule"]["last"]) == 2 * 8
    grpo_ptr.train(settings(tiny_folder, corpus["train"], broken, steps=4, save_steps=2))
    curve = {line["step"]: (line["reward"], line["kl"], line["loss"]) for line in lines_of(whole) if "reward" in line}
    again = {line["step"]: (line["reward"], line["kl"], line["loss"]) for line in lines_of(broken) if "reward" in line}
    assert curve.keys() == {1, 2, 3, 4}
    assert again == curve
    assert [line["step"] for line in lines_of(broken) if "reward" in line] == [1, 2, 3, 4]
    samples = [[row["step"] for row in read_rows(folder / "samples.jsonl")] for folder in (whole, broken)]
    assert samples[0] == samples[1] == [at for at in range(4) for _ in range(8)]
    after = weights_of(broken / "model")
    assert all(torch.equal(value, after[name]) for name, value in weights_of(whole / "model").items())


def test_a_checkpoint_without_its_reward_state_is_refused(
    letters: None, tiny_folder: Path, corpus: dict[str, Path], tmp_path: Path
) -> None:
    grpo_ptr.train(settings(tiny_folder, corpus["train"], tmp_path, steps=1))
    (tmp_path / "checkpoints" / "checkpoint-1" / "reward_state.json").write_text("{}", encoding="utf-8")
    with pytest.raises(RewardError, match=r"reward_state\.json"):
        grpo_ptr.train(settings(tiny_folder, corpus["train"], tmp_path, steps=2))


def test_groups_that_teach_nothing_leave_the_weights_alone(tiny_folder: Path, corpus: dict[str, Path], tmp_path: Path) -> None:
    """Random weights never follow the schema: every reward is 0, so with the setting on there is no step at all."""
    grpo_ptr.train(settings(tiny_folder, corpus["train"], tmp_path, skip_even_groups=True))
    assert {line["skipped_groups"] for line in lines_of(tmp_path) if "skipped_groups" in line} == {1.0}
    after = weights_of(tmp_path / "model")
    assert all(torch.equal(value, after[name]) for name, value in weights_of(tiny_folder).items())


def test_equal_rewards_teach_nothing_though_they_differ_by_rounding(
    tiny_folder: Path, corpus: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Rounded(LetterRewards):
        def _calculate_rewards(self, inputs: Any, prompts: Any, completions: list[str], completion_ids_list: Any) -> Any:
            self.rewards.schedule.update([True for _ in completions])
            rows = torch.tensor([[1.0, 1.0, 0.0] for _ in completions])
            rows[::2, 1] += 1e-7
            return rows

    monkeypatch.setattr(grpo_ptr, "AudioGRPOTrainer", Rounded)
    grpo_ptr.train(settings(tiny_folder, corpus["train"], tmp_path, skip_even_groups=True, steps=1))
    assert lines_of(tmp_path)[0]["skipped_groups"] == 1.0


def test_a_group_hears_one_room_and_each_step_another(
    tiny_folder: Path, corpus: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard_by_step: dict[int, tuple[list[int], torch.Tensor]] = {}

    class Listening(LetterRewards):
        def _calculate_rewards(self, inputs: Any, prompts: Any, completions: list[str], completion_ids_list: Any) -> Any:
            heard_by_step[self.state.global_step] = [row["record"] for row in inputs], self._sound["input_features"].clone()
            return super()._calculate_rewards(inputs, prompts, completions, completion_ids_list)

    monkeypatch.setattr(grpo_ptr, "AudioGRPOTrainer", Listening)
    one = tmp_path / "one.jsonl"  # the same clip in every step
    record = read_rows(corpus["train"])[0]
    one.write_text("".join(json.dumps(record) + "\n" for _ in range(2)), encoding="utf-8")
    rooms = {"noise_share": 1.0, "snr_db": [10, 10]}
    grpo_ptr.train(settings(tiny_folder, one, tmp_path / "rooms", rooms=rooms))
    (_, first), (_, second) = heard_by_step[0], heard_by_step[1]
    assert all(torch.equal(sound, first[0]) for sound in first)
    assert not torch.equal(first, second)
    grpo_ptr.train(settings(tiny_folder, one, tmp_path / "plain", rooms=None))
    (_, plain), (_, later) = heard_by_step[0], heard_by_step[1]
    assert torch.equal(plain, later)
    assert plain.shape == first.shape
    assert not torch.equal(plain, first)


def test_rooms_have_no_other_settings(tiny_folder: Path, corpus: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(RewardError, match="rooms have echo; known are noise_share, reverb_share"):
        grpo_ptr.train(settings(tiny_folder, corpus["train"], tmp_path, rooms={"echo": 1}))


def test_lora_trains_beside_the_weights_and_ends_in_a_plain_folder(
    letters: None, tiny_folder: Path, corpus: dict[str, Path], tmp_path: Path
) -> None:
    from emotionthinker.thinker import EmotionThinker

    lora = {"rank": 4, "alpha": 8, "dropout": 0.0}
    grpo_ptr.train(settings(tiny_folder, corpus["train"], tmp_path, lora=lora, learning_rate=1e-2))
    assert lines_of(tmp_path)[0]["kl"] == 0
    before, after = weights_of(tiny_folder), weights_of(tmp_path / "model")
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert before.keys() == after.keys()
    assert changed
    assert all("audio_tower" not in name and ".layers." in name and "_proj" in name for name in changed)
    assert EmotionThinker.from_pretrained(tmp_path / "model").style.name == "EmotionThinker-Nano"


def words_as_quality(texts: Any, records: Any) -> list[float | None]:
    """R_t that differs between replies without a model: by their length."""
    return [min(1.0, len(text) / 800) for text in texts]


def test_rewards_of_real_replies_and_their_table(corpus: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nano itself, from a reply to its reward: every row of the table can be computed again from its text."""
    monkeypatch.setattr(grpo_ptr, "open_scorer", lambda settings: words_as_quality)
    schedule = {"window": 4, "threshold": 0.0, "hysteresis": 0.0}
    changes = {"reply_tokens": 200, "steps": 1, "schedule": schedule, "learning_rate": 1e-5}
    grpo_ptr.train(settings(NANO_FOLDER, corpus["train"], tmp_path, **changes))
    rows = read_rows(tmp_path / "samples.jsonl")
    assert len(rows) == 8
    check_table(rows, k=4)
    assert any(row["reasoning"] > 0 for row in rows)
    assert lines_of(tmp_path)[0]["reward"] == pytest.approx(sum(row["total"] for row in rows) / 8, abs=1e-4)


def check_table(rows: list[dict[str, Any]], k: int) -> None:
    """Groups are whole, and τ and the totals are those of one process."""
    for begin in range(0, len(rows), k):
        group = rows[begin : begin + k]
        assert len({row["audio_path"] for row in group}) == 1
        followed = [row for row in group if row["format"]]
        tau = trust_weight([row["reasoning"] for row in followed], [row["outcome"] == 1 for row in followed])
        for row in group:
            assert row["trust"] == pytest.approx(tau)
            wanted = 0.3 * row["format"] + row["outcome"] + 0.5 * row["trust"] * row["reasoning"]
            assert row["total"] == pytest.approx(wanted)


def test_two_processes_share_whole_groups_and_one_schedule(corpus: dict[str, Path], tmp_path: Path) -> None:
    """Each process holds half a group, so that τ can only be right if what both wrote is brought together."""
    code = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from pathlib import Path
from tests.training import test_audio_grpo as test
from training import grpo_ptr
grpo_ptr.open_scorer = lambda settings: test.words_as_quality
schedule = {{"window": 8, "threshold": 0.0, "hysteresis": 0.0}}
train, output = Path({str(corpus["train"])!r}), Path({str(tmp_path)!r})
grpo_ptr.train(test.settings(test.NANO_FOLDER, train, output, k=4, prompts=1, batch_size=2, reply_tokens=160, steps=1,
                             schedule=schedule, learning_rate=1e-5))
"""
    script = tmp_path / "two.py"
    script.write_text(code, encoding="utf-8")
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node=2", "--master_port=29611", str(script)]
    one_thread = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(launch, capture_output=True, text=True, timeout=400, env=one_thread, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-3000:]
    rows = read_rows(tmp_path / "samples.jsonl")
    assert len(rows) == 4
    check_table(rows, k=4)
    state = json.loads((tmp_path / "checkpoints" / "checkpoint-1" / "reward_state.json").read_text(encoding="utf-8"))
    assert state["schedule"]["last"] == "".join(str(int(row["outcome"])) for row in rows)


def test_what_a_recipe_must_not_be(tiny_folder: Path, corpus: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(RewardError, match="do not fill whole batches"):
        grpo_ptr.train(settings(tiny_folder, corpus["train"], tmp_path, batch_size=3))
    with pytest.raises(RewardError, match="names no reward model"):
        grpo_ptr.open_scorer({"folder": "x"})
    with pytest.raises(RewardError, match="nothing named"):
        grpo_ptr.train(settings(tiny_folder, corpus["train"], tmp_path, frozen=["ears"]))


def test_a_look_in_between_does_not_move_the_schedule(trainer: AudioGRPOTrainer) -> None:
    trainer.rewards.schedule = Schedule(window=2)
    trainer.model.eval()
    rows = [{"record": 0}] * trainer.num_generations_eval
    trainer._calculate_rewards(rows, [""] * len(rows), [REPLY] * len(rows), [])
    assert trainer.rewards.schedule.accuracy is None
    trainer.model.train()
    trainer._clips = [trainer.records[0]] * 4
    rewards = trainer._calculate_rewards([{"record": 0}] * 4, [""] * 4, [REPLY] * 4, [])
    assert trainer.rewards.schedule.accuracy is not None
    assert rewards.shape == (4, 3)


def test_half_a_group_is_an_error(trainer: AudioGRPOTrainer) -> None:
    trainer.model.train()
    with pytest.raises(RewardError, match="whole group"):
        trainer._calculate_rewards([{"record": 0}] * 3 + [{"record": 1}], [""] * 4, [REPLY] * 4, [])
