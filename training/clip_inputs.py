"""What a thinker is given of a clip and of a text about it, as log-mels and token ids, the same as at work.

The reward model and GRPO-PTR train on whole replies to real clips. Both ask here, so that a clip is cut, filtered and turned into
frames exactly as the app does it (`listening`, the model's own processor), and each clip is read once while it is in the cache.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from emotionthinker.audio import load_clip
from emotionthinker.errors import EmotionThinkerError
from emotionthinker.listening import choose_span, hear
from emotionthinker.prompt import PromptStyle

KEPT_CLIPS = 8192  # log-mels in memory: about 100 kB for 3 s of sound
# The samples of a whole clip, and its path -> those that are heard instead.
View = Callable[[np.ndarray, str], np.ndarray]


class ClipInputs:
    """Log-mels and prompt ids for one processor and prompt style; remembers the clips it was asked for last."""

    def __init__(self, processor: Any, style: PromptStyle, kept: int = KEPT_CLIPS, view: View | None = None) -> None:
        self.processor, self.style, self.kept, self.view = processor, style, kept, view
        self._clips: OrderedDict[str, tuple[torch.Tensor, int]] = OrderedDict()

    def seen(self, view: View) -> ClipInputs:
        """The same with every clip changed by `view`, once for as long as the result is kept."""
        return ClipInputs(self.processor, self.style, self.kept, view)

    def mel(self, record: Mapping[str, Any]) -> tuple[torch.Tensor, int]:
        """Log-mel (mel bins, frames) of what the model hears of a clip, and how many audio tokens that is.

        record: with `audio_path` and `segments`. Raises EmotionThinkerError where no speech was found in the clip.
        """
        path = str(record["audio_path"])
        if path in self._clips:
            self._clips.move_to_end(path)
            return self._clips[path]
        if not record.get("segments"):
            raise EmotionThinkerError(
                f"{path} has no speech, or its record no segments; label it with training.label_prosody first."
            )
        clip = load_clip(path)
        span = choose_span(record["segments"], clip.duration_s, self.style.max_audio_s)
        whole = clip.samples if self.view is None else self.view(clip.samples, path)
        samples = hear(whole, span, self.style.bandwidth_hz)
        with torch.autocast("cpu", enabled=False):  # a log-mel is one of float32, whatever a model around it computes in
            made = self.processor(text=[self.processor.audio_token], audio=[samples], return_tensors="pt")
        frames = int(made["feature_attention_mask"].sum())
        entry = made["input_features"][0, :, :frames], int((made["input_ids"] == self.processor.audio_token_id).sum())
        self._clips[path] = entry
        while len(self._clips) > self.kept:
            self._clips.popitem(last=False)
        return entry

    def features(self, records: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
        """`input_features` (clips, mel bins, frames) and `feature_attention_mask` (clips, frames), padded on the right."""
        mels = [self.mel(record)[0] for record in records]
        longest = max(mel.shape[1] for mel in mels)
        features = torch.zeros(len(mels), mels[0].shape[0], longest)
        mask = torch.zeros(len(mels), longest, dtype=torch.long)
        for i, mel in enumerate(mels):
            features[i, :, : mel.shape[1]] = mel
            mask[i, : mel.shape[1]] = 1
        return {"input_features": features, "feature_attention_mask": mask}

    def prompt_ids(self, chat: Sequence[Mapping[str, Any]], record: Mapping[str, Any]) -> list[int]:
        """Ids of a chat with one audio part up to where the reply begins, a placeholder for each audio token of the clip."""
        text = self.processor.apply_chat_template(list(chat), tokenize=False, add_generation_prompt=True)
        text = text.replace(self.processor.audio_token, self.processor.audio_token * self.mel(record)[1])
        return self.processor.tokenizer.encode(text, add_special_tokens=False)

    def reply_ids(self, text: str) -> list[int]:
        """Ids of a text that stands in a reply. What looks like a control token in it stays plain text."""
        return self.processor.tokenizer.encode(text, add_special_tokens=False, split_special_tokens=True)


def right_padded(rows: Sequence[Sequence[int]], value: int) -> torch.Tensor:
    """Rows of different lengths as one tensor (rows, longest), filled up with `value`."""
    out = torch.full((len(rows), max(map(len, rows))), value)
    for i, row in enumerate(rows):
        out[i, : len(row)] = torch.tensor(row)
    return out
