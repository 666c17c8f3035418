"""Stage one of Nano: the audio tower learns to hear emotion and prosody.

The tower (Whisper's encoder) is fine-tuned under small attentive heads: emotion, against the intended label mixed with
what listeners heard; and the measured cues (pitch, level, rate, range, intonation, sex), so that what an explanation must
state can be read from the same states. The heads are thrown away; the decoder learns from the states alone.

How this differs from common practice: no dropout on the encoder's residual stream (it kills the few large channels that
Whisper lives on), and the cue labels move with the augmentation instead of being blurred by it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from training.mel import Augmentation, MelCache, Shift, augment, whisper_scale
from training.resumable import new_file

INTONATIONS = ("rising", "falling", "rising-falling", "falling-rising", "flat", "expressive")
NO_SHIFT = Shift()
CUES = ("pitch", "energy", "speed", "range")
# Robust centre and spread used to scale the cue targets; any fixed numbers near the data do.
CUE_SCALE = {"pitch": (7.4, 0.55), "energy": (-25.0, 7.0), "speed": (12.0, 2.2), "range": (9.0, 4.5)}


@dataclass(frozen=True)
class TowerRecipe:
    """Settings of the audio tower's training; the shipped ones are in `recipes/`."""

    epochs: int = 8
    batch_size: int = 32
    learning_rate: float = 1e-4  # of the top layer
    layer_decay: float = 0.85
    head_learning_rate: float = 1e-3
    weight_decay: float = 0.05
    ema: float = 0.995
    vote_share: float = 0.3  # of the emotion target that comes from listeners
    cue_weight: float = 0.3
    frozen_layers: int = 1
    bfloat16: bool = True  # autocast; half the time where the CPU multiplies bfloat16, no measurable loss
    seed: int = 0


@dataclass(frozen=True)
class Targets:
    """What a clip's states should tell. emotion: (n_labels,) distribution; cues: scaled values, nan where not measured."""

    emotion: np.ndarray
    cues: np.ndarray
    intonation: int  # -1: not measured
    female: float  # nan: not known


def emotion_target(record: dict, labels: Sequence[str], vote_share: float) -> np.ndarray:
    """Intended label, mixed with the listeners' votes over the same labels where there are any."""
    target = np.zeros(len(labels), np.float32)
    target[labels.index(record["emotion"])] = 1.0
    votes = np.array([(record.get("votes") or {}).get(label, 0) for label in labels], np.float32)
    if votes.sum() > 0:
        target = (1 - vote_share) * target + vote_share * votes / votes.sum()
    return target


def targets(record: dict, labels: Sequence[str], vote_share: float, shift: Shift = NO_SHIFT) -> Targets:
    """Targets of one clip, moved by what the augmentation did."""
    values = {
        "pitch": math.log2(record["f0_median_hz"]) + shift.pitch_st / 12 if record.get("f0_reliable") else math.nan,
        "energy": _or_nan(record.get("energy_dbfs")) + shift.gain_db,
        "speed": _or_nan(record.get("articulation_rate_pps")) * shift.tempo,
        "range": _or_nan(record.get("f0_range_st")) if record.get("f0_reliable") else math.nan,
    }
    cues = np.array([(values[c] - CUE_SCALE[c][0]) / CUE_SCALE[c][1] for c in CUES], np.float32)
    intonation = record.get("intonation")
    sex = record.get("sex")
    return Targets(
        emotion=emotion_target(record, labels, vote_share),
        cues=cues,
        intonation=INTONATIONS.index(intonation) if intonation in INTONATIONS else -1,
        female={"female": 1.0, "male": 0.0}.get(str(sex).lower(), math.nan),
    )


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else float(value)


class Heads(nn.Module):
    """One attentive pooling (mean and spread under a learned weight) per question, then a linear answer."""

    def __init__(self, d_model: int, n_labels: int):
        super().__init__()
        self.sizes = {"emotion": n_labels, "cues": len(CUES), "intonation": len(INTONATIONS), "sex": 1}
        self.query = nn.ModuleDict({name: nn.Linear(d_model, 1) for name in self.sizes})
        self.answer = nn.ModuleDict({name: nn.Linear(2 * d_model, size) for name, size in self.sizes.items()})

    def forward(self, states: torch.Tensor, mask: torch.Tensor) -> dict[str, torch.Tensor]:
        """states: (B, T, d); mask: (B, T) true where there is sound -> per question (B, size)."""
        out = {}
        for name in self.sizes:
            weight = self.query[name](states).squeeze(-1).masked_fill(~mask, -1e4).softmax(-1).unsqueeze(-1)
            mean = (weight * states).sum(1)
            spread = ((weight * (states - mean.unsqueeze(1)) ** 2).sum(1) + 1e-5).sqrt()
            out[name] = self.answer[name](torch.cat([mean, spread], -1))
        return out


def tower_states(tower: nn.Module, mels: Sequence[np.ndarray]) -> list[torch.Tensor]:
    """States of each clip after `ln_post`, (T_i, d_model) at 25 per second. mels: scaled log-mels, each (80, T_i)."""
    # The tower wants whole pairs of pooled frames; the last up to 3 mel frames (30 ms) are dropped as the processor does.
    device = device_of(tower)
    lengths = torch.tensor([m.shape[1] for m in mels], device=device)
    caught: list[torch.Tensor] = []
    hook = tower.ln_post.register_forward_hook(lambda module, args, output: caught.append(output))
    try:
        tower(torch.from_numpy(np.concatenate(mels, axis=1)).to(device), feature_lens=lengths)
    finally:
        hook.remove()
    pooled = ((lengths - 1) // 2 + 1 - 2) // 2 + 1
    return list(caught[0].split(pooled.tolist()))


def pad_states(states: Sequence[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    """-> (B, T, d) zero-padded and its mask (B, T)."""
    lengths = torch.tensor([len(s) for s in states])
    mask = torch.arange(int(lengths.max()))[None] < lengths[:, None]
    return nn.utils.rnn.pad_sequence(list(states), batch_first=True), mask.to(states[0].device)


def device_of(module: nn.Module) -> torch.device:
    """Where its weights lie."""
    return next(module.parameters()).device


def loss_of(answers: dict[str, torch.Tensor], batch: Sequence[Targets], cue_weight: float) -> torch.Tensor:
    """Cross-entropy of emotion plus `cue_weight` × (cues, intonation, sex), each only where it was measured."""
    device = answers["emotion"].device
    emotion = torch.from_numpy(np.stack([t.emotion for t in batch])).to(device)
    loss = functional.cross_entropy(answers["emotion"], emotion)
    cues = torch.from_numpy(np.stack([t.cues for t in batch])).to(device)
    known = ~cues.isnan()
    aux = functional.smooth_l1_loss(answers["cues"][known], cues[known])
    intonation = torch.tensor([t.intonation for t in batch], device=device)
    if (intonation >= 0).any():
        aux = aux + 0.5 * functional.cross_entropy(answers["intonation"], intonation, ignore_index=-1)
    female = torch.tensor([t.female for t in batch], device=device)
    known = ~female.isnan()
    if known.any():
        logits = answers["sex"].squeeze(-1)[known]
        aux = aux + 0.5 * functional.binary_cross_entropy_with_logits(logits, female[known])
    return loss + cue_weight * aux


def bucketed_batches(lengths: np.ndarray, batch_size: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Shuffled batches of clips of like length (shuffled, sorted within pools of 50 batches, batches shuffled again)."""
    order = rng.permutation(len(lengths))
    pool = 50 * batch_size
    batches = []
    for i in range(0, len(order), pool):
        part = order[i : i + pool]
        part = part[np.argsort(lengths[part], kind="stable")]
        batches += [part[j : j + batch_size] for j in range(0, len(part), batch_size)]
    for i in rng.permutation(len(batches)):
        yield batches[i]


def parameter_groups(tower: Any, heads: nn.Module, recipe: TowerRecipe) -> list[dict]:
    """Learning rate falls by `layer_decay` per layer from the top; conv and the first layers stay as Whisper left them."""
    tower.requires_grad_(False)
    groups: list[dict] = [{"params": list(heads.parameters()), "lr": recipe.head_learning_rate}]
    n_layers = len(tower.layers)
    for depth, module in enumerate([*list(tower.layers)[recipe.frozen_layers :], tower.ln_post]):
        module.requires_grad_(True)
        rate = recipe.learning_rate * recipe.layer_decay ** (n_layers - recipe.frozen_layers - depth)
        groups.append({"params": list(module.parameters()), "lr": rate})
    return groups


def train_tower(
    tower: Any, heads: Heads, mels: MelCache, records: Sequence[dict], dev_mels: MelCache, dev_records: Sequence[dict],
    labels: Sequence[str], recipe: TowerRecipe, augmentation: Augmentation, bandwidth_hz: float | None, checkpoint: Path, log: Any,
) -> None:  # fmt: skip
    """Fine-tune `tower` and `heads` in place; resumes from `checkpoint`, where it is also kept when done.

    The averaged weights (EMA) of the epoch that recognised the emotions of the dev speakers best are what is kept: later
    ones begin to know the training speakers. One line per epoch goes to `log`.
    """
    modules, device = nn.ModuleDict({"tower": tower, "heads": heads}), device_of(tower)
    optimizer = torch.optim.AdamW(parameter_groups(tower, heads, recipe), weight_decay=recipe.weight_decay)
    peaks = [g["lr"] for g in optimizer.param_groups]
    trained = {n: p for n, p in modules.named_parameters() if p.requires_grad}
    average = {n: p.detach().clone() for n, p in trained.items()}
    steps_per_epoch = math.ceil(len(records) / recipe.batch_size)
    total = steps_per_epoch * recipe.epochs
    best, best_uar = average, 0.0
    epoch = step = 0
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True, map_location=device)
        modules.load_state_dict(state["modules"])
        optimizer.load_state_dict(state["optimizer"])
        average, epoch, step = state["average"], state["epoch"], state["step"]
        best, best_uar = state["best"], state["best_uar"]
    while epoch < recipe.epochs:
        rng = np.random.default_rng([recipe.seed, epoch])
        modules.train()
        started, losses = time.time(), []
        for batch in bucketed_batches(mels.lengths(), recipe.batch_size, rng):
            warm = min(1.0, (step + 1) / (0.1 * total))
            for group, peak in zip(optimizer.param_groups, peaks, strict=True):
                group["lr"] = peak * warm * 0.5 * (1 + math.cos(math.pi * step / total))
            views = [augment(mels[i], augmentation, rng, bandwidth_hz) for i in batch]
            with torch.autocast(device.type, torch.bfloat16, enabled=recipe.bfloat16):
                states, mask = pad_states(tower_states(tower, [whisper_scale(mel) for mel, _ in views]))
            goal = [
                targets(records[i], labels, recipe.vote_share, shift)
                for i, (_, shift) in zip(batch, views, strict=True)
            ]
            loss = loss_of(heads(states.float(), mask), goal, recipe.cue_weight)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(trained.values(), 1.0)
            optimizer.step()
            losses.append(loss.item())
            step += 1
            decay = min(recipe.ema, (step + 1) / (step + 10))
            with torch.no_grad():
                for name, parameter in trained.items():
                    average[name].lerp_(parameter, 1 - decay)
        epoch += 1
        with swapped(trained, average):
            figures = score(tower, heads, dev_mels, dev_records, labels)
        if figures["uar"] > best_uar:
            best, best_uar = {n: value.clone() for n, value in average.items()}, figures["uar"]
        state = {"modules": modules.state_dict(), "optimizer": optimizer.state_dict(), "average": average, "epoch": epoch}
        with new_file(checkpoint) as new:  # a kill while it is written leaves the one before
            torch.save(state | {"step": step, "best": best, "best_uar": best_uar}, new)
        left = (time.time() - started) * (recipe.epochs - epoch)
        log({"stage": checkpoint.stem, "epoch": epoch, "loss": float(np.mean(losses)), **figures, "left_s": round(left)})
    for name, parameter in trained.items():
        parameter.data.copy_(best[name])


class swapped:
    """Within the block the parameters hold other values, after it their own again."""

    def __init__(self, parameters: dict[str, nn.Parameter], values: dict[str, torch.Tensor]):
        self.parameters, self.values = parameters, values

    def __enter__(self) -> None:
        self.kept = {n: p.detach().clone() for n, p in self.parameters.items()}
        self._put(self.values)

    def __exit__(self, *exc: object) -> None:
        self._put(self.kept)

    def _put(self, values: dict[str, torch.Tensor]) -> None:
        for name, parameter in self.parameters.items():
            parameter.data.copy_(values[name])


@torch.no_grad()
def score(tower: Any, heads: Heads, mels: MelCache, records: Sequence[dict], labels: Sequence[str]) -> dict[str, float]:
    """UAR of the emotion head and error of the cue heads on clips as they are. Clips of other labels are left out."""
    tower.eval()
    heads.eval()
    keep = [i for i, r in enumerate(records) if r["emotion"] in labels]
    keep.sort(key=lambda i: mels.lengths()[i])
    guesses, errors = [], []
    for begin in range(0, len(keep), 64):
        part = keep[begin : begin + 64]
        answers = heads(*pad_states(tower_states(tower, [whisper_scale(mels[i]) for i in part])))
        guesses += answers["emotion"].argmax(-1).tolist()
        goal = np.stack([targets(records[i], labels, 0.0).cues for i in part])
        errors.append(np.abs(answers["cues"].cpu().numpy() - goal))
    truth = [labels.index(records[i]["emotion"]) for i in keep]
    hits = np.array(guesses) == np.array(truth)
    recalls = [hits[np.array(truth) == k].mean() for k in sorted(set(truth))]
    mean_error = np.nanmean(np.concatenate(errors), axis=0)
    return {"uar": round(float(np.mean(recalls)), 4)} | {
        f"{cue}_mae": round(float(e * CUE_SCALE[cue][1]), 3) for cue, e in zip(CUES, mean_error, strict=True)
    }
