"""Go on from a checkpoint with the weights that it holds.

transformers writes the weights of an Omni thinker under other names than its modules have, and on a resume its `Trainer` puts the
file into the modules by name, not strictly: nothing fits, nothing is said, and the run goes on with the optimizer of the checkpoint
and the weights of the start (transformers 5.23). Here the checkpoint is read by the model class, which knows both sets of names.
"""

from __future__ import annotations

from typing import Any

from accelerate.utils import is_peft_model
from transformers import Trainer


class ResumingTrainer(Trainer):
    """`Trainer` that restores the weights; for another trainer name it first: `class Mine(ResumingTrainer, GRPOTrainer)`."""

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        plain = self.accelerator.unwrap_model(self.model if model is None else model)
        if is_peft_model(plain) or self.is_deepspeed_enabled or self.is_fsdp_enabled:  # these keep the names of the modules
            super()._load_from_checkpoint(resume_from_checkpoint, model)
            return
        saved = type(plain).from_pretrained(resume_from_checkpoint, dtype=plain.dtype, use_safetensors=True)
        plain.load_state_dict(saved.state_dict())
