"""Supervised training end to end on a small corpus: it runs, resumes exactly, and what it writes loads and speaks."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file

from emotionthinker.errors import EmotionThinkerError
from emotionthinker.prompt import PromptStyle, messages
from training import sft
from training.decoder_training import collate, reply_logits
from training.mel import MelCache, Shift, whisper_scale
from training.nano import audio_tower, build_thinker
from training.sentences import dictionary_words, sentence_pool
from training.tasks import NANO_LABELS, Example, TaskMix, make_example, nano_style, shifted_record
from training.tower_training import tower_states
from training.whisper_tower import read_whisper_encoder


@pytest.fixture
def parts(recipe: dict, tmp_path: Path) -> tuple:
    """Fresh thinker, processor, records, mels and style of the small corpus."""
    style = nano_style(12.0, 5500)
    records = sft.read_records(recipe["train"], NANO_LABELS)
    whisper = read_whisper_encoder(recipe["whisper"])
    pool = sentence_pool(50, 0, "train")
    processor = sft.build_nano_processor(records, NANO_LABELS, style, pool, TaskMix(), 900, whisper)
    torch.manual_seed(0)
    thinker = build_thinker(whisper, processor.tokenizer, recipe["decoder"]).eval()
    return thinker, processor, records, MelCache(tmp_path / "mel", records, 12.0, 5500), style, pool


def test_training_path_and_the_thinkers_own_forward_agree(parts: tuple) -> None:
    """The shortcut behind the tower must see what the model sees at work: logits of every reply token, and the loss."""
    thinker, processor, records, mels, style, pool = parts
    rng = np.random.default_rng(3)
    examples = [make_example(r, NANO_LABELS, style, pool, TaskMix(), rng, "train") for r in records[:3]]
    scaled = [whisper_scale(mels[i]) for i in range(3)]
    states = tower_states(audio_tower(thinker), scaled)
    batch = collate(processor, examples, [len(s) for s in states], decisive_weight=1.0, stated_weight=1.0, quoted_weight=1.0)
    with torch.no_grad():
        logits, goal, _ = reply_logits(thinker, states, batch)
        frames = max(m.shape[1] for m in scaled)
        features = torch.zeros(3, 80, frames)
        mask = torch.zeros(3, frames, dtype=torch.long)
        for i, mel in enumerate(scaled):
            features[i, :, : mel.shape[1]] = torch.from_numpy(mel)
            mask[i, : mel.shape[1]] = 1
        full = thinker(
            input_ids=batch["ids"], attention_mask=(batch["ids"] != processor.tokenizer.pad_token_id).long(),
            input_features=features, feature_attention_mask=mask,
        ).logits  # fmt: skip
    expected = full[batch["targets"] != -100]
    assert len(goal) == len(expected) > 100
    assert torch.allclose(logits, expected, atol=1e-3)


def test_the_weighted_tokens_are_the_tone_and_the_answer(parts: tuple) -> None:
    _, processor, records, _, style, pool = parts
    mix = TaskMix(describe=0.0, quick=0.0)
    for record in records:
        example = make_example(record, NANO_LABELS, style, pool, mix, np.random.default_rng(0), "train")
        batch = collate(processor, [example], [20], decisive_weight=4.0, stated_weight=1.0, quoted_weight=1.0)
        weighted = batch["targets"][0][batch["weights"][0] == 4.0]
        tone, label = example.decisive
        assert label == record["emotion"]
        assert processor.tokenizer.decode(weighted) == f" {tone} {label}"
        assert example.reply.index(tone) < example.reply.index("<answer>")


def test_what_states_a_cue_is_weighted_and_the_wording_is_not(parts: tuple) -> None:
    _, processor, _, _, style, _ = parts
    reply = '<think> The low pitch of this man goes with the words "a loud bang". </think><answer> sad </answer>'
    example = Example("emotion", messages(style, NANO_LABELS, "a loud bang"), reply, ("sad",))
    batch = collate(processor, [example], [20], decisive_weight=4.0, stated_weight=2.0, quoted_weight=3.0)
    weighted = batch["targets"][0][batch["weights"][0] == 2.0]
    assert processor.tokenizer.decode(weighted).split() == ["low", "pitch", "man"]
    quoted = batch["targets"][0][batch["weights"][0] == 3.0]
    assert processor.tokenizer.decode(quoted) == 'a loud bang".'  # with the stop that shares the last token


def test_asked_for_the_emotion_at_once_it_names_nothing_else(parts: tuple) -> None:
    _, processor, records, _, style, pool = parts
    mix = TaskMix(describe=0.0, quick=1.0)
    example = make_example(records[3], NANO_LABELS, style, pool, mix, np.random.default_rng(0), "train")
    assert example.reply == f"<answer> {records[3]['emotion']} </answer>"
    assert "Name the emotion at once" in example.messages[1]["content"][1]["text"]
    batch = collate(processor, [example], [20], decisive_weight=4.0, stated_weight=1.0, quoted_weight=1.0)
    assert processor.tokenizer.decode(batch["targets"][0][batch["weights"][0] == 4.0]) == f" {records[3]['emotion']}"


def test_training_writes_a_model_that_loads_and_learns(recipe: dict) -> None:
    from emotionthinker.thinker import EmotionThinker

    folder = sft.train(recipe)
    log = [json.loads(line) for line in (Path(recipe["output"]) / "log.jsonl").read_text().splitlines()]
    losses = [line["loss"] for line in log if line["stage"] == "decoder" and "epoch" in line]
    assert len(losses) == 2
    assert losses[1] < losses[0]
    assert PromptStyle.from_folder(folder).labels == NANO_LABELS
    assert all(t.dtype == torch.float16 for t in load_file(folder / "model.safetensors").values())
    loaded = EmotionThinker.from_pretrained(folder)
    assert loaded.style.name == "EmotionThinker-Nano"
    clip = json.loads(Path(recipe["dev"]).read_text().splitlines()[0])["audio_path"]
    assert loaded.explain(clip, transcript="", max_new_tokens=5).model == "EmotionThinker-Nano"


def test_stopped_twice_it_goes_on_to_the_same_weights_and_logs_each_step_once(
    recipe: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = sft.train(recipe | {"output": str(tmp_path / "whole")})

    class Stopped(Exception):
        pass

    stops = [("copying", "step", 20), ("decoder", "epoch", 1)]

    def stop_once(self: sft.Log, line: dict) -> None:
        keep(self, line)
        if any(line["stage"] == stage and line.get(counter) == at for stage, counter, at in stops[:1]):
            stops.pop(0)
            raise Stopped

    keep = sft.Log.__call__
    monkeypatch.setattr(sft.Log, "__call__", stop_once)
    while stops:
        with pytest.raises(Stopped):
            sft.train(recipe | {"output": str(tmp_path / "halves")})
    monkeypatch.undo()
    resumed = sft.train(recipe | {"output": str(tmp_path / "halves")})
    a, b = load_file(whole / "model.safetensors"), load_file(resumed / "model.safetensors")
    assert all(torch.equal(a[name], b[name]) for name in a)
    log = [json.loads(line) for line in (tmp_path / "halves" / "log.jsonl").read_text().splitlines()]
    counted = [(line["stage"], counter, line[counter]) for line in log for counter in ("step", "epoch") if counter in line]
    assert len(counted) == len(set(counted)) and ("copying", "step", 20) in counted  # that line was written twice, and cut once
    assert [line["stage"] for line in log].count("start") == 3


def test_it_trains_on_from_a_model_folder_and_leaves_the_tower(recipe: dict, tmp_path: Path) -> None:
    first = sft.train(recipe)
    only_heads = {"epochs": 1, "batch_size": 4, "learning_rate": 0.0, "frozen_layers": 2, "bfloat16": False}
    second = sft.train(recipe | {"output": str(tmp_path / "more"), "start": str(first), "tower_stages": [only_heads]})
    before, after = (load_file(folder / "model.safetensors") for folder in (first, second))
    in_tower = [name for name in before if "audio_tower" in name and ".proj." not in name]
    assert all(torch.equal(before[name], after[name]) for name in in_tower)
    assert any(not torch.equal(before[name], after[name]) for name in before if name not in in_tower)
    assert (first / "tokenizer.json").read_bytes() == (second / "tokenizer.json").read_bytes()


def test_evaluation_only_clips_are_refused(recipe: dict, tmp_path: Path) -> None:
    rows = [json.loads(line) for line in Path(recipe["train"]).read_text().splitlines()]
    file = tmp_path / "ravdess.jsonl"
    file.write_text("".join(json.dumps(r | {"dataset": "ravdess", "split": "eval-only"}) + "\n" for r in rows))
    with pytest.raises(EmotionThinkerError):
        sft.train(recipe | {"train": str(file)})


def test_a_speaker_on_both_sides_is_refused(recipe: dict) -> None:
    with pytest.raises(EmotionThinkerError, match="train and dev"):
        sft.train(recipe | {"dev": recipe["train"]})


RECIPES = Path(__file__).parents[2] / "training" / "recipes"


def test_recipe_overrides() -> None:
    path = RECIPES / "nano-sft.yaml"
    recipe = sft.read_recipe(path, ["--threads", "1", "--decoder_recipe.epochs", "3"])
    assert (recipe["threads"], recipe["decoder_recipe"]["epochs"]) == (1, 3)
    with pytest.raises(EmotionThinkerError, match="treads"):
        sft.read_recipe(path, ["--treads", "1"])


def test_a_key_is_put_into_an_empty_group_and_a_mistyped_one_into_none() -> None:
    path = RECIPES / "nano-grpo.yaml"
    given = ["--rooms.tilt_db", "3", "--rooms.noise_share", "0.5", "--reasoning.model", "m", "--lora.rank", "4"]
    recipe = sft.read_recipe(path, given)
    assert recipe["rooms"] == {"tilt_db": 3, "noise_share": 0.5}
    assert (recipe["reasoning"]["model"], recipe["reasoning"]["counted"], recipe["lora"]) == ("m", True, {"rank": 4})
    for wrong in ("--reasoning.modle", "--schedule.windw", "--k.x", "--none.x", "-k", "k"):
        with pytest.raises(EmotionThinkerError, match=rf"^{wrong} is not in .*nano-grpo\.yaml; ") as caught:
            sft.read_recipe(path, [wrong, "1"])
        assert "\n" not in str(caught.value)
    with pytest.raises(EmotionThinkerError, match="its keys of schedule are window, threshold, hysteresis"):
        sft.read_recipe(path, ["--schedule.windw", "1"])


def test_what_is_wrong_with_a_recipe_is_one_sentence(recipe: dict, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "recipe.yaml"

    def said(text: str | None, *flags: str) -> str:
        if text is not None:
            file.write_text(text, encoding="utf-8")
        assert sft.main(["--recipe", str(file), *flags]) == 2
        error = capsys.readouterr().err
        [line] = [part for part in error.splitlines() if part and "Loading weights" not in part]  # a bar of transformers
        return line

    assert "cannot be read" in said(None)
    assert "cannot be read" in said("a: [")
    assert "holds no keys" in said("- a\n")
    assert "holds no keys" in said("")
    whole = yaml.safe_dump(recipe)
    assert "is no YAML" in said(whole, "--threads", "[")
    assert "--threads has no value" in said(whole, "--threads")
    assert "lacks look_at, mix;" in said(yaml.safe_dump({k: v for k, v in recipe.items() if k not in ("mix", "look_at")}))
    assert "unexpected keyword argument 'epoch'" in said(yaml.safe_dump(recipe | {"decoder_recipe": {"epoch": 3}}))
    assert "No. 1 of tower_stages" in said(yaml.safe_dump(recipe | {"tower_stages": [{"epoch": 3}]}))
    assert f"The recipe {file} lacks decoder.heads;" in said(yaml.safe_dump(recipe | {"decoder": {"hidden_size": 64}}))
    assert "lacks output" in said("kind: x\n")
    broken = tmp_path / "cut.jsonl"
    broken.write_text(Path(recipe["train"]).read_text()[:-20], encoding="utf-8")
    assert f"Line 12 of {broken}" in said(whole, "--train", str(broken))


def test_clips_for_choosing_are_not_trained_on_and_those_for_evaluation_choose_nothing(recipe: dict, tmp_path: Path) -> None:
    with pytest.raises(EmotionThinkerError, match="split dev"):
        sft.train(recipe | {"train": recipe["dev"]})
    rows = [json.loads(line) for line in Path(recipe["dev"]).read_text().splitlines()]
    file = tmp_path / "ravdess.jsonl"
    file.write_text("".join(json.dumps(r | {"dataset": "ravdess", "split": "eval-only"}) + "\n" for r in rows))
    with pytest.raises(EmotionThinkerError, match="none of RAVDESS"):
        sft.train(recipe | {"dev": str(file)})


def test_labels_move_with_the_sound(parts: tuple) -> None:
    from emotionthinker.prosody.levels import Reference

    reference = Reference.from_file()
    low, high = reference.level("energy", -25.0).cuts or (0, 0)
    record = parts[2][0]
    record = record | {"levels": record["levels"] | {"energy": record["levels"]["energy"] | {"value": (low + high) / 2}}}
    assert shifted_record(record, Shift(gain_db=0.0), reference)["levels"]["energy"]["level"] == "normal"
    assert shifted_record(record, Shift(gain_db=high - low), reference)["levels"]["energy"]["level"] == "high"
    assert shifted_record(record, Shift(gain_db=low - high), reference)["levels"]["energy"]["level"] == "low"
    pitch = shifted_record(record, Shift(pitch_st=12.0), reference)["levels"]["pitch"]
    assert pitch["value"] == pytest.approx(2 * record["levels"]["pitch"]["value"])


def test_replaced_words_are_quoted_and_the_clips_own_are_not(parts: tuple) -> None:
    _, _, records, _, style, _ = parts
    mix = TaskMix(describe=0.0, quick=0.0, own_transcript=0.0, no_transcript=0.0)
    example = make_example(records[0], NANO_LABELS, style, ["Purple kettles sing."], mix, np.random.default_rng(0), "train")
    assert "Purple kettles sing" in example.reply
    assert "tomorrow" not in example.reply
    assert example.reply.endswith(f"<answer> {records[0]['emotion']} </answer>")


def test_fewer_labels_keep_the_right_one(parts: tuple) -> None:
    _, _, records, _, style, pool = parts
    rng = np.random.default_rng(0)
    for record in records:
        example = make_example(record, NANO_LABELS, style, pool, TaskMix(describe=0.0, quick=0.0, fewer_labels=1.0), rng, "train")
        offered = example.messages[1]["content"][1]["text"].split("Choose from: ")[1].split(".")[0].split(", ")
        assert record["emotion"] in offered
        assert 2 <= len(offered) < 6


@pytest.mark.parametrize("split", ["train", "dev"])
@pytest.mark.parametrize("mark", [r"\w-\w", r"\w's ", r"\d", r"\w, "])
def test_some_sentences_hold_what_transcripts_hold_besides_words(split: str, mark: str) -> None:
    pool = sentence_pool(500, 0, split)
    share = sum(bool(re.search(mark, sentence)) for sentence in pool) / len(pool)
    assert 0.01 < share < 0.2


def test_sentence_pools_share_no_dictionary_word() -> None:
    assert not set(dictionary_words("train")) & set(dictionary_words("dev"))
    assert sentence_pool(20, 0, "train") == sentence_pool(20, 0, "train")
    assert not set(sentence_pool(500, 0, "train")) & set(sentence_pool(500, 0, "dev"))
