"""Stage two of Nano: the decoder learns to say what the tower hears.

The tower stays as stage one left it; its states are computed anew from an augmented view in every pass, and only the
projection and the text decoder are trained, from nothing, on examples of `training.tasks` made for that very view, mostly
arguing for the emotion that the tower's own head hears in it. It
begins without sound: a decoder that has learned to copy before it has sentences to remember goes on copying (LOG.md).
The forward pass is the thinker's own, entered behind its audio tower (a test compares both).
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from emotionthinker.claims import find_statements
from emotionthinker.prompt import PromptStyle
from training.hearing import Margins, audible, hear_cues
from training.mel import Augmentation, MelCache, augment, whisper_scale
from training.nano import audio_tower
from training.resumable import new_file
from training.tasks import Example, TaskMix, make_copy_example, make_example, shifted_record
from training.tower_training import Heads, bucketed_batches, swapped, tower_states

IGNORED = -100
QUOTED = re.compile(r'"[^"]*"')
HEARD = ("pitch_level", "pitch_range", "energy_level", "speed_level", "intonation", "gender")


@dataclass(frozen=True)
class DecoderRecipe:
    """Settings of the decoder's training; the shipped ones are in `recipes/`."""

    epochs: int = 7
    batch_size: int = 32
    learning_rate: float = 1.5e-3
    weight_decay: float = 0.05
    warmup_share: float = 0.05
    ema: float = 0.998
    decisive_weight: float = 4.0  # of the tokens that decide the emotion against the others
    # Of the views whose text argues for what the tower's emotion head hears, not for the intended label. The tower knows the clips
    # it was trained on better than it will know others, so a decoder taught on the labels alone would draw its own borders on
    # states that are too good; above one half it takes over those of the head, which were chosen on the dev speakers.
    teacher_share: float = 0.7
    stated_weight: float = 2.5  # of the tokens that state a level, the melody or the sex: most others are only wording
    quoted_weight: float = 3.0  # of the words within quotes: one wrong piece of a word, and the quote is false
    copy_steps: int = 400  # before the first pass, on examples without sound alone: `copy_batch` × 4 of them a step
    copy_batch: int = 16  # examples without sound in every later step, so that quoting stays copying
    bfloat16: bool = True
    seed: int = 0


def encode_example(processor: Any, example: Example, n_audio: int) -> tuple[list[int], int]:
    """Token ids of prompt and reply, the audio placeholder repeated `n_audio` times; and where the reply begins."""
    prompt = processor.apply_chat_template(example.messages, tokenize=False, add_generation_prompt=True)
    prompt = prompt.replace(processor.audio_token, processor.audio_token * n_audio)
    ids = processor.tokenizer.encode(prompt, add_special_tokens=False)
    reply = processor.tokenizer.encode(example.reply + "<|im_end|>", add_special_tokens=False)
    return ids + reply, len(ids)


def decisive_tokens(processor: Any, example: Example) -> list[int]:
    """Places, among the tokens of the reply, of those that decide the emotion."""
    if not example.decisive:
        return []
    *tones, label = example.decisive
    starts = [(example.reply.find(tone), tone) for tone in tones] + [(example.reply.rfind(label), label)]
    spans = processor.tokenizer(example.reply, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
    return [
        place
        for place, (start, end) in enumerate(spans)
        if any(start < at + len(phrase) and at < end for at, phrase in starts)
    ]


def stated_tokens(processor: Any, example: Example) -> list[int]:
    """Places, among the tokens of the reply, of those that state what can be heard (`HEARD`), as the claim checker finds them."""
    found = [s for s in find_statements(example.reply) if s.attribute in HEARD]
    spans = processor.tokenizer(example.reply, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
    return [place for place, (start, end) in enumerate(spans) if any(start < s.end and s.start < end for s in found)]


def quoted_tokens(processor: Any, reply: str) -> list[int]:
    """Places, among the tokens of a reply, of those within double quotes and of the quote that ends them."""
    found = [(match.start() + 1, match.end()) for match in QUOTED.finditer(reply)]
    spans = processor.tokenizer(reply, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
    return [place for place, (start, end) in enumerate(spans) if any(start < last and first < end for first, last in found)]


def collate(
    processor: Any, examples: Sequence[Example], n_audio: Sequence[int], decisive_weight: float, stated_weight: float,
    quoted_weight: float,
) -> dict[str, torch.Tensor]:  # fmt: skip
    """ids (B, T), targets (B, T) shifted by one with `IGNORED` outside the reply, and their weights (B, T)."""
    rows = [encode_example(processor, e, n) for e, n in zip(examples, n_audio, strict=True)]
    width = max(len(ids) for ids, _ in rows)
    ids = torch.full((len(rows), width), processor.tokenizer.pad_token_id)
    targets = torch.full((len(rows), width), IGNORED)
    weights = torch.zeros(len(rows), width)
    for i, ((row, start), example) in enumerate(zip(rows, examples, strict=True)):
        tokens = torch.tensor(row)
        ids[i, : len(row)] = tokens
        targets[i, start - 1 : len(row) - 1] = tokens[start:]
        weights[i, start - 1 : len(row) - 1] = 1.0
        for place in quoted_tokens(processor, example.reply):
            weights[i, start - 1 + place] = quoted_weight
        for place in stated_tokens(processor, example):
            weights[i, start - 1 + place] = stated_weight
        for place in decisive_tokens(processor, example):
            weights[i, start - 1 + place] = decisive_weight
    return {"ids": ids, "targets": targets, "weights": weights}


def reply_logits(
    thinker: Any, states: Sequence[torch.Tensor], batch: dict[str, torch.Tensor]
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Logits at the positions that predict reply tokens: (n, vocab), with their targets and weights (n,)."""
    language_model = thinker.model.language_model
    batch = {name: tensor.to(thinker.device) for name, tensor in batch.items()}
    embeds = language_model.embed_tokens(batch["ids"])
    audio = audio_tower(thinker).proj(torch.cat(list(states))).to(embeds.dtype)
    embeds = embeds.masked_scatter((batch["ids"] == thinker.config.audio_token_index).unsqueeze(-1), audio)
    # Right padding under a causal mask: no real token sees a padded one, so no mask is needed.
    hidden = language_model(inputs_embeds=embeds, use_cache=False).last_hidden_state
    spoken = batch["targets"] != IGNORED
    return thinker.lm_head(hidden[spoken]).float(), batch["targets"][spoken], batch["weights"][spoken]


def weighted_loss(logits: torch.Tensor, goal: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy of tokens (n, vocabulary), (n,), each counting as much as its weight (n,)."""
    return (functional.cross_entropy(logits, goal, reduction="none") * weights).sum() / weights.sum()


def copy_loss(
    thinker: Any, processor: Any, style: PromptStyle, pool: Sequence[str], n: int, quoted_weight: float, rng: np.random.Generator
) -> Any:
    """Weighted cross-entropy on `n` examples without sound, made now."""
    examples = [make_copy_example(style, pool, rng) for _ in range(n)]
    silence = [torch.zeros(0, audio_tower(thinker).config.d_model, device=thinker.device)] * n
    return weighted_loss(*reply_logits(thinker, silence, collate(processor, examples, [0] * n, 1.0, 1.0, quoted_weight)))


def train_decoder(
    thinker: Any, processor: Any, mels: MelCache, records: Sequence[dict], labels: Sequence[str], style: PromptStyle,
    pool: Sequence[str], heads: Heads, margins: Margins, reference: Any, recipe: DecoderRecipe, mix: TaskMix,
    augmentation: Augmentation, folder: Path, log: Callable[[dict], None], after_epoch: Callable[[int], None] | None = None,
) -> None:  # fmt: skip
    """Train projection and decoder in place; resumes from `folder/decoder.pt`; keeps the averaged weights.

    heads, margins: what the tower hears of each cue and how clearly, which decides what a text may state (`hearing`).
    after_epoch: called with the epoch number while the averaged weights are in place (for a look at generated answers).
    """
    tower = audio_tower(thinker)
    tower.requires_grad_(False)
    tower.proj.requires_grad_(True)
    trained = {n: p for n, p in thinker.named_parameters() if p.requires_grad and not n.startswith("model.visual")}
    weighty, plain = [p for p in trained.values() if p.dim() > 1], [p for p in trained.values() if p.dim() <= 1]
    optimizer = torch.optim.AdamW(
        [{"params": weighty, "weight_decay": recipe.weight_decay}, {"params": plain, "weight_decay": 0.0}],
        lr=recipe.learning_rate, betas=(0.9, 0.98),
    )  # fmt: skip
    average = {n: p.detach().clone() for n, p in trained.items()}
    total = math.ceil(len(records) / recipe.batch_size) * recipe.epochs
    epoch = step = 0
    heads.eval()
    checkpoint = folder / "decoder.pt"

    def keep() -> None:
        state = {"trained": trained, "optimizer": optimizer.state_dict(), "average": average, "epoch": epoch, "step": step}
        with new_file(checkpoint) as new:
            torch.save(state, new)

    def update(loss: torch.Tensor) -> None:
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(trained.values(), 1.0)
        optimizer.step()

    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True, map_location=thinker.device)
        thinker.load_state_dict(state["trained"], strict=False)
        optimizer.load_state_dict(state["optimizer"])
        average, epoch, step = state["average"], state["epoch"], state["step"]
    else:
        rng = np.random.default_rng([recipe.seed, 2])
        thinker.train()
        losses = []
        for i in range(recipe.copy_steps):
            for group in optimizer.param_groups:
                group["lr"] = recipe.learning_rate * min(1.0, (i + 1) / 50)
            with torch.autocast(thinker.device.type, torch.bfloat16, enabled=recipe.bfloat16):
                loss = copy_loss(thinker, processor, style, pool, 4 * recipe.copy_batch, recipe.quoted_weight, rng)
            update(loss)
            losses.append(loss.item())
            if (i + 1) % 20 == 0:
                mean = round(float(np.mean(losses[-20:])), 4)
                log({"stage": "copying", "step": i + 1, "of": recipe.copy_steps, "copy_loss": mean})
        keep()
    while epoch < recipe.epochs:
        rng = np.random.default_rng([recipe.seed, 1, epoch])
        thinker.train()
        started, losses = time.time(), []
        for batch in bucketed_batches(mels.lengths(), recipe.batch_size, rng):
            warm = min(1.0, (step + 1) / (recipe.warmup_share * total))
            for group in optimizer.param_groups:
                group["lr"] = recipe.learning_rate * warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / total)))
            views = [augment(mels[i], augmentation, rng, style.bandwidth_hz) for i in batch]
            with torch.autocast(thinker.device.type, torch.bfloat16, enabled=recipe.bfloat16):
                with torch.no_grad():
                    states = tower_states(tower, [whisper_scale(mel) for mel, _ in views])
                examples = []
                for i, (_, shift), heard in zip(batch, views, hear_cues(heads, states), strict=True):
                    stated = audible(shifted_record(records[i], shift, reference), heard, margins, reference)
                    if rng.random() < recipe.teacher_share:
                        stated |= {"emotion": labels[heard.emotion]}
                    examples.append(make_example(stated, labels, style, pool, mix, rng, "train"))
                weights = recipe.decisive_weight, recipe.stated_weight, recipe.quoted_weight
                collated = collate(processor, examples, [len(s) for s in states], *weights)
                loss = weighted_loss(*reply_logits(thinker, states, collated))
                copied = copy_loss(thinker, processor, style, pool, recipe.copy_batch, recipe.quoted_weight, rng)
            update(loss + copied)
            losses.append((loss.item(), copied.item()))
            step += 1
            decay = min(recipe.ema, (step + 1) / (step + 10))
            with torch.no_grad():
                for name, parameter in trained.items():
                    average[name].lerp_(parameter, 1 - decay)
            if step % 20 == 0:
                log({"stage": "decoder", "step": step, "of": total} | _means(losses[-20:]))
        epoch += 1
        keep()
        left = (time.time() - started) * (recipe.epochs - epoch)
        log({"stage": "decoder", "epoch": epoch} | _means(losses) | {"left_s": round(left)})
        if after_epoch is not None:
            with swapped(trained, average):
                thinker.eval()
                after_epoch(epoch)
    for name, parameter in trained.items():
        parameter.data.copy_(average[name])
    thinker.eval()


def _means(losses: Sequence[tuple[float, float]]) -> dict[str, float]:
    return dict(zip(("loss", "copy_loss"), np.mean(losses, axis=0).round(4).tolist(), strict=True))
