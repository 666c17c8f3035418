"""Whisper's encoder read from both layouts gives, inside the Omni tower, what transformers' own Whisper gives."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from emotionthinker.errors import ModelNotFound
from training.whisper_tower import read_whisper_encoder, tower_difference


def write_ctranslate2(weights: dict[str, torch.Tensor], path: Path) -> None:
    """The layout that CTranslate2's converter writes, version 6, with q, k and v stacked."""
    tensors = {
        "encoder/position_encodings/encodings": weights["embed_positions.weight"],
        "encoder/layer_norm/gamma": weights["layer_norm.weight"],
        "encoder/layer_norm/beta": weights["layer_norm.bias"],
    }
    for name in ("conv1", "conv2"):
        for part in ("weight", "bias"):
            tensors[f"encoder/{name}/{part}"] = weights[f"{name}.{part}"]
    for i in range(2):
        ours, theirs = f"layers.{i}", f"encoder/layer_{i}"
        for part, norm in (("weight", "gamma"), ("bias", "beta")):
            attention = f"{ours}.self_attn"
            query = weights[f"{attention}.q_proj.{part}"]
            key = weights.get(f"{attention}.k_proj.{part}", torch.zeros_like(query))
            tensors[f"{theirs}/self_attention/linear_0/{part}"] = torch.cat([query, key, weights[f"{attention}.v_proj.{part}"]])
            tensors[f"{theirs}/self_attention/linear_1/{part}"] = weights[f"{attention}.out_proj.{part}"]
            tensors[f"{theirs}/ffn/linear_0/{part}"] = weights[f"{ours}.fc1.{part}"]
            tensors[f"{theirs}/ffn/linear_1/{part}"] = weights[f"{ours}.fc2.{part}"]
            tensors[f"{theirs}/self_attention/layer_norm/{norm}"] = weights[f"{ours}.self_attn_layer_norm.{part}"]
            tensors[f"{theirs}/ffn/layer_norm/{norm}"] = weights[f"{ours}.final_layer_norm.{part}"]

    def text(value: str) -> bytes:
        raw = value.encode() + b"\0"
        return struct.pack("<H", len(raw)) + raw

    with path.open("wb") as file:
        file.write(struct.pack("<I", 6) + text("WhisperSpec") + struct.pack("<II", 3, len(tensors)))
        for name, tensor in tensors.items():
            data = tensor.numpy().astype(np.float32).tobytes()
            file.write(text(name) + struct.pack("<B", tensor.dim()) + struct.pack(f"<{tensor.dim()}I", *tensor.shape))
            file.write(struct.pack("<BI", 0, len(data)) + data)


def noise(seconds: float) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.1, round(16_000 * seconds)).astype(np.float32)


def test_tower_hears_what_whisper_hears(whisper_folder: Path) -> None:
    difference = tower_difference(read_whisper_encoder(whisper_folder), noise(7))
    assert difference["frames"] < 1e-4
    assert 1e-4 < difference["pooled"] < 0.5  # the price of pooling before ln_post is there, and small


def test_both_layouts_give_the_same_tensors(whisper_folder: Path, tmp_path: Path) -> None:
    weights = read_whisper_encoder(whisper_folder)
    write_ctranslate2(weights, tmp_path / "model.bin")
    again = read_whisper_encoder(tmp_path)
    assert again.keys() == weights.keys()
    assert all(torch.equal(again[name], weights[name]) for name in weights)


def test_a_damaged_tower_is_noticed(whisper_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import training.whisper_tower as module

    def load_damaged(tower: torch.nn.Module, weights: dict[str, torch.Tensor]) -> None:
        other = weights["layers.1.self_attn.q_proj.weight"]
        load(tower, weights | {"layers.0.self_attn.q_proj.weight": other})

    weights = read_whisper_encoder(whisper_folder)
    sound = tower_difference(weights, noise(7))["frames"]
    load = module.load_into_tower
    monkeypatch.setattr(module, "load_into_tower", load_damaged)
    assert tower_difference(weights, noise(7))["frames"] > 20 * sound


def test_a_folder_without_weights_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match=r"model\.bin"):
        read_whisper_encoder(tmp_path)
