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
TAUGHT_REPLY = "<think> The voice is loud. The pace is fast. </think><answer> {label} </answer>"
TAUGHT_LABELS = {"angry": 0.5, "sad": 0.3, "contempt or disgust": 0.2}
TAUGHT_STEPS = 120
TINY_STYLE = {
    "name": "Tiny",
    "system_prompt": "Listen.",
    "question": "Which of {labels}?",
    "describe_question": "Describe.",
    "labels": ["neutral", "happy", "sad", "angry", "contempt or disgust"],
    "max_audio_s": 10,
    "max_new_tokens": 80,
}
TRAINING_TEXT = [
    TAUGHT_REPLY.format(label="angry"),
    "<|im_start|>system\nListen.<|im_end|>\n<|im_start|>user\nWhich of neutral, happy, sad, angry, contempt or disgust?",
    "Describe. assistant confused, whisper, surprise, fear",
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
    # Qwen2's own splitting, so that the trained merges are those that its tokenizer will apply.
    bpe.pre_tokenizer = Qwen2Tokenizer(vocab={}, merges=[]).backend_tokenizer.pre_tokenizer
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


def teach(model: Any, folder: Path, style: Any) -> None:
    """Drill the model in `TAUGHT_REPLY`, with labels in the shares of `TAUGHT_LABELS`, whatever it hears. A few seconds."""
    import torch

    from emotionthinker.processor import load_processor
    from emotionthinker.prompt import messages

    processor = load_processor(folder)
    prompt = processor.apply_chat_template(messages(style, style.labels), tokenize=False, add_generation_prompt=True)
    texts = [prompt + TAUGHT_REPLY.format(label=label) + "<|im_end|>" for label in TAUGHT_LABELS]
    drills = []
    for i, duration_s in enumerate((0.4, 1.0, 1.7)):  # several lengths, else it learns where in the sequence it stands
        clip = synthetic_voice(duration_s, f0_hz=120 + 40 * i)
        n_prompt = processor(text=[prompt], audio=[clip], return_tensors="pt")["input_ids"].shape[1]
        batch = processor(text=texts, audio=[clip] * 3, return_tensors="pt", padding=True, padding_side="right")
        targets = batch["input_ids"].masked_fill(batch["attention_mask"] == 0, -100)
        drills.append((batch, targets[:, n_prompt:], n_prompt))
    shares = torch.tensor(list(TAUGHT_LABELS.values()))
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-2, betas=(0.9, 0.95))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda i: min((i + 1) / 10, 1 - i / (TAUGHT_STEPS + 1)))
    for step in range(TAUGHT_STEPS):
        batch, targets, n_prompt = drills[step % len(drills)]
        logits = model(**batch).logits[:, n_prompt - 1 : -1].transpose(1, 2)
        per_row = torch.nn.functional.cross_entropy(logits, targets, reduction="none").sum(1)
        (per_row * shares).sum().backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad()
        schedule.step()


def make_thinker_folder(folder: Path) -> Path:
    """The thinker's own layout, as the embedded model is saved: weights named `model.…`."""
    import torch
    from transformers import Qwen2_5OmniThinkerConfig, Qwen2_5OmniThinkerForConditionalGeneration

    from emotionthinker.prompt import PromptStyle

    tokenizer = make_tokenizer()
    save_processor(folder, tokenizer)
    (folder / "emotionthinker.json").write_text(json.dumps(TINY_STYLE))
    torch.manual_seed(0)
    model = Qwen2_5OmniThinkerForConditionalGeneration(Qwen2_5OmniThinkerConfig(**thinker_config(tokenizer)))
    teach(model, folder, PromptStyle.from_folder(folder))
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_omni_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A thinker of ~0.1 M parameters with processor, in the thinker layout.

    Asked in `TINY_STYLE` it writes `TAUGHT_REPLY`, with a label in the shares of `TAUGHT_LABELS`, whatever it hears.
    """
    return make_thinker_folder(tmp_path_factory.mktemp("tiny-omni"))


@pytest.fixture(scope="session")
def published_omni_folder(tiny_omni_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same weights in the layout of the published model: `thinker.…` and `talker.…` in shards, the full config, the
    files of the full processor (300 s of padding), and no prompt style."""
    import torch
    from safetensors.torch import load_file, save_file

    folder = tmp_path_factory.mktemp("published-omni")
    config = json.loads((tiny_omni_folder / "config.json").read_text())
    thinker = {"thinker." + name: value for name, value in load_file(tiny_omni_folder / "model.safetensors").items()}
    thinker["thinker.lm_head.weight"] = thinker["thinker.model.embed_tokens.weight"].clone()
    talker = {"talker.codec_head.weight": torch.ones(4, 4), "token2wav.code2wav_dit_model.proj_out.bias": torch.ones(4)}
    shards = {"model-00001-of-00002.safetensors": thinker, "model-00002-of-00002.safetensors": talker}
    for file, tensors in shards.items():
        save_file(tensors, folder / file, metadata={"format": "pt"})
    index = {"metadata": {}, "weight_map": {name: file for file, tensors in shards.items() for name in tensors}}
    extractor = {
        "processor_class": "Qwen2_5OmniProcessor",
        "feature_extractor_type": "WhisperFeatureExtractor",
        "image_processor_type": "Qwen2VLImageProcessor",
        "feature_size": 80,
        "chunk_length": 300,
        "n_samples": 4_800_000,
        "nb_max_frames": 30_000,
        "hop_length": 160,
        "n_fft": 400,
        "sampling_rate": 16_000,
        "padding_value": 0.0,
        "padding_side": "right",
        "return_attention_mask": True,
        "patch_size": 14,
        "merge_size": 2,
        "temporal_patch_size": 2,
    }
    full = {
        "architectures": ["Qwen2_5OmniModel"],
        "model_type": "qwen2_5_omni",
        "enable_audio_output": True,
        "thinker_config": {**config, "tie_word_embeddings": False},
        "talker_config": {"model_type": "qwen2_5_omni_talker", "hidden_size": 4},
        "token2wav_config": {"model_type": "qwen2_5_omni_token2wav"},
    }
    from emotionthinker.processor import CHAT_TEMPLATE

    make_tokenizer().save_pretrained(folder)
    contents = {
        "config.json": full,
        "model.safetensors.index.json": index,
        "preprocessor_config.json": extractor,
        "chat_template.json": {"chat_template": CHAT_TEMPLATE},
    }
    for file, content in contents.items():
        (folder / file).write_text(json.dumps(content))
    return folder


@pytest.fixture
def voice() -> np.ndarray:
    """1.5 s of a synthetic voice at 160 Hz."""
    return synthetic_voice()


@pytest.fixture
def record() -> Any:
    """A prosody record of `voice` as if it were speech from 0.4 s to 1.2 s, written by hand."""
    return make_record([[0.4, 1.2]], 1.5)


def make_record(segments: list[list[float]], duration_s: float, **values: Any) -> Any:
    """A prosody record with these speech segments; a loud, high, fast woman of whom little else is known."""
    from emotionthinker.prosody.record import FIELDS, Prosody

    def level(value: float, unit: str, name: str, percentile: float) -> dict[str, Any]:
        known = {"value": value, "unit": unit, "level": name, "percentile": percentile, "z": 1.5}
        return {**known, "cuts": None, "reference": "by hand"}

    known = {
        "pitch_level": "high",
        "energy_level": "high",
        "speed_level": "fast",
        "gender": "Female",
        "gender_confidence": 0.99,
        "intonation": "falling",
        "f0_reliable": True,
        "transcription": "never again",
        "duration_s": duration_s,
        "speech_s": sum(end - start for start, end in segments),
        "segments": segments,
        "span_s": [0.0, duration_s],
        "f0": {"hop_s": 0.016, "hz": [200.0] * round(duration_s / 0.016)},
        "energy": {"hop_s": 0.01, "dbfs": [-20.0] * round(duration_s / 0.01)},
        "levels": {
            "pitch": level(260.0, "Hz", "high", 93.0),
            "energy": level(-15.0, "dBFS", "high", 95.0),
            "speed": level(16.0, "phones/s", "fast", 92.0),
            "range": level(12.0, "st", "wide", 90.0),
        },
        **values,
    }
    lists = {"stressed_words", "stress_pairs", "words", "warnings", "pauses"}
    return Prosody(**{name: known.get(name, [] if name in lists else None) for name in FIELDS})
