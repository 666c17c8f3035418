"""Read Whisper's encoder from a folder and put it into a Qwen2.5-Omni audio tower.

Qwen2.5-Omni's audio tower grew from Whisper's encoder, so the tensors fit name for name once the tower is configured
with Whisper's sizes (`n_window=300`: one attention window of 6 s; at the default of 100 it would no longer be Whisper).
The one difference is that the tower averages pairs of frames *before* `ln_post`, which fine-tuning absorbs.

Check a source against transformers' own Whisper encoder on one clip:
    python -m training.whisper_tower --source FOLDER_OR_ID --clip CLIP
"""

from __future__ import annotations

import argparse
import struct
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch

from emotionthinker.errors import ModelNotFound

# CTranslate2's type ids (ctranslate2/specs/model_spec.py); Whisper files use these three.
CT2_DTYPES = {0: np.float32, 1: np.int8, 4: np.float16}
CT2_VERSION = 6


def read_whisper_encoder(source: str | Path) -> dict[str, torch.Tensor]:
    """Whisper's encoder tensors, float32, under transformers' names (`conv1.weight`, `layers.0.self_attn.q_proj.weight`, …).

    source: a CTranslate2 folder (holds model.bin), a transformers folder, or a model id on the hub.
    Raises ModelNotFound when the folder holds neither layout.
    """
    folder = Path(source)
    if (folder / "model.bin").is_file():
        return _from_ctranslate2(read_ctranslate2(folder / "model.bin"))
    from transformers import WhisperModel

    try:
        encoder = WhisperModel.from_pretrained(str(source), dtype=torch.float32).encoder
    except OSError as error:
        raise ModelNotFound(
            f"No Whisper weights in {str(source)!r}; give a CTranslate2 folder (with model.bin), "
            "a folder in transformers' layout, or a model id."
        ) from error
    return dict(encoder.state_dict())


def read_ctranslate2(path: Path) -> dict[str, np.ndarray]:
    """All tensors of a CTranslate2 model file, version 6: a header, then name, shape, type and bytes one after another."""
    with path.open("rb") as file:
        (version,) = struct.unpack("<I", file.read(4))
        if version != CT2_VERSION:
            raise ModelNotFound(f"{path.name} has CTranslate2 version {version}; version {CT2_VERSION} is read here.")
        _read_text(file)  # name of the model class
        _revision, n_tensors = struct.unpack("<II", file.read(8))
        tensors = {}
        for _ in range(n_tensors):
            name = _read_text(file)
            (rank,) = struct.unpack("<B", file.read(1))
            shape = struct.unpack(f"<{rank}I", file.read(4 * rank))
            type_id, n_bytes = struct.unpack("<BI", file.read(5))
            data = file.read(n_bytes)
            if type_id in CT2_DTYPES:
                tensors[name] = np.frombuffer(data, CT2_DTYPES[type_id]).reshape(shape)
    return tensors


def _read_text(file: BinaryIO) -> str:
    (length,) = struct.unpack("<H", file.read(2))
    return file.read(length).rstrip(b"\0").decode()


def _from_ctranslate2(tensors: dict[str, np.ndarray]) -> dict[str, torch.Tensor]:
    """Rename and split: linear_0 of self-attention holds q, k and v stacked; linear_1 is the output projection."""
    weights: dict[str, np.ndarray] = {
        "conv1.weight": tensors["encoder/conv1/weight"],
        "conv1.bias": tensors["encoder/conv1/bias"],
        "conv2.weight": tensors["encoder/conv2/weight"],
        "conv2.bias": tensors["encoder/conv2/bias"],
        "embed_positions.weight": tensors["encoder/position_encodings/encodings"],
        "layer_norm.weight": tensors["encoder/layer_norm/gamma"],
        "layer_norm.bias": tensors["encoder/layer_norm/beta"],
    }
    n_layers = sum(name.endswith("self_attention/linear_0/weight") for name in tensors if name.startswith("encoder/"))
    for i in range(n_layers):
        ours, theirs = f"layers.{i}", f"encoder/layer_{i}"
        for part in ("weight", "bias"):
            stacked = np.split(tensors[f"{theirs}/self_attention/linear_0/{part}"], 3)
            for name, tensor in zip("qkv", stacked, strict=True):
                weights[f"{ours}.self_attn.{name}_proj.{part}"] = tensor
            weights[f"{ours}.self_attn.out_proj.{part}"] = tensors[f"{theirs}/self_attention/linear_1/{part}"]
            weights[f"{ours}.fc1.{part}"] = tensors[f"{theirs}/ffn/linear_0/{part}"]
            weights[f"{ours}.fc2.{part}"] = tensors[f"{theirs}/ffn/linear_1/{part}"]
            norm = {"weight": "gamma", "bias": "beta"}[part]
            weights[f"{ours}.self_attn_layer_norm.{part}"] = tensors[f"{theirs}/self_attention/layer_norm/{norm}"]
            weights[f"{ours}.final_layer_norm.{part}"] = tensors[f"{theirs}/ffn/layer_norm/{norm}"]
        # Whisper's keys have no bias; the stacked file holds zeros there, and both towers leave the parameter out.
        del weights[f"{ours}.self_attn.k_proj.bias"]
    return {name: torch.from_numpy(np.array(tensor, np.float32)) for name, tensor in weights.items()}


def load_into_tower(tower: torch.nn.Module, weights: dict[str, torch.Tensor]) -> None:
    """Copy Whisper's encoder into an Omni audio tower in place. `proj` and `audio_bos_eos_token`, which Whisper has not, stay.

    Raises RuntimeError from torch when a shape differs (the tower's config must carry Whisper's sizes).
    """
    renamed = {}
    for name, tensor in weights.items():
        if name == "embed_positions.weight":
            continue  # the tower computes the same sinusoids itself
        renamed[name.replace("layer_norm.", "ln_post.", 1) if name.startswith("layer_norm.") else name] = tensor
    missing, unexpected = tower.load_state_dict(renamed, strict=False)
    left = [name for name in missing if not name.startswith(("proj.", "audio_bos_eos_token", "positional_embedding"))]
    if left or unexpected:
        raise RuntimeError(f"tower and Whisper do not fit: missing {left}, unexpected {unexpected}")


def tower_difference(weights: dict[str, torch.Tensor], samples: np.ndarray) -> dict[str, float]:
    """Relative difference between tower and Whisper on 6 s of audio: of every frame, and of the pooled frames the decoder sees.

    samples: (n,) float32 at 16 kHz; cut or zero-padded to 6 s, one window of the tower. `frames` compares the states
    before pooling and should be rounding error; `pooled` is the price of averaging before instead of after `ln_post`.
    """
    from transformers import WhisperFeatureExtractor
    from transformers.models.qwen2_5_omni.modeling_qwen2_5_omni import Qwen2_5OmniAudioEncoder

    from training.nano import tower_config

    window = np.zeros(6 * 16_000, np.float32)
    window[: min(len(samples), len(window))] = samples[: len(window)]
    extractor = WhisperFeatureExtractor(feature_size=weights["conv1.weight"].shape[1], chunk_length=6)
    log_mel = torch.from_numpy(extractor(window, sampling_rate=16_000, return_tensors="np")["input_features"][0])

    tower = Qwen2_5OmniAudioEncoder._from_config(tower_config(weights), attn_implementation="eager").eval()
    load_into_tower(tower, weights)
    before_pool: list[torch.Tensor] = []
    tower.layers[-1].register_forward_hook(lambda module, args, output: before_pool.append(output[0]))
    tower.proj = torch.nn.Identity()
    with torch.no_grad():
        pooled = tower(log_mel, feature_lens=torch.tensor([log_mel.shape[1]])).last_hidden_state
        frames = tower.ln_post(before_pool[0])
        reference = whisper_encoder_output(weights, log_mel)
    reference_pooled = (reference[0::2] + reference[1::2]) / 2
    return {
        "frames": float((frames - reference).norm() / reference.norm()),
        "pooled": float((pooled - reference_pooled).norm() / reference_pooled.norm()),
    }


def whisper_encoder_output(weights: dict[str, torch.Tensor], log_mel: torch.Tensor) -> torch.Tensor:
    """transformers' own WhisperEncoder on log_mel (n_mels, T) -> (T // 2, d_model).

    It insists on an input as long as its positions, so these are cut to what T frames give.
    """
    from transformers import WhisperConfig
    from transformers.models.whisper.modeling_whisper import WhisperEncoder

    d_model, n_mels = weights["conv1.weight"].shape[:2]
    n_frames = log_mel.shape[1] // 2
    config = WhisperConfig(
        d_model=d_model, num_mel_bins=n_mels, encoder_attention_heads=d_model // 64, max_source_positions=n_frames,
        encoder_layers=len({name.split(".")[1] for name in weights if name.startswith("layers.")}),
        encoder_ffn_dim=weights["layers.0.fc1.weight"].shape[0],
    )  # fmt: skip
    encoder = WhisperEncoder(config).eval()
    encoder.load_state_dict(weights | {"embed_positions.weight": weights["embed_positions.weight"][:n_frames]})
    with torch.no_grad():
        return encoder(log_mel[None]).last_hidden_state[0]


def main() -> None:
    """Write Whisper's encoder as an audio tower."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", required=True, help="CTranslate2 folder, transformers folder or model id")
    parser.add_argument("--clip", required=True, help="any clip; 6 s of it are used")
    args = parser.parse_args()
    from emotionthinker.audio import load_clip

    for name, value in tower_difference(read_whisper_encoder(args.source), load_clip(args.clip).samples).items():
        print(f"{name:8s} relative difference {value:.2e}")


if __name__ == "__main__":
    main()
