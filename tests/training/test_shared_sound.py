"""Rows with the same sound cost one pass of the audio tower, and nothing else changes."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import Qwen2_5OmniThinkerForConditionalGeneration

from emotionthinker.loading import read_style
from emotionthinker.processor import load_processor
from emotionthinker.prompt import messages
from training.clip_inputs import ClipInputs, right_padded
from training.resumable import read_rows
from training.shared_sound import share_sound

ORDER = (0, 0, 0, 1, 2, 2, 0)  # clips of the rows: four runs of three clips


@pytest.fixture
def thinker(tiny_folder: Path) -> Any:
    return Qwen2_5OmniThinkerForConditionalGeneration.from_pretrained(tiny_folder, dtype=torch.float32).eval()


@pytest.fixture
def batch(tiny_folder: Path, corpus: dict[str, Path]) -> dict[str, torch.Tensor]:
    inputs, style = ClipInputs(load_processor(tiny_folder), read_style(str(tiny_folder))[0]), read_style(str(tiny_folder))[0]
    clips = [record for record in read_rows(corpus["train"]) if record["segments"]]
    shortest, longest = min(clips, key=_frames(inputs)), max(clips, key=_frames(inputs))
    assert _frames(inputs)(shortest) < _frames(inputs)(longest)
    records = [(longest, shortest, clips[1])[i] for i in ORDER]
    rows = [inputs.prompt_ids(messages(style, style.labels, ""), record) for record in records]
    return {"input_ids": right_padded(rows, 0), "attention_mask": right_padded([[1] * len(row) for row in rows], 0),
            **inputs.features(records)}  # fmt: skip


def _frames(inputs: ClipInputs) -> Any:
    return lambda record: inputs.mel(record)[0].shape[1]


def heard_clips(thinker: Any) -> list[int]:
    """Filled with the number of clips of each pass of the tower. To be asked for after `share_sound`: hooks run in their order."""
    seen: list[int] = []
    tower = thinker.model.audio_tower
    tower.register_forward_pre_hook(lambda module, args, kwargs: seen.append(len(kwargs["feature_lens"])), with_kwargs=True)
    return seen


def test_it_says_the_same_with_fewer_passes(thinker: Any, batch: dict[str, torch.Tensor]) -> None:
    with torch.no_grad():
        before = thinker(**batch).logits
        share_sound(thinker)
        share_sound(thinker)  # a second time changes nothing
        seen = heard_clips(thinker)
        after = thinker(**batch).logits
        single = {name: tensor[3:4] for name, tensor in batch.items()}
        thinker(**single)
    assert seen == [4, 1]
    inside = batch["attention_mask"].bool()
    assert (before[inside] - after[inside]).abs().max() < 1e-4
    assert (before[0] - before[3])[: int(inside[3].sum())].abs().max() > 1e-4  # the clips can be told apart


def test_gradients_are_those_of_all_rows(thinker: Any, batch: dict[str, torch.Tensor]) -> None:
    def gradient() -> torch.Tensor:
        thinker.zero_grad()
        thinker(**batch).logits[batch["attention_mask"].bool()].logsumexp(-1).sum().backward()
        return torch.cat([p.grad.flatten() for p in thinker.model.audio_tower.layers.parameters() if p.grad is not None])

    before = gradient()
    assert before.abs().max() > 0
    share_sound(thinker)
    after = gradient()
    assert (before - after).norm() < 1e-4 * before.norm()


def test_a_copy_shares_with_its_own_tower(thinker: Any, batch: dict[str, torch.Tensor]) -> None:
    share_sound(thinker)
    other = copy.deepcopy(thinker)
    with torch.no_grad():
        for parameter in other.model.audio_tower.parameters():
            parameter.mul_(0.5)
        mine, its = thinker(**batch).logits, other(**batch).logits
    assert (mine - its).abs().max() > 1e-3
