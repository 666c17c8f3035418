"""Fine-tuning a tiny thinker for real: the loss hears the sound and counts the reply alone, LoRA touches nothing else, a killed run
ends with the weights of one that was not, and the result is a folder that the app loads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import load_file

from emotionthinker.errors import EmotionThinkerError
from emotionthinker.loading import load_model
from emotionthinker.pipeline import open_explainer
from emotionthinker.prompt import PromptStyle
from emotionthinker.settings import Settings
from tests.conftest import SAMPLE_RATE, synthetic_voice
from training import omni_sft, sft
from training.base_questions import question
from training.base_tasks import Sources, shares_of
from training.omni_batch import IGNORED, Examples, collate
from training.omni_sft import KEYS, Stage, last_checkpoint, prepare
from training.perception import Item, ask

RECIPES = Path(__file__).resolve().parents[2] / "training" / "recipes"
SHIPPED = ("base-nano.yaml", "base-omni3b.yaml", "base-omni7b.yaml")


def write_examples(folder: Path) -> None:
    """Six questions to train on, two of them without sound, and one for dev."""
    folder.mkdir(parents=True)
    rows = []
    for i in range(7):
        sounded = i % 3 < 2
        soundfile.write(folder / f"{i}.wav", synthetic_voice(0.5 + 0.1 * i, 100 + 30 * i, seed=i), SAMPLE_RATE)
        audio = [{"path": f"{i}.wav", "segments": [[0.0, 0.5 + 0.1 * i]]}] if sounded else []
        messages = question("Which of low, normal or high?", audio=sounded)
        rows.append({"audio": audio, "messages": messages, "reply": ("low", "high")[i % 2]})
    for name, part in (("train", rows[:6]), ("dev", rows[6:])):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in part))


@pytest.fixture(scope="module")
def parts(tiny_omni_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any, Examples]:
    """Model, processor and the examples to train on."""
    folder = tmp_path_factory.mktemp("parts") / "examples"
    write_examples(folder)
    model, processor = load_model(str(tiny_omni_folder), "tiny", {"dtype": torch.float32})
    return model.eval(), processor, Examples(folder / "train.jsonl", PromptStyle.from_folder(tiny_omni_folder))


@pytest.fixture
def recipe(tiny_omni_folder: Path, tmp_path: Path) -> dict[str, Any]:
    """The shipped recipe for Nano, shrunk; checkpoints after every second of three steps an epoch."""
    write_examples(tmp_path / "run" / "examples")
    shipped = sft.read_recipe(RECIPES / "base-nano.yaml")
    common = {"batch_size": 2, "learning_rate": 5e-3, "save_steps": 2}
    return shipped | {
        "start": str(tiny_omni_folder), "output": str(tmp_path / "run"), "threads": 1, "log_steps": 1, "saved_dtype": "float32",
        "stages": [{"train": "all", "epochs": 1, **common},
                   {"train": "lora", "epochs": 2, **common, "lora": {"rank": 4, "alpha": 8, "dropout": 0.2}}],
    }  # fmt: skip


def loss_of(model: Any, batch: dict[str, torch.Tensor]) -> float:
    with torch.no_grad():
        return float(model(**batch).loss)


def test_only_the_reply_counts(parts: tuple) -> None:
    model, processor, examples = parts
    items = [examples[i] for i in range(3)]
    batch = collate(processor, items)
    for item, ids, labels, mask in zip(items, batch["input_ids"], batch["labels"], batch["attention_mask"], strict=True):
        assert processor.tokenizer.decode(ids[labels != IGNORED]) == item["reply"] + "<|im_end|>"
        written = processor.tokenizer.decode(ids[mask == 1])
        assert written.endswith(f"<|im_start|>assistant\n{item['reply']}<|im_end|>")
    # The loss is that of the reply's tokens, reckoned here from the logits.
    with torch.no_grad():
        out = model(**batch)
    log_p = out.logits[:, :-1].log_softmax(-1).gather(2, batch["input_ids"][:, 1:, None])[..., 0]
    assert float(out.loss) == pytest.approx(float(-log_p[batch["labels"][:, 1:] != IGNORED].mean()), abs=1e-5)


def test_prompt_and_sound_are_those_of_the_processor_at_work(parts: tuple) -> None:
    _, processor, examples = parts
    items = [examples[0], examples[1]]
    batch = collate(processor, items)
    prompts = [processor.apply_chat_template(item["messages"], tokenize=False, add_generation_prompt=True) for item in items]
    clips = [clip for item in items for clip in item["audio"]]
    at_work = processor(text=prompts, audio=clips, return_tensors="pt", padding=True, padding_side="right")
    for name in ("input_features", "feature_attention_mask"):
        assert torch.equal(batch[name], at_work[name])
    for row, ids, mask in zip(batch["input_ids"], at_work["input_ids"], at_work["attention_mask"], strict=True):
        assert row[: int(mask.sum())].tolist() == ids[mask == 1].tolist()


def test_the_loss_hears_the_sound(parts: tuple) -> None:
    model, processor, examples = parts
    item = examples[1]
    other = item | {"audio": [synthetic_voice(len(item["audio"][0]) / SAMPLE_RATE, 300, seed=9)]}
    first, second = (collate(processor, [it]) for it in (item, other))
    assert torch.equal(first["input_ids"], second["input_ids"])
    assert abs(loss_of(model, first) - loss_of(model, second)) > 1e-5


def test_gradients_reach_everything_that_learns_and_nothing_else(parts: tuple) -> None:
    model, processor, examples = parts
    prepare(model, Stage("all", 1, 1e-5, 2))
    for rows in ((0, 1), (2, 5)):  # the second batch has no sound: the tower must take part all the same
        model.zero_grad(set_to_none=True)
        model(**collate(processor, [examples[i] for i in rows])).loss.backward()
        with_gradient = {name for name, p in model.named_parameters() if p.grad is not None}
        assert with_gradient == {name for name, p in model.named_parameters() if p.requires_grad}
        moved = float(model.model.audio_tower.conv1.weight.grad.abs().max())
        assert (moved > 0) == (rows == (0, 1))
    assert not any("visual" in name for name in with_gradient)
    model.zero_grad(set_to_none=True)


def test_the_silence_of_a_batch_without_sound_changes_nothing(parts: tuple) -> None:
    model, processor, examples = parts
    batch = collate(processor, [examples[2], examples[5]])
    assert (batch["input_ids"] != processor.audio_token_id).all()
    without = {name: value for name, value in batch.items() if "feature" not in name}
    assert loss_of(model, batch) == loss_of(model, without)


def test_a_clip_that_would_be_cut_is_refused(parts: tuple) -> None:
    _, processor, examples = parts
    long = examples[0] | {"audio": [np.zeros(31 * SAMPLE_RATE, np.float32)]}
    with pytest.raises(EmotionThinkerError, match="31"):
        collate(processor, [long])


def test_both_stages_write_folders_that_the_app_loads(recipe: dict[str, Any], tiny_omni_folder: Path) -> None:
    recipe["stages"][0] |= {"epochs": 40, "learning_rate": 1e-2, "save_steps": 200}  # enough to learn the two words
    result = omni_sft.train(recipe)
    run = Path(recipe["output"])
    folders = (tiny_omni_folder, run / "stage-1" / "model", result)
    before, first, last = (load_file(folder / "model.safetensors") for folder in folders)
    assert before.keys() == first.keys() == last.keys()
    assert not any("use_cache" in json.loads((folder / "config.json").read_text(encoding="utf-8")) for folder in folders[1:])
    changed = {name for name in before if not torch.equal(before[name], first[name])}
    assert {"audio_tower.conv1.weight", "audio_tower.proj.weight", "model.embed_tokens.weight"} <= changed
    assert not any("visual" in name for name in changed)
    by_lora = {name for name in first if not torch.equal(first[name], last[name])}
    assert by_lora == {name for name in first if name.startswith("model.layers.") and name.endswith("_proj.weight")}
    assert (run / "adapter" / "adapter_model.safetensors").is_file()
    log = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    losses = [line["loss"] for line in log if "loss" in line]
    assert len(losses) == 120 + 6 and losses[-1] < losses[0] / 5
    assert sum("eval_loss" in line for line in log) == 42

    explainer = open_explainer(Settings.from_env({"ET_MODEL": str(result)}))
    assert explainer.style.name == "Tiny"
    answer = explainer.explain((synthetic_voice(), SAMPLE_RATE), transcript="", max_new_tokens=5)
    assert answer.model == "Tiny" and answer.prosody.duration_s == pytest.approx(1.5)
    record = {"audio_path": str(run / "examples" / "0.wav"), "duration_s": 0.5, "segments": [[0.0, 0.5]]}
    [reply] = ask(explainer, [Item("pitch", record, question("Which of low, normal or high?"), "low")])
    assert reply in ("low", "high")

    # Run again, it finds everything done and changes nothing.
    stamp = (result / "model.safetensors").stat().st_mtime_ns
    omni_sft.train(recipe)
    assert (result / "model.safetensors").stat().st_mtime_ns == stamp


def test_a_killed_run_ends_with_the_weights_of_one_that_was_not(recipe: dict[str, Any], tmp_path: Path,
                                                               monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    whole = load_file(omni_sft.train(recipe) / "model.safetensors")
    write_examples(tmp_path / "killed" / "examples")
    again = recipe | {"output": str(tmp_path / "killed")}

    class Killed(Exception):
        pass

    step_end, deaths = omni_sft.LogFile.on_step_end, iter([("stage 1", 3), ("stage 2", 5)])
    death = next(deaths)

    def die(self: Any, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if self.stage.startswith(death[0]) and state.global_step == death[1]:
            raise Killed
        step_end(self, args, state, control, **kwargs)

    monkeypatch.setattr(omni_sft.LogFile, "on_step_end", die)
    with pytest.raises(Killed):
        omni_sft.train(again)
    cut_off = tmp_path / "killed" / "stage-1" / "checkpoint-3"  # killed while it was written
    cut_off.mkdir()
    (cut_off / "model.safetensors").write_bytes(b"half")
    assert str(last_checkpoint(cut_off.parent)).endswith("checkpoint-2")
    death = next(deaths)
    with pytest.raises(Killed):
        omni_sft.train(again)
    death = ("", 0)
    resumed = load_file(omni_sft.train(again) / "model.safetensors")
    assert whole.keys() == resumed.keys()
    for name in whole:
        assert torch.equal(whole[name], resumed[name]), name


def test_mistakes_in_a_recipe_are_told_in_a_sentence(recipe: dict[str, Any]) -> None:
    stage = recipe["stages"][0]
    for change, words in (
        ({"stages": [stage | {"train": "some"}]}, "all"),
        ({"stages": [stage | {"rate": 1}]}, "rate"),
        ({"stages": []}, "no stages"),
        ({"output": recipe["output"] + "/nothing"}, "base_tasks"),
    ):
        with pytest.raises(EmotionThinkerError, match=words):
            omni_sft.train(recipe | change)
    with pytest.raises(EmotionThinkerError, match="saved_dtype"):
        omni_sft.train({name: value for name, value in recipe.items() if name != "saved_dtype"})


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_recipes_can_be_read(name: str) -> None:
    recipe = sft.read_recipe(RECIPES / name)
    assert recipe["kind"] == "omni" and set(recipe) >= KEYS
    first, second = (Stage.from_recipe(values) for values in recipe["stages"])
    assert (first.train, first.epochs, second.train, second.epochs) == ("all", 1, "lora", 2)
    shares = shares_of(recipe["data"]["shares"])
    assert shares["text"] == shares["asr"] == 0.2
    assert all(Sources(**recipe["data"][split]).examples > 0 for split in ("train", "dev"))


@pytest.mark.parametrize("name", ["accelerate-1gpu.yaml", "accelerate-8gpu-zero2.yaml", "accelerate-8gpu-zero3.yaml"])
def test_accelerate_takes_its_settings(name: str) -> None:
    from accelerate.commands.config.config_args import load_config_from_file

    config = load_config_from_file(str(RECIPES / name))
    assert config.num_processes in (1, 8)
    deepspeed = (config.deepspeed_config or {}).get("deepspeed_config_file")
    if deepspeed:
        assert json.loads((RECIPES.parents[1] / deepspeed).read_text())["zero_optimization"]["stage"] == 3


def test_a_checkpoint_that_lacks_a_tensor_is_refused(tiny_folder: Path, tmp_path: Path) -> None:
    import shutil

    from safetensors.torch import load_file, save_file

    from training.nano import load_thinker
    from training.resuming_trainer import read_weights

    broken = tmp_path / "checkpoint-1"
    shutil.copytree(tiny_folder, broken)
    weights = load_file(broken / "model.safetensors")
    del weights[next(name for name in weights if "self_attn.q_proj.weight" in name)]
    save_file(weights, broken / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(EmotionThinkerError, match="checkpoint-1 lacks weights"):
        read_weights(load_thinker(tiny_folder), broken)
