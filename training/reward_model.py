"""Train a reward model on tuples of known quality.

    python -m training.reward_model --recipe training/recipes/nano-reward.yaml [--key value …]

Reads what `reward_data` wrote, trains a thinker (`reward_thinker`: a regression head for small ones, written scores for big ones)
and writes OUTPUT/model. Run the same command again after a stop: it goes on at the last checkpoint. On many GPUs:
`accelerate launch --config_file training/recipes/accelerate-8gpu-zero2.yaml -m training.reward_model --recipe …`.

How good it is, on speakers and on kinds of damage that it was not trained on, says `python -m training.reward_report`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import TrainingArguments, set_seed

from emotionthinker.loading import locate, read_style
from emotionthinker.processor import load_processor
from training.corpora import require_trainable
from training.heard_states import head_alone, heard_texts, padded
from training.resuming_trainer import ResumingTrainer, last_checkpoint, refuse_split_weights
from training.reward_examples import one_side_only, read_examples, with_other_clips
from training.reward_thinker import KINDS, RewardModel, load_for_scores
from training.rewards import RewardError
from training.run_log import LogFile, device_options, merged, quiet, run_recipe, with_lora

DEV_TEXTS = 500  # about so many are looked at ten times in a run, for the curve in the log


def train(recipe: dict[str, Any]) -> Path:
    """Train to the end, from the last checkpoint where there is one. Returns the model folder."""
    if recipe["kind"] not in KINDS:
        raise RewardError(f"The kind of reward model is {recipe['kind']!r}, but must be one of {', '.join(KINDS)}.")
    if recipe["threads"]:
        torch.set_num_threads(recipe["threads"])
    folder = Path(recipe["output"])
    examples, dev = read_examples(recipe["train"], recipe["records"]), read_examples(recipe["dev"], recipe["dev_records"])
    require_trainable([e.record for e in examples])
    one_side_only(examples, dev)
    set_seed(recipe["seed"])
    base, _ = locate(recipe["model"])
    thinker = load_for_scores(base, recipe["kind"], getattr(torch, recipe["dtype"]), recipe["attention"])
    model = RewardModel(thinker, load_processor(base), read_style(base)[0], recipe["kind"])
    frozen(model.thinker, recipe["frozen"])
    if recipe["kind"] == "head":
        model.thinker.reward_head.dropout.p = recipe["head_dropout"]
    examples = examples[: recipe["examples"]] if recipe["examples"] else examples
    # Of each text once more beside another clip, else the text alone would tell its score.
    examples += with_other_clips(examples, recipe["other_clips"], recipe["seed"])
    model.thinker = with_lora(model.thinker, recipe["lora"], also=["reward_head"] if recipe["kind"] == "head" else [])

    options = TrainingArguments(
        output_dir=str(folder / "checkpoints"), per_device_train_batch_size=recipe["batch_size"],
        gradient_accumulation_steps=recipe["accumulate"], num_train_epochs=recipe["epochs"],
        learning_rate=float(recipe["learning_rate"]), lr_scheduler_type="cosine", warmup_steps=0.05, max_grad_norm=1.0,
        weight_decay=recipe["weight_decay"], seed=recipe["seed"], bf16=recipe["bf16"],
        activation_checkpointing=recipe["activation_checkpointing"], save_steps=recipe["save_steps"], save_total_limit=2,
        logging_steps=10, report_to=recipe["report_to"], disable_tqdm=True, remove_unused_columns=False,
        eval_strategy="steps", eval_steps=0.1, per_device_eval_batch_size=recipe["batch_size"], prediction_loss_only=True,
        label_names=["scores"], **device_options(),
    )  # fmt: skip
    sets: list[Any] = [examples, dev[:: max(1, len(dev) // DEV_TEXTS)]]
    collate = lambda part: model.batch([e.text for e in part], [e.record for e in part], [e.scores for e in part])  # noqa: E731
    if head_alone(model.thinker):  # what the frozen rest hears in a text is the same in every pass
        model.thinker.to(options.device).eval()
        sets = [heard_texts(model, part, folder / "heard" / name, base, recipe["batch_size"], recipe["bf16"])
                for part, name in zip(sets, ("train", "dev"), strict=True)]  # fmt: skip
        collate = padded
    trainer = ResumingTrainer(
        model=model.thinker, args=options, train_dataset=sets[0], eval_dataset=sets[1],
        callbacks=[LogFile(folder / "log.jsonl", "reward")], data_collator=collate,
    )  # fmt: skip
    refuse_split_weights(trainer)
    quiet(trainer).train(resume_from_checkpoint=last_checkpoint(options.output_dir))
    if trainer.is_world_process_zero():
        model.thinker = merged(trainer.accelerator.unwrap_model(trainer.model)).eval()
        model.save(folder / "model", getattr(torch, recipe["saved_dtype"]))
    return folder / "model"


def frozen(thinker: Any, parts: Sequence[str]) -> None:
    """Keep the weights of the named parts as they are. Raises RewardError for a name that fits nothing."""
    for part in parts:
        hit = [p for name, p in thinker.named_parameters() if f".{part}." in f".{name}."]
        if not hit:
            raise RewardError(f"There is nothing named {part!r} in the model to keep frozen; try audio_tower or language_model.")
        for parameter in hit:
            parameter.requires_grad_(False)


def main(argv: Sequence[str] | None = None) -> int:
    """Train by a recipe; gives the exit code."""
    return run_recipe(argv, __doc__, train)


if __name__ == "__main__":
    sys.exit(main())
