"""Go on from a checkpoint with the weights that it holds, and past a step whose gradient is no number.

transformers writes the weights of an Omni thinker under other names than its modules have, and on a resume its `Trainer` puts the
file into the modules by name, not strictly: nothing fits, nothing is said, and the run goes on with the optimizer of the checkpoint
and the weights of the start (transformers 5.23). Here the checkpoint is read by the model class, which knows both sets of names.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import is_peft_model
from transformers import Trainer

from emotionthinker.errors import EmotionThinkerError

MOST_BROKEN_STEPS = 10  # in a row, after which it is no accident


class ResumingTrainer(Trainer):
    """`Trainer` that restores the weights; for another trainer name it first: `class Mine(ResumingTrainer, GRPOTrainer)`.

    A step whose gradient holds an infinity or no number leaves the weights as they are. It happens on GPUs, in the backward pass of
    some kernels of attention over padded rows, with a finite loss (LOG.md); one such step would make every weight no number.
    """

    _broken_steps = 0  # in a row

    def _clip_grad_norm(self, model: Any) -> Any:
        norm = super()._clip_grad_norm(model)
        if norm is None or torch.isfinite(torch.as_tensor(norm)).all():
            self._broken_steps = 0
            return norm
        self._broken_steps += 1
        if self._broken_steps >= MOST_BROKEN_STEPS:
            raise EmotionThinkerError(
                f"The gradient was no number {MOST_BROKEN_STEPS} times in a row; lower the learning rate or set attention to eager."
            )
        model.zero_grad(set_to_none=True)  # the optimizer passes over parameters without a gradient
        return norm

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        plain = self.accelerator.unwrap_model(self.model if model is None else model)
        if is_peft_model(plain) or self.is_deepspeed_enabled or self.is_fsdp_enabled:  # these keep the names of the modules
            super()._load_from_checkpoint(resume_from_checkpoint, model)
        else:
            read_weights(plain, resume_from_checkpoint)


def refuse_split_weights(trainer: Trainer) -> None:
    """Raises EmotionThinkerError where no process holds whole weights to save at the end (DeepSpeed ZeRO-3, FSDP)."""
    plugin = trainer.accelerator.state.deepspeed_plugin
    if trainer.is_fsdp_enabled or (plugin is not None and plugin.zero_stage == 3):
        raise EmotionThinkerError(
            "This stage saves whole weights from one process, which ZeRO-3 and FSDP split; use training/recipes/"
            "accelerate-8gpu-zero2.yaml, or LoRA on fewer GPUs."
        )


def read_weights(model: Any, folder: str | Path) -> None:
    """Put the weights of a saved thinker into one of the same class. Raises EmotionThinkerError where a tensor is missing."""
    loaded = type(model).from_pretrained(str(folder), dtype=model.dtype, use_safetensors=True, output_loading_info=True)
    saved, report = loaded
    if report["missing_keys"]:  # transformers fills them with random numbers and goes on
        raise EmotionThinkerError(f"The checkpoint {Path(folder).name} lacks weights; go back to an earlier one.")
    model.load_state_dict(saved.state_dict(), strict=True)


def last_checkpoint(folder: str | Path) -> str | None:
    """The newest checkpoint in a folder that is whole. The trainer's state is written last: without it, one was cut off."""

    def whole(place: Path) -> bool:
        try:
            return bool(json.loads((place / "trainer_state.json").read_text(encoding="utf-8")))
        except (OSError, ValueError):
            return False

    found = [place for place in Path(folder).glob("checkpoint-*") if place.name[11:].isdigit() and whole(place)]
    return str(max(found, key=lambda place: int(place.name[11:]))) if found else None
