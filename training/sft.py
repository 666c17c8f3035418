"""Supervised fine-tuning of EmotionThinker-Nano: labels in, a folder that the app can load out.

    python -m training.sft --recipe training/recipes/nano-sft.yaml [--key value …]

Stages, each resumed where it stopped: log-mels are cached; the audio tower (Whisper's encoder) is fine-tuned on emotion
and measured cues (`tower_training`); a tokenizer is trained on the texts; projection and decoder learn to explain
(`decoder_training`). `OUTPUT/model` is the result, `OUTPUT/log.jsonl` the kept log.

Any key of the recipe can be given on the command line (`--output DIR`, `--whisper FOLDER`, `--decoder_recipe.epochs 3`).

A recipe of `kind: omni` fine-tunes a whole thinker instead (`training.omni_sft`).
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from emotionthinker.errors import EmotionThinkerError
from emotionthinker.processor import build_processor, load_processor
from training.corpora import require_trainable
from training.decoder_training import DecoderRecipe, train_decoder
from training.hearing import Margins, choose_margins
from training.mel import Augmentation, MelCache
from training.nano import audio_tower, build_thinker, build_tokenizer, check_labels_are_single_tokens, load_thinker, save_folder
from training.resumable import new_file, writing
from training.sentences import sentence_pool
from training.tasks import TaskMix, make_example, nano_style
from training.tower_training import Heads, TowerRecipe, train_tower
from training.whisper_tower import read_whisper_encoder


def read_records(path: str | Path, labels: Sequence[str], need_speech: bool = True) -> list[dict]:
    """Label records of a JSONL whose emotion is one of `labels`, in the file's order; without speech only if asked for.

    Raises EmotionThinkerError when the file is missing or holds none.
    """
    if not Path(path).is_file():
        raise EmotionThinkerError(
            f"There is no label file {path}; make it with training.corpora and training.label_prosody."
        )
    with open(path, encoding="utf-8") as file:
        records = [json.loads(line) for line in file if line.strip()]
    records = [r for r in records if r["emotion"] in labels and (r["segments"] or not need_speech)]
    if not records:
        raise EmotionThinkerError(f"{path} holds no clip with speech and one of the labels {', '.join(labels)}.")
    return records


def read_recipe(path: str | Path, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """A recipe file with `--key value` overrides; `--a.b value` reaches into a group. Raises for a key it does not hold."""
    recipe = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    if len(overrides) % 2:
        raise EmotionThinkerError(f"{overrides[-1]} has no value; write --key value.")
    for key, value in zip(overrides[::2], overrides[1::2], strict=True):
        *groups, name = key.removeprefix("--").split(".")
        place = recipe
        for group in groups:
            place = place.get(group) if isinstance(place, dict) else None
        known = isinstance(place, dict) and (groups or name in place)
        if not key.startswith("--") or not known:
            raise EmotionThinkerError(f"{key} is not in {path}; its keys are {', '.join(recipe)}.")
        place[name] = yaml.safe_load(value)
    return recipe


class Log:
    """Lines of JSON, kept in a file and shown as they come."""

    def __init__(self, path: Path):
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self.file = path.open("a", encoding="utf-8")
        self.started = time.time()

    def __call__(self, line: dict) -> None:
        text = json.dumps({"at_s": round(time.time() - self.started)} | line)
        with writing(Path(self.file.name)):
            print(text, file=self.file, flush=True)
        print(text, flush=True)


def train(recipe: dict[str, Any]) -> Path:
    """Run every stage of the recipe that is not done yet. Returns the model folder."""
    torch.set_num_threads(recipe["threads"])
    folder = Path(recipe["output"])
    log = Log(folder / "log.jsonl")
    style = nano_style(recipe["max_audio_s"], recipe["bandwidth_hz"])
    labels = style.labels
    train_set, dev_set = read_records(recipe["train"], labels), read_records(recipe["dev"], labels)
    require_trainable(train_set)
    shared = {r["speaker"] for r in train_set} & {r["speaker"] for r in dev_set}
    if shared:
        raise EmotionThinkerError(
            f"Speakers {', '.join(sorted(shared)[:5])} are in train and dev; keep each on one side."
        )
    log({"stage": "start", "train": len(train_set), "dev": len(dev_set), "recipe": recipe})

    mels = MelCache(folder / "train_mel", train_set, style.max_audio_s, style.bandwidth_hz)
    dev_mels = MelCache(folder / "dev_mel", dev_set, style.max_audio_s, style.bandwidth_hz)
    whisper = None if recipe["start"] else read_whisper_encoder(recipe["whisper"])  # a model to start from brings its tower
    pool = sentence_pool(recipe["sentences"], seed=0, split="train")
    mix = TaskMix(**recipe["mix"])
    if whisper is None:
        load_processor(recipe["start"]).save_pretrained(folder / "processor")
    elif not (folder / "processor").exists():  # kept, so that a resumed decoder meets the tokens it has learned
        built = build_nano_processor(train_set, labels, style, pool, mix, recipe["vocab_size"], whisper)
        with new_file(folder / "processor") as new:
            built.save_pretrained(new)
    processor = load_processor(folder / "processor")

    decoder_recipe = DecoderRecipe(**recipe["decoder_recipe"])
    torch.manual_seed(decoder_recipe.seed)
    if whisper is None:
        thinker = load_thinker(recipe["start"])
    else:
        thinker = build_thinker(whisper, processor.tokenizer, recipe["decoder"])
    thinker = thinker.to("cuda" if torch.cuda.is_available() else "cpu")
    tower = audio_tower(thinker)
    heads = Heads(tower.config.d_model, len(labels)).to(thinker.device)
    for i, stage in enumerate(recipe["tower_stages"], start=1):
        settings = dict(stage)
        augmentation = Augmentation(**settings.pop("augmentation", {}))
        train_tower(
            tower, heads, mels, train_set, dev_mels, dev_set, labels, TowerRecipe(**settings), augmentation,
            style.bandwidth_hz, folder / f"tower_{i}.pt", log,
        )  # fmt: skip

    from emotionthinker.prosody.levels import Reference

    reference = Reference.from_file()
    if not (folder / "margins.json").exists():
        choose_margins(tower, heads, dev_mels, dev_set, reference, log).save(folder / "margins.json")
    margins = Margins.from_file(folder / "margins.json")

    def look(epoch: int) -> None:
        if recipe["look_at"] and (epoch % 2 == 0 or epoch == decoder_recipe.epochs):
            from training.evaluate import quick_score

            save_folder(thinker, processor, style, folder / "model")
            step = max(1, len(dev_set) // recipe["look_at"])
            log({"stage": "decoder", "epoch": epoch} | quick_score(thinker, processor, style, dev_set[::step]))

    train_decoder(
        thinker, processor, mels, train_set, labels, style, pool, heads, margins, reference, decoder_recipe, mix,
        Augmentation(**recipe["decoder_augmentation"]), folder, log, look,
    )  # fmt: skip
    save_folder(thinker, processor, style, folder / "model")
    log({"stage": "done", "model": str(folder / "model")})
    return folder / "model"


def build_nano_processor(
    records: Sequence[dict], labels: Sequence[str], style: Any, pool: Sequence[str], mix: TaskMix, vocab_size: int, whisper: dict
) -> Any:  # fmt: skip
    """Tokenizer trained on examples of these records (deterministic), with Whisper's feature extractor."""
    from transformers import WhisperFeatureExtractor

    rng = np.random.default_rng(0)
    texts: list[str] = list(pool[:3000])
    for i in rng.permutation(len(records))[:6000]:
        example = make_example(records[i], labels, style, pool, mix, rng, "train")
        texts += [part["text"] for m in example.messages for part in m["content"] if part["type"] == "text"]
        texts += [example.reply] * 2
    texts += ["system user assistant"] * 50 + [f"<answer> {label} </answer>" for label in labels] * 200
    tokenizer = build_tokenizer(texts, vocab_size)
    check_labels_are_single_tokens(tokenizer, labels)
    extractor = WhisperFeatureExtractor(feature_size=whisper["conv1.weight"].shape[1], chunk_length=30)
    return build_processor(extractor, tokenizer)


def main(argv: Sequence[str] | None = None) -> int:
    """Train by a recipe; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", required=True, help="recipe file (training/recipes)")
    args, overrides = parser.parse_known_args(argv)
    try:
        recipe = read_recipe(args.recipe, overrides)
        if recipe.get("kind") == "omni":
            from training.omni_sft import train as train_omni

            train_omni(recipe)
        else:
            train(recipe)
    except EmotionThinkerError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
