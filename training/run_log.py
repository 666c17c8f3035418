"""What every stage that runs on `transformers.Trainer` shares: a kept log with the time that is left, devices, LoRA, its command.

LoRA settings in recipes: `null` for all weights, or `{rank: 16, alpha: 32, dropout: 0.0}` on the language model's projections.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback
from transformers.trainer_callback import PrinterCallback

from emotionthinker.errors import EmotionThinkerError
from training.resumable import append_line, cut_lines, filling, writing

REPORT_EVERY_S = 10.0
# The language model's projections alone: hearing stays as the stage before left it.
LORA_MODULES = r".*language_model\.layers\.\d+\..*\.(q|k|v|o|gate|up|down)_proj"


class LogFile(TrainerCallback):
    """Each log line of the trainer as a line of JSON in a file that is kept, with the step and the seconds that are left; and every
    few seconds a line for the person who waits. Takes the place of the trainer's own printing (`arguments` switch off its bar)."""

    def __init__(self, path: Path, stage: str) -> None:
        self.path, self.stage = path, stage
        self.first_step, self.started = 0, time.monotonic()
        self.shown = self.started

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Note where the run begins, or goes on, and cut what a stopped run logged of this stage after that."""
        self.first_step, self.started = state.global_step, time.monotonic()
        if state.is_world_process_zero:
            cut_lines(self.path, lambda row: row.get("stage") != self.stage or self._stays(row))

    def _stays(self, row: Mapping[str, Any]) -> bool:
        whole_run = "train_runtime" in row  # the trainer's last line, of which there comes another
        return int(row.get("step") or 0) <= self.first_step and not whole_run

    def left_s(self, state: Any) -> int | None:
        """Seconds to the last step, at the pace since the start; None before there is one."""
        done = state.global_step - self.first_step
        return round((time.monotonic() - self.started) / done * (state.max_steps - state.global_step)) if done else None

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """A line for who waits, every REPORT_EVERY_S seconds."""
        left_s = self.left_s(state)
        if state.is_world_process_zero and left_s is not None and time.monotonic() - self.shown >= REPORT_EVERY_S:
            self.shown = time.monotonic()
            loss = next((f", loss {entry['loss']:.3f}" for entry in reversed(state.log_history) if "loss" in entry), "")
            print(f"{self.stage}: step {state.global_step} of {state.max_steps}{loss}, {left_s / 60:.0f} min left", flush=True)

    def on_log(self, args: Any, state: Any, control: Any, logs: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        """Append what the trainer logs, as one line of JSON."""
        if not state.is_world_process_zero or not logs:
            return
        line = {"stage": self.stage, "step": state.global_step, "of": state.max_steps, **logs, "left_s": self.left_s(state)}
        with writing(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
        append_line(self.path, line)


def quiet(trainer: Any) -> Any:
    """The trainer without the lines that `LogFile` prints better."""
    trainer.remove_callback(PrinterCallback)
    return trainer


def run_recipe(argv: Sequence[str] | None, doc: str | None, train: Callable[[dict[str, Any]], Path]) -> int:
    """The command line of a stage: `--recipe FILE [--key value …]`. Prints the folder that `train` returns, or the error, also that
    of a disk that is full or read-only, whatever library met it."""
    from training.recipe import read_recipe

    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", required=True, help="recipe file (training/recipes)")
    args, overrides = parser.parse_known_args(argv)
    try:
        recipe = read_recipe(args.recipe, overrides)
        with filling(Path(str(recipe["output"]))):
            print(train(recipe))
    except EmotionThinkerError as error:
        print(" ".join(error.whole.split()), file=sys.stderr)
        return 2
    return 0


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
