"""What all tests share: no network, and a tiny random model in the layouts that Qwen2.5-Omni is published in."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

# Before transformers is imported anywhere: a test that reaches for the model hub is a mistake and must say so at once.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.setdefault("OMP_NUM_THREADS", "1")  # two OpenMP threads collapse beside other work
for name in ("ET_MODEL", "ET_ENDPOINT", "ET_API_KEY", "ET_DEVICE", "ET_4BIT", "ET_DTYPE"):
    os.environ.pop(name, None)  # a developer's own settings must not decide what is tested

import numpy as np  # noqa: E402
import pytest  # noqa: E402

SAMPLE_RATE = 16_000
TEXT_SIZE = 32  # hidden size of the tiny decoder; the audio tower's output_dim must equal it
TRAINING_TEXT = [
    "<think> The voice is high and loud, the pace is fast. </think><answer> angry </answer>",
    "neutral, happy, sad, angry, contempt or disgust, confused, whisper, surprise, fear",
    "What is the emotion expressed in this audio clip? Please choose one from the following options:",
]


def synthetic_voice(duration_s: float = 1.5, f0_hz: float = 160.0, seed: int = 0) -> np.ndarray:
    """A buzz with the harmonics and the syllable rhythm of a voice: (n,) float32 at 16 kHz, peak 0.3."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(duration_s * SAMPLE_RATE)) / SAMPLE_RATE
    phase = 2 * np.pi * f0_hz * (t + 0.05 * np.sin(2 * np.pi * t))
    wave = sum(np.sin(k * phase) / k for k in range(1, 20))
    wave = wave * (0.55 + 0.45 * np.sin(2 * np.pi * 4 * t)) + 0.01 * rng.normal(size=len(t))
    return (0.3 * wave / np.abs(wave).max()).astype(np.float32)


def make_tokenizer() -> Any:
    """A byte-level BPE of ~600 tokens with Qwen2.5-Omni's special tokens."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import Qwen2Tokenizer

    from emotionthinker.processor import SPECIAL_TOKENS

    specials = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *SPECIAL_TOKENS.values()]
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=600,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=specials,
        show_progress=False,
    )
    bpe.train_from_iterator(TRAINING_TEXT * 4, trainer)
    model = json.loads(bpe.to_str())["model"]
    tokenizer = Qwen2Tokenizer(
        vocab=model["vocab"],
        merges=[tuple(pair) for pair in model["merges"]],
        eos_token="<|im_end|>",
        extra_special_tokens=SPECIAL_TOKENS,
    )
    tokenizer.add_tokens(["<|im_start|>", "<|im_end|>"], special_tokens=True)
    return tokenizer


def thinker_config(tokenizer: Any) -> dict[str, Any]:
    """Keyword arguments of a `Qwen2_5OmniThinkerConfig` with ~0.1 M parameters."""
    return {
        "audio_config": {
            "num_mel_bins": 80,
            "d_model": 16,
            "encoder_layers": 1,
            "encoder_attention_heads": 2,
            "encoder_ffn_dim": 32,
            "output_dim": TEXT_SIZE,
        },
        "vision_config": {
            "depth": 1,
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_heads": 2,
            "out_hidden_size": TEXT_SIZE,
            "fullatt_block_indexes": [0],
        },
        "text_config": {
            "vocab_size": len(tokenizer),
            "hidden_size": TEXT_SIZE,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "num_key_value_heads": 1,
            "max_position_embeddings": 4096,
            "rope_parameters": {"rope_type": "default", "rope_theta": 10_000.0, "mrope_section": [2, 3, 3]},
            "pad_token_id": tokenizer.pad_token_id,
            "eos_token_id": tokenizer.eos_token_id,
        },
        "audio_token_index": tokenizer.convert_tokens_to_ids("<|AUDIO|>"),
        "image_token_index": tokenizer.convert_tokens_to_ids("<|IMAGE|>"),
        "video_token_index": tokenizer.convert_tokens_to_ids("<|VIDEO|>"),
        "audio_start_token_id": tokenizer.convert_tokens_to_ids("<|audio_bos|>"),
        "audio_end_token_id": tokenizer.convert_tokens_to_ids("<|audio_eos|>"),
        # Not a field of the class, but published configs hold it and generate() reads it.
        "vision_start_token_id": tokenizer.convert_tokens_to_ids("<|vision_bos|>"),
        "tie_word_embeddings": True,
    }


def save_processor(folder: Path, tokenizer: Any, chunk_length: int = 30) -> None:
    from transformers import WhisperFeatureExtractor

    from emotionthinker.processor import build_processor

    extractor = WhisperFeatureExtractor(feature_size=80, chunk_length=chunk_length)
    build_processor(extractor, tokenizer).save_pretrained(folder)


def make_thinker_folder(folder: Path) -> Path:
    """The thinker's own layout, as the embedded model is saved: weights named `model.…`."""
    import torch
    from transformers import Qwen2_5OmniThinkerConfig, Qwen2_5OmniThinkerForConditionalGeneration

    tokenizer = make_tokenizer()
    torch.manual_seed(0)
    model = Qwen2_5OmniThinkerForConditionalGeneration(Qwen2_5OmniThinkerConfig(**thinker_config(tokenizer)))
    model.save_pretrained(folder)
    save_processor(folder, tokenizer)
    return folder


@pytest.fixture(scope="session")
def tiny_omni_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random thinker of ~0.1 M parameters with processor, in the thinker layout. Its replies are noise."""
    return make_thinker_folder(tmp_path_factory.mktemp("tiny-omni"))


@pytest.fixture
def voice() -> np.ndarray:
    """1.5 s of a synthetic voice at 160 Hz."""
    return synthetic_voice()
