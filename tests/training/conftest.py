"""A small labelled corpus and a tiny Whisper, so that training runs whole and for real in seconds."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

SAMPLE_RATE = 16_000
LABELS = ("neutral", "happy", "sad", "angry", "disgust", "fear")


@pytest.fixture(scope="session")
def whisper_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights in transformers' Whisper layout: 2 layers of 128."""
    from transformers import WhisperConfig, WhisperModel

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("whisper")
    config = WhisperConfig(
        d_model=128, encoder_layers=2, decoder_layers=1, encoder_attention_heads=2, decoder_attention_heads=2,
        encoder_ffn_dim=256, decoder_ffn_dim=64, vocab_size=64, num_mel_bins=80, pad_token_id=0, bos_token_id=1,
        eos_token_id=2, decoder_start_token_id=1, begin_suppress_tokens=None,
    )  # fmt: skip
    WhisperModel(config).save_pretrained(folder)
    return folder


def label_record(audio_path: Path, i: int, duration_s: float) -> dict:
    """A label record as training.label_prosody writes it, its measured values made up."""

    def level(value: float, unit: str, percentile: float, names: tuple[str, str, str]) -> dict:
        name = names[0] if percentile < 33 else names[2] if percentile > 67 else names[1]
        return {"value": value, "unit": unit, "level": name, "percentile": percentile, "z": 0.0, "reference": "test"}

    share = (i % 5) * 22.0 + 6
    return {
        "audio_path": str(audio_path), "emotion": LABELS[i % 6], "transcription": "Maybe tomorrow it will be cold.",
        "dataset": "made-up", "speaker": f"speaker_{i % 4}", "sex": ("female", "male")[i % 2], "split": "train",
        "votes": {LABELS[i % 6]: 6, LABELS[(i + 1) % 6]: 3}, "segments": [[0.1, duration_s - 0.1]],
        "f0_reliable": True, "f0_median_hz": 150.0 + 4 * i, "f0_range_st": 6.0, "energy_dbfs": -20.0, "articulation_rate_pps": 11.0,
        "intonation": "falling", "gender": ("Female", "Male")[i % 2], "pauses": [], "stressed_words": [],
        "levels": {
            "pitch": level(150.0 + 4 * i, "Hz", share, ("low", "normal", "high")),
            "energy": level(-20.0, "dBFS", 100 - share, ("low", "normal", "high")),
            "speed": level(11.0, "phones/s", share, ("slow", "normal", "fast")),
            "range": level(6.0, "st", 100 - share, ("narrow", "normal", "wide")),
        },
    }  # fmt: skip


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Label files "train" (12 clips) and "dev" (6 clips of other speakers) of short synthetic sounds."""
    import soundfile

    folder = tmp_path_factory.mktemp("corpus")
    rng = np.random.default_rng(0)
    files = {}
    for split, n in (("train", 12), ("dev", 6)):
        records = []
        for i in range(n):
            duration_s = 0.8 + 0.05 * i
            t = np.arange(round(duration_s * SAMPLE_RATE)) / SAMPLE_RATE
            sound = 0.1 * np.sign(np.sin(2 * np.pi * (150 + 4 * i) * t)) + rng.normal(0, 0.01, len(t))
            path = folder / f"{split}_{i}.wav"
            soundfile.write(path, sound.astype(np.float32), SAMPLE_RATE)
            record = label_record(path, i, duration_s)
            records.append(record | {"split": split, "speaker": f"{split}_{record['speaker']}"})
        files[split] = folder / f"{split}.jsonl"
        files[split].write_text("".join(json.dumps(r) + "\n" for r in records), encoding="utf-8")
    return files


@pytest.fixture
def recipe(corpus: dict[str, Path], whisper_folder: Path, tmp_path: Path) -> dict:
    """The shipped recipe, shrunk."""
    from training.sft import read_recipe

    shipped = read_recipe(Path(__file__).parents[2] / "training" / "recipes" / "nano-sft.yaml")
    return shipped | {
        "train": str(corpus["train"]), "dev": str(corpus["dev"]), "output": str(tmp_path / "run"), "whisper": str(whisper_folder),
        "threads": 1, "vocab_size": 900, "sentences": 50, "look_at": 0,
        "decoder": {"hidden_size": 64, "layers": 1, "heads": 2, "kv_heads": 1, "ffn_size": 64},
        "tower_stages": [{"epochs": 1, "batch_size": 4, "bfloat16": False}] * 2,
        "decoder_recipe": {"epochs": 2, "batch_size": 4, "copy_steps": 20, "copy_batch": 2, "bfloat16": False},
    }  # fmt: skip


@pytest.fixture(scope="session")
def tiny_folder(corpus: dict[str, Path], whisper_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A thinker of random weights in the layout of a trained one, with Nano's prompts and a tokenizer of 900 tokens."""
    from training.nano import build_thinker, save_folder
    from training.sentences import sentence_pool
    from training.sft import build_nano_processor
    from training.tasks import NANO_LABELS, TaskMix, nano_style
    from training.whisper_tower import read_whisper_encoder

    style = nano_style(12.0, 5500)
    records = [json.loads(line) for line in corpus["train"].read_text(encoding="utf-8").splitlines()]
    whisper = read_whisper_encoder(str(whisper_folder))
    processor = build_nano_processor(records, NANO_LABELS, style, sentence_pool(50, 0, "train"), TaskMix(), 900, whisper)
    torch.manual_seed(0)
    sizes = {"hidden_size": 64, "layers": 2, "heads": 2, "kv_heads": 1, "ffn_size": 96}
    thinker = build_thinker(whisper, processor.tokenizer, sizes)
    folder = tmp_path_factory.mktemp("tiny") / "model"
    save_folder(thinker, processor, style, folder)
    return folder


@pytest.fixture(scope="session")
def tuples(corpus: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """What the commands before this one write: explanations and tuples of both sides of the small corpus."""
    from training import augment_cot, reward_data

    folder = tmp_path_factory.mktemp("tuples")
    files = {}
    for split in ("train", "dev"):
        cot, out = folder / f"{split}.cot.jsonl", folder / f"{split}.tuples.jsonl"
        assert augment_cot.main(["--input_path", str(corpus[split]), "--output_path", str(cot)]) == 0
        assert reward_data.main(["--input_path", str(cot), "--output_path", str(out), "--without", "words_scrambled"]) == 0
        files[f"{split}.cot"], files[split] = cot, out
    unseen = folder / "dev.unseen.jsonl"
    assert reward_data.main(["--input_path", str(files["dev.cot"]), "--output_path", str(unseen), "--only", "words_scrambled"]) == 0
    return files | {"unseen": unseen}
