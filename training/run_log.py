"""What every stage that runs on `transformers.Trainer` shares: a kept log with the time that is left, devices, LoRA.

LoRA settings in recipes: `null` for all weights, or `{rank: 16, alpha: 32, dropout: 0.0}` on the language model's projections.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback

# The language model's projections alone: hearing stays as the stage before left it.
LORA_MODULES = r".*language_model\.layers\.\d+\..*\.(q|k|v|o|gate|up|down)_proj"


class LogFile(TrainerCallback):
    """Each log line of the trainer as a line of JSON in a file that is kept, with the step and the seconds that are left."""

    def __init__(self, path: Path, stage: str) -> None:
        self.path, self.stage, self.begun = path, stage, (0, time.monotonic())

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.begun = (state.global_step, time.monotonic())

    def on_log(self, args: Any, state: Any, control: Any, logs: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        if not state.is_world_process_zero or not logs:
            return
        done = state.global_step - self.begun[0]
        left_s = (time.monotonic() - self.begun[1]) / done * (state.max_steps - state.global_step) if done else None
        line = {"stage": self.stage, "step": state.global_step, "of": state.max_steps, **logs}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line | {"left_s": None if left_s is None else round(left_s)}) + "\n")


def device_options() -> dict[str, Any]:
    """`TrainingArguments` for the device at hand: without a GPU, say so, or some versions look for one."""
    return {} if torch.cuda.is_available() else {"use_cpu": True, "dataloader_pin_memory": False}


def lora_config(lora: Mapping[str, Any] | None, also: Sequence[str] = ()) -> Any:
    """A peft configuration of the recipe's settings, None for all weights. also: modules that are trained whole beside it."""
    if lora is None:
        return None
    from peft import LoraConfig

    return LoraConfig(r=lora["rank"], lora_alpha=lora["alpha"], lora_dropout=lora["dropout"], target_modules=LORA_MODULES,
                      modules_to_save=list(also) or None)  # fmt: skip


def with_lora(model: Any, lora: Mapping[str, Any] | None, also: Sequence[str] = ()) -> Any:
    """The model with adapters to train, or as it is."""
    config = lora_config(lora, also)
    if config is None:
        return model
    from peft import get_peft_model

    return get_peft_model(model, config)


def merged(model: Any) -> Any:
    """A plain model again, adapters added into its weights."""
    return model.merge_and_unload() if hasattr(model, "merge_and_unload") else model
