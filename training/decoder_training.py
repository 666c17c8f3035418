"""Stage two of Nano: the decoder learns to say what the tower hears.

The tower stays as stage one left it; its states are computed anew from an augmented view in every pass, and only the
projection and the text decoder are trained, from nothing, on examples of `training.tasks` made for that very view.
The forward pass is the thinker's own, entered behind its audio tower (a test compares both).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from emotionthinker.prompt import PromptStyle
from training.mel import Augmentation, MelCache, augment, whisper_scale
from training.nano import audio_tower
from training.tasks import Example, TaskMix, make_copy_example, make_example, shifted_record
from training.tower_training import bucketed_batches, swapped, tower_states

IGNORED = -100


@dataclass(frozen=True)
class DecoderRecipe:
    epochs: int = 7
    batch_size: int = 32
    learning_rate: float = 1.5e-3
    weight_decay: float = 0.05
    warmup_share: float = 0.05
    ema: float = 0.998
    label_weight: float = 4.0  # of the label's token against the others
    copy_batch: int = 48  # examples without sound in every step, to learn quoting from
    bfloat16: bool = True
    seed: int = 0


def encode_example(processor: Any, example: Example, n_audio: int) -> tuple[list[int], int]:
    """Token ids of prompt and reply, the audio placeholder repeated `n_audio` times; and where the reply begins."""
    prompt = processor.apply_chat_template(example.messages, tokenize=False, add_generation_prompt=True)
    prompt = prompt.replace(processor.audio_token, processor.audio_token * n_audio)
    ids = processor.tokenizer.encode(prompt, add_special_tokens=False)
    reply = processor.tokenizer.encode(example.reply + "<|im_end|>", add_special_tokens=False)
    return ids + reply, len(ids)


def collate(
    processor: Any, examples: Sequence[Example], n_audio: Sequence[int], label_weight: float
) -> dict[str, torch.Tensor]:
    """ids (B, T), targets (B, T) shifted by one with `IGNORED` outside the reply, and their weights (B, T)."""
    label_ids = {
        e.label: processor.tokenizer.encode(" " + e.label, add_special_tokens=False)[0] for e in examples if e.label
    }
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
        if example.label:  # the answer is the last token that is this label
            place = int((tokens == label_ids[example.label]).nonzero()[-1])
            weights[i, place - 1] = label_weight
    return {"ids": ids, "targets": targets, "weights": weights}


def reply_logits(
    thinker: Any, states: Sequence[torch.Tensor], batch: dict[str, torch.Tensor]
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Logits at the positions that predict reply tokens: (n, vocab), with their targets and weights (n,)."""
    language_model = thinker.model.language_model
    embeds = language_model.embed_tokens(batch["ids"])
    audio = audio_tower(thinker).proj(torch.cat(list(states))).to(embeds.dtype)
    embeds = embeds.masked_scatter((batch["ids"] == thinker.config.audio_token_index).unsqueeze(-1), audio)
    # Right padding under a causal mask: no real token sees a padded one, so no mask is needed.
    hidden = language_model(inputs_embeds=embeds, use_cache=False).last_hidden_state
    spoken = batch["targets"] != IGNORED
    return thinker.lm_head(hidden[spoken]).float(), batch["targets"][spoken], batch["weights"][spoken]


def train_decoder(
    thinker: Any, processor: Any, mels: MelCache, records: Sequence[dict], labels: Sequence[str], style: PromptStyle,
    pool: Sequence[str], reference: Any, recipe: DecoderRecipe, mix: TaskMix, augmentation: Augmentation, folder: Path,
    log: Callable[[dict], None], after_epoch: Callable[[int], None] | None = None,
) -> None:  # fmt: skip
    """Train projection and decoder in place; resumes from `folder/decoder.pt`; keeps the averaged weights.

    after_epoch: called with the epoch number while the averaged weights are in place (for a look at generated answers).
    """
    tower = audio_tower(thinker)
    tower.requires_grad_(False)
    tower.proj.requires_grad_(True)
    trained = {n: p for n, p in thinker.named_parameters() if p.requires_grad and not n.startswith("model.visual")}
    decay, plain = [p for p in trained.values() if p.dim() > 1], [p for p in trained.values() if p.dim() <= 1]
    optimizer = torch.optim.AdamW(
        [{"params": decay, "weight_decay": recipe.weight_decay}, {"params": plain, "weight_decay": 0.0}],
        lr=recipe.learning_rate, betas=(0.9, 0.98),
    )  # fmt: skip
    average = {n: p.detach().clone() for n, p in trained.items()}
    total = math.ceil(len(records) / recipe.batch_size) * recipe.epochs
    epoch = step = 0
    checkpoint = folder / "decoder.pt"
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        thinker.load_state_dict(state["trained"], strict=False)
        optimizer.load_state_dict(state["optimizer"])
        average, epoch, step = state["average"], state["epoch"], state["step"]
    while epoch < recipe.epochs:
        rng = np.random.default_rng([recipe.seed, 1, epoch])
        thinker.train()
        started, losses = time.time(), []
        for batch in bucketed_batches(mels.lengths(), recipe.batch_size, rng):
            warm = min(1.0, (step + 1) / (recipe.warmup_share * total))
            for group in optimizer.param_groups:
                group["lr"] = recipe.learning_rate * warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / total)))
            views = [augment(mels[i], augmentation, rng, style.bandwidth_hz) for i in batch]
            examples = [
                make_example(shifted_record(records[i], shift, reference), labels, style, pool, mix, rng, "train")
                for i, (_, shift) in zip(batch, views, strict=True)
            ]
            with torch.autocast("cpu", torch.bfloat16, enabled=recipe.bfloat16):
                with torch.no_grad():
                    states = tower_states(tower, [whisper_scale(mel) for mel, _ in views])
                collated = collate(processor, examples, [len(s) for s in states], recipe.label_weight)
                logits, goal, weights = reply_logits(thinker, states, collated)
                copies = [make_copy_example(style, pool, rng) for _ in range(recipe.copy_batch)]
                no_sound = [states[0][:0]] * len(copies)
                copied = reply_logits(thinker, no_sound, collate(processor, copies, [0] * len(copies), 1.0))
            loss = (functional.cross_entropy(logits, goal, reduction="none") * weights).sum() / weights.sum()
            copy_loss = functional.cross_entropy(copied[0], copied[1])
            optimizer.zero_grad()
            (loss + copy_loss).backward()
            nn.utils.clip_grad_norm_(trained.values(), 1.0)
            optimizer.step()
            losses.append((loss.item(), copy_loss.item()))
            step += 1
            keep = min(recipe.ema, (step + 1) / (step + 10))
            with torch.no_grad():
                for name, parameter in trained.items():
                    average[name].lerp_(parameter, 1 - keep)
            if step % 20 == 0:
                log({"stage": "decoder", "step": step, "of": total} | _means(losses[-20:]))
        epoch += 1
        state = {
            "trained": trained,
            "optimizer": optimizer.state_dict(),
            "average": average,
            "epoch": epoch,
            "step": step,
        }
        torch.save(state, checkpoint)
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
