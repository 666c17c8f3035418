"""Audio and text in, tensors out: Qwen2.5-Omni's processor without its picture and video half.

The published processor loads an image and a video processor, and those need torchvision, although a listener never
sees a picture. `AudioProcessor` keeps the two parts that are used (Whisper's log-mel extractor and the Qwen2
tokenizer), reads any folder that the full processor wrote, and yields the same ids and features.

It differs from the published one in one point. That one pads every clip to `chunk_length` (300 s as published: 15 MB of
features for a clip of 3 s). Here a clip is padded by half an analysis window only, which leaves every frame that the
model sees as it was (the frames after the clip's end are masked out in both cases).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from transformers.models.qwen2_5_omni.processing_qwen2_5_omni import Qwen2_5OmniProcessor
from transformers.processing_utils import ProcessorMixin

if TYPE_CHECKING:
    from transformers import BatchFeature, Qwen2Tokenizer, WhisperFeatureExtractor

SPECIAL_TOKENS = {
    # The names under which transformers looks the special tokens up -> their spelling in Qwen2.5-Omni's vocabulary.
    "image_token": "<|IMAGE|>",
    "audio_token": "<|AUDIO|>",
    "video_token": "<|VIDEO|>",
    "vision_bos_token": "<|vision_bos|>",
    "vision_eos_token": "<|vision_eos|>",
    "audio_bos_token": "<|audio_bos|>",
    "audio_eos_token": "<|audio_eos|>",
}
DEFAULT_SYSTEM_PROMPT = "You are a helpful assistant."

# Renders what Qwen2.5-Omni's template renders for text and audio parts; for a tokenizer that brings no template.
CHAT_TEMPLATE = (
    "{%- if messages[0]['role'] != 'system' -%}"
    "{{ '<|im_start|>system\\n" + DEFAULT_SYSTEM_PROMPT + "<|im_end|>\\n' }}"
    "{%- endif -%}"
    "{%- for message in messages -%}"
    "{{ '<|im_start|>' + message['role'] + '\\n' }}"
    "{%- if message['content'] is string -%}"
    "{{ message['content'] }}"
    "{%- else -%}"
    "{%- for part in message['content'] -%}"
    "{%- if part['type'] == 'audio' -%}"
    "{{ '<|audio_bos|><|AUDIO|><|audio_eos|>' }}"
    "{%- elif part['type'] == 'text' -%}"
    "{{ part['text'] }}"
    "{%- endif -%}"
    "{%- endfor -%}"
    "{%- endif -%}"
    "{{ '<|im_end|>\\n' }}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\\n' }}{%- endif -%}"
)


class AudioProcessor(Qwen2_5OmniProcessor):
    """`Qwen2_5OmniProcessor` with a feature extractor and a tokenizer only.

    Call it as the published one: `processor(text=[...], audio=[samples, ...], return_tensors="pt", padding=True)` with
    samples (n,) float32 at 16 kHz; it returns `input_ids`, `attention_mask` (batch, tokens), `input_features`
    (batch, mel bins, frames) and `feature_attention_mask` (batch, frames), 100 frames and 25 audio tokens per second.
    """

    def __init__(self, feature_extractor: Any = None, tokenizer: Any = None, chat_template: str | None = None) -> None:
        # The parent's own __init__ insists on the image and video processors, so the grandparent is called and the
        # token names are copied here.
        template = chat_template or getattr(tokenizer, "chat_template", None) or CHAT_TEMPLATE
        ProcessorMixin.__init__(self, feature_extractor, tokenizer, chat_template=template)
        for name in SPECIAL_TOKENS:
            setattr(self, name, getattr(tokenizer, name))
        for name in ("image_token", "audio_token", "video_token"):
            setattr(self, f"{name}_id", getattr(tokenizer, f"{name}_id"))

    @property
    def model_input_names(self) -> list[str]:
        return ["input_ids", "attention_mask", "input_features", "feature_attention_mask"]

    def _process_audio(self, audio: list[np.ndarray], **kwargs: Any) -> tuple[BatchFeature, list[str]]:
        extractor = self.feature_extractor
        hop, longest = extractor.hop_length, max(len(samples) for samples in audio)
        # Half a window of silence behind the last sample: with less, the spectrum's reflection at the edge would
        # change the last frames. Whole hops, so that frames and mask have the same length.
        padded = -(-(longest + extractor.n_fft) // hop) * hop
        kwargs["max_length"] = min(padded, extractor.n_samples)
        inputs, replacements = super()._process_audio(audio, **kwargs)
        n_frames = int(np.asarray(inputs["feature_attention_mask"]).sum(-1).max())
        for name in ("input_features", "feature_attention_mask"):
            inputs[name] = inputs[name][..., :n_frames]
        return inputs, replacements

    def media_token_ids(self) -> list[int]:
        """Ids that stand for media. A reply must never hold one: the next forward pass would look for its features."""
        ids = {self.image_token_id, self.audio_token_id, self.video_token_id}
        ids |= {
            self.tokenizer.convert_tokens_to_ids(getattr(self, name))
            for name in ("vision_bos_token", "vision_eos_token", "audio_bos_token", "audio_eos_token")
        }
        return sorted(i for i in ids if i is not None)


def build_processor(
    feature_extractor: WhisperFeatureExtractor, tokenizer: Qwen2Tokenizer, chat_template: str | None = None
) -> AudioProcessor:
    """A processor from its two parts; `save_pretrained(folder)` writes it beside a model's weights.

    The tokenizer must know the seven tokens of `SPECIAL_TOKENS` by name (`extra_special_tokens=`) and should hold
    `<|im_start|>` and `<|im_end|>` as special tokens. Without `chat_template` and without one in the tokenizer the
    processor gets `CHAT_TEMPLATE`.
    """
    missing = [name for name in SPECIAL_TOKENS if not hasattr(tokenizer, name)]
    if missing:
        raise ValueError(f"The tokenizer lacks {', '.join(missing)}: pass them as extra_special_tokens when making it.")
    return AudioProcessor(feature_extractor, tokenizer, chat_template=chat_template)


def load_processor(folder: str | Path, **kwargs: Any) -> AudioProcessor:
    """The processor of a model folder or hub id, written by `AudioProcessor` or by the published full processor.

    Raises OSError or ValueError, as transformers does, when the folder holds no processor.
    """
    return AudioProcessor.from_pretrained(str(folder), **kwargs)
