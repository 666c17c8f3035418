"""Seconds per step of our GRPO trainer beside TRL's own, on the same model, clips and replies.

    python -m benchmarks.grpo_overhead [--steps 12] [--k 8] [--prompts 4] [--reply_tokens 48]

TRL's trainer is given the clips as it documents it (chats with an audio part) and the same format and outcome rewards. It generates
with the sound and computes its loss without: what ours adds is the forward and backward pass through the audio tower, which is the
work itself, and the rest, which is overhead. So a third run hears in generation only, and overhead is what
that one takes more than TRL's. Steps of the three take turns, so that a busy machine slows all alike. The model is the embedded
one; every reply has exactly `--reply_tokens`, and the clips are synthetic sounds of two seconds. Medians of steps.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch

from emotionthinker.loading import NANO_FOLDER, read_style
from emotionthinker.processor import load_processor
from emotionthinker.prompt import PromptStyle, messages
from training.rewards import format_reward, group_rewards, outcome_reward

SAMPLE_RATE = 16_000
WARM_UP = 2
GOAL = 0.10
STOCK, SILENT, OURS = "TRL's trainer", "ours, loss without the clip", "ours"


def clips(folder: Path, n: int) -> list[dict[str, Any]]:
    """Label records of n sounds of two seconds."""
    records = []
    for i in range(n):
        t = np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE
        path = folder / f"{i}.wav"
        soundfile.write(path, 0.1 * np.sign(np.sin(2 * np.pi * (120 + 20 * i) * t)), SAMPLE_RATE)
        records.append({"audio_path": str(path), "segments": [[0.0, 2.0]], "emotion": "angry", "transcription": "We will stop."})
    return records


def options(args: argparse.Namespace, folder: Path, processor: Any) -> Any:
    """The same GRPOConfig for each trainer. args: k, prompts, reply_tokens."""
    from trl import GRPOConfig

    return GRPOConfig(
        output_dir=str(folder), per_device_train_batch_size=args.k * args.prompts, num_generations=args.k, max_steps=10_000,
        learning_rate=1e-6, beta=0.04, loss_type="grpo", temperature=1.0, max_completion_length=args.reply_tokens, use_cpu=True,
        generation_kwargs={"suppress_tokens": processor.media_token_ids(), "min_new_tokens": args.reply_tokens}, bf16=False,
        activation_checkpointing=False, save_strategy="no", report_to="none", disable_tqdm=True, logging_steps=10_000,
        reward_weights=None, dataloader_pin_memory=False,
    )  # fmt: skip


def load() -> tuple[Any, Any, PromptStyle]:
    """Nano, its processor and its prompt style, for training."""
    from transformers import Qwen2_5OmniThinkerForConditionalGeneration

    processor = load_processor(NANO_FOLDER)
    processor.tokenizer.padding_side = "left"
    model = Qwen2_5OmniThinkerForConditionalGeneration.from_pretrained(
        NANO_FOLDER, dtype=torch.float32, attn_implementation="eager"
    )
    return model, processor, read_style(str(NANO_FOLDER))[0]


def stock(args: argparse.Namespace, records: Sequence[dict[str, Any]], folder: Path) -> Any:
    """TRL's trainer with audio chats."""
    from datasets import Dataset
    from trl import GRPOTrainer

    model, processor, style = load()

    def prompt(record: dict[str, Any]) -> list[dict[str, Any]]:
        chat = messages(style, style.labels, record["transcription"])
        chat[1]["content"][0]["audio"] = record["audio_path"]
        return chat

    class Stock(GRPOTrainer):
        def _tokenize_prompts(self, prompts: list) -> Any:
            # Arrow fills absent keys of a part with None, and a chat template may then take a text for a sound.
            bare = [[{**m, "content": [{k: v for k, v in part.items() if v is not None} for part in m["content"]]} for m in chat]
                    for chat in prompts]  # fmt: skip
            return super()._tokenize_prompts(bare)

    def formats(completions: list, **_: Any) -> list[float]:
        return [format_reward(c[0]["content"], style.labels) for c in completions]

    def outcomes(completions: list, gold: list[str], **_: Any) -> list[float]:
        return [outcome_reward(c[0]["content"], g, style.labels) for c, g in zip(completions, gold, strict=True)]

    rows = [{"prompt": prompt(r), "gold": r["emotion"]} for r in records]
    return Stock(model=model, args=options(args, folder, processor), train_dataset=Dataset.from_list(rows),
                 processing_class=processor, reward_funcs=[formats, outcomes])  # fmt: skip


def ours(args: argparse.Namespace, records: Sequence[dict[str, Any]], folder: Path, hears: bool) -> Any:
    """Our trainer; hears: whether its loss has the sound, too."""
    from trl import GRPOTrainer

    from training.audio_grpo import AudioGRPOTrainer, RewardSettings
    from training.clip_inputs import ClipInputs
    from training.grpo_ptr import dataset

    class Silent(AudioGRPOTrainer):
        _get_per_token_logps_and_entropies = GRPOTrainer._get_per_token_logps_and_entropies

    model, processor, style = load()
    return (AudioGRPOTrainer if hears else Silent)(
        model=model, args=options(args, folder, processor), train_dataset=dataset(records, style, processor), records=records,
        inputs=ClipInputs(processor, style), rewards=RewardSettings(labels=style.labels),
    )  # fmt: skip


class Steps:
    """One trainer's steps, taken one at a time: rollout, rewards, loss, backward, update."""

    def __init__(self, trainer: Any) -> None:
        self.trainer = trainer
        trainer.create_optimizer_and_scheduler(10_000)
        trainer.model.train()
        trainer.current_gradient_accumulation_steps = 1
        self.batches = iter(trainer.get_train_dataloader())
        self.seconds: list[float] = []

    def take(self) -> None:
        """One step, and its time."""
        try:
            batch = next(self.batches)
        except StopIteration:
            self.batches = iter(self.trainer.get_train_dataloader())
            batch = next(self.batches)
        started = time.perf_counter()
        self.trainer.training_step(self.trainer.model, batch, None)
        self.trainer.optimizer.step()
        self.trainer.optimizer.zero_grad()
        self.seconds.append(time.perf_counter() - started)


def step_seconds(steps: int, k: int, prompts: int, reply_tokens: int) -> dict[str, float]:
    """Median seconds of a step of each trainer (STOCK, SILENT, OURS), their steps taking turns."""
    args = argparse.Namespace(k=k, prompts=prompts, reply_tokens=reply_tokens)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        records = clips(folder, 8)
        runs = {
            STOCK: Steps(stock(args, records, folder / "a")),
            SILENT: Steps(ours(args, records, folder / "b", hears=False)),
            OURS: Steps(ours(args, records, folder / "c", hears=True)),
        }
        for _ in range(WARM_UP + steps):
            for run in runs.values():
                run.take()
    return {name: statistics.median(run.seconds[WARM_UP:]) for name, run in runs.items()}


def reward_seconds(k: int, groups: int = 200) -> float:
    """Median seconds that the rewards of one group of k replies take, all three and τ, R_t given.

    The reward model itself, which is a network and not overhead, is left out.
    """
    labels = read_style(str(NANO_FOLDER))[0].labels
    rng = np.random.default_rng(0)
    seconds = []
    for _ in range(groups):
        texts = [f"<think>The pitch is high and the voice is loud. {number}</think><answer>{rng.choice(labels)}</answer>"
                 for number in range(k)]
        reasoning = rng.uniform(0, 1, k).tolist()
        started = time.perf_counter()
        group_rewards(texts, labels[0], reasoning, reasoning_on=True, labels=labels)
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def main() -> None:
    """Print the seconds of a step of each trainer."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--k", type=int, default=8)
    parser.add_argument("--prompts", type=int, default=4)
    parser.add_argument("--reply_tokens", type=int, default=48)
    args = parser.parse_args()
    medians = step_seconds(args.steps, args.k, args.prompts, args.reply_tokens)
    print(f"{args.prompts} clips × K = {args.k}, {args.reply_tokens} tokens, {args.steps} steps, {os.cpu_count()} CPU cores, "
          f"{torch.get_num_threads()} threads")  # fmt: skip
    print("\n| | s a step | against TRL's |\n|---|---|---|")
    for name, median in medians.items():
        print(f"| {name} | {median:.3f} | {100 * (median / medians[STOCK] - 1):+.1f} % |")
    overhead, hearing_s = medians[SILENT] / medians[STOCK] - 1, medians[OURS] - medians[SILENT]
    print(f"\nOverhead: {100 * overhead:+.1f} % (wanted: at most {100 * GOAL:.0f} %); hearing in the loss: {hearing_s:.3f} s; "
          f"rewards and τ of a group of {args.k}: {1e3 * reward_seconds(args.k):.2f} ms")


if __name__ == "__main__":
    main()
