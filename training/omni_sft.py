"""Supervised fine-tuning of any Qwen2.5-Omni thinker on chats with sound, in stages: the trainer of EmotionThinker-Base.

    python -m training.base_tasks --recipe training/recipes/base-nano.yaml
    python -m training.sft --recipe training/recipes/base-nano.yaml [--key value …]
    accelerate launch --config_file training/recipes/accelerate-8gpu-zero2.yaml -m training.sft \\
        --recipe training/recipes/base-omni7b.yaml

Stages as published: first all parameters that hear and write (audio encoder, adapter, language model), then LoRA on the language
model alone, merged at the end; the adapter is kept beside it. The vision tower, which nothing reaches, stays as it is.
`OUTPUT/model` is the result, a folder that the app loads; `OUTPUT/stage-N` holds checkpoints, `OUTPUT/log.jsonl` the figures. A
stage that was stopped goes on at its last whole checkpoint with the weights, the optimiser and the order of examples it had there.

This is `transformers.Trainer` with two things of ours: the collator (`omni_batch`), and reading a checkpoint (`resuming_trainer`).
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from transformers import TrainingArguments

from emotionthinker.errors import EmotionThinkerError
from emotionthinker.loading import load_model, locate, read_style
from emotionthinker.manifest import write_manifest
from emotionthinker.prompt import STYLE_FILE, PromptStyle
from training.nano import forget_trainer
from training.omni_batch import Examples, collate
from training.resuming_trainer import ResumingTrainer, last_checkpoint
from training.run_log import LORA_MODULES, LogFile, quiet

NOT_TRAINED = ("visual.", "audio_bos_eos_token")  # parts of the class that speech and text never reach
KEYS = {
    "start", "output", "stages", "threads", "seed", "dtype", "saved_dtype", "attention", "bf16", "gradient_checkpointing",
    "loader_workers", "log_steps", "report_to",
}  # fmt: skip


@dataclass(frozen=True)
class Lora:
    """Size of the adapter; the published one is not known."""

    rank: int = 32
    alpha: int = 64
    dropout: float = 0.05


@dataclass(frozen=True)
class Stage:
    """One pass over the examples, or several. `train`: "all" or "lora". `save_steps`: optimiser steps between checkpoints."""

    train: str
    epochs: float
    learning_rate: float
    batch_size: int  # examples on one device at once
    accumulate: int = 1  # batches to a step
    warmup: float = 0.03  # share of the steps in which the rate rises
    save_steps: int = 200
    lora: Lora = field(default_factory=Lora)

    @classmethod
    def from_recipe(cls, values: Mapping[str, Any]) -> Stage:
        """Raises EmotionThinkerError for keys that there are not, and for what cannot be trained."""
        try:
            stage = cls(**{**values, "lora": Lora(**values.get("lora", {}))})
        except TypeError as error:
            raise EmotionThinkerError(f"A stage of the recipe cannot be read ({error}); see omni_sft.Stage.") from error
        if stage.train not in ("all", "lora"):
            raise EmotionThinkerError(f'A stage trains {stage.train!r}, but it must be "all" or "lora".')
        return stage


def train(recipe: Mapping[str, Any]) -> Path:
    """Run every stage of the recipe that is not done yet. Returns the model folder. Raises EmotionThinkerError."""
    if missing := sorted(KEYS - set(recipe)):
        raise EmotionThinkerError(f"The recipe lacks {', '.join(missing)}; training/recipes/base-nano.yaml has every key.")
    folder = Path(recipe["output"])
    stages = [Stage.from_recipe(values) for values in recipe["stages"]]
    if not stages:
        raise EmotionThinkerError("The recipe has no stages; give at least one.")
    if recipe["threads"]:
        torch.set_num_threads(recipe["threads"])
    folder.mkdir(parents=True, exist_ok=True)
    style, _ = read_style(locate(recipe["start"])[0])
    splits = {split: folder / "examples" / f"{split}.jsonl" for split in ("train", "dev")}
    sets = {"train": Examples(splits["train"], style)}
    if splits["dev"].is_file() and splits["dev"].stat().st_size:
        sets["dev"] = Examples(splits["dev"], style)
    start = str(recipe["start"])
    for number, stage in enumerate(stages, 1):
        name = f"stage {number} of {len(stages)} ({stage.train})"
        result = folder / "model" if number == len(stages) else folder / f"stage-{number}" / "model"
        if result.exists():
            print(f"{name} is done: {result}", flush=True)
        else:
            run_stage(stage, recipe, start, result, sets, style, folder / f"stage-{number}", LogFile(folder / "log.jsonl", name))
        start = str(result)
    return folder / "model"


def run_stage(
    stage: Stage, recipe: Mapping[str, Any], start: str, result: Path, sets: Mapping[str, Examples], style: PromptStyle,
    work: Path, log: LogFile,
) -> None:  # fmt: skip
    """Train one stage from the model folder or id `start`, and write `result` whole, or not at all."""
    args = arguments(stage, recipe, work, "dev" in sets)  # before the model: ZeRO-3 splits it while it is loaded
    source, model_name = locate(start)
    options = {"dtype": getattr(torch, recipe["dtype"]), "attn_implementation": recipe["attention"]}
    model, processor = load_model(source, model_name, options)
    torch.manual_seed(args.seed)  # the adapter starts the same in every run
    model = prepare(model, stage)
    trainer = ResumingTrainer(
        model=model, args=args, data_collator=partial(collate, processor), processing_class=processor, callbacks=[log],
        train_dataset=sets["train"], eval_dataset=sets.get("dev"),
    )  # fmt: skip
    quiet(trainer).train(resume_from_checkpoint=last_checkpoint(work))
    trained = work / "trained"
    trainer.save_model(str(trained))
    trainer.accelerator.wait_for_everyone()
    if trainer.is_world_process_zero():
        export(stage, source, trained, result, getattr(torch, recipe["saved_dtype"]), style, work)
    trainer.accelerator.wait_for_everyone()


def arguments(stage: Stage, recipe: Mapping[str, Any], work: Path, with_dev: bool) -> TrainingArguments:
    """What `Trainer` is told. The same number of steps on one device and on many needs `accumulate` to be lowered by hand."""
    return TrainingArguments(
        output_dir=str(work),
        num_train_epochs=stage.epochs,
        learning_rate=stage.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=stage.warmup,
        per_device_train_batch_size=stage.batch_size,
        per_device_eval_batch_size=stage.batch_size,
        gradient_accumulation_steps=stage.accumulate,
        weight_decay=0.0,
        bf16=recipe["bf16"],
        use_cpu=not torch.accelerator.is_available(),
        activation_checkpointing=recipe["gradient_checkpointing"],
        activation_checkpointing_kwargs={"use_reentrant": False} if recipe["gradient_checkpointing"] else None,
        save_steps=stage.save_steps,
        save_total_limit=2,
        eval_strategy="epoch" if with_dev else "no",
        prediction_loss_only=True,
        logging_steps=recipe["log_steps"],
        report_to=recipe["report_to"],
        remove_unused_columns=False,  # the columns are the collator's
        label_names=["labels"],
        dataloader_num_workers=recipe["loader_workers"],
        disable_tqdm=True,
        seed=recipe["seed"],
    )


def prepare(model: Any, stage: Stage) -> Any:
    """The model with the parameters of the stage set to learn, wrapped in an adapter for LoRA."""
    if stage.train == "lora":
        from peft import LoraConfig, get_peft_model

        size: dict[str, Any] = {"r": stage.lora.rank, "lora_alpha": stage.lora.alpha, "lora_dropout": stage.lora.dropout}
        return get_peft_model(model, LoraConfig(target_modules=LORA_MODULES, **size))
    for name, parameter in model.named_parameters():
        parameter.requires_grad = not any(part in name for part in NOT_TRAINED)
    return model


def export(
    stage: Stage, start: str, trained: Path, result: Path, dtype: torch.dtype, style: PromptStyle, work: Path
) -> None:  # fmt: skip
    """Write the model folder that the app loads: what was trained, with an adapter merged, in the dtype it is to be kept in."""
    from transformers.integrations.deepspeed import unset_hf_deepspeed_config

    unset_hf_deepspeed_config()  # one process alone loads now: under ZeRO-3 it would wait for the others
    if stage.train == "lora":
        from peft import PeftModel

        kept = result.parent / "adapter"
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(trained, kept, ignore=shutil.ignore_patterns("training_args.bin"))
        base, processor = load_model(start, Path(start).name, {"dtype": torch.float32})
        model = PeftModel.from_pretrained(base, str(kept)).merge_and_unload().to(dtype)
    else:
        model, processor = load_model(str(trained), trained.name, {"dtype": dtype})
    new = work / "new"
    shutil.rmtree(new, ignore_errors=True)
    forget_trainer(model.config)
    model.save_pretrained(new)
    processor.save_pretrained(new)
    (new / STYLE_FILE).write_text(json.dumps(asdict(style), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    write_manifest(new)
    os.replace(new, result)
    shutil.rmtree(trained)
