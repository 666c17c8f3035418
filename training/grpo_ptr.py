"""GRPO-PTR: let a thinker explain clips, reward right labels and, once they come, good reasons (Wang et al. 2026, sec. 3.3).

    python -m training.grpo_ptr --recipe training/recipes/nano-grpo.yaml [--key value …]

Starts from a model folder after SFT; the reward model is a folder of `training.reward_model`, or one behind an endpoint. Writes
OUTPUT/model (loads in the app), OUTPUT/log.jsonl (every figure with the step), OUTPUT/samples.jsonl (replies with each reward and
τ). The same command again after a stop goes on at the last checkpoint, with the schedule where it was, and gives the same curve as
a run that was not stopped. On many devices: `accelerate launch --config_file … -m training.grpo_ptr --recipe …`; for 7B with vLLM
rollouts the same rewards run inside ms-swift (`training/recipes/omni7b-grpo-swift.yaml`).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
from transformers import Qwen2_5OmniThinkerForConditionalGeneration
from trl import GRPOConfig

from emotionthinker.loading import locate, read_style
from emotionthinker.processor import load_processor
from emotionthinker.prompt import PromptStyle, messages
from training.audio_grpo import AudioGRPOTrainer, RewardSettings, Scorer
from training.clip_inputs import ClipInputs
from training.corpora import require_trainable
from training.counted_scores import with_counted
from training.evaluate import labelled
from training.nano import save_folder
from training.resuming_trainer import last_checkpoint, refuse_split_weights
from training.reward_calibration import calibrated, read_calibration
from training.reward_model import frozen
from training.rewards import RewardError, Schedule, Weights, reasoning_reward
from training.rooms import Rooms
from training.run_log import LogFile, device_options, lora_config, merged, quiet, run_recipe


def train(recipe: Mapping[str, Any]) -> Path:
    """Train to the end, from the last checkpoint where there is one. Returns the model folder."""
    if recipe["threads"]:
        torch.set_num_threads(recipe["threads"])
    folder, (base, _) = Path(recipe["output"]), locate(recipe["model"])
    style, processor = read_style(base)[0], load_processor(base)
    processor.tokenizer.padding_side = "left"  # what is generated must follow its prompt
    # By the model's own names of the emotions: a corpus's "disgust" is "contempt or disgust" to the published one.
    records = [record for record in labelled(recipe["train"], style.labels) if record["segments"]]
    if not records:
        raise RewardError(f"{recipe['train']} holds no clip with speech; label it with training.label_prosody.")
    require_trainable(records)
    thinker = Qwen2_5OmniThinkerForConditionalGeneration.from_pretrained(
        base, dtype=getattr(torch, recipe["dtype"]), attn_implementation=recipe["attention"], use_safetensors=True
    )
    if recipe["lora"] is None:
        frozen(thinker, recipe["frozen"])
    trainer = AudioGRPOTrainer(
        model=thinker, args=options_of(recipe, folder, processor), train_dataset=dataset(records, style, processor),
        records=records, inputs=ClipInputs(processor, style), rewards=reward_settings(recipe, folder, style),
        peft_config=lora_config(recipe["lora"]), callbacks=[LogFile(folder / "log.jsonl", "grpo")],
    )  # fmt: skip
    refuse_split_weights(trainer)
    quiet(trainer).train(resume_from_checkpoint=last_checkpoint(folder / "checkpoints"))
    if trainer.is_world_process_zero():
        thinker = merged(trainer.accelerator.unwrap_model(trainer.model))
        save_folder(thinker, processor, style, folder / "model", getattr(torch, recipe["saved_dtype"]))
    return folder / "model"


def options_of(recipe: Mapping[str, Any], folder: Path, processor: Any) -> GRPOConfig:
    """TRL's settings. A step generates `prompts` × K replies in all and makes one update from them.

    Raises RewardError where that many do not fit the batches of the processes.
    """
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    replies, batch = recipe["prompts"] * recipe["k"], recipe["batch_size"]
    if replies % (batch * processes):
        raise RewardError(
            f"A step has prompts {recipe['prompts']} × k {recipe['k']} = {replies} replies, which do not fill whole batches of "
            f"{batch} on {processes} process{'es' if processes > 1 else ''}; change batch_size, prompts or k."
        )
    return GRPOConfig(
        output_dir=str(folder / "checkpoints"), per_device_train_batch_size=batch,
        gradient_accumulation_steps=replies // (batch * processes), num_generations=recipe["k"], max_steps=recipe["steps"],
        learning_rate=float(recipe["learning_rate"]), lr_scheduler_type=recipe["scheduler"], warmup_steps=recipe["warmup_steps"],
        beta=recipe["kl"], loss_type=recipe["loss"], epsilon=recipe["clip_low"], epsilon_high=recipe["clip_high"],
        scale_rewards=recipe["scale_rewards"], temperature=recipe["temperature"], max_completion_length=recipe["reply_tokens"],
        generation_kwargs={"suppress_tokens": processor.media_token_ids()}, weight_decay=recipe["weight_decay"], max_grad_norm=1.0,
        save_steps=recipe["save_steps"], save_total_limit=2, logging_steps=1, report_to=recipe["report_to"], seed=recipe["seed"],
        bf16=recipe["bf16"], activation_checkpointing=recipe["activation_checkpointing"], log_completions=False,
        disable_tqdm=True, **device_options(),
    )  # fmt: skip


def dataset(records: Sequence[Mapping[str, Any]], style: PromptStyle, processor: Any) -> Any:
    """One row a clip: the question as the app asks it, with the words, and which record it is about."""
    from datasets import Dataset

    def prompt(record: Mapping[str, Any]) -> str:
        chat = messages(style, style.labels, str(record.get("transcription") or ""))
        return processor.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)

    return Dataset.from_list([{"prompt": prompt(record), "record": i} for i, record in enumerate(records)])


def reward_settings(recipe: Mapping[str, Any], folder: Path, style: PromptStyle) -> RewardSettings:
    """The rewards as a recipe sets them; samples go to a file in `folder`. Raises RewardError."""
    schedule = Schedule(**recipe["schedule"]) if recipe["schedule"] else Schedule(threshold=0)
    return RewardSettings(
        labels=style.labels, scorer=open_scorer(recipe["reasoning"]), weights=Weights(**recipe["rewards"]),
        schedule=schedule, trust=recipe["trust"], skip_even_groups=recipe["skip_even_groups"],
        rooms=rooms_of(recipe["rooms"]),
        sample_file=folder / "samples.jsonl", sample_every=recipe["sample_every"],
    )  # fmt: skip


def rooms_of(settings: Mapping[str, Any] | None) -> Rooms | None:
    """`rooms` of a recipe: settings of `Rooms`, or null. Raises RewardError for settings that it does not have."""
    if settings is None:
        return None
    known = {field.name for field in fields(Rooms)}
    if unknown := sorted(set(settings) - known):
        raise RewardError(f"The recipe's rooms have {', '.join(unknown)}; known are {', '.join(sorted(known))}.")
    values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in settings.items()}
    return Rooms(**values)


def open_scorer(settings: Mapping[str, Any] | None) -> Scorer | None:
    """What gives R_t: `{model: FOLDER}` or `{endpoint: URL, name: MODEL}`, each with an optional `calibration` file, `weights` of
    the four scores, and `counted: true` to take facts, completeness and repetition from the measurements instead of from the model;
    None for the rule rewards alone. Raises RewardError for anything else."""
    if settings is None:
        return None
    ask = _asked_model(settings)
    maps = read_calibration(settings["calibration"]) if settings.get("calibration") else None

    def quality(text: str, record: Mapping[str, Any], scores: Mapping[str, float] | None) -> float | None:
        if scores is None:
            return None
        scores = scores if maps is None else calibrated(scores, maps)
        return reasoning_reward(with_counted(scores, text, record) if settings.get("counted") else scores, settings.get("weights"))

    return lambda texts, records: [quality(*row) for row in zip(texts, records, ask(texts, records), strict=True)]


def _asked_model(
    settings: Mapping[str, Any],
) -> Callable[[Sequence[str], Sequence[Mapping[str, Any]]], list[dict[str, float] | None]]:
    """The four scores of texts about clips, by the reward model that a recipe names. Raises RewardError where it names none."""
    if settings.get("model"):
        from training.reward_thinker import RewardModel

        return RewardModel.from_folder(settings["model"]).scores
    if settings.get("endpoint") and settings.get("name"):
        from training.endpoint_writer import Chat, Prices, Spend
        from training.judge import ask_scores, judge_messages

        chat = Chat(settings["endpoint"], settings["name"], Spend(Prices(0.0, 0.0)), temperature=0.0)
        return lambda texts, records: ask_scores(
            chat, [judge_messages(text, None, str(record["audio_path"])) for text, record in zip(texts, records, strict=True)]
        )
    raise RewardError(
        "The recipe's `reasoning` names no reward model; give {model: FOLDER}, or {endpoint: URL, name: MODEL}, or null for the "
        "rule rewards alone."
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Train by a recipe; gives the exit code."""
    return run_recipe(argv, __doc__, train)


if __name__ == "__main__":
    sys.exit(main())
