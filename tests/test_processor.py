"""The processor without torchvision gives what the published one gives, without its 300 s of padding."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers import WhisperFeatureExtractor
from transformers.models.qwen2_5_omni.processing_qwen2_5_omni import Qwen2_5OmniProcessor

from emotionthinker.processor import SPECIAL_TOKENS, AudioProcessor, build_processor, load_processor
from emotionthinker.prompt import PromptStyle, messages
from tests.conftest import make_tokenizer, synthetic_voice


@pytest.fixture(scope="module")
def processor() -> AudioProcessor:
    return build_processor(WhisperFeatureExtractor(feature_size=80, chunk_length=30), make_tokenizer())


def prompt_of(processor: AudioProcessor) -> str:
    chat = messages(PromptStyle(), ["happy", "sad"])
    return processor.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)


def test_the_chat_template_is_omnis(processor):
    style = PromptStyle()
    assert prompt_of(processor) == (
        f"<|im_start|>system\n{style.system_prompt}<|im_end|>\n"
        "<|im_start|>user\n<|audio_bos|><|AUDIO|><|audio_eos|><audio>What is the emotion expressed in this audio clip? "
        "Please choose one from the following options: happy, sad.<|im_end|>\n<|im_start|>assistant\n"
    )


def test_a_chat_without_system_prompt_gets_omnis_own(processor):
    text = processor.apply_chat_template([{"role": "user", "content": "Hello"}], tokenize=False)
    assert text == "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\nHello<|im_end|>\n"


# Whole hops, one sample more or less than hops, a batch of unequal clips, the longest clip that is heard, and longer.
@pytest.mark.parametrize("lengths", [[48_000], [47_999], [48_001], [16_001, 40_123], [480_000], [479_990], [490_000]])
def test_features_are_those_of_full_padding(processor, lengths):
    clips = [synthetic_voice(n / 16_000 + 0.01, seed=n)[:n] for n in lengths]
    ours = processor(text=[prompt_of(processor)] * len(clips), audio=clips, return_tensors="pt", padding=True)
    published, _ = Qwen2_5OmniProcessor._process_audio(
        processor, clips, return_attention_mask=True, sampling_rate=16_000, return_tensors="pt"
    )
    mask = ours["feature_attention_mask"]
    n_frames = mask.shape[1]
    assert n_frames == int(published["feature_attention_mask"].sum(-1).max())
    assert torch.equal(mask, published["feature_attention_mask"][:, :n_frames])
    difference = (ours["input_features"] - published["input_features"][..., :n_frames]) * mask[:, None]
    assert float(difference.abs().max()) == 0
    assert (ours["input_ids"] == processor.audio_token_id).sum(1).tolist() == published["num_audio_tokens"].tolist()


def test_a_short_clip_costs_little_memory(published_omni_folder):
    processor = load_processor(published_omni_folder)
    assert processor.feature_extractor.n_samples == 300 * 16_000
    inputs = processor(text=[prompt_of(processor)], audio=[synthetic_voice(3.0)], return_tensors="pt")
    assert inputs["input_features"].shape == (1, 80, 300)


def test_it_reloads_what_it_saved(processor, tmp_path):
    processor.save_pretrained(tmp_path)
    again = load_processor(tmp_path)
    voice = synthetic_voice()
    one, two = (p(text=[prompt_of(p)], audio=[voice], return_tensors="pt") for p in (processor, again))
    assert set(one) == set(processor.model_input_names)
    for name in one:
        assert torch.equal(one[name], two[name]), name


def test_media_tokens_are_known_by_id(processor):
    spelled = processor.tokenizer.convert_ids_to_tokens(processor.media_token_ids())
    assert set(spelled) == set(SPECIAL_TOKENS.values())


def test_a_tokenizer_without_omnis_tokens_is_refused():
    from transformers import Qwen2Tokenizer

    with pytest.raises(ValueError, match="lacks image_token, audio_token"):
        build_processor(WhisperFeatureExtractor(feature_size=80), Qwen2Tokenizer(vocab={"a": 0}, merges=[]))


def test_silence_is_processed(processor):
    inputs = processor(text=[prompt_of(processor)], audio=[np.zeros(4_800, np.float32)], return_tensors="pt")
    assert torch.isfinite(inputs["input_features"]).all()
