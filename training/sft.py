"""Supervised fine-tuning of EmotionThinker-Nano: labels in, a folder that the app can load out.

    python -m training.sft --recipe training/recipes/nano-sft.yaml [--key value …]

Stages, each resumed where it stopped: log-mels are cached; the audio tower (Whisper's encoder) is fine-tuned on emotion
and measured cues (`tower_training`); a tokenizer is trained on the texts; projection and decoder learn to explain
(`decoder_training`). `OUTPUT/model` is the result, `OUTPUT/log.jsonl` the kept log.

Any key of the recipe can be given on the command line (`--output DIR`, `--whisper FOLDER`, `--decoder_recipe.epochs 3`).

A recipe of `kind: omni` fine-tunes a whole thinker instead (`training.omni_sft`).
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from emotionthinker.errors import EmotionThinkerError
from emotionthinker.processor import build_processor, load_processor
from training.corpora import require_trainable
from training.decoder_training import DecoderRecipe, train_decoder
from training.hearing import Margins, choose_margins
from training.mel import Augmentation, MelCache
from training.nano import audio_tower, build_thinker, build_tokenizer, check_labels_are_single_tokens, load_thinker, save_folder
from training.recipe import read_recipe as read_recipe
from training.recipe import settings
from training.resumable import append_line, cut_lines, new_file, read_rows, writing
from training.sentences import sentence_pool
from training.tasks import TaskMix, make_example, nano_style
from training.tower_training import Heads, TowerRecipe, train_tower
from training.whisper_tower import read_whisper_encoder

KEYS = {
    "train", "dev", "output", "whisper", "start", "threads", "max_audio_s", "bandwidth_hz", "vocab_size", "sentences", "decoder",
    "tower_stages", "decoder_recipe", "decoder_augmentation", "mix", "look_at",
}  # fmt: skip


def read_records(path: str | Path, labels: Sequence[str], need_speech: bool = True) -> list[dict]:
    """Label records of a JSONL whose emotion is one of `labels`, in the file's order; without speech only if asked for.

    Raises EmotionThinkerError when the file is missing, holds a line that is no label record, or none with such a label.
    """
    if not Path(path).is_file():
        raise EmotionThinkerError(
            f"There is no label file {path}; make it with training.corpora and training.label_prosody."
        )
    records = read_rows(Path(path))
    for record in records:
        if not {"emotion", "segments", "speaker", "levels"} <= set(record):
            raise EmotionThinkerError(f"{record['audio_path']} in {path} has no labels, no emotion or no speaker; make the file "
                                      "with training.corpora and training.label_prosody.")  # fmt: skip
    records = [r for r in records if r["emotion"] in labels and (r["segments"] or not need_speech)]
    if not records:
        raise EmotionThinkerError(f"{path} holds no clip with speech and one of the labels {', '.join(labels)}.")
    return records


class Log:
    """Lines of JSON, kept in a file and shown as they come.

    Where a run goes on, what the stopped one wrote after its checkpoint gives way: before the first line of a stage, those of the
    same stage from that epoch or step on are cut. Raises DiskError.
    """

    def __init__(self, path: Path):
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        self.path, self.started = path, time.time()
        self._begun: set[tuple[str, str]] = set()

    def __call__(self, line: dict) -> None:
        for counter in ("step", "epoch"):
            if counter in line and (line["stage"], counter) not in self._begun:
                self._begun.add((line["stage"], counter))
                self._cut(line["stage"], counter, line[counter])
        known = {"at_s": round(time.time() - self.started)} | line
        append_line(self.path, known)
        print(json.dumps(known), flush=True)

    def _cut(self, stage: str, counter: str, first: int) -> None:
        cut_lines(self.path, lambda row: row.get("stage") != stage or counter not in row or row[counter] < first)


def train(recipe: dict[str, Any]) -> Path:
    """Run every stage of the recipe that is not done yet. Returns the model folder. Raises EmotionThinkerError."""
    if missing := sorted(KEYS - set(recipe)):
        raise EmotionThinkerError(f"The recipe lacks {', '.join(missing)}; training/recipes/nano-sft.yaml has every key.")
    mix = settings(TaskMix, recipe["mix"], "mix")
    augmentation = settings(Augmentation, recipe["decoder_augmentation"], "decoder_augmentation")
    decoder_recipe = settings(DecoderRecipe, recipe["decoder_recipe"], "decoder_recipe")
    tower_stages = [_tower_stage(number, stage) for number, stage in enumerate(recipe["tower_stages"], 1)]
    torch.set_num_threads(recipe["threads"])
    folder = Path(recipe["output"])
    log = Log(folder / "log.jsonl")
    style = nano_style(recipe["max_audio_s"], recipe["bandwidth_hz"])
    labels = style.labels
    train_set, dev_set = read_records(recipe["train"], labels), read_records(recipe["dev"], labels)
    require_trainable(train_set)
    require_trainable(dev_set, also=["dev"])  # epochs and margins are chosen on them
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
    if whisper is None:
        load_processor(recipe["start"]).save_pretrained(folder / "processor")
    elif not (folder / "processor").exists():  # kept, so that a resumed decoder meets the tokens it has learned
        built = build_nano_processor(train_set, labels, style, pool, mix, recipe["vocab_size"], whisper)
        with new_file(folder / "processor") as new:
            built.save_pretrained(new)
    processor = load_processor(folder / "processor")

    torch.manual_seed(decoder_recipe.seed)
    if whisper is None:
        thinker = load_thinker(recipe["start"])
    else:
        thinker = build_thinker(whisper, processor.tokenizer, recipe["decoder"])
    thinker = thinker.to("cuda" if torch.cuda.is_available() else "cpu")
    tower = audio_tower(thinker)
    heads = Heads(tower.config.d_model, len(labels)).to(thinker.device)
    for number, (tower_recipe, tower_augmentation) in enumerate(tower_stages, 1):
        train_tower(
            tower, heads, mels, train_set, dev_mels, dev_set, labels, tower_recipe, tower_augmentation, style.bandwidth_hz,
            folder / f"tower_{number}.pt", log,
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
        augmentation, folder, log, look,
    )  # fmt: skip
    save_folder(thinker, processor, style, folder / "model")
    log({"stage": "done", "model": str(folder / "model")})
    return folder / "model"


def _tower_stage(number: int, stage: dict[str, Any]) -> tuple[TowerRecipe, Augmentation]:
    given, where = dict(stage), f"No. {number} of tower_stages"
    augmentation = settings(Augmentation, given.pop("augmentation", {}), f"The augmentation of no. {number} of tower_stages")
    return settings(TowerRecipe, given, where), augmentation


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
    from training.run_log import run_recipe

    def any_kind(recipe: dict[str, Any]) -> Path:
        if recipe.get("kind") == "omni":
            from training.omni_sft import train as train_omni

            return train_omni(recipe)
        return train(recipe)

    return run_recipe(argv, __doc__, any_kind)


if __name__ == "__main__":
    sys.exit(main())
