"""EmotionThinker-Nano: the published model's class with a small configuration, its tokenizer and its folder.

The audio tower has the sizes of the Whisper encoder it starts from (tiny.en: 4 layers of 384); the decoder is small and
starts from nothing; the tokenizer is a byte-level BPE trained on what the model is to read and write.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from emotionthinker.manifest import check_manifest, write_manifest
from emotionthinker.processor import SPECIAL_TOKENS as PUBLISHED_TOKENS
from training.resumable import new_folder

SPECIAL_TOKENS = {**PUBLISHED_TOKENS, "im_start_token": "<|im_start|>"}
CHAT_TOKENS = ["<|endoftext|>", "<|im_end|>"]


def tower_config(whisper: dict[str, torch.Tensor], output_dim: int = 256) -> Any:
    """Audio tower configuration with the sizes of these Whisper encoder tensors (`whisper_tower.read_whisper_encoder`)."""
    from transformers.models.qwen2_5_omni.configuration_qwen2_5_omni import Qwen2_5OmniAudioEncoderConfig

    d_model, n_mels = whisper["conv1.weight"].shape[:2]
    return Qwen2_5OmniAudioEncoderConfig(
        num_mel_bins=n_mels,
        d_model=d_model,
        encoder_layers=len({name.split(".")[1] for name in whisper if name.startswith("layers.")}),
        encoder_attention_heads=d_model // 64,  # Whisper's heads are 64 wide in every size
        encoder_ffn_dim=whisper["layers.0.fc1.weight"].shape[0],
        n_window=300,  # 2 × 300 mel frames of 10 ms: attention within 6 s
        output_dim=output_dim,
    )


def build_tokenizer(texts: Iterable[str], vocab_size: int) -> Any:
    """Byte-level BPE of `vocab_size` entries (special tokens included) trained on `texts`, as a Qwen2Tokenizer."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import Qwen2Tokenizer

    special = CHAT_TOKENS + list(SPECIAL_TOKENS.values())
    bpe = Tokenizer(models.BPE())
    # Qwen2's own splitting, so that the trained merges are the ones its tokenizer will apply.
    bpe.pre_tokenizer = Qwen2Tokenizer(vocab={}, merges=[]).backend_tokenizer.pre_tokenizer
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size - len(special),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(texts, trainer)
    model = json.loads(bpe.to_str())["model"]
    return Qwen2Tokenizer(
        vocab=model["vocab"],
        merges=[tuple(pair) for pair in model["merges"]],
        unk_token=None,
        pad_token="<|endoftext|>",
        eos_token="<|im_end|>",
        extra_special_tokens=SPECIAL_TOKENS,
    )


def check_labels_are_single_tokens(tokenizer: Any, labels: Iterable[str]) -> None:
    """Raises ValueError unless each label, as written after `<answer> `, is one token of its own."""
    ids = [tuple(tokenizer.encode(" " + label, add_special_tokens=False)) for label in labels]
    if any(len(i) != 1 for i in ids) or len(set(ids)) != len(ids):
        raise ValueError(
            f"labels must be one distinct token each, got {dict(zip(labels, ids, strict=True))}; enlarge the vocabulary"
        )


def build_thinker(whisper: dict[str, torch.Tensor], tokenizer: Any, decoder: dict[str, int]) -> Any:
    """A Qwen2_5OmniThinkerForConditionalGeneration with Whisper's encoder in its tower and a fresh decoder.

    decoder: `hidden_size, layers, heads, kv_heads, ffn_size` of the text model.
    """
    from transformers import Qwen2_5OmniThinkerConfig, Qwen2_5OmniThinkerForConditionalGeneration

    from training.whisper_tower import load_into_tower

    hidden = decoder["hidden_size"]
    head_dim = hidden // decoder["heads"]
    token_id = tokenizer.convert_tokens_to_ids
    sections = [
        head_dim // 2 - 2 * (head_dim * 3 // 16),
        head_dim * 3 // 16,
        head_dim * 3 // 16,
    ]  # as 16, 24, 24 of 128
    config = Qwen2_5OmniThinkerConfig(
        audio_config=tower_config(whisper, output_dim=hidden).to_dict(),
        vision_config={  # the class always builds a vision tower; this one is never used and as small as it gets
            "depth": 1, "hidden_size": 32, "intermediate_size": 32, "num_heads": 2, "out_hidden_size": hidden,
            "fullatt_block_indexes": [0], "patch_size": 4, "spatial_merge_size": 1,
        },
        text_config={
            "vocab_size": len(tokenizer),
            "hidden_size": hidden,
            "intermediate_size": decoder["ffn_size"],
            "num_hidden_layers": decoder["layers"],
            "num_attention_heads": decoder["heads"],
            "num_key_value_heads": decoder["kv_heads"],
            "max_position_embeddings": 4096,
            "rope_parameters": {"rope_type": "default", "rope_theta": 10_000.0, "mrope_section": sections},
            "tie_word_embeddings": True,
            "bos_token_id": None,
            "eos_token_id": token_id("<|im_end|>"),
            "pad_token_id": token_id("<|endoftext|>"),
        },
        audio_token_index=token_id("<|AUDIO|>"),
        image_token_index=token_id("<|IMAGE|>"),
        video_token_index=token_id("<|VIDEO|>"),
        vision_start_token_id=token_id("<|vision_bos|>"),
        vision_end_token_id=token_id("<|vision_eos|>"),
        audio_start_token_id=token_id("<|audio_bos|>"),
        audio_end_token_id=token_id("<|audio_eos|>"),
        user_token_id=tokenizer.encode("user", add_special_tokens=False)[0],
        tie_word_embeddings=True,
    )  # fmt: skip
    model = Qwen2_5OmniThinkerForConditionalGeneration._from_config(config, attn_implementation="eager")
    load_into_tower(audio_tower(model), whisper)
    model.generation_config.eos_token_id = token_id("<|im_end|>")
    model.generation_config.pad_token_id = token_id("<|endoftext|>")
    return model


def load_thinker(folder: str | Path) -> Any:
    """The thinker of a model folder, in float32, to train on from there. Raises ModelNotFound where a file is damaged."""
    from transformers import Qwen2_5OmniThinkerForConditionalGeneration

    check_manifest(folder, Path(folder).name)
    return Qwen2_5OmniThinkerForConditionalGeneration.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")


def audio_tower(thinker: Any) -> torch.nn.Module:
    """The audio tower inside a thinker."""
    return thinker.model.audio_tower


def forget_trainer(config: Any) -> None:
    """Take `use_cache: false` out of a thinker's config: transformers' Trainer sets it there for its own passes, and a folder that
    says so would have others write every token from the start again. What the text config says of it stays."""
    vars(config).pop("use_cache", None)


def save_folder(thinker: Any, processor: Any, style: Any, folder: Path, dtype: torch.dtype = torch.float16) -> None:
    """Write a folder that `EmotionThinker.from_pretrained` loads: weights, processor, `emotionthinker.json`, and their hashes.

    What was there is replaced only once all of it is written. Raises DiskError.
    """
    forget_trainer(thinker.config)
    with new_folder(folder) as new:
        (thinker if thinker.dtype == dtype else copy.deepcopy(thinker).to(dtype)).save_pretrained(new)
        processor.save_pretrained(new)
        (new / "emotionthinker.json").write_text(
            json.dumps(asdict(style), indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
        )
        write_manifest(new)
