"""A model that runs here: the embedded Nano, the published 9B model, any Qwen2.5-Omni thinker, all through the same lines.

    thinker = EmotionThinker.from_pretrained()      # Nano; or a folder, or "ddwang2000/EmotionThinker"
    for event in thinker.stream("clip.wav"): ...
    print(thinker.explain("clip.wav").emotion)

Always the thinker class is loaded, also from a folder that holds the talker as well (its weights are left aside): only
text is wanted, and the full class does not generate without its talker.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from queue import Empty
from typing import Any

import numpy as np

from emotionthinker.audio import SAMPLE_RATE
from emotionthinker.errors import ModelError
from emotionthinker.loading import check_device, four_bit, load_model, locate, read_style
from emotionthinker.pipeline import Explainer, Reply, ReplyOptions
from emotionthinker.prompt import PromptStyle
from emotionthinker.response import ANSWER_END, ANSWER_TAG
from emotionthinker.settings import DTYPES, threads_from_env

# Below this many parameters a second CPU thread costs more in waiting than it computes.
SMALL_MODEL = 100_000_000
POLL_S = 0.1  # how often a waiting reader looks whether it was cancelled


class EmotionThinker(Explainer):
    """A loaded thinker with its processor and prompt style. One reply at a time; other callers wait for their turn."""

    def __init__(self, model: Any, processor: Any, style: PromptStyle, name: str) -> None:
        self.model, self.processor, self.name = model, processor, name
        longest_s = processor.feature_extractor.n_samples / SAMPLE_RATE
        self.style = replace(style, max_audio_s=min(style.max_audio_s, longest_s))
        self.lock = threading.Lock()  # held while the model computes: it keeps state between the steps of one reply

    @classmethod
    def from_pretrained(
        cls,
        path_or_id: str | Path | None = None,
        *,
        dtype: str = "auto",
        device: str | None = None,
        load_in_4bit: bool = False,
    ) -> EmotionThinker:
        """Load a model.

        path_or_id: None for the embedded Nano, a folder, or a hub id. dtype: "auto" (as saved; float32 for float16
        weights on a CPU), "float32", "bfloat16", "float16". device: "cpu", "cuda", "cuda:1", "mps"; None takes all GPUs
        there are, else the CPU. load_in_4bit: bitsandbytes NF4, on an NVIDIA GPU only.
        Raises ModelNotFound where there is no such model or it is broken, ModelError where it cannot run as asked.
        """
        import torch

        folder, name = locate(path_or_id)
        if dtype not in DTYPES:
            raise ModelError(f"The dtype is {dtype!r}, but it must be one of {', '.join(DTYPES)}.")
        placed = check_device(device)
        options: dict[str, Any] = {"dtype": dtype if dtype == "auto" else getattr(torch, dtype)}
        if load_in_4bit:
            options["quantization_config"] = four_bit(placed)
        if placed == "cuda" and device is None:
            options["device_map"] = "auto"  # a model larger than one GPU is spread over several
        elif placed.startswith("cuda"):
            options["device_map"] = {"": placed}
        model, processor = load_model(folder, name, options)
        if placed == "cpu" and dtype == "auto" and model.dtype == torch.float16:
            model = model.float()  # CPUs compute in float16 slowly, and some operations not at all
        if "device_map" not in options:
            model = model.to(placed)
        if placed == "cpu":
            threads = threads_from_env() or (1 if model.num_parameters() < SMALL_MODEL else None)
            if threads:
                torch.set_num_threads(threads)
        style, brought = read_style(folder)
        return cls(model.eval(), processor, style, style.name if brought else name)

    def _reply(
        self, samples: np.ndarray, chat: list[dict[str, Any]], options: ReplyOptions, cancel: threading.Event
    ) -> Reply:
        text = self.processor.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
        inputs = self.processor(text=[text], audio=[samples], return_tensors="pt", padding=True)
        return LocalReply(self, inputs.to(self.model.device, self.model.dtype), options, cancel)

    def end_token_ids(self) -> list[int]:
        """Ids that end a reply. The thinker's own settings may lack them: the full class passes them to it."""
        tokenizer = self.processor.tokenizer
        ids = {tokenizer.eos_token_id, *(tokenizer.convert_tokens_to_ids(t) for t in ("<|im_end|>", "<|endoftext|>"))}
        own = self.model.generation_config.eos_token_id
        ids |= set(own if isinstance(own, list) else [own])
        return sorted(i for i in ids if isinstance(i, int))


class LocalReply(Reply):
    """One generation in a thread of its own; the reader gets the text as it is decoded."""

    def __init__(self, thinker: EmotionThinker, inputs: Any, options: ReplyOptions, cancel: threading.Event) -> None:
        self._thinker, self._inputs, self._options, self._cancel = thinker, inputs, options, cancel
        self._stop = threading.Event()  # set by `close`: the reader went away
        self._ids: list[int] = []  # generated, without the prompt
        self._cache: Any = None  # keys and values of prompt and reply, for `label_scores`
        self._error: Exception | None = None

    def __iter__(self) -> Iterator[str]:
        from transformers import TextIteratorStreamer

        tokenizer = self._thinker.processor.tokenizer
        streamer = TextIteratorStreamer(
            tokenizer, skip_prompt=True, timeout=POLL_S, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        if not self._take_turn():
            return
        worker = threading.Thread(target=self._generate, args=(streamer,), name="thinker", daemon=True)
        try:
            worker.start()
        except RuntimeError:  # no thread to be had
            self._thinker.lock.release()
            raise
        while True:
            try:
                yield from streamer
                break
            except Empty:
                if self._stopped():
                    return  # the worker ends after the token it is at and frees the model itself
        worker.join()
        if self._error is not None:
            raise ModelError(
                f"The model {self._thinker.name} failed while it wrote; try again, with a shorter clip if it stays.",
                whole=f"The model {self._thinker.name} failed while it wrote ({' '.join(str(self._error).split())[:200]}); try a "
                "shorter clip, or another device with ET_DEVICE.",
            ) from self._error

    def close(self) -> None:
        self._stop.set()
        self._cache = None

    def _stopped(self) -> bool:
        return self._stop.is_set() or self._cancel.is_set()

    def _take_turn(self) -> bool:
        while not self._stopped():
            if self._thinker.lock.acquire(timeout=POLL_S):
                return True
        return False

    def _generate(self, streamer: Any) -> None:
        import torch
        from transformers import LogitsProcessorList, StoppingCriteriaList

        thinker, prompt_length = self._thinker, self._inputs["input_ids"].shape[1]
        end_ids = thinker.end_token_ids()
        noise = []
        if self._options.temperature > 0:
            noise = [_gumbel_sampler(self._options.temperature, self._options.seed)]
        try:
            with torch.inference_mode():
                made = thinker.model.generate(
                    **self._inputs,
                    max_new_tokens=self._options.max_new_tokens,
                    do_sample=False,
                    num_beams=1,
                    suppress_tokens=thinker.processor.media_token_ids(),
                    eos_token_id=end_ids,
                    pad_token_id=thinker.processor.tokenizer.pad_token_id,
                    logits_processor=LogitsProcessorList(noise),
                    stopping_criteria=StoppingCriteriaList([lambda ids, scores, **_: self._stops(ids)]),
                    streamer=streamer,
                    return_dict_in_generate=True,
                )
            ids = made.sequences[0, prompt_length:].tolist()
            self.complete = bool(ids) and ids[-1] in end_ids
            while ids and ids[-1] in end_ids:
                ids.pop()
            self._ids, self._cache = ids, made.past_key_values
        except Exception as error:
            self._error = error
            # Without this the reader would wait for ever.
            streamer.on_finalized_text("", stream_end=True)
        finally:
            thinker.lock.release()

    def _stops(self, ids: Any) -> Any:
        import torch

        return torch.full((ids.shape[0],), self._stopped(), dtype=torch.bool, device=ids.device)

    def label_scores(self, labels: Sequence[str]) -> dict[str, float]:
        """P(label | audio, words, reasoning) from the model's own token probabilities.

        Each label is written after the reply up to its `<answer>` tag, with the spaces that the model wrote, and up to
        the closing tag (so that no label is favoured for being the beginning of another); the products of its token
        probabilities are normalised over the labels. The keys and values of the generation are used again, so this
        costs one short forward pass. May be asked once per reply; {} where the reply has no answer tag.
        """
        cache, self._cache = self._cache, None
        if cache is None or not self._take_turn():
            return {}
        try:
            return self._score(cache, labels)
        finally:
            self._thinker.lock.release()

    def _score(self, cache: Any, labels: Sequence[str]) -> dict[str, float]:
        import torch

        tokenizer = self._thinker.processor.tokenizer
        found = answer_candidates(tokenizer, self._ids, labels)
        if found is None:
            return {}
        n_kept, candidates = found
        prompt = self._inputs["input_ids"][0]
        before = [*prompt.tolist(), *self._ids[:n_kept]]
        # The cache must end before the last kept token: feeding that one gives the first candidate token's probability.
        n_cached = len(before) - 1
        cache.crop(-(cache.get_seq_length() - n_cached))
        cache.batch_repeat_interleave(len(candidates))
        width = max(map(len, candidates))
        # Padded on the right, where nothing that is read looks (attention is causal).
        rows = [[before[-1], *ids, *[ids[-1]] * (width - len(ids))] for ids in candidates]
        input_ids = torch.tensor(rows, device=prompt.device)
        # Audio and text advance all three position axes alike, so positions are plain counts.
        positions = torch.arange(n_cached, n_cached + width + 1, device=prompt.device).expand(3, len(rows), -1)
        with torch.inference_mode():
            logits = self._thinker.model(
                input_ids=input_ids, past_key_values=cache, position_ids=positions, use_cache=True
            ).logits
            log_p = logits[:, :-1].float().log_softmax(-1)
            log_p = log_p.gather(2, input_ids[:, 1:, None])[..., 0]
            total = torch.stack([row[: len(ids)].sum() for row, ids in zip(log_p, candidates, strict=True)])
            return dict(zip(labels, total.softmax(0).tolist(), strict=True))


def answer_candidates(
    tokenizer: Any, ids: Sequence[int], labels: Sequence[str]
) -> tuple[int, list[list[int]]] | None:
    """How many of a reply's ids to keep, and for each label the ids that write it after those.

    The cut is the last token edge before `<answer>`, as tokens may span its edges (`><` in Qwen's vocabulary); what the
    cut took away is written again with the label. None where the reply has no answer tag.
    """

    def text_of(n: int) -> str:
        return tokenizer.decode(ids[:n], skip_special_tokens=True, clean_up_tokenization_spaces=False)

    text = text_of(len(ids))
    start = text.find(ANSWER_TAG)
    if start < 0:
        return None
    low, high = 0, len(ids)  # the largest n whose text ends at or before the tag
    while low < high:
        middle = (low + high + 1) // 2
        if len(text_of(middle)) <= start:
            low = middle
        else:
            high = middle - 1
    while not text.startswith(text_of(low)):  # a cut within a character of several bytes
        low -= 1
    body, tag_seen, _ = text[start + len(ANSWER_TAG) :].partition(ANSWER_END)
    label = body.strip()
    lead = body[: len(body) - len(body.lstrip())] if label else " "
    trail = body[len(body.rstrip()) :] if label and tag_seen else lead
    head = text[len(text_of(low)) : start + len(ANSWER_TAG)]
    texts = [head + lead + name + trail + ANSWER_END for name in labels]
    return low, [tokenizer.encode(candidate, add_special_tokens=False) for candidate in texts]


def _gumbel_sampler(temperature: float, seed: int | None) -> Any:
    """A logits processor after which the likeliest token is a sample at `temperature` (the Gumbel-max trick).

    `generate` itself samples from torch's global generator, which other threads draw from too: the same seed would not
    always give the same reply.
    """
    import torch

    source = torch.Generator()  # on the CPU, so that a seed means the same on every device
    source.manual_seed(seed) if seed is not None else source.seed()

    def add_noise(ids: Any, scores: Any) -> Any:
        uniform = torch.rand(scores.shape, generator=source).clamp_(min=1e-20)
        return scores.float() / temperature - (-uniform.log()).log().to(scores.device)

    return add_noise
