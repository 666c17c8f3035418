"""Chat examples as batches for a Qwen2.5-Omni thinker: read, heard as at work, tokenised, and masked but for the reply.

Kept apart from the trainer, since everything that trains a thinker on chats needs the same. Stock collators drop the sound
(`input_features`, `feature_attention_mask`), and then nothing fails: the model only learns to guess from the text.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from emotionthinker.audio import SAMPLE_RATE, load_clip
from emotionthinker.errors import EmotionThinkerError
from emotionthinker.listening import choose_span, hear
from emotionthinker.prompt import PromptStyle
from training.clip_inputs import right_padded

IGNORED = -100  # label of a token that the loss leaves out
SILENCE_S = 0.2


class Examples(torch.utils.data.Dataset):
    """The lines of an examples file of `training.base_tasks`, each with its sound read when it is asked for.

    An item: `messages`, `reply`, and `audio`, a list of (n,) float32 at 16 kHz, one for each audio part of the messages.
    """

    def __init__(self, file: str | Path, style: PromptStyle):
        """Raises EmotionThinkerError where the file is missing or holds no example."""
        self.file, self.style = Path(file), style
        if not self.file.is_file():
            raise EmotionThinkerError(f"There is no file {file}; make it with `python -m training.base_tasks` and the same recipe.")
        with self.file.open(encoding="utf-8") as lines:
            self.rows = [json.loads(line) for line in lines if line.strip()]
        if not self.rows:
            raise EmotionThinkerError(f"{file} holds no example; make more with `python -m training.base_tasks`.")

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        row = self.rows[index]
        return {"messages": row["messages"], "reply": row["reply"], "audio": [self._sound(entry) for entry in row["audio"]]}

    def _sound(self, entry: dict[str, Any]) -> np.ndarray:
        clip = load_clip(self.file.parent / entry["path"])  # an absolute path stays itself
        span = choose_span(entry["segments"], clip.duration_s, self.style.max_audio_s)
        return hear(clip.samples, span, self.style.bandwidth_hz)


def collate(processor: Any, items: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
    """Items of `Examples` as what the thinker's forward takes, padded on the right.

    Returns `input_ids, attention_mask, labels` (batch, tokens); `input_features` (clips, mel bins, frames) and
    `feature_attention_mask` (clips, frames), the clips of the whole batch one after another. Labels are the reply and the token
    that ends it; everything else is `IGNORED`. Prompt and reply are tokenised apart, as the model meets them when it writes.

    A batch without sound gets one short silent clip that no token stands for. It changes no figure, but the audio tower takes part
    in every step: otherwise processes that share a model (DDP, ZeRO-3) wait for each other for ever.
    Raises EmotionThinkerError for a clip that is longer than the feature extractor can take: it would be cut silently.
    """
    prompts = [processor.apply_chat_template(item["messages"], tokenize=False, add_generation_prompt=True) for item in items]
    clips = [clip for item in items for clip in item["audio"]]
    longest, most = max((len(clip) for clip in clips), default=0), processor.feature_extractor.n_samples
    if longest > most:
        raise EmotionThinkerError(
            f"A clip has {longest / SAMPLE_RATE:.1f} s, and this model hears {most / SAMPLE_RATE:g} s at most: write that as "
            "max_audio_s into its emotionthinker.json, and make the examples again."
        )
    found = processor(text=prompts, audio=clips or None, padding=False)
    unpadded = found["input_ids"]
    end = [processor.tokenizer.convert_tokens_to_ids("<|im_end|>")]
    replies = [processor.tokenizer.encode(item["reply"], add_special_tokens=False) + end for item in items]
    pairs = list(zip(unpadded, replies, strict=True))
    ids = right_padded([[*prompt, *reply] for prompt, reply in pairs], processor.tokenizer.pad_token_id)
    labels = right_padded([[IGNORED] * len(prompt) + reply for prompt, reply in pairs], IGNORED)
    mask = right_padded([[1] * (len(prompt) + len(reply)) for prompt, reply in pairs], 0)
    if not clips:
        silence = np.zeros(round(SILENCE_S * SAMPLE_RATE), np.float32)
        found = processor(text=[processor.audio_token], audio=[silence])
    features = {name: torch.as_tensor(np.asarray(found[name])) for name in ("input_features", "feature_attention_mask")}
    return {"input_ids": ids, "attention_mask": mask, "labels": labels, **features}
